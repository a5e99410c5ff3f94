//! The names of all objects of a repository. An archive holds the same names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::TenantId;

/// The object that makes a store a repository.
pub const REPOSITORY: &str = "fixtool-repository.json";

/// The folder of all parts.
pub const PARTS: &str = "parts";

/// The folder of all tenants' keys.
pub const KEYS: &str = "keys";

/// The folder of all tenants.
pub const TENANTS: &str = "tenants";

/// A text that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{shown}' is no {wanted}")]
pub struct InvalidName {
    shown: String,
    wanted: &'static str,
}

fn invalid(text: &str, wanted: &'static str) -> InvalidName {
    InvalidName { shown: text.escape_debug().take(80).collect(), wanted }
}

/// A BLAKE3 hash in 64 lower-case hexadecimal digits. The names of parts are such hashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// Its 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The plain hash of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        blake3::hash(bytes).into()
    }
}

impl From<blake3::Hash> for Digest {
    fn from(hash: blake3::Hash) -> Self {
        Self(hash.to_hex().to_string())
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        if text.len() == 64 && is_hex(&text) { Ok(Self(text)) } else { Err(invalid(&text, "hash")) }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The name of a snapshot: `20261123T094029Z-1f2e3d4c`, the second in UTC at which it was taken, and the first digits
/// of the hash of its stored manifest. So a manifest that was changed or exchanged does not fit its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotId(String);

impl SnapshotId {
    /// Of a manifest as it is stored.
    pub fn of(taken_at: jiff::Timestamp, stored: &[u8]) -> Self {
        let hash = blake3::hash(stored).to_hex();
        Self(format!("{}-{}", taken_at.strftime("%Y%m%dT%H%M%SZ"), &hash[..8]))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The second at which it was taken.
    pub fn second(&self) -> &str {
        self.0.get(..16).unwrap_or_default()
    }

    /// Whether these bytes are the manifest of this name.
    pub fn fits(&self, stored: &[u8]) -> bool {
        let hash = blake3::hash(stored).to_hex();
        self.0.get(17..) == hash.get(..8)
    }
}

impl FromStr for SnapshotId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = text.is_ascii()
            && text.len() == 25
            && digits(&text[..8])
            && &text[8..9] == "T"
            && digits(&text[9..15])
            && &text[15..17] == "Z-"
            && is_hex(&text[17..]);
        if fits { Ok(Self(text.to_owned())) } else { Err(invalid(text, "snapshot")) }
    }
}

impl TryFrom<String> for SnapshotId {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<SnapshotId> for String {
    fn from(id: SnapshotId) -> Self {
        id.0
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the name of an object says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// The object that makes a store a repository.
    Repository,
    /// A tenant's key, sealed for the administrators.
    WrappedKey(TenantId, u32),
    /// What may be known of a tenant's key in public.
    KeyRecord(TenantId, u32),
    /// A snapshot.
    Manifest(TenantId, SnapshotId),
    /// A piece of a journal.
    Segment(TenantId),
    /// Results of verifications of a snapshot.
    Verified(TenantId, SnapshotId),
    /// What must not be pruned.
    Pin(TenantId, String),
    /// A part.
    Part(Digest),
}

impl Object {
    /// What lies under this path, unless fixtool stores nothing there.
    pub fn of(path: &str) -> Option<Self> {
        let names: Vec<&str> = path.split('/').collect();
        match names.as_slice() {
            [name] if *name == REPOSITORY => Some(Self::Repository),
            ["keys", tenant, file] => {
                let tenant: TenantId = tenant.parse().ok()?;
                if let Some(text) = file.strip_suffix(".age") {
                    return Some(Self::WrappedKey(tenant, generation(text)?));
                }
                Some(Self::KeyRecord(tenant, generation(file.strip_suffix(".pub.json")?)?))
            }
            ["tenants", tenant, folder, file] => {
                let tenant: TenantId = tenant.parse().ok()?;
                match *folder {
                    "snapshots" => Some(Self::Manifest(tenant, file.strip_suffix(".manifest")?.parse().ok()?)),
                    "verified" => Some(Self::Verified(tenant, file.strip_suffix(".json")?.parse().ok()?)),
                    "pins" => Some(Self::Pin(tenant, file.strip_suffix(".json")?.to_owned())),
                    "journal" => file.ends_with(".segment").then_some(Self::Segment(tenant)),
                    _ => None,
                }
            }
            [PARTS, start, name] => {
                let digest = Digest::try_from((*name).to_owned()).ok()?;
                digest.as_str().starts_with(start).then_some(()).filter(|()| start.len() == 2)?;
                Some(Self::Part(digest))
            }
            _ => None,
        }
    }
}

/// One way to write each number, or two objects could be one generation.
fn generation(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| *number > 0 && number.to_string() == text)
}

/// A tenant's key, sealed for the administrators.
pub fn wrapped_key(tenant: &TenantId, generation: u32) -> String {
    format!("{}/{generation}.age", keys_of(tenant))
}

/// What may be known of a tenant's key in public.
pub fn key_record(tenant: &TenantId, generation: u32) -> String {
    format!("{}/{generation}.pub.json", keys_of(tenant))
}

/// The folder of a tenant's keys.
pub fn keys_of(tenant: &TenantId) -> String {
    format!("{KEYS}/{tenant}")
}

/// A snapshot.
pub fn manifest(tenant: &TenantId, id: &SnapshotId) -> String {
    format!("{}/{id}.manifest", snapshots_of(tenant))
}

/// The folder of a tenant's snapshots.
pub fn snapshots_of(tenant: &TenantId) -> String {
    format!("{TENANTS}/{tenant}/snapshots")
}

/// Results of verifications of a snapshot.
pub fn verified(tenant: &TenantId, id: &SnapshotId) -> String {
    format!("{TENANTS}/{tenant}/verified/{id}.json")
}

/// The folder of a tenant's pins.
pub fn pins_of(tenant: &TenantId) -> String {
    format!("{TENANTS}/{tenant}/pins")
}

/// What must not be pruned.
pub fn pin(tenant: &TenantId, name: &str) -> String {
    format!("{}/{name}.json", pins_of(tenant))
}

/// The folder of what removed snapshots of a tenant left.
pub fn garbage_of(tenant: &TenantId) -> String {
    format!("{TENANTS}/{tenant}/garbage")
}

/// What a removed snapshot left.
pub fn garbage(tenant: &TenantId, id: &SnapshotId) -> String {
    format!("{}/{id}.json", garbage_of(tenant))
}

/// A part.
pub fn part(name: &Digest) -> String {
    format!("{PARTS}/{}/{name}", &name.as_str()[..2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        let tenant: TenantId = "acme".parse().unwrap();
        let digest = Digest::of(b"x");
        let id = SnapshotId::of("2026-11-23T09:40:29.5Z".parse().unwrap(), b"manifest");
        assert!(id.as_str().starts_with("20261123T094029Z-") && id.fits(b"manifest") && !id.fits(b"manifesT"));
        for (path, object) in [
            (REPOSITORY.to_owned(), Object::Repository),
            (wrapped_key(&tenant, 7), Object::WrappedKey(tenant.clone(), 7)),
            (key_record(&tenant, 7), Object::KeyRecord(tenant.clone(), 7)),
            (manifest(&tenant, &id), Object::Manifest(tenant.clone(), id.clone())),
            (verified(&tenant, &id), Object::Verified(tenant.clone(), id)),
            (pin(&tenant, "p1"), Object::Pin(tenant, "p1".into())),
            (part(&digest), Object::Part(digest)),
        ] {
            assert!(crate::backends::storage::check(&path).is_ok());
            assert_eq!(Object::of(&path), Some(object));
        }
        let digest = Digest::of(b"x");
        for path in [
            "",
            "/etc/passwd",
            "parts/../parts",
            &format!("parts/00/{digest}"),
            &format!("parts//{digest}"),
            "keys/acme/0.age",
            "keys/acme/01.age",
            "keys/../1.age",
            "tenants/acme/snapshots/latest.manifest",
            "tenants/acme/snapshots/20261123T094029Z-1F2e3d4c.manifest",
        ] {
            assert_eq!(Object::of(path), None, "{path}");
        }
    }
}
