//! The schema is a function of the file's kind alone.

use crate::model::pack::schema::{File, schema};

/// The schema of a file.
pub fn observe(file: File) -> serde_json::Value {
    schema(file)
}
