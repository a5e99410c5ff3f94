//! Sealing: secrets at rest, with age.
//!
//! What is sealed here can be opened with `age` itself. A site has an identity of its own, a file that only its
//! owner can read, made when something is sealed for the first time; recipients or a passphrase take its place.
//!
//! | file | holds |
//! |---|---|
//! | this one | short secrets of the site: credentials |
//! | [`stream`] | backups: bytes sealed for one recipient |
//! | [`tenant_key`] | the key of one tenant and generation, and what is derived from it |
//! | [`administrators`] | who may open a tenant's key: recipients and passphrases |
//! | [`identities`] | the secret halves, read from files |

pub mod administrators;
pub mod error;
pub mod identities;
pub mod stream;
pub mod tenant_key;

pub use administrators::{Administrator, Administrators, PASSPHRASE};
pub use error::KeyError;
pub use identities::{Identities, OpenedKeys};
pub use tenant_key::{ContentKey, SealingKey, TenantKey, new_identity_file};

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::{ExposeSecret, SecretString};
use age::{Decryptor, Encryptor, Identity, Recipient, x25519};
use miette::Diagnostic;
use thiserror::Error;

/// The name of the identity file in the state directory.
pub const IDENTITY_FILE: &str = "identity.age.txt";

/// Larger secrets are files, and belong into a backup.
const MOST: usize = 1 << 20;

/// Why something could not be sealed or opened.
#[derive(Debug, Error, Diagnostic)]
pub enum SealingError {
    /// The identity file cannot be read or made.
    #[error("the identity file {} cannot be used: {reason}", path.display())]
    #[diagnostic(code(fixtool::sealing::identity_file))]
    IdentityFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        #[help]
        help: String,
    },
    /// There is no identity file, so nothing that was sealed can be opened here.
    #[error("there is no identity file {}", path.display())]
    #[diagnostic(
        code(fixtool::sealing::no_identity),
        help("copy the identity file of the machine on which the secret was sealed, or set the secret again")
    )]
    NoIdentity {
        /// The file.
        path: PathBuf,
    },
    /// A recipient in the configuration is not one.
    #[error("'{shown}' is no age recipient")]
    #[diagnostic(
        code(fixtool::sealing::recipient),
        help("a recipient begins with age1; 'age-keygen -y FILE' prints it")
    )]
    Recipient {
        /// The text, shortened.
        shown: String,
    },
    /// It cannot be opened with the key at hand.
    #[error("the secret cannot be opened: {0}")]
    #[diagnostic(
        code(fixtool::sealing::open),
        help(
            "it was sealed for another identity, or it was changed; set it again with 'fixtool tenant credential set'"
        )
    )]
    Open(String),
    /// It could not be sealed.
    #[error("the secret cannot be sealed: {0}")]
    #[diagnostic(code(fixtool::sealing::seal))]
    Seal(String),
}

/// With which key secrets are sealed and opened.
#[derive(Debug, Clone, Default)]
pub struct SealingOptions {
    /// The site's identity file; made when it is needed and does not exist.
    pub identity_file: PathBuf,
    /// Who may open what is sealed, as `age1…`, in place of the site's own identity.
    pub recipients: Vec<String>,
    /// A passphrase, in place of both.
    pub passphrase: Option<Passphrase>,
}

/// A passphrase that no log and no error shows.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Keeps the text as a secret.
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    fn secret(&self) -> SecretString {
        self.0.clone()
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(***)")
    }
}

/// Seals and opens. With a passphrase each call takes about a second of work: that is what makes it safe.
#[derive(Debug, Clone)]
pub struct Sealing {
    options: SealingOptions,
}

impl Sealing {
    /// With these keys. Nothing is read or made before it is needed.
    pub fn new(options: SealingOptions) -> Self {
        Self { options }
    }

    /// Seals up to 1 MiB; the result is armored text.
    pub fn seal(&self, secret: &[u8]) -> Result<String, SealingError> {
        if secret.len() > MOST {
            return Err(SealingError::Seal(format!("it has {} bytes, the most is {MOST}", secret.len())));
        }
        let encryptor = if let Some(passphrase) = &self.options.passphrase {
            Encryptor::with_user_passphrase(passphrase.0.clone())
        } else {
            let recipients = self.recipients()?;
            let all = recipients.iter().map(|recipient| recipient as &dyn Recipient);
            Encryptor::with_recipients(all).map_err(|error| SealingError::Seal(error.to_string()))?
        };
        armored(encryptor, secret).map_err(|error| SealingError::Seal(error.to_string()))
    }

    /// Whether a text is what [`seal`](Self::seal) makes.
    pub fn is_sealed(text: &str) -> bool {
        text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n")
    }

    /// Whether each secret costs the work that makes a passphrase safe.
    pub fn is_by_passphrase(&self) -> bool {
        self.options.passphrase.is_some()
    }

    /// Opens what [`seal`](Self::seal) made.
    pub fn open(&self, sealed: &str) -> Result<Vec<u8>, SealingError> {
        let wrong = |error: &dyn std::fmt::Display| SealingError::Open(error.to_string());
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(sealed.as_bytes())).map_err(|e| wrong(&e))?;
        let by_passphrase = decryptor.is_scrypt();
        let key: Box<dyn Identity> = match &self.options.passphrase {
            Some(passphrase) if by_passphrase => Box::new(age::scrypt::Identity::new(passphrase.0.clone())),
            None if by_passphrase => return Err(SealingError::Open("it needs a passphrase".to_owned())),
            _ => Box::new(self.identity()?),
        };
        let reader = decryptor.decrypt(std::iter::once(&*key)).map_err(|e| wrong(&e))?;
        let mut secret = Vec::new();
        reader.take(MOST as u64).read_to_end(&mut secret).map_err(|e| wrong(&e))?;
        Ok(secret)
    }

    fn recipients(&self) -> Result<Vec<x25519::Recipient>, SealingError> {
        if self.options.recipients.is_empty() {
            return Ok(vec![self.identity_or_new()?.to_public()]);
        }
        let parse = |text: &String| {
            x25519::Recipient::from_str(text.trim())
                .map_err(|_| SealingError::Recipient { shown: text.escape_debug().take(80).collect() })
        };
        self.options.recipients.iter().map(parse).collect()
    }

    fn identity(&self) -> Result<x25519::Identity, SealingError> {
        let path = &self.options.identity_file;
        match fs::read_to_string(path) {
            Ok(text) => read_identity(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(SealingError::NoIdentity { path: path.clone() })
            }
            Err(error) => Err(unusable(path, error.to_string(), "check that it is a file that you may read")),
        }
    }

    fn identity_or_new(&self) -> Result<x25519::Identity, SealingError> {
        match self.identity() {
            Err(SealingError::NoIdentity { path }) => {
                make_identity(&path)
                    .map_err(|error| unusable(&path, error.to_string(), "check that you may write there"))?;
                // Read back rather than kept: another process may have been faster.
                self.identity()
            }
            other => other,
        }
    }
}

fn armored(encryptor: Encryptor, secret: &[u8]) -> std::io::Result<String> {
    let mut writer = encryptor.wrap_output(ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?)?;
    writer.write_all(secret)?;
    let bytes = writer.finish()?.finish()?;
    String::from_utf8(bytes).map_err(std::io::Error::other)
}

fn unusable(path: &Path, reason: String, help: &str) -> SealingError {
    SealingError::IdentityFile { path: path.to_owned(), reason, help: help.to_owned() }
}

fn read_identity(path: &Path, text: &str) -> Result<x25519::Identity, SealingError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).map_or(0, |data| data.permissions().mode());
        if mode & 0o077 != 0 {
            let help = format!("run 'chmod 600 {}'", path.display());
            return Err(unusable(path, "others may read it".to_owned(), &help));
        }
    }
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let help = "it must hold one line that begins with AGE-SECRET-KEY-1";
    let line = line.ok_or_else(|| unusable(path, "it holds no key".to_owned(), help))?;
    x25519::Identity::from_str(line).map_err(|error| unusable(path, error.to_owned(), help))
}

/// Writes a new identity; leaves one alone that somebody made meanwhile.
fn make_identity(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    let identity = x25519::Identity::generate();
    // A temporary file is private from its first byte, and is renamed only when it is whole.
    let mut file = tempfile::Builder::new().prefix(".identity").tempfile_in(folder)?;
    writeln!(file, "# fixtool's key for sealed credentials. Keep a copy in a safe place: without it they are lost.")?;
    writeln!(file, "# public key: {}", identity.to_public())?;
    writeln!(file, "{}", identity.to_string().expose_secret())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(|_| ()).map_err(|error| error.error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(folder: &Path) -> SealingOptions {
        SealingOptions { identity_file: folder.join("state").join(IDENTITY_FILE), ..SealingOptions::default() }
    }

    #[test]
    fn what_is_sealed_can_be_opened_here_and_nowhere_else() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let sealing = Sealing::new(at(here.path()));
        let sealed = sealing.seal("gehëim\0".as_bytes()).unwrap();
        assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"), "{sealed}");
        assert_eq!(sealing.open(&sealed).unwrap(), "gehëim\0".as_bytes());
        assert_ne!(sealing.seal("gehëim\0".as_bytes()).unwrap(), sealed);
        let other = Sealing::new(at(there.path()));
        assert!(matches!(other.open(&sealed), Err(SealingError::NoIdentity { .. })));
        other.seal(b"x").unwrap();
        assert!(matches!(other.open(&sealed), Err(SealingError::Open(_))));
    }

    #[test]
    fn nothing_is_made_before_it_is_needed() {
        let here = tempfile::tempdir().unwrap();
        let options = at(here.path());
        let sealing = Sealing::new(options.clone());
        assert!(matches!(sealing.open("-----BEGIN AGE ENCRYPTED FILE-----"), Err(SealingError::Open(_))));
        assert!(!options.identity_file.exists());
    }

    #[cfg(unix)]
    #[test]
    fn the_identity_is_private_and_refused_when_it_is_not() {
        use std::os::unix::fs::PermissionsExt;
        let here = tempfile::tempdir().unwrap();
        let options = at(here.path());
        let sealing = Sealing::new(options.clone());
        sealing.seal(b"x").unwrap();
        let mode = fs::metadata(&options.identity_file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::set_permissions(&options.identity_file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = sealing.seal(b"x").unwrap_err();
        assert!(matches!(&error, SealingError::IdentityFile { help, .. } if help.contains("chmod 600")), "{error:?}");
    }

    #[test]
    fn recipients_and_a_passphrase_take_the_place_of_the_identity() {
        let here = tempfile::tempdir().unwrap();
        let key = x25519::Identity::generate();
        let options = SealingOptions { recipients: vec![key.to_public().to_string()], ..at(here.path()) };
        let sealed = Sealing::new(options.clone()).seal(b"for somebody").unwrap();
        assert!(!options.identity_file.exists());
        assert_eq!(age::decrypt(&key, sealed.as_bytes()).unwrap(), b"for somebody");
        let wrong = SealingOptions { recipients: vec!["age1nonsense".into()], ..options };
        assert!(matches!(Sealing::new(wrong).seal(b"x"), Err(SealingError::Recipient { .. })));

        let passphrase = Some(Passphrase::new("correct horse".into()));
        let locked = Sealing::new(SealingOptions { passphrase, ..at(here.path()) });
        assert!(!format!("{locked:?}").contains("horse"));
        let sealed = locked.seal(b"words").unwrap();
        assert_eq!(locked.open(&sealed).unwrap(), b"words");
        assert!(matches!(Sealing::new(at(here.path())).open(&sealed), Err(SealingError::Open(_))));
    }

    #[test]
    fn what_was_changed_is_refused() {
        let here = tempfile::tempdir().unwrap();
        let sealing = Sealing::new(at(here.path()));
        let sealed = sealing.seal(b"secret").unwrap();
        let middle = sealed.len() / 2;
        let (head, tail) = sealed.split_at(middle);
        let changed = format!("{head}{}{}", if tail.starts_with('A') { 'B' } else { 'A' }, &tail[1..]);
        assert!(matches!(sealing.open(&changed), Err(SealingError::Open(_))));
        assert!(sealing.seal(&vec![0; MOST + 1]).is_err());
    }
}
