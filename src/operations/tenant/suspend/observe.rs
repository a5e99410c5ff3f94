//! What `tenant suspend` looks at.

use super::{Request, Snapshot, SuspendError};
use crate::backends::site::SiteReader;
use crate::operations::tenant::status;

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, SuspendError> {
    Ok(status::observe(&request.id, reader).await?)
}
