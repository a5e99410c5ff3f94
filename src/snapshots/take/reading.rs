//! One piece of a table: its lines come from the moment, are cut into parts, and the parts are stored.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Take;
use super::pieces::{Piece, Planned, boundaries};
use crate::backends::database::instant::{LinesOf, PageRange, Range, RangeMark};
use crate::backends::database::{DatabaseError, Instant};
use crate::snapshots::cut::{Collector, Cutter, Heap, RawPart};
use crate::snapshots::error::SnapshotError;
use crate::snapshots::part::PartRef;
use crate::snapshots::part_store::Kept;

/// What became of a piece.
#[derive(Debug, Default)]
pub struct Done {
    /// Its parts in order.
    pub parts: Vec<PartRef>,
    /// Bytes written.
    pub written: u64,
    /// Parts that were there already.
    pub reused: u64,
}

impl Done {
    fn keep(&mut self, kept: Kept) {
        self.written += kept.written;
        self.reused += u64::from(kept.written == 0);
        self.parts.push(kept.part);
    }
}

/// Chunks of lines on their way.
const IN_FLIGHT: usize = 4;

/// Lines on their way into parts.
enum Collecting {
    Keyed(Collector),
    Heaped(Heap),
}

impl Collecting {
    fn of(take: &Take<'_>, table: &Planned, what: &LinesOf) -> Self {
        match (table.cut, &what.range) {
            (Some(rule), None | Some(Range::Keys(_))) => {
                Self::Keyed(Collector::new(Cutter::new(rule, take.packing.cut_seed()), what.key_places()))
            }
            _ => Self::Heaped(Heap::default()),
        }
    }

    fn lines(&mut self, chunk: &[u8]) -> Result<Vec<RawPart>, SnapshotError> {
        match self {
            Self::Keyed(collector) => collector.lines(chunk),
            Self::Heaped(heap) => Ok(heap.lines(chunk).into_iter().collect()),
        }
    }

    fn finish(&mut self) -> Result<Option<RawPart>, SnapshotError> {
        match self {
            Self::Keyed(collector) => collector.finish(),
            Self::Heaped(heap) => Ok(heap.finish()),
        }
    }
}

/// Reads and stores a piece; `None` when the user stopped it.
pub async fn piece(
    take: &Take<'_>,
    moment: &Arc<dyn Instant>,
    table: &Planned,
    piece: &Piece,
) -> Result<Option<Done>, SnapshotError> {
    match piece {
        Piece::Unchanged(parts) => Ok(Some(kept(take, parts))),
        Piece::Read(range) => read(take, moment, table, range.clone()).await,
        Piece::Added { parts, range, mark } => {
            let Some(added) = read(take, moment, table, Some(range.clone())).await? else { return Ok(None) };
            let mut done = kept(take, parts);
            done.written += added.written;
            done.reused += added.reused;
            done.parts.extend(added.parts);
            let page = parts.first().and_then(|part| part.page);
            let rows: u64 = done.parts.iter().map(|part| part.rows).sum();
            agreed(&table.what.table, mark.rows, rows)?;
            for part in &mut done.parts {
                part.page = page;
                part.mark = Some(mark.mark.clone());
            }
            Ok(Some(done))
        }
    }
}

fn kept(take: &Take<'_>, parts: &[PartRef]) -> Done {
    take.watch.advance(parts.iter().map(|part| part.raw_bytes).sum());
    Done { parts: parts.to_vec(), written: 0, reused: parts.len() as u64 }
}

async fn read(
    take: &Take<'_>,
    moment: &Arc<dyn Instant>,
    table: &Planned,
    range: Option<Range>,
) -> Result<Option<Done>, SnapshotError> {
    if take.watch.stopped() {
        return Ok(None);
    }
    let what = LinesOf { range, ..table.what.clone() };
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    let (source, wanted) = (moment.clone(), what.clone());
    let reader: JoinHandle<Result<Read, DatabaseError>> = tokio::spawn(async move {
        let rows = source.lines(&wanted, sender).await?;
        // Asked for while the rows are still in the server's memory.
        let mark = match &wanted.range {
            Some(Range::Pages(range)) => {
                source.page_marks(&wanted, &[*range], None).await?.pop().map(|mark| (*range, mark.all))
            }
            _ => None,
        };
        Ok(Read { rows, mark })
    });
    let done = collect(take, Collecting::of(take, table, &what), receiver).await;
    // Without its receiver the reader ends by itself.
    let read = reader.await.map_err(|error| SnapshotError::damaged(&what.table, error.to_string()))?;
    let Some(mut done) = done? else { return Ok(None) };
    let rows: u64 = done.parts.iter().map(|part| part.rows).sum();
    let read = read?;
    agreed(&what.table, read.rows, rows)?;
    if let Some((range, mark)) = read.mark {
        agreed(&what.table, mark.rows, rows)?;
        for part in &mut done.parts {
            part.page = Some(range.from);
            part.mark = Some(mark.mark.clone());
        }
    }
    Ok(Some(done))
}

/// Whether every row came that the server sent, or counted: a snapshot that lacks one must never be published.
fn agreed(table: &str, told: u64, came: u64) -> Result<(), SnapshotError> {
    if told == came {
        return Ok(());
    }
    Err(SnapshotError::damaged(table, format!("the server tells of {told} rows, and {came} came")))
}

/// What a reader says in the end.
struct Read {
    rows: u64,
    mark: Option<(PageRange, RangeMark)>,
}

async fn collect(
    take: &Take<'_>,
    mut collecting: Collecting,
    mut lines: mpsc::Receiver<Bytes>,
) -> Result<Option<Done>, SnapshotError> {
    let mut done = Done::default();
    let mut packing: Option<JoinHandle<Result<Kept, SnapshotError>>> = None;
    while let Some(chunk) = lines.recv().await {
        for raw in collecting.lines(&chunk)? {
            settle(&mut done, &mut packing).await?;
            packing = Some(pack(take, raw));
        }
        if take.watch.stopped() {
            settle(&mut done, &mut packing).await?;
            return Ok(None);
        }
    }
    settle(&mut done, &mut packing).await?;
    if let Some(raw) = collecting.finish()? {
        packing = Some(pack(take, raw));
        settle(&mut done, &mut packing).await?;
    }
    Ok(Some(done))
}

/// One part is packed while the next is read: no more, so that memory has a bound.
fn pack(take: &Take<'_>, raw: RawPart) -> JoinHandle<Result<Kept, SnapshotError>> {
    let (store, packing, keys, watch) =
        (take.store.clone(), take.packing.clone(), take.keys.clone(), take.watch.clone());
    tokio::spawn(async move {
        let bytes = raw.bytes.len() as u64;
        let kept = store.keep(&packing, &keys, raw).await?;
        watch.advance(bytes);
        Ok(kept)
    })
}

async fn settle(
    done: &mut Done,
    packing: &mut Option<JoinHandle<Result<Kept, SnapshotError>>>,
) -> Result<(), SnapshotError> {
    if let Some(task) = packing.take() {
        done.keep(task.await.map_err(|error| SnapshotError::damaged("a part", error.to_string()))??);
    }
    Ok(())
}

/// The parts with the state of their ranges on the server, by which the next increment knows them.
pub async fn marked(
    moment: &Arc<dyn Instant>,
    table: &Planned,
    mut parts: Vec<PartRef>,
) -> Result<Vec<PartRef>, SnapshotError> {
    let known = table.pieces.iter().all(|piece| matches!(piece, Piece::Unchanged(_)));
    if known || table.cut.is_none() || table.what.key.is_empty() || parts.is_empty() {
        return Ok(parts);
    }
    let Some(places) = boundaries(&parts) else { return Ok(parts) };
    let marks = moment.marks(&table.what, &places).await?;
    for (part, mark) in parts.iter_mut().zip(marks) {
        part.mark = (part.rows == mark.rows).then_some(mark.mark);
    }
    Ok(parts)
}
