//! What `tenant list` looks at: the registry, in one query.

use super::{List, View};
use crate::backends::site::{SiteError, SiteReader};

pub(super) async fn observe(list: &List, reader: &SiteReader) -> Result<View, SiteError> {
    let mut tenants = reader.catalog().tenants().await?;
    let wanted = &list.selection;
    if !wanted.is_empty() || !wanted.exclude.is_empty() {
        // Exclusions alone leave out of all.
        let mut wanted = wanted.clone();
        wanted.all |= wanted.is_empty();
        tenants.retain(|tenant| wanted.matches(tenant));
    }
    Ok(View { tenants })
}
