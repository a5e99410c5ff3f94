//! `fixtool tenant credential set`: what the user may type.

use super::secret::{Given, SecretArgs};
use crate::cli::fault::{CommandResult, Ending};
use crate::cli::flags::PlanFlags;
use crate::cli::run::{self, Rebuild, RunFlags};
use crate::cli::session::Session;
use crate::engine::Target;
use crate::operations::tenant::credential_set::{CredentialSet, Request};

const EXAMPLES: &str = "Examples:
  fixtool tenant credential set acme spotify client_secret < secret.txt
  fixtool tenant credential set acme slack webhook_url --file webhook.txt
  fixtool tenant credential set acme spotify client_secret --file secret.txt --dry-run
";

/// Seal and store a secret of an integration for the first time
///
/// The secret is read from standard input or a file and sealed with age; it is never shown again.
#[derive(Debug, clap::Args)]
#[command(before_long_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    plan: PlanFlags,
}

impl Rebuild for CredentialSet {
    fn rebuild(request: Request, target: Target) -> Self {
        let id = target.name.parse().unwrap_or_else(|_| request.id.clone());
        Self::new(Request { id, ..request }, &target.site, None)
    }
}

/// Runs it.
pub async fn run(args: Args, session: &Session) -> CommandResult {
    let flags = RunFlags::on_one(&args.plan);
    let given = match args.secret.into_request(&args.plan, session).await? {
        Given::Plan => None,
        Given::Request(request, secret) => Some((request, secret)),
        Given::Interrupted => return Ok(Ending::Interrupted),
    };
    run::operation(session, &flags, async |site| {
        Ok(given.into_iter().map(|(request, secret)| CredentialSet::new(request, site.site_id(), secret)).collect())
    })
    .await
}
