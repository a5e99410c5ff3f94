//! What a plan says of a safety copy before it is made.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::SafetyError;
use crate::backends::database::TableStats;
use crate::backends::site::SiteReader;
use crate::model::TenantId;
use crate::snapshots::vault::Vault;

/// What is to be copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// The tenant with everything in it.
    Whole,
    /// The rows of these tables.
    Tables(BTreeSet<String>),
    /// Its entry in the registry and its credentials.
    Entry,
}

/// A safety copy that is going to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreseen {
    /// What is to be copied.
    pub wanted: Wanted,
    /// How many tables.
    pub tables: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes; 0 where the engine cannot tell.
    pub bytes: u64,
    /// Where it goes.
    pub location: String,
    /// Whether it is sealed.
    pub sealed: bool,
}

impl Foreseen {
    /// One line for people.
    pub fn describe(&self) -> String {
        let what = match &self.wanted {
            Wanted::Whole => format!("{} tables", self.tables),
            Wanted::Tables(tables) => tables.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
            Wanted::Entry => "the registry's entry and the credentials".to_owned(),
        };
        format!("keep a safety copy of {what} in {}{}", self.location, if self.sealed { ", sealed" } else { "" })
    }

    /// The bytes, where they are known.
    pub fn amount(&self) -> Option<u64> {
        (self.bytes > 0).then_some(self.bytes)
    }

    /// What makes a plan stale that was made for another place.
    pub fn place(&self) -> (&str, bool) {
        (&self.location, self.sealed)
    }

    /// A remark for people, in words for the plan.
    pub fn note(&self) -> String {
        let open = if self.sealed { "" } else { "; it is not sealed: 'fixtool backup keygen' makes a key" };
        format!("the safety copy is kept for 30 days at least, and 'fixtool op undo' brings it back{open}")
    }
}

/// Looks at where a safety copy would go.
///
/// # Errors
/// If no repository answers: then nothing is to be begun.
pub async fn foresee(
    site: &SiteReader,
    tenant: &TenantId,
    wanted: Wanted,
    tables: &[TableStats],
) -> Result<Foreseen, SafetyError> {
    let (location, sealed) = place(site).await.map_err(|error| error.not_made(tenant))?;
    Ok(Foreseen {
        wanted,
        tables: tables.len() as u64,
        rows: tables.iter().map(|table| table.rows).sum(),
        bytes: tables.iter().map(|table| table.bytes).sum(),
        location,
        sealed,
    })
}

async fn place(site: &SiteReader) -> Result<(String, bool), SafetyError> {
    let options = site.backups();
    Ok(match Vault::look(options).await? {
        Some(vault) => (vault.repository().store().location().to_owned(), vault.seals()),
        None => (options.locations.first().cloned().unwrap_or_default(), !options.administrators()?.is_empty()),
    })
}
