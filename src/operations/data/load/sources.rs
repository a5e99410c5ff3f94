//! Which file goes into which table.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::error::LoadError;
use super::lookups::Lookups;
use super::reading::broken_record;
use super::request::{Input, Mode, Request};
use super::sealed::Sealer;
use super::shaper::{Mapper, Shaper};
use crate::backends::database::{Conflict, Reader};
use crate::backends::sealing::Sealing;
use crate::formats::{NameParts, Source};
use crate::model::mask::Masker;
use crate::model::{Column, LogicalType, Model, Table, TenantRecord};
use crate::rules::{CheckError, Mapping, PipelineError, PipelineOptions, RuleFile, Shape, time_zone};

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

/// The pack's own rules as far as the user wants them.
pub fn wanted_rules(request: &Request, text: Option<&str>, model: &Model) -> Result<RuleFile, LoadError> {
    match text {
        Some(text) if request.validate => Ok(RuleFile::read("rules.yaml", text.as_bytes(), model)?),
        _ => Ok(RuleFile::default()),
    }
}

/// What sources are opened with.
pub struct Opening<'a> {
    /// What the user meant.
    pub request: &'a Request,
    /// The tenant.
    pub tenant: &'a TenantRecord,
    /// Its tables.
    pub model: &'a Model,
    /// The pack's own rules.
    pub rules: &'a RuleFile,
    /// With what sealed columns are sealed; none where rows are only looked at.
    pub sealing: Option<&'a Sealing>,
    /// Its database, for the look-ups of a mapping.
    pub database: &'a dyn Reader,
}

/// Whether a header lacks what new rows need, while it has the key and no unknown field: its records
/// can still change rows that are there.
fn is_lean(table: &Table, fields: &[String]) -> bool {
    let lacks =
        |(name, column): (&String, &Column)| column.required && column.default.is_none() && !fields.contains(name);
    !table.primary_key.is_empty()
        && table.primary_key.iter().all(|column| fields.contains(column))
        && fields.iter().all(|field| table.columns.contains_key(field))
        && table.columns.iter().any(lacks)
}

impl Opening<'_> {
    /// Opens a source and prepares to make rows of it. `now` is what `now()` stands for, in
    /// microseconds since 1970-01-01T00:00:00Z.
    pub async fn open(&self, matched: &Matched, now: i64) -> Result<(Source, Shaper), LoadError> {
        let table =
            self.model.tables.get(&matched.table).ok_or_else(|| LoadError::Bug {
                message: format!("the model has lost the table '{}'", matched.table),
            })?;
        let mapper = self.mapper(matched, table).await?;
        let (zone, local) = self.clock(table, &matched.table).await?;
        let source = Source::open(&matched.input.path, &self.request.options)?;
        let options = PipelineOptions { now, ignore_unknown: false };
        let target = (matched.table.as_str(), table);
        if source.reader.fields().is_empty() {
            let first = self.first_fields(matched)?;
            let shaper = self.shaper(matched, target, Shape::Open(&first), (options, mapper))?;
            return Ok((source, shaper.in_zone(zone.as_ref(), &local)));
        }
        let fields = source.reader.fields();
        let lean = mapper.is_none() && self.meets_rows() && is_lean(table, fields);
        let shape = if lean { Shape::Open(fields) } else { Shape::Fixed(fields) };
        let shaper = self.shaper(matched, target, shape, (options, mapper))?;
        let missing = shaper.missing_fields();
        if !missing.is_empty() {
            let (source_name, fields) = (matched.input.name.clone(), missing.join(", "));
            return Err(LoadError::MappingReads { source_name, fields });
        }
        Ok((source, shaper.in_zone(zone.as_ref(), &local)))
    }

    /// The zone of times that name none, and the columns that keep times without one.
    async fn clock(&self, table: &Table, name: &str) -> Result<(Option<TimeZone>, Vec<String>), LoadError> {
        let unknown = |reason| LoadError::TimeZone { reason };
        let zone = self.request.time_zone.as_deref().map(time_zone).transpose().map_err(unknown)?;
        let local = if table.columns.values().any(|column| column.logical == LogicalType::Timestamp) {
            self.database.local_times(&self.tenant.namespace, name).await?
        } else {
            Vec::new()
        };
        Ok((zone, local))
    }

    fn meets_rows(&self) -> bool {
        self.request.conflict != Conflict::Error || self.request.mode == Mode::Incremental
    }

    fn shaper(
        &self,
        matched: &Matched,
        target: (&str, &Table),
        shape: Shape<'_>,
        (options, mapper): (PipelineOptions, Option<Mapper>),
    ) -> Result<Shaper, LoadError> {
        let source_name = matched.input.name.clone();
        let shaper = Shaper::compile(target, shape, options, mapper).map_err(|error| match error {
            LoadError::Pipeline(PipelineError::UnknownField { table, field, help }) => {
                LoadError::UnknownColumn { source_name, table, field, help }
            }
            LoadError::Check(CheckError::MissingColumn { table, column }) => {
                LoadError::MissingColumns { source_name, table, columns: format!("'{column}'") }
            }
            other => other,
        })?;
        let sealer = self.sealing.map(|sealing| Sealer::of(target.1, shaper.columns(), sealing)).transpose()?;
        Ok(shaper.with_rules(&self.rules.of_table(&matched.table).rows)?.sealed_by(sealer.flatten()))
    }

    /// A record of an open shape names its own fields; the first one is read ahead for its names.
    fn first_fields(&self, matched: &Matched) -> Result<Vec<String>, LoadError> {
        let mut ahead = Source::open(&matched.input.path, &self.request.options)?;
        let mut record = crate::formats::Record::default();
        while let Err(error) = ahead.reader.next(&mut record) {
            if !error.recoverable {
                return Err(broken_record(&matched.input.name, error));
            }
        }
        Ok(ahead.reader.fields().to_vec())
    }

    async fn mapper(&self, matched: &Matched, table: &Table) -> Result<Option<Mapper>, LoadError> {
        let Some(path) = &self.request.mapping else { return Ok(None) };
        let unreadable = |source| crate::formats::SourceError::Unreadable { path: path.clone(), source };
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let mapping = Mapping::read(&path.display().to_string(), &bytes, self.model)?;
        // The same masks in every load of a tenant, and others in every other tenant.
        let secret = blake3::hash(format!("{} {}", self.tenant.id, self.tenant.created_at).as_bytes());
        let masker = Masker::new(secret.as_bytes());
        let Some(found) = mapping.of_type(&matched.data_type, (&matched.table, table), &masker)? else {
            return Ok(None);
        };
        let place = (&self.tenant.namespace, self.database);
        let lookups = Lookups::read(found.lookups(), self.model, place).await?;
        Ok(Some(Mapper::new(found, lookups)))
    }
}
