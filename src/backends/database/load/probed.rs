//! What the set-based probes say of staged rows, on either engine.

use std::collections::{BTreeMap, BTreeSet};

use super::{Refused, RefusedReason};

/// What becomes of a row of the table that has the unique value of a staged row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// An earlier batch of the same load has written it.
    Loaded,
    /// A record that is staged too gives it another value.
    Moves,
    /// A record that is staged too leaves it the value.
    Stays,
    /// No record that was staged so far meets it.
    Open,
}

impl Holder {
    /// From the word that a query says.
    pub fn parse(word: Option<&str>) -> Self {
        match word {
            Some("loaded") => Self::Loaded,
            Some("moves") => Self::Moves,
            Some("open") => Self::Open,
            _ => Self::Stays,
        }
    }
}

/// What the probes say of staged rows.
#[derive(Debug, Default)]
pub struct Probed {
    /// Rows that the table's keys refuse; they are not staged any more.
    pub refused: Vec<Refused>,
    /// Whether what some of them need may come later in the source.
    pub waits: bool,
    /// Whether unique values go from row to row.
    pub moves: bool,
}

impl Probed {
    /// What a holder of a unique value means for the row that wants it; `None` if it can have it.
    pub fn refusal(&mut self, holder: Holder, may_wait: bool) -> Option<RefusedReason> {
        match holder {
            Holder::Loaded => Some(RefusedReason::Duplicate),
            Holder::Stays => Some(RefusedReason::Exists),
            Holder::Open => {
                self.waits |= may_wait;
                Some(RefusedReason::Exists)
            }
            Holder::Moves => {
                self.moves = true;
                None
            }
        }
    }
}

/// Duplicates for certain, out of pairs of a row and the first with the same key: only a row that is written can stand in
/// another one's way. Rows that hang on others are looked at last.
pub fn certain(pairs: &[Refused], hanging: &BTreeSet<u64>) -> Vec<Refused> {
    let twice: BTreeSet<u64> = pairs.iter().map(|pair| pair.ordinal).collect();
    let among = |doubtful: &BTreeSet<u64>| {
        let sure = pairs
            .iter()
            .filter(|pair| pair.other.is_none_or(|first| !twice.contains(&first) && !doubtful.contains(&first)));
        let found: BTreeMap<u64, &Refused> = sure.rev().map(|pair| (pair.ordinal, pair)).collect();
        found.into_values().cloned().collect::<Vec<_>>()
    };
    let found = among(hanging);
    if found.is_empty() { among(&BTreeSet::new()) } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(ordinal: u64, first: u64) -> Refused {
        let columns = ["id".to_owned()].into();
        Refused { ordinal, reason: RefusedReason::Duplicate, columns, other: Some(first), message: None }
    }

    fn found(pairs: &[Refused], hanging: &[u64]) -> Vec<u64> {
        certain(pairs, &hanging.iter().copied().collect()).iter().map(|refused| refused.ordinal).collect()
    }

    #[test]
    fn a_duplicate_of_a_duplicate_waits_for_it() {
        let pairs = [pair(2, 1), pair(3, 2), pair(3, 1)];
        assert_eq!(found(&pairs, &[]), [2, 3]);
        assert_eq!(found(&[pair(2, 1), pair(3, 2)], &[]), [2]);
        assert_eq!(found(&[pair(2, 1), pair(4, 3)], &[1]), [4]);
        assert_eq!(found(&[pair(2, 1)], &[1]), [2]);
    }
}
