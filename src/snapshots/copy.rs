//! Copying: one moment of a tenant becomes the rows of another, and nothing lies on a disk in between.
//!
//! All tables come from the same moment. So there is nothing to go on with after an interruption: a second try
//! empties each table and fills it from a new moment.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use super::configuration;
use super::error::SnapshotError;
use super::line_sum::{self, LineSum, Sense};
use super::masked::MaskedLines;
use super::source::blocking;
use super::take::Watch;
use crate::backends::database::instant::LinesOf;
use crate::backends::database::{Instant, Reader, Refill, RefillSpec, Writer};
use crate::model::mask::{Masker, tied};
use crate::model::{Engine, Model, Namespace, Table};

/// What is copied, and where it goes.
#[derive(Clone)]
pub struct Copying {
    /// The database that is read.
    pub source: Arc<dyn Reader>,
    /// The namespace that is read.
    pub from: Namespace,
    /// Its tables.
    pub model: Model,
    /// The database that is written.
    pub database: Arc<dyn Writer>,
    /// The namespace that is filled; its tables are there, without keys.
    pub namespace: Namespace,
    /// Masks personal data and withholds secrets.
    pub masker: Option<Masker>,
    /// Who is told of rows, and asked whether to go on.
    pub watch: Arc<dyn Watch>,
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The moment, RFC 3339 in UTC.
    pub taken_at: String,
    /// Rows of all tables.
    pub rows: u64,
}

/// Tables that are copied side by side: each takes a reader and a writer.
const SIDE_BY_SIDE: usize = 2;
/// Chunks of lines on their way, before and behind the masks.
const IN_FLIGHT: usize = 2;

/// How the passing on of a table's lines ended.
enum Passed {
    All(LineSum),
    Stopped,
    Unwanted,
}

impl Copying {
    /// Copies every table and fixtool's own tables of a tenant, and compares what is stored with what was sent;
    /// `None` when the user stopped it.
    ///
    /// # Errors
    /// When a database fails, or holds other rows afterwards than were sent to it.
    pub async fn copy(&self) -> Result<Option<Copied>, SnapshotError> {
        let mut locked: Vec<String> = self.model.tables.keys().cloned().collect();
        locked.extend(configuration::TABLES.iter().map(|(name, _)| (*name).to_owned()));
        let moment = self.source.instant(&self.from, &locked, SIDE_BY_SIDE).await?;
        let copied = self.at(&moment).await;
        moment.close().await;
        copied
    }

    async fn at(&self, moment: &Arc<dyn Instant>) -> Result<Option<Copied>, SnapshotError> {
        let configured = configuration::read(moment).await?;
        configuration::write(&configured, &self.database, &self.namespace).await?;
        let seen = self.masker.as_ref().map(|masker| (masker, tied(&self.model)));
        let mut work = Vec::with_capacity(self.model.tables.len());
        for (name, table) in &self.model.tables {
            let masks = seen.as_ref().and_then(|(masker, seen)| MaskedLines::of(masker, seen.tables.get(name)?));
            work.push(self.table(moment, (name, table), masks.map(Arc::new)));
        }
        // SQLite has one writer, so its tables are filled one after the other.
        let most = if self.database.engine() == Engine::Sqlite { 1 } else { SIDE_BY_SIDE };
        let at_once = moment.readers().clamp(1, most);
        let rows: Vec<Option<u64>> = futures_util::stream::iter(work).buffer_unordered(at_once).try_collect().await?;
        let rows: Option<u64> = rows.into_iter().sum();
        Ok(rows.map(|rows| Copied { taken_at: moment.taken_at().to_owned(), rows }))
    }

    async fn table(
        &self,
        moment: &Arc<dyn Instant>,
        (name, table): (&String, &Table),
        masks: Option<Arc<MaskedLines>>,
    ) -> Result<Option<u64>, SnapshotError> {
        if self.watch.stopped() {
            return Ok(None);
        }
        let columns: Vec<_> =
            table.columns.iter().map(|(name, column)| (name.clone(), column.logical.clone())).collect();
        let what = LinesOf { table: name.clone(), columns: columns.clone(), key: Vec::new(), range: None };
        let spec = RefillSpec {
            namespace: self.namespace.clone(),
            table: name.clone(),
            columns,
            written_by: masks.is_none().then(|| self.source.engine()),
            alone: true,
            checkpoint: None,
        };
        let failed = |error: tokio::task::JoinError| SnapshotError::damaged(name, error.to_string());
        let (read_into, read_from) = mpsc::channel(IN_FLIGHT);
        let (write_into, write_from) = mpsc::channel(IN_FLIGHT);
        let (source, wanted, database) = (moment.clone(), what.clone(), self.database.clone());
        let reading = tokio::spawn(async move { source.lines(&wanted, read_into).await });
        let writing = tokio::spawn(async move { database.refill(&spec, write_from).await });
        let sense = Sense::of(&what.columns, (self.source.engine(), self.database.engine()));
        let passed = self.pass((name, &sense), (read_from, &write_into), masks).await;
        let read = reading.await.map_err(failed)?;
        if let (Ok(Passed::All(sum)), Ok(rows)) = (&passed, &read)
            && sum.lines == *rows
        {
            let _ = write_into.send(Refill::End).await;
        }
        // Without the last word the other side keeps nothing.
        drop(write_into);
        let written = writing.await.map_err(failed)?;
        let sent = match passed? {
            Passed::Stopped => return Ok(None),
            Passed::Unwanted => {
                written?;
                return Err(SnapshotError::damaged(name, "the database took no more rows".to_owned()));
            }
            Passed::All(sum) => sum,
        };
        read?;
        written?;
        let found = line_sum::stored(&self.database, &self.namespace, (what, &sense)).await?;
        if found == sent {
            return Ok(Some(found.lines));
        }
        Err(SnapshotError::NotCopied { table: name.clone(), wanted: sent.lines, found: found.lines })
    }

    /// Passes lines on, masked where that is wished.
    async fn pass(
        &self,
        (table, sense): (&str, &Sense),
        (mut lines, out): (mpsc::Receiver<Bytes>, &mpsc::Sender<Refill>),
        masks: Option<Arc<MaskedLines>>,
    ) -> Result<Passed, SnapshotError> {
        let mut sum = LineSum::default();
        while let Some(chunk) = lines.recv().await {
            if self.watch.stopped() {
                return Ok(Passed::Stopped);
            }
            let before = sum.lines;
            let (masks, sense, name) = (masks.clone(), sense.clone(), table.to_owned());
            let work = move || {
                let chunk = match masks {
                    Some(masks) => masks.lines(&chunk).map_err(|what| SnapshotError::damaged(&name, what))?.into(),
                    None => chunk,
                };
                sense.add(&mut sum, &chunk);
                Ok((sum, chunk))
            };
            let (summed, chunk) = blocking(work).await?;
            sum = summed;
            let lines = sum.lines - before;
            if out.send(Refill::Lines(chunk)).await.is_err() {
                return Ok(Passed::Unwanted);
            }
            self.watch.advance(lines);
        }
        Ok(Passed::All(sum))
    }
}
