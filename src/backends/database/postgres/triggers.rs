//! Triggers of the tenant's own that do not fire in one transaction.

use sqlx::{AssertSqlSafe, PgConnection};

use super::code::REACHED;
use super::error::translate;
use super::rows::run;
use crate::backends::database::DatabaseError;
use crate::backends::database::quote::identifier;

/// Triggers that fire when rows of tables are written and removed, each with its table and the word that enables it again
/// as it was; with `$3` only those that a foreign key reaches. What is reached and is not ours to alter runs with its
/// owner's rights, so it may fire.
const TRIGGERS: &str = r#"
WITH RECURSIVE {REACHED}
SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname), t.tgname::pg_catalog.text,
       CASE t.tgenabled WHEN 'R' THEN 'REPLICA ' WHEN 'A' THEN 'ALWAYS ' ELSE '' END
FROM reached r JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.id
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
JOIN pg_catalog.pg_trigger t ON t.tgrelid OPERATOR(pg_catalog.=) r.id AND NOT t.tgisinternal
WHERE t.tgenabled OPERATOR(pg_catalog.<>) 'D'::pg_catalog."char"
  AND CASE WHEN r.passed_on THEN pg_catalog.pg_has_role(c.relowner, 'USAGE') ELSE NOT $3 END
ORDER BY 1, 2"#;

/// Triggers that are disabled until they are woken, or the transaction is taken back.
#[must_use]
pub(super) struct Silenced {
    enable: Vec<String>,
}

impl Silenced {
    /// The triggers of tables, by their full names, and of all that foreign keys reach from them.
    pub(super) async fn written(connection: &mut PgConnection, tables: &[String]) -> Result<Self, DatabaseError> {
        Self::of(connection, tables, false).await
    }

    /// The triggers of the tables that foreign keys reach from a table, by its full name.
    pub(super) async fn reached(connection: &mut PgConnection, table: &str) -> Result<Self, DatabaseError> {
        Self::of(connection, &[table.to_owned()], true).await
    }

    async fn of(connection: &mut PgConnection, tables: &[String], only_reached: bool) -> Result<Self, DatabaseError> {
        let triggers: Vec<(String, String, String)> =
            sqlx::query_as(AssertSqlSafe(TRIGGERS.replace("{REACHED}", REACHED)))
                .bind(tables)
                .bind(true)
                .bind(only_reached)
                .fetch_all(&mut *connection)
                .await
                .map_err(translate)?;
        let mut enable = Vec::with_capacity(triggers.len());
        for (table, name, how) in triggers {
            let name = identifier(&name);
            // A partition's trigger has a state of its own.
            run(connection, format!("ALTER TABLE ONLY {table} DISABLE TRIGGER {name}")).await?;
            enable.push(format!("ALTER TABLE ONLY {table} ENABLE {how}TRIGGER {name}"));
        }
        Ok(Self { enable })
    }

    /// Enables them again, as they were.
    pub(super) async fn wake(self, connection: &mut PgConnection) -> Result<(), DatabaseError> {
        if self.enable.is_empty() {
            return Ok(());
        }
        // A table with rows that are still to be checked cannot be altered.
        run(connection, format!("SET CONSTRAINTS ALL IMMEDIATE; {}", self.enable.join("; "))).await
    }
}
