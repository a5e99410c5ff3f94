//! Small JSON objects that notice when they were changed.
//!
//! There is one way to write a record, so reading compares what was read with what would be written: each
//! changed bit shows, even one in a place that a parser would skip.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::SnapshotError;
use super::layout::Digest;

/// The format that this fixtool writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// A record is short.
pub const MOST: u64 = 4 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    format: u32,
    digest: Digest,
    record: T,
}

#[derive(Deserialize)]
pub(super) struct Format {
    pub(super) format: u32,
}

/// A record as it is stored.
pub fn encode<T: Serialize>(what: &str, record: T) -> Result<Vec<u8>, SnapshotError> {
    let failed = |error: serde_json::Error| SnapshotError::damaged(what, error.to_string());
    let digest = Digest::of(&serde_json::to_vec(&record).map_err(failed)?);
    let mut bytes = serde_json::to_vec(&Envelope { format: FORMAT, digest, record }).map_err(failed)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A record as it was before [`encode`].
pub fn decode<T: Serialize + DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, SnapshotError> {
    let failed = |error: serde_json::Error| SnapshotError::damaged(what, error.to_string());
    // Only the format is looked at first: a newer one may look different in everything else.
    let Format { format } = serde_json::from_slice(bytes).map_err(failed)?;
    if format > FORMAT {
        return Err(SnapshotError::Newer { what: what.to_owned(), found: format, known: FORMAT });
    }
    let envelope: Envelope<T> = serde_json::from_slice(bytes).map_err(failed)?;
    if encode(what, &envelope.record)? != bytes {
        return Err(SnapshotError::damaged(what, "it was changed after it was written"));
    }
    Ok(envelope.record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_flipped_bit_shows() {
        let record = BTreeMap::from([("a".to_owned(), vec!["text \u{e4}".to_owned()]), ("b".to_owned(), vec![])]);
        let bytes = encode("it", &record).unwrap();
        assert_eq!(decode::<BTreeMap<String, Vec<String>>>("it", &bytes).unwrap(), record);
        for at in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(decode::<BTreeMap<String, Vec<String>>>("it", &changed).is_err(), "{at}");
        }
        let newer = String::from_utf8(bytes).unwrap().replace("\"format\":1", "\"new\":true,\"format\":2");
        let error = decode::<BTreeMap<String, Vec<String>>>("it", newer.as_bytes()).unwrap_err();
        assert!(matches!(error, SnapshotError::Newer { found: 2, known: 1, .. }));
    }
}
