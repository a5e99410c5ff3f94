//! Entries of a rejects file: corrected records that are loaded again.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json;
use super::names::Names;
use super::record::{Kind, Record};
use super::trouble::Trouble;
use super::{Limits, SourceFormat};

/// What a name must end with, endings of format and compression left out, to be a rejects file.
pub(super) const STEM: &str = ".rejects";

#[derive(Deserialize)]
struct Entry<'a> {
    format: SourceFormat,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// Reads an entry into a record whose place is set.
pub(super) fn read(text: &str, record: &mut Record, names: &mut Names, limits: &Limits) -> Result<(), Trouble> {
    let entry: Entry<'_> = serde_json::from_str(text).map_err(|error| {
        Trouble::new(
            error.column().saturating_sub(1),
            "not_a_reject",
            format!("the line is no entry of a rejects file: {error}"),
            "keep 'format' and 'record' of each line, and correct the values inside 'record'",
        )
    })?;
    if entry.record.get().starts_with('"') {
        return Err(Trouble::new(
            0,
            "unreadable_record",
            "the record could not be read before and is kept as text",
            "write it as an object of its fields: \"record\": {\"id\": …}, or remove the line",
        ));
    }
    json::read(entry.record.get(), record, names, limits)?;
    if matches!(entry.format, SourceFormat::Csv | SourceFormat::Tsv) {
        for field in &mut record.fields {
            if field.kind == Kind::String {
                field.kind = Kind::Text;
            }
        }
    }
    Ok(())
}
