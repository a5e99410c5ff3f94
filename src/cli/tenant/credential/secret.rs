//! Where a secret comes from: a file, standard input, or a terminal without an echo. Never a flag's value.

use std::io::IsTerminal;
use std::path::PathBuf;

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

impl SecretArgs {
    /// The request, and the secret where it is not in a file. A command that only looks needs none.
    pub fn into_request(
        self,
        plan: &PlanFlags,
        session: &Session,
    ) -> Result<Option<(Request, Option<SecretBytes>)>, CredentialSetError> {
        let (Some(id), Some(integration), Some(name)) = (self.id, self.integration, self.name) else { return Ok(None) };
        let file = self.file.map(|path| session.environment.directory.join(path));
        let needed = file.is_none() && !plan.dry_run && plan.plan_out.is_none();
        let secret = if needed { Some(ask(&name)?) } else { None };
        Ok(Some((Request { id, integration, name, file }, secret)))
    }
}

fn ask(name: &str) -> Result<SecretBytes, CredentialSetError> {
    if !std::io::stdin().is_terminal() {
        return SecretBytes::read(std::io::stdin().lock());
    }
    let typed = rpassword::prompt_password(format!("{name}: "));
    let unreadable = |error: std::io::Error| CredentialSetError::Unreadable {
        from: "the terminal".to_owned(),
        reason: error.to_string(),
    };
    SecretBytes::new(typed.map_err(unreadable)?.into_bytes())
}
