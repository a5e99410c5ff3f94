//! `backup create`: one moment of a tenant, stored whole or as what changed since the last time.

mod apply;
mod copies;
mod observe;
mod plan;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use observe::Snapshot;
pub use plan::Action;

use super::BackupError;
use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};
use crate::model::TenantId;
use crate::snapshots::Codec;
use crate::snapshots::archive::ArchiveFormat;
use crate::snapshots::manifest::Kind;

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The tenant.
    pub id: TenantId,
    /// Everything anew, or what changed.
    pub kind: Kind,
    /// Only these tables; all by default.
    pub tables: Option<BTreeSet<String>>,
    /// Whether structure is stored.
    pub structure: bool,
    /// Whether rows are stored.
    pub rows: bool,
    /// Whether the tenant's files are stored, and which; not by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Files>,
    /// How parts are compressed.
    pub codec: Codec,
    /// Whether it must be sealed, must not be, or is as soon as a key exists.
    pub sealed: Option<bool>,
    /// A directory for one archive, in place of the repository.
    pub archive: Option<Archive>,
    /// Second places, in which the snapshot shall lie as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<String>,
    /// The least share of the last backup's rows with which the result counts as right.
    pub min_rows_ratio: f64,
    /// Words to keep it by.
    pub tags: BTreeSet<String>,
}

/// Which files are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Files {
    /// Every one.
    All,
    /// Those that cannot be made again.
    WithoutCache,
}

/// An archive that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// Its directory.
    pub folder: PathBuf,
    /// Its kind.
    pub format: ArchiveFormat,
}

impl Request {
    /// A whole backup of a tenant into the repository.
    pub fn whole(id: TenantId) -> Self {
        Self {
            id,
            kind: Kind::Full,
            tables: None,
            structure: true,
            rows: true,
            files: None,
            codec: Codec::default(),
            sealed: None,
            archive: None,
            copies: Vec::new(),
            min_rows_ratio: 0.5,
            tags: BTreeSet::new(),
        }
    }
}

/// The operation.
#[derive(Debug, Clone)]
pub struct Create {
    request: Request,
    target: Target,
}

impl Create {
    /// On the site of this identity.
    pub fn new(request: Request, site: &str) -> Self {
        let target = Target { name: request.id.to_string(), site: site.to_owned() };
        Self { request, target }
    }
}

impl Operation for Create {
    const NAME: &'static str = "backup.create";
    type Request = Request;
    type Snapshot = Snapshot;
    type Action = Action;
    type Reader = SiteReader;
    type Writer = SiteWriter;
    type Error = BackupError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        self.target.clone()
    }

    async fn observe(&self, reader: &SiteReader) -> Result<Snapshot, BackupError> {
        observe::observe(&self.request, reader).await
    }

    fn decide(&self, snapshot: &Snapshot) -> Result<Draft<Action>, BackupError> {
        plan::decide(&self.request, snapshot)
    }

    async fn perform(&self, action: &Action, writer: &SiteWriter, step: &StepContext) -> Result<Outcome, BackupError> {
        apply::perform(&self.request, action, writer, step).await
    }
}
