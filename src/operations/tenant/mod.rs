//! Tenants: made, listed, shown, changed, taken over and dropped.

pub mod adopt;
pub mod clone;
pub mod credential_list;
pub mod credential_rotate;
pub mod credential_set;
pub mod drop;
pub mod init;
pub mod list;
pub mod rename;
pub mod resume;
pub mod set_tier;
pub mod show;
pub mod suspend;

pub mod credential;
mod fixtures;
mod settings;
mod status;
