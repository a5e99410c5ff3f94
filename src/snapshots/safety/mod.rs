//! Safety copies: what an operation is about to destroy is put into the repository first, and `op undo` brings it back.
//!
//! A safety copy is a snapshot like any other: parts that are stored already are used again, and it is sealed as soon as a key
//! exists. It carries the tags [`TAG`] and `run:<run>`, by which the undo of that run finds it, and a pin that keeps it
//! from being pruned for [`KEPT`].
//!
//! | file | holds |
//! |---|---|
//! | [`mod@foresee`] | what a plan says of a copy before it is made |
//! | [`keep`] | making one |
//! | [`beyond`] | what a tenant has beyond its namespace: its entry in the registry, credentials, members of its roles |
//! | [`back`] | a whole tenant comes back |
//! | [`error`] | what can go wrong |

pub mod back;
pub mod beyond;
pub mod error;
pub mod foresee;
pub mod keep;

use std::sync::Arc;
use std::time::Duration;

pub use back::Back;
pub use error::{Cause, SafetyError};
pub use foresee::{Foreseen, Wanted, foresee};
pub use keep::{Keeping, Kept};

use super::error::SnapshotError;
use super::source::{RepositorySource, SnapshotSource as _};
use super::vault::Vault;
use crate::backends::sealing::KeyError;
use crate::model::TenantId;

/// How long a safety copy is kept, whatever is said of other snapshots.
pub const KEPT: Duration = Duration::from_hours(30 * 24);

/// The word by which safety copies are known.
pub const TAG: &str = "safety";

/// The word by which the snapshot of a run is known.
pub fn run_tag(run: &str) -> String {
    format!("run:{run}")
}

/// The safety copy that a run made, opened and with all its keys at hand.
///
/// # Errors
/// If there is none, or it cannot be opened here.
pub async fn find(vault: &Vault, tenant: &TenantId, run: &str) -> Result<Arc<RepositorySource>, SafetyError> {
    let repository = vault.repository();
    let keys = vault.keys(tenant).await?;
    let mut closed = None;
    for entry in repository.snapshots(tenant).await?.into_iter().rev() {
        match repository.manifest(tenant, &entry.id, &keys).await {
            Ok(manifest) if manifest.tags.contains(TAG) && manifest.tags.contains(&run_tag(run)) => {
                let source = vault.source(tenant, &entry.id).await?;
                source.keys().all_at_hand(source.manifest())?;
                return Ok(Arc::new(source));
            }
            Ok(_) => {}
            Err(error) => closed = closed.or(Some(error)),
        }
    }
    let (tenant, run, location) = (tenant.to_string(), run.to_owned(), repository.store().location().to_owned());
    Err(match closed {
        None => SafetyError::Missing { tenant, run, location },
        Some(SnapshotError::Key(KeyError::Wrong { .. })) => SafetyError::Closed { tenant, run },
        Some(other) => other.into(),
    })
}
