//! Takes a table's keys, indexes and foreign keys out of the catalog, to build them after a load.

use sqlx::{PgConnection, Row};

use super::error::translate;
use crate::backends::database::DatabaseError;
use crate::backends::database::quote::{identifier, literal};
pub use crate::backends::database::rebuild::Rebuild;
use crate::model::Namespace;

/// Keys, unique keys and foreign keys of the table, and foreign keys of others that point at it.
///
/// CHECK and NOT NULL are not among them: they are tested row by row either way. Left alone, since
/// they would not come back as they are: inherited constraints, keys that a view depends on, indexes
/// in a tablespace of their own, and those that cluster or replicate the table. The constraint is
/// found through `pg_depend`, since `pg_constraint` has no index on the table that is pointed at.
const CONSTRAINTS: &str = "\
WITH target AS (
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE n.nspname OPERATOR(pg_catalog.=) $1 AND c.relname OPERATOR(pg_catalog.=) $2 AND c.relkind OPERATOR(pg_catalog.=) 'r' AND NOT c.relispartition
), related AS (
    SELECT k.oid FROM target JOIN pg_catalog.pg_constraint k ON k.conrelid OPERATOR(pg_catalog.=) target.oid
    WHERE k.contype OPERATOR(pg_catalog.=) ANY (ARRAY['p', 'u', 'f']::pg_catalog.\"char\"[])
    UNION
    SELECT k.oid FROM target
    JOIN pg_catalog.pg_depend d ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid OPERATOR(pg_catalog.=) target.oid
        AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass
    JOIN pg_catalog.pg_constraint k ON k.oid OPERATOR(pg_catalog.=) d.objid
    WHERE k.contype OPERATOR(pg_catalog.=) 'f' AND k.confrelid OPERATOR(pg_catalog.=) target.oid
)
SELECT k.contype::pg_catalog.text AS kind, k.conname::pg_catalog.text AS name, n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS owner,
       pg_catalog.pg_get_constraintdef(k.oid) AS definition,
       pg_catalog.obj_description(k.oid, 'pg_constraint') AS comment
FROM related JOIN pg_catalog.pg_constraint k ON k.oid OPERATOR(pg_catalog.=) related.oid
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid OPERATOR(pg_catalog.=) k.conindid AND k.contype OPERATOR(pg_catalog.<>) 'f'
LEFT JOIN pg_catalog.pg_class ic ON ic.oid OPERATOR(pg_catalog.=) i.indexrelid
WHERE k.conparentid OPERATOR(pg_catalog.=) 0 AND k.coninhcount OPERATOR(pg_catalog.=) 0 AND c.relkind OPERATOR(pg_catalog.=) 'r'
  AND (i.indexrelid IS NULL OR (i.indisvalid AND NOT i.indisclustered AND NOT i.indisreplident
       AND ic.reltablespace OPERATOR(pg_catalog.=) 0))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend v WHERE v.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass
                  AND v.refobjid OPERATOR(pg_catalog.=) k.oid AND v.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass)
ORDER BY k.contype, k.oid";

/// Indexes of the table that belong to no constraint.
const INDEXES: &str = "\
SELECT ic.relname::pg_catalog.text AS name, pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
       pg_catalog.obj_description(i.indexrelid, 'pg_class') AS comment
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) n.oid
JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) c.oid
JOIN pg_catalog.pg_class ic ON ic.oid OPERATOR(pg_catalog.=) i.indexrelid
WHERE n.nspname OPERATOR(pg_catalog.=) $1 AND c.relname OPERATOR(pg_catalog.=) $2 AND c.relkind OPERATOR(pg_catalog.=) 'r' AND NOT c.relispartition
  AND i.indisvalid AND NOT i.indisclustered AND NOT i.indisreplident AND ic.reltablespace OPERATOR(pg_catalog.=) 0
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid OPERATOR(pg_catalog.=) i.indexrelid AND k.conrelid OPERATOR(pg_catalog.=) c.oid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                  AND d.objid OPERATOR(pg_catalog.=) i.indexrelid AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
                  AND d.refobjid OPERATOR(pg_catalog.<>) c.oid)
ORDER BY i.indexrelid";

/// What can be taken off the table and brought back. Must be called inside a transaction.
pub async fn of(connection: &mut PgConnection, namespace: &Namespace, table: &str) -> Result<Rebuild, DatabaseError> {
    // The definitions are written for the search path of the moment: with this one, every name in
    // them that is not PostgreSQL's own is qualified, and they mean the same wherever they run.
    let path: String = sqlx::query_scalar("SELECT pg_catalog.current_setting('search_path')")
        .fetch_one(&mut *connection)
        .await
        .map_err(translate)?;
    set_path(connection, "pg_catalog").await?;
    let found = collect(connection, namespace, table).await;
    set_path(connection, &path).await?;
    found
}

async fn set_path(connection: &mut PgConnection, path: &str) -> Result<(), DatabaseError> {
    sqlx::query("SELECT pg_catalog.set_config('search_path', $1, true)")
        .bind(path)
        .execute(connection)
        .await
        .map(drop)
        .map_err(translate)
}

async fn collect(connection: &mut PgConnection, namespace: &Namespace, table: &str) -> Result<Rebuild, DatabaseError> {
    let constraints = sqlx::query(CONSTRAINTS)
        .bind(namespace.as_str())
        .bind(table)
        .fetch_all(&mut *connection)
        .await
        .map_err(translate)?;
    let indexes =
        sqlx::query(INDEXES).bind(namespace.as_str()).bind(table).fetch_all(connection).await.map_err(translate)?;
    let (mut keys, mut foreign, mut plain) = (Rebuild::default(), Rebuild::default(), Rebuild::default());
    for row in &constraints {
        let text = |column: &str| row.try_get::<String, _>(column).map_err(translate);
        let owner = format!("{}.{}", identifier(&text("schema")?), identifier(&text("owner")?));
        let name = identifier(&text("name")?);
        let part = if text("kind")? == "f" { &mut foreign } else { &mut keys };
        part.drop.push(format!("ALTER TABLE {owner} DROP CONSTRAINT {name}"));
        part.build.push(format!("ALTER TABLE {owner} ADD CONSTRAINT {name} {}", text("definition")?));
        if let Some(comment) = row.try_get::<Option<String>, _>("comment").map_err(translate)? {
            part.build.push(format!("COMMENT ON CONSTRAINT {name} ON {owner} IS {}", literal(&comment)));
        }
    }
    for row in &indexes {
        let text = |column: &str| row.try_get::<String, _>(column).map_err(translate);
        let name = format!("{}.{}", identifier(namespace.as_str()), identifier(&text("name")?));
        plain.drop.push(format!("DROP INDEX {name}"));
        plain.build.push(text("definition")?);
        if let Some(comment) = row.try_get::<Option<String>, _>("comment").map_err(translate)? {
            plain.build.push(format!("COMMENT ON INDEX {name} IS {}", literal(&comment)));
        }
    }
    Ok(Rebuild {
        drop: [foreign.drop, plain.drop, keys.drop].concat(),
        build: [keys.build, plain.build, foreign.build].concat(),
    })
}
