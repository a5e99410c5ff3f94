//! Carries out the steps of `tenant init`. Each may be carried out again.

use std::sync::Arc;

use super::{Action, InitError, Request};
use crate::backends::catalog::now;
use crate::backends::database::Writer;
use crate::backends::database::roles::{TenantRoles, has_roles};
use crate::backends::packs;
use crate::backends::site::SiteWriter;
use crate::engine::{Action as _, Outcome, StepContext};
use crate::model::pack::{Pack, Release};
use crate::model::{Namespace, TenantId, TenantRecord, TenantStatus, Version, fingerprint};
use crate::operations::tenant::{fixtures, settings};

pub(super) async fn perform(
    request: &Request,
    action: &Action,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, InitError> {
    let namespace = Namespace::of(&request.id);
    let outcome = match action {
        Action::Register { tenant } => {
            // Before the first write: a tenant that can never be finished is not even begun.
            if !site.database(&request.placement).await?.capabilities().may_create_namespaces {
                return Err(InitError::MayNotCreate { placement: request.placement.clone() });
            }
            register(site, tenant).await?
        }
        Action::Forget { id } => {
            let gone = site.catalog().delete_tenant(id).await?;
            Outcome::default().with("removed", u64::from(gone))
        }
        Action::CreateStructure { fingerprint, statements, tables } => {
            let database = site.database(&request.placement).await?;
            create(&database, &namespace, statements, fingerprint).await?;
            Outcome::default().with("tables", *tables)
        }
        Action::DropStructure { .. } => drop_structure(site, request, &namespace).await?,
        Action::WriteSettings { statements, .. } | Action::GrantRoles { statements, .. } => {
            site.database(&request.placement).await?.execute(&namespace, statements).await?;
            Outcome::default()
        }
        Action::LoadFixture { data_type, pack: digest, .. } => {
            let (pack, release) = release(site, request, digest).await?;
            let release = pack.release(release)?;
            return load_fixture(site, (request, &pack, release), data_type, step).await;
        }
        Action::CreateAdmin { email, pack: digest } => {
            let (pack, release) = release(site, request, digest).await?;
            let release = pack.release(release)?;
            return create_admin(site, (request, &pack, release), email, step).await;
        }
        Action::Activate => activate(site, &request.id, request).await?,
    };
    step.set_done(action.size().amount.unwrap_or(1));
    Ok(outcome)
}

async fn register(site: &SiteWriter, tenant: &TenantRecord) -> Result<Outcome, InitError> {
    if site.catalog().tenant(&tenant.id).await?.is_some() {
        // The plan saw one that is being made, and the lease keeps others away.
        return Ok(Outcome::default().with("registered", 0));
    }
    let moment = now();
    let tenant = TenantRecord { created_at: moment.clone(), updated_at: moment, ..tenant.clone() };
    site.catalog().insert_tenant(&tenant).await?;
    Ok(Outcome::default().with("registered", 1))
}

async fn create(
    database: &Arc<dyn Writer>,
    namespace: &Namespace,
    statements: &[String],
    wanted: &str,
) -> Result<(), InitError> {
    database.create_namespace(namespace).await?;
    let there = database.introspect(namespace).await?;
    // The script is one transaction: either nothing of it is there, or all.
    if there.tables.is_empty() {
        return Ok(database.execute(namespace, statements).await?);
    }
    if fingerprint(&there) == wanted {
        return Ok(());
    }
    Err(InitError::ForeignTables { namespace: namespace.clone() })
}

async fn drop_structure(site: &SiteWriter, request: &Request, namespace: &Namespace) -> Result<Outcome, InitError> {
    let database = site.database(&request.placement).await?;
    if let Some(mut tenant) = site.catalog().tenant(&request.id).await? {
        tenant.status = TenantStatus::Dropping;
        site.catalog().update_tenant(&tenant).await?;
    }
    let existed = database.namespace_exists(namespace).await?;
    if existed {
        database.drop_namespace(namespace).await?;
    }
    if has_roles(database.engine()) {
        let roles = TenantRoles::of(namespace, site.site_id());
        database.execute(namespace, &roles.drop()).await?;
    }
    let mut outcome = Outcome::default().with("namespaces", u64::from(existed));
    outcome.notes.extend(site.cache().invalidate(&request.id).await.note());
    Ok(outcome)
}

/// The pack as the plan saw it, and the version that is made.
async fn release(site: &SiteWriter, request: &Request, digest: &str) -> Result<(Arc<Pack>, Version), InitError> {
    let pack = packs::load(&request.pack, site.packs())?;
    if pack.digest != digest {
        return Err(InitError::PackChanged { pack: request.pack.clone() });
    }
    let tenant = site.tenant(&request.id).await?;
    let version = tenant.version.parse().ok().or(request.version).unwrap_or_else(|| pack.newest());
    Ok((pack, version))
}

async fn load_fixture(
    site: &SiteWriter,
    (request, pack, release): (&Request, &Pack, &Release),
    data_type: &str,
    step: &StepContext,
) -> Result<Outcome, InitError> {
    let changed = || InitError::PackChanged { pack: request.pack.clone() };
    let fixture = release.fixtures.iter().find(|fixture| fixture.data_type == data_type).ok_or_else(changed)?;
    let table = release.model.tables.get(&fixture.table).ok_or_else(changed)?;
    let rows = fixtures::read(pack.name(), fixture, table)?;
    let key = key_of(&table.primary_key, &table.all_unique_keys(), &rows.columns);
    let namespace = Namespace::of(&request.id);
    let into = fixtures::Into { namespace: &namespace, table: &fixture.table, definition: table, key };
    let database = site.database(&request.placement).await?;
    Ok(fixtures::write(&database, into, rows, step).await?)
}

async fn create_admin(
    site: &SiteWriter,
    (request, pack, release): (&Request, &Pack, &Release),
    email: &str,
    step: &StepContext,
) -> Result<Outcome, InitError> {
    let no_admin = || InitError::NoAdmin { pack: pack.name().to_owned() };
    let admin = pack.manifest.admin.as_ref().ok_or_else(no_admin)?;
    let table = release.model.tables.get(&admin.table).ok_or_else(no_admin)?;
    let rows = fixtures::admin_row(pack.name(), admin, email, table)?;
    let namespace = Namespace::of(&request.id);
    let key = vec![admin.email.clone()];
    let into = fixtures::Into { namespace: &namespace, table: &admin.table, definition: table, key };
    let database = site.database(&request.placement).await?;
    Ok(fixtures::write(&database, into, rows, step).await?)
}

/// The first key whose columns the rows carry: by it a row is known to be there.
fn key_of(primary: &[String], unique: &[Vec<String>], columns: &[String]) -> Vec<String> {
    let carried = |key: &&[String]| !key.is_empty() && key.iter().all(|column| columns.contains(column));
    let keys = std::iter::once(primary).chain(unique.iter().map(Vec::as_slice));
    keys.into_iter().find(carried).unwrap_or(primary).to_vec()
}

async fn activate(site: &SiteWriter, id: &TenantId, request: &Request) -> Result<Outcome, InitError> {
    let mut tenant = site.tenant(id).await?;
    let pack = packs::load(&request.pack, site.packs())?;
    let mut outcome = Outcome::default();
    if let Some(tier) = pack.manifest.tiers.get(&tenant.tier) {
        let configuration = settings::configuration(&pack.manifest, &tenant.tier, tier);
        outcome.notes.extend(site.cache().invalidate(id).await.note());
        outcome.notes.extend(site.cache().publish_configuration(id, &configuration.into()).await.note());
    }
    tenant.status = TenantStatus::Active;
    site.catalog().update_tenant(&tenant).await?;
    Ok(outcome)
}
