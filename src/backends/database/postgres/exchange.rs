//! Two schemas change places.

use super::Postgres;
use super::writing::check_name;
use crate::backends::database::quote::{identifier, qualified};
use crate::backends::database::{DatabaseError, Writer as _};
use crate::model::Namespace;

/// Tables that are locked at most: each takes a place in the server's lock table.
const MOST_LOCKED: usize = 1000;

impl Postgres {
    /// Renames both in one transaction.
    pub(super) async fn exchange(
        &self,
        living: &Namespace,
        fresh: &Namespace,
        old: &Namespace,
    ) -> Result<(), DatabaseError> {
        check_name(old)?;
        let rename = |from: &Namespace, to: &Namespace| {
            format!("ALTER SCHEMA {} RENAME TO {}", identifier(from.as_str()), identifier(to.as_str()))
        };
        // A writer in the middle of a transaction would go on in the tables that are put aside. So those
        // at work are waited for, and those that come find the fresh tables when we are done. The
        // locks are in one order, so that two who exchange do not wait for each other.
        let mut tables: Vec<String> = self.tables(living).await?.iter().map(|table| qualified(living, table)).collect();
        tables.sort();
        tables.truncate(MOST_LOCKED);
        let mut statements = Vec::new();
        if !tables.is_empty() {
            statements.push(format!("LOCK TABLE {} IN SHARE MODE", tables.join(", ")));
        }
        statements.extend([rename(living, old), rename(fresh, living)]);
        self.execute(living, &statements).await
    }
}
