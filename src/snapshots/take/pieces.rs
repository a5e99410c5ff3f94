//! Which ranges of a table are read, and which are taken over from the parent.
//!
//! Ranges of pages are what an engine reads fastest. Where it has none, they are ranges of the key.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Take, cut_rule};
use crate::backends::database::Instant;
use crate::backends::database::instant::{KeyBoundary, KeyRange, LinesOf, PageRange, Range, RangeMark};
use crate::snapshots::cut::CutRule;
use crate::snapshots::error::SnapshotError;
use crate::snapshots::manifest::TableEntry;
use crate::snapshots::part::PartRef;

/// A table, and how it is taken.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its lines.
    pub what: LinesOf,
    /// How it is cut, unless its pages decide.
    pub cut: Option<CutRule>,
    /// What is done, in the order of the key or of the pages.
    pub pieces: Vec<Piece>,
}

/// A range of a table.
#[derive(Debug, Clone)]
pub enum Piece {
    /// It did not change: the parent's parts stand for it.
    Unchanged(Vec<PartRef>),
    /// It is read and stored.
    Read(Option<Range>),
    /// Rows were added and none was changed: the parent's parts stand for the older ones.
    Added {
        /// The parent's parts.
        parts: Vec<PartRef>,
        /// What is read and stored.
        range: Range,
        /// The state of all rows.
        mark: RangeMark,
    },
}

/// Tables of fewer rows are read by one reader: cutting them costs more than it gains.
const LARGE: u64 = 100_000;

/// So many parts make up a range of pages at most; then it is stored anew, as one.
const PARTS_OF_A_RANGE: usize = 16;

/// Decides for all tables.
pub async fn plan(
    take: &Take<'_>,
    moment: &Arc<dyn Instant>,
    tables: &[String],
) -> Result<Vec<Planned>, SnapshotError> {
    let mut planned = Vec::with_capacity(tables.len());
    for (name, grid) in tables.iter().zip(moment.pages(tables).await?) {
        let lost = || SnapshotError::UnknownTable { table: name.clone() };
        let table = take.model.tables.get(name).ok_or_else(lost)?;
        let columns = table.columns.iter().map(|(name, column)| (name.clone(), column.logical.clone())).collect();
        let what = LinesOf { table: name.clone(), columns, key: table.primary_key.clone(), range: None };
        let before = take.parent.as_ref().and_then(|(_, manifest)| manifest.table(name));
        planned.push(match grid {
            Some(grid) => by_pages(take, moment, (what, before), grid).await?,
            None => by_key(take, moment, what, before).await?,
        });
    }
    Ok(planned)
}

async fn by_key(
    take: &Take<'_>,
    moment: &Arc<dyn Instant>,
    what: LinesOf,
    before: Option<&TableEntry>,
) -> Result<Planned, SnapshotError> {
    if let Some(before) = before.filter(|before| fits(before, &what) && !before.parts.is_empty())
        && let Some(cut) = before.cut
    {
        let pieces = changed(take, moment, &what, before).await?;
        return Ok(Planned { what, cut: Some(cut), pieces });
    }
    let stats = take.database.table_stats(&take.tenant.namespace, std::slice::from_ref(&what.table)).await?;
    let (rows, bytes) = stats.first().map_or((0, 0), |stats| (stats.rows, stats.bytes));
    let pieces = if rows < LARGE || moment.readers() < 2 {
        vec![Piece::Read(None)]
    } else {
        let ranges = moment.ranges(&what, moment.readers()).await?;
        ranges.into_iter().map(|range| Piece::Read(Some(Range::Keys(range)))).collect()
    };
    Ok(Planned { what, cut: Some(cut_rule(rows, bytes)), pieces })
}

async fn by_pages(
    take: &Take<'_>,
    moment: &Arc<dyn Instant>,
    (what, before): (LinesOf, Option<&TableEntry>),
    grid: Vec<PageRange>,
) -> Result<Planned, SnapshotError> {
    let before: BTreeMap<u64, &[PartRef]> = before
        .filter(|before| before.cut.is_none() && same_columns(before, &what))
        .map(|before| before.parts.chunk_by(|one, next| one.page == next.page))
        .into_iter()
        .flatten()
        .filter_map(|parts| Some((parts.first()?.page?, parts)))
        .collect();
    if before.is_empty() {
        let pieces = grid.into_iter().map(|range| Piece::Read(Some(Range::Pages(range)))).collect();
        return Ok(Planned { what, cut: None, pieces });
    }
    let since = take.parent.as_ref().and_then(|(_, manifest)| manifest.position.as_deref());
    let marks = moment.page_marks(&what, &grid, since).await?;
    let mut pieces: Vec<Piece> = Vec::new();
    for (range, mark) in grid.into_iter().zip(marks) {
        let parts = before.get(&range.from).copied().unwrap_or_default();
        if mark.all.rows == 0 {
            continue;
        }
        let older = mark.older.as_ref().filter(|older| older.rows > 0 && parts.len() < PARTS_OF_A_RANGE);
        if unchanged(take, parts, &mark.all).await? {
            pieces.push(Piece::Unchanged(parts.to_vec()));
        } else if let (Some(older), Some(since)) = (older, since)
            && unchanged(take, parts, older).await?
        {
            let range = Range::Added(range, since.to_owned());
            pieces.push(Piece::Added { parts: parts.to_vec(), range, mark: mark.all });
        } else {
            pieces.push(Piece::Read(Some(Range::Pages(range))));
        }
    }
    Ok(Planned { what, cut: None, pieces })
}

/// Whether these parts hold the rows of a range as they are now.
async fn unchanged(take: &Take<'_>, parts: &[PartRef], mark: &RangeMark) -> Result<bool, SnapshotError> {
    let same = |part: &PartRef| part.mark.as_ref() == Some(&mark.mark) && usable(take, part);
    if parts.iter().map(|part| part.rows).sum::<u64>() != mark.rows || !parts.iter().all(same) {
        return Ok(false);
    }
    for part in parts {
        if !take.store.holds(part).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether what the parent holds of a table can stand for it at all.
fn fits(before: &TableEntry, what: &LinesOf) -> bool {
    same_columns(before, what)
        && !what.key.is_empty()
        && before.key == what.key
        && before.parts.iter().all(|part| part.mark.is_some())
}

fn same_columns(before: &TableEntry, what: &LinesOf) -> bool {
    before.columns.iter().eq(what.columns.iter().map(|(name, _)| name))
}

/// The places at which the parts begin, but for the first.
pub fn boundaries(parts: &[PartRef]) -> Option<Vec<KeyBoundary>> {
    let begin = |part: &PartRef| {
        let places: Vec<usize> = (0..part.first.len()).collect();
        KeyBoundary::of_line(part.first.join("\t").as_bytes(), &places)
    };
    parts.iter().skip(1).map(begin).collect()
}

/// The ranges whose state on the server is not what it was.
async fn changed(
    take: &Take<'_>,
    moment: &Arc<dyn Instant>,
    what: &LinesOf,
    before: &TableEntry,
) -> Result<Vec<Piece>, SnapshotError> {
    let Some(places) = boundaries(&before.parts) else { return Ok(vec![Piece::Read(None)]) };
    let marks = moment.marks(what, &places).await?;
    let mut pieces: Vec<Piece> = Vec::new();
    for ((part, mark), range) in before.parts.iter().zip(marks).zip(KeyRange::between(&places)) {
        let same = unchanged(take, std::slice::from_ref(part), &mark).await?;
        match (same, pieces.last_mut()) {
            (true, Some(Piece::Unchanged(parts))) => parts.push(part.clone()),
            (true, _) => pieces.push(Piece::Unchanged(vec![part.clone()])),
            (false, Some(Piece::Read(Some(Range::Keys(open))))) => open.to = range.to,
            (false, _) => pieces.push(Piece::Read(Some(Range::Keys(range)))),
        }
    }
    Ok(pieces)
}

/// A part of another compression or key generation is stored anew, so that a change of either takes hold.
fn usable(take: &Take<'_>, part: &PartRef) -> bool {
    part.compression == take.packing.compression() && part.generation == take.packing.generation()
}
