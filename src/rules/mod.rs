//! When a record is right, and how a field becomes a value: one rule, parsed once, as a closure
//! and as SQL.
//!
//! A record goes this way: [`Pipeline::run`] makes the row (fields to columns, defaults, strict
//! [coercion](Coercer)), then [`RecordCheck::check`] says what is wrong with it.

mod base64;
mod check;
mod check_sql;
mod clock;
mod coerce;
pub mod conversions;
pub mod expression;
mod format;
mod iso;
pub mod mapping;
mod message;
mod numbers;
mod pipeline;
mod reject;
mod row_rule;
pub mod rules_file;
mod severity;

pub use check::{CheckError, RecordCheck, Violation};
pub use check_sql::check_sql;
pub use clock::time_zone;
pub use coerce::Coercer;
pub use expression::{Expression, ExpressionError, Scope};
pub use mapping::{LookupNeed, MappedRecord, Mapping, MappingError, TypeMapping};
pub use pipeline::{Pipeline, PipelineError, PipelineOptions, Shape};
pub use reject::Reject;
pub use row_rule::RowRule;
pub use rules_file::{RuleFile, RuleFileError, TypeRules};
pub use severity::Severity;
