//! Which file goes into which table.

use std::path::{Path, PathBuf};

use super::error::LoadError;
use super::request::{Input, Request};
use crate::formats::{NameParts, Source};
use crate::model::{Model, Table};
use crate::rules::{PipelineOptions, Shape};

use super::shaper::Shaper;

/// One file and the table that it goes into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The data type as the user or the file named it.
    pub data_type: String,
    /// The table.
    pub table: String,
    /// The file.
    pub input: Input,
}

/// Matches files to data types. Files of a directory that match nothing are named in the notes.
pub fn matched(request: &Request, model: &Model) -> Result<(Vec<Matched>, Vec<String>), LoadError> {
    let mut found: Vec<Matched> = Vec::new();
    let mut notes = Vec::new();
    let wanted = wanted(request, model)?;
    for input in &request.sources {
        if input.path.is_dir() {
            from_directory(input, model, &wanted, (&mut found, &mut notes))?;
        } else {
            found.push(from_file(request, input, model)?);
        }
    }
    for (place, one) in found.iter().enumerate() {
        if let Some(other) = found.iter().skip(place + 1).find(|other| other.table == one.table) {
            return Err(LoadError::Twice {
                data_type: one.data_type.clone(),
                first: one.input.name.clone(),
                second: other.input.name.clone(),
            });
        }
    }
    for (data_type, table) in &wanted {
        if !found.iter().any(|one| one.table == *table) {
            return Err(LoadError::NoSource { data_type: data_type.clone() });
        }
    }
    if found.is_empty() {
        let path = request.sources.first().map(|s| s.path.clone()).unwrap_or_default();
        return Err(LoadError::Nothing { path });
    }
    Ok((found, notes))
}

/// The data types that the user named, each with its table.
fn wanted(request: &Request, model: &Model) -> Result<Vec<(String, String)>, LoadError> {
    request.data_types.iter().map(|name| Ok((name.clone(), table(request, model, name)?.to_owned()))).collect()
}

fn table<'m>(request: &Request, model: &'m Model, name: &str) -> Result<&'m str, LoadError> {
    model.table_of(name).map(|(table, _)| table).ok_or_else(|| unknown(request, model, name))
}

fn unknown(request: &Request, model: &Model, name: &str) -> LoadError {
    let known = model.tables.iter().flat_map(|(table, of)| std::iter::once(table).chain(&of.data_types));
    let near = known
        .clone()
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let help = match near {
        Some((_, near)) => format!("did you mean '{near}'?"),
        None => format!("it has {}", model.tables.keys().cloned().collect::<Vec<_>>().join(", ")),
    };
    let name = name.chars().take(60).flat_map(char::escape_debug).collect();
    LoadError::UnknownDataType { tenant: request.tenant.to_string(), name, help }
}

fn from_file(request: &Request, input: &Input, model: &Model) -> Result<Matched, LoadError> {
    let data_type = match request.data_types.as_slice() {
        [only] if request.sources.len() == 1 => only.clone(),
        _ => stem(&input.path),
    };
    let table = table(request, model, &data_type)?.to_owned();
    Ok(Matched { data_type, table, input: input.clone() })
}

fn stem(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = NameParts::of(&name).stem;
    stem.strip_suffix(".rejects").map(str::to_owned).unwrap_or(stem)
}

fn from_directory(
    input: &Input,
    model: &Model,
    wanted: &[(String, String)],
    (found, notes): (&mut Vec<Matched>, &mut Vec<String>),
) -> Result<(), LoadError> {
    for path in files(&input.path)? {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if NameParts::of(&name).format.is_none() {
            continue;
        }
        let data_type = stem(&path);
        match model.table_of(&data_type) {
            None => notes.push(format!("{name}: left out, no data type is called '{data_type}'")),
            Some((table, _)) if wanted.is_empty() || wanted.iter().any(|(_, w)| w == table) => found.push(Matched {
                data_type,
                table: table.to_owned(),
                input: Input { path: path.clone(), name: path.display().to_string() },
            }),
            Some(_) => {}
        }
    }
    Ok(())
}

/// The files of a directory in the order of their names, hidden ones left out.
fn files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let unreadable = |source| crate::formats::SourceError::Unreadable { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.file_name().to_string_lossy().starts_with('.') && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Opens a source and prepares to make rows of it.
pub fn open(request: &Request, matched: &Matched, table: &Table, now: i64) -> Result<(Source, Shaper), LoadError> {
    let source = Source::open(&matched.input.path, &request.options)?;
    let options = PipelineOptions { now, ignore_unknown: false };
    if !source.reader.fields().is_empty() {
        let shaper = Shaper::compile(&matched.table, table, Shape::Fixed(source.reader.fields()), options)?;
        return Ok((source, shaper));
    }
    // A record of an open shape names its own fields; the first one is read ahead for its names.
    let mut ahead = Source::open(&matched.input.path, &request.options)?;
    let mut record = crate::formats::Record::default();
    while let Err(error) = ahead.reader.next(&mut record) {
        if !error.recoverable {
            break;
        }
    }
    let shaper = Shaper::compile(&matched.table, table, Shape::Open(ahead.reader.fields()), options)?;
    Ok((source, shaper))
}
