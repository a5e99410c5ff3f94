//! What the commands about keys look at: the generations of a tenant's key, and what the configuration says.

use serde_json::json;

use crate::backends::sealing::{KeyError, PASSPHRASE};
use crate::backends::site::SiteReader;
use crate::engine::{Fingerprint, chain};
use crate::model::TenantId;
use crate::operations::backup::BackupError;
use crate::snapshots::SnapshotError;
use crate::snapshots::key_record::Reason;
use crate::snapshots::keyring::known::Known;
use crate::snapshots::vault::Vault;

/// One generation, as far as a plan needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its number.
    pub number: u32,
    /// Who may open it.
    pub administrators: Vec<String>,
    /// Who was removed before it was made.
    pub removed: Vec<String>,
    /// Whether it takes the place of all before it.
    pub supersedes: bool,
    /// Whether it can be opened here.
    pub opens: bool,
    /// What is wrong with it.
    pub problem: Option<String>,
}

impl Generation {
    /// What is told of one that is not opened, and so not changed.
    pub fn left(&self) -> String {
        let why = self.problem.as_deref().unwrap_or("no key at hand opens it");
        format!("generation {} is left as it is: {why}", self.number)
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The tenant.
    pub tenant: TenantId,
    /// Where its keys are.
    pub location: String,
    /// The generations of its key, oldest first.
    pub generations: Vec<Generation>,
    /// Whom the configuration names.
    pub configured: Vec<String>,
    /// Remarks for people.
    pub notes: Vec<String>,
}

impl Fingerprint for Snapshot {
    fn fingerprint(&self) -> String {
        let one = |one: &Generation| json!([one.number, one.administrators, one.removed, one.opens]);
        let generations: Vec<_> = self.generations.iter().map(one).collect();
        chain::digest(&json!([self.location, generations, self.configured]))
    }
}

impl Snapshot {
    /// The newest generation; the plan rests on it, so it has to be open.
    ///
    /// # Errors
    /// If it cannot be opened here.
    pub fn newest(&self) -> Result<Option<&Generation>, BackupError> {
        match self.generations.last() {
            Some(Generation { opens: false, number, problem: Some(problem), .. }) => {
                let what = format!("generation {number} of the key of {}", self.tenant);
                Err(SnapshotError::Damaged { what, reason: problem.clone() }.into())
            }
            Some(Generation { opens: false, number, .. }) => {
                Err(SnapshotError::NoKey { tenant: self.tenant.to_string(), generation: *number }.into())
            }
            newest => Ok(newest),
        }
    }

    /// The same for a change by public keys, which has no meaning for a passphrase.
    ///
    /// # Errors
    /// If it cannot be opened here, or a passphrase opens it.
    pub fn newest_by_keys(&self) -> Result<Option<&Generation>, BackupError> {
        let newest = self.newest()?;
        if newest.is_some_and(|newest| newest.administrators.iter().any(|shown| shown == PASSPHRASE)) {
            return Err(KeyError::Mixed.into());
        }
        Ok(newest)
    }

    /// The number of the next generation.
    pub fn next(&self) -> u32 {
        self.generations.last().map_or(1, |newest| newest.number.saturating_add(1))
    }

    /// Who was removed so far.
    pub fn removed(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.generations.iter().filter(|one| one.opens).flat_map(|one| one.removed.clone()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// What is told of a tenant without a key.
    pub fn no_key(&self) -> String {
        format!(
            "{} has no key yet: its first sealed backup makes one for whom the configuration names then",
            self.tenant
        )
    }
}

pub(crate) async fn observe(tenant: &TenantId, reader: &SiteReader) -> Result<Snapshot, BackupError> {
    let options = reader.backups();
    let vault = Vault::existing(options).await?;
    let known = vault.keyring(tenant).known(vault.identities()).await?;
    let generations = known.iter().map(generation).collect();
    let location = vault.repository().store().location().to_owned();
    let mut notes = vault.passed_over.clone();
    if options.locations.len() > 1 {
        notes.push(format!("only the keys in {location}: the other places of backup.path have keys of their own"));
    }
    let configured = vault.administrators().shown();
    Ok(Snapshot { tenant: tenant.clone(), location, generations, configured, notes })
}

fn generation(known: &Known) -> Generation {
    Generation {
        number: known.record.generation(),
        administrators: known.record.administrators().to_vec(),
        removed: known.record.removed().to_vec(),
        supersedes: known.record.reason() == Reason::Rotated,
        opens: known.opens,
        problem: known.problem.clone().filter(|_| !known.opens),
    }
}
