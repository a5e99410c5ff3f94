//! Columns that are kept sealed: what comes in clear is sealed before it is written.

use super::error::LoadError;
use super::shaper::Fault;
use crate::backends::sealing::Sealing;
use crate::model::{Row, Secret, Table, Value};

/// Seals the values of a table's sealed columns.
#[derive(Debug)]
pub struct Sealer {
    sealing: Sealing,
    columns: Vec<(usize, String)>,
}

impl Sealer {
    /// For rows that carry these columns; `None` when none of them is kept sealed.
    ///
    /// # Errors
    /// If nothing can be sealed here, or only with a passphrase, which takes a second a value.
    pub fn of(table: &Table, columns: &[String], sealing: &Sealing) -> Result<Option<Self>, LoadError> {
        let is_sealed = |name: &String| table.columns.get(name).is_some_and(|c| c.secret == Some(Secret::Sealed));
        let columns: Vec<(usize, String)> = columns
            .iter()
            .enumerate()
            .filter(|(_, name)| is_sealed(name))
            .map(|(at, name)| (at, name.clone()))
            .collect();
        let Some((_, first)) = columns.first() else { return Ok(None) };
        if sealing.is_by_passphrase() {
            return Err(LoadError::SealedByPassphrase { column: first.clone() });
        }
        // What cannot be sealed is known before the first record is read.
        sealing.seal(b"")?;
        Ok(Some(Self { sealing: sealing.clone(), columns }))
    }

    /// Seals what came in clear. What is sealed already stays as it is, so that an export can be
    /// loaded again.
    ///
    /// # Errors
    /// If a value cannot be sealed; the reason does not show it.
    pub fn seal(&self, row: &mut Row) -> Result<(), Fault> {
        for (at, column) in &self.columns {
            let sealed = match row.get(*at) {
                Some(Value::Text(clear)) if !Sealing::is_sealed(clear) => self.sealing.seal(clear.as_bytes()),
                _ => continue,
            };
            let sealed = sealed.map_err(|error| Fault {
                column: Some(column.clone()),
                field: None,
                code: "not_sealed".to_owned(),
                reason: error.to_string(),
            })?;
            if let Some(value) = row.get_mut(*at) {
                *value = Value::Text(sealed);
            }
        }
        Ok(())
    }
}
