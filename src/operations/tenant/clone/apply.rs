//! Carries out the steps of `tenant clone`. Each may be carried out again.

use std::sync::Arc;

use super::plan::Way;
use super::{Action, CloneError};
use crate::backends::catalog::now;
use crate::backends::database::Writer;
use crate::backends::database::ddl::Target;
use crate::backends::database::roles::admit;
use crate::backends::site::SiteWriter;
use crate::engine::{Action as _, Outcome, StepContext};
use crate::model::mask::Masker;
use crate::model::{Model, TenantRecord, fingerprint};
use crate::operations::tenant::settings;
use crate::rules::check_sql;
use crate::snapshots::copy::Copying;
use crate::snapshots::room::{self, Room};

/// Keys that are built at once: sorting takes memory on the server.
const KEYS_AT_ONCE: usize = 2;

pub(super) async fn perform(action: &Action, site: &SiteWriter, step: &StepContext) -> Result<Outcome, CloneError> {
    let outcome = match action {
        Action::Copy { way, masked, .. } => return copy(way, *masked, site, step).await,
        Action::MakeRoom { way, tables } => {
            let (_, model) = source(way, site).await?;
            room_of(way, &site.database(&way.to.placement).await?, &model).make().await?;
            Outcome::default().with("tables", *tables)
        }
        Action::Finish { way } => {
            let (_, model) = source(way, site).await?;
            room_of(way, &site.database(&way.to.placement).await?, &model).finish(KEYS_AT_ONCE).await?;
            Outcome::default()
        }
        Action::Register { way } => register(way, site).await?,
        Action::Forget { way } => {
            let gone = site.catalog().delete_tenant(&way.to.id).await?;
            let mut outcome = Outcome::default().with("removed", u64::from(gone));
            outcome.notes.extend(site.cache().invalidate(&way.to.id).await.note());
            outcome
        }
        Action::ClearRoom { way } => {
            let database = site.database(&way.to.placement).await?;
            let existed = room::clear(&database, &way.to.namespace, Some(site.site_id())).await?;
            Outcome::default().with("namespaces", u64::from(existed))
        }
    };
    step.set_done(action.size().amount.unwrap_or(1));
    Ok(outcome)
}

/// The tenant that is copied and its tables, unless they are not those of the plan any more.
async fn source(way: &Way, site: &SiteWriter) -> Result<(TenantRecord, Model), CloneError> {
    let tenant = site.tenant(&way.from).await?;
    let model = site.model_of(&tenant)?;
    if (&tenant.pack, &tenant.version) != (&way.to.pack, &way.to.version) || fingerprint(&model) != way.to.fingerprint {
        return Err(CloneError::Changed { id: way.from.clone() });
    }
    Ok((tenant, model))
}

fn room_of<'a>(way: &'a Way, database: &'a Arc<dyn Writer>, model: &'a Model) -> Room<'a> {
    Room { database, namespace: &way.to.namespace, model, checks: check_sql }
}

async fn copy(way: &Way, masked: bool, site: &SiteWriter, step: &StepContext) -> Result<Outcome, CloneError> {
    step.set_done(0);
    let (tenant, model) = source(way, site).await?;
    let tables = model.tables.len() as u64;
    let copying = Copying {
        source: site.apart(&tenant.placement).await?,
        from: tenant.namespace,
        model,
        database: site.database(&way.to.placement).await?,
        namespace: way.to.namespace.clone(),
        // One secret for all tables, so that references hold; a second try fills all of them anew.
        masker: masked.then(Masker::of_this_run),
        watch: Arc::new(step.clone()),
    };
    let copied = copying.copy().await;
    copying.source.close().await;
    Ok(match copied? {
        Some(copied) => {
            let mut outcome = Outcome::default().with("rows", copied.rows).with("tables_compared", tables);
            outcome.notes.push(format!("{} is as {} was at {}", way.to.id, way.from, copied.taken_at));
            outcome
        }
        None => Outcome { interrupted: true, ..Outcome::default() },
    })
}

async fn register(way: &Way, site: &SiteWriter) -> Result<Outcome, CloneError> {
    let (tenant, _) = source(way, site).await?;
    let database = site.database(&way.to.placement).await?;
    let pack = site.pack_of(&way.to)?;
    let tier = pack.manifest.tiers.get(&way.to.tier);
    if let Some(tier) = tier.filter(|_| tenant.tier != way.to.tier) {
        let target = Target { engine: database.engine(), namespace: &way.to.namespace };
        let follow = settings::of_tier(&pack.manifest, &way.to.tier, tier);
        database.execute(&way.to.namespace, &settings::write_settings(target, &follow)).await?;
    }
    admit(&*database, &way.to, (&way.to.namespace, site.site_id())).await?;
    let mut outcome = Outcome::default();
    if site.catalog().tenant(&way.to.id).await?.is_none() {
        let moment = now();
        let tenant = TenantRecord { created_at: moment.clone(), updated_at: moment, ..way.to.clone() };
        site.catalog().insert_tenant(&tenant).await?;
        outcome.count("registered", 1);
    }
    outcome.notes.extend(site.cache().invalidate(&way.to.id).await.note());
    if let Some(tier) = tier {
        let configuration = settings::configuration(&pack.manifest, &way.to.tier, tier);
        outcome.notes.extend(site.cache().publish_configuration(&way.to.id, &configuration.into()).await.note());
    }
    Ok(outcome)
}
