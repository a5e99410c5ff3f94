//! Sending the rows of a snapshot's table to a database, over one connection or over two.

use std::slice::Iter;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc, watch};

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

/// Parts that all lanes of the process together may have in memory beyond the one that each of them sends. A lane that
/// has none may always read one: it never waits for another one's database.
static AHEAD: Semaphore = Semaphore::const_new(1);

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

/// The rows of a part, and the room that they take until they are sent.
struct Held {
    rows: Bytes,
    _own: Option<OwnedSemaphorePermit>,
    _ahead: Option<SemaphorePermit<'static>>,
}

impl Held {
    /// Room for a part: the lane's own, or that which all share.
    async fn room(own: &Arc<Semaphore>) -> Result<Self, SnapshotError> {
        let closed = |error: tokio::sync::AcquireError| SnapshotError::damaged("a part", error.to_string());
        let rows = Bytes::new();
        tokio::select! {
            biased;
            own = Arc::clone(own).acquire_owned() => Ok(Self { rows, _own: Some(own.map_err(closed)?), _ahead: None }),
            shared = AHEAD.acquire() => Ok(Self { rows, _own: None, _ahead: Some(shared.map_err(closed)?) }),
        }
    }

    fn filled(self, rows: Bytes) -> Bytes {
        Bytes::from_owner(Self { rows, ..self })
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.rows
    }
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
        let own = Arc::new(Semaphore::new(1));
        loop {
            let part = lane.parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
            let Some(part) = part else { break };
            if self.watch.stopped() {
                return Ok(Sent::Stopped);
            }
            let room = Held::room(&own).await?;
            let rows = room.filled(self.source.rows(table, part).await?);
            let summing = tokio::spawn(summed((sum, lane.sense.clone()), rows.clone()));
            if sender.send(Refill::Lines(rows)).await.is_err() {
                return Ok(Sent::Unwanted);
            }
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
