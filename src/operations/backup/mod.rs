//! Backups: made, listed, shown, verified and restored.

pub mod create;
pub mod error;
pub mod keygen;
pub mod list;
pub mod prune;
pub mod restore;
pub mod show;
pub mod verify;
mod watch;
pub mod which;

pub use error::BackupError;
