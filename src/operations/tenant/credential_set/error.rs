//! What can go wrong with `tenant credential set`.

pub use crate::operations::tenant::credential::CredentialError as CredentialSetError;
