//! Which tenants' keys are meant. Backups outlive their tenants, and so do the keys: tenants that are
//! registered no more can be named, and `--all` has them too.

use std::collections::BTreeSet;

use crate::backends::site::SiteReader;
use crate::cli::fault::Fault;
use crate::cli::flags::SelectionFlags;
use crate::cli::session::Session;
use crate::model::TenantId;
use crate::model::selection::glob_matches;
use crate::operations::backup::BackupError;
use crate::snapshots::keyring::known;
use crate::snapshots::vault::Vault;

/// The tenants that the flags choose.
pub async fn tenants(
    session: &Session,
    selection: &SelectionFlags,
    site: &SiteReader,
) -> Result<BTreeSet<TenantId>, Fault> {
    let vault = Vault::existing(site.backups()).await.map_err(BackupError::from)?;
    let registered = site.catalog().tenants().await?;
    let mut gone = known::tenants(vault.repository()).await.map_err(BackupError::from)?;
    gone.retain(|id| registered.iter().all(|tenant| tenant.id != *id));
    gone.retain(|id| !selection.exclude.iter().any(|pattern| glob_matches(pattern, id.as_str())));
    let narrowed = !selection.tier.is_empty() || !selection.label.is_empty();
    let named = |id: &TenantId| selection.tenant.iter().any(|name| name == id.as_str());
    gone.retain(|id| !narrowed && (selection.all || named(id)));

    let mut rest = selection.clone();
    rest.tenant.retain(|name| gone.iter().all(|id| id.as_str() != name));
    let only_gone = !gone.is_empty() && (!rest.names_a_target() || registered.is_empty());
    let mut found = gone;
    if !only_gone {
        found.extend(session.tenants(&rest).await?.into_iter().map(|tenant| tenant.id));
    }
    Ok(found)
}
