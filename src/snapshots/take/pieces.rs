//! Which ranges of a table are read, and which are taken over from the parent.

use std::sync::Arc;

use super::{Take, cut_rule};
use crate::backends::database::Instant;
use crate::backends::database::instant::{KeyBoundary, KeyRange, LinesOf};
use crate::snapshots::cut::CutRule;
use crate::snapshots::error::SnapshotError;
use crate::snapshots::manifest::TableEntry;
use crate::snapshots::part::PartRef;

/// A table, and how it is taken.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its lines.
    pub what: LinesOf,
    /// How it is cut.
    pub cut: CutRule,
    /// What is done, in the order of the key.
    pub pieces: Vec<Piece>,
}

/// A range of a table.
#[derive(Debug, Clone)]
pub enum Piece {
    /// It did not change: the parent's parts stand for it.
    Unchanged(Vec<PartRef>),
    /// It is read and stored.
    Read(Option<KeyRange>),
}

/// Tables of fewer rows are read by one reader: cutting them costs more than it gains.
const LARGE: u64 = 100_000;

pub async fn plan(take: &Take<'_>, moment: &Arc<dyn Instant>, name: &str) -> Result<Planned, SnapshotError> {
    let lost = || SnapshotError::UnknownTable { table: name.to_owned() };
    let table = take.model.tables.get(name).ok_or_else(lost)?;
    let columns = table.columns.iter().map(|(name, column)| (name.clone(), column.logical.clone())).collect();
    let what = LinesOf { table: name.to_owned(), columns, key: table.primary_key.clone(), range: None };
    let before = take.parent.as_ref().and_then(|(_, manifest)| manifest.table(name));
    if let Some(before) = before.filter(|before| fits(before, &what) && !before.parts.is_empty()) {
        let pieces = changed(take, moment, &what, before).await?;
        return Ok(Planned { what, cut: before.cut, pieces });
    }
    let stats = take.database.table_stats(&take.tenant.namespace, &[name.to_owned()]).await?;
    let (rows, bytes) = stats.first().map_or((0, 0), |stats| (stats.rows, stats.bytes));
    let pieces = if rows < LARGE || moment.readers() < 2 {
        vec![Piece::Read(None)]
    } else {
        let ranges = moment.ranges(&what, moment.readers()).await?;
        ranges.into_iter().map(|range| Piece::Read(Some(range))).collect()
    };
    Ok(Planned { what, cut: cut_rule(rows, bytes), pieces })
}

/// Whether what the parent holds of a table can stand for it at all.
fn fits(before: &TableEntry, what: &LinesOf) -> bool {
    let same_columns = before.columns.iter().eq(what.columns.iter().map(|(name, _)| name));
    same_columns
        && !what.key.is_empty()
        && before.key == what.key
        && before.parts.iter().all(|part| part.mark.is_some())
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
        let same = part.mark.as_ref() == Some(&mark.mark) && part.rows == mark.rows && usable(take, part);
        let same = same && take.store.holds(part).await?;
        match (same, pieces.last_mut()) {
            (true, Some(Piece::Unchanged(parts))) => parts.push(part.clone()),
            (true, _) => pieces.push(Piece::Unchanged(vec![part.clone()])),
            (false, Some(Piece::Read(Some(open)))) => open.to = range.to,
            (false, _) => pieces.push(Piece::Read(Some(range))),
        }
    }
    Ok(pieces)
}

/// A part of another compression or key generation is stored anew, so that a change of either takes hold.
fn usable(take: &Take<'_>, part: &PartRef) -> bool {
    part.compression == take.packing.compression() && part.generation == take.packing.generation()
}
