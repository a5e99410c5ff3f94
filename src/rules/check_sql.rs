//! A condition of the model as the CHECK constraint of an engine.

use crate::model::{Engine, Table};

use super::{Expression, Scope};

/// Writes a condition of a table as SQL of the engine.
///
/// # Errors
/// If it cannot be read, or the engine has no words for it; why, in words.
pub fn check_sql(engine: Engine, table: &Table, condition: &str) -> Result<String, String> {
    let read = Expression::parse_condition(condition, &Scope::of_table(table)).map_err(|error| error.to_string())?;
    read.to_check_sql(engine).map_err(|error| error.to_string())
}
