//! The safety copy of a load, and what comes back from it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::apply::Applying;
use super::error::LoadError;
use crate::engine::{Failure as _, FailureKind, Outcome};
use crate::rules::check_sql;
use crate::snapshots::error::Class;
use crate::snapshots::rows::Rows;
use crate::snapshots::safety::{self, Cause, Foreseen, Keeping, SafetyError};
use crate::snapshots::vault::Vault;

impl Applying<'_> {
    /// Puts the tables into the repository.
    pub(super) async fn keep(&self, foreseen: &Foreseen) -> Result<Outcome, LoadError> {
        self.context.set_done(0);
        let (site, tenant, run) = (self.site, self.tenant, &self.context.run);
        let keeping = Keeping { site, tenant, foreseen, run, checks: check_sql, watch: Arc::new(self.context.clone()) };
        let Some(kept) = keeping.keep().await? else {
            return Ok(Outcome { interrupted: true, ..Outcome::default() });
        };
        let counts = [("rows_copied", kept.rows), ("bytes_written", kept.written), ("parts_reused", kept.reused)];
        let outcome = counts.into_iter().fold(Outcome::default(), |outcome, (name, amount)| outcome.with(name, amount));
        Ok(Outcome { notes: kept.notes, ..outcome })
    }

    /// Brings rows back that went with deleted ones of a table: the journal of the load does not know them.
    pub(super) async fn bring_swept(
        &self,
        (table, swept): (&str, &[String]),
        run: &str,
        outcome: &mut Outcome,
    ) -> Result<(), LoadError> {
        if swept.is_empty() {
            return Ok(());
        }
        let vault = Vault::existing(self.site.backups()).await.map_err(SafetyError::from)?;
        let source = safety::find(&vault, &self.tenant.id, run).await?;
        let tables: BTreeSet<String> = swept.iter().cloned().collect();
        let gone = tables.iter().cloned().chain([table.to_owned()]).collect();
        let rows = Rows {
            source,
            database: self.database.clone(),
            living: self.tenant.namespace.clone(),
            model: self.model,
            tables: &tables,
            run,
            checks: check_sql,
            watch: Arc::new(self.context.clone()),
        };
        match rows.add_missing(&gone).await.map_err(SafetyError::from)? {
            Some(returned) => {
                outcome.count("brought_back", returned.iter().map(|one| one.inserted + one.updated).sum());
            }
            None => outcome.interrupted = true,
        }
        Ok(())
    }
}

/// What kind of failure it is.
pub(super) fn kind(error: &SafetyError) -> FailureKind {
    let class = match error.cause() {
        Cause::Site(error) => return error.kind(),
        Cause::Snapshot { class, .. } => class,
    };
    match class {
        Class::Usage => FailureKind::Usage,
        Class::Refused => FailureKind::Refused,
        Class::Permission => FailureKind::Permission,
        Class::Unreachable => FailureKind::Unreachable,
        Class::Findings => FailureKind::Findings,
        Class::Failed => FailureKind::Failed,
    }
}

/// Whether the same call may go through later by itself.
pub(super) fn is_transient(error: &SafetyError) -> bool {
    match error.cause() {
        Cause::Site(error) => error.is_transient(),
        Cause::Snapshot { transient, .. } => transient,
    }
}
