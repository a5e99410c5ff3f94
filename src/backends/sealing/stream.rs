//! Bytes sealed for recipients in age's binary form: what `age -d` opens.

use std::io::{Read, Write};

use age::{DecryptError, Decryptor, Encryptor, Identity, Recipient, x25519};

use super::KeyError;

/// Of the age header and of each 64 KiB of content a few bytes more are needed.
const HEADER: usize = 1024;

/// Seals bytes for one recipient.
pub fn seal_bytes(recipient: &x25519::Recipient, plain: &[u8]) -> Result<Vec<u8>, KeyError> {
    seal_for(&[recipient as &dyn Recipient], plain)
}

/// Seals bytes for several recipients, each of whom can open them alone.
pub(super) fn seal_for(recipients: &[&dyn Recipient], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
    let failed = |error: &dyn std::fmt::Display| KeyError::Seal(error.to_string());
    let encryptor = Encryptor::with_recipients(recipients.iter().copied()).map_err(|error| failed(&error))?;
    let sealed = Vec::with_capacity(plain.len() + plain.len() / 4096 + HEADER);
    let mut writer = encryptor.wrap_output(sealed).map_err(|error| failed(&error))?;
    writer.write_all(plain).map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))
}

/// Opens what [`seal_bytes`] made; more than `most` bytes are refused.
pub fn open_bytes(identity: &x25519::Identity, sealed: &[u8], most: u64) -> Result<Vec<u8>, KeyError> {
    open_with(&[identity as &dyn Identity], sealed, most, "a sealed object")
}

/// Opens with the first identity that fits; `what` names the thing in errors.
pub(super) fn open_with(
    identities: &[&dyn Identity],
    sealed: &[u8],
    most: u64,
    what: &str,
) -> Result<Vec<u8>, KeyError> {
    let damaged = |reason: String| KeyError::Damaged { what: what.to_owned(), reason };
    let decryptor = Decryptor::new_buffered(sealed).map_err(|error| damaged(error.to_string()))?;
    let reader = decryptor.decrypt(identities.iter().copied()).map_err(|error| match error {
        // A changed key stanza looks the same as a wrong key: nothing in it tells them apart.
        DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            KeyError::Wrong { what: what.to_owned(), tried: identities.len() }
        }
        other => damaged(other.to_string()),
    })?;
    let mut plain = Vec::with_capacity(sealed.len());
    let mut bounded = reader.take(most.saturating_add(1));
    bounded.read_to_end(&mut plain).map_err(|error| damaged(error.to_string()))?;
    if plain.len() as u64 > most {
        return Err(KeyError::TooLarge { what: what.to_owned(), most });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_for_the_right_key_alone() {
        let (key, other) = (x25519::Identity::generate(), x25519::Identity::generate());
        for size in [0, 1, 65_535, 65_536, 65_537, 300_000] {
            let plain = vec![7_u8; size];
            let sealed = seal_bytes(&key.to_public(), &plain).unwrap();
            assert_eq!(open_bytes(&key, &sealed, size as u64).unwrap(), plain);
            assert!(matches!(open_bytes(&other, &sealed, 1 << 20), Err(KeyError::Wrong { .. })));
            if size > 0 {
                assert!(matches!(open_bytes(&key, &sealed, size as u64 - 1), Err(KeyError::TooLarge { .. })));
            }
        }
    }

    #[test]
    fn what_was_changed_or_cut_off_is_refused() {
        let key = x25519::Identity::generate();
        let sealed = seal_bytes(&key.to_public(), &vec![3; 70_000]).unwrap();
        for at in (0..sealed.len()).step_by(701) {
            let mut changed = sealed.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(open_bytes(&key, &changed, 1 << 20).is_err(), "{at}");
            assert!(open_bytes(&key, &sealed[..at], 1 << 20).is_err(), "{at}");
        }
    }
}
