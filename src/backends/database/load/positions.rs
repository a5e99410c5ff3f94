//! Which record of the source a row of a freshly loaded table came from.
//!
//! A bare load appends: the n-th row of the table is the n-th record that was sent. Records that
//! were rejected on the way leave gaps, so positions are kept as runs: memory grows with the gaps,
//! not with the rows.

/// Positions in the source of the rows of a table, in physical order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Positions {
    runs: Vec<Run>,
    rows: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// Place of the run's first row in the table.
    row: u64,
    /// Position of that row in the source.
    ordinal: u64,
    length: u64,
}

impl Positions {
    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends one row.
    pub fn push(&mut self, ordinal: u64) {
        match self.runs.last_mut() {
            Some(run) if run.ordinal + run.length == ordinal => run.length += 1,
            _ => self.runs.push(Run { row: self.rows, ordinal, length: 1 }),
        }
        self.rows += 1;
    }

    /// The position in the source of the row at this place, from zero.
    pub fn ordinal(&self, row: u64) -> Option<u64> {
        let at = self.runs.partition_point(|run| run.row <= row).checked_sub(1)?;
        let run = self.runs.get(at)?;
        (row < run.row + run.length).then(|| run.ordinal + (row - run.row))
    }

    /// Takes out the rows at these places; the rows behind move up.
    pub fn remove(&mut self, rows: &[u64]) {
        let mut gone: Vec<u64> = rows.to_vec();
        gone.sort_unstable();
        gone.dedup();
        let mut gone = gone.into_iter().peekable();
        let before = std::mem::take(self);
        for run in before.runs {
            let mut from = run.row;
            let end = run.row + run.length;
            while let Some(row) = gone.next_if(|row| *row < end) {
                self.append(run.ordinal + (from - run.row), row.saturating_sub(from));
                from = row + 1;
            }
            self.append(run.ordinal + (from - run.row), end.saturating_sub(from));
        }
    }

    fn append(&mut self, ordinal: u64, length: u64) {
        if length > 0 {
            self.runs.push(Run { row: self.rows, ordinal, length });
            self.rows += length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_plain_list(
            kept in proptest::collection::vec(any::<bool>(), 0..200),
            removed in proptest::collection::vec(0_u64..200, 0..40),
        ) {
            let mut positions = Positions::default();
            let mut plain: Vec<u64> = Vec::new();
            for (ordinal, _) in kept.iter().enumerate().filter(|(_, kept)| **kept) {
                positions.push(ordinal as u64);
                plain.push(ordinal as u64);
            }
            positions.remove(&removed);
            let plain: Vec<u64> = plain
                .iter()
                .enumerate()
                .filter(|(row, _)| !removed.contains(&(*row as u64)))
                .map(|(_, ordinal)| *ordinal)
                .collect();
            prop_assert_eq!(positions.rows(), plain.len() as u64);
            for (row, ordinal) in plain.iter().enumerate() {
                prop_assert_eq!(positions.ordinal(row as u64), Some(*ordinal));
            }
            prop_assert_eq!(positions.ordinal(plain.len() as u64), None);
        }
    }
}
