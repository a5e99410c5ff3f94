//! Writes one file.

use super::NewError;
use crate::engine::Outcome;
use crate::operations::pack::files::{self, WriteFile};

/// Carries out one action.
pub async fn perform(action: &WriteFile) -> Result<Outcome, NewError> {
    Ok(files::perform(action).await?)
}
