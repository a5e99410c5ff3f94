//! Takes a table's indexes out of the file's schema, to build them after a load.

use sqlx::{Row, SqliteConnection};

use super::error::translate;
use crate::backends::database::DatabaseError;
use crate::backends::database::quote::identifier;
pub use crate::backends::database::rebuild::Rebuild;

/// Indexes of the table, keys included: fixtool makes those as indexes of their own. Keys that were
/// written into a table by other programs cannot be taken off and stay.
pub async fn of(connection: &mut SqliteConnection, table: &str) -> Result<Rebuild, DatabaseError> {
    let rows = sqlx::query(
        "SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' AND sql IS NOT NULL \
         AND tbl_name = ?1 COLLATE NOCASE ORDER BY rowid",
    )
    .bind(table)
    .fetch_all(connection)
    .await
    .map_err(translate)?;
    let mut rebuild = Rebuild::default();
    for row in &rows {
        let name: String = row.try_get("name").map_err(translate)?;
        rebuild.drop.push(format!("DROP INDEX {}", identifier(&name)));
        rebuild.build.push(row.try_get("sql").map_err(translate)?);
    }
    Ok(rebuild)
}
