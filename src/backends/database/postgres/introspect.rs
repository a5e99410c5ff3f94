//! One tenant's structure out of PostgreSQL's catalog, as a model.
//!
//! The way in is `pg_depend`: its index leads from a schema to what lies in it, so that the cost does
//! not grow with the number of tenants. `pg_class` has no index that begins with the schema, and
//! `information_schema` reads everything there is.

use std::collections::HashMap;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::error::translate;
use super::{Postgres, described};
use crate::backends::database::ddl::RULE;
use crate::backends::database::{DatabaseError, own_tables};
use crate::model::{Column, ForeignKey, LogicalType, Model, Namespace, OnDelete, Table};

/// Tables of a schema. Those that an extension brought are not the tenant's.
pub(super) const TABLES: &str = "\
SELECT c.oid::pg_catalog.int8 AS id, c.relname::pg_catalog.text AS name, pg_catalog.obj_description(c.oid, 'pg_class') AS comment
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_depend d ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid OPERATOR(pg_catalog.=) n.oid
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) d.objid
WHERE n.nspname OPERATOR(pg_catalog.=) $1 AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid OPERATOR(pg_catalog.=) 0
  AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]) AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                  AND e.objid OPERATOR(pg_catalog.=) c.oid AND e.objsubid OPERATOR(pg_catalog.=) 0 AND e.deptype OPERATOR(pg_catalog.=) 'e')
ORDER BY c.oid";

const COLUMNS: &str = "\
SELECT a.attrelid::pg_catalog.int8 AS owner, a.attname::pg_catalog.text AS name,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
       a.attidentity OPERATOR(pg_catalog.<>) '' AS identity,
       pg_catalog.pg_get_expr(f.adbin, f.adrelid) AS expression,
       pg_catalog.col_description(a.attrelid, a.attnum) AS comment,
       (SELECT pg_catalog.array_agg(e.enumlabel::pg_catalog.text ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e
        WHERE e.enumtypid OPERATOR(pg_catalog.=) a.atttypid) AS words
FROM pg_catalog.pg_attribute a
LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid OPERATOR(pg_catalog.=) a.attrelid AND f.adnum OPERATOR(pg_catalog.=) a.attnum
WHERE a.attrelid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int8[]::pg_catalog.oid[]) AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped AND a.attgenerated OPERATOR(pg_catalog.=) ''
ORDER BY a.attrelid, a.attnum";

const CONSTRAINTS: &str = "\
SELECT k.conrelid::pg_catalog.int8 AS owner, k.contype::pg_catalog.text AS kind, k.conname::pg_catalog.text AS name,
       k.confdeltype::pg_catalog.text AS action, t.relname::pg_catalog.text AS target, t.relnamespace OPERATOR(pg_catalog.=) c.relnamespace AS here,
       pg_catalog.pg_get_expr(k.conbin, k.conrelid) AS expression,
       pg_catalog.obj_description(k.oid, 'pg_constraint') AS comment,
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY o(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) k.conrelid AND a.attnum OPERATOR(pg_catalog.=) o.number
             ORDER BY o.place) AS columns,
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY o(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) k.confrelid AND a.attnum OPERATOR(pg_catalog.=) o.number
             ORDER BY o.place) AS target_columns
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) k.conrelid
LEFT JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) k.confrelid
WHERE k.conrelid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int8[]::pg_catalog.oid[]) AND k.contype OPERATOR(pg_catalog.=) ANY (ARRAY['p', 'u', 'f', 'c']::pg_catalog.\"char\"[])
ORDER BY k.conrelid, k.oid";

/// Whole indexes on plain columns; what else there is, a model does not know.
const INDEXES: &str = "\
SELECT i.indrelid::pg_catalog.int8 AS owner, i.indisunique AS is_unique,
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY o(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid AND a.attnum OPERATOR(pg_catalog.=) o.number
             WHERE o.place OPERATOR(pg_catalog.<=) i.indnkeyatts ORDER BY o.place) AS columns
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid OPERATOR(pg_catalog.=) c.relam
WHERE i.indrelid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int8[]::pg_catalog.oid[]) AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid
  AND m.amname OPERATOR(pg_catalog.=) 'btree'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                  AND d.objid OPERATOR(pg_catalog.=) i.indexrelid AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass
                  AND d.deptype OPERATOR(pg_catalog.=) 'i')
ORDER BY i.indrelid, i.indexrelid";

/// The queries that read a structure, for a look at their plans. The first takes the schema's name,
/// the others the ids of its tables.
pub fn queries() -> [&'static str; 4] {
    [TABLES, COLUMNS, CONSTRAINTS, INDEXES]
}

impl Postgres {
    /// The structure of one namespace.
    pub(super) async fn model(&self, namespace: &Namespace) -> Result<Model, DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        settle(&mut transaction).await?;
        let model = model_of(&mut transaction, namespace).await?;
        transaction.rollback().await.map_err(translate)?;
        Ok(model)
    }
}

/// Reads a structure. The transaction must be settled.
pub(super) async fn model_of(connection: &mut PgConnection, namespace: &Namespace) -> Result<Model, DatabaseError> {
    let tables = sqlx::query(TABLES).bind(namespace.as_str()).fetch_all(&mut *connection).await.map_err(translate)?;
    let mut reading = Reading::default();
    for row in &tables {
        reading.table(row)?;
    }
    for row in rows(connection, COLUMNS, &reading.ids).await? {
        reading.column(&row)?;
    }
    for row in rows(connection, CONSTRAINTS, &reading.ids).await? {
        reading.constraint(&row)?;
    }
    for row in rows(connection, INDEXES, &reading.ids).await? {
        reading.index(&row)?;
    }
    Ok(Model { tables: reading.tables.into_iter().collect() })
}

/// Settings under which names are always qualified, and plans do not hang on the catalog's statistics.
pub(super) async fn settle(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    sqlx::raw_sql("SET LOCAL search_path = pg_catalog; SET LOCAL enable_seqscan = off; SET LOCAL jit = off")
        .execute(connection)
        .await
        .map(drop)
        .map_err(translate)
}

async fn rows(connection: &mut PgConnection, sql: &'static str, ids: &[i64]) -> Result<Vec<PgRow>, DatabaseError> {
    sqlx::query(AssertSqlSafe(sql)).bind(ids).fetch_all(connection).await.map_err(translate)
}

#[derive(Default)]
struct Reading {
    ids: Vec<i64>,
    places: HashMap<i64, usize>,
    tables: Vec<(String, Table)>,
}

impl Reading {
    fn table(&mut self, row: &PgRow) -> Result<(), DatabaseError> {
        let (id, name): (i64, String) = (get(row, "id")?, get(row, "name")?);
        if !own_tables::is_own(&name) {
            self.ids.push(id);
            self.places.insert(id, self.tables.len());
            self.tables.push((name, Table { comment: get(row, "comment")?, ..Table::default() }));
        }
        Ok(())
    }

    fn owner(&mut self, row: &PgRow) -> Result<Option<&mut Table>, DatabaseError> {
        let id: i64 = get(row, "owner")?;
        let place = self.places.get(&id).copied();
        Ok(place.and_then(|place| self.tables.get_mut(place)).map(|(_, table)| table))
    }

    fn column(&mut self, row: &PgRow) -> Result<(), DatabaseError> {
        let words: Option<Vec<String>> = get(row, "words")?;
        let logical = described::logical(&get::<String>(row, "type")?, words);
        let mut column = Column::of(logical);
        column.required = get(row, "required")?;
        column.comment = get(row, "comment")?;
        column.default = match get::<Option<String>>(row, "expression")? {
            _ if get(row, "identity")? => Some("serial()".to_owned()),
            Some(expression) => described::default(&expression, &column.logical),
            None => None,
        };
        let name = get(row, "name")?;
        if let Some(table) = self.owner(row)? {
            table.columns.insert(name, column);
        }
        Ok(())
    }

    fn constraint(&mut self, row: &PgRow) -> Result<(), DatabaseError> {
        let (kind, name): (String, String) = (get(row, "kind")?, get(row, "name")?);
        let columns: Vec<String> = get(row, "columns")?;
        match kind.as_str() {
            "p" => {
                if let Some(table) = self.owner(row)? {
                    table.primary_key = columns;
                }
            }
            "u" => self.unique(row, columns)?,
            "f" => self.foreign_key(row, columns)?,
            _ => self.check(row, name, &columns)?,
        }
        Ok(())
    }

    fn unique(&mut self, row: &PgRow, columns: Vec<String>) -> Result<(), DatabaseError> {
        if let Some(table) = self.owner(row)? {
            match columns.as_slice() {
                [one] if table.columns.contains_key(one) => {
                    table.columns.entry(one.clone()).and_modify(|column| column.unique = true);
                }
                _ => table.unique.push(columns),
            }
        }
        Ok(())
    }

    fn foreign_key(&mut self, row: &PgRow, columns: Vec<String>) -> Result<(), DatabaseError> {
        // A table of another schema is not part of the tenant.
        if !get::<Option<bool>>(row, "here")?.unwrap_or_default() {
            return Ok(());
        }
        let (target, to): (String, Vec<String>) = (get(row, "target")?, get(row, "target_columns")?);
        let on_delete = match get::<String>(row, "action")?.as_str() {
            "c" => OnDelete::Cascade,
            "n" => OnDelete::SetNull,
            _ => OnDelete::Restrict,
        };
        let Some(table) = self.owner(row)? else { return Ok(()) };
        let single = match (columns.as_slice(), to.as_slice()) {
            // `table.column` is read from its last point, so a column with one cannot be named that way.
            ([one], [other]) if !other.contains('.') => Some((one, format!("{target}.{other}"))),
            _ => None,
        };
        match single.and_then(|(one, reference)| Some((table.columns.get_mut(one)?, reference))) {
            Some((column, reference)) if column.references.is_none() => {
                column.references = Some(reference);
                column.on_delete = (on_delete != OnDelete::Restrict).then_some(on_delete);
            }
            _ => table.foreign_keys.push(ForeignKey { columns, table: target, to, on_delete }),
        }
        Ok(())
    }

    fn check(&mut self, row: &PgRow, name: String, columns: &[String]) -> Result<(), DatabaseError> {
        let expression: String = get::<Option<String>>(row, "expression")?.unwrap_or_default();
        let comment: Option<String> = get(row, "comment")?;
        let Some(table) = self.owner(row)? else { return Ok(()) };
        if let [one] = columns
            && let Some(column) = table.columns.get_mut(one)
            && column.logical == LogicalType::Text
            && let Some(words) = described::words(&expression, one)
        {
            column.logical = LogicalType::Enum(words);
            return Ok(());
        }
        let rule = comment.as_deref().and_then(|comment| comment.strip_prefix(RULE)).map(str::to_owned);
        table.check.insert(name, rule.unwrap_or_else(|| described::without_parentheses(&expression).to_owned()));
        Ok(())
    }

    fn index(&mut self, row: &PgRow) -> Result<(), DatabaseError> {
        let (unique, columns): (bool, Vec<String>) = (get(row, "is_unique")?, get(row, "columns")?);
        if unique {
            return self.unique(row, columns);
        }
        if let Some(table) = self.owner(row)?
            && !columns.is_empty()
            && !table.index.contains(&columns)
        {
            table.index.push(columns);
        }
        Ok(())
    }
}

pub(super) fn get<'r, T>(row: &'r PgRow, column: &str) -> Result<T, DatabaseError>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(column).map_err(translate)
}
