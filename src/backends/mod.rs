//! What it is done to: databases, the catalog, the cache, sealed secrets, stored objects.

pub mod backups;
pub mod cache;
pub mod catalog;
pub mod database;
pub mod files;
pub mod packs;
pub mod sealing;
pub mod site;
pub mod storage;
