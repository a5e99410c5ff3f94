//! What fixtool is about: plain data and pure functions, no input or output.

pub mod checkpoint;
pub mod logical_type;
pub mod table;
pub mod tenant;
pub mod value;

pub use checkpoint::Checkpoint;
pub use logical_type::LogicalType;
pub use table::{Column, ForeignKey, Model, OnDelete, Table};
pub use tenant::{Engine, Namespace, TenantId, TenantStatus};
pub use value::{Row, Value};
