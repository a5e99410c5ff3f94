//! `data export`: a tenant's tables into files that `data load` reads back to the same rows.
//!
//! | file | holds |
//! |---|---|
//! | [`request`] | what the user meant |
//! | [`observe`] | which tables there are, and which files stand in the way |
//! | [`plan`] | one step a table |
//! | [`apply`] | one step: a private file that is renamed into place |
//! | [`stream`] | rows on their way from the database into any output |

pub mod apply;
pub mod error;
pub mod observe;
pub mod plan;
pub mod request;
pub mod stream;

pub use error::ExportError;
pub use observe::Seen;
pub use plan::ExportAction;
pub use request::Request;

use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::plan::Draft;
use crate::engine::{Operation, Outcome, StepContext, Target};
use crate::model::mask::Masker;

/// The operation.
#[derive(Debug, Clone)]
pub struct Export {
    request: Request,
    site: String,
    /// One secret for the whole run, and for no other: the same value has the same mask in every
    /// table, and nobody can make the masks again.
    masker: Masker,
}

impl Export {
    /// For this request at this site.
    pub fn new(request: Request, site: &str) -> Self {
        Self { request, site: site.to_owned(), masker: Masker::of_this_run() }
    }
}

impl Operation for Export {
    const NAME: &'static str = "data.export";
    type Request = Request;
    type Snapshot = Seen;
    type Action = ExportAction;
    type Reader = SiteReader;
    type Writer = SiteWriter;
    type Error = ExportError;

    fn request(&self) -> &Request {
        &self.request
    }

    fn target(&self) -> Target {
        Target { name: self.request.tenant.to_string(), site: self.site.clone() }
    }

    async fn observe(&self, reader: &SiteReader) -> Result<Seen, ExportError> {
        observe::observe(&self.request, reader).await
    }

    fn decide(&self, seen: &Seen) -> Result<Draft<ExportAction>, ExportError> {
        plan::decide(&self.request, seen)
    }

    async fn perform(
        &self,
        action: &ExportAction,
        writer: &SiteWriter,
        context: &StepContext,
    ) -> Result<Outcome, ExportError> {
        apply::perform((&self.request, &self.masker), action, writer, context).await
    }
}
