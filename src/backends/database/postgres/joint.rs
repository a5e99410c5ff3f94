//! Two schemas in one transaction.

use std::collections::BTreeSet;

use super::Postgres;
use super::as_owner::Hand;
use super::code::Effect;
use super::own;
use super::triggers::Silenced;
use crate::backends::database::joint::{JointStep, Pair};
use crate::backends::database::quote::qualified;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

impl Postgres {
    /// Carries out the steps, all or none; the rows that each changed. Triggers of the tenant's do not fire.
    pub(super) async fn jointly(&self, pair: &Pair, steps: &[JointStep]) -> Result<Vec<u64>, DatabaseError> {
        let changed = steps.iter().filter_map(|step| match step {
            JointStep::Change { table, .. } => Some(qualified(&pair.living, table)),
            _ => None,
        });
        let tables: Vec<String> = changed.collect::<BTreeSet<_>>().into_iter().collect();
        let mut transaction = self.begin(&pair.living).await?;
        let silenced = Silenced::written(&mut transaction, &tables).await?;
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
        silenced.wake(&mut transaction).await?;
        self.commit(transaction).await?;
        Ok(counts)
    }
}
