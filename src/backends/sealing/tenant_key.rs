//! The key of one tenant and generation, and what is derived from it.
//!
//! Three keys, each weaker than the one before:
//!
//! | key | who has it | what it allows |
//! |---|---|---|
//! | [`TenantKey`] | whoever can open `keys/<tenant>/<generation>.age` | everything |
//! | [`SealingKey`] | a machine that makes backups: its state directory, mode 0600 | sealing parts, naming them, reading and signing manifests; no row can be read with it |
//! | recipient | anybody | sealing; useless alone, because it names and signs nothing |
//!
//! The sealing key is the tenant's recipient and a *content key* of 32 bytes, which is derived one way from the
//! secret half of the tenant's key. So whoever opens the tenant's key has the content key too, and never the other
//! way round. From the content key come, with different contexts of `blake3::derive_key`:
//!
//! - the key of the hashes that name parts, so that the storage provider cannot test for known content;
//! - the key of the signatures under manifests and key records, so that a provider, who may know the
//!   recipient and could seal a forged snapshot for it, cannot forge one that is believed;
//! - a second age identity, to which manifests are sealed as well, so that a machine that only makes backups can
//!   compare with the last snapshot, prune and verify sizes;
//! - the seed of the places where tables are cut, because sizes of parts tell something about content, too.

use std::str::FromStr;

use age::secrecy::{ExposeSecret, SecretString};
use age::{Identity, Recipient, x25519};
use bech32::{Bech32, Hrp};

use super::stream::{open_with, seal_for};
use super::{Administrators, Identities, KeyError};

/// A sealed tenant key is a short text.
const MOST: u64 = 1 << 16;

/// The key of one tenant and generation, with its secret half.
#[derive(Clone)]
pub struct TenantKey {
    identity: x25519::Identity,
}

impl std::fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TenantKey({})", self.identity.to_public())
    }
}

/// A new age identity as `age-keygen` writes it, for an administrator, and its public half.
pub fn new_identity_file() -> (SecretString, String) {
    let identity = x25519::Identity::generate();
    let (public, secret) = (identity.to_public().to_string(), identity.to_string());
    (SecretString::from(format!("# public key: {public}\n{}\n", secret.expose_secret())), public)
}

impl TenantKey {
    /// A new one.
    pub fn generate() -> Self {
        Self { identity: x25519::Identity::generate() }
    }

    /// What a machine needs to make backups, and no more.
    pub fn sealing(&self) -> SealingKey {
        let secret = self.identity.to_string();
        let content = blake3::derive_key("fixtool 2026 backup content key", secret.expose_secret().as_bytes());
        SealingKey { recipient: self.identity.to_public(), content: ContentKey(content) }
    }

    /// Opens what was sealed for this key.
    pub fn open(&self, sealed: &[u8], most: u64, what: &str) -> Result<Vec<u8>, KeyError> {
        open_with(&[&self.identity as &dyn Identity], sealed, most, what)
    }

    /// Seals the key itself for administrators. The result is an age file that holds an age identity file.
    pub fn wrap(&self, administrators: &Administrators, comment: &str) -> Result<Vec<u8>, KeyError> {
        let secret = self.identity.to_string();
        let comment = comment.lines().fold(String::new(), |all, line| all + "# " + line + "\n");
        let text = SecretString::from(format!("{comment}{}\n", secret.expose_secret()));
        let recipients = administrators.recipients()?;
        let recipients: Vec<&dyn Recipient> =
            recipients.iter().map(|recipient| &**recipient as &dyn Recipient).collect();
        seal_for(&recipients, text.expose_secret().as_bytes())
    }

    /// Opens what [`wrap`](Self::wrap) made, with the first identity that fits.
    pub fn unwrap(wrapped: &[u8], identities: &Identities, what: &str) -> Result<Self, KeyError> {
        if let Some(known) = identities.recall(wrapped) {
            return Ok(known);
        }
        let text = SecretString::from(
            String::from_utf8(open_with_any(identities, wrapped, what)?)
                .map_err(|_| KeyError::Damaged { what: what.to_owned(), reason: "it is no text".to_owned() })?,
        );
        let line = text.expose_secret().lines().find(|line| !line.starts_with('#')).unwrap_or_default();
        let identity = x25519::Identity::from_str(line)
            .map_err(|reason| KeyError::Damaged { what: what.to_owned(), reason: reason.to_owned() })?;
        let key = Self { identity };
        identities.remember(wrapped, &key);
        Ok(key)
    }
}

/// Opens with the first identity that fits, each by itself: of two passphrases age would try the first alone.
fn open_with_any(identities: &Identities, wrapped: &[u8], what: &str) -> Result<Vec<u8>, KeyError> {
    for identity in identities.all() {
        match open_with(&[identity], wrapped, MOST, what) {
            Err(KeyError::Wrong { .. }) => {}
            opened => return opened,
        }
    }
    Err(KeyError::Wrong { what: what.to_owned(), tried: identities.len() })
}

/// What a machine needs to make backups of a tenant: it can seal and name, and opens manifests but no part.
#[derive(Clone)]
pub struct SealingKey {
    recipient: x25519::Recipient,
    content: ContentKey,
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealingKey({})", self.recipient)
    }
}

impl SealingKey {
    /// From its two halves, as [`recipient`](Self::recipient) and [`content_text`](Self::content_text) gave them.
    pub fn from_texts(recipient: &str, content: &str) -> Result<Self, KeyError> {
        let damaged = |reason: &str| KeyError::Damaged { what: "a sealing key".to_owned(), reason: reason.to_owned() };
        let recipient = x25519::Recipient::from_str(recipient).map_err(damaged)?;
        let content = blake3::Hash::from_hex(content).map_err(|_| damaged("the content key is no hexadecimal text"))?;
        Ok(Self { recipient, content: ContentKey(*content.as_bytes()) })
    }

    /// The tenant's public key, `age1…`.
    pub fn recipient(&self) -> String {
        self.recipient.to_string()
    }

    /// The content key as text. Secret: it belongs into a private file and nowhere else.
    pub fn content_text(&self) -> String {
        blake3::Hash::from_bytes(self.content.0).to_hex().to_string()
    }

    /// The key of names and signatures.
    pub fn content(&self) -> &ContentKey {
        &self.content
    }

    /// Seals a part: only the tenant's key opens it.
    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        seal_for(&[&self.recipient], plain)
    }

    /// Seals a manifest: the tenant's key opens it, and so does this one.
    pub fn seal_manifest(&self, plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        let own = self.content.manifest_identity()?.to_public();
        seal_for(&[&self.recipient, &own], plain)
    }

    /// Opens what [`seal_manifest`](Self::seal_manifest) made.
    pub fn open_manifest(&self, sealed: &[u8], most: u64, what: &str) -> Result<Vec<u8>, KeyError> {
        open_with(&[&self.content.manifest_identity()?], sealed, most, what)
    }
}

/// The secret from which names, signatures and places of cuts are made.
#[derive(Clone)]
pub struct ContentKey([u8; 32]);

impl std::fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContentKey(***)")
    }
}

impl ContentKey {
    /// A hash that only this key makes, for naming and for comparing content.
    pub fn name(&self, bytes: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&blake3::derive_key("fixtool 2026 backup names of parts", &self.0), bytes)
    }

    /// A signature under what a store could otherwise replace.
    pub fn sign(&self, bytes: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&blake3::derive_key("fixtool 2026 backup signatures", &self.0), bytes)
    }

    /// The seed of the places where tables are cut.
    pub fn cut_seed(&self) -> u64 {
        let seed = blake3::derive_key("fixtool 2026 backup places of cuts", &self.0);
        seed.iter().take(8).fold(0, |all, byte| (all << 8) | u64::from(*byte))
    }

    fn manifest_identity(&self) -> Result<x25519::Identity, KeyError> {
        let secret = blake3::derive_key("fixtool 2026 backup manifests", &self.0);
        let failed = |reason: String| KeyError::Seal(reason);
        let prefix = Hrp::parse("age-secret-key-").map_err(|error| failed(error.to_string()))?;
        let text = bech32::encode_upper::<Bech32>(prefix, &secret).map_err(|error| failed(error.to_string()))?;
        let text = SecretString::from(text);
        x25519::Identity::from_str(text.expose_secret()).map_err(|reason| failed(reason.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealing_key_reads_manifests_and_no_part() {
        let key = TenantKey::generate();
        let sealing = key.sealing();
        let part = sealing.seal(b"rows").unwrap();
        let manifest = sealing.seal_manifest(b"list of parts").unwrap();
        assert_eq!(key.open(&part, 10, "part").unwrap(), b"rows");
        assert_eq!(key.open(&manifest, 20, "manifest").unwrap(), b"list of parts");
        assert_eq!(sealing.open_manifest(&manifest, 20, "manifest").unwrap(), b"list of parts");
        assert!(matches!(sealing.open_manifest(&part, 20, "part"), Err(KeyError::Wrong { .. })));

        let again = SealingKey::from_texts(&sealing.recipient(), &sealing.content_text()).unwrap();
        assert_eq!(again.content().name(b"x"), sealing.content().name(b"x"));
        assert_ne!(sealing.content().name(b"x"), sealing.content().sign(b"x"));
        assert_ne!(TenantKey::generate().sealing().content().name(b"x"), sealing.content().name(b"x"));
        assert!(!format!("{key:?}{sealing:?}{:?}", sealing.content()).contains(&sealing.content_text()));
    }
}
