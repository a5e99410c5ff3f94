//! Which tenant of a name a run means: one that was dropped and made again is another.
//!
//! A tenant takes the incarnation of the run that makes it. So whoever takes back a drop gets the same one again: the run
//! that brings it back has the incarnation of the run that dropped it.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};

use super::entity::{lease, run, run_identity, tenant, tenant_incarnation};
use super::{Catalog, CatalogError, migrations};
use crate::engine::ledger::Standing;
use crate::engine::{RunStart, clock};
use crate::model::TenantId;

/// Operations that make the tenant that they are about.
const MAKERS: [&str; 4] = ["tenant.init", "tenant.clone", "tenant.adopt", "backup.restore"];

/// The incarnation of the tenant of this name.
async fn of_tenant(at: &impl ConnectionTrait, name: &str) -> Result<Option<String>, CatalogError> {
    Ok(tenant_incarnation::Entity::find_by_id(name).one(at).await?.map(|row| row.incarnation))
}

/// The incarnation that a run means.
async fn of_run(at: &impl ConnectionTrait, run: &str) -> Result<Option<String>, CatalogError> {
    Ok(run_identity::Entity::find_by_id(run).one(at).await?.map(|row| row.incarnation))
}

/// The incarnation that a run that begins means: that of its plan, of the tenant that is there, of the run that it takes
/// back, or a new one, for the tenant that it is going to make.
pub(super) async fn of_begin(at: &impl ConnectionTrait, start: &RunStart) -> Result<String, CatalogError> {
    if let Some(planned) = start.plan.pointer("/means/incarnation").and_then(serde_json::Value::as_str) {
        return Ok(planned.to_owned());
    }
    if let Some(known) = of_tenant(at, &start.target).await? {
        return Ok(known);
    }
    match &start.follows {
        Some(undone) => Ok(of_run(at, undone).await?.unwrap_or_else(clock::nonce)),
        None => Ok(clock::nonce()),
    }
}

/// Gives a tenant that was registered the incarnation of the run that is at work on its name.
pub(super) async fn register(at: &impl ConnectionTrait, name: &str) -> Result<(), CatalogError> {
    let maker = match lease::Entity::find_by_id(name).one(at).await? {
        Some(lease) => of_run(at, &lease.run).await?,
        None => None,
    };
    let incarnation = maker.unwrap_or_else(clock::nonce);
    let row = tenant_incarnation::Model { tenant: name.to_owned(), incarnation }.into_active_model().reset_all();
    tenant_incarnation::Entity::insert(row).exec_without_returning(at).await?;
    Ok(())
}

impl Catalog {
    /// Whether the tenant that has this name is the one that a run means, as far as anybody can know.
    pub async fn means(&self, run: &str, tenant: &TenantId) -> Result<bool, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(true) };
        let Some(there) = tenant::Entity::find_by_id(tenant.as_str()).one(&read).await? else { return Ok(true) };
        let Some(run) = run::Entity::find_by_id(run).one(&read).await? else { return Ok(true) };
        if self.has_incarnations(&read).await?
            && let (Some(meant), Some(found)) = (of_run(&read, &run.run).await?, of_tenant(&read, &there.id).await?)
        {
            return Ok(meant == found);
        }
        // A run of an earlier fixtool: the tenant was there when it began, or the run itself made it.
        if there.created_at <= run.started_at {
            return Ok(true);
        }
        let later = run::Entity::find()
            .filter(run::Column::Target.eq(run.target.as_str()))
            .filter(run::Column::StartedAt.gt(run.started_at.as_str()))
            .filter(run::Column::StartedAt.lte(there.created_at.as_str()))
            .filter(Condition::any().add(run::Column::Operation.is_in(MAKERS)))
            .order_by_asc(run::Column::StartedAt);
        Ok(MAKERS.contains(&run.operation.as_str()) && later.one(&read).await?.is_none())
    }

    /// Whether a run means another tenant than the one that has its target's name now.
    pub(super) async fn is_another_tenant(&self, run: &str) -> Result<bool, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(false) };
        let target = run::Entity::find_by_id(run).one(&read).await?.and_then(|row| row.target.parse().ok());
        drop(read);
        match target {
            Some(target) => Ok(!self.means(run, &target).await?),
            None => Ok(false),
        }
    }

    /// The tenant that has this name now.
    pub(super) async fn standing_of(&self, name: &str) -> Result<Option<Standing>, CatalogError> {
        let Some(read) = self.read().await? else { return Ok(None) };
        let Some(there) = tenant::Entity::find_by_id(name).one(&read).await? else { return Ok(None) };
        let known = self.has_incarnations(&read).await?;
        let incarnation = if known { of_tenant(&read, name).await? } else { None };
        Ok(Some(Standing { incarnation, since: there.created_at, structure: there.fingerprint }))
    }

    /// Whether the catalog can tell tenants of one name apart; one of an earlier fixtool cannot until it is written to.
    pub(super) async fn has_incarnations(&self, read: &sea_orm::DatabaseExecutor<'_>) -> Result<bool, CatalogError> {
        if self.inner.checked || self.inner.incarnations.get().is_some() {
            return Ok(true);
        }
        let has = migrations::has_incarnations(read).await?;
        if has {
            self.inner.incarnations.get_or_init(|| async {}).await;
        }
        Ok(has)
    }
}
