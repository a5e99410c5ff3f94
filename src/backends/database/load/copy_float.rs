//! Floats in the very digits that PostgreSQL prints, so that equal values are equal bytes on both
//! engines.
//!
//! Source: PostgreSQL, `src/common/d2s.c` (Ryū). It prints the shortest decimal that reads back as
//! the same float, but unlike Rust never one that lies exactly half-way between two floats, and
//! with an exponent below 1e-4 and from 1e15 on.

use std::fmt::Write as _;

/// Digits that tell every float from all others.
const MOST_DIGITS: usize = 17;

/// A float as PostgreSQL reads and prints it.
pub fn float(of: f64) -> String {
    if of.is_nan() {
        return "NaN".to_owned();
    }
    if of.is_infinite() {
        return if of > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let (digits, exponent) = shortest(of.abs());
    let mut text = String::with_capacity(24);
    if of.is_sign_negative() {
        text.push('-');
    }
    if (-4..15).contains(&exponent) {
        plain(&digits, exponent, &mut text);
    } else {
        let (first, rest) = digits.split_at(1);
        text.push_str(first);
        if !rest.is_empty() {
            text.push('.');
            text.push_str(rest);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        // Writing to a string cannot fail.
        let _ = write!(text, "e{sign}{:02}", exponent.unsigned_abs());
    }
    text
}

fn plain(digits: &str, exponent: i32, text: &mut String) {
    let Ok(whole) = usize::try_from(exponent) else {
        let zeros = usize::try_from(exponent.unsigned_abs()).unwrap_or_default().saturating_sub(1);
        text.push_str("0.");
        text.extend(std::iter::repeat_n('0', zeros));
        text.push_str(digits);
        return;
    };
    let before = (whole + 1).min(digits.len());
    let (integer, fraction) = digits.split_at(before);
    text.push_str(integer);
    text.extend(std::iter::repeat_n('0', whole + 1 - before));
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
}

/// Significant digits, and the power of ten of the first.
fn shortest(of: f64) -> (String, i32) {
    let found = parts(&format!("{of:e}"));
    if of == 0.0 || !is_half_way(of, &found.0, found.1) {
        return found;
    }
    (found.0.len()..MOST_DIGITS)
        .map(|decimals| format!("{of:.decimals$e}"))
        .filter(|text| text.parse() == Ok(of))
        .map(|text| parts(&text))
        .find(|(digits, exponent)| !is_half_way(of, digits, *exponent))
        .unwrap_or(found)
}

/// The parts of `1.25e-7`, without zeros at the end of the digits.
fn parts(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let mut digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let kept = digits.trim_end_matches('0').len().max(1);
    digits.truncate(kept);
    (digits, exponent.parse().unwrap_or_default())
}

/// Whether a decimal lies exactly between a float and the next one, above or below.
fn is_half_way(of: f64, digits: &str, exponent: i32) -> bool {
    let bits = of.to_bits();
    let (stored, fraction) = (i32::try_from(bits >> 52 & 0x7ff).unwrap_or_default(), bits & ((1 << 52) - 1));
    let (mantissa, power) = if stored == 0 { (fraction, -1074) } else { (fraction | 1 << 52, stored - 1075) };
    let mantissa = u128::from(mantissa) * 4;
    let below = if fraction == 0 && stored > 1 { mantissa.wrapping_sub(1) } else { mantissa.wrapping_sub(2) };
    let Ok(number) = digits.parse::<u128>() else { return false };
    let tens = exponent - i32::try_from(digits.len()).unwrap_or_default() + 1;
    let fives = 5_u128.checked_pow(tens.unsigned_abs());
    [mantissa + 2, below].into_iter().any(|middle| {
        // decimal = number × 2^tens × 5^tens, middle × 2^(power - 2): the odd parts and the powers of
        // two must both be the same. With more fives than fit, one side outgrows the other's bits.
        let Some(fives) = fives else { return false };
        let (left, right) = if tens >= 0 {
            (number.checked_mul(fives), Some(middle))
        } else {
            (Some(number), middle.checked_mul(fives))
        };
        let (Some(left), Some(right)) = (left, right) else { return false };
        let (left_twos, right_twos) = (left.trailing_zeros().cast_signed(), right.trailing_zeros().cast_signed());
        left >> left_twos == right >> right_twos && left_twos + tens == right_twos + power - 2
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prints_what_the_server_prints() {
        for (of, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (-1.5, "-1.5"),
            (3.0, "3"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.000_012_5, "1.25e-05"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1e23, "9.999999999999999e+22"),
            (9_007_199_254_740_993.0, "9.007199254740992e+15"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float(of), expected);
        }
    }

    proptest! {
        #[test]
        fn reads_back_as_the_same_float(bits in any::<u64>()) {
            let of = f64::from_bits(bits);
            if of.is_finite() {
                prop_assert_eq!(float(of).parse::<f64>().unwrap().to_bits(), bits);
            }
        }
    }
}
