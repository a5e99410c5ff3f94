//! fixtool creates, loads, checks, cleans, backs up, migrates and watches the tenants of a
//! multi-tenant SQL database.
//!
//! This page is the map. Everything fixtool does is an *operation* that is observed, decided,
//! approved and carried out by one engine; a command never touches a database by itself.
//!
//! | room | the question it answers |
//! |---|---|
//! | [`model`] | what is it about? plain data and pure functions |
//! | [`engine`] | how is anything done? plan, approval, executor, fleet, events; knows no noun |
//! | [`backends`] | what is it done to? databases, catalog, cache, storage, sealing |
//! | [`formats`] | how do records look in a file? |
//! | [`rules`] | when is a record right? |
//! | [`snapshots`] | how does a tenant become bytes and come back? |
//! | [`operations`] | what can fixtool do? one folder a noun, one folder a verb |
//! | [`console`] | how is it shown? the only code that writes to the terminal |
//! | [`config`] | what was settled beforehand? |
//! | [`cli`] | what may the user type? |
//!
//! The code of `fixtool data load` is found by its name: `cli/data/load.rs` (what is typed),
//! `operations/data/load/` (what is done), `tests/suite/data_load.rs`, `examples/data_load.rs`.
//! On disk: the catalog's migrations and the built-in packs lie in `migrations/`.

pub mod backends;
pub mod cli;
pub mod config;
pub mod console;
pub mod engine;
pub mod formats;
pub mod model;
pub mod operations;
pub mod rules;
pub mod snapshots;
