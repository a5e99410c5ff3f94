//! What can go wrong with `tenant credential rotate`.

pub use crate::operations::tenant::credential::CredentialError as CredentialRotateError;
