//! Sources that cannot be read twice are written to a private file first: a plan needs their
//! digest, and a resumed run must read exactly the same records again.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::error::LoadError;
use super::request::Input;
use crate::backends::database::Reader;
use crate::formats::{Compression, SourceFormat};
use crate::model::{Row, Value};

/// How long a file is kept for a run that was never resumed.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// Writes a stream to a private file below `folder` and returns it as a source of that name.
pub fn from_stream(folder: &Path, name: &str, format: SourceFormat, mut stream: impl Read) -> Result<Input, LoadError> {
    let failed = |path: &Path, error| LoadError::Spool { path: path.to_owned(), error };
    sweep(folder);
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    let private = tempfile::Builder::new().prefix("load-").tempdir_in(folder).map_err(|e| failed(folder, e))?;
    let mut start = Vec::new();
    stream.by_ref().take(8).read_to_end(&mut start).map_err(|e| failed(private.path(), e))?;
    let ending = match Compression::of_content(&start) {
        Compression::None => "",
        Compression::Gzip => ".gz",
        Compression::Zstd => ".zst",
    };
    let path = private.path().join(format!("source.{}{ending}", format.as_str()));
    let mut file = File::create_new(&path).map_err(|e| failed(&path, e))?;
    file.write_all(&start).map_err(|e| failed(&path, e))?;
    std::io::copy(&mut stream, &mut file).map_err(|e| failed(&path, e))?;
    file.sync_all().map_err(|e| failed(&path, e))?;
    // Only now: a file that was not written to its end vanishes with its folder.
    let _: PathBuf = private.keep();
    Ok(Input { path, name: name.to_owned() })
}

/// Writes what a query of another database gives to a private file below `folder`, as CSV: the
/// columns of the target decide what each text means.
pub async fn from_database(
    folder: &Path,
    name: &str,
    (reader, query): (Arc<dyn Reader>, String),
) -> Result<Input, LoadError> {
    let columns = reader.query_columns(&query).await?;
    let names: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    let (below, name) = (folder.to_owned(), name.to_owned());
    let writing = tokio::task::spawn_blocking(move || {
        from_stream(&below, &name, SourceFormat::Csv, CsvOfRows::new(&names, receiver))
    });
    let read = reader.query(&query, sender).await;
    let written = writing.await.map_err(|error| LoadError::Bug { message: error.to_string() })?;
    if let (Err(_), Ok(input)) = (&read, &written) {
        // To the writer a query that fails looks like one that ends.
        remove(folder, input);
    }
    read?;
    written
}

/// Rows as CSV text, made as it is read. Every text is quoted, so that the empty one is not NULL.
struct CsvOfRows {
    rows: tokio::sync::mpsc::Receiver<Vec<Row>>,
    text: Vec<u8>,
    at: usize,
}

impl CsvOfRows {
    fn new(names: &[String], rows: tokio::sync::mpsc::Receiver<Vec<Row>>) -> Self {
        let mut text = Vec::new();
        line(names.iter().map(|name| Some(name.clone())), &mut text);
        Self { rows, text, at: 0 }
    }
}

impl Read for CsvOfRows {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.at >= self.text.len() {
            let Some(rows) = self.rows.blocking_recv() else { return Ok(0) };
            self.text.clear();
            self.at = 0;
            for row in &rows {
                line(row.iter().map(Value::to_text), &mut self.text);
            }
        }
        let mut rest = self.text.get(self.at..).unwrap_or_default();
        let taken = rest.read(into)?;
        self.at += taken;
        Ok(taken)
    }
}

fn line(cells: impl Iterator<Item = Option<String>>, into: &mut Vec<u8>) {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            into.push(b',');
        }
        if let Some(text) = cell {
            into.push(b'"');
            into.extend_from_slice(text.replace('"', "\"\"").as_bytes());
            into.push(b'"');
        }
    }
    into.push(b'\n');
}

/// Removes the private file of a source that is no longer needed.
pub fn remove(folder: &Path, input: &Input) {
    if let Some(private) = input.path.parent().filter(|private| private.parent() == Some(folder)) {
        // What is left behind is swept by a later load.
        let _ = std::fs::remove_dir_all(private);
    }
}

/// Files of runs that nobody resumed in a week.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let age =
            entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| SystemTime::now().duration_since(t).ok());
        let ours = entry.file_name().to_string_lossy().starts_with("load-");
        if ours && age.is_some_and(|age| age > KEPT) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_becomes_a_private_file_that_can_be_read_twice() {
        let folder = tempfile::tempdir().unwrap();
        let input = from_stream(folder.path(), "standard input", SourceFormat::Csv, "id\n1\n".as_bytes()).unwrap();
        assert_eq!(std::fs::read_to_string(&input.path).unwrap(), "id\n1\n");
        assert!(input.path.ends_with("source.csv"));
        let packed = from_stream(folder.path(), "x", SourceFormat::Csv, &[0x1f, 0x8b, 8, 0][..]).unwrap();
        assert!(packed.path.ends_with("source.csv.gz"));
        remove(folder.path(), &input);
        assert!(!input.path.exists());
        remove(folder.path(), &Input { path: "/etc/hostname".into(), name: String::new() });
    }

    #[test]
    fn rows_become_text_that_keeps_null_and_empty_apart() {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let row = vec![Value::Null, Value::Text(String::new()), Value::Text("a\"b".into()), Value::Int(7)];
        sender.blocking_send(vec![row]).unwrap();
        drop(sender);
        let names = ["a", "b", "c", "d"].map(str::to_owned);
        let mut text = String::new();
        CsvOfRows::new(&names, receiver).read_to_string(&mut text).unwrap();
        assert_eq!(text, "\"a\",\"b\",\"c\",\"d\"\n,\"\",\"a\"\"b\",\"7\"\n");
    }
}
