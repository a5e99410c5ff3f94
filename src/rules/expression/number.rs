//! Exact decimal numbers of up to 38 digits.

use std::cmp::Ordering;

use super::eval::EvalFault;
use crate::model::literal::canonical_decimal;

/// `digits / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exact {
    digits: i128,
    scale: u32,
}

impl Exact {
    pub(super) fn whole(number: i64) -> Self {
        Self { digits: i128::from(number), scale: 0 }
    }

    /// Reads canonical text; a number beyond 38 digits is a fault.
    pub(super) fn parse(text: &str) -> Result<Self, EvalFault> {
        let canonical = canonical_decimal(text).ok_or(EvalFault::Overflow)?;
        let (whole, fraction) = canonical.split_once('.').unwrap_or((&canonical, ""));
        let scale = u32::try_from(fraction.len()).map_err(|_| EvalFault::Overflow)?;
        let digits: i128 = format!("{whole}{fraction}").parse().map_err(|_| EvalFault::Overflow)?;
        Ok(Self { digits, scale })
    }

    fn aligned(self, other: Self) -> Result<(i128, i128, u32), EvalFault> {
        let scale = self.scale.max(other.scale);
        let at = |number: Self| {
            let factor = 10_i128.checked_pow(scale - number.scale)?;
            number.digits.checked_mul(factor)
        };
        let (a, b) = (at(self), at(other));
        a.zip(b).map(|(a, b)| (a, b, scale)).ok_or(EvalFault::Overflow)
    }

    pub(super) fn compare(self, other: Self) -> Result<Ordering, EvalFault> {
        self.aligned(other).map(|(a, b, _)| a.cmp(&b))
    }

    pub(super) fn add(self, other: Self) -> Result<Self, EvalFault> {
        let (a, b, scale) = self.aligned(other)?;
        Ok(Self { digits: a.checked_add(b).ok_or(EvalFault::Overflow)?, scale })
    }

    pub(super) fn negate(self) -> Self {
        Self { digits: self.digits.saturating_neg(), ..self }
    }

    pub(super) fn multiply(self, other: Self) -> Result<Self, EvalFault> {
        let digits = self.digits.checked_mul(other.digits).ok_or(EvalFault::Overflow)?;
        Ok(Self { digits, scale: self.scale + other.scale })
    }

    pub(super) fn remainder(self, other: Self) -> Result<Self, EvalFault> {
        let (a, b, scale) = self.aligned(other)?;
        Ok(Self { digits: a.checked_rem(b).ok_or(EvalFault::DivisionByZero)?, scale })
    }

    /// To so many digits after the point, half away from zero.
    pub(super) fn round(self, places: u32) -> Result<Self, EvalFault> {
        if self.scale <= places {
            return Ok(self);
        }
        let factor = 10_i128.checked_pow(self.scale - places).ok_or(EvalFault::Overflow)?;
        let half = factor / 2 * self.digits.signum();
        let digits = self.digits.checked_add(half).ok_or(EvalFault::Overflow)? / factor;
        Ok(Self { digits, scale: places })
    }

    pub(super) fn abs(self) -> Self {
        Self { digits: self.digits.saturating_abs(), ..self }
    }

    pub(super) fn is_zero(self) -> bool {
        self.digits == 0
    }

    pub(super) fn to_float(self) -> f64 {
        // The text is a number, and reading it rounds once.
        self.to_text().parse().unwrap_or(f64::NAN)
    }

    /// Canonical text.
    pub(super) fn to_text(self) -> String {
        let digits = self.digits.unsigned_abs().to_string();
        let scale = self.scale as usize;
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        let sign = if self.digits < 0 { "-" } else { "" };
        let plain = if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
        canonical_decimal(&plain).unwrap_or(plain)
    }
}
