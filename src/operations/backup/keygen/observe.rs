//! What `backup keygen` looks at: whether the file is there.

use super::Request;
use crate::engine::Fingerprint;

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether something of that name exists.
    pub exists: bool,
}

impl Fingerprint for Snapshot {
    fn fingerprint(&self) -> String {
        self.exists.to_string()
    }
}

pub(super) fn observe(request: &Request) -> Snapshot {
    Snapshot { exists: request.path.symlink_metadata().is_ok() }
}
