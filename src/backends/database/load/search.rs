//! Which pieces of a batch are tried, so that the rows at fault are found in few tries.
//!
//! A piece that fails is cut in two, unless it was told which row it was. A piece that is known to fail, since its other
//! half went through, is cut without a try. For `k` rows at fault among `n` that is at most `2k(1 + log2(n/k))` tries.

use std::ops::Range;

/// The shortest piece after a row at fault was told, while there are as many rows left.
const SHORTEST: usize = 16;

/// A search under way: take [`piece`](Self::piece), try it, say how it went.
#[derive(Debug)]
pub struct Search {
    pieces: Vec<Piece>,
    tried: Piece,
    longest: usize,
    since_fault: usize,
}

#[derive(Debug, Clone)]
struct Piece {
    rows: Range<usize>,
    /// Where the other half begins, which is tried before it: when that goes through, this one is known to fail.
    left: Option<usize>,
    known_to_fail: bool,
}

impl Piece {
    fn of(rows: Range<usize>) -> Self {
        Self { rows, left: None, known_to_fail: false }
    }
}

impl Search {
    /// Over so many rows, all of which are tried first.
    pub fn over(rows: usize) -> Self {
        Self { pieces: vec![Piece::of(0..rows)], tried: Piece::of(0..0), longest: usize::MAX, since_fault: 0 }
    }

    /// The rows to try next; never none of them. `None` when every row went through or is at fault.
    pub fn piece(&mut self) -> Option<Range<usize>> {
        loop {
            let mut piece = self.pieces.pop()?;
            if piece.rows.is_empty() {
                continue;
            }
            if piece.known_to_fail && piece.rows.len() > 1 {
                self.halve(piece.rows);
                continue;
            }
            if piece.rows.len() > self.longest {
                let cut = piece.rows.start + self.longest;
                self.pieces.push(Piece::of(cut..piece.rows.end));
                piece = Piece::of(piece.rows.start..cut);
            }
            self.tried = piece;
            return Some(self.tried.rows.clone());
        }
    }

    /// The rows went through, and stay.
    pub fn passed(&mut self) {
        self.since_fault += self.tried.rows.len();
        self.longest = self.longest.saturating_add(self.longest / 2);
        let tried = &self.tried.rows;
        let is_other_half = |piece: &&mut Piece| piece.left == Some(tried.start) && piece.rows.start == tried.end;
        if let Some(right) = self.pieces.last_mut().filter(is_other_half) {
            right.known_to_fail = true;
        }
    }

    /// The rows did not go through, and none of them stays. With the row of the piece, counted from its first, that
    /// was told to be at fault. The answer is the row that is at fault for certain.
    pub fn failed(&mut self, told: Option<usize>) -> Option<usize> {
        let rows = self.tried.rows.clone();
        if rows.len() == 1 {
            self.since_fault = 0;
            return Some(rows.start);
        }
        let Some(told) = told.map(|told| rows.start + told).filter(|told| rows.contains(told)) else {
            self.halve(rows);
            return None;
        };
        // Half of what lay between the last two: much is not tried in vain when the next one comes.
        self.longest = ((self.since_fault + told - rows.start) / 2).max(SHORTEST);
        self.since_fault = 0;
        self.pieces.push(Piece::of(told + 1..rows.end));
        self.pieces.push(Piece::of(rows.start..told));
        Some(told)
    }

    fn halve(&mut self, rows: Range<usize>) {
        let middle = rows.start + rows.len() / 2;
        self.pieces.push(Piece { rows: middle..rows.end, left: Some(rows.start), known_to_fail: false });
        self.pieces.push(Piece::of(rows.start..middle));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    /// Finds the rows at fault, and counts the tries.
    fn find(rows: usize, faults: &BTreeSet<usize>, is_told: bool) -> (BTreeSet<usize>, BTreeSet<usize>, usize) {
        let (mut search, mut found, mut kept, mut tries) = (Search::over(rows), BTreeSet::new(), BTreeSet::new(), 0);
        while let Some(piece) = search.piece() {
            tries += 1;
            match faults.range(piece.clone()).next() {
                None => {
                    search.passed();
                    kept.extend(piece);
                }
                Some(first) => found.extend(search.failed(is_told.then(|| first - piece.start))),
            }
        }
        (found, kept, tries)
    }

    /// `2k(1 + log2(n/k))`, and the one try that all rows get.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the numbers of a test are small"
    )]
    fn bound(rows: usize, faults: usize) -> usize {
        let (n, k) = (rows as f64, faults.max(1) as f64);
        (2.0 * k * (1.0 + (n / k).log2())).ceil() as usize + 1
    }

    proptest! {
        #[test]
        fn every_row_at_fault_is_found_and_no_other_within_the_bound(
            rows in 1_usize..3000,
            faults in proptest::collection::btree_set(0_usize..3000, 0..400),
            is_told in any::<bool>(),
        ) {
            let faults: BTreeSet<usize> = faults.into_iter().filter(|fault| *fault < rows).collect();
            let (found, kept, tries) = find(rows, &faults, is_told);
            prop_assert_eq!(kept.len() + found.len(), rows);
            prop_assert!(tries <= bound(rows, faults.len()), "{tries} tries for {} of {rows}", faults.len());
            prop_assert_eq!(found, faults);
        }
    }

    #[test]
    fn all_rows_at_fault_and_two_hundred_of_two_thousand_stay_within_the_bound() {
        for is_told in [true, false] {
            for (rows, every) in [(2000, 10), (2000, 1), (2000, 2), (2000, 2000), (1024, 512)] {
                let faults: BTreeSet<usize> = (0..rows).step_by(every).collect();
                let (found, _, tries) = find(rows, &faults, is_told);
                assert!(tries <= bound(rows, faults.len()), "{tries}: {rows}, every {every}");
                assert_eq!(found, faults);
            }
        }
    }
}
