//! What the user meant with `data export`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::formats::{Compression, SourceFormat};
use crate::model::TenantId;

/// What is written, where to, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The tenant.
    pub tenant: TenantId,
    /// Which data types; empty for all tables.
    pub data_types: Vec<String>,
    /// The format: CSV, JSON or NDJSON.
    pub format: SourceFormat,
    /// How the files are compressed.
    pub compression: Compression,
    /// The directory, one file a data type.
    pub directory: PathBuf,
    /// Whether personal data is masked and secrets are left out.
    pub mask_pii: bool,
    /// Whether files that exist are replaced.
    pub overwrite: bool,
}
