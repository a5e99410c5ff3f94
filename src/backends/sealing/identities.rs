//! The secret halves of administrators' keys, read from files or made from a passphrase.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use age::{Identity, IdentityFile, scrypt, ssh};

use super::{KeyError, Passphrase, TenantKey};

/// A key file is short.
const MOST: u64 = 1 << 20;

/// Tenants' keys that this process opened already, by the hash of their sealed form. A passphrase takes a second each
/// time, and a restore looks at its snapshot at every step.
#[derive(Clone, Default)]
pub struct OpenedKeys(Arc<Mutex<BTreeMap<[u8; 32], TenantKey>>>);

impl std::fmt::Debug for OpenedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenedKeys(***)")
    }
}

/// Keys with which something may be opened. Cheap to clone; nothing in it is ever shown.
#[derive(Clone, Default)]
pub struct Identities {
    all: Vec<Arc<dyn Identity + Send + Sync>>,
    opened: OpenedKeys,
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identities({})", self.all.len())
    }
}

impl Identities {
    /// The keys of these files: age identity files and SSH private keys without a passphrase.
    pub fn read(paths: &[PathBuf]) -> Result<Self, KeyError> {
        let mut identities = Self::default();
        for path in paths {
            identities.add_file(path)?;
        }
        Ok(identities)
    }

    /// A passphrase beside what is there already.
    #[must_use]
    pub fn with_passphrase(mut self, passphrase: &Passphrase) -> Self {
        let mut identity = scrypt::Identity::new(passphrase.secret());
        // A hostile file could ask for hours of work; this is sixteen seconds where one takes one second.
        identity.set_max_work_factor(22);
        self.all.push(Arc::new(identity));
        self
    }

    /// Keeps in mind what is opened, for all who keep it in the same place.
    #[must_use]
    pub fn remembering(self, opened: &OpenedKeys) -> Self {
        Self { opened: opened.clone(), ..self }
    }

    pub(super) fn recall(&self, sealed: &[u8]) -> Option<TenantKey> {
        let opened = self.opened.0.lock().unwrap_or_else(PoisonError::into_inner);
        opened.get(blake3::hash(sealed).as_bytes()).cloned()
    }

    pub(super) fn remember(&self, sealed: &[u8], key: &TenantKey) {
        let mut opened = self.opened.0.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert(*blake3::hash(sealed).as_bytes(), key.clone());
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &dyn Identity> {
        self.all.iter().map(|identity| &**identity as &dyn Identity)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), KeyError> {
        let unusable = |reason: String| KeyError::File { path: path.to_owned(), reason };
        let size = fs::metadata(path).map_err(|error| unusable(error.to_string()))?.len();
        if size > MOST {
            return Err(unusable(format!("it has {size} bytes")));
        }
        let bytes = fs::read(path).map_err(|error| unusable(error.to_string()))?;
        if bytes.starts_with(b"-----BEGIN ") {
            let name = path.display().to_string();
            let key = ssh::Identity::from_buffer(BufReader::new(&*bytes), Some(name))
                .map_err(|error| unusable(error.to_string()))?;
            return match key {
                ssh::Identity::Unencrypted(_) => {
                    self.all.push(Arc::new(key));
                    Ok(())
                }
                ssh::Identity::Encrypted(_) => Err(unusable("the SSH key is protected by a passphrase".to_owned())),
                ssh::Identity::Unsupported(_) => Err(unusable("SSH keys of this kind cannot be used".to_owned())),
            };
        }
        let file = IdentityFile::from_buffer(BufReader::new(&*bytes)).map_err(|error| unusable(error.to_string()))?;
        let found = file.into_identities().map_err(|error| unusable(error.to_string()))?;
        if found.is_empty() {
            return Err(unusable("it holds no key".to_owned()));
        }
        self.all.extend(found.into_iter().map(Arc::from));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Administrators, TenantKey};
    use super::*;

    use age::secrecy::ExposeSecret;
    use age::x25519;

    /// Made for this test with ssh-keygen; it opens nothing else.
    const SSH_PUBLIC: &str = include_str!("ssh_test_key.pub");
    const SSH_SECRET: &str = include_str!("ssh_test_key");

    fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn each_kind_of_administrator_opens_what_was_wrapped_for_all() {
        let here = tempfile::tempdir().unwrap();
        let (one, stranger) = (x25519::Identity::generate(), x25519::Identity::generate());
        let list = file(here.path(), "team.txt", &format!("# the team\n{SSH_PUBLIC}\n{}\n", one.to_public()));
        let administrators = Administrators::parse(&[list.display().to_string(), one.to_public().to_string()]).unwrap();
        assert_eq!(administrators.shown().len(), 2);
        let key = TenantKey::generate();
        let wrapped = key.wrap(&administrators, "tenant acme\nAGE-SECRET-KEY-1 is below").unwrap();

        let age_file = file(here.path(), "one.txt", &format!("# mine\n{}\n", one.to_string().expose_secret()));
        let ssh_file = file(here.path(), "id", SSH_SECRET);
        for path in [age_file, ssh_file] {
            let opened = TenantKey::unwrap(&wrapped, &Identities::read(&[path]).unwrap(), "k").unwrap();
            assert_eq!(opened.sealing().recipient(), key.sealing().recipient());
        }
        let wrong = file(here.path(), "wrong.txt", &format!("{}\n", stranger.to_string().expose_secret()));
        let wrong = Identities::read(&[wrong]).unwrap();
        assert!(matches!(TenantKey::unwrap(&wrapped, &wrong, "k"), Err(KeyError::Wrong { tried: 1, .. })));
        assert!(matches!(TenantKey::unwrap(&wrapped, &Identities::default(), "k"), Err(KeyError::Wrong { .. })));
    }

    #[test]
    fn a_passphrase_stands_alone() {
        let words = Passphrase::new("correct horse".into());
        let administrators = Administrators::passphrase(words.clone());
        let key = TenantKey::generate();
        let wrapped = key.wrap(&administrators, "").unwrap();
        let right = Identities::default().with_passphrase(&words);
        assert!(TenantKey::unwrap(&wrapped, &right, "k").is_ok());
        let wrong = Identities::default().with_passphrase(&Passphrase::new("wrong horse".into()));
        assert!(matches!(TenantKey::unwrap(&wrapped, &wrong, "k"), Err(KeyError::Wrong { .. })));
        let other = x25519::Identity::generate().to_public().to_string().parse().unwrap();
        let mixed = administrators.iter().cloned().chain([other]).collect();
        assert!(matches!(Administrators::of(mixed), Err(KeyError::Mixed)));
        assert!(matches!(key.wrap(&Administrators::default(), ""), Err(KeyError::Nobody)));
    }

    #[test]
    fn secrets_in_the_wrong_place_are_not_shown() {
        let here = tempfile::tempdir().unwrap();
        let secret = x25519::Identity::generate();
        let secret = secret.to_string();
        let path = file(here.path(), "key.txt", secret.expose_secret());
        for error in [
            secret.expose_secret().parse::<super::super::Administrator>().unwrap_err(),
            Administrators::read(&path).unwrap_err(),
            Identities::read(&[file(here.path(), "none.txt", "# nothing\n")]).unwrap_err(),
            Identities::read(&[here.path().join("missing")]).unwrap_err(),
        ] {
            assert!(!error.to_string().contains("SECRET-KEY"), "{error}");
        }
    }
}
