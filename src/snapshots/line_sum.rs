//! A digest of lines that does not depend on their order.
//!
//! Two servers order texts by different collations, so a table that was read in key order on one comes in
//! another order from the other. The sum of the lines' hashes is the same for the same lines.
//!
//! The hash (XXH3, 128 bits) finds what went wrong by itself, on a disk or in a conversion. It need not resist
//! anybody: who may write to the database or the repository needs no collision.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use memchr::memchr_iter;
use tokio::sync::mpsc;
use xxhash_rust::xxh3::xxh3_128;

use super::error::SnapshotError;
use crate::backends::database::instant::{LinesOf, Range};
use crate::backends::database::load::parse_text;
use crate::backends::database::{Instant, Writer};
use crate::model::{Engine, LogicalType, Namespace};

/// How many lines there were, and the sum of their hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineSum {
    /// Lines.
    pub lines: u64,
    sum: u128,
}

impl LineSum {
    /// Adds whole lines.
    pub fn add(&mut self, bytes: &[u8]) {
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            self.sum = self.sum.wrapping_add(xxh3_128(bytes.get(start..end).unwrap_or_default()));
            self.lines += 1;
            start = end + 1;
        }
    }

    /// Adds the lines of another sum.
    pub fn join(&mut self, other: &Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.lines += other.lines;
    }
}

/// What counts of a line. SQLite keeps JSON documents as they were written, and PostgreSQL keeps what they say: on
/// the way from one to the other only the latter can be compared. SQLite has no minus zero among its floating point
/// numbers: there it is zero.
#[derive(Debug, Clone, Default)]
pub struct Sense {
    /// Places of the columns with documents.
    documents: Vec<usize>,
    /// Places of the columns with floating point numbers.
    floats: Vec<usize>,
}

impl Sense {
    /// Of lines with these columns that go from one engine to the other.
    pub fn of(columns: &[(String, LogicalType)], (from, to): (Engine, Engine)) -> Self {
        let places = |wanted: LogicalType| -> Vec<usize> {
            let all = columns.iter().enumerate();
            all.filter(|(_, (_, logical))| from != to && *logical == wanted).map(|(at, _)| at).collect()
        };
        Self { documents: places(LogicalType::Json), floats: places(LogicalType::Float) }
    }

    /// Adds whole lines to a sum.
    pub fn add(&self, sum: &mut LineSum, bytes: &[u8]) {
        if self.documents.is_empty() && self.floats.is_empty() {
            return sum.add(bytes);
        }
        let mut plain = Vec::with_capacity(bytes.len());
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (line, end) = line.strip_suffix(b"\n").map_or((line, false), |line| (line, true));
            for (at, field) in line.split(|byte| *byte == b'\t').enumerate() {
                if at > 0 {
                    plain.push(b'\t');
                }
                let minus_zero = field == b"-0" && self.floats.contains(&at);
                let field = if minus_zero { b"0" } else { field };
                match self.documents.contains(&at).then(|| said(field)).flatten() {
                    Some(said) => plain.extend_from_slice(said.as_bytes()),
                    None => plain.extend_from_slice(field),
                }
            }
            if end {
                plain.push(b'\n');
            }
        }
        sum.add(&plain);
    }
}

/// What a document says, without line ends: keys in order, and numbers by their value.
fn said(field: &[u8]) -> Option<String> {
    fn by_value(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Number(number) => {
                let amount = number.as_f64().filter(|amount| amount.fract() == 0.0 && amount.abs() < 9e15);
                let text = amount.map_or_else(|| number.to_string(), |amount| format!("{:.0}", amount + 0.0));
                // No text in a database has this character.
                *value = format!("\0{text}").into();
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(by_value),
            serde_json::Value::Object(items) => items.values_mut().for_each(by_value),
            _ => {}
        }
    }
    let mut document: serde_json::Value = serde_json::from_str(&parse_text::unescape(field)?).ok()?;
    by_value(&mut document);
    Some(document.to_string())
}

/// The sum of the lines that a table holds.
///
/// # Errors
/// When the database fails.
pub async fn stored(
    database: &Arc<dyn Writer>,
    namespace: &Namespace,
    (what, sense): (LinesOf, &Sense),
) -> Result<LineSum, SnapshotError> {
    let table = what.table.clone();
    let moment = database.instant(namespace, std::slice::from_ref(&table), READERS).await?;
    let sum = at(&moment, what, sense).await;
    moment.close().await;
    sum
}

/// Readers of one table side by side.
const READERS: usize = 2;

async fn at(moment: &Arc<dyn Instant>, what: LinesOf, sense: &Sense) -> Result<LineSum, SnapshotError> {
    let table = what.table.clone();
    let grid = moment.pages(std::slice::from_ref(&table)).await?.pop().flatten();
    let ranges: Vec<Option<Range>> = match grid {
        Some(grid) => grid.into_iter().map(|range| Some(Range::Pages(range))).collect(),
        None => vec![None],
    };
    let of_range = |range| {
        let (moment, what, sense) = (moment.clone(), LinesOf { range, ..what.clone() }, sense.clone());
        async { tokio::spawn(piece(moment, what, sense)).await }
    };
    let mut sum = LineSum::default();
    let mut sums = futures_util::stream::iter(ranges).map(of_range).buffer_unordered(READERS);
    while let Some(piece) = sums.next().await {
        sum.join(&piece.map_err(|error| SnapshotError::damaged(&table, error.to_string()))??);
    }
    Ok(sum)
}

async fn piece(moment: Arc<dyn Instant>, what: LinesOf, sense: Sense) -> Result<LineSum, SnapshotError> {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(4);
    let table = what.table.clone();
    let reader = tokio::spawn(async move { moment.lines(&what, sender).await });
    let mut sum = LineSum::default();
    while let Some(chunk) = receiver.recv().await {
        sense.add(&mut sum, &chunk);
    }
    reader.await.map_err(|error| SnapshotError::damaged(&table, error.to_string()))??;
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&str]) -> LineSum {
        let mut sum = LineSum::default();
        for piece in pieces {
            sum.add(piece.as_bytes());
        }
        sum
    }

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        assert_eq!(of(&["a\nb\n", "c\n"]), of(&["c\n", "b\na\n"]));
        assert_ne!(of(&["a\nb\n"]), of(&["a\na\n"]));
        assert_ne!(of(&["a\na\n"]), of(&["a\n"]));
        assert_ne!(of(&["a\n\n"]), of(&["a\n"]));
        assert_eq!(of(&["a\na\na\n"]).lines, 3);
    }

    #[test]
    fn minus_zero_is_zero_where_the_engine_changes() {
        let columns = [("a", LogicalType::Text), ("b", LogicalType::Float)].map(|(name, of)| (name.to_owned(), of));
        let sum = |engines, line: &str| {
            let mut sum = LineSum::default();
            Sense::of(&columns, engines).add(&mut sum, line.as_bytes());
            sum
        };
        let (both, one) = ((Engine::Postgres, Engine::Sqlite), (Engine::Postgres, Engine::Postgres));
        assert_eq!(sum(both, "-0\t-0\n"), sum(both, "-0\t0\n"));
        assert_ne!(sum(both, "-0\t0\n"), sum(both, "0\t0\n"), "a text is a text");
        assert_ne!(sum(one, "x\t-0\n"), sum(one, "x\t0\n"));
    }

    #[test]
    fn documents_of_two_engines_count_by_what_they_say() {
        let columns = [("a", LogicalType::Text), ("b", LogicalType::Json)].map(|(name, of)| (name.to_owned(), of));
        let both = (Engine::Sqlite, Engine::Postgres);
        let sum = |engines, line: &str| {
            let mut sum = LineSum::default();
            Sense::of(&columns, engines).add(&mut sum, line.as_bytes());
            sum
        };
        let written = "x\t{\"b\":[1e3,-0.0,1.50],\"a\":\"\\\\n\"}\n";
        let kept = "x\t{\"a\": \"\\\\n\", \"b\": [1000, 0.0, 1.5]}\n";
        assert_eq!(sum(both, written), sum(both, kept));
        assert_ne!(sum((Engine::Sqlite, Engine::Sqlite), written), sum((Engine::Sqlite, Engine::Sqlite), kept));
        for other in ["{\"b\": [1000, 0, 1.5]}", "{\"a\": \"1000\"}", "[]", "\\N"] {
            assert_ne!(sum(both, &format!("x\t{other}\n")), sum(both, kept), "{other}");
        }
        assert_ne!(sum(both, "x\t1\n"), sum(both, "x\t\"1\"\n"));
        assert_eq!(sum(both, "x\t1\ny\t\\N\n").lines, 2);
    }
}
