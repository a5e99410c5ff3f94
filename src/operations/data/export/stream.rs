//! Rows on their way from the database into any output, masked if that is wished.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::error::ExportError;
use crate::backends::database::{Reader, Select};
use crate::engine::StepContext;
use crate::formats::{Compression, RecordWriter, SourceFormat};
use crate::model::mask::Masker;
use crate::model::{Column, Namespace, Row, Table};

/// Chunks of rows between database and output.
const CHUNKS_IN_FLIGHT: usize = 4;

/// What is exported, and in which form.
#[derive(Debug, Clone)]
pub struct Export {
    /// Where.
    pub namespace: Namespace,
    /// The table's name.
    pub table: String,
    /// The table as the model has it; with masks, as a [`tied`](crate::model::mask::tied) model has it.
    pub definition: Table,
    /// The format.
    pub format: SourceFormat,
    /// The compression.
    pub compression: Compression,
    /// Masks personal data and leaves secrets out.
    pub masker: Option<Masker>,
}

impl Export {
    /// Columns that are written. With masks, secrets stay away unless the table cannot do without.
    fn columns(&self) -> Vec<(&String, &Column)> {
        let kept = |column: &Column| self.masker.is_none() || column.secret.is_none() || column.required;
        self.definition.columns.iter().filter(|(_, column)| kept(column)).collect()
    }

    /// Writes every row, in the order of the primary key, and gives the output back.
    ///
    /// # Errors
    /// If the database or the output fails; `name` is what the output is called then.
    pub async fn run<W: Write + Send + 'static>(
        &self,
        database: Arc<dyn Reader>,
        out: W,
        (name, context): (&Path, Option<&StepContext>),
    ) -> Result<(W, u64), ExportError> {
        let columns = self.columns();
        let what = Select {
            namespace: self.namespace.clone(),
            table: self.table.clone(),
            columns: columns.iter().map(|(name, column)| ((*name).clone(), column.logical.clone())).collect(),
            order: self.definition.primary_key.clone(),
        };
        let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
        let masks: Vec<Option<Column>> =
            columns.iter().map(|(_, column)| Masker::hides(column).then(|| (*column).clone())).collect();
        let names: Vec<String> = columns.iter().map(|(name, _)| (*name).clone()).collect();
        let (format, compression, masker) = (self.format, self.compression, self.masker.clone());
        let context = context.cloned();
        let writing = tokio::task::spawn_blocking(move || {
            let mut writer = RecordWriter::begin(out, format, compression, &names)?;
            write_all(receiver, &mut writer, (masker.as_ref(), &masks), context.as_ref())?;
            writer.finish()
        });
        let selected = database.select(&what, sender).await;
        let written = writing.await.map_err(|e| ExportError::Bug { message: e.to_string() })?;
        // A failed output ends the selection early and without error, so it is told first.
        let written = written.map_err(|source| ExportError::Unwritable { path: name.to_owned(), source })?;
        selected?;
        Ok(written)
    }
}

fn write_all<W: Write>(
    mut receiver: mpsc::Receiver<Vec<Row>>,
    writer: &mut RecordWriter<W>,
    (masker, masks): (Option<&Masker>, &[Option<Column>]),
    context: Option<&StepContext>,
) -> std::io::Result<()> {
    while let Some(rows) = receiver.blocking_recv() {
        let count = rows.len() as u64;
        for mut row in rows {
            if let Some(masker) = masker {
                for (value, column) in row.iter_mut().zip(masks) {
                    if let Some(column) = column {
                        *value = masker.mask(value, column);
                    }
                }
            }
            writer.write(&row)?;
        }
        if let Some(context) = context {
            context.advance(count);
            if context.is_cancelled() {
                return Err(std::io::Error::from(std::io::ErrorKind::Interrupted));
            }
        }
    }
    Ok(())
}
