//! What `tenant credential rotate` looks at.

use super::{CredentialRotateError, Request, Snapshot};
use crate::backends::site::SiteReader;
use crate::operations::tenant::credential;

pub(super) async fn observe(request: &Request, reader: &SiteReader) -> Result<Snapshot, CredentialRotateError> {
    credential::observe(request, reader).await
}
