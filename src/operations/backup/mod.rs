//! Backups: made, listed, shown, verified and restored; and who may open them.

pub mod create;
pub mod error;
pub mod key;
pub mod key_add;
pub mod key_destroy;
pub mod key_list;
pub mod key_remove;
pub mod key_rotate;
pub mod keygen;
pub mod list;
pub mod prune;
pub mod restore;
pub mod show;
pub mod verify;
pub mod which;

pub use error::BackupError;
