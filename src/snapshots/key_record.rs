//! What may be known in public of a generation of a tenant's key, and how a generation is sealed.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::backends::sealing::{Administrators, SealingKey, TenantKey};
use crate::model::TenantId;

use super::error::SnapshotError;
use super::instant::Instant;
use super::layout::Digest;
use super::record;

/// Why a generation was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A machine had none that it could use.
    Needed,
    /// Those before it must not be used any more.
    Rotated,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    pub(super) tenant: TenantId,
    pub(super) generation: u32,
    pub(super) recipient: String,
    pub(super) administrators: Vec<String>,
    pub(super) reason: Reason,
    pub(super) made_at: Instant,
    /// The hashes that the sealed key may have: two while it is being rewritten.
    pub(super) wrapped: Vec<Digest>,
    /// Those who were administrators and must not become any again by a configuration that is out of date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) removed: Vec<String>,
}

/// What may be known in public of one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    pub(super) body: Body,
    signature: Digest,
}

impl KeyRecord {
    pub(super) fn new(body: Body, key: &SealingKey) -> Result<Self, SnapshotError> {
        let signature = key.content().sign(&text(&body)?).into();
        Ok(Self { body, signature })
    }

    /// Whether this key made it, and so everything in it is to be believed.
    pub fn is_of(&self, key: &SealingKey) -> bool {
        let signed = text(&self.body).map(|text| Digest::from(key.content().sign(&text)));
        key.recipient() == self.body.recipient && signed.is_ok_and(|signed| signed == self.signature)
    }

    /// Its number.
    pub fn generation(&self) -> u32 {
        self.body.generation
    }

    /// The public half of the tenant's key.
    pub fn recipient(&self) -> &str {
        &self.body.recipient
    }

    /// The public keys of those who may open it.
    pub fn administrators(&self) -> &[String] {
        &self.body.administrators
    }

    /// The public keys of those who were removed before it was made, and not let in again.
    pub fn removed(&self) -> &[String] {
        &self.body.removed
    }

    /// Why it was made.
    pub fn reason(&self) -> Reason {
        self.body.reason
    }

    /// When it was made.
    pub fn made_at(&self) -> Instant {
        self.body.made_at
    }

    /// Whether this is the sealed key that it speaks of.
    pub fn fits(&self, wrapped: &[u8]) -> bool {
        self.body.wrapped.contains(&Digest::of(wrapped))
    }
}

fn text(body: &Body) -> Result<Vec<u8>, SnapshotError> {
    serde_json::to_vec(body).map_err(|error| SnapshotError::damaged("a key record", error.to_string()))
}

/// A generation that is about to be stored, in a repository or in an archive.
#[derive(Debug)]
pub struct Generation {
    tenant: TenantId,
    number: u32,
    key: TenantKey,
    reason: Reason,
    removed: Vec<String>,
}

/// The two objects of a generation.
#[derive(Debug)]
pub struct SealedGeneration {
    /// For [`layout::wrapped_key`](super::layout::wrapped_key).
    pub wrapped: Bytes,
    /// For [`layout::key_record`](super::layout::key_record).
    pub record: Bytes,
}

impl Generation {
    /// Of this key.
    pub fn new(tenant: &TenantId, number: u32, key: &TenantKey, reason: Reason) -> Self {
        Self { tenant: tenant.clone(), number, key: key.clone(), reason, removed: Vec::new() }
    }

    /// Keeps in mind who was removed.
    #[must_use]
    pub fn without(self, removed: &[String]) -> Self {
        Self { removed: removed.to_vec(), ..self }
    }

    /// Seals it for administrators. With a passphrase that is a second of work, done on a thread that may block.
    pub async fn seal(self, administrators: Administrators) -> Result<SealedGeneration, SnapshotError> {
        super::source::blocking(move || {
            let Self { tenant, number, key, reason, removed } = self;
            let comment = format!("fixtool's key of the tenant {tenant}, generation {number}: opens its backups");
            let wrapped = Bytes::from(key.wrap(&administrators, &comment)?);
            let sealing = key.sealing();
            let body = Body {
                recipient: sealing.recipient(),
                administrators: administrators.shown(),
                reason,
                made_at: Instant::now(),
                wrapped: vec![Digest::of(&wrapped)],
                tenant,
                generation: number,
                removed,
            };
            let record = record::encode("the new key", KeyRecord::new(body, &sealing)?)?;
            Ok(SealedGeneration { wrapped, record: Bytes::from(record) })
        })
        .await
    }
}
