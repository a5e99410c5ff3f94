//! What fixtool can do: one folder a noun, one folder a verb.

pub mod backup;
pub mod data;
pub mod doctor;
pub mod on_site;
pub mod op;
pub mod pack;
pub mod tenant;
mod watch;
