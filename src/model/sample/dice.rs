//! Numbers that look random and are a function of a seed, a column and a row: any cell can be
//! computed without the cells before it.

/// A short stream of numbers for one cell.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The seed of a column or a key: of the sample's seed and a name.
pub(super) fn seed_of(seed: u64, parts: &[&str]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update(&[0xFF]);
    }
    let digest = hasher.finalize();
    digest.as_bytes().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

impl Dice {
    /// The stream of one row of the column or key with this seed.
    pub(super) fn of(seed: u64, row: u64) -> Self {
        Self(mix(seed ^ mix(row.wrapping_add(STEP))))
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// A number from `low` to `high`, both included; `low` when they are the wrong way round.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.wrapping_sub(low).cast_unsigned();
        if high < low {
            return low;
        }
        let offset = if span == u64::MAX { self.next() } else { self.below(span + 1) };
        low.wrapping_add(offset.cast_signed())
    }

    /// True once in `n`.
    pub(super) fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub(super) fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.below(of.len() as u64)).unwrap_or_default();
        of.get(at).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_bounds() {
        let mut dice = Dice::of(1, 2);
        for _ in 0..10_000 {
            assert!(dice.below(7) < 7);
            assert!((-3..=3).contains(&dice.between(-3, 3)));
        }
        assert_eq!(dice.between(5, 4), 5);
        assert_eq!(dice.below(0), 0);
        let _ = dice.between(i64::MIN, i64::MAX);
    }

    #[test]
    fn a_cell_is_a_function_of_its_place() {
        assert_eq!(Dice::of(1, 2).next(), Dice::of(1, 2).next());
        assert_ne!(Dice::of(1, 2).next(), Dice::of(1, 3).next());
        assert_ne!(Dice::of(1, 2).next(), Dice::of(2, 2).next());
        assert_ne!(seed_of(1, &["ab", "c"]), seed_of(1, &["a", "bc"]));
    }
}
