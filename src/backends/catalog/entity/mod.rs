//! The catalog's tables as sea-orm entities, one file a table.
//!
//! All of them live in the schema `fixtool`. On SQLite the file `catalog.db` is attached under that name, so
//! that one set of entities serves both engines.

#![expect(unused_qualifications, reason = "the derives of sea-orm write paths in full")]

pub mod credential;
pub mod lease;
pub mod ledger_entry;
pub mod ledger_head;
pub mod ledger_seal;
pub mod run;
pub mod run_identity;
pub mod run_step;
pub mod site;
pub mod source_mark;
pub mod suspension;
pub mod tenant;
pub mod tenant_incarnation;
