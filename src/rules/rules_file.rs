//! Rule files: conditions that a user adds to those of the model.
//!
//! ```yaml
//! version: 1
//! types:
//!   users:
//!     columns:
//!       email: [required, { max_length: 320 }]
//!       role:  [{ in: [owner, admin, user] }]
//!     rules:
//!       - id: sessions-order
//!         assert: "ended_at is null or ended_at >= started_at"
//!         severity: error
//!         where: "deleted_at is null"
//!         message: "session {id} ends before it starts"
//!         examples:
//!           pass: [{ started_at: 2026-01-01T00:00:00Z, ended_at: null }]
//!           fail: [{ started_at: 2026-01-02T00:00:00Z, ended_at: 2026-01-01T00:00:00Z }]
//! ```
//!
//! Everything of the grammar is read, and what is unknown is a mistake with its place. Rules over
//! one row are checked while loading; those over many rows (metrics, `failing_rows`, `unique`, …)
//! are kept and told by [`TypeRules::later`], so that nobody takes them for checked.

mod examples;
mod file;
mod shorthand;

use miette::Diagnostic;
use thiserror::Error;

use super::row_rule::RowRule;
use crate::model::Model;
use crate::model::pack::source::{Document, Flaw};
use file::File;

/// Everything that is wrong with a rule file.
#[derive(Debug, Clone, Error, Diagnostic)]
#[error("the rule file '{file}' cannot be used")]
#[diagnostic(code(fixtool::rules::file), help("docs/loading.md describes rule files"))]
pub struct RuleFileError {
    /// The file.
    pub file: String,
    /// Each mistake, with its place.
    #[related]
    pub flaws: Vec<Flaw>,
}

/// A rule file that was read, and whose types, columns, expressions and examples are right.
#[derive(Debug, Clone, Default)]
pub struct RuleFile {
    types: Vec<(String, TypeRules)>,
}

/// The rules of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeRules {
    /// Rules over one row.
    pub rows: Vec<RowRule>,
    /// Rules that only a look at many rows can check, by what they are called.
    pub later: Vec<String>,
}

impl RuleFile {
    /// Reads a rule file and holds it against the model: its own examples included.
    ///
    /// # Errors
    /// Every mistake at once, each with its place.
    pub fn read(name: &str, bytes: &[u8], model: &Model) -> Result<Self, RuleFileError> {
        let fault = |flaws: Vec<Flaw>| RuleFileError { file: name.to_owned(), flaws };
        let document = Document::new(name, bytes).map_err(|flaw| fault(vec![flaw]))?;
        let file: File = document.read().map_err(|flaw| fault(vec![flaw]))?;
        let mut flaws = Vec::new();
        let types = file.compile(&document, model, &mut flaws);
        if flaws.is_empty() { Ok(Self { types }) } else { Err(fault(flaws)) }
    }

    /// The rules of a table.
    pub fn of_table(&self, table: &str) -> TypeRules {
        let mut all = TypeRules::default();
        for (_, rules) in self.types.iter().filter(|(name, _)| name == table) {
            all.rows.extend(rules.rows.iter().cloned());
            all.later.extend(rules.later.iter().cloned());
        }
        all
    }
}

#[cfg(test)]
mod tests;
