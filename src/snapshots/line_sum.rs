//! A digest of lines that does not depend on their order.
//!
//! Two servers order texts by different collations, so a table that was read in key order on one comes in
//! another order from the other. The sum of the lines' hashes is the same for the same lines.

use memchr::memchr_iter;

/// How many lines there were, and the sum of their hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineSum {
    /// Lines.
    pub lines: u64,
    sum: [u64; 4],
}

impl LineSum {
    /// Adds whole lines.
    pub fn add(&mut self, bytes: &[u8]) {
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            let hash = blake3::hash(bytes.get(start..end).unwrap_or_default());
            for (sum, word) in self.sum.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
                let word = word.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
                *sum = sum.wrapping_add(word);
            }
            self.lines += 1;
            start = end + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&str]) -> LineSum {
        let mut sum = LineSum::default();
        for piece in pieces {
            sum.add(piece.as_bytes());
        }
        sum
    }

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        assert_eq!(of(&["a\nb\n", "c\n"]), of(&["c\n", "b\na\n"]));
        assert_ne!(of(&["a\nb\n"]), of(&["a\na\n"]));
        assert_ne!(of(&["a\na\n"]), of(&["a\n"]));
        assert_ne!(of(&["a\n\n"]), of(&["a\n"]));
        assert_eq!(of(&["a\na\na\n"]).lines, 3);
    }
}
