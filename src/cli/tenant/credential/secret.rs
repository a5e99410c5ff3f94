//! Where a secret comes from: a file, standard input, or a terminal without an echo. Never a flag's value.

use std::io::{ErrorKind, IsTerminal};
use std::path::PathBuf;

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::cli::flags::PlanFlags;
use crate::cli::session::Session;
use crate::model::TenantId;
use crate::operations::tenant::credential_set::{CredentialSetError, Request, SecretBytes};

/// Which credential, and where its secret is.
#[derive(Debug, Clone, clap::Args)]
pub struct SecretArgs {
    /// The tenant
    #[arg(value_name = "ID", required_unless_present = "plan")]
    id: Option<TenantId>,
    /// The integration, such as spotify or slack
    #[arg(value_name = "INTEGRATION", required_unless_present = "plan")]
    integration: Option<String>,
    /// The credential's name, such as `client_secret`
    #[arg(value_name = "NAME", required_unless_present = "plan")]
    name: Option<String>,
    /// Read the secret from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// What the user gave.
pub enum Given {
    /// A saved plan names everything.
    Plan,
    /// A request, and the secret where it is not in a file. A command that only looks needs none.
    Request(Request, Option<SecretBytes>),
    /// The user stopped the program instead of typing.
    Interrupted,
}

impl SecretArgs {
    /// The request, and the secret where one is needed.
    pub async fn into_request(self, plan: &PlanFlags, session: &Session) -> Result<Given, CredentialSetError> {
        let (Some(id), Some(integration), Some(name)) = (self.id, self.integration, self.name) else {
            return Ok(Given::Plan);
        };
        let file = self.file.map(|path| session.environment.directory.join(path));
        let request = Request { id, integration, name: name.clone(), file };
        if request.file.is_some() || plan.dry_run || plan.plan_out.is_some() {
            return Ok(Given::Request(request, None));
        }
        // Taken before the echo is switched off, since nobody answers a question that was broken off.
        let terminal = tcgetattr(std::io::stdin()).ok();
        let asked = tokio::task::spawn_blocking(move || ask(&name));
        let stop = session.signals.token();
        tokio::select! {
            () = stop.cancelled() => {
                if let Some(before) = terminal {
                    let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
                }
                Ok(Given::Interrupted)
            }
            secret = asked => match secret {
                Ok(secret) => Ok(secret?.map_or(Given::Interrupted, |secret| Given::Request(request, Some(secret)))),
                Err(error) => Err(unreadable("standard input", &error)),
            },
        }
    }
}

/// The secret; `None` when Ctrl-C broke the question off.
fn ask(name: &str) -> Result<Option<SecretBytes>, CredentialSetError> {
    if !std::io::stdin().is_terminal() {
        return SecretBytes::read(std::io::stdin().lock()).map(Some);
    }
    match rpassword::prompt_password(format!("{name}: ")) {
        Ok(typed) => SecretBytes::new(typed.into_bytes()).map(Some),
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(unreadable("the terminal", &error)),
    }
}

fn unreadable(from: &str, error: &dyn std::error::Error) -> CredentialSetError {
    CredentialSetError::Unreadable { from: from.to_owned(), reason: error.to_string() }
}
