//! Plausible records for any table model: a pure function of the model, a seed and a row's number.
//!
//! Nothing is stored: a row that points at another computes the other's key. So a million rows need
//! no more memory than one, any row can be made alone, and the same seed always gives the same
//! records. Some cells are meant to be hard: Unicode, quotes, line ends, very long and empty texts,
//! nulls, the ends of ranges.
//!
//! What cannot be foreseen: conditions under `check`. They are not looked at.

mod cell;
mod dice;
mod shape;
mod text;
mod words;

use indexmap::IndexMap;

use super::{Model, Row, Value};
use shape::Shape;

/// Why no records can be made for a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum SampleError {
    /// The table is not in the model.
    #[error("there is no table '{0}'")]
    #[diagnostic(code(fixtool::sample::table))]
    UnknownTable(String),
    /// The column is of a kind for which no values are known.
    #[error("no values can be made up for '{table}.{column}': {reason}")]
    #[diagnostic(code(fixtool::sample::column))]
    Column {
        /// Its table.
        table: String,
        /// The column.
        column: String,
        /// Why.
        reason: String,
    },
    /// A unique key does not have that many different values.
    #[error("'{table}' can have at most {most} different rows here, not {wanted}")]
    #[diagnostic(code(fixtool::sample::capacity))]
    TooMany {
        /// The table.
        table: String,
        /// How many were asked for.
        wanted: u64,
        /// How many there can be.
        most: u64,
    },
}

/// Records for the tables of a model.
#[derive(Debug, Clone)]
pub struct Sample {
    shapes: IndexMap<String, Shape>,
}

impl Sample {
    /// Prepares records: so many for each table. A table that is not named gets none; rows that must
    /// point at such a table cannot be made.
    pub fn new(model: &Model, seed: u64, counts: &IndexMap<String, u64>) -> Result<Self, SampleError> {
        if let Some(unknown) = counts.keys().find(|name| !model.tables.contains_key(*name)) {
            return Err(SampleError::UnknownTable(unknown.clone()));
        }
        let mut shapes = IndexMap::new();
        for (name, table) in &model.tables {
            let shape = Shape::of(name, table, seed, counts)?;
            let wanted = shape.rows();
            if wanted > shape.capacity() {
                return Err(SampleError::TooMany { table: name.clone(), wanted, most: shape.capacity() });
            }
            shapes.insert(name.clone(), shape);
        }
        Ok(Self { shapes })
    }

    /// Records of all tables together: `total` of them, more in the tables that point at others.
    pub fn of_total(model: &Model, seed: u64, total: u64) -> Result<Self, SampleError> {
        Self::new(model, seed, &spread(model, seed, total)?)
    }

    /// How many rows each table has.
    pub fn counts(&self) -> IndexMap<String, u64> {
        self.shapes.iter().map(|(name, shape)| (name.clone(), shape.rows())).collect()
    }

    /// The columns of a table's records, in the order of the rows' values. Columns that the database
    /// fills by itself and fixtool knows no values for are not among them.
    pub fn columns(&self, table: &str) -> Result<Vec<String>, SampleError> {
        Ok(self.shape(table)?.columns().map(str::to_owned).collect())
    }

    /// All records of a table, one after the other.
    pub fn rows(&self, table: &str) -> Result<impl Iterator<Item = Row> + '_, SampleError> {
        let shape = self.shape(table)?;
        Ok((0..shape.rows()).map(move |row| self.make(shape, row)))
    }

    /// One record of a table; `None` when it has no row of this number.
    pub fn row(&self, table: &str, row: u64) -> Result<Option<Row>, SampleError> {
        let shape = self.shape(table)?;
        Ok((row < shape.rows()).then(|| self.make(shape, row)))
    }

    fn shape(&self, table: &str) -> Result<&Shape, SampleError> {
        self.shapes.get(table).ok_or_else(|| SampleError::UnknownTable(table.to_owned()))
    }

    fn make(&self, shape: &Shape, row: u64) -> Row {
        shape.columns().map(|column| self.value(shape, column, row, 0)).collect()
    }

    /// One cell. A chain of references longer than `depth` allows is a circle of keys and ends in NULL.
    fn value(&self, shape: &Shape, column: &str, row: u64, depth: u8) -> Value {
        match shape.cell(column) {
            Some(shape::Cell::Own(cell)) => cell.value(row),
            Some(shape::Cell::Points { key, to }) if depth < 16 => {
                let (Some(parent), Some(target)) = (shape.parent(*key, row), shape.target(*key)) else {
                    return Value::Null;
                };
                self.shapes.get(target).map_or(Value::Null, |other| self.value(other, to, parent, depth + 1))
            }
            _ => Value::Null,
        }
    }
}

/// Spreads a total over the tables of a model: a table that points at others gets more rows.
pub fn spread(model: &Model, seed: u64, total: u64) -> Result<IndexMap<String, u64>, SampleError> {
    let levels = model.levels();
    let mut order: Vec<(&String, u64)> = levels.iter().map(|(name, level)| (name, u64::from(*level))).collect();
    order.sort_by_key(|(_, level)| *level);
    let mut weights: u64 = order.iter().map(|(_, level)| 1 + 2 * level).sum();
    let mut left = total;
    // Tables of a circle meet each other before their turn: until then they count by their weight.
    let mut counts: IndexMap<String, u64> =
        order.iter().map(|(name, level)| ((*name).clone(), total / weights.max(1) * (1 + 2 * level))).collect();
    for (name, level) in order {
        let Some(table) = model.tables.get(name) else { continue };
        let weight = 1 + 2 * level;
        let share = u64::try_from(u128::from(left) * u128::from(weight) / u128::from(weights.max(1))).unwrap_or(left);
        let share = share.max(u64::from(left > 0));
        counts.insert(name.clone(), share);
        let most = Shape::of(name, table, seed, &counts)?.capacity();
        let given = share.min(most);
        counts.insert(name.clone(), given);
        left -= given;
        weights -= weight;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests;
