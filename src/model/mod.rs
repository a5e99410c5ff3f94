//! What fixtool is about: plain data and pure functions, no input or output.

pub mod calendar;
pub mod check;
pub mod checkpoint;
pub mod expression;
pub mod fingerprint;
pub mod json_text;
pub mod literal;
pub mod logical_type;
pub mod mask;
pub mod near;
pub mod pack;
pub mod quota;
pub mod raw;
pub mod sample;
pub mod selection;
pub mod size;
pub mod table;
pub mod tenant;
pub mod tenant_record;
pub mod value;
pub mod value_text;
pub mod version;

pub use checkpoint::Checkpoint;
pub use fingerprint::fingerprint;
pub use logical_type::LogicalType;
pub use pack::Pack;
pub use raw::{Fields, Raw};
pub use selection::{Selection, SelectionError};
pub use table::{Column, ForeignKey, Model, OnDelete, Secret, Table};
pub use tenant::{Engine, Namespace, TenantId, TenantStatus};
pub use tenant_record::TenantRecord;
pub use value::{Row, Value};
pub use version::Version;
