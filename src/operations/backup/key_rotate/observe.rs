//! What `backup key rotate` looks at: the generations of the tenant's key.

use super::{Request, Snapshot};
use crate::backends::site::SiteReader;
use crate::operations::backup::{BackupError, key};

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, BackupError> {
    key::observe(&request.id, reader).await
}
