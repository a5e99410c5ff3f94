//! The operation log: listed, shown, proved. Resuming and undoing are the business of each
//! operation itself; `cli/op` leads to it.

pub mod find;
pub mod log;
pub mod show;
pub mod verify;

pub use find::{FindError, find};
