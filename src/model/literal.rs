//! Literals: the text form of one value in a model, such as a default or a bound.

use std::cmp::Ordering;

use super::{LogicalType, Value};

/// Why a text is no literal of a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a value of type {logical}: {reason}")]
pub struct InvalidLiteral {
    /// The text, shortened.
    pub text: String,
    /// The type it was meant for.
    pub logical: LogicalType,
    /// What is wrong with it.
    pub reason: String,
}

/// What a column takes when a record brings nothing for it.
#[derive(Debug, Clone, PartialEq)]
pub enum DefaultValue {
    /// The moment of the transaction (`now()`), for timestamps and dates.
    Now,
    /// A random identifier (`uuid()`).
    Uuid,
    /// The next number that the database counts up by itself (`serial()`).
    Serial,
    /// An expression of one engine, passed on as it is (`sql(…)`).
    Sql(String),
    /// Always the same value.
    Literal(Value),
}

impl DefaultValue {
    /// Reads the `default` of a column.
    pub fn parse(text: &str, logical: &LogicalType) -> Result<Self, InvalidLiteral> {
        let only = |fits: bool, value: Self, of: &str| {
            if fits { Ok(value) } else { Err(invalid(text, logical, &format!("it gives {of}"))) }
        };
        let time = matches!(logical, LogicalType::Timestamp | LogicalType::Date);
        let number = matches!(logical, LogicalType::Int | LogicalType::BigInt);
        match text {
            "now()" => only(time || matches!(logical, LogicalType::Native(_)), Self::Now, "the present moment"),
            "uuid()" => only(*logical == LogicalType::Uuid, Self::Uuid, "an identifier"),
            "serial()" => only(number, Self::Serial, "a whole number"),
            _ => match text.strip_prefix("sql(").and_then(|rest| rest.strip_suffix(')')) {
                Some(expression) => Ok(Self::Sql(expression.to_owned())),
                None => parse(text, logical).map(Self::Literal),
            },
        }
    }
}

/// Reads a literal strictly: what stands there must be a value of the type, without rounding.
pub fn parse(text: &str, logical: &LogicalType) -> Result<Value, InvalidLiteral> {
    let wrong = |reason: &str| invalid(text, logical, reason);
    match logical {
        LogicalType::Uuid => {
            uuid::Uuid::try_parse(text).map(|u| Value::Uuid(u.into_bytes())).map_err(|_| wrong("not an identifier"))
        }
        LogicalType::Text | LogicalType::Native(_) => Ok(Value::Text(text.to_owned())),
        LogicalType::String(most) => {
            let length = text.chars().count();
            if length > *most as usize {
                return Err(wrong(&format!("it has {length} characters")));
            }
            Ok(Value::Text(text.to_owned()))
        }
        LogicalType::Int => text
            .parse::<i32>()
            .map(|n| Value::Int(n.into()))
            .map_err(|_| wrong("not a whole number between -2147483648 and 2147483647")),
        LogicalType::BigInt => text.parse().map(Value::Int).map_err(|_| wrong("not a whole number of 64 bits")),
        LogicalType::Bool => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wrong("use true or false")),
        },
        LogicalType::Decimal(precision, scale) => decimal(text, *precision, *scale).map_err(|reason| wrong(&reason)),
        LogicalType::Float => text.parse().map(Value::Float).map_err(|_| wrong("not a number")),
        LogicalType::Timestamp => text
            .parse::<jiff::Timestamp>()
            .map(|t| Value::Timestamp(t.as_microsecond()))
            .map_err(|_| wrong("use a timestamp with its zone, such as 2026-01-31T12:00:00Z")),
        LogicalType::Date => date(text).ok_or_else(|| wrong("use a day such as 2026-01-31")),
        LogicalType::Json => match serde_json::from_str::<&serde_json::value::RawValue>(text) {
            Ok(raw) => Ok(Value::Json(raw.get().to_owned())),
            Err(error) => Err(wrong(&error.to_string())),
        },
        LogicalType::Bytes => bytes(text).ok_or_else(|| wrong("use \\x and hexadecimal digits")),
        LogicalType::ListText => {
            serde_json::from_str(text).map(Value::List).map_err(|_| wrong("use a JSON array of texts"))
        }
        LogicalType::Enum(words) if words.iter().any(|w| w == text) => Ok(Value::Text(text.to_owned())),
        LogicalType::Enum(words) => Err(wrong(&format!("use one of {}", words.join(", ")))),
    }
}

fn invalid(text: &str, logical: &LogicalType, reason: &str) -> InvalidLiteral {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().count() > 60 {
        shown.push('…');
    }
    InvalidLiteral { text: shown, logical: logical.clone(), reason: reason.to_owned() }
}

fn date(text: &str) -> Option<Value> {
    let day: jiff::civil::Date = text.parse().ok()?;
    if day.to_string() != text {
        return None;
    }
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch.until(day).ok().map(|span| Value::Date(span.get_days()))
}

fn bytes(text: &str) -> Option<Value> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
    pairs
        .map(|pair| match pair {
            [high, low] => Some((nibble(*high)? << 4) | nibble(*low)?),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()
        .map(Value::Bytes)
}

/// A decimal in canonical form: no plus, no leading zeros, no trailing zeros after the point, no minus zero.
pub fn canonical_decimal(text: &str) -> Option<String> {
    let (minus, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) || rest.ends_with('.') {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = fraction.trim_end_matches('0');
    let sign = if minus && (whole != "0" || !fraction.is_empty()) { "-" } else { "" };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

fn decimal(text: &str, precision: u16, scale: u16) -> Result<Value, String> {
    let canonical = canonical_decimal(text).ok_or("not a decimal number without exponent")?;
    let (whole, fraction) = canonical.split_once('.').unwrap_or((&canonical, ""));
    let whole = whole.trim_start_matches('-').trim_start_matches('0');
    if fraction.len() > usize::from(scale) {
        return Err(format!("it has {} digits after the point", fraction.len()));
    }
    if whole.len() > usize::from(precision - scale.min(precision)) {
        return Err(format!("it has {} digits before the point", whole.len()));
    }
    Ok(Value::Decimal(canonical))
}

/// Compares two values of one type; `None` when they have no order or are of different types.
pub fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Uuid(a), Value::Uuid(b)) => Some(a.cmp(b)),
        (Value::Decimal(a), Value::Decimal(b)) => compare_decimals(a, b),
        _ => None,
    }
}

fn compare_decimals(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (canonical_decimal(left)?, canonical_decimal(right)?);
    let magnitude = |text: &str| {
        let text = text.trim_start_matches('-');
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        (whole.len(), whole.to_owned(), fraction.to_owned())
    };
    let by_magnitude = magnitude(&left).cmp(&magnitude(&right));
    Some(match (left.starts_with('-'), right.starts_with('-')) {
        (false, false) => by_magnitude,
        (true, true) => by_magnitude.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, logical: &str) -> Result<Value, InvalidLiteral> {
        parse(text, &logical.parse().unwrap())
    }

    #[test]
    fn literals_are_read_strictly() {
        assert_eq!(of("3.50", "decimal(3,2)").unwrap(), Value::Decimal("3.5".into()));
        assert_eq!(of("1970-01-02", "date").unwrap(), Value::Date(1));
        assert_eq!(of("1970-01-01T00:00:01Z", "timestamp").unwrap(), Value::Timestamp(1_000_000));
        assert_eq!(of("\\x00fF", "bytes").unwrap(), Value::Bytes(vec![0, 255]));
        assert_eq!(of(r#"["a",null]"#, "list(text)").unwrap(), Value::List(vec![Some("a".into()), None]));
        let bad = [
            ("13.5", "decimal(3,2)"),
            ("1.234", "decimal(3,2)"),
            ("1e5", "decimal(9,2)"),
            ("2147483648", "int"),
            ("yes", "bool"),
            ("2026-1-2", "date"),
            ("2026-01-01", "timestamp"),
            ("{", "json"),
            ("\\x0", "bytes"),
            ("d", "enum(a,b,c)"),
            ("abcd", "string(3)"),
            ("not-a-uuid", "uuid"),
        ];
        for (text, logical) in bad {
            assert!(of(text, logical).is_err(), "{text} as {logical}");
        }
    }

    #[test]
    fn functions_fit_only_their_types() {
        let of = |text: &str, logical: &str| DefaultValue::parse(text, &logical.parse().unwrap());
        assert_eq!(of("now()", "timestamp").unwrap(), DefaultValue::Now);
        assert_eq!(of("uuid()", "uuid").unwrap(), DefaultValue::Uuid);
        assert_eq!(of("serial()", "bigint").unwrap(), DefaultValue::Serial);
        assert_eq!(of("sql(a(1))", "text").unwrap(), DefaultValue::Sql("a(1)".into()));
        assert!(of("now()", "uuid").is_err() && of("uuid()", "int").is_err() && of("serial()", "uuid").is_err());
    }

    #[test]
    fn decimals_compare_as_numbers() {
        let less = |a: &str, b: &str| compare(&Value::Decimal(a.into()), &Value::Decimal(b.into()));
        assert_eq!(less("9", "10"), Some(Ordering::Less));
        assert_eq!(less("-9", "-10"), Some(Ordering::Greater));
        assert_eq!(less("0.50", "0.5"), Some(Ordering::Equal));
        assert_eq!(less("-0", "0"), Some(Ordering::Equal));
        assert_eq!(less("0.5", "0.45"), Some(Ordering::Greater));
    }
}
