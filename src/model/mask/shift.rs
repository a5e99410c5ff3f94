//! A keyed permutation of the numbers below a bound that leaves none of them where it was.
//!
//! A Feistel network permutes the next power of four, and is walked until it comes below the bound. Between
//! the way there and the way back stands a rotation, so that no number is its own mask.

const ROUNDS: u8 = 8;

/// The largest bound: two halves of 60 bits.
pub(super) const MOST: u128 = 1 << 120;

/// The number that stands for `number`, both below `size`; the number itself where there is no other.
pub(super) fn shift(key: &[u8; 32], number: u128, size: u128) -> u128 {
    if !(2..=MOST).contains(&size) || number >= size {
        return number;
    }
    let network = Network::below(key, size);
    let rotation = 1 + u128::from(word(key, u8::MAX, 0)) % (size - 1);
    network.walk(|at| network.back(at), (network.walk(|at| network.there(at), number) + rotation) % size)
}

/// Eight bytes of a keyed hash.
fn word(key: &[u8; 32], round: u8, half: u64) -> u64 {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&[round]).update(&half.to_le_bytes());
    hasher.finalize().as_bytes().iter().take(8).fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

struct Network<'k> {
    key: &'k [u8; 32],
    size: u128,
    /// Bits of one half.
    half: u32,
}

impl<'k> Network<'k> {
    fn below(key: &'k [u8; 32], size: u128) -> Self {
        let bits = u128::BITS - (size - 1).leading_zeros();
        Self { key, size, half: bits.div_ceil(2).max(1) }
    }

    fn walk(&self, step: impl Fn(u128) -> u128, from: u128) -> u128 {
        let mut at = step(from);
        while at >= self.size {
            at = step(at);
        }
        at
    }

    fn split(&self, at: u128) -> (u64, u64) {
        let low = |part: u128| u64::try_from(part & ((1 << self.half) - 1)).unwrap_or_default();
        (low(at >> self.half), low(at))
    }

    fn join(&self, (left, right): (u64, u64)) -> u128 {
        u128::from(left) << self.half | u128::from(right)
    }

    fn turn(&self, round: u8, half: u64) -> u64 {
        word(self.key, round, half) & ((1 << self.half) - 1)
    }

    fn there(&self, at: u128) -> u128 {
        let (mut left, mut right) = self.split(at);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.turn(round, right));
        }
        self.join((left, right))
    }

    fn back(&self, at: u128) -> u128 {
        let (mut left, mut right) = self.split(at);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.turn(round, left), left);
        }
        self.join((left, right))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_number_gets_another_and_none_gets_the_same() {
        for size in [2_u128, 3, 10, 26, 27, 1000, 4096] {
            for key in [[1; 32], [2; 32], [3; 32]] {
                let all: HashSet<u128> = (0..size).map(|number| shift(&key, number, size)).collect();
                assert_eq!(all.len() as u128, size);
                assert!(all.iter().all(|number| *number < size));
                assert!((0..size).all(|number| shift(&key, number, size) != number));
            }
        }
    }

    #[test]
    fn bounds_at_the_edges_do_no_harm() {
        assert_eq!(shift(&[0; 32], 0, 0), 0);
        assert_eq!(shift(&[0; 32], 0, 1), 0);
        assert_eq!(shift(&[0; 32], 7, 7), 7);
        assert_eq!(shift(&[0; 32], 7, MOST + 1), 7);
        assert!(shift(&[0; 32], MOST - 1, MOST) < MOST - 1);
    }
}
