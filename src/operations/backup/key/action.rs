//! What the commands about keys do.

use serde::{Deserialize, Serialize};

use crate::backends::sealing::{Administrator, Administrators, PASSPHRASE};
use crate::backends::site::SiteWriter;
use crate::engine::{Effect, Outcome, Size, StepContext, Undo};
use crate::model::TenantId;
use crate::operations::backup::BackupError;
use crate::snapshots::SnapshotError;
use crate::snapshots::vault::Vault;

/// One thing that changes who may open backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A new generation, which later backups are sealed with.
    Supersede {
        /// Its number.
        generation: u32,
        /// Who may open it.
        administrators: Vec<String>,
        /// Who was removed, and must not come back unnoticed.
        removed: Vec<String>,
    },
    /// The sealed key of a generation is written anew, for others.
    Reseal {
        /// Which.
        generation: u32,
        /// Who may open it from now on.
        administrators: Vec<String>,
    },
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        match self {
            Self::Supersede { generation, administrators, .. } => {
                format!("make generation {generation} of the key, for {}", administrators.join(", "))
            }
            Self::Reseal { generation, administrators } => {
                format!("seal generation {generation} of the key anew, for {}", administrators.join(", "))
            }
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Supersede { .. } => Effect::Adds,
            Self::Reseal { .. } => Effect::Changes,
        }
    }

    fn size(&self) -> Size {
        Size::items(1)
    }

    fn undo(&self) -> Undo<Self> {
        let reason = match self {
            Self::Supersede { .. } => "backups may be sealed with it already; older ones stay readable",
            Self::Reseal { .. } => {
                "who could open it may have done so; 'backup key add' and 'backup key remove' change it again"
            }
        };
        Undo::Impossible { reason: reason.to_owned() }
    }
}

pub(crate) async fn perform(
    tenant: &TenantId,
    action: &Action,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, BackupError> {
    let vault = Vault::existing(site.backups()).await?;
    let keyring = vault.keyring(tenant);
    let outcome = match action {
        Action::Supersede { generation, administrators, removed } => {
            let made = keyring.supersede(*generation, &named(&vault, administrators)?, removed).await?;
            let mut outcome = Outcome::default().with("generations_made", 1);
            outcome.notes.push(format!("generation {made} of the key is used from now on"));
            outcome
        }
        Action::Reseal { generation, administrators } => {
            keyring.reseal(*generation, &named(&vault, administrators)?, vault.identities()).await?;
            Outcome::default().with("generations_resealed", 1)
        }
    };
    step.set_done(1);
    Ok(outcome)
}

/// The administrators of these public keys; a passphrase is the one that is configured.
fn named(vault: &Vault, shown: &[String]) -> Result<Administrators, BackupError> {
    if shown.iter().all(|one| one == PASSPHRASE) {
        let configured = vault.administrators();
        let by_passphrase = configured.iter().any(|one| matches!(one, Administrator::Passphrase(_)));
        return if by_passphrase { Ok(configured.clone()) } else { Err(SnapshotError::NobodyToSealFor.into()) };
    }
    Ok(Administrators::of(shown.iter().map(|one| one.parse()).collect::<Result<_, _>>()?)?)
}
