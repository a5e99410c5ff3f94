//! Which rows a bare load made, in eight bytes a row.
//!
//! SQLite gives the id of a deleted row to a new one, so an id alone does not say that a row is the
//! one that was loaded. Beside the n-th row's id goes a digest of its key; a row whose key has
//! another digest is somebody else's. A journal of whole keys would be as large as the table.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::super::error::translate;
use super::super::value;
use super::checkpoint::Place;
use crate::backends::database::DatabaseError;
use crate::backends::database::load::LoadSpec;
use crate::backends::database::quote::identifier;
use crate::model::{LogicalType, Row, Value};

/// Digests a journal entry; an entry is 64 KiB.
const AN_ENTRY: usize = 8192;

const BYTES: usize = 8;

/// Collects digests into entries of the journal.
#[derive(Debug, Default)]
pub struct Prints {
    key: Vec<usize>,
    entry: Vec<u8>,
}

impl Prints {
    /// For this load; `None` when a column of the key has no exact form as text.
    pub fn of(spec: &LoadSpec) -> Option<Self> {
        let place = |name: &String| {
            let plain = !matches!(
                spec.definition.columns.get(name)?.logical,
                LogicalType::Float | LogicalType::Bytes | LogicalType::Json | LogicalType::ListText
            );
            plain.then(|| spec.columns.iter().position(|c| c == name))?
        };
        let key: Option<Vec<usize>> = spec.definition.primary_key.iter().map(place).collect();
        key.filter(|key| !key.is_empty()).map(|key| Self { key, ..Self::default() })
    }

    /// Adds one row; the answer is an entry when one is full.
    pub fn push(&mut self, row: &Row) -> Option<Vec<u8>> {
        let cells: Vec<Option<String>> = self.key.iter().map(|at| row.get(*at).and_then(text)).collect();
        self.entry.extend_from_slice(&print(&cells));
        (self.entry.len() >= AN_ENTRY * BYTES).then(|| std::mem::take(&mut self.entry))
    }

    /// The entry that is not full.
    pub fn rest(self) -> Vec<u8> {
        self.entry
    }
}

/// Writes an entry to the journal; `number` counts the entries of the load from zero.
pub async fn write(
    connection: &mut SqliteConnection,
    place: &Place<'_>,
    (number, entry): (u64, Vec<u8>),
) -> Result<(), DatabaseError> {
    sqlx::query("INSERT INTO _fixtool_undo (run, step, kind, key, before) VALUES (?1, ?2, 'prints', ?3, ?4)")
        .bind(place.run)
        .bind(i64::from(place.step))
        .bind(number.to_string())
        .bind(entry)
        .execute(connection)
        .await
        .map(drop)
        .map_err(translate)
}

/// Names, in the temporary table `_fixtool_ours`, the ids of rows that the load made and nobody
/// has replaced.
pub async fn find(
    connection: &mut SqliteConnection,
    place: &Place<'_>,
    (table, key): (&str, &[String]),
) -> Result<(), DatabaseError> {
    sqlx::raw_sql("DROP TABLE IF EXISTS temp._fixtool_ours; CREATE TEMP TABLE _fixtool_ours (id INTEGER PRIMARY KEY)")
        .execute(&mut *connection)
        .await
        .map_err(translate)?;
    let cells: Vec<String> = key.iter().map(|c| format!("CAST({} AS TEXT)", identifier(c))).collect();
    let rows = format!(
        "SELECT rowid, json_array({}) FROM {} WHERE rowid BETWEEN ?1 AND ?2",
        cells.join(", "),
        identifier(table)
    );
    let mut first = 1_i64;
    for entry in 0_u64.. {
        let Some(prints) = read(connection, place, entry).await? else { break };
        let count = i64::try_from(prints.len() / BYTES).unwrap_or_default();
        let present: Vec<(i64, String)> = sqlx::query_as(AssertSqlSafe(rows.clone()))
            .bind(first)
            .bind(first + count - 1)
            .fetch_all(&mut *connection)
            .await
            .map_err(translate)?;
        let ours: Vec<i64> =
            present.into_iter().filter(|(id, key)| matches(&prints, id - first, key)).map(|(id, _)| id).collect();
        sqlx::query("INSERT INTO _fixtool_ours SELECT value FROM json_each(?1)")
            .bind(serde_json::json!(ours).to_string())
            .execute(&mut *connection)
            .await
            .map_err(translate)?;
        first += count;
    }
    Ok(())
}

fn matches(prints: &[u8], at: i64, key: &str) -> bool {
    let Ok(cells) = serde_json::from_str::<Vec<Option<String>>>(key) else { return false };
    let expected = usize::try_from(at).ok().and_then(|at| prints.chunks_exact(BYTES).nth(at));
    expected == Some(print(&cells).as_slice())
}

async fn read(
    connection: &mut SqliteConnection,
    place: &Place<'_>,
    entry: u64,
) -> Result<Option<Vec<u8>>, DatabaseError> {
    sqlx::query_scalar("SELECT before FROM _fixtool_undo WHERE run = ?1 AND step = ?2 AND kind = 'prints' AND key = ?3")
        .bind(place.run)
        .bind(i64::from(place.step))
        .bind(entry.to_string())
        .fetch_optional(connection)
        .await
        .map_err(translate)
}

fn print(cells: &[Option<String>]) -> [u8; BYTES] {
    let mut hasher = blake3::Hasher::new();
    for cell in cells {
        match cell {
            None => hasher.update(&[0]),
            Some(text) => hasher.update(&[1]).update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes()),
        };
    }
    let mut print = [0; BYTES];
    hasher.finalize_xof().fill(&mut print);
    print
}

/// A key's cell as SQLite shows it when it is cast to text.
fn text(of: &Value) -> Option<String> {
    match of {
        Value::Bool(of) => Some(u8::from(*of).to_string()),
        Value::Int(of) => Some(of.to_string()),
        Value::Decimal(of) | Value::Text(of) => Some(of.clone()),
        Value::Uuid(of) => Some(uuid::Uuid::from_bytes(*of).hyphenated().to_string()),
        Value::Timestamp(of) => Some(value::timestamp(*of)),
        Value::Date(of) => Some(value::date(*of)),
        Value::Null | Value::Float(_) | Value::Json(_) | Value::Bytes(_) | Value::List(_) => None,
    }
}
