//! When a record is right, and how a field becomes a value: one rule, parsed once, as a closure
//! and as SQL.
//!
//! A record goes this way: [`Pipeline::run`] makes the row (fields to columns, defaults, strict
//! [coercion](Coercer)), then [`RecordCheck::check`] says what is wrong with it.

mod base64;
mod check;
mod coerce;
pub mod conversions;
mod format;
mod iso;
mod numbers;
mod pipeline;
mod reject;

pub use check::{CheckError, RecordCheck, Severity, Violation};
pub use coerce::Coercer;
pub use pipeline::{Pipeline, PipelineError, PipelineOptions, Shape};
pub use reject::Reject;
