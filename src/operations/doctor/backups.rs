//! Checks of the keys of backups.

use std::path::PathBuf;

use miette::Diagnostic;

use super::Finding;
use super::local::others_may_read;
use crate::backends::backups::BackupOptions;
use crate::backends::sealing::KeyError;

const CHECK: &str = "backups.key";

/// `tenants` is `None` where there is no catalog to count them in.
pub(super) fn check(options: &BackupOptions, tenants: Option<usize>) -> Finding {
    let administrators = match options.administrators() {
        Ok(administrators) => administrators,
        Err(error) => return unusable(&error),
    };
    if let Err(error) = options.identities() {
        return unusable(&error);
    }
    let open: Vec<&PathBuf> = options.identities.iter().filter(|path| others_may_read(path)).collect();
    if let Some(path) = open.first() {
        let path = path.display();
        return Finding::failed(CHECK, format!("other users can read '{path}'"), format!("run 'chmod 600 {path}'"));
    }
    match (administrators.iter().count(), tenants.unwrap_or(0)) {
        (0, 0) => Finding::good(CHECK, "no tenants yet, and no key for their backups"),
        (0, many) => Finding::warning(
            CHECK,
            format!(
                "there is no key, so backups of {many} tenants lie in clear: whoever reads the files reads the rows"
            ),
            "run 'fixtool backup keygen' and name its public half in backup.recipients, or set BACKUP_ENCRYPTION_KEY",
        ),
        (1, _) if options.passphrase.is_some() => Finding::good(CHECK, "backups are sealed with a passphrase"),
        (many, _) => {
            let at_hand = if options.identities.is_empty() { "none of their keys is here" } else { "a key is at hand" };
            Finding::good(CHECK, format!("backups are sealed for {many}; {at_hand}"))
        }
    }
}

fn unusable(error: &KeyError) -> Finding {
    let cure = error.help().map_or_else(|| "check the settings below backup".to_owned(), |help| help.to_string());
    Finding::failed(CHECK, error.to_string(), cure)
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;
    use crate::backends::sealing::new_identity_file;

    #[test]
    fn a_missing_key_matters_as_soon_as_there_are_tenants() {
        let here = tempfile::tempdir().unwrap();
        let mut options = BackupOptions::in_folder(here.path());
        assert_eq!(check(&options, None).health, Health::Good);
        assert_eq!(check(&options, Some(0)).health, Health::Good);
        let found = check(&options, Some(3));
        assert_eq!(found.health, Health::Warning);
        assert!(found.detail.contains("3 tenants") && found.cure.unwrap().contains("keygen"));
        options.recipients = vec![new_identity_file().1];
        assert_eq!(check(&options, Some(3)).health, Health::Good);
        options.identities = vec![here.path().join("missing.txt")];
        assert_eq!(check(&options, Some(3)).health, Health::Failed);
        options.recipients = vec!["age1nonsense".to_owned()];
        assert_eq!(check(&options, Some(3)).health, Health::Failed);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let here = tempfile::tempdir().unwrap();
        let (path, (secret, public)) = (here.path().join("key.txt"), new_identity_file());
        std::fs::write(&path, age::secrecy::ExposeSecret::expose_secret(&secret)).unwrap();
        let options = BackupOptions {
            recipients: vec![public],
            identities: vec![path.clone()],
            ..BackupOptions::in_folder(here.path())
        };
        for (mode, health) in [(0o644, Health::Failed), (0o600, Health::Good)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(check(&options, Some(1)).health, health);
        }
    }
}
