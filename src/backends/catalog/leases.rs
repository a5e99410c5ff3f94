//! Leases on the catalog: one row a tenant, by the clock of the database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sea_orm::sea_query::LockType;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter, QuerySelect, Statement,
    Value,
};

use super::entity::lease;
use super::{Catalog, CatalogError, processes};
use crate::backends::database::{DatabaseError, DatabaseErrorKind, Fence, fence};
use crate::engine::ledger::{LeaseAnswer, LeaseRequest, LedgerError};
use crate::engine::{Failure, Leases};
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

/// The leases that this process took and did not give back, whether they are still its own or not: by target.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<Mutex<BTreeMap<String, Owner>>>);

/// Who took a lease.
#[derive(Clone)]
struct Owner {
    run: String,
    holder: String,
    /// Databases in which whoever had the lease before is through.
    passed: Arc<tokio::sync::Mutex<BTreeSet<String>>>,
}

impl Owner {
    fn has(&self, lease: &lease::Model) -> bool {
        (&lease.run, &lease.holder) == (&self.run, &self.holder)
    }
}

impl Held {
    fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<String, Owner>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self, request: &LeaseRequest) {
        let (run, holder) = (request.run.clone(), processes::stored(&request.holder));
        let owner = Owner { run, holder, passed: Arc::default() };
        self.with(|held| held.insert(request.target.clone(), owner));
    }

    fn give_back(&self, request: &LeaseRequest) {
        self.with(|held| held.retain(|target, owner| *target != request.target || owner.run != request.run));
    }

    /// Fails unless the lease on a target is this process's, and stays so until the transaction ends.
    pub(super) async fn keep(&self, transaction: &DatabaseTransaction, target: &str) -> Result<(), CatalogError> {
        let Some(owner) = self.with(|held| held.get(target).cloned()) else { return Ok(()) };
        match self.lost(transaction, std::iter::once(owner.run.as_str())).await?.into_values().next() {
            Some(target) => Err(CatalogError::LeaseLost { target }),
            None => Ok(()),
        }
    }

    /// Which of these runs have lost their lease, and on what. Those that have none, as a run of a whole fleet, never lose
    /// it. What the others have they keep until the transaction ends.
    pub(super) async fn lost<'a>(
        &self,
        transaction: &DatabaseTransaction,
        runs: impl Iterator<Item = &'a str>,
    ) -> Result<BTreeMap<String, String>, CatalogError> {
        let runs: Vec<&str> = runs.collect();
        let all = self.with(|held| held.clone());
        let ours: BTreeMap<_, _> = all.iter().filter(|(_, owner)| runs.contains(&owner.run.as_str())).collect();
        if ours.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut query = lease::Entity::find().filter(lease::Column::Target.is_in(ours.keys().map(|t| t.as_str())));
        if transaction.get_database_backend() == DbBackend::Postgres {
            query = query.lock(LockType::Share);
        }
        let found = query.all(transaction).await?;
        let stands = |target: &str, owner: &Owner| found.iter().any(|lease| lease.target == target && owner.has(lease));
        let lost = ours.into_iter().filter(|(target, owner)| !stands(target, owner));
        Ok(lost.map(|(target, owner)| (owner.run.clone(), target.clone())).collect())
    }
}

impl Catalog {
    /// The same catalog for a run that has a lease: what it would write after the lease went to somebody else is refused.
    #[must_use]
    pub fn under_lease(&self, target: &str) -> Self {
        Self { under: Some(target.into()), ..self.clone() }
    }

    /// What the transactions of a database ask before they commit; `None` outside of a lease.
    pub fn fence(&self) -> Option<Arc<dyn Fence>> {
        self.under.is_some().then(|| Arc::new(self.clone()) as Arc<dyn Fence>)
    }

    /// Lets whoever had the lease before come through in a database, once for each lease: `wait` is how.
    pub async fn pass_once(
        &self,
        place: &str,
        wait: impl Future<Output = Result<(), DatabaseError>>,
    ) -> Result<(), DatabaseError> {
        let owner = self.under.as_deref().and_then(|target| self.inner.held.with(|held| held.get(target).cloned()));
        let Some(owner) = owner else { return Ok(()) };
        let mut passed = owner.passed.lock().await;
        if !passed.contains(place) {
            wait.await?;
            passed.insert(place.to_owned());
        }
        Ok(())
    }

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
                self.inner.held.take(request);
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
        self.inner.held.give_back(request);
        Ok(())
    }
}

#[async_trait]
impl Fence for Catalog {
    fn lock(&self) -> i64 {
        let name = format!("fixtool lease\n{}\n{}", self.site_id(), self.under.as_deref().unwrap_or_default());
        let digest = blake3::hash(name.as_bytes());
        let (first, _) = digest.as_bytes().split_at(8);
        i64::from_be_bytes(first.try_into().unwrap_or_default())
    }

    async fn stands(&self, engine: Engine) -> Result<(), DatabaseError> {
        let Some(target) = self.under.as_deref() else { return Ok(()) };
        let Some(owner) = self.inner.held.with(|held| held.get(target).cloned()) else { return Ok(()) };
        let lease = self.stored_lease(target).await.map_err(|error| {
            let kind = if error.is_transient() { DatabaseErrorKind::Unreachable } else { DatabaseErrorKind::Other };
            DatabaseError::new(engine, kind, format!("nothing is committed without a look at the lease: {error}"))
        })?;
        match lease {
            Some(lease) if owner.has(&lease) => Ok(()),
            _ => Err(fence::lost(engine, target)),
        }
    }
}
