//! The stage of a demonstration: a session of its own, a tenant of its own, a folder of its own; and
//! how all of it goes away again.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser as _;
use tempfile::TempDir;

use super::error::DemoError;
use crate::backends::backups::BackupOptions;
use crate::backends::site::SiteOptions;
use crate::cli::fault::{CommandResult, Ending, Fault};
use crate::cli::{Cli, Session};
use crate::config::Origin;
use crate::console::gate::Gate;
use crate::console::{Console, Format, Look, Tone};
use crate::engine::{Ledger, RunFilter, RunStatus, Signals};
use crate::model::TenantId;

/// The stage.
pub struct Scene {
    session: Session,
    /// The tenant, and the one that is restored from its backup.
    tenants: [TenantId; 2],
    folder: TempDir,
    /// The database is in the folder and goes with it.
    own_database: bool,
    /// What was done, in order.
    pub done: Vec<Done>,
}

/// One command that was carried out.
#[derive(Debug, Clone)]
pub struct Done {
    /// As a user would type it.
    pub command: String,
    /// How long it took.
    pub time: Duration,
}

impl Scene {
    /// On the configured database, or, when none is configured, on SQLite in a temporary folder.
    pub async fn set(session: &Session, tenants: [TenantId; 2]) -> Result<Self, Fault> {
        let folder = tempfile::Builder::new().prefix("fixtool-demo-").tempdir();
        let folder =
            folder.map_err(|error| DemoError::Files { path: std::env::temp_dir(), reason: error.to_string() })?;
        let own_database = !is_configured(session);
        let mut options = session.site_options()?;
        if own_database {
            move_into(&mut options, folder.path())?;
        }
        // The backups of a demonstration are its own as well, wherever others lie.
        options.backups = BackupOptions::in_folder(folder.path());
        let mut own = session.elsewhere(options);
        if session.console.look.format != Format::Table {
            // One document at the end: what the commands say on the way stays on standard error.
            let look = Look { format: Format::Table, ..session.console.look };
            own.console = Console::new(look, Gate::capture(Box::new(std::io::sink()), Box::new(std::io::stderr())));
        }
        let scene = Self { session: own, tenants, folder, own_database, done: Vec::new() };
        for tenant in &scene.tenants {
            if scene.exists(tenant).await? {
                return Err(DemoError::Exists { tenant: tenant.to_string() }.into());
            }
        }
        Ok(scene)
    }

    /// The folder for files, which goes away with the stage.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The session of the stage.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the database is one of the stage's own.
    pub fn own_database(&self) -> bool {
        self.own_database
    }

    /// Carries out one command, through the same door as if it had been typed. `Err` says how the
    /// demonstration ends.
    pub async fn perform(&mut self, words: &[&str]) -> Result<(), CommandResult> {
        let command = format!("fixtool {}", words.join(" "));
        self.session.console.line(Tone::Bold, &format!("\n$ {command}"));
        let begun = Instant::now();
        let ended = obey(&self.session, words).await;
        match ended {
            Ok(Ending::Done) => {
                self.done.push(Done { command, time: begun.elapsed() });
                Ok(())
            }
            Ok(Ending::Interrupted) => Err(Ok(Ending::Interrupted)),
            Ok(_) => Err(Err(DemoError::Step { command }.into())),
            Err(fault) => Err(Err(fault)),
        }
    }

    /// From now on backups are sealed for the key that was made in the folder.
    pub async fn seal_backups(&mut self) -> Result<(), Fault> {
        let path = self.folder.path().join("backup-key.txt");
        let failed = |reason: String| DemoError::Files { path: path.clone(), reason };
        let key = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        let public = key.lines().find_map(|line| line.strip_prefix("# public key: "));
        let public = public.ok_or_else(|| failed("it names no public key".to_owned()))?.to_owned();
        let mut options = self.session.site_options()?;
        options.backups.recipients = vec![public];
        options.backups.identities = vec![path];
        self.session.close().await;
        self.session = self.session.elsewhere(options);
        self.session.console.note("backups of the demonstration are sealed for this key and lie in the same folder");
        Ok(())
    }

    async fn exists(&self, tenant: &TenantId) -> Result<bool, Fault> {
        let found = self.session.reader().await?.catalog().tenant(tenant).await?;
        Ok(found.is_some())
    }

    /// Leaves nothing behind, however the scenario ended: the tenant is dropped, the folder removed.
    pub async fn strike(mut self) -> Result<(), Fault> {
        let mut left = Ok(());
        if !self.own_database {
            // What was interrupted must still be cleared away.
            self.session.signals = Signals::new(self.session.console.sink("demo.run", 1));
            left = self.clear().await;
        }
        self.session.close().await;
        let path = self.folder.path().to_owned();
        let removed = self.folder.close().map_err(|error| DemoError::Files { path, reason: error.to_string() });
        left?;
        Ok(removed?)
    }

    async fn clear(&self) -> Result<(), Fault> {
        for tenant in &self.tenants {
            if self.exists(tenant).await? {
                self.session.console.note(&format!("dropping what the demonstration made: tenant {tenant}"));
                // What was made up for a demonstration is nobody's loss.
                let line = ["tenant", "drop", tenant.as_str(), "--confirm", tenant.as_str(), "--no-safety-backup"];
                obey(&self.session, &line).await?;
            } else if let Some(run) = self.half_restored(tenant).await? {
                self.session.console.note(&format!("removing what was restored of {tenant}"));
                obey(&self.session, &["op", "undo", &run, "--yes", "--confirm", tenant.as_str()]).await?;
            }
        }
        Ok(())
    }

    /// A restore that was stopped leaves a namespace of which no registry knows.
    async fn half_restored(&self, tenant: &TenantId) -> Result<Option<String>, Fault> {
        let filter = RunFilter {
            target: Some(tenant.to_string()),
            operation: Some("backup.restore".to_owned()),
            limit: Some(1),
            ..RunFilter::default()
        };
        let runs = self.session.reader().await?.catalog().runs(&filter).await?;
        let stopped = |status| matches!(status, RunStatus::Running | RunStatus::Failed | RunStatus::Interrupted);
        Ok(runs.into_iter().find(|run| stopped(run.status)).map(|run| run.run))
    }
}

/// Parses a line and runs it.
async fn obey(session: &Session, words: &[&str]) -> CommandResult {
    let line = std::iter::once(&"fixtool").chain(words);
    match Cli::try_parse_from(line) {
        // A command that runs commands: boxed, since its size would have no end.
        Ok(cli) => Box::pin(cli.command.run(session)).await,
        Err(error) => {
            tracing::error!("{error}");
            Err(DemoError::Step { command: words.join(" ") }.into())
        }
    }
}

/// Whether somebody said which database to use.
fn is_configured(session: &Session) -> bool {
    session.resolved.values.iter().any(|value| value.name == "database.url" && value.origin != Origin::Default)
}

fn move_into(options: &mut SiteOptions, folder: &Path) -> Result<(), Fault> {
    options.database.address = format!("sqlite:{}", folder.join("database").display()).parse()?;
    options.databases.clear();
    options.state = folder.join("state");
    options.sealing.identity_file = folder.join("identity.txt");
    Ok(())
}
