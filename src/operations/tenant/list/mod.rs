//! `tenant list`: every registered tenant, or those that are selected.

mod observe;

use serde::Serialize;

use crate::backends::site::{SiteError, SiteReader};
use crate::engine::Query;
use crate::model::{Selection, TenantRecord};

/// The query.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// Which tenants; empty for all.
    pub selection: Selection,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// The tenants, by id.
    pub tenants: Vec<TenantRecord>,
}

impl Query for List {
    const NAME: &'static str = "tenant.list";
    type Reader = SiteReader;
    type View = View;
    type Error = SiteError;

    async fn observe(&self, reader: &SiteReader) -> Result<View, SiteError> {
        observe::observe(self, reader).await
    }
}
