//! Snapshots: how a tenant becomes bytes and comes back.
//!
//! | file | holds |
//! |---|---|
//! | [`layout`] | the names of all objects of a repository, and of an archive, which is a repository in a file |
//! | [`cut`] | where the rows of a table are cut into parts |
//! | [`codec`] | compression and its bounds |
//! | [`part`] | one part: hash, name, compress, seal, and all of it backwards |
//! | [`manifest`] | what a snapshot consists of |
//! | [`record`] | small JSON objects that notice when they were changed |
//! | [`instant`] | moments, as text in JSON |
//! | [`repository`] | snapshots and parts in a store |
//! | [`pins`] | what must not be pruned |
//! | [`retention`], [`garbage`] | what is kept and why, and what becomes of the rest |
//! | [`distinct`] | whether a key comes twice |
//! | [`verified`] | what was verified, and with which result |
//! | [`keys`] | the keys of one tenant that are at hand |
//! | [`keyring`] | generations of keys: made, shared with administrators, rotated, erased |
//! | [`key_record`] | what may be known in public of a generation |
//! | [`local_keys`] | what a machine keeps of them |
//! | [`archive`] | one file that holds one snapshot |
//! | [`source`] | what restoring reads from: a repository or an archive |
//! | [`take`], [`part_store`] | one moment of a tenant becomes parts |
//! | [`bring`], [`fill`], [`line_sum`] | parts become rows again, and are compared |
//! | [`beside`] | the namespace into which they come, beside those that live |
//! | [`files`] | files of a tenant become chunks, and chunks files |
//! | [`rows`] | rows of some tables come back into a living tenant |
//! | [`safety`] | copies of what is about to be destroyed, and the way back |
//! | [`room`] | a fresh namespace: its tables, keys and rights |
//! | [`copy`], [`masked`] | one moment of a tenant becomes another tenant, and personal data masks |
//! | [`second_place`] | a snapshot in a second repository |
//! | [`configuration`] | roles, settings and credentials |
//! | [`vault`] | the repository that the configuration names |
//! | [`error`] | what can go wrong |
//!
//! A manifest is stored last and never replaced. So an interrupted backup is never listed, and its parts are found
//! under their names and used again by the next run.

pub mod archive;
pub mod beside;
pub mod bring;
pub mod codec;
pub mod configuration;
pub mod copy;
pub mod cut;
pub mod distinct;
pub mod error;
pub mod files;
pub mod fill;
pub mod garbage;
pub mod instant;
pub mod key_record;
pub mod keyring;
pub mod keys;
pub mod layout;
pub mod line_sum;
pub mod local_keys;
pub mod manifest;
pub mod masked;
pub mod part;
pub mod part_store;
pub mod pins;
pub mod record;
pub mod repository;
pub mod retention;
pub mod room;
pub mod rows;
pub mod safety;
pub mod second_place;
pub mod source;
pub mod take;
pub mod vault;
pub mod verified;

#[cfg(test)]
mod tests;

pub use codec::{Codec, Compression};
pub use error::SnapshotError;
pub use instant::Instant;
pub use keyring::Keyring;
pub use keys::Keys;
pub use layout::{Digest, SnapshotId};
pub use manifest::Manifest;
pub use part::{Packed, Packing, PartRef};
pub use repository::Repository;
pub use source::SnapshotSource;
