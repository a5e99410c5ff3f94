//! Every operation by its name, so that a run of the ledger finds the code that it belongs to.

use crate::cli::fault::CommandResult;
use crate::cli::run::OnSite;
use crate::engine::{Failure, FailureKind, Operation};
use crate::operations::backup::create::Create;
use crate::operations::backup::key_add::KeyAdd;
use crate::operations::backup::key_destroy::KeyDestroy;
use crate::operations::backup::key_remove::KeyRemove;
use crate::operations::backup::key_rotate::KeyRotate;
use crate::operations::backup::prune::Prune;
use crate::operations::backup::restore::Restore;
use crate::operations::backup::verify::Verify;
use crate::operations::data::export::Export;
use crate::operations::data::load::Load;
use crate::operations::tenant::adopt::Adopt;
use crate::operations::tenant::clone::CloneTenant;
use crate::operations::tenant::credential_rotate::CredentialRotate;
use crate::operations::tenant::credential_set::CredentialSet;
use crate::operations::tenant::drop::Drop;
use crate::operations::tenant::init::Init;
use crate::operations::tenant::rename::Rename;
use crate::operations::tenant::resume::Resume;
use crate::operations::tenant::set_tier::SetTier;
use crate::operations::tenant::suspend::Suspend;

/// Something to do with an operation whose type only its name tells.
pub trait Visit: Sized {
    /// Does it.
    async fn visit<O: OnSite>(self) -> CommandResult;
}

/// The operation is not one of this version.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("this version of fixtool has no operation '{operation}'")]
#[diagnostic(
    code(fixtool::op::unknown_operation),
    help("the run was made by another version of fixtool: use that one")
)]
pub struct UnknownOperation {
    operation: String,
}

impl Failure for UnknownOperation {
    fn kind(&self) -> FailureKind {
        FailureKind::Refused
    }
}

macro_rules! operations {
    ($($operation:ty),+ $(,)?) => {
        /// Finds the operation and does something with it.
        pub async fn visit(name: &str, visitor: impl Visit) -> CommandResult {
            match name {
                $(<$operation as Operation>::NAME => Box::pin(visitor.visit::<$operation>()).await,)+
                _ => Err(UnknownOperation { operation: name.to_owned() }.into()),
            }
        }

        #[cfg(test)]
        const NAMES: &[(&str, &str)] = &[$((<$operation as Operation>::NAME, stringify!($operation)),)+];
    };
}

// In the order of the command line.
operations![
    Init,
    SetTier,
    Suspend,
    Resume,
    CloneTenant,
    Rename,
    Drop,
    Adopt,
    CredentialSet,
    CredentialRotate,
    Load,
    Export,
    Create,
    Verify,
    Restore,
    Prune,
    KeyAdd,
    KeyRemove,
    KeyRotate,
    KeyDestroy
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_name_is_taken_once() {
        let names: BTreeSet<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), NAMES.len());
    }

    /// Commands that write plain files are in no ledger, so none of their runs is ever looked for.
    fn on_files(path: &Path) -> bool {
        std::fs::read_to_string(path).unwrap().contains("run::on_files(")
    }

    /// Types of which an operation can be made again, as the sources of the commands say it.
    fn rebuilt(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rebuilt(&path, found);
            } else if !path.ends_with("run/tests.rs") && !path.ends_with("op/registry.rs") && !on_files(&path) {
                let text = std::fs::read_to_string(&path).unwrap();
                for rest in text.split("impl Rebuild for ").skip(1) {
                    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next();
                    found.insert(name.unwrap_or_default().to_owned());
                }
            }
        }
    }

    #[test]
    fn every_operation_that_can_be_made_again_is_registered() {
        let mut found = BTreeSet::new();
        rebuilt(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli"), &mut found);
        let registered: BTreeSet<String> = NAMES.iter().map(|(_, name)| (*name).to_owned()).collect();
        assert_eq!(found, registered, "left: made again by a command; right: in src/cli/op/registry.rs");
    }
}
