//! How the rows of one table are made: which columns are free, which point elsewhere, and what
//! keeps unique keys unique.

use indexmap::IndexMap;

use super::SampleError;
use super::cell::Own;
use super::dice::{Dice, seed_of};
use crate::model::{Column, ForeignKey, LogicalType, Table};

/// Where the value of a column comes from.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// It is made up.
    Own(Own),
    /// It is the value of a column of the row pointed at.
    Points {
        /// Which foreign key.
        key: usize,
        /// The column pointed at.
        to: String,
    },
}

/// Which of several possibilities a row takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Any.
    Free,
    /// As many different ones as there are, together with other columns of a key: row number
    /// divided by `stride`, turned by a number that depends on what is left.
    Digit {
        /// Product of the sizes of the digits before.
        stride: u64,
    },
    /// Each possibility once.
    Once,
}

impl Choice {
    /// The possibility of a row, of so many.
    pub(super) fn of(self, row: u64, size: u64, seed: u64) -> u64 {
        match self {
            Self::Free => Dice::of(seed, row).below(size),
            Self::Digit { stride } => {
                let turn = if stride > 1 { Dice::of(seed, row % stride).below(size) } else { 0 };
                ((row / stride.max(1)) % size.max(1) + turn) % size.max(1)
            }
            Self::Once => row.min(size.saturating_sub(1)),
        }
    }
}

#[derive(Debug, Clone)]
struct Pointer {
    key: ForeignKey,
    choice: Choice,
    parents: u64,
    to_itself: bool,
    optional: bool,
    seed: u64,
}

/// How the rows of one table are made.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    rows: u64,
    capacity: u64,
    cells: IndexMap<String, Cell>,
    pointers: Vec<Pointer>,
}

impl Shape {
    pub(super) fn of(
        name: &str,
        table: &Table,
        seed: u64,
        counts: &IndexMap<String, u64>,
    ) -> Result<Self, SampleError> {
        let rows = counts.get(name).copied().unwrap_or_default();
        let mut shape = Self { rows, capacity: u64::MAX, cells: IndexMap::new(), pointers: Vec::new() };
        for key in table.all_foreign_keys() {
            let seed = seed_of(seed, &[name, "foreign key", &key.columns.join("\u{0}")]);
            let parents = counts.get(&key.table).copied().unwrap_or_default();
            let to_itself = key.table == name;
            let pointer = Pointer { key, choice: Choice::Free, parents, to_itself, optional: false, seed };
            shape.add_pointer(name, table, pointer)?;
        }
        for (column, definition) in &table.columns {
            if !shape.cells.contains_key(column) {
                let cell = Own::of(&[name, column], definition, table, seed);
                match cell {
                    Ok(cell) => {
                        shape.cells.insert(column.clone(), Cell::Own(cell));
                    }
                    Err(_) if definition.default.is_some() || !definition.required => {}
                    Err(reason) => {
                        return Err(SampleError::Column { table: name.to_owned(), column: column.clone(), reason });
                    }
                }
            }
        }
        shape.cells.sort_by_key(|column, _| table.columns.get_index_of(column));
        shape.keep_unique(table);
        Ok(shape)
    }

    fn add_pointer(&mut self, name: &str, table: &Table, mut pointer: Pointer) -> Result<(), SampleError> {
        let in_primary = |column: &String| table.primary_key.contains(column);
        let required = |column: &String| table.columns.get(column).is_some_and(|c| c.required) || in_primary(column);
        if let Some(shared) = pointer.key.columns.iter().find(|column| self.cells.contains_key(*column)) {
            let reason = "it is part of two foreign keys".to_owned();
            return Err(SampleError::Column { table: name.to_owned(), column: shared.clone(), reason });
        }
        let at = self.pointers.len();
        for (column, to) in pointer.key.columns.iter().zip(&pointer.key.to) {
            self.cells.insert(column.clone(), Cell::Points { key: at, to: to.clone() });
        }
        pointer.optional = !pointer.key.columns.iter().any(required);
        if pointer.parents == 0 && !pointer.optional && !pointer.to_itself {
            self.capacity = 0;
        }
        self.pointers.push(pointer);
        Ok(())
    }

    /// Gives each unique key what makes it unique.
    fn keep_unique(&mut self, table: &Table) {
        let keys = [table.primary_key.clone()].into_iter().chain(table.all_unique_keys());
        for key in keys.filter(|key| !key.is_empty()) {
            if key.iter().any(|column| self.is_numbered(column)) {
                continue;
            }
            let free =
                key.iter().find(|column| matches!(self.cells.get(*column), Some(Cell::Own(own)) if own.is_wide()));
            if let Some(column) = free {
                if let Some(Cell::Own(own)) = self.cells.get_mut(column) {
                    own.number();
                    self.capacity = self.capacity.min(own.different());
                }
                continue;
            }
            self.count_through(&key);
        }
    }

    fn is_numbered(&self, column: &str) -> bool {
        match self.cells.get(column) {
            Some(Cell::Own(own)) => own.is_numbered(),
            Some(Cell::Points { key, .. }) => self.pointers.get(*key).is_some_and(|p| p.choice == Choice::Once),
            None => false,
        }
    }

    /// A key of columns with few values each: the row's number is counted through all combinations.
    fn count_through(&mut self, key: &[String]) {
        let mut digits: Vec<(&String, u64)> = Vec::new();
        let mut pointers_seen = Vec::new();
        let mut fresh = true;
        for column in key {
            match self.cells.get(column) {
                Some(Cell::Own(own)) => {
                    fresh &= own.choice() == Choice::Free;
                    digits.push((column, own.different()));
                }
                Some(Cell::Points { key, .. }) if !pointers_seen.contains(key) => {
                    pointers_seen.push(*key);
                    let Some(pointer) = self.pointers.get(*key) else { continue };
                    fresh &= pointer.choice == Choice::Free;
                    digits.push((column, if pointer.to_itself { self.rows } else { pointer.parents }));
                }
                _ => {}
            }
        }
        // A column that another key counts through already: each value of the largest column once.
        if !fresh || digits.len() == 1 {
            digits.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
            digits.truncate(1);
        }
        let once = digits.len() == 1;
        let mut stride: u64 = 1;
        for (column, size) in digits {
            let choice = if once { Choice::Once } else { Choice::Digit { stride } };
            stride = stride.saturating_mul(size);
            match self.cells.get_mut(column) {
                Some(Cell::Own(own)) => own.choose(choice),
                Some(Cell::Points { key, .. }) => {
                    if let Some(pointer) = self.pointers.get_mut(*key) {
                        pointer.choice = choice;
                        pointer.optional = false;
                    }
                }
                None => {}
            }
        }
        self.capacity = self.capacity.min(stride);
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// How many different rows there can be.
    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.cells.keys().map(String::as_str)
    }

    pub(super) fn cell(&self, column: &str) -> Option<&Cell> {
        self.cells.get(column)
    }

    pub(super) fn target(&self, key: usize) -> Option<&str> {
        self.pointers.get(key).map(|pointer| pointer.key.table.as_str())
    }

    /// The row that a row points at; `None` for a reference that is left empty.
    pub(super) fn parent(&self, key: usize, row: u64) -> Option<u64> {
        let pointer = self.pointers.get(key)?;
        if pointer.to_itself && pointer.choice == Choice::Free {
            // Only at rows before, so that the rows can be written in their order.
            let root = row == 0 || (pointer.optional && Dice::of(pointer.seed ^ 1, row).once_in(8));
            return match root {
                true if pointer.optional => None,
                true => Some(row),
                false => Some(Dice::of(pointer.seed, row).below(row)),
            };
        }
        let parents = if pointer.to_itself { self.rows } else { pointer.parents };
        if parents == 0 || (pointer.optional && Dice::of(pointer.seed ^ 1, row).once_in(10)) {
            return None;
        }
        Some(pointer.choice.of(row, parents, pointer.seed))
    }
}

/// Whether a type has so many values that a row's number fits into each.
pub(super) fn is_wide(column: &Column) -> bool {
    !matches!(
        column.logical,
        LogicalType::Bool | LogicalType::Json | LogicalType::ListText | LogicalType::Enum(_) | LogicalType::Native(_)
    )
}
