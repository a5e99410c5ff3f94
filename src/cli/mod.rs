//! What may the user type? One file per command, clap and nothing else.
//!
//! ```text
//! argv → Cli → Args of one command → Request of its operation → run::operation → exit code
//! ```
//!
//! To add `noun verb`: write `operations/noun/verb/`, then `cli/noun/verb.rs` with
//!
//! ```text
//! //! `fixtool noun verb`: what the user may type.
//!
//! const EXAMPLES: &str = "Examples:
//!   fixtool noun verb acme
//!   fixtool noun verb acme --dry-run
//! ";
//!
//! /// One sentence: what it does
//! #[derive(Debug, clap::Args)]
//! #[command(before_long_help = EXAMPLES)]
//! pub struct Args {
//!     /// Help of the argument; `required_unless_present = "plan"` because a saved plan needs no other word
//!     #[arg(value_name = "ID", required_unless_present = "plan")]
//!     tenant: Option<TenantId>,
//!     #[command(flatten)]
//!     plan: PlanFlags,
//! }
//!
//! pub async fn run(args: Args, session: &Session) -> CommandResult { … run::operation(…).await }
//! ```
//!
//! and one line in `cli/noun/mod.rs`: a variant whose doc comment is taken from `Args`, and its arm
//! in the match. A command that only looks calls `run::query` with a function that fills a
//! [`Page`](crate::console::Page). `--dry-run`, `--plan`, consent, bars, JSON and exit codes are
//! the business of `run.rs` alone. Every example is parsed by a test.

mod backup;
mod completions;
mod config;
mod data;
mod demo;
mod doctor;
pub mod exit_code;
mod explain;
mod fault;
mod flags;
mod man;
mod op;
mod pack;
mod reference;
mod run;
mod session;
mod start;
mod tenant;
mod usage;

use clap::{Parser, Subcommand};

use fault::{CommandResult, Ending};
use flags::GlobalFlags;
use session::Session;
pub use start::main;

/// The whole command tree, for completions, man pages and the reference.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

const EXAMPLES: &str = "Examples:
  fixtool tenant init acme --tier starter --initialize-data
  fixtool data load users.csv --tenant acme --dry-run
  fixtool op log
  fixtool doctor
";

/// Create, load, check, back up, migrate and watch the tenants of a multi-tenant SQL database
///
/// Without any configuration it works on SQLite in ./.fixtool/. Set `DATABASE_URL` for PostgreSQL.
#[derive(Debug, Parser)]
#[command(name = "fixtool", version, before_help = EXAMPLES, disable_help_subcommand = false)]
#[command(arg_required_else_help = true, subcommand_required = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Flags of every command
    #[command(flatten)]
    pub global: GlobalFlags,
}

/// Every command, one line each.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(subcommand)]
    Tenant(tenant::Command),
    #[command(subcommand)]
    Data(data::Command),
    #[command(subcommand)]
    Backup(backup::Command),
    #[command(subcommand)]
    Pack(pack::Command),
    #[command(subcommand)]
    Demo(demo::Command),
    #[command(subcommand)]
    Config(config::Command),
    Doctor(doctor::Args),
    #[command(subcommand)]
    Op(op::Command),
    Explain(explain::Args),
    Completions(completions::Args),
    Man(man::Args),
    #[command(hide = true)]
    Reference(reference::Args),
}

impl Command {
    /// Runs it.
    pub async fn run(self, session: &Session) -> CommandResult {
        match self {
            Self::Tenant(command) => command.run(session).await,
            Self::Data(command) => command.run(session).await,
            Self::Backup(command) => command.run(session).await,
            Self::Pack(command) => command.run(session).await,
            Self::Demo(command) => command.run(session).await,
            Self::Config(command) => command.run(session),
            Self::Doctor(args) => doctor::run(args, session).await,
            Self::Op(command) => command.run(session).await,
            Self::Explain(args) => explain::run(&args, &session.console),
            Self::Completions(args) => {
                completions::run(&args, &session.console);
                Ok(Ending::Done)
            }
            Self::Man(args) => man::run(&args, &session.console),
            Self::Reference(args) => Ok(reference::run(args, &session.console)),
        }
    }

    /// Whether it works without settings, so that a broken file does not stand in its way.
    fn needs_no_settings(&self) -> bool {
        matches!(self, Self::Explain(_) | Self::Completions(_) | Self::Man(_) | Self::Reference(_))
            || matches!(self, Self::Config(command) if command.needs_no_settings())
    }
}
