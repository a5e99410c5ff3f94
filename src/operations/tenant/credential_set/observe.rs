//! What `tenant credential set` looks at.

use super::{CredentialSetError, Request, Snapshot};
use crate::backends::site::SiteReader;
use crate::operations::tenant::credential;

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, CredentialSetError> {
    credential::observe(request, reader).await
}
