//! What setting and rotating a credential have in common.

use std::io::Read;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::backends::catalog::CredentialInfo;
use crate::backends::packs;
use crate::backends::site::{SiteReader, SiteWriter};
use crate::engine::{Effect, Fingerprint, Outcome, Size, StepContext, Undo, chain};
use crate::model::{TenantId, TenantRecord};

mod error;

pub use error::CredentialError;

/// The longest secret, in bytes.
const MOST: u64 = 64 * 1024;

/// What the user wants. The secret itself is never part of it: plans and the ledger keep requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRequest {
    /// The tenant.
    pub id: TenantId,
    /// The integration that needs it.
    pub integration: String,
    /// Its name there.
    pub name: String,
    /// The file that holds it; `None` when it was given otherwise.
    pub file: Option<PathBuf>,
}

impl CredentialRequest {
    /// The name under which it is stored: `spotify.client_secret`.
    pub fn key(&self) -> String {
        format!("{}.{}", self.integration, self.name)
    }
}

/// A secret in memory. It is never shown.
#[derive(Clone)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Keeps bytes as a secret, without the line end that a file or a terminal adds.
    pub fn new(mut bytes: Vec<u8>) -> Result<Self, CredentialError> {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        match bytes.len() as u64 {
            0 => Err(CredentialError::Empty),
            length if length > MOST => Err(CredentialError::TooLong),
            _ => Ok(Self(bytes)),
        }
    }

    /// Reads a secret to the end, from standard input for one.
    pub fn read(from: impl Read) -> Result<Self, CredentialError> {
        let mut bytes = Vec::new();
        let read = from.take(MOST + 3).read_to_end(&mut bytes);
        read.map_err(|error| CredentialError::Unreadable {
            from: "standard input".to_owned(),
            reason: error.to_string(),
        })?;
        Self::new(bytes)
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretBytes(***)")
    }
}

/// What was seen.
#[derive(Debug, Clone)]
pub struct CredentialSnapshot {
    /// The tenant.
    pub tenant: TenantRecord,
    /// The current generation, if there is one.
    pub current: Option<CredentialInfo>,
    /// Whether the tenant's pack speaks of it; `None` when the pack cannot be read.
    pub known: Option<bool>,
}

impl Fingerprint for CredentialSnapshot {
    fn fingerprint(&self) -> String {
        chain::digest(&json!([self.tenant.id, self.tenant.status, self.current]))
    }
}

/// One thing that setting or rotating does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum CredentialAction {
    /// A generation is added, sealed.
    Put {
        /// The tenant.
        id: TenantId,
        /// The name under which it is stored.
        key: String,
        /// The generation.
        generation: u64,
    },
    /// A generation is removed, and the one before counts again.
    Remove {
        /// The tenant.
        id: TenantId,
        /// The name under which it is stored.
        key: String,
        /// The generation.
        generation: u64,
    },
}

impl crate::engine::Action for CredentialAction {
    fn describe(&self) -> String {
        match self {
            Self::Put { key, generation: 1, .. } => format!("seal and store the credential {key}"),
            Self::Put { key, generation, .. } => {
                format!("seal and store generation {generation} of the credential {key}")
            }
            Self::Remove { key, generation, .. } => format!("remove generation {generation} of the credential {key}"),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::Put { generation: 1, .. } => Effect::Adds,
            Self::Put { .. } => Effect::Changes,
            Self::Remove { .. } => Effect::Destroys,
        }
    }

    fn size(&self) -> Size {
        Size::items(1)
    }

    fn undo(&self) -> Undo<Self> {
        match self.clone() {
            Self::Put { id, key, generation } => Undo::Inverse(Self::Remove { id, key, generation }),
            Self::Remove { .. } => Undo::Impossible { reason: "the secret must be given again".to_owned() },
        }
    }
}

/// Looks at a credential.
pub(super) async fn observe(
    request: &CredentialRequest,
    reader: &SiteReader,
) -> Result<CredentialSnapshot, CredentialError> {
    check_name(&request.integration)?;
    check_name(&request.name)?;
    let tenant = reader.tenant(&request.id).await?;
    let key = request.key();
    let current = reader.catalog().credentials(&tenant.id).await?.into_iter().find(|known| known.name == key);
    let known = packs::load(&tenant.pack, reader.packs()).ok().map(|pack| {
        let integration = pack.manifest.integrations.get(&request.integration);
        integration.is_some_and(|integration| integration.credentials.contains(&request.name))
    });
    Ok(CredentialSnapshot { tenant, current, known })
}

/// The remark about a name that the pack does not know.
pub(super) fn notes(request: &CredentialRequest, seen: &CredentialSnapshot) -> Vec<String> {
    if seen.known == Some(false) {
        return vec![format!("the pack '{}' does not speak of the credential {}", seen.tenant.pack, request.key())];
    }
    Vec::new()
}

/// Carries out one step.
pub(super) async fn perform(
    (request, secret): (&CredentialRequest, Option<&SecretBytes>),
    action: &CredentialAction,
    site: &SiteWriter,
    step: &StepContext,
) -> Result<Outcome, CredentialError> {
    match action {
        CredentialAction::Put { id, key, generation } => {
            let current = site.catalog().credentials(id).await?.into_iter().find(|known| known.name == *key);
            if current.is_none_or(|current| current.generation < *generation) {
                let secret = match secret {
                    Some(secret) => secret.clone(),
                    None => from_file(request)?,
                };
                let sealed = site.sealing().seal(&secret.0)?;
                site.catalog().put_credential(id, key, *generation, &sealed).await?;
            }
        }
        CredentialAction::Remove { id, key, generation } => {
            site.catalog().remove_credential(id, key, *generation).await?;
        }
    }
    step.set_done(1);
    Ok(Outcome::default())
}

fn from_file(request: &CredentialRequest) -> Result<SecretBytes, CredentialError> {
    let path = request.file.as_ref().ok_or(CredentialError::NoSecret)?;
    let unreadable = |error: std::io::Error| CredentialError::Unreadable {
        from: path.display().to_string(),
        reason: error.to_string(),
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MOST + 3).read_to_end(&mut bytes).map_err(unreadable)?;
    SecretBytes::new(bytes)
}

fn check_name(name: &str) -> Result<(), CredentialError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    if (1..=60).contains(&name.len()) && name.chars().all(plain) {
        return Ok(());
    }
    Err(CredentialError::Name { shown: name.escape_debug().take(80).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_loses_its_line_end_and_nothing_else() {
        let of = |text: &str| SecretBytes::new(text.as_bytes().to_vec()).map(|secret| secret.0);
        assert_eq!(of("s3cr3t\r\n").unwrap(), b"s3cr3t");
        assert_eq!(of(" two words \n").unwrap(), b" two words ");
        assert!(matches!(of("\n"), Err(CredentialError::Empty)));
        assert!(matches!(of(&"x".repeat(70_000)), Err(CredentialError::TooLong)));
        assert_eq!(format!("{:?}", SecretBytes::new(b"s3cr3t".to_vec()).unwrap()), "SecretBytes(***)");
    }

    #[test]
    fn names_are_plain() {
        assert!(check_name("client_secret").is_ok());
        for bad in ["", "a.b", "A", "a b", "ü", &"x".repeat(61)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
