//! Leases on the catalog: one row a tenant, by the clock of the database.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, EntityTrait, Statement, Value};

use super::entity::lease;
use super::{Catalog, CatalogError};
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
        match self.read().await? {
            Some(read) => Ok(lease::Entity::find().all(&read).await?),
            None => Ok(Vec::new()),
        }
    }

    /// The lease on a target, expired or not.
    pub async fn lease(&self, target: &str) -> Result<Option<lease::Model>, CatalogError> {
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
            request.holder.as_str().into(),
            milliseconds(request).into(),
        ];
        Ok(self.change_lease(sql, values).await? == 1)
    }
}

/// Whether a holder is a process of this machine that is no more: then nobody has to wait until its
/// lease expires. Of a holder on another machine only its lease can tell.
fn has_died(holder: &str, asking: &str) -> bool {
    let parts = |text: &str| {
        let (who, pid) = text.rsplit_once(" pid ")?;
        let (_, host) = who.rsplit_once('@')?;
        Some((host.to_owned(), pid.parse::<u32>().ok()?))
    };
    match (parts(holder), parts(asking)) {
        (Some((there, pid)), Some((here, own))) => {
            let processes = std::path::Path::new("/proc");
            there == here
                && pid != own
                && processes.join(own.to_string()).exists()
                && !processes.join(pid.to_string()).exists()
        }
        _ => false,
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
            if let Some(held) = self.lease(&request.target).await? {
                if has_died(&held.holder, &request.holder) {
                    let sql = "DELETE FROM fixtool.lease WHERE target = $1 AND run = $2 AND holder = $3".to_owned();
                    let key = [&held.target, &held.run, &held.holder].map(|text| text.as_str().into());
                    self.change_lease(sql, key.into()).await?;
                    continue;
                }
                return Ok(LeaseAnswer::Held {
                    holder: held.holder,
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
            request.holder.as_str().into(),
        ];
        Ok(self.change_lease(sql, values).await? == 1)
    }

    async fn release(&self, request: &LeaseRequest) -> Result<(), LedgerError> {
        let sql = "DELETE FROM fixtool.lease WHERE target = $1 AND run = $2 AND holder = $3".to_owned();
        let key = [&request.target, &request.run, &request.holder].map(|text| text.as_str().into());
        self.change_lease(sql, key.into()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_machine_is_known_to_have_died() {
        let own = format!("me@here pid {}", std::process::id());
        // Linux gives no process an id beyond four million.
        assert!(has_died("you@here pid 4194999", &own) || !std::path::Path::new("/proc/self").exists());
        assert!(!has_died("you@there pid 4194999", &own));
        assert!(!has_died(&own, &own));
        assert!(!has_died("you@here pid 1", &own));
        assert!(!has_died("somebody", &own));
    }
}
