//! By which operators a table's columns are compared.
//!
//! Equality is that of the column's unique index: two `citext` keys that differ in case are one key. An operator that
//! is named without its schema would be looked for by its arguments, and whoever may create one in a schema of the
//! search path could offer one that fits better. So each is named in full, and for types that are not PostgreSQL's own
//! it is read from the operator class. Only a superuser can make such a type or class.

use std::collections::HashMap;

use sqlx::{PgConnection, Row as _};

use super::error::translate;
use crate::backends::database::DatabaseError;
use crate::backends::database::quote::{identifier, qualified};
use crate::model::Namespace;

/// Columns whose type is an extension's, or a domain over one. Arrays, enums, ranges and composites are compared by
/// PostgreSQL's own operators, which look for those of their elements by operator class.
const FOREIGN: &str = "\
WITH RECURSIVE base AS (
    SELECT a.attrelid, a.attnum, a.attname, t.oid, t.typtype, t.typbasetype, t.typnamespace, t.typcategory, false AS domain
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    WHERE a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid
      AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attrelid, b.attnum, b.attname, t.oid, t.typtype, t.typbasetype, t.typnamespace, t.typcategory, true
    FROM base b JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) b.typbasetype
    WHERE b.typtype OPERATOR(pg_catalog.=) 'd'::pg_catalog.\"char\"
)
SELECT b.attname::pg_catalog.text AS name,
       CASE WHEN b.domain THEN pg_catalog.format_type(b.oid, NULL) END AS base,
       ARRAY(SELECT pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname)
             FROM pg_catalog.pg_amop m
             JOIN pg_catalog.pg_operator o ON o.oid OPERATOR(pg_catalog.=) m.amopopr
             JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.oprnamespace
             WHERE m.amopfamily OPERATOR(pg_catalog.=) c.opcfamily
               AND m.amoplefttype OPERATOR(pg_catalog.=) c.opcintype
               AND m.amoprighttype OPERATOR(pg_catalog.=) c.opcintype
               AND m.amoppurpose OPERATOR(pg_catalog.=) 's'::pg_catalog.\"char\"
             ORDER BY m.amopstrategy) AS operators
FROM base b JOIN pg_catalog.pg_opclass c ON c.oid OPERATOR(pg_catalog.=) COALESCE(
    (SELECT i.indclass[k.place] FROM pg_catalog.pg_index i,
            pg_catalog.generate_series(0, i.indnkeyatts::pg_catalog.int4 OPERATOR(pg_catalog.-) 1) k (place)
     WHERE i.indrelid OPERATOR(pg_catalog.=) b.attrelid AND i.indisunique AND i.indisvalid
       AND i.indkey[k.place] OPERATOR(pg_catalog.=) b.attnum
     ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1),
    (SELECT d.oid FROM pg_catalog.pg_opclass d JOIN pg_catalog.pg_am m ON m.oid OPERATOR(pg_catalog.=) d.opcmethod
     WHERE m.amname OPERATOR(pg_catalog.=) 'btree'::pg_catalog.name AND d.opcdefault
       AND d.opcintype OPERATOR(pg_catalog.=) b.oid))
WHERE b.typtype OPERATOR(pg_catalog.=) 'b'::pg_catalog.\"char\"
  AND b.typcategory OPERATOR(pg_catalog.<>) 'A'::pg_catalog.\"char\"
  AND b.typnamespace OPERATOR(pg_catalog.<>) 'pg_catalog'::pg_catalog.regnamespace::pg_catalog.oid";

/// The operators of one table's columns; PostgreSQL's own where nothing else is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operators(HashMap<String, Compared>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Compared {
    /// The type under a domain: operators are looked for by the exact types of their arguments.
    base: Option<String>,
    less: String,
    equal: String,
    at_least: String,
}

/// What is asked of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<` in the order of the index.
    Less,
    /// `=`.
    Equal,
    /// `>=` in the order of the index.
    AtLeast,
}

impl Operators {
    /// Those of a table. Costs one question.
    pub async fn of(connection: &mut PgConnection, namespace: &Namespace, table: &str) -> Result<Self, DatabaseError> {
        let rows =
            sqlx::query(FOREIGN).bind(qualified(namespace, table)).fetch_all(connection).await.map_err(translate)?;
        let mut found = HashMap::new();
        for row in &rows {
            let operators: Vec<String> = row.try_get("operators").map_err(translate)?;
            // The five strategies of a B-tree: less, at most, equal, at least, greater.
            let [less, _, equal, at_least, _] = operators.as_slice() else { continue };
            let compared = Compared {
                base: row.try_get("base").map_err(translate)?,
                less: less.clone(),
                equal: equal.clone(),
                at_least: at_least.clone(),
            };
            found.insert(row.try_get("name").map_err(translate)?, compared);
        }
        Ok(Self(found))
    }

    /// Whether all of these columns are compared by PostgreSQL's own operators.
    pub fn are_builtin(&self, columns: &[String]) -> bool {
        columns.iter().all(|column| !self.0.contains_key(column))
    }

    /// `left op right` for values of a column, both given as expressions of its type.
    pub fn compare(&self, column: &str, left: &str, how: Comparison, right: &str) -> String {
        let Some(found) = self.0.get(column) else {
            let sign = match how {
                Comparison::Less => "<",
                Comparison::Equal => "=",
                Comparison::AtLeast => ">=",
            };
            return format!("{left} OPERATOR(pg_catalog.{sign}) {right}");
        };
        let operator = match how {
            Comparison::Less => &found.less,
            Comparison::Equal => &found.equal,
            Comparison::AtLeast => &found.at_least,
        };
        match &found.base {
            Some(base) => format!("({left})::{base} {operator} ({right})::{base}"),
            None => format!("{left} {operator} {right}"),
        }
    }

    /// Whether two rows have the same key: `a."x" = b."y" AND …`, by the operators of the columns on the left.
    pub fn matching(&self, a: &str, left: &[String], b: &str, right: &[String]) -> String {
        let pair = |(l, r): (&String, &String)| {
            self.compare(l, &format!("{a}.{}", identifier(l)), Comparison::Equal, &format!("{b}.{}", identifier(r)))
        };
        let pairs: Vec<String> = left.iter().zip(right).map(pair).collect();
        pairs.join(" AND ")
    }
}

/// Whether columns of two rows differ by as much as a byte. It asks no operator of the columns' types, and takes NULL
/// as a value like any other.
pub fn differ(a: &str, b: &str, columns: &[&String]) -> String {
    let row = |of: &str| {
        let names: Vec<String> = columns.iter().map(|column| format!("{of}.{}", identifier(column))).collect();
        // As one value: a row of its own would be compared column by column.
        format!("ROW({})::pg_catalog.record", names.join(", "))
    };
    format!("({} OPERATOR(pg_catalog.*<>) {})", row(a), row(b))
}

/// The text of a value as the server writes it, without asking for a cast: a type's owner may have made one.
pub fn text_of(value: &str) -> String {
    format!("CASE WHEN {value} IS NOT NULL THEN pg_catalog.concat({value}) END")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator_is_named_in_full() {
        let of_domain = Compared {
            base: Some("ext.citext".into()),
            less: "OPERATOR(ext.<)".into(),
            equal: "OPERATOR(ext.=)".into(),
            at_least: "OPERATOR(ext.>=)".into(),
        };
        let plain = Compared { base: None, ..of_domain.clone() };
        let operators = Operators([("d".to_owned(), of_domain), ("c".to_owned(), plain)].into());
        let key = ["a\"".to_owned(), "c".to_owned(), "d".to_owned()];
        assert_eq!(
            operators.matching("t", &key, "s", &key),
            "t.\"a\"\"\" OPERATOR(pg_catalog.=) s.\"a\"\"\" AND t.\"c\" OPERATOR(ext.=) s.\"c\" \
             AND (t.\"d\")::ext.citext OPERATOR(ext.=) (s.\"d\")::ext.citext"
        );
        assert!(operators.are_builtin(&key[..1]) && !operators.are_builtin(&key));
        assert_eq!(operators.compare("c", "x", Comparison::AtLeast, "y"), "x OPERATOR(ext.>=) y");
    }
}
