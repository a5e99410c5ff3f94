//! Where the rows of a table are cut into parts.
//!
//! Two backups of a table that hardly changed must be cut at the same rows, or nothing would be found stored
//! already. So a cut depends on keys alone: it comes after a row whose key hashes to a certain value, once enough
//! rows are in the part. An update moves no cut, whatever it does to the size of a row; a row more or less moves
//! the next cut at most to the next such key, and the cuts after it meet again. Only where a part would exceed its
//! hard limit, because rows grew far beyond what the rule was made for, does size decide.
//!
//! A rule is made once for a table and kept in the manifest: the next backup uses it again.
//!
//! Where a table is read by the pages of its file, the pages decide, and no rule is needed: each range of pages
//! becomes one part, unless its rows are larger than their pages (long values lie elsewhere).

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::error::SnapshotError;

/// Parts begin to look for their end here.
pub const LEAST_BYTES: u64 = 8 << 20;

/// No part is larger, unless a single row is.
pub const MOST_BYTES: u64 = 16 << 20;

/// One key in so many of those in [`LEAST_BYTES`] ends a part; so parts have nine megabytes on the average, and one
/// in three thousand meets the hard limit.
const CHANCES: u64 = 8;

/// When a part ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutRule {
    /// So many rows are in a part at least.
    pub least_rows: u64,
    /// So many low bits of the hash of a key are zero at a cut.
    pub bits: u32,
    /// No part is larger, unless a single row is.
    pub most_bytes: u64,
}

impl CutRule {
    /// For rows of so many bytes on the average, line end included.
    pub fn for_rows_of(bytes: u64) -> Self {
        // Powers of two, so that a slightly different average gives the same rule.
        let rows = (LEAST_BYTES / bytes.clamp(1, LEAST_BYTES)).max(1);
        let least_rows = 1 << rows.ilog2();
        Self { least_rows, bits: (least_rows / CHANCES).max(1).ilog2(), most_bytes: MOST_BYTES }
    }
}

/// What is to be done at a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It belongs into the part, which goes on.
    Nowhere,
    /// The part ends before it; it is the first of the next one.
    Before,
    /// It is the last row of the part.
    After,
}

/// Decides row by row.
#[derive(Debug, Clone)]
pub struct Cutter {
    rule: CutRule,
    seed: u64,
    rows: u64,
    bytes: u64,
}

impl Cutter {
    /// With a rule and the seed of the repository's key.
    pub fn new(rule: CutRule, seed: u64) -> Self {
        Self { rule, seed, rows: 0, bytes: 0 }
    }

    /// For the next row of this many bytes, with its key; a table without a key is cut by size alone.
    pub fn row<'a>(&mut self, bytes: u64, key: impl IntoIterator<Item = &'a [u8]>) -> Cut {
        let mut key = key.into_iter().peekable();
        let by_key = key.peek().is_some();
        if self.rows > 0 && self.bytes + bytes > self.rule.most_bytes {
            (self.rows, self.bytes) = (1, bytes);
            return Cut::Before;
        }
        self.rows += 1;
        self.bytes += bytes;
        let ends = if by_key {
            let mask = (1_u64 << self.rule.bits.min(63)) - 1;
            self.rows >= self.rule.least_rows && hash(self.seed, key) & mask == 0
        } else {
            self.bytes >= LEAST_BYTES.min(self.rule.most_bytes)
        };
        if ends {
            (self.rows, self.bytes) = (0, 0);
            return Cut::After;
        }
        Cut::Nowhere
    }
}

/// A hash that stays the same for ever: cuts of years are compared with each other. It need not resist anybody;
/// the seed keeps the places of cuts from telling keys.
fn hash<'a>(seed: u64, key: impl Iterator<Item = &'a [u8]>) -> u64 {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    for field in key {
        for piece in field.chunks(8) {
            let word = piece.iter().rev().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
            state = mix(state ^ word);
        }
        // The length keeps ("a", "bc") from being the same key as ("ab", "c").
        state = mix(state ^ field.len() as u64);
    }
    state
}

/// The finalizer of splitmix64.
fn mix(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// The rows of one part, as the manifest speaks of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// How many there are.
    pub count: u64,
    /// The key of the first, as COPY text fields.
    pub first: Vec<String>,
    /// The key of the last, likewise.
    pub last: Vec<String>,
}

/// The rows of one part with their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawPart {
    /// One row a line, COPY text.
    pub bytes: Vec<u8>,
    /// What is in it.
    pub rows: Rows,
}

/// Collects the lines of a table into parts.
#[derive(Debug)]
pub struct Collector {
    cutter: Cutter,
    /// The places of the key's columns among the fields of a line.
    key: Vec<usize>,
    bytes: Vec<u8>,
    count: u64,
    first: Vec<Range<usize>>,
    last: Vec<Range<usize>>,
}

impl Collector {
    /// For lines whose key stands in these fields, in the order of the key; no field means no key.
    pub fn new(cutter: Cutter, key: Vec<usize>) -> Self {
        Self { cutter, key, bytes: Vec::new(), count: 0, first: Vec::new(), last: Vec::new() }
    }

    /// Takes whole lines, and gives the parts that they ended.
    pub fn lines(&mut self, chunk: &[u8]) -> Result<Vec<RawPart>, SnapshotError> {
        let mut ended = Vec::new();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', chunk) {
            let line = chunk.get(start..=end).unwrap_or_default();
            start = end + 1;
            ended.extend(self.line(line)?);
        }
        Ok(ended)
    }

    /// Takes one line of COPY text with its line end, and gives the part that it ended.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<RawPart>, SnapshotError> {
        let fields = fields(line, &self.key)
            .ok_or_else(|| SnapshotError::damaged("a row", format!("it has fewer than {:?} fields", self.key)))?;
        let cut = self.cutter.row(line.len() as u64, fields.iter().map(|field| &line[field.clone()]));
        let ended = if cut == Cut::Before { self.finish()? } else { None };
        let start = self.bytes.len();
        self.bytes.extend_from_slice(line);
        self.last.clear();
        self.last.extend(fields.into_iter().map(|field| start + field.start..start + field.end));
        if self.count == 0 {
            self.first.clone_from(&self.last);
        }
        self.count += 1;
        if cut == Cut::After { self.finish() } else { Ok(ended) }
    }

    /// The last part, unless no line is left.
    pub fn finish(&mut self) -> Result<Option<RawPart>, SnapshotError> {
        if self.count == 0 {
            return Ok(None);
        }
        let text = |range: &Range<usize>| {
            let field = self.bytes.get(range.clone()).unwrap_or_default();
            String::from_utf8(field.to_vec()).map_err(|_| SnapshotError::damaged("a key", "it is not UTF-8"))
        };
        let first = self.first.iter().map(text).collect::<Result<_, _>>()?;
        let last = self.last.iter().map(text).collect::<Result<_, _>>()?;
        let rows = Rows { count: std::mem::take(&mut self.count), first, last };
        let room = self.bytes.len();
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(room));
        Ok(Some(RawPart { bytes, rows }))
    }
}

/// Room for the lines of most ranges of pages; memory that is not used costs nothing.
const USUAL_BYTES: usize = 10 << 20;

/// Collects the lines of some pages, in the order in which they lie there, into one part, or into several
/// where they are too many.
#[derive(Debug, Default)]
pub struct Heap {
    bytes: Vec<u8>,
    count: u64,
}

impl Heap {
    /// Takes whole lines, and gives the part that is full without them.
    pub fn lines(&mut self, chunk: &[u8]) -> Option<RawPart> {
        let full = self.bytes.len() as u64 + chunk.len() as u64 > MOST_BYTES;
        let ended = if full { self.finish() } else { None };
        self.count += memchr::memchr_iter(b'\n', chunk).count() as u64;
        if self.bytes.capacity() == 0 {
            // Growing by doubling would hold the bytes twice while it moves them.
            self.bytes.reserve(USUAL_BYTES);
        }
        self.bytes.extend_from_slice(chunk);
        ended
    }

    /// The last part, unless no line is left.
    pub fn finish(&mut self) -> Option<RawPart> {
        let rows = Rows { count: std::mem::take(&mut self.count), ..Rows::default() };
        let bytes = std::mem::take(&mut self.bytes);
        (rows.count > 0).then_some(RawPart { bytes, rows })
    }
}

/// The places of some fields of a line. A tab inside a field is written as `\t`, so each real one separates.
fn fields(line: &[u8], wanted: &[usize]) -> Option<Vec<Range<usize>>> {
    let Some(most) = wanted.iter().max() else { return Some(Vec::new()) };
    let end = line.strip_suffix(b"\n").unwrap_or(line).len();
    let mut all = Vec::with_capacity(most + 1);
    let mut start = 0;
    for tab in memchr::memchr_iter(b'\t', &line[..end]).chain([end]).take(most + 1) {
        all.push(start..tab);
        start = tab + 1;
    }
    wanted.iter().map(|at| all.get(*at).cloned()).collect()
}

#[cfg(test)]
mod tests;
