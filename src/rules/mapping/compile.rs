//! A mapping of one data type, ready to work on records.

use std::collections::HashMap;

use regex::Regex;

use super::cast::Cast;
use super::file::{Case, ColumnEntry, TypeEntry};
use crate::model::mask::Masker;
use crate::model::table::Pii;
use crate::model::{Fields, Raw, Table, Value};
use crate::rules::expression::Expression;
use crate::rules::reject::Reject;

/// Why an entry cannot be used.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) column: String,
    pub(super) reason: String,
    pub(super) help: Option<String>,
}

/// A look-up that a mapping needs: the value of `take` in the row of `table` whose `key` columns
/// hold the given texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LookupNeed {
    /// The table.
    pub table: String,
    /// Its key columns.
    pub key: Vec<String>,
    /// The column wanted.
    pub take: String,
}

/// The mapping of one data type.
#[derive(Debug, Clone)]
pub struct TypeMapping {
    drop: Vec<String>,
    columns: Vec<ColumnMapping>,
    lookups: Vec<LookupNeed>,
    masker: Masker,
    /// Names of the fields that come out: mapped columns first, then those that pass.
    names: Vec<String>,
    /// For each passing name its field.
    passing: Vec<usize>,
    /// Places of the source fields by name.
    places: HashMap<String, usize>,
}

#[derive(Debug, Clone)]
struct ColumnMapping {
    column: String,
    from: From,
    null_if: Vec<String>,
    trim: bool,
    case: Option<Case>,
    values: HashMap<String, String>,
    cast: Option<Cast>,
    mask: Option<Pii>,
    default: Option<String>,
}

#[derive(Debug, Clone)]
enum From {
    Field(String),
    Constant(String),
    Expression(Box<Expression>),
    Join(Vec<String>, String),
    Split(String, Splitter, usize),
    Lookup(usize, Vec<String>),
}

#[derive(Debug, Clone)]
enum Splitter {
    Separator(String),
    Pattern(Regex),
}

/// The fields of a record after its mapping.
#[derive(Debug, Default)]
pub struct MappedRecord {
    values: Vec<Option<String>>,
    /// Whether the record has none of the fields that the value would come from.
    absent: Vec<bool>,
    /// Keys of the look-ups, in the order of [`TypeMapping::lookups`]; `None` where a part is NULL.
    pub keys: Vec<Option<Vec<String>>>,
    lookup_slots: Vec<(usize, usize)>,
}

/// A record seen through its mapping.
struct View<'a, F: ?Sized> {
    record: &'a F,
    mapped: &'a MappedRecord,
    passing: &'a [usize],
}

impl<F: Fields + ?Sized> Fields for View<'_, F> {
    fn field(&self, place: usize) -> Raw<'_> {
        match self.mapped.values.get(place) {
            Some(Some(text)) => Raw::Text(text),
            Some(None) if self.mapped.absent.get(place).copied().unwrap_or_default() => Raw::Absent,
            Some(None) => Raw::Null,
            None => {
                let passing = self.passing.get(place - self.mapped.values.len());
                passing.map_or(Raw::Absent, |field| self.record.field(*field))
            }
        }
    }
}

impl MappedRecord {
    /// Gives a look-up its answer. A key that was not found is the caller's to reject.
    pub fn resolve(&mut self, lookup: usize, found: Option<&Value>) {
        for (_, slot) in self.lookup_slots.iter().filter(|(of, _)| *of == lookup) {
            if let Some(value) = self.values.get_mut(*slot) {
                *value = found.and_then(Value::to_text);
            }
        }
    }
}

impl TypeMapping {
    pub(super) fn compile(entry: &TypeEntry, table: &Table, masker: &Masker) -> Result<Self, Wrong> {
        let mut lookups = Vec::new();
        let mut columns = Vec::new();
        for (column, mapped) in entry.columns.iter().filter(|(column, _)| table.columns.contains_key(*column)) {
            columns.push(ColumnMapping::compile(column, mapped, &mut lookups)?);
        }
        let mut mapping = Self {
            drop: entry.drop.clone(),
            columns,
            lookups,
            masker: masker.clone(),
            names: Vec::new(),
            passing: Vec::new(),
            places: HashMap::new(),
        };
        mapping.names = mapping.columns.iter().map(|column| column.column.clone()).collect();
        Ok(mapping)
    }

    /// Look-ups that the caller answers, in the order of [`MappedRecord::keys`].
    pub fn lookups(&self) -> &[LookupNeed] {
        &self.lookups
    }

    /// Names of the fields that come out, for the pipeline.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Source fields that the mapping reads and that are not among those bound so far: a mistake
    /// where the source has a header.
    pub fn missing(&self) -> Vec<&str> {
        let read = self.columns.iter().flat_map(|column| column.from.fields());
        let mut missing: Vec<&str> = read.filter(|field| !self.places.contains_key(*field)).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Takes note of the source's fields; again when there are more of them. Fields that no
    /// column reads pass under their own name.
    pub fn bind(&mut self, fields: &[String]) {
        for (place, field) in fields.iter().enumerate().skip(self.places.len()) {
            self.places.insert(field.clone(), place);
            let read = self.columns.iter().any(|c| c.from.fields().any(|f| f == field) || c.column == *field);
            if !read && !self.drop.contains(field) {
                self.names.push(field.clone());
                self.passing.push(place);
            }
        }
    }

    /// Maps a record.
    ///
    /// # Errors
    /// Every column whose value cannot be made.
    pub fn map<F: Fields + ?Sized>(&self, record: &F, now: i64, out: &mut MappedRecord) -> Result<(), Vec<Reject>> {
        out.values.clear();
        out.absent.clear();
        out.lookup_slots.clear();
        out.keys.clear();
        out.keys.resize(self.lookups.len(), None);
        let mut rejects = Vec::new();
        for (slot, column) in self.columns.iter().enumerate() {
            let value = match &column.from {
                From::Lookup(lookup, fields) => {
                    out.lookup_slots.push((*lookup, slot));
                    if let Some(key) = out.keys.get_mut(*lookup) {
                        *key = fields.iter().map(|field| self.text(record, field)).collect();
                    }
                    Ok(None)
                }
                from => self.value(from, record, now).and_then(|value| column.finish(value, &self.masker)),
            };
            out.absent.push(self.is_absent(&column.from, record));
            out.values.push(value.unwrap_or_else(|reject| {
                let field = column.from.fields().next().and_then(|field| self.places.get(field).copied());
                rejects.push(reject.at(&column.column, field));
                None
            }));
        }
        if rejects.is_empty() { Ok(()) } else { Err(rejects) }
    }

    /// The record as the pipeline reads it.
    pub fn view<'a, F: Fields + ?Sized>(&'a self, record: &'a F, mapped: &'a MappedRecord) -> impl Fields + 'a {
        View { record, mapped, passing: &self.passing }
    }

    /// Constants and expressions that read no field are always there.
    fn is_absent<F: Fields + ?Sized>(&self, from: &From, record: &F) -> bool {
        let absent = |field: &str| self.places.get(field).is_none_or(|place| record.field(*place) == Raw::Absent);
        let mut fields = from.fields().peekable();
        fields.peek().is_some() && fields.all(absent)
    }

    fn text<F: Fields + ?Sized>(&self, record: &F, field: &str) -> Option<String> {
        match self.places.get(field).map_or(Raw::Absent, |place| record.field(*place)) {
            Raw::Absent | Raw::Null => None,
            Raw::Bool(truth) => Some(truth.to_string()),
            Raw::Text(text) | Raw::String(text) | Raw::Number(text) | Raw::Json(text) => Some(text.to_owned()),
        }
    }

    fn value<F: Fields + ?Sized>(&self, from: &From, record: &F, now: i64) -> Result<Option<String>, Reject> {
        Ok(match from {
            From::Field(field) => self.text(record, field),
            From::Constant(text) => Some(text.clone()),
            From::Expression(expression) => {
                let names = expression.names().iter();
                let row: Vec<Value> =
                    names.map(|name| self.text(record, name).map_or(Value::Null, Value::Text)).collect();
                let value = expression.value(&row, now);
                value.map_err(|fault| Reject::new("expression", format!("{}: {fault}", expression.text())))?.to_text()
            }
            From::Join(fields, separator) => {
                let parts: Vec<String> = fields.iter().filter_map(|field| self.text(record, field)).collect();
                (!parts.is_empty()).then(|| parts.join(separator))
            }
            From::Split(field, splitter, part) => self.text(record, field).and_then(|text| {
                let part = match splitter {
                    Splitter::Separator(separator) => text.split(separator.as_str()).nth(part - 1),
                    Splitter::Pattern(pattern) => pattern.split(&text).nth(part - 1),
                };
                part.map(str::to_owned)
            }),
            From::Lookup(..) => None,
        })
    }
}

impl ColumnMapping {
    fn compile(column: &str, entry: &ColumnEntry, lookups: &mut Vec<LookupNeed>) -> Result<Self, Wrong> {
        let wrong = |reason: String, help: Option<String>| Wrong { column: column.to_owned(), reason, help };
        let from = if let Some(constant) = &entry.constant {
            From::Constant(constant.to_text())
        } else if let Some(text) = &entry.expression {
            let expression = Expression::parse_open(text).map_err(|e| wrong(e.to_string(), Some(e.help)))?;
            From::Expression(Box::new(expression))
        } else if let Some(fields) = &entry.join {
            From::Join(fields.clone(), entry.separator.clone().unwrap_or_default())
        } else if let Some(field) = &entry.split {
            let splitter = match &entry.pattern {
                Some(pattern) => Splitter::Pattern(
                    regex::RegexBuilder::new(pattern)
                        .size_limit(1 << 20)
                        .build()
                        .map_err(|e| wrong(format!("the pattern cannot be used: {e}"), None))?,
                ),
                None => Splitter::Separator(entry.separator.clone().unwrap_or_default()),
            };
            From::Split(field.clone(), splitter, entry.part.unwrap_or(1).max(1))
        } else if let Some(lookup) = &entry.lookup {
            let key = lookup.by.keys().cloned().collect();
            lookups.push(LookupNeed { table: lookup.table.clone(), key, take: lookup.take.clone() });
            From::Lookup(lookups.len() - 1, lookup.by.values().cloned().collect())
        } else {
            From::Field(entry.from.clone().unwrap_or_else(|| column.to_owned()))
        };
        Ok(Self {
            column: column.to_owned(),
            from,
            null_if: entry.null_if.clone(),
            trim: entry.trim,
            case: entry.case,
            values: entry.values.iter().map(|(from, to)| (from.clone(), to.to_text())).collect(),
            cast: entry.cast.as_ref().map(Cast::compile).transpose().map_err(|reason| wrong(reason, None))?,
            mask: entry.mask,
            default: entry.default.as_ref().map(super::file::Scalar::to_text),
        })
    }

    /// Everything that happens to a value after it was found.
    fn finish(&self, value: Option<String>, masker: &Masker) -> Result<Option<String>, Reject> {
        let value = value.filter(|text| !self.null_if.contains(text));
        let Some(mut text) = value else { return Ok(self.default.clone()) };
        if self.trim {
            text = text.trim().to_owned();
            if self.null_if.contains(&text) {
                return Ok(self.default.clone());
            }
        }
        match self.case {
            Some(Case::Lower) => text = text.to_lowercase(),
            Some(Case::Upper) => text = text.to_uppercase(),
            None => {}
        }
        if let Some(other) = self.values.get(&text) {
            text.clone_from(other);
        }
        if let Some(cast) = &self.cast {
            text = cast.apply(&text).map_err(|reason| Reject::new("cast", format!("it cannot be cast: {reason}")))?;
        }
        if let Some(kind) = self.mask {
            text = masker.text(&text, kind, usize::MAX);
        }
        Ok(Some(text))
    }
}

impl From {
    /// Fields that are read.
    fn fields(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Field(field) | Self::Split(field, ..) => Box::new(std::iter::once(field.as_str())),
            Self::Constant(_) => Box::new(std::iter::empty()),
            Self::Expression(expression) => Box::new(expression.names().iter().map(String::as_str)),
            Self::Join(fields, _) | Self::Lookup(_, fields) => Box::new(fields.iter().map(String::as_str)),
        }
    }
}
