//! Data of tenants: loading it.

pub mod export;
pub mod load;
