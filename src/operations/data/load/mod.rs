//! `data load`: records from files into a tenant's tables, checked before they are written.
//!
//! | file | holds |
//! |---|---|
//! | [`request`] | what the user meant |
//! | [`sources`] | which file goes into which table |
//! | [`observe`] | digests, headers, counts: what the plan rests on |
//! | [`plan`] | the steps |
//! | [`rehearse`] | what a dry run foresees beyond the plan |
//! | [`apply`] | one step |
//! | `safety` | what is copied before rows are changed, and comes back |
//! | `settle` | the end |
//! | [`reading`], [`shaper`], [`lookups`] | the thread that parses, maps, checks and encodes |
//! | [`sealed`] | columns that are kept sealed |
//! | [`rejects`], [`refused`] | the rejects file |
//! | [`spool`] | sources that cannot be read twice |
//! | [`unload`] | taking a load back |

pub mod apply;
mod candidates;
pub mod circles;
pub mod error;
mod failure;
pub mod lookups;
pub mod observe;
mod pending;
pub mod plan;
pub mod reading;
pub mod refused;
pub mod rehearse;
pub mod rejects;
pub mod request;
mod safety;
pub mod sealed;
mod settle;
pub mod shaper;
pub mod sources;
pub mod spool;
pub mod unload;

pub use crate::rules::time_zone;
pub use error::LoadError;
pub use observe::Seen;
pub use plan::LoadAction;
pub use request::{Input, MaxErrors, Mode, OnError, Request};

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::plan::Draft;
use crate::engine::{Operation, Outcome, StepContext, Target};

/// The operation.
#[derive(Debug, Clone)]
pub struct Load {
    request: Request,
    site: String,
    /// Tables that took every record of their source in this process.
    clean: Arc<Mutex<BTreeSet<String>>>,
}

impl Load {
    /// For this request at this site.
    pub fn new(request: Request, site: &str) -> Self {
        Self { request, site: site.to_owned(), clean: Arc::default() }
    }
}

impl Operation for Load {
    const NAME: &'static str = "data.load";
    type Request = Request;
    type Snapshot = Seen;
    type Action = LoadAction;
    type Reader = SiteReader;
    type Writer = SiteWriter;
    type Error = LoadError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        Target { name: self.request.tenant.to_string(), site: self.site.clone() }
    }

    async fn observe(&self, reader: &SiteReader) -> Result<Seen, LoadError> {
        observe::observe(&self.request, reader).await
    }

    fn decide(&self, seen: &Seen) -> Result<Draft<LoadAction>, LoadError> {
        plan::decide(&self.request, seen)
    }

    async fn rehearse(
        &self,
        seen: &Seen,
        reader: &SiteReader,
        context: &StepContext,
    ) -> Result<Option<Outcome>, LoadError> {
        rehearse::rehearse(&self.request, seen, reader, context).await.map(Some)
    }

    async fn perform(
        &self,
        action: &LoadAction,
        writer: &SiteWriter,
        context: &StepContext,
    ) -> Result<Outcome, LoadError> {
        apply::perform((&self.request, &self.clean), action, writer, context).await
    }
}
