//! How many targets a wave has, and how many may fail.

use std::fmt;
use std::str::FromStr;

use crate::engine::{Failure, FailureKind};

/// A number of targets: `5`, or `2.5%` of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// So many.
    Count(u32),
    /// So many hundredths of a percent of all.
    BasisPoints(u32),
}

/// What is wrong with a share or a list of waves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum WavesError {
    /// Not a number of targets.
    #[error("{text:?} is neither a number of targets nor a percentage")]
    #[diagnostic(code(fixtool::fleet::share), help("write a number such as 5, or a percentage such as 10% or 2.5%"))]
    Share {
        /// What was given.
        text: String,
    },
    /// A wave of nobody, or one that does not go further than the one before.
    #[error("the wave {text:?} does not reach further than the one before")]
    #[diagnostic(
        code(fixtool::fleet::waves),
        help("each wave says how far the run has come when it ends: --waves 1,10%,100%")
    )]
    Waves {
        /// The wave.
        text: String,
    },
}

impl Failure for WavesError {
    fn kind(&self) -> FailureKind {
        FailureKind::Usage
    }
}

impl Share {
    const WHOLE: u32 = 10_000;

    /// So many of `total`, a part of one counting as one.
    pub fn rounded_up(self, total: usize) -> usize {
        match self {
            Self::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            Self::BasisPoints(points) => scale(total, points, u128::from(Self::WHOLE) - 1),
        }
    }

    /// So many of `total`, a part of one not counting.
    pub fn rounded_down(self, total: usize) -> usize {
        match self {
            Self::Count(_) => self.rounded_up(total),
            Self::BasisPoints(points) => scale(total, points, 0),
        }
    }

    fn exceeds(self, before: Self) -> bool {
        match (before, self) {
            (Self::Count(a), Self::Count(b)) | (Self::BasisPoints(a), Self::BasisPoints(b)) => b > a,
            _ => true,
        }
    }
}

fn scale(total: usize, points: u32, rest: u128) -> usize {
    let scaled = (u128::try_from(total).unwrap_or(u128::MAX) * u128::from(points) + rest) / u128::from(Share::WHOLE);
    usize::try_from(scaled).unwrap_or(usize::MAX)
}

impl FromStr for Share {
    type Err = WavesError;

    fn from_str(text: &str) -> Result<Self, WavesError> {
        let wrong = || WavesError::Share { text: text.to_owned() };
        let Some(percent) = text.trim().strip_suffix('%') else {
            return digits(text.trim()).map(Self::Count).ok_or_else(wrong);
        };
        let (whole, part) = percent.split_once('.').unwrap_or((percent, "0"));
        let points = match part.len() {
            1 => digits(part).map(|p| p * 10),
            2 => digits(part),
            _ => None,
        };
        let whole = digits(whole).filter(|w| *w <= 100).ok_or_else(wrong)?;
        let points = whole * 100 + points.ok_or_else(wrong)?;
        if points > Self::WHOLE { Err(wrong()) } else { Ok(Self::BasisPoints(points)) }
    }
}

/// Digits only: no sign, which `u32` would accept.
fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::BasisPoints(points) if points % 100 == 0 => write!(f, "{}%", points / 100),
            Self::BasisPoints(points) => {
                let text = format!("{}.{:02}", points / 100, points % 100);
                write!(f, "{}%", text.trim_end_matches('0'))
            }
        }
    }
}

/// How a run spreads over its targets. Without any wave all targets are one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waves {
    canary: u32,
    shares: Vec<Share>,
}

impl Waves {
    /// With so many targets first; when one of them fails, no other is begun.
    #[must_use]
    pub fn with_canary(mut self, canary: u32) -> Self {
        self.canary = canary;
        self
    }

    /// Whether the first wave is a canary.
    pub fn has_canary(&self) -> bool {
        self.canary > 0
    }

    /// How many targets each wave has. Each share says how far the run has come when its wave
    /// ends; what the last one leaves is one more wave. Waves of nobody are left out.
    pub fn sizes(&self, total: usize) -> Vec<usize> {
        let canary = Some(Share::Count(self.canary)).filter(|_| self.canary > 0);
        let ends = canary.iter().chain(&self.shares).map(|share| share.rounded_up(total).min(total));
        let mut reached = 0;
        let mut sizes = Vec::new();
        for end in ends.chain([total]) {
            if end > reached {
                sizes.push(end - reached);
                reached = end;
            }
        }
        sizes
    }
}

impl FromStr for Waves {
    type Err = WavesError;

    fn from_str(text: &str) -> Result<Self, WavesError> {
        let mut shares: Vec<Share> = Vec::new();
        for part in text.split(',') {
            let share: Share = part.parse()?;
            let nobody = matches!(share, Share::Count(0) | Share::BasisPoints(0));
            if nobody || shares.last().is_some_and(|before| !share.exceeds(*before)) {
                return Err(WavesError::Waves { text: part.trim().to_owned() });
            }
            shares.push(share);
        }
        Ok(Self { canary: 0, shares })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn waves(text: &str) -> Waves {
        text.parse().unwrap()
    }

    #[test]
    fn shares_are_parsed_strictly() {
        assert_eq!("5".parse(), Ok(Share::Count(5)));
        assert_eq!(" 10% ".parse(), Ok(Share::BasisPoints(1000)));
        assert_eq!("2.5%".parse(), Ok(Share::BasisPoints(250)));
        assert_eq!("0.01%".parse(), Ok(Share::BasisPoints(1)));
        assert_eq!("100%".parse(), Ok(Share::BasisPoints(10_000)));
        for wrong in
            ["", "%", "-1", "+1", "1.5", "101%", "100.01%", "1.234%", "1,5%", "ten", "1 0", "4294967296", ".5%"]
        {
            assert_eq!(wrong.parse::<Share>(), Err(WavesError::Share { text: wrong.to_owned() }), "{wrong:?}");
        }
    }

    #[test]
    fn waves_say_how_far_the_run_has_come() {
        assert_eq!(waves("1,10%,100%").sizes(1000), [1, 99, 900]);
        assert_eq!(waves("1,10%").sizes(1000), [1, 99, 900]);
        assert_eq!(waves("1,10%,100%").sizes(5), [1, 4]);
        assert_eq!(waves("10,20").sizes(15), [10, 5]);
        assert_eq!(waves("10%").sizes(1), [1]);
        assert_eq!(waves("1%").sizes(3), [1, 2]);
        assert_eq!(Waves::default().sizes(7), [7]);
        assert_eq!(Waves::default().with_canary(2).sizes(7), [2, 5]);
        assert_eq!(waves("1,50%").with_canary(2).sizes(8), [2, 2, 4]);
        assert!(waves("1,10%,100%").with_canary(3).sizes(0).is_empty());
    }

    #[test]
    fn waves_must_rise() {
        for wrong in ["0", "0%", "5,5", "10%,5%", "1,0"] {
            assert!(matches!(wrong.parse::<Waves>(), Err(WavesError::Waves { .. })), "{wrong:?}");
        }
        for wrong in ["", ",", "1,", "1,,2"] {
            assert!(matches!(wrong.parse::<Waves>(), Err(WavesError::Share { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn a_budget_in_percent_is_rounded_down() {
        assert_eq!(Share::BasisPoints(1000).rounded_down(19), 1);
        assert_eq!(Share::BasisPoints(1000).rounded_down(9), 0);
        assert_eq!(Share::Count(3).rounded_down(1), 3);
    }

    fn share() -> impl Strategy<Value = Share> {
        prop_oneof![(0..=u32::MAX).prop_map(Share::Count), (0..=10_000_u32).prop_map(Share::BasisPoints)]
    }

    proptest! {
        #[test]
        fn every_target_is_in_exactly_one_wave(
            total in 0_usize..200_000,
            canary in prop_oneof![Just(0), 1..50_u32, Just(u32::MAX)],
            shares in proptest::collection::vec(share(), 0..6),
        ) {
            let waves = Waves { canary, shares: shares.clone() };
            let sizes = waves.sizes(total);
            prop_assert_eq!(sizes.iter().sum::<usize>(), total);
            prop_assert!(sizes.iter().all(|size| *size > 0));
            prop_assert!(sizes.len() <= shares.len() + 2);
            if canary > 0 && total > 0 {
                prop_assert_eq!(sizes[0], total.min(canary as usize));
            }
            // Where a wave ends is where some share says.
            let mut reached = 0;
            for size in &sizes {
                reached += size;
                let said = reached == total
                    || reached == canary as usize
                    || shares.iter().any(|s| s.rounded_up(total) == reached);
                prop_assert!(said, "nobody said {}", reached);
            }
        }

        #[test]
        fn shares_round_within_one(points in 0..=10_000_u32, total in 0_usize..usize::MAX / 2) {
            let (up, down) = (Share::BasisPoints(points).rounded_up(total), Share::BasisPoints(points).rounded_down(total));
            prop_assert!(up - down <= 1 && up <= total);
        }

        #[test]
        fn shares_are_read_as_they_are_shown(share in share()) {
            prop_assert_eq!(share.to_string().parse(), Ok(share));
        }

        #[test]
        fn no_text_is_too_strange(text in ".{0,40}") {
            let _ = text.parse::<Waves>();
        }
    }
}
