//! What may the user type? One file per command, clap and nothing else.
//!
//! ```text
//! argv → Cli → Args of one command → Request of its operation → run::operation → exit code
//! ```
//!
//! To add `noun verb`: write `operations/noun/verb/`, then `cli/noun/verb.rs` with
//!
//! ```ignore
//! //! `fixtool noun verb`: what the user may type.
//!
//! const EXAMPLES: &str = "Examples:
  fixtool tenant init acme --tier starter --initialize-data
  fixtool data load users.csv --tenant acme --dry-run
  fixtool op log
  fixtool doctor
";

/// Create, load, check, back up, migrate and watch the tenants of a multi-tenant SQL database
///
/// Without any configuration it works on SQLite in ./.fixtool/. Set DATABASE_URL for PostgreSQL.
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
    Op(op::Command),
    #[command(subcommand)]
    Config(config::Command),
    Doctor(doctor::Args),
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
            Self::Op(command) => command.run(session).await,
            Self::Config(command) => command.run(session).await,
            Self::Doctor(args) => doctor::run(args, session).await,
            Self::Explain(args) => explain::run(&args, &session.console),
            Self::Completions(args) => completions::run(&args, &session.console),
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
