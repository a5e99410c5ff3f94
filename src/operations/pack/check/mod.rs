//! `pack check`: whether a pack can be used, down to its last record of first data.

mod first_data;
pub mod observe;

use serde::Serialize;

use super::{PackFault, Packs};
use crate::engine::Query;
use crate::model::Version;

/// The query.
#[derive(Debug, Clone, Default)]
pub struct Check {
    /// The pack, by name or folder.
    pub pack: String,
}

/// A pack that is right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    /// The pack's name.
    pub pack: String,
    /// Digest of all files.
    pub digest: String,
    /// What was checked, version by version.
    pub versions: Vec<Checked>,
    /// What is no mistake, but good to know.
    pub notes: Vec<String>,
}

/// What was checked of one version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// Which.
    pub version: Version,
    /// Tables.
    pub tables: usize,
    /// Steps from the version before; each can be taken back.
    pub steps: usize,
    /// Records of first data.
    pub records: u64,
    /// Structural fingerprint of the tables.
    pub fingerprint: String,
}

impl Query for Check {
    const NAME: &'static str = "pack.check";
    type Reader = Packs;
    type View = View;
    type Error = PackFault;

    async fn observe(&self, reader: &Packs) -> Result<View, PackFault> {
        observe::observe(&self.pack, reader)
    }
}
