//! `pack introspect`: a pack from a schema that exists already.

pub mod apply;
pub mod error;
pub mod observe;
pub mod plan;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use error::IntrospectError;

use super::files::{Folder, WriteFile};
use crate::backends::database::Reader;
use crate::engine::plan::Draft;
use crate::engine::{Operation, Outcome, StepContext, Target};
use crate::model::{Namespace, Version};

/// What the user meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The schema, or the stem of the SQLite file.
    pub namespace: Namespace,
    /// The new pack's name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// Its folder.
    pub folder: PathBuf,
}

/// The operation.
#[derive(Debug, Clone)]
pub struct Introspect {
    request: Request,
}

impl Introspect {
    /// For this request.
    pub fn new(request: Request) -> Self {
        Self { request }
    }
}

impl Operation for Introspect {
    const NAME: &'static str = "pack.introspect";
    type Request = Request;
    type Snapshot = Folder;
    type Action = WriteFile;
    type Reader = Arc<dyn Reader>;
    type Writer = ();
    type Error = IntrospectError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        Target { name: self.request.name.clone(), site: "files".to_owned() }
    }

    async fn observe(&self, reader: &Arc<dyn Reader>) -> Result<Folder, IntrospectError> {
        observe::observe(&self.request, reader.as_ref()).await
    }

    fn decide(&self, folder: &Folder) -> Result<Draft<WriteFile>, IntrospectError> {
        plan::decide(folder)
    }

    async fn perform(
        &self,
        action: &WriteFile,
        _writer: &(),
        _context: &StepContext,
    ) -> Result<Outcome, IntrospectError> {
        apply::perform(action).await
    }
}
