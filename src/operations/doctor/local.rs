//! Checks of this machine: directories, disk, keys, packs.

use std::path::Path;

use miette::Diagnostic;

use super::Finding;
use crate::backends::packs;
use crate::backends::sealing::{Sealing, SealingOptions};
use crate::backends::site::SiteOptions;

/// Less room than this is too little for any load.
const FEW_BYTES: u64 = 1024 * 1024 * 1024;

pub(super) fn check(site: &SiteOptions) -> Vec<Finding> {
    let mut findings = vec![directory(&site.state), disk(&site.state), identity(&site.sealing)];
    findings.extend(packs_valid(&site.packs));
    findings
}

fn directory(state: &Path) -> Finding {
    const CHECK: &str = "state.directory";
    let shown = state.display();
    if !state.exists() {
        let parent = nearest(state);
        return if writable(parent) {
            Finding::good(CHECK, format!("'{shown}' is not made yet; the first command that writes makes it"))
        } else {
            let cure = format!("make '{shown}' for this user, or set paths.state to a directory of its own");
            Finding::failed(CHECK, format!("'{shown}' cannot be made in '{}'", parent.display()), cure)
        };
    }
    if !state.is_dir() {
        return Finding::failed(CHECK, format!("'{shown}' is no directory"), "set paths.state to a directory");
    }
    if !writable(state) {
        return Finding::failed(
            CHECK,
            format!("'{shown}' cannot be written"),
            format!("run 'chown \"$USER\" {shown}'"),
        );
    }
    if others_may_read(state) {
        let detail = format!("other users can read '{shown}', which may hold rejected records");
        return Finding::warning(CHECK, detail, format!("run 'chmod 700 {shown}'"));
    }
    Finding::good(CHECK, format!("'{shown}' can be written and is private"))
}

/// The nearest ancestor that exists.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or_else(|| Path::new("."))
}

#[cfg(unix)]
fn writable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn writable(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| !meta.permissions().readonly())
}

#[cfg(unix)]
pub(super) fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub(super) fn others_may_read(_path: &Path) -> bool {
    false
}

#[cfg(unix)]
fn disk(state: &Path) -> Finding {
    const CHECK: &str = "state.disk";
    match rustix::fs::statvfs(nearest(state)) {
        Err(error) => Finding::skipped(CHECK, format!("the system does not say: {error}")),
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let detail = format!("{} MiB free", free / 1024 / 1024);
            if free >= FEW_BYTES {
                Finding::good(CHECK, detail)
            } else {
                Finding::warning(CHECK, detail, "make room, or set paths.state and backup.path to another disk")
            }
        }
    }
}

#[cfg(not(unix))]
fn disk(_state: &Path) -> Finding {
    Finding::skipped("state.disk", "this system does not say")
}

fn identity(options: &SealingOptions) -> Finding {
    const CHECK: &str = "sealing.identity";
    let file = &options.identity_file;
    if options.passphrase.is_some() {
        return Finding::good(CHECK, "credentials are sealed with a passphrase");
    }
    if !file.exists() {
        // Trying it would make one, and a check-up makes nothing.
        return if options.recipients.is_empty() {
            Finding::good(CHECK, format!("'{}' is not made yet; the first sealed credential makes it", file.display()))
        } else {
            let cure = "credentials can be sealed here but not opened; bring the identity file if they must be";
            Finding::warning(CHECK, format!("'{}' is missing", file.display()), cure)
        };
    }
    if others_may_read(file) {
        let cure = format!("run 'chmod 600 {}'", file.display());
        return Finding::failed(CHECK, format!("other users can read '{}'", file.display()), cure);
    }
    // Sealed for itself, whoever else may open what is sealed: that shows whether the key works.
    let sealing = Sealing::new(SealingOptions { recipients: Vec::new(), ..options.clone() });
    let tried = sealing.seal(b"check").and_then(|sealed| sealing.open(&sealed));
    match tried {
        Ok(opened) if opened == b"check" => Finding::good(CHECK, format!("'{}' works", file.display())),
        Ok(_) => Finding::failed(
            CHECK,
            "what is sealed does not open to the same",
            "restore the identity file from a backup",
        ),
        Err(error) => {
            let cure =
                error.help().map_or_else(|| "restore the identity file from a backup".to_owned(), |h| h.to_string());
            Finding::failed(CHECK, error.to_string(), cure)
        }
    }
}

fn packs_valid(folder: &Path) -> Vec<Finding> {
    const CHECK: &str = "packs.valid";
    let names = match packs::names(folder) {
        Ok(names) => names,
        Err(error) => return vec![Finding::failed(CHECK, error.to_string(), "check paths.packs and its permissions")],
    };
    let check = |(name, _): (String, packs::Origin)| match packs::load(&name, folder) {
        Ok(_) => Finding::good(CHECK, "can be read").about(&name),
        Err(error) => {
            Finding::failed(CHECK, error.to_string(), format!("run 'fixtool pack check {name}'")).about(&name)
        }
    };
    names.into_iter().map(check).collect()
}
