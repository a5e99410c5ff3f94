//! One piece of a table: its lines come from the moment, are cut into parts, and the parts are stored.

use std::sync::Arc;

use bytes::Bytes;
use memchr::memchr_iter;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Take;
use super::pieces::{Piece, Planned, boundaries};
use crate::backends::database::instant::LinesOf;
use crate::backends::database::{DatabaseError, Instant};
use crate::snapshots::cut::{Collector, Cutter, RawPart};
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

/// Reads and stores a piece; `None` when the user stopped it.
pub async fn piece(
    take: &Take<'_>,
    moment: &Arc<dyn Instant>,
    table: &Planned,
    piece: &Piece,
) -> Result<Option<Done>, SnapshotError> {
    let range = match piece {
        Piece::Unchanged(parts) => {
            take.watch.advance(parts.iter().map(|part| part.raw_bytes).sum());
            return Ok(Some(Done { parts: parts.clone(), written: 0, reused: parts.len() as u64 }));
        }
        Piece::Read(range) => range.clone(),
    };
    let what = LinesOf { range, ..table.what.clone() };
    let collector = Collector::new(Cutter::new(table.cut, take.packing.cut_seed()), what.key_places());
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    let (source, wanted) = (moment.clone(), what.clone());
    let reader: JoinHandle<Result<u64, DatabaseError>> =
        tokio::spawn(async move { source.lines(&wanted, sender).await });
    let done = collect(take, collector, receiver).await;
    // Without its receiver the reader ends by itself.
    let read = reader.await.map_err(|error| SnapshotError::damaged(&what.table, error.to_string()))?;
    let Some(done) = done? else { return Ok(None) };
    let rows: u64 = done.parts.iter().map(|part| part.rows).sum();
    let sent = read?;
    if rows != sent {
        return Err(SnapshotError::damaged(&what.table, format!("the server sent {sent} rows, and {rows} came")));
    }
    Ok(Some(done))
}

async fn collect(
    take: &Take<'_>,
    mut collector: Collector,
    mut lines: mpsc::Receiver<Bytes>,
) -> Result<Option<Done>, SnapshotError> {
    let mut done = Done::default();
    let mut packing: Option<JoinHandle<Result<Kept, SnapshotError>>> = None;
    while let Some(chunk) = lines.recv().await {
        let mut start = 0;
        for end in memchr_iter(b'\n', &chunk) {
            let line = chunk.get(start..=end).unwrap_or_default();
            start = end + 1;
            if let Some(raw) = collector.line(line)? {
                settle(&mut done, &mut packing).await?;
                packing = Some(pack(take, raw));
            }
        }
        if take.watch.stopped() {
            settle(&mut done, &mut packing).await?;
            return Ok(None);
        }
    }
    settle(&mut done, &mut packing).await?;
    if let Some(raw) = collector.finish()? {
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
    if known || table.what.key.is_empty() || parts.is_empty() {
        return Ok(parts);
    }
    let Some(places) = boundaries(&parts) else { return Ok(parts) };
    let marks = moment.marks(&table.what, &places).await?;
    for (part, mark) in parts.iter_mut().zip(marks) {
        part.mark = (part.rows == mark.rows).then_some(mark.mark);
    }
    Ok(parts)
}
