//! `pack schema`: the JSON schema of one of a pack's files.

pub mod observe;

use super::{PackFault, Packs};
use crate::engine::Query;
use crate::model::pack::schema::File;

/// The query.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// Of which file.
    pub file: File,
}

impl Query for Schema {
    const NAME: &'static str = "pack.schema";
    type Reader = Packs;
    type View = serde_json::Value;
    type Error = PackFault;

    async fn observe(&self, _reader: &Packs) -> Result<serde_json::Value, PackFault> {
        Ok(observe::observe(self.file))
    }
}
