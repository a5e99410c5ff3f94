//! SQLite: a file for each tenant, in WAL mode.

mod error;
mod exchange;
mod files;
mod instant;
mod introspect;
mod joint;
pub mod load;
mod reading;
pub mod rebuild;
mod refill;
pub(crate) mod room;
mod rows;
mod scan;
mod session;
mod sharing;
mod stored;
pub(crate) mod value;
mod writing;

use std::sync::Arc;

use super::address::SqliteAddress;
use super::connect::Limits;
use super::fence::Fenced;
use super::{Access, Capabilities, DatabaseError};

pub(crate) use error::translate;

/// A directory of SQLite files. Clones share the open files.
#[derive(Debug, Clone)]
pub struct Sqlite {
    address: SqliteAddress,
    access: Access,
    limits: Limits,
    capabilities: Arc<Capabilities>,
    files: Arc<files::OpenFiles>,
    fenced: Fenced,
}

impl Sqlite {
    /// Prepares to work in the directory. A file is opened when it is first asked for; with
    /// [`Access::ReadOnly`] nothing on the disk is ever touched.
    pub async fn open(address: &SqliteAddress, access: Access, limits: &Limits) -> Result<Self, DatabaseError> {
        let capabilities = files::capabilities().await?;
        Ok(Self {
            address: address.clone(),
            access,
            limits: limits.clone(),
            capabilities: Arc::new(capabilities),
            files: Arc::default(),
            fenced: Fenced::default(),
        })
    }
}
