//! What was settled beforehand? Layers with their origin, then final [`Settings`] without an
//! `Option` left over.
//!
//! Precedence: flag > environment (`FIXTOOL_*`, then well-known names such as `DATABASE_URL`) >
//! `./fixtool.toml` > user file > system file > default. Files: `keys.rs` lists every setting,
//! `kind.rs` what each may be, `file.rs` and `environment.rs` read the layers, `layers.rs` puts one
//! over the other, `passwords.rs` reads password files, `settings.rs` is the result.

mod environment;
mod error;
mod file;
pub mod keys;
pub mod kind;
mod layers;
pub mod passwords;
pub mod secret;
mod settings;
mod template;

pub use environment::Environment;
pub use error::ConfigError;
pub use layers::{Origin, Overrides, Resolution, Resolved, Source, resolve};
pub use secret::Secret;
pub use settings::{Backup, Monitoring, Output, Paths, Placement, Redis, Sealing, Settings};
pub use template::{reference_table, starter_file};
