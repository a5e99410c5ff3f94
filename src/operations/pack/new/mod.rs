//! `pack new`: the files of a pack of one's own, to start from.

pub mod apply;
pub mod error;
pub mod observe;
pub mod plan;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use error::NewError;

use super::Packs;
use super::files::{Folder, WriteFile};
use crate::engine::plan::Draft;
use crate::engine::{Operation, Outcome, StepContext, Target};

/// What the user meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The new pack's name.
    pub name: String,
    /// Its folder; below the folder of packs by default.
    pub folder: Option<PathBuf>,
    /// A pack to copy instead of the small one to start from.
    pub from: Option<String>,
}

/// The operation.
#[derive(Debug, Clone)]
pub struct New {
    request: Request,
}

impl New {
    /// For this request.
    pub fn of(request: Request) -> Self {
        Self { request }
    }
}

impl Operation for New {
    const NAME: &'static str = "pack.new";
    type Request = Request;
    type Snapshot = Folder;
    type Action = WriteFile;
    type Reader = Packs;
    type Writer = ();
    type Error = NewError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        Target { name: self.request.name.clone(), site: "files".to_owned() }
    }

    async fn observe(&self, reader: &Packs) -> Result<Folder, NewError> {
        observe::observe(&self.request, reader)
    }

    fn decide(&self, folder: &Folder) -> Result<Draft<WriteFile>, NewError> {
        plan::decide(folder)
    }

    async fn perform(&self, action: &WriteFile, _writer: &(), _context: &StepContext) -> Result<Outcome, NewError> {
        apply::perform(action).await
    }
}
