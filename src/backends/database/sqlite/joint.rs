//! Two files in one transaction: the second is attached for reading.

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::files::missing;
use super::{Sqlite, translate};
use crate::backends::database::joint::{ATTACHED, JointStep, Pair};
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::Engine;

impl Sqlite {
    /// Carries out the steps, all or none; the rows that each changed.
    pub(super) async fn jointly(&self, pair: &Pair, steps: &[JointStep]) -> Result<Vec<u64>, DatabaseError> {
        let file = self.file(&pair.beside)?;
        if !file.is_file() {
            return Err(missing(&pair.beside));
        }
        let Some(path) = file.to_str() else {
            let message = format!("{} has a name that is not UTF-8", file.display());
            return Err(DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Unsupported, message));
        };
        // A connection that nobody gets after us, since an attached file stays attached.
        let pool = self.pool(&pair.living).await?;
        let mut connection = pool.acquire().await.map_err(translate)?.detach();
        let attach = format!("ATTACH DATABASE ? AS {ATTACHED}");
        sqlx::query(AssertSqlSafe(attach)).bind(path).execute(&mut connection).await.map_err(translate)?;
        let done = self.carried_out(&mut connection, steps).await;
        let closed = connection.close().await.map_err(translate);
        let changed = done?;
        closed?;
        Ok(changed)
    }

    async fn carried_out(
        &self,
        connection: &mut SqliteConnection,
        steps: &[JointStep],
    ) -> Result<Vec<u64>, DatabaseError> {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(translate)?;
        let mut changed = Vec::with_capacity(steps.len());
        for step in steps {
            changed.push(match step {
                JointStep::Change { sql, .. } | JointStep::Own(sql) => sqlx::query(AssertSqlSafe(sql.clone()))
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
                        let refused = DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Constraint, message);
                        return Err(refused.with_help(help));
                    }
                    0
                }
            });
        }
        self.commit(transaction).await?;
        Ok(changed)
    }
}
