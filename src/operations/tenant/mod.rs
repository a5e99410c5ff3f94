//! Tenants: made, listed, shown, changed, taken over and dropped.

pub mod init;

mod fixtures;
mod settings;
