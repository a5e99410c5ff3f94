//! Leases on the catalog: one row a tenant, by the clock of the database.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, EntityTrait, Statement, Value};

use super::entity::lease;
use super::{Catalog, CatalogError, processes};
use crate::engine::Leases;
use crate::engine::ledger::{LeaseAnswer, LeaseRequest, LedgerError};
use crate::model::Engine;

/// How often a lease that was given back between two looks is asked for again.
const TRIES: u32 = 5;

/// The database's moment, so many milliseconds from now, in the catalog's form.
fn moment(engine: Engine, parameter: &str) -> String {
    match engine {
        Engine::Postgres => format!(
            "pg_catalog.to_char((pg_catalog.clock_timestamp() + {parameter} * interval '1 millisecond') AT TIME ZONE 'UTC', \
             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        ),
        Engine::Sqlite => {
            format!("strftime('%Y-%m-%dT%H:%M:%f', 'now', '+' || ({parameter} / 1000.0) || ' seconds') || '000Z'")
        }
    }
}

impl Catalog {
    /// Every lease that is held now, expired ones included.
    pub async fn leases(&self) -> Result<Vec<lease::Model>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(Vec::new()) };
        let mut leases = lease::Entity::find().all(&read).await?;
        for lease in &mut leases {
            lease.holder = processes::told(&lease.holder).to_owned();
        }
        Ok(leases)
    }

    /// The lease on a target, expired or not.
    pub async fn lease(&self, target: &str) -> Result<Option<lease::Model>, CatalogError> {
        let told = |lease: lease::Model| lease::Model { holder: processes::told(&lease.holder).to_owned(), ..lease };
        Ok(self.stored_lease(target).await?.map(told))
    }

    async fn stored_lease(&self, target: &str) -> Result<Option<lease::Model>, CatalogError> {
        match self.read().await? {
            Some(read) => Ok(lease::Entity::find_by_id(target).one(&read).await?),
            None => Ok(None),
        }
    }

    async fn change_lease(&self, sql: String, values: Vec<Value>) -> Result<u64, CatalogError> {
        let write = self.write().await?;
        let statement = Statement::from_sql_and_values(write.get_database_backend(), sql, values);
        let rows = write.execute_raw(statement).await?.rows_affected();
        write.commit().await?;
        Ok(rows)
    }

    async fn try_acquire(&self, request: &LeaseRequest) -> Result<bool, CatalogError> {
        let (now, until) = (moment(self.engine(), "0"), moment(self.engine(), "CAST($5 AS BIGINT)"));
        let sql = format!(
            "INSERT INTO fixtool.lease AS l (target, run, operation, holder, acquired_at, heartbeat_at, expires_at) \
             VALUES ($1, $2, $3, $4, {now}, {now}, {until}) \
             ON CONFLICT (target) DO UPDATE SET run = excluded.run, operation = excluded.operation, \
             holder = excluded.holder, acquired_at = excluded.acquired_at, heartbeat_at = excluded.heartbeat_at, \
             expires_at = excluded.expires_at WHERE (l.run = excluded.run AND l.holder = excluded.holder) OR l.expires_at <= {now}"
        );
        let values = vec![
            request.target.as_str().into(),
            request.run.as_str().into(),
            request.operation.as_str().into(),
            processes::stored(&request.holder).into(),
            milliseconds(request).into(),
        ];
        Ok(self.change_lease(sql, values).await? == 1)
    }
}

fn milliseconds(request: &LeaseRequest) -> i64 {
    i64::try_from(request.ttl.as_millis()).unwrap_or(i64::MAX).clamp(1, 31_536_000_000)
}

#[async_trait]
impl Leases for Catalog {
    async fn acquire(&self, request: &LeaseRequest) -> Result<LeaseAnswer, LedgerError> {
        for _ in 0..TRIES {
            if self.try_acquire(request).await? {
                return Ok(LeaseAnswer::Granted);
            }
            if let Some(held) = self.stored_lease(&request.target).await? {
                if processes::has_died(&held.holder, &processes::stored(&request.holder)) {
                    let sql = "DELETE FROM fixtool.lease WHERE target = $1 AND run = $2 AND holder = $3".to_owned();
                    let key = [&held.target, &held.run, &held.holder].map(|text| text.as_str().into());
                    self.change_lease(sql, key.into()).await?;
                    continue;
                }
                return Ok(LeaseAnswer::Held {
                    holder: processes::told(&held.holder).to_owned(),
                    operation: held.operation,
                    run: held.run,
                    expires_at: held.expires_at,
                });
            }
        }
        Err(CatalogError::Busy(format!("the lease on {} changes hands all the time", request.target)).into())
    }

    async fn heartbeat(&self, request: &LeaseRequest) -> Result<bool, LedgerError> {
        let (now, until) = (moment(self.engine(), "0"), moment(self.engine(), "CAST($3 AS BIGINT)"));
        let sql = format!(
            "UPDATE fixtool.lease SET heartbeat_at = {now}, expires_at = {until} \
             WHERE target = $1 AND run = $2 AND holder = $4"
        );
        let values = vec![
            request.target.as_str().into(),
            request.run.as_str().into(),
            milliseconds(request).into(),
            processes::stored(&request.holder).into(),
        ];
        Ok(self.change_lease(sql, values).await? == 1)
    }

    async fn release(&self, request: &LeaseRequest) -> Result<(), LedgerError> {
        let sql = "DELETE FROM fixtool.lease WHERE target = $1 AND run = $2 AND holder = $3".to_owned();
        let holder = processes::stored(&request.holder);
        let key = [&request.target, &request.run, &holder].map(|text| text.as_str().into());
        self.change_lease(sql, key.into()).await?;
        Ok(())
    }
}
