//! Rows on their way from the database into any output, masked if that is wished.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::error::ExportError;
use crate::backends::database::{Reader, Select};
use crate::engine::StepContext;
use crate::formats::{Compression, RecordWriter, SourceFormat};
use crate::model::calendar::{parse_local, push_local};
use crate::model::mask::Masker;
use crate::model::{Column, LogicalType, Namespace, Row, Table, Value};

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

    fn cells(&self, columns: &[(&String, &Column)], local: &[String]) -> Cells {
        let place = |name: &String| columns.iter().position(|(column, _)| *column == name);
        let public = |name: &&String| {
            columns.iter().any(|(column, of)| column == name && of.pii.is_none() && of.secret.is_none())
        };
        Cells {
            masker: self.masker.clone(),
            masks: columns.iter().map(|(_, column)| Masker::hides(column).then(|| (*column).clone())).collect(),
            times: columns.iter().map(|(_, column)| column.logical == LogicalType::Timestamp).collect(),
            local: columns.iter().map(|(name, _)| local.contains(name)).collect(),
            key: self.definition.primary_key.iter().filter(public).filter_map(place).collect(),
            json: matches!(self.format, SourceFormat::JsonArray | SourceFormat::Ndjson),
        }
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
        let names: Vec<String> = columns.iter().map(|(name, _)| (*name).clone()).collect();
        let (format, compression) = (self.format, self.compression);
        let cells = self.cells(&columns, &database.local_times(&self.namespace, &self.table).await?);
        let context = context.cloned();
        let writing = tokio::task::spawn_blocking(move || {
            let mut writer = RecordWriter::begin(out, format, compression, &names)?;
            write_all(receiver, &mut writer, (&cells, &names), context.as_ref())?;
            writer.finish()
        });
        let selected = database.select(&what, sender).await;
        let written = writing.await.map_err(|e| ExportError::Bug { message: e.to_string() })?;
        // A failed output ends the selection early and without error, so it is told first.
        let written = written.map_err(|source| match source.kind() {
            ErrorKind::InvalidData => ExportError::NotSayable { table: self.table.clone(), reason: source.to_string() },
            _ => ExportError::Unwritable { path: name.to_owned(), source },
        })?;
        selected?;
        Ok(written)
    }
}

/// What happens to the cells of a row before they are written.
struct Cells {
    masker: Option<Masker>,
    masks: Vec<Option<Column>>,
    /// Which columns hold times.
    times: Vec<bool>,
    /// Which columns keep times without a zone.
    local: Vec<bool>,
    /// Places of the primary key, without personal data.
    key: Vec<usize>,
    /// Whether the format is JSON's.
    json: bool,
}

impl Cells {
    /// Masks, and makes values say what they are; otherwise the place of a value that the format cannot say.
    fn prepare(&self, row: &mut Row) -> Result<(), (usize, &'static str)> {
        for (place, value) in row.iter_mut().enumerate() {
            let is = |columns: &[bool]| columns.get(place).copied().unwrap_or_default();
            // A text in place of a time is a time that names no zone.
            let named_none = match value {
                Value::Text(text) if is(&self.times) => parse_local(text).ok().flatten(),
                _ => None,
            };
            if let Some(micros) = named_none {
                *value = Value::Timestamp(micros);
            }
            if let (Some(masker), Some(Some(column))) = (&self.masker, self.masks.get(place)) {
                *value = masker.mask(value, column);
            }
            if let (Value::Timestamp(micros), true) = (&*value, is(&self.local) || named_none.is_some()) {
                let mut text = String::new();
                push_local(*micros, &mut text);
                *value = Value::Text(text);
            }
        }
        let null = |value: &Value| matches!(value, Value::Json(document) if document.trim() == "null");
        match row.iter().position(null) {
            Some(place) if self.json => {
                Err((place, "a document that is only null cannot be told from no value in JSON"))
            }
            _ => Ok(()),
        }
    }
}

fn write_all<W: Write>(
    mut receiver: mpsc::Receiver<Vec<Row>>,
    writer: &mut RecordWriter<W>,
    (cells, names): (&Cells, &[String]),
    context: Option<&StepContext>,
) -> std::io::Result<()> {
    let mut number = 0_u64;
    while let Some(rows) = receiver.blocking_recv() {
        let count = rows.len() as u64;
        for mut row in rows {
            number += 1;
            cells.prepare(&mut row).map_err(|(column, reason)| {
                let of = |place: &usize| Some((names.get(*place)?, row.get(*place)?.to_text()?));
                let key: Vec<String> =
                    cells.key.iter().filter_map(of).map(|(name, text)| format!("{name} = {text}")).collect();
                let column = names.get(column).map(String::as_str).unwrap_or_default();
                let reason = format!("row {number} ({}), column '{column}': {reason}", key.join(", "));
                std::io::Error::new(ErrorKind::InvalidData, reason)
            })?;
            writer.write(&row)?;
        }
        if let Some(context) = context {
            context.advance(count);
            if context.is_cancelled() {
                return Err(std::io::Error::from(ErrorKind::Interrupted));
            }
        }
    }
    Ok(())
}
