//! Who may open a tenant's key: recipients of age and SSH, or one passphrase.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::{Recipient, scrypt, ssh, x25519};

use super::{KeyError, Passphrase};

/// How a passphrase is listed among administrators.
pub const PASSPHRASE: &str = "passphrase";

/// A list of public keys is a short file.
const MOST: u64 = 1 << 20;

/// The most administrators that one key file serves: each makes its header longer.
const MOST_ADMINISTRATORS: usize = 64;

/// One who may open a tenant's key.
#[derive(Clone)]
pub enum Administrator {
    /// An age key.
    Age(x25519::Recipient),
    /// An SSH key, and what its owner wrote behind it.
    Ssh(Box<ssh::Recipient>, Option<String>),
    /// Whoever knows a passphrase. Sealing and opening take about a second of work each: that is what makes it safe.
    Passphrase(Passphrase),
}

impl std::fmt::Debug for Administrator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

impl PartialEq for Administrator {
    fn eq(&self, other: &Self) -> bool {
        self.shown() == other.shown()
    }
}

impl FromStr for Administrator {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let wrong = |reason: &str| KeyError::Recipient { shown: shortened(text), reason: reason.to_owned() };
        if text.starts_with("age1") {
            return x25519::Recipient::from_str(text).map(Self::Age).map_err(wrong);
        }
        if text.starts_with("ssh-") {
            use ssh::ParseRecipientKeyError as Refused;
            let comment = text.splitn(3, char::is_whitespace).nth(2).map(str::trim).filter(|text| !text.is_empty());
            let of = |key| Self::Ssh(Box::new(key), comment.map(|text| text.chars().take(80).collect()));
            return ssh::Recipient::from_str(text).map(of).map_err(|error| match error {
                Refused::RsaModulusTooSmall => wrong("an RSA key of less than 2048 bits is too weak"),
                Refused::RsaModulusTooLarge => wrong("the RSA key is larger than age supports"),
                Refused::Unsupported(kind) => wrong(&format!("keys of the kind {kind} cannot be used")),
                _ => wrong("it is damaged"),
            });
        }
        Err(wrong("it is of no kind that is known"))
    }
}

impl Administrator {
    /// The public key, or the word `passphrase`.
    pub fn shown(&self) -> String {
        match self {
            Self::Age(key) => key.to_string(),
            Self::Ssh(key, _) => key.to_string(),
            Self::Passphrase(_) => PASSPHRASE.to_owned(),
        }
    }

    /// What the owner of an SSH key wrote behind it.
    pub fn comment(&self) -> Option<&str> {
        match self {
            Self::Ssh(_, comment) => comment.as_deref(),
            _ => None,
        }
    }
}

/// Who may open a tenant's key. Either public keys or one passphrase: age does not mix them.
#[derive(Debug, Clone, Default)]
pub struct Administrators {
    all: Vec<Administrator>,
}

impl Administrators {
    /// Public keys, and files of public keys: each text that is no key is taken as a path.
    pub fn parse(texts: &[String]) -> Result<Self, KeyError> {
        let mut all = Vec::new();
        for text in texts {
            let text = text.trim();
            if text.starts_with("age1") || text.starts_with("ssh-") {
                all.push(text.parse()?);
            } else {
                all.extend(Self::read(Path::new(text))?.all);
            }
        }
        Self::of(all)
    }

    /// The public keys of a file, one on each line.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let unusable = |reason: String| KeyError::File { path: PathBuf::from(path), reason };
        let size = fs::metadata(path).map_err(|error| unusable(error.to_string()))?.len();
        if size > MOST {
            return Err(unusable(format!("it has {size} bytes")));
        }
        let text = fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
        if text.contains("AGE-SECRET-KEY-") || text.contains("PRIVATE KEY") {
            return Err(unusable("it holds a secret key, and the public half is needed here".to_owned()));
        }
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let all: Vec<Administrator> = lines.map(str::parse).collect::<Result<_, _>>()?;
        if all.is_empty() {
            return Err(unusable("it holds no public key".to_owned()));
        }
        Self::of(all)
    }

    /// Whoever knows the passphrase.
    pub fn passphrase(passphrase: Passphrase) -> Self {
        Self { all: vec![Administrator::Passphrase(passphrase)] }
    }

    /// These, each once.
    pub fn of(administrators: Vec<Administrator>) -> Result<Self, KeyError> {
        let mut all: Vec<Administrator> = Vec::new();
        for administrator in administrators {
            if !all.contains(&administrator) {
                all.push(administrator);
            }
        }
        let by_passphrase = all.iter().any(|one| matches!(one, Administrator::Passphrase(_)));
        if by_passphrase && all.len() > 1 {
            return Err(KeyError::Mixed);
        }
        if all.len() > MOST_ADMINISTRATORS {
            return Err(KeyError::Seal(format!("more than {MOST_ADMINISTRATORS} administrators are named")));
        }
        Ok(Self { all })
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Administrator> {
        self.all.iter()
    }

    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Their public keys, in order of text.
    pub fn shown(&self) -> Vec<String> {
        let mut shown: Vec<String> = self.all.iter().map(Administrator::shown).collect();
        shown.sort();
        shown
    }

    /// Those of them that the list names.
    #[must_use]
    pub fn among(&self, shown: &[String]) -> Self {
        Self { all: self.all.iter().filter(|one| shown.contains(&one.shown())).cloned().collect() }
    }

    pub(super) fn recipients(&self) -> Result<Vec<Box<dyn Recipient + Send>>, KeyError> {
        if self.all.is_empty() {
            return Err(KeyError::Nobody);
        }
        let boxed = |one: &Administrator| -> Box<dyn Recipient + Send> {
            match one {
                Administrator::Age(key) => Box::new(key.clone()),
                Administrator::Ssh(key, _) => Box::new((**key).clone()),
                Administrator::Passphrase(passphrase) => {
                    let recipient = scrypt::Recipient::new(passphrase.secret());
                    #[cfg(test)]
                    let recipient = quick(recipient);
                    Box::new(recipient)
                }
            }
        };
        Ok(self.all.iter().map(boxed).collect())
    }
}

/// Tests need no strong passphrase, and many of them.
#[cfg(test)]
fn quick(mut recipient: scrypt::Recipient) -> scrypt::Recipient {
    recipient.set_work_factor(4);
    recipient
}

/// The start of a text, and nothing at all of one that may be a secret.
fn shortened(text: &str) -> String {
    if text.to_ascii_uppercase().contains("SECRET") || text.contains("PRIVATE") {
        return "***".to_owned();
    }
    text.escape_debug().take(60).collect()
}
