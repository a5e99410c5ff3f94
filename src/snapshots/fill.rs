//! Sending the rows of a snapshot's table to a database, over one connection or over two.

use std::slice::Iter;
use std::sync::Mutex;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::bring::{Bring, columns};
use super::error::SnapshotError;
use super::line_sum::{LineSum, Sense};
use super::manifest::TableEntry;
use super::part::PartRef;
use super::source::blocking;
use crate::backends::database::{Refill, RefillSpec};
use crate::model::{Checkpoint, Engine};

/// From so many bytes of lines on, a table is filled over two connections. PostgreSQL parses the lines of one COPY
/// with one process. Below it, what the second connection costs outweighs what it brings: rows that come in one
/// transaction with the emptying of their table need no second look by the server (`FREEZE`).
const LARGE: u64 = 32 << 20;

/// A table with its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// How many there are.
    pub rows: u64,
    /// The sum of the lines that were sent, unless they were sent by an earlier try.
    pub(super) sum: Option<LineSum>,
}

/// One connection's share of the work: the parts that nobody else has taken yet.
struct Lane<'a> {
    table: &'a TableEntry,
    parts: &'a Mutex<Iter<'a, PartRef>>,
    sense: &'a Sense,
}

/// When a lane may say that its lines were all.
enum Last {
    /// As soon as they are sent.
    AtOnce,
    /// When the other lane's rows are durable.
    After(watch::Receiver<bool>),
}

impl Last {
    /// False when the time never comes.
    async fn come(self) -> bool {
        match self {
            Self::AtOnce => true,
            Self::After(mut other) => other.wait_for(|durable| *durable).await.is_ok(),
        }
    }
}

impl Bring {
    /// Fills a table; a second try does nothing if the first one was durable. `None` when the user stopped it.
    ///
    /// # Errors
    /// When the database or the store fails, or a part is not what the manifest says. What the table holds then is
    /// thrown away by the next try.
    pub async fn fill(&self, table: &str, (run, step): (&str, u32)) -> Result<Option<Filled>, SnapshotError> {
        if let Some(done) = self.database.checkpoint(&self.namespace, run, step).await? {
            return Ok(Some(Filled { rows: done.position, sum: None }));
        }
        let entry = self.entry(table)?;
        let checkpoint = Checkpoint {
            run: run.to_owned(),
            step,
            position: entry.rows,
            finished: true,
            state: serde_json::json!({ "restored": table }),
        };
        let spec = RefillSpec {
            namespace: self.namespace.clone(),
            table: table.to_owned(),
            columns: columns(entry, &self.source.manifest().model)?,
            written_by: Some(self.source.manifest().engine),
            alone: true,
            checkpoint: Some(checkpoint),
        };
        let parts = Mutex::new(entry.parts.iter());
        let lane = Lane { table: entry, parts: &parts, sense: &self.sense(entry)? };
        let raw: u64 = entry.parts.iter().map(|part| part.raw_bytes).sum();
        if self.database.engine() == Engine::Postgres && entry.parts.len() > 1 && raw >= LARGE {
            return self.fill_by_two(spec, &lane).await;
        }
        self.fill_lane(spec, &lane, Last::AtOnce).await
    }

    /// Two transactions fill the table. The second one notes that it is full, after the first one is durable.
    async fn fill_by_two(&self, spec: RefillSpec, lane: &Lane<'_>) -> Result<Option<Filled>, SnapshotError> {
        let none = Mutex::new([].iter());
        let emptied = RefillSpec { checkpoint: None, ..spec.clone() };
        self.fill_lane(emptied, &Lane { parts: &none, ..*lane }, Last::AtOnce).await?;
        let (durable, other) = watch::channel(false);
        let first = RefillSpec { alone: false, checkpoint: None, ..spec.clone() };
        let second = RefillSpec { alone: false, ..spec };
        let first = async {
            let filled = self.fill_lane(first, lane, Last::AtOnce).await?;
            // Without the word, at the latest when this is dropped, the second one gives up.
            let durable = durable;
            if filled.is_some() {
                durable.send_replace(true);
            }
            Ok(filled)
        };
        let (first, second) = tokio::try_join!(first, self.fill_lane(second, lane, Last::After(other)))?;
        let (Some(first), Some(second)) = (first, second) else { return Ok(None) };
        let mut sum = LineSum::default();
        first.sum.iter().chain(&second.sum).for_each(|one| sum.join(one));
        Ok(Some(Filled { rows: first.rows + second.rows, sum: Some(sum) }))
    }

    /// Sends parts in one transaction. Nothing of them is kept when it fails or is stopped.
    async fn fill_lane(&self, spec: RefillSpec, lane: &Lane<'_>, last: Last) -> Result<Option<Filled>, SnapshotError> {
        let (sender, receiver) = mpsc::channel(1);
        let database = self.database.clone();
        let writing = tokio::spawn(async move { database.refill(&spec, receiver).await });
        let sent = self.send(lane, &sender, last).await;
        // Without the last word the other side keeps nothing.
        drop(sender);
        let table = &lane.table.name;
        let written = writing.await.map_err(|error| SnapshotError::damaged(table, error.to_string()))?;
        match sent? {
            Sent::All(sum) => Ok(Some(Filled { rows: written?, sum: Some(sum) })),
            Sent::Stopped => Ok(None),
            Sent::Unwanted => {
                written?;
                Err(SnapshotError::damaged(table, "the database took no more rows".to_owned()))
            }
        }
    }

    async fn send(&self, lane: &Lane<'_>, sender: &mpsc::Sender<Refill>, last: Last) -> Result<Sent, SnapshotError> {
        let table = &lane.table.name;
        let mut sum = LineSum::default();
        loop {
            let part = lane.parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
            let Some(part) = part else { break };
            if self.watch.stopped() {
                return Ok(Sent::Stopped);
            }
            // A part is read when there is room for it, so that no third one is in memory.
            let Ok(room) = sender.reserve().await else { return Ok(Sent::Unwanted) };
            let rows = self.source.rows(table, part).await?;
            let summing = tokio::spawn(summed((sum, lane.sense.clone()), rows.clone()));
            room.send(Refill::Lines(rows));
            sum = summing.await.map_err(|error| SnapshotError::damaged(table, error.to_string()))??;
            self.watch.advance(part.raw_bytes);
        }
        if !last.come().await {
            return Ok(Sent::Stopped);
        }
        Ok(if sender.send(Refill::End).await.is_ok() { Sent::All(sum) } else { Sent::Unwanted })
    }
}

/// How the sending of a table's rows ended.
enum Sent {
    All(LineSum),
    Stopped,
    Unwanted,
}

/// Adds lines to a sum, away from the threads that wait for others.
pub(super) async fn summed((mut sum, sense): (LineSum, Sense), rows: Bytes) -> Result<LineSum, SnapshotError> {
    blocking(move || {
        sense.add(&mut sum, &rows);
        Ok(sum)
    })
    .await
}
