//! The flags that many commands share, each group once. A command flattens the groups it needs.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::model::Selection;
use crate::model::selection::parse_label;

/// Flags of every command, accepted before and after its name.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalFlags {
    /// How the result is written: a table for people, one JSON document, or JSON lines with events
    #[arg(short, long, global = true, value_name = "FORMAT", alias = "output-format",
          value_parser = ["table", "json", "ndjson"])]
    pub output: Option<String>,
    /// Print the result and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log more to standard error; -vv logs every detail
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Form of log lines
    #[arg(long, global = true, value_name = "FORM", value_parser = ["text", "json"], hide_short_help = true)]
    pub log_format: Option<String>,
    /// Write the log to this file instead of standard error
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub log_file: Option<PathBuf>,
    /// Progress: bars on a terminal, timed plain lines elsewhere
    #[arg(long, global = true, value_name = "WHEN", value_parser = ["auto", "bar", "plain", "none"],
          hide_short_help = true)]
    pub progress: Option<String>,
    /// Colour of both streams
    #[arg(help = "Colour; 'auto' obeys NO_COLOR and TERM=dumb")]
    #[arg(long, global = true, value_name = "WHEN", value_parser = ["auto", "always", "never"],
          hide_short_help = true)]
    pub color: Option<String>,
    /// Read this configuration file and no other
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub config: Option<PathBuf>,
    /// The main database
    #[arg(help = "Main database, without a password: 'postgres://host/db' or 'sqlite:DIRECTORY'")]
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    pub database_url: Option<String>,
    /// The cache
    #[arg(help = "Redis to keep in step, without a password: 'redis://host:6379/0'")]
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    pub redis_url: Option<String>,
}

/// Which tenants. A command that writes never takes all of them by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Which tenants")]
pub struct SelectionFlags {
    /// A tenant's id, or a pattern such as 'acme-*'; may be repeated
    #[arg(short, long, value_name = "ID", alias = "tenant-id")]
    pub tenant: Vec<String>,
    /// Every tenant
    #[arg(long, conflicts_with = "tenant")]
    pub all: bool,
    /// Tenants of this tier; may be repeated
    #[arg(long, value_name = "TIER")]
    pub tier: Vec<String>,
    /// Tenants with this label; may be repeated, and then all must match
    #[arg(short = 'l', long, value_name = "KEY=VALUE", value_parser = parse_label)]
    pub label: Vec<(String, String)>,
    /// Leave this tenant out; may be repeated and may be a pattern
    #[arg(long, value_name = "ID")]
    pub exclude: Vec<String>,
}

impl SelectionFlags {
    /// As the registry understands it.
    pub fn selection(&self) -> Selection {
        Selection {
            ids: self.tenant.clone(),
            all: self.all,
            tiers: self.tier.clone(),
            labels: self.label.iter().cloned().collect(),
            exclude: self.exclude.clone(),
        }
    }

    /// Whether anything was said about tenants: `--yes` answers for a target that was named, and
    /// not for one that was left to a default.
    pub fn names_a_target(&self) -> bool {
        !self.selection().is_empty()
    }
}

/// What happens to the plan of a command that writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that the user may type")]
#[command(next_help_heading = "Plan and consent")]
pub struct PlanFlags {
    /// Show the plan and change nothing; works with a database user who may only read
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// With --dry-run: exit 10 when something would change
    #[arg(long, requires = "dry_run", hide_short_help = true)]
    pub detailed_exitcode: bool,
    /// Save the plan to this file and change nothing
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub plan_out: Option<PathBuf>,
    /// Carry out exactly this saved plan, without a question; takes no other planning flag
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub plan: Option<PathBuf>,
    /// Ask nothing, for a plan that destroys nothing and names its tenants
    #[arg(short, long)]
    pub yes: bool,
    /// Agree to a plan that destroys, by the tenant's name; may be repeated
    #[arg(long, value_name = "ID")]
    pub confirm: Vec<String>,
    /// Go without the safety copy before something destructive
    #[arg(long, hide_short_help = true)]
    pub no_safety_backup: bool,
}

/// How one operation runs over many tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Many tenants")]
pub struct FleetFlags {
    /// How many tenants at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256), hide_short_help = true)]
    pub concurrency: Option<u32>,
    /// Do this many tenants first, and go on only if all of them are done
    #[arg(long, value_name = "N", hide_short_help = true, conflicts_with = "waves")]
    pub canary: Option<u32>,
    /// Go in waves of growing size: '1,10%,100%'
    #[arg(long, value_name = "LIST", hide_short_help = true)]
    pub waves: Option<String>,
    /// Stop starting more tenants after this many failed: a number, or a share such as '5%'
    #[arg(long, value_name = "N|P%", hide_short_help = true)]
    pub max_failures: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_said_about_tenants_names_a_target() {
        let none = SelectionFlags { exclude: vec!["acme".into()], ..SelectionFlags::default() };
        assert!(!none.names_a_target());
        for said in [
            SelectionFlags { tenant: vec!["acme".into()], ..SelectionFlags::default() },
            SelectionFlags { all: true, ..SelectionFlags::default() },
            SelectionFlags { tier: vec!["starter".into()], ..SelectionFlags::default() },
            SelectionFlags { label: vec![("a".into(), "b".into())], ..SelectionFlags::default() },
        ] {
            assert!(said.names_a_target(), "{said:?}");
        }
    }
}
