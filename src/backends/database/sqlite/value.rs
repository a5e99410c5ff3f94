//! How values lie in a SQLite file.
//!
//! | logical type | stored as | affinity the column must have |
//! |---|---|---|
//! | `uuid` | TEXT, lower case with hyphens | TEXT |
//! | `text`, `string(n)`, `enum(…)`, `native(…)` | TEXT | TEXT |
//! | `int`, `bigint` | INTEGER | INTEGER |
//! | `bool` | INTEGER 0 or 1 | INTEGER |
//! | `decimal(p,s)` | TEXT, canonical digits: NUMERIC affinity would turn it into a float | TEXT |
//! | `float` | REAL, minus zero as zero; not-a-number as TEXT `NaN`, since SQLite stores a REAL one as NULL | REAL |
//! | `timestamp` | TEXT `2026-11-23T06:30:00.123456Z`, always six digits: sorts by time; `infinity`, `-infinity` | TEXT |
//! | `date` | TEXT `2026-11-23`; `infinity`, `-infinity` | TEXT |
//! | `json` | TEXT as it was written | TEXT |
//! | `bytes` | BLOB | BLOB |
//! | `list(text)` | TEXT, a JSON array of strings and nulls | TEXT |

use std::fmt::Write as _;

use sqlx::Arguments as _;
use sqlx::sqlite::SqliteArguments;

use crate::backends::database::load::copy_text::civil;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::{Engine, Value};

/// Binds one value behind those that are bound already.
pub(crate) fn bind(value: Value, arguments: &mut SqliteArguments) -> Result<(), DatabaseError> {
    let bound = match value {
        Value::Null => arguments.add(None::<String>),
        Value::Bool(of) => arguments.add(of),
        Value::Int(of) => arguments.add(of),
        Value::Float(of) if of.is_nan() => arguments.add("NaN".to_owned()),
        Value::Float(of) => arguments.add(of),
        Value::Decimal(of) | Value::Text(of) | Value::Json(of) => arguments.add(of),
        Value::Uuid(of) => arguments.add(uuid_text(of)),
        Value::Timestamp(micros) => arguments.add(timestamp(micros)),
        Value::Date(days) => arguments.add(date(days)),
        Value::Bytes(of) => arguments.add(of),
        Value::List(of) => arguments.add(serde_json::json!(of).to_string()),
    };
    bound.map_err(|error| DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Other, error.to_string()))
}

/// An identifier in lower case with hyphens.
fn uuid_text(of: [u8; 16]) -> String {
    uuid::Uuid::from_bytes(of).hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).to_owned()
}

const MICROS_A_DAY: i64 = 86_400_000_000;

/// An instant as text that sorts by time.
pub(crate) fn timestamp(micros: i64) -> String {
    match micros {
        i64::MAX => return "infinity".to_owned(),
        i64::MIN => return "-infinity".to_owned(),
        _ => {}
    }
    let (year, month, day) = civil(micros.div_euclid(MICROS_A_DAY));
    let in_day = micros.rem_euclid(MICROS_A_DAY);
    let (seconds, fraction) = (in_day / 1_000_000, in_day % 1_000_000);
    let mut text = day_text(year, month, day);
    text.push('T');
    digits(&mut text, seconds / 3600, 2);
    text.push(':');
    digits(&mut text, seconds / 60 % 60, 2);
    text.push(':');
    digits(&mut text, seconds % 60, 2);
    text.push('.');
    digits(&mut text, fraction, 6);
    text.push('Z');
    text
}

/// A number with leading zeros. By hand, since this is done three times a row and formatting
/// machinery takes six times as long.
fn digits(text: &mut String, of: i64, width: u32) {
    for place in (0..width).rev() {
        let digit = of / 10_i64.pow(place) % 10;
        text.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
    }
}

fn day_text(year: i64, month: i64, day: i64) -> String {
    let mut text = String::with_capacity(28);
    if (0..=9999).contains(&year) {
        digits(&mut text, year, 4);
    } else {
        // Years before 1 and after 9999 take a sign and six digits (ISO 8601's expanded form).
        let _ = write!(text, "{year:+07}");
    }
    text.push('-');
    digits(&mut text, month, 2);
    text.push('-');
    digits(&mut text, day, 2);
    text
}

/// A day as text that sorts by time.
pub(crate) fn date(days: i32) -> String {
    match days {
        i32::MAX => return "infinity".to_owned(),
        i32::MIN => return "-infinity".to_owned(),
        _ => {}
    }
    let (year, month, day) = civil(i64::from(days));
    day_text(year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_sort_as_text() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(timestamp(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(date(19_782), "2024-02-29");
        assert!(timestamp(i64::MIN) < timestamp(0) && timestamp(0) < timestamp(i64::MAX));
    }
}
