//! One step a file.

use super::NewError;
use crate::engine::plan::Draft;
use crate::operations::pack::files::{Folder, WriteFile};

/// Decides: pure.
pub fn decide(folder: &Folder) -> Result<Draft<WriteFile>, NewError> {
    Ok(folder.decide()?)
}
