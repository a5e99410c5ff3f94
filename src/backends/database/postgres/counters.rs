//! Columns that PostgreSQL fills by itself: identities, generated values, and the sequences that feed columns.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::as_owner::Hand;
use super::error::translate;
use crate::backends::database::DatabaseError;
use crate::backends::database::quote::{identifier, literal, qualified};
use crate::model::Namespace;

/// Columns that are not written like others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filled {
    /// `GENERATED ALWAYS AS IDENTITY`: given with a row, and never changed.
    pub identities: Vec<String>,
    /// All columns that are given: those that are not `GENERATED ALWAYS AS (…)`.
    pub given: Vec<String>,
}

impl Filled {
    /// Those of a table.
    pub async fn of(connection: &mut PgConnection, namespace: &Namespace, table: &str) -> Result<Self, DatabaseError> {
        let found: Vec<(String, bool)> = sqlx::query_as(
            "SELECT a.attname::pg_catalog.text, a.attidentity OPERATOR(pg_catalog.=) 'a'::pg_catalog.\"char\" \
             FROM pg_catalog.pg_attribute a \
             WHERE a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid \
             AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped \
             AND a.attgenerated OPERATOR(pg_catalog.=) ''::pg_catalog.\"char\" ORDER BY a.attnum",
        )
        .bind(qualified(namespace, table))
        .fetch_all(connection)
        .await
        .map_err(translate)?;
        let identities = found.iter().filter(|(_, identity)| *identity).map(|(name, _)| name.clone()).collect();
        Ok(Self { identities, given: found.into_iter().map(|(name, _)| name).collect() })
    }
}

/// Sequences that feed columns of whole numbers: by identity, by `serial`, or by a default that somebody wrote. One
/// that the table's owner may not set is left alone: it is not the tenant's.
const SEQUENCES: &str = "\
SELECT a.attname::pg_catalog.text AS name, s.seqrelid::pg_catalog.regclass::pg_catalog.text AS sequence,
       s.seqincrement OPERATOR(pg_catalog.>) 0::pg_catalog.int8 AS is_ascending, s.seqmin, s.seqmax
FROM pg_catalog.pg_class c JOIN (
    SELECT d.refobjid AS rel, d.refobjsubid AS num, d.objid AS seq FROM pg_catalog.pg_depend d
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
      AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
      AND d.deptype OPERATOR(pg_catalog.=) ANY (ARRAY['a', 'i']::pg_catalog.\"char\"[])
    UNION
    SELECT f.adrelid, f.adnum::pg_catalog.int4, d.refobjid FROM pg_catalog.pg_attrdef f
    JOIN pg_catalog.pg_depend d ON d.objid OPERATOR(pg_catalog.=) f.oid
    WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid
      AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
) feeds ON feeds.rel OPERATOR(pg_catalog.=) c.oid
JOIN pg_catalog.pg_sequence s ON s.seqrelid OPERATOR(pg_catalog.=) feeds.seq
JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
     AND a.attnum::pg_catalog.int4 OPERATOR(pg_catalog.=) feeds.num
JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid
  AND CASE WHEN t.typtype OPERATOR(pg_catalog.=) 'd'::pg_catalog.\"char\" THEN t.typbasetype ELSE t.oid END
      OPERATOR(pg_catalog.=) ANY (ARRAY[20, 21, 23, 1700]::pg_catalog.oid[])
  AND pg_catalog.has_sequence_privilege(c.relowner, s.seqrelid, 'UPDATE')
ORDER BY name, sequence";

/// Moves the sequences that feed a table's columns past the highest of some rows, or for a sequence that counts down
/// past the lowest; never back. Of the columns given, or of all.
pub async fn advance(
    (connection, hand): (&mut PgConnection, &Hand),
    (namespace, table): (&Namespace, &str),
    columns: Option<&[String]>,
    rows: &str,
) -> Result<(), DatabaseError> {
    let found = sqlx::query(SEQUENCES)
        .bind(qualified(namespace, table))
        .fetch_all(&mut *connection)
        .await
        .map_err(translate)?;
    for row in &found {
        let name: String = row.try_get("name").map_err(translate)?;
        if columns.is_some_and(|columns| !columns.contains(&name)) {
            continue;
        }
        let sequence: String = row.try_get("sequence").map_err(translate)?;
        let is_ascending: bool = row.try_get("is_ascending").map_err(translate)?;
        let (lowest, highest): (i64, i64) =
            (row.try_get("seqmin").map_err(translate)?, row.try_get("seqmax").map_err(translate)?);
        let (farthest, beyond) = if is_ascending { ("max", ">") } else { ("min", "<") };
        let name = format!("s.{}", identifier(&name));
        let bound = |value: i64| format!("{}::pg_catalog.\"numeric\"", literal(&value.to_string()));
        // The rows are looked at for their farthest value first, which an index answers; only a value that the
        // sequence cannot reach makes it look at all of them.
        let sql = format!(
            "SELECT x.m::pg_catalog.text FROM (\
             SELECT CASE WHEN pg_catalog.{farthest}({name})::pg_catalog.\"numeric\" OPERATOR(pg_catalog.>=) {low} \
             AND pg_catalog.{farthest}({name})::pg_catalog.\"numeric\" OPERATOR(pg_catalog.<=) {high} \
             THEN pg_catalog.{farthest}({name})::pg_catalog.\"numeric\" \
             ELSE (SELECT pg_catalog.{farthest}({name}::pg_catalog.\"numeric\") FROM {rows} s \
             WHERE {name}::pg_catalog.\"numeric\" OPERATOR(pg_catalog.>=) {low} \
             AND {name}::pg_catalog.\"numeric\" OPERATOR(pg_catalog.<=) {high}) END AS m FROM {rows} s) x",
            low = bound(lowest),
            high = bound(highest),
        );
        let most = hand.texts::<1>(&mut *connection, &sql, &[]).await?;
        let Some([Some(most)]) = most.into_iter().next() else { continue };
        let sql = format!(
            "SELECT pg_catalog.setval({}::pg_catalog.regclass, x.m::pg_catalog.int8) \
             FROM (SELECT {}::pg_catalog.\"numeric\" AS m) x, {sequence} q \
             WHERE x.m OPERATOR(pg_catalog.{beyond}) q.last_value::pg_catalog.\"numeric\" \
             OR x.m OPERATOR(pg_catalog.=) q.last_value::pg_catalog.\"numeric\" AND NOT q.is_called",
            literal(&sequence),
            literal(&most),
        );
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await.map_err(translate)?;
    }
    Ok(())
}
