//! Values as text: what `data export` writes and what the loader reads back to the same value.

use std::fmt::Write as _;

use super::{Value, calendar};

impl Value {
    /// The value as text; `None` for NULL.
    pub fn to_text(&self) -> Option<String> {
        let mut text = String::new();
        self.push_text(&mut text).then_some(text)
    }

    /// Appends the value as text; `false`, and nothing appended, for NULL.
    pub fn push_text(&self, into: &mut String) -> bool {
        match self {
            Self::Null => return false,
            Self::Bool(truth) => into.push_str(if *truth { "true" } else { "false" }),
            Self::Int(number) => {
                // Writing to a string does not fail.
                let _ = write!(into, "{number}");
            }
            Self::Float(number) => push_float(*number, into),
            Self::Decimal(text) | Self::Text(text) | Self::Json(text) => into.push_str(text),
            Self::Uuid(id) => push_uuid(*id, into),
            Self::Timestamp(micros) => calendar::push_timestamp(*micros, into),
            Self::Date(days) => calendar::push_date(*days, into),
            Self::Bytes(bytes) => {
                into.push_str("\\x");
                push_hex(bytes, into);
            }
            Self::List(items) => push_list(items, into),
        }
        true
    }

    /// Appends the value as one JSON value: numbers and documents bare, all else a string.
    /// Floats that JSON does not know are strings.
    pub fn push_json(&self, into: &mut String) {
        match self {
            Self::Null => into.push_str("null"),
            Self::Float(number) if !number.is_finite() => {
                into.push('"');
                push_float(*number, into);
                into.push('"');
            }
            Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Decimal(_) | Self::Json(_) | Self::List(_) => {
                self.push_text(into);
            }
            Self::Text(text) => push_json_string(text, into),
            Self::Uuid(_) | Self::Timestamp(_) | Self::Date(_) => {
                into.push('"');
                self.push_text(into);
                into.push('"');
            }
            Self::Bytes(bytes) => {
                into.push_str("\"\\\\x");
                push_hex(bytes, into);
                into.push('"');
            }
        }
    }
}

/// The shortest text that reads back to the same number.
fn push_float(number: f64, into: &mut String) {
    // Writing to a string does not fail.
    let _ = match number {
        _ if number.is_nan() => write!(into, "NaN"),
        _ if number.is_infinite() => write!(into, "{}Infinity", if number < 0.0 { "-" } else { "" }),
        _ if number != 0.0 && !(1e-5..1e17).contains(&number.abs()) => write!(into, "{number:e}"),
        _ => write!(into, "{number}"),
    };
}

fn push_uuid(id: [u8; 16], into: &mut String) {
    for (place, byte) in id.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            into.push('-');
        }
        push_hex(&[*byte], into);
    }
}

fn push_hex(bytes: &[u8], into: &mut String) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            into.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
}

fn push_list(items: &[Option<String>], into: &mut String) {
    into.push('[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            into.push(',');
        }
        match item {
            Some(text) => push_json_string(text, into),
            None => into.push_str("null"),
        }
    }
    into.push(']');
}

/// Appends a text as a JSON string.
pub fn push_json_string(text: &str, into: &mut String) {
    into.push('"');
    for c in text.chars() {
        match c {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            '\0'..='\u{1f}' => {
                // Writing to a string does not fail.
                let _ = write!(into, "\\u{:04x}", u32::from(c));
            }
            _ => into.push(c),
        }
    }
    into.push('"');
}
