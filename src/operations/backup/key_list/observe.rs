//! What `backup key list` looks at: the records of keys, and which of the keys open here.

use super::{KeyList, Listed, Recipient, TenantKeys, View};
use crate::backends::sealing::{Administrator, Administrators};
use crate::backends::site::SiteReader;
use crate::operations::backup::BackupError;
use crate::snapshots::keyring::known::{self, Known};
use crate::snapshots::vault::Vault;

pub(super) async fn observe(list: &KeyList, reader: &SiteReader) -> Result<View, BackupError> {
    let options = reader.backups();
    let administrators = options.administrators()?;
    let configured = administrators.iter().map(|one| recipient(&one.shown(), &administrators)).collect();
    let Some(vault) = Vault::look(options).await? else {
        return Ok(View { location: None, tenants: Vec::new(), configured, notes: Vec::new() });
    };
    let mut tenants = Vec::new();
    for tenant in known::tenants(vault.repository()).await? {
        if !list.tenants.is_empty() && !list.tenants.iter().any(|wanted| wanted == tenant.as_str()) {
            continue;
        }
        // What is wrong with the keys of one tenant hides nobody else's.
        let (generations, problem) = match vault.keyring(&tenant).known(vault.identities()).await {
            Ok(all) => (all.iter().map(|one| listed(one, &administrators)).collect(), None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        tenants.push(TenantKeys { tenant: tenant.to_string(), generations, problem });
    }
    let mut notes = vault.passed_over.clone();
    if administrators.is_empty() {
        notes.push("nobody is named who could open backups: new backups are not sealed".to_owned());
    }
    let location = Some(vault.repository().store().location().to_owned());
    Ok(View { location, tenants, configured, notes })
}

fn listed(known: &Known, configured: &Administrators) -> Listed {
    let record = &known.record;
    Listed {
        generation: record.generation(),
        made_at: record.made_at().to_string(),
        reason: record.reason(),
        recipients: record.administrators().iter().map(|shown| recipient(shown, configured)).collect(),
        removed: record.removed().to_vec(),
        opens: known.opens,
        seals: known.seals,
        proven: known.proven,
        problem: known.problem.clone(),
    }
}

fn recipient(shown: &str, configured: &Administrators) -> Recipient {
    let found = configured.iter().find(|one| one.shown() == shown);
    Recipient {
        key: shown.to_owned(),
        comment: found.and_then(Administrator::comment).map(str::to_owned),
        configured: found.is_some(),
    }
}
