//! `backup restore`: a snapshot is brought back beside the living tenant, compared, and then put in its place.

mod apply;
mod files;
mod observe;
mod places;
mod plan;
mod rows;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use observe::Snapshot;
pub use plan::Action;
pub use rows::{Replaced, Single};

use super::BackupError;
use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Draft, Operation, Outcome, StepContext, Target};
use crate::model::TenantId;

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// A snapshot, a tenant (its newest), or an archive.
    pub what: String,
    /// The tenant that it becomes.
    pub id: TenantId,
    /// The database that it goes to; where the tenant lives, or lived, by default.
    pub placement: Option<String>,
    /// Only these tables, into the living tenant.
    #[serde(default)]
    pub tables: Option<BTreeSet<String>>,
    /// Whether these go without a safety copy.
    #[serde(default)]
    pub no_safety_copy: bool,
}

impl Request {
    /// An archive is named by its whole path, so that a saved plan and a resume find it.
    pub fn new(what: String, id: TenantId, placement: Option<String>) -> Self {
        let path = PathBuf::from(&what);
        let whole = path.is_file().then(|| path.canonicalize().ok()).flatten();
        Self {
            what: whole.map_or(what, |path| path.display().to_string()),
            id,
            placement,
            tables: None,
            no_safety_copy: false,
        }
    }
}

impl Request {
    /// Only these tables, into the living tenant.
    #[must_use]
    pub fn of_tables(self, tables: impl IntoIterator<Item = String>) -> Self {
        Self { tables: Some(tables.into_iter().collect()), ..self }
    }
}

/// The operation.
#[derive(Debug, Clone)]
pub struct Restore {
    request: Request,
    target: Target,
}

impl Restore {
    /// On the site of this identity.
    pub fn new(request: Request, site: &str) -> Self {
        let target = Target { name: request.id.to_string(), site: site.to_owned() };
        Self { request, target }
    }
}

impl Operation for Restore {
    const NAME: &'static str = "backup.restore";
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
        Ok(plan::decide(snapshot))
    }

    async fn perform(&self, action: &Action, writer: &SiteWriter, step: &StepContext) -> Result<Outcome, BackupError> {
        apply::perform(action, writer, step).await
    }
}
