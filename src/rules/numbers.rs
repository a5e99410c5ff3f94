//! Numbers as text: exact, or not at all.

use super::coerce::Fault;
use crate::model::Value;

const INT_FORM: &str = "digits with an optional minus: no blanks, no plus, no leading zeros, no point";
const DECIMAL_FORM: &str = "digits with an optional minus and point, or NaN: no blanks, no exponent, no leading zeros";
const FLOAT_FORM: &str = "a JSON number, NaN, Infinity or -Infinity";

/// 32-bit.
pub(super) fn int(text: &str) -> Result<Value, Fault> {
    let number = whole(text, "-2147483648 to 2147483647")?;
    if i32::try_from(number).is_err() {
        return Err(Fault::Range("-2147483648 to 2147483647"));
    }
    Ok(Value::Int(number))
}

/// 64-bit.
pub(super) fn bigint(text: &str) -> Result<Value, Fault> {
    whole(text, "-9223372036854775808 to 9223372036854775807").map(Value::Int)
}

fn whole(text: &str, range: &'static str) -> Result<i64, Fault> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let plain = match digits {
        [] => false,
        [b'0'] => text.len() == 1,
        [first, rest @ ..] => matches!(first, b'1'..=b'9') && rest.iter().all(u8::is_ascii_digit),
    };
    if !plain {
        return Err(Fault::Form(INT_FORM));
    }
    text.parse().map_err(|_| Fault::Range(range))
}

/// Exact and canonical: no zeros at the end of a fraction, no minus zero.
pub(super) fn decimal(text: &str, precision: u16, scale: u16) -> Result<Value, Fault> {
    if text == "NaN" {
        return Ok(Value::Decimal(text.to_owned()));
    }
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return Err(Fault::Form(DECIMAL_FORM)),
        Some((whole, fraction)) => (whole, fraction),
        None => (digits, ""),
    };
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
        return Err(Fault::Form(DECIMAL_FORM));
    }
    let kept = usize::from(scale).min(fraction.len());
    let (fraction, beyond) = fraction.split_at(kept);
    if beyond.bytes().any(|b| b != b'0') {
        return Err(Fault::Scale);
    }
    if whole != "0" && whole.len() > usize::from(precision.saturating_sub(scale)) {
        return Err(Fault::Range("too many digits before the point"));
    }
    let fraction = fraction.trim_end_matches('0');
    let mut out = String::with_capacity(text.len());
    if negative && !(whole == "0" && fraction.is_empty()) {
        out.push('-');
    }
    out.push_str(whole);
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    Ok(Value::Decimal(out))
}

/// The three values of a float that are no JSON numbers.
pub(super) fn is_special(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity")
}

/// 64-bit binary.
pub(super) fn float(text: &str) -> Result<Value, Fault> {
    match text {
        "NaN" => return Ok(Value::Float(f64::NAN)),
        "Infinity" => return Ok(Value::Float(f64::INFINITY)),
        "-Infinity" => return Ok(Value::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    let json = crate::model::json_text::check(text, 0);
    let bare = !text.starts_with([' ', '\t', '\n', '\r']) && !text.ends_with([' ', '\t', '\n', '\r']);
    if json != Ok(crate::model::json_text::PieceKind::Number) || !bare {
        return Err(Fault::Form(FLOAT_FORM));
    }
    let number: f64 = text.parse().map_err(|_| Fault::Form(FLOAT_FORM))?;
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let vanished = number == 0.0 && mantissa.bytes().any(|b| matches!(b, b'1'..=b'9'));
    if number.is_infinite() || vanished {
        return Err(Fault::Range("a 64-bit binary number"));
    }
    Ok(Value::Float(number))
}
