//! `pack show`: what a pack says.

pub mod observe;

use serde::Serialize;

use super::{PackFault, Packs};
use crate::engine::Query;
use crate::model::pack::Manifest;
use crate::model::{Model, Version};

/// The query.
#[derive(Debug, Clone, Default)]
pub struct Show {
    /// The pack, by name or folder.
    pub pack: String,
    /// Which version's tables; the newest by default.
    pub version: Option<Version>,
    /// Only this table.
    pub table: Option<String>,
}

/// What a pack says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    /// `pack.yaml`.
    pub manifest: Manifest,
    /// Digest of all files.
    pub digest: String,
    /// Every version, oldest first.
    pub releases: Vec<ReleaseView>,
    /// The version whose tables are shown.
    pub version: Version,
    /// Its tables, or the one that was asked for.
    pub model: Model,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseView {
    /// Which.
    pub version: Version,
    /// What it brings.
    pub title: Option<String>,
    /// Steps from the version before.
    pub steps: usize,
    /// Tables.
    pub tables: usize,
    /// Structural fingerprint of its tables.
    pub fingerprint: String,
    /// Data types with first data, in the order in which they are loaded.
    pub first_data: Vec<String>,
}

impl Query for Show {
    const NAME: &'static str = "pack.show";
    type Reader = Packs;
    type View = View;
    type Error = PackFault;

    async fn observe(&self, reader: &Packs) -> Result<View, PackFault> {
        observe::observe(self, reader)
    }
}
