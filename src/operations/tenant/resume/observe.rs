//! What `tenant resume` looks at.

use super::{Request, ResumeError, Snapshot};
use crate::backends::site::SiteReader;
use crate::operations::tenant::status;

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, ResumeError> {
    Ok(status::observe(&request.id, reader).await?)
}
