//! When a record is right, and how a field becomes a value: one rule, parsed once, as a closure
//! and as SQL.

mod base64;
mod coerce;
pub mod conversions;
mod numbers;
mod reject;

pub use coerce::Coercer;
pub use reject::Reject;
