//! Packs: looking at them, checking them, writing new ones.

pub mod check;
pub mod error;
pub mod files;
pub mod introspect;
pub mod list;
pub mod new;
pub mod schema;
pub mod show;

use std::path::PathBuf;

pub use error::PackFault;

/// Where packs are looked for, beside the built-in ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packs {
    /// The folder of packs of one's own.
    pub folder: PathBuf,
}
