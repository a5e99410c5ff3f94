//! Two schemas in one transaction.

use sqlx::AssertSqlSafe;

use super::Postgres;
use super::error::translate;
use crate::backends::database::joint::{JointStep, Pair};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

impl Postgres {
    /// Carries out the steps, all or none; the rows that each changed.
    pub(super) async fn jointly(&self, pair: &Pair, steps: &[JointStep]) -> Result<Vec<u64>, DatabaseError> {
        let mut transaction = self.begin(&pair.living).await?;
        let mut changed = Vec::with_capacity(steps.len());
        for step in steps {
            changed.push(match step {
                JointStep::Change(sql) => sqlx::query(AssertSqlSafe(sql.clone()))
                    .execute(&mut *transaction)
                    .await
                    .map_err(translate)?
                    .rows_affected(),
                JointStep::Refuse { query, message, help } => {
                    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(query.clone()))
                        .fetch_one(&mut *transaction)
                        .await
                        .map_err(translate)?;
                    if rows != 0 {
                        let message = format!("{rows} {message}");
                        let refused = DatabaseError::new(Engine::Postgres, DatabaseErrorKind::Constraint, message);
                        return Err(refused.with_help(help));
                    }
                    0
                }
            });
        }
        transaction.commit().await.map_err(translate)?;
        Ok(changed)
    }
}
