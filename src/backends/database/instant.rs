//! One consistent moment of one tenant, read by several readers at once as COPY text.
//!
//! Every line is to the byte the same on both engines for the same values (see
//! [`copy_text`](super::load::copy_text)), so that what a backup of one engine holds can be compared with,
//! and restored to, the other.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::DatabaseError;
use super::load::parse_text;
use crate::model::{LogicalType, Model};

/// About how many bytes of whole lines are handed on together.
pub const CHUNK: usize = 256 << 10;

/// Bytes of a table's file that are read together. Several such ranges are in memory at once, as rows, compressed
/// and sealed; each is an object of its own in the repository.
pub const PAGES: u64 = 6 << 20;

/// Which lines of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct LinesOf {
    /// The table.
    pub table: String,
    /// Its columns in the order of the line, each with the logical type as which it is written.
    pub columns: Vec<(String, LogicalType)>,
    /// A unique key without NULL, by which the lines are ordered; empty for the physical order.
    ///
    /// The order is the engine's own for this key, so that an index gives it: texts by their column's
    /// collation on PostgreSQL and byte by byte on SQLite, which also orders decimals as texts.
    pub key: Vec<String>,
    /// Only these; `None` for all. Rows of a range of pages come as they lie there, whatever the key is.
    pub range: Option<Range>,
}

/// A part of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Range {
    /// Between two places in the order of the key.
    Keys(KeyRange),
    /// Between two pages of the table's file.
    Pages(PageRange),
    /// Of those, only the rows that were written after an earlier moment, named by its
    /// [`position`](Instant::position).
    Added(PageRange, String),
}

/// Rows that lie in some pages of a table's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageRange {
    /// The first page.
    pub from: u64,
    /// The first page that does not belong to it any more; `None` for the end of the table.
    pub to: Option<u64>,
}

impl PageRange {
    /// The ranges of a table of so many pages, each of `step` pages: none for a table without pages. The
    /// last one has no end. As long as `step` is the same, the ranges of a grown table begin at the same pages.
    pub fn grid(pages: u64, step: u64) -> Vec<Self> {
        let step = step.max(1);
        let begins = (0..pages.div_ceil(step)).map(|number| number * step);
        begins.map(|from| Self { from, to: Some(from + step).filter(|to| *to < pages) }).collect()
    }
}

impl LinesOf {
    /// The key's columns with their places in the line.
    pub fn key_places(&self) -> Vec<usize> {
        self.key.iter().filter_map(|key| self.columns.iter().position(|(name, _)| name == key)).collect()
    }

    /// The range of keys that is wanted, if one is.
    pub(super) fn keys(&self) -> Option<&KeyRange> {
        match &self.range {
            Some(Range::Keys(range)) => Some(range),
            _ => None,
        }
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// A place in the order of a key: the texts of its values, or of the first few of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct KeyBoundary(pub Vec<String>);

impl KeyBoundary {
    /// The key of a line; `None` if the line does not have these columns, or has NULL there.
    pub fn of_line(line: &[u8], places: &[usize]) -> Option<Self> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let field = |place: &usize| parse_text::unescape(line.split(|byte| *byte == b'\t').nth(*place)?);
        places.iter().map(field).collect::<Option<Vec<String>>>().map(Self)
    }
}

/// Rows between two places in the order of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct KeyRange {
    /// The first place that belongs to it; `None` for the beginning.
    pub from: Option<KeyBoundary>,
    /// The first place that does not belong to it any more; `None` for the end.
    pub to: Option<KeyBoundary>,
}

impl KeyRange {
    /// The ranges between these places: one more than there are places.
    pub fn between(boundaries: &[KeyBoundary]) -> Vec<Self> {
        let begins = std::iter::once(None).chain(boundaries.iter().cloned().map(Some));
        let ends = boundaries.iter().cloned().map(Some).chain(std::iter::once(None));
        begins.zip(ends).map(|(from, to)| Self { from, to }).collect()
    }
}

/// A condensed state of the rows of one key range.
///
/// Two marks of one range of keys or pages are equal only if no row of it was inserted, changed or deleted in
/// between, and the table is the very same: after a restore, a truncation or a change of its columns
/// no mark is equal to one from before. On PostgreSQL it is made from the row count and the sum of
/// hashes of `xmin`: a transaction whose changes were not yet visible leaves rows with an `xmin` that
/// no visible row had. On SQLite it is a hash of the lines themselves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct RangeMark {
    /// Rows of the range.
    pub rows: u64,
    /// The state.
    pub mark: String,
}

/// The state of a range of pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageMark {
    /// Of all its rows.
    pub all: RangeMark,
    /// Of its older rows, if that was asked for and can be told.
    pub older: Option<RangeMark>,
}

/// One moment of one tenant, held open until it is closed or dropped.
///
/// Whatever others write meanwhile, every method answers as of this moment. If the moment is lost,
/// because the connection that holds it broke or somebody changed a file that was read without locks,
/// every method fails with a transient error: all must be read again from a new moment.
#[async_trait]
pub trait Instant: Send + Sync {
    /// When it is, by the server's clock: RFC 3339 in UTC, to the microsecond.
    fn taken_at(&self) -> &str;

    /// Where it lies in the history of the server or of the file, as far as that can be told. Two
    /// moments of one server in which nothing was written are not promised to be equal.
    fn position(&self) -> &str;

    /// How many calls of [`lines`](Self::lines) are worth making at once.
    fn readers(&self) -> usize;

    /// The structure at this moment, without fixtool's own tables.
    async fn model(&self) -> Result<Model, DatabaseError>;

    /// Rows of a table, counted exactly.
    async fn rows(&self, table: &str) -> Result<u64, DatabaseError>;

    /// Cuts a table into at most so many ranges of about the same size, for readers side by side. A
    /// small table, and one without a key, is one range. The range of the question does not matter.
    async fn ranges(&self, what: &LinesOf, pieces: usize) -> Result<Vec<KeyRange>, DatabaseError>;

    /// Cuts each of these tables into ranges of about [`PAGES`] bytes of its file, where the engine can read a
    /// table so: in the order in which rows were written nothing has to be sorted or looked up, similar rows
    /// lie together, and rows that are added lie in pages of their own. `None` where it can not.
    async fn pages(&self, tables: &[String]) -> Result<Vec<Option<Vec<PageRange>>>, DatabaseError>;

    /// The state of each of these ranges of pages, and that of its older rows: those which were written
    /// before an earlier moment, if one is named. If the older rows have the state that all had at that
    /// moment, none of them was changed or deleted since, and what came is [`Range::Added`].
    async fn page_marks(
        &self,
        what: &LinesOf,
        ranges: &[PageRange],
        since: Option<&str>,
    ) -> Result<Vec<PageMark>, DatabaseError>;

    /// Streams lines in the order of the key, in chunks of whole lines of about [`CHUNK`] bytes, and
    /// says how many there were. Ends early, without error, when the receiver is dropped.
    async fn lines(&self, what: &LinesOf, out: mpsc::Sender<Bytes>) -> Result<u64, DatabaseError>;

    /// The state of each range between these places, in one pass over the table: one more than there
    /// are places. The places must be in order; the range of the question does not matter.
    async fn marks(&self, what: &LinesOf, boundaries: &[KeyBoundary]) -> Result<Vec<RangeMark>, DatabaseError>;

    /// Lets the moment go.
    async fn close(self: Arc<Self>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_its_key() {
        let of = |line: &str, places: &[usize]| KeyBoundary::of_line(line.as_bytes(), places);
        assert_eq!(of("7\ta\\tb\tx\n", &[1, 0]), Some(KeyBoundary(vec!["a\tb".into(), "7".into()])));
        assert_eq!(of("7\t\\N\n", &[1]), None);
        assert_eq!(of("7\n", &[1]), None);
    }

    #[test]
    fn pages_make_a_grid_that_stays() {
        let range = |from, to| PageRange { from, to };
        assert_eq!(PageRange::grid(0, 4), []);
        assert_eq!(PageRange::grid(4, 4), [range(0, None)]);
        assert_eq!(PageRange::grid(9, 4), [range(0, Some(4)), range(4, Some(8)), range(8, None)]);
    }

    #[test]
    fn ranges_leave_nothing_out() {
        let places: Vec<KeyBoundary> = ["b", "d"].iter().map(|at| KeyBoundary(vec![(*at).to_owned()])).collect();
        let ranges = KeyRange::between(&places);
        assert_eq!(ranges.len(), 3);
        assert_eq!((&ranges[0].from, &ranges[2].to), (&None, &None));
        assert!(ranges.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert_eq!(KeyRange::between(&[]), [KeyRange::default()]);
    }
}
