//! Mapping files: how the fields of a source become the columns of a table.
//!
//! ```yaml
//! version: 1
//! types:
//!   users:
//!     drop: [legacy_id]                       # fields that are left out
//!     columns:
//!       email:      { from: mail, trim: true, case: lower }
//!       name:       { join: [first, last], separator: " " }
//!       role:       { from: kind, values: { A: admin, U: user }, default: user }
//!       source:     { constant: "import 2026" }
//!       slug:       { expression: "replace(lower(title), ' ', '-')" }
//!       created_at: { from: created, cast: { timestamp: "%d.%m.%Y %H:%M", zone: Europe/Berlin } }
//!       city:       { split: address, separator: ",", part: 2, trim: true }
//!       phone:      { mask: phone }
//!       user_id:    { lookup: { table: users, by: { email: owner_mail }, take: id } }
//! ```
//!
//! One source of a value a column (`from`, `constant`, `expression`, `join`, `split`, `lookup`;
//! the field of the column's own name if none is named), then in this order: `null_if`, `trim`,
//! `case`, `values`, `cast`, `mask`, `default`. Fields that no column mentions go to the column of
//! their own name. What comes out of a mapping is read like the text of a CSV field.

mod cast;
mod compile;
mod file;

use miette::Diagnostic;
use thiserror::Error;

pub use compile::{LookupNeed, MappedRecord, TypeMapping};

use crate::model::mask::Masker;
use crate::model::pack::source::{Document, Flaw};
use crate::model::{Model, Table};
use file::MappingFile;

/// Everything that is wrong with a mapping file.
#[derive(Debug, Clone, Error, Diagnostic)]
#[error("the mapping file '{file}' cannot be used")]
#[diagnostic(code(fixtool::rules::mapping), help("docs/loading.md describes mapping files"))]
pub struct MappingError {
    /// The file.
    pub file: String,
    /// Each mistake, with its place.
    #[related]
    pub flaws: Vec<Flaw>,
}

/// A mapping file that was read and whose types and columns exist.
#[derive(Debug, Clone)]
pub struct Mapping {
    document: Document,
    file: MappingFile,
    name: String,
}

impl Mapping {
    /// Reads a mapping file and compares it with the model.
    ///
    /// # Errors
    /// Unknown keys, types and columns, contradictions and broken expressions, all at once, each
    /// with its place.
    pub fn read(name: &str, bytes: &[u8], model: &Model) -> Result<Self, MappingError> {
        let fault = |flaws: Vec<Flaw>| MappingError { file: name.to_owned(), flaws };
        let document = Document::new(name, bytes).map_err(|flaw| fault(vec![flaw]))?;
        let file: MappingFile = document.read().map_err(|flaw| fault(vec![flaw]))?;
        let flaws = file.check(&document, model);
        if flaws.is_empty() { Ok(Self { document, file, name: name.to_owned() }) } else { Err(fault(flaws)) }
    }

    /// The mapping for records of a data type, if the file has one: by the name that was loaded,
    /// or by the table's.
    ///
    /// # Errors
    /// If an expression or a cast cannot be used.
    pub fn of_type(
        &self,
        data_type: &str,
        (table_name, table): (&str, &Table),
        masker: &Masker,
    ) -> Result<Option<TypeMapping>, MappingError> {
        let found = [data_type, table_name].into_iter().find_map(|name| self.file.types.get_key_value(name));
        let Some((key, entry)) = found else { return Ok(None) };
        let compiled = TypeMapping::compile(entry, table, masker);
        compiled.map(Some).map_err(|wrong| {
            let path = ["types", key, "columns", wrong.column.as_str()];
            let flaw = self.document.flaw(&path, wrong.reason).with_help(wrong.help);
            MappingError { file: self.name.clone(), flaws: vec![flaw] }
        })
    }
}

#[cfg(test)]
mod tests;
