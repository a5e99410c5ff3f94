//! Two schemas in one transaction.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::Postgres;
use super::as_owner::Hand;
use super::code::Effect;
use super::error::translate;
use super::own;
use super::rows::run;
use crate::backends::database::joint::{JointStep, Pair};
use crate::backends::database::quote::{identifier, qualified};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

/// Triggers of the tenant's own that would change the rows that come back, each with the word that enables it again as
/// it was.
const TRIGGERS: &str = "\
SELECT t.tgname::pg_catalog.text, CASE t.tgenabled WHEN 'R' THEN 'REPLICA ' WHEN 'A' THEN 'ALWAYS ' ELSE '' END
FROM pg_catalog.pg_trigger t
WHERE t.tgrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid AND NOT t.tgisinternal
  AND t.tgenabled OPERATOR(pg_catalog.<>) 'D'::pg_catalog.\"char\"
ORDER BY t.tgname";

impl Postgres {
    /// Carries out the steps, all or none; the rows that each changed. Triggers of the tenant's do not fire.
    pub(super) async fn jointly(&self, pair: &Pair, steps: &[JointStep]) -> Result<Vec<u64>, DatabaseError> {
        let changed = steps.iter().filter_map(|step| match step {
            JointStep::Change { table, .. } => Some(qualified(&pair.living, table)),
            _ => None,
        });
        let tables: Vec<String> = changed.collect::<BTreeSet<_>>().into_iter().collect();
        let mut transaction = self.begin(&pair.living).await?;
        let enable = disable_triggers(&mut transaction, &tables).await?;
        let hand = match tables.as_slice() {
            [] => {
                own::hold(&mut transaction, &pair.living).await?;
                Hand::Ours
            }
            _ => Hand::for_tables(&mut transaction, &pair.living, (&tables, Effect::Removes)).await?,
        };
        hand.show_schema(&mut transaction, &pair.beside).await?;
        let mut counts = Vec::with_capacity(steps.len());
        for step in steps {
            counts.push(match step {
                JointStep::Change { sql, .. } => hand.execute(&mut transaction, sql, &[]).await?,
                JointStep::Own(sql) => Hand::Ours.execute(&mut transaction, sql, &[]).await?,
                JointStep::Refuse { query, message, help } => {
                    let query = format!("SELECT q.n::pg_catalog.text FROM ({query}) AS q (n)");
                    match hand.number(&mut transaction, &query, &[]).await? {
                        0 => 0,
                        rows => {
                            let message = format!("{rows} {message}");
                            let refused = DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Constraint, message);
                            return Err(refused.with_help(help));
                        }
                    }
                }
            });
        }
        hand.dismiss(&mut transaction).await?;
        if !enable.is_empty() {
            // A table with rows that are still to be checked cannot be altered.
            run(&mut transaction, format!("SET CONSTRAINTS ALL IMMEDIATE; {}", enable.join("; "))).await?;
        }
        transaction.commit().await.map_err(translate)?;
        Ok(counts)
    }
}

/// Disables the triggers of tables, by their full names; statements that enable them again.
async fn disable_triggers(connection: &mut PgConnection, tables: &[String]) -> Result<Vec<String>, DatabaseError> {
    let mut enable = Vec::new();
    for table in tables {
        let triggers: Vec<(String, String)> =
            sqlx::query_as(TRIGGERS).bind(table).fetch_all(&mut *connection).await.map_err(translate)?;
        for (name, how) in triggers {
            let name = identifier(&name);
            run(connection, format!("ALTER TABLE {table} DISABLE TRIGGER {name}")).await?;
            enable.push(format!("ALTER TABLE {table} ENABLE {how}TRIGGER {name}"));
        }
    }
    Ok(enable)
}
