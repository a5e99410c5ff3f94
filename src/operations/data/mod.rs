//! Data of tenants: loading it.

pub mod load;
