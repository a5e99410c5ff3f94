//! Whether what bears fixtool's own names in a schema was made by fixtool.
//!
//! A schema's owner can make a table `_fixtool_setting` with a trigger of his own before fixtool comes, and the trigger would
//! run with fixtool's rights. So a name proves nothing: a table is fixtool's if its owner is, if it has exactly the columns,
//! and if nothing hangs on it that could run, be asked or be reached when it is written.

use sqlx::{AssertSqlSafe, PgConnection};

use super::Postgres;
use super::error::translate;
use super::introspect::settle;
use super::rows::run;
use crate::backends::database::DatabaseError;
use crate::backends::database::own_tables::{NAMES, PREFIX};
use crate::backends::database::quote::{literal, qualified};
use crate::model::Namespace;

/// The columns of fixtool's own tables, as [`TABLES`] says them.
const COLUMNS: [(&str, &str); 5] = [
    (
        "_fixtool_checkpoint",
        "run text!, step bigint!, position bigint!, finished boolean!, state text!, updated_at timestamp with time zone!",
    ),
    ("_fixtool_undo", "seq bigint!a, run text!, step bigint!, kind text!, key text!, before text, mark text"),
    ("_fixtool_role", "name text!, description text!=''::text"),
    ("_fixtool_permission", "role text!, permission text!"),
    ("_fixtool_setting", "name text!, value text!, updated_at timestamp with time zone!"),
];

/// Everything with such a name in the schema `{schema}`: what it is, and what is wrong with it. Every
/// operator and type in it is named in full.
const STRANGE: &str = "\
WITH space AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname OPERATOR(pg_catalog.=) {schema}),
known (name, columns) AS (VALUES {columns}),
things AS (
    SELECT c.oid, c.relname::pg_catalog.text AS name, c.relkind, c.relowner, k.columns AS wanted,
        CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
            WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'index' END AS kind
    FROM space JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) space.oid
    LEFT JOIN known k ON k.name OPERATOR(pg_catalog.=) c.relname::pg_catalog.text AND c.relkind OPERATOR(pg_catalog.=) 'r'
    WHERE pg_catalog.starts_with(pg_catalog.lower(c.relname::pg_catalog.text), {prefix})
),
ours AS (SELECT oid, name FROM things WHERE wanted IS NOT NULL),
faults (name, kind, fault) AS (
    SELECT t.name, t.kind, 'is not one of fixtool''s tables' FROM things t
    WHERE t.wanted IS NULL
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN ours ON ours.oid OPERATOR(pg_catalog.=) i.indrelid WHERE i.indexrelid OPERATOR(pg_catalog.=) t.oid)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN ours ON ours.oid OPERATOR(pg_catalog.=) d.refobjid
                      WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid OPERATOR(pg_catalog.=) t.oid AND d.deptype OPERATOR(pg_catalog.=) 'i')
    UNION ALL
    SELECT t.typname::pg_catalog.text, 'type', 'is not fixtool''s' FROM space JOIN pg_catalog.pg_type t ON t.typnamespace OPERATOR(pg_catalog.=) space.oid
    WHERE pg_catalog.starts_with(pg_catalog.lower(t.typname::pg_catalog.text), {prefix}) AND t.typrelid OPERATOR(pg_catalog.=) 0
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray OPERATOR(pg_catalog.=) t.oid)
    UNION ALL
    SELECT p.proname::pg_catalog.text, 'function', 'is not fixtool''s' FROM space
    JOIN pg_catalog.pg_proc p ON p.pronamespace OPERATOR(pg_catalog.=) space.oid
    WHERE pg_catalog.starts_with(pg_catalog.lower(p.proname::pg_catalog.text), {prefix})
    UNION ALL
    SELECT t.name, 'table', 'belongs to ' OPERATOR(pg_catalog.||) r.rolname::pg_catalog.text FROM things t
    JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) t.relowner
    WHERE t.wanted IS NOT NULL AND NOT r.rolsuper AND r.rolname OPERATOR(pg_catalog.<>) current_user
    UNION ALL
    SELECT t.name, 'table', 'has other columns' FROM things t
    WHERE t.wanted OPERATOR(pg_catalog.<>) (
        SELECT pg_catalog.string_agg(pg_catalog.concat(a.attname::pg_catalog.text, ' ', pg_catalog.format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attnotnull THEN '!' END, a.attidentity::pg_catalog.text, a.attgenerated::pg_catalog.text,
            '=' OPERATOR(pg_catalog.||) pg_catalog.pg_get_expr(f.adbin, f.adrelid)), ', ' ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a
        LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid OPERATOR(pg_catalog.=) a.attrelid AND f.adnum OPERATOR(pg_catalog.=) a.attnum
        WHERE a.attrelid OPERATOR(pg_catalog.=) t.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped)
    UNION ALL
    SELECT ours.name, 'table', 'has the trigger ' OPERATOR(pg_catalog.||) g.tgname::pg_catalog.text FROM ours
    JOIN pg_catalog.pg_trigger g ON g.tgrelid OPERATOR(pg_catalog.=) ours.oid WHERE NOT g.tgisinternal
    UNION ALL
    SELECT ours.name, 'table', 'has the rule ' OPERATOR(pg_catalog.||) w.rulename::pg_catalog.text FROM ours
    JOIN pg_catalog.pg_rewrite w ON w.ev_class OPERATOR(pg_catalog.=) ours.oid
    UNION ALL
    SELECT ours.name, 'table', 'has the constraint ' OPERATOR(pg_catalog.||) k.conname::pg_catalog.text FROM ours
    JOIN pg_catalog.pg_constraint k ON k.conrelid OPERATOR(pg_catalog.=) ours.oid
    WHERE k.contype OPERATOR(pg_catalog.<>) ALL (ARRAY['p', 'n']::pg_catalog.\"char\"[]) AND NOT (k.contype OPERATOR(pg_catalog.=) 'f' AND k.confrelid OPERATOR(pg_catalog.=) ANY (SELECT oid FROM ours))
    UNION ALL
    SELECT ours.name, 'table', 'is pointed at by ' OPERATOR(pg_catalog.||) k.conrelid::pg_catalog.regclass::pg_catalog.text FROM ours
    JOIN pg_catalog.pg_constraint k ON k.confrelid OPERATOR(pg_catalog.=) ours.oid
    WHERE k.contype OPERATOR(pg_catalog.=) 'f' AND k.conrelid OPERATOR(pg_catalog.<>) ALL (SELECT oid FROM ours)
    UNION ALL
    SELECT ours.name, 'table', 'has an index with an expression' FROM ours JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) ours.oid
    WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
    UNION ALL
    SELECT ours.name, 'table', 'has statistics of its own' FROM ours
    JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid OPERATOR(pg_catalog.=) ours.oid
    UNION ALL
    SELECT ours.name, 'table', 'is part of an inheritance' FROM ours
    WHERE EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid OPERATOR(pg_catalog.=) ours.oid OR h.inhparent OPERATOR(pg_catalog.=) ours.oid)
    UNION ALL
    SELECT ours.name, 'table', 'has row-level security, is of a type, or is not kept' FROM ours
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) ours.oid
    WHERE c.relrowsecurity OR c.relforcerowsecurity OR c.reloftype OPERATOR(pg_catalog.<>) 0 OR c.relpersistence OPERATOR(pg_catalog.<>) 'p'
       OR EXISTS (SELECT FROM pg_catalog.pg_policy y WHERE y.polrelid OPERATOR(pg_catalog.=) c.oid)
)
SELECT kind OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) name OPERATOR(pg_catalog.||) ': ' OPERATOR(pg_catalog.||) fault FROM faults ORDER BY 1";

fn strange(namespace: &Namespace) -> String {
    let columns = COLUMNS.map(|(name, columns)| format!("({}, {})", literal(name), literal(columns)));
    STRANGE
        .replace("{columns}", &columns.join(", "))
        .replace("{prefix}", &literal(PREFIX))
        .replace("{schema}", &literal(namespace.as_str()))
}

/// Statements that fail, and so take the transaction back, unless fixtool's tables in the schema are fixtool's. As long as the
/// transaction lasts nobody can hang anything on them.
pub fn prove(namespace: &Namespace) -> Vec<String> {
    let tables = NAMES.map(|name| qualified(namespace, name)).join(", ");
    let body = format!(
        "DECLARE wrong text; BEGIN SELECT pg_catalog.string_agg(x.what, '; ') INTO wrong FROM ({}) x (what); \
         IF wrong IS NOT NULL THEN RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', \
         MESSAGE = 'names of fixtool''s own are taken: ' OPERATOR(pg_catalog.||) wrong; END IF; END",
        strange(namespace)
    );
    vec![
        "SET LOCAL search_path = pg_catalog, pg_temp".to_owned(),
        format!("LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE"),
        format!("DO {}", literal(&body)),
    ]
}

/// Proves fixtool's own tables, where the schema's owner is somebody who has fewer rights than we: he may drop what lies
/// in his schema, whoever made it, and put his own in its place. As long as the transaction lasts nobody can hang
/// anything on them.
pub(super) async fn hold(connection: &mut PgConnection, namespace: &Namespace) -> Result<(), DatabaseError> {
    let of_others: Option<bool> = sqlx::query_scalar(
        "SELECT NOT r.rolsuper AND r.rolname OPERATOR(pg_catalog.<>) current_user FROM pg_catalog.pg_namespace n \
         JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner \
         WHERE n.nspname OPERATOR(pg_catalog.=) $1::pg_catalog.name",
    )
    .bind(namespace.as_str())
    .fetch_optional(&mut *connection)
    .await
    .map_err(translate)?;
    if of_others == Some(true) {
        // Loads of other tables of the tenant go on meanwhile.
        let proof = prove(namespace).join("; ").replace("IN SHARE ROW EXCLUSIVE MODE", "IN ROW EXCLUSIVE MODE");
        run(connection, proof).await?;
    }
    Ok(())
}

impl Postgres {
    /// What bears a name of fixtool's own in the schema without being fixtool's.
    pub(super) async fn strange_names(&self, namespace: &Namespace) -> Result<Vec<String>, DatabaseError> {
        let mut transaction = self.begin(namespace).await?;
        settle(&mut transaction).await?;
        let found = sqlx::query_scalar(AssertSqlSafe(strange(namespace)))
            .fetch_all(&mut *transaction)
            .await
            .map_err(translate)?;
        transaction.rollback().await.map_err(translate)?;
        Ok(found)
    }
}
