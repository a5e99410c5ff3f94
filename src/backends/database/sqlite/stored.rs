//! Values out of a SQLite file. A column's declared type promises nothing there: what is stored is
//! looked at, and read as the logical type where it is one of its forms (see `value.rs`).

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, TypeInfo, ValueRef};

use crate::backends::database::calendar::{parse_date, parse_timestamp};
use crate::backends::database::load::copy_float;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::calendar::push_local;
use crate::model::literal::canonical_decimal;
use crate::model::{Engine, LogicalType, Value};

use super::translate;

/// A value in SQLite's own five classes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stored {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Stored {
    /// One field of a row.
    pub(super) fn of(row: &SqliteRow, at: usize) -> Result<Self, DatabaseError> {
        let raw = row.try_get_raw(at).map_err(translate)?;
        if raw.is_null() {
            return Ok(Self::Null);
        }
        let class = raw.type_info();
        Ok(match class.name() {
            "INTEGER" => Self::Integer(row.try_get_unchecked(at).map_err(translate)?),
            "REAL" => Self::Real(row.try_get_unchecked(at).map_err(translate)?),
            "TEXT" => Self::Text(row.try_get_unchecked(at).map_err(|_| not_unicode())?),
            _ => Self::Blob(row.try_get_unchecked(at).map_err(translate)?),
        })
    }

    /// As the logical type; `None` if it is no value of it.
    pub(super) fn read_as(self, logical: &LogicalType) -> Option<Value> {
        Some(match (logical, self) {
            (_, Self::Null) => Value::Null,
            (LogicalType::Uuid, Self::Text(text)) => Value::Uuid(uuid::Uuid::try_parse(&text).ok()?.into_bytes()),
            (LogicalType::Uuid, Self::Blob(bytes)) => Value::Uuid(bytes.try_into().ok()?),
            (LogicalType::Text | LogicalType::String(_) | LogicalType::Enum(_) | LogicalType::Native(_), stored) => {
                Value::Text(stored.plain()?)
            }
            (LogicalType::Int | LogicalType::BigInt, Self::Integer(of)) => Value::Int(of),
            (LogicalType::Int | LogicalType::BigInt, Self::Text(text)) => Value::Int(text.trim().parse().ok()?),
            (LogicalType::Bool, Self::Integer(of @ (0 | 1))) => Value::Bool(of == 1),
            (LogicalType::Bool, Self::Text(text)) => match text.to_ascii_lowercase().as_str() {
                "true" | "t" => Value::Bool(true),
                "false" | "f" => Value::Bool(false),
                _ => return None,
            },
            (LogicalType::Decimal(_, scale), Self::Real(of)) => Value::Decimal(exact_decimal(of, *scale)?),
            (LogicalType::Decimal(..), Self::Integer(of)) => Value::Decimal(of.to_string()),
            (LogicalType::Decimal(..), Self::Text(text)) => {
                Value::Decimal(canonical_decimal(&text).or_else(|| is_special(&text).then_some(text))?)
            }
            (LogicalType::Float, Self::Real(of)) => Value::Float(of),
            (LogicalType::Float, Self::Integer(of)) => Value::Float(exact_float(of)?),
            (LogicalType::Float, Self::Text(text)) => Value::Float(text.trim().parse().ok()?),
            (LogicalType::Timestamp, Self::Text(text)) => Value::Timestamp(parse_timestamp(&text)?),
            (LogicalType::Date, Self::Text(text)) => Value::Date(day(&text)?),
            (LogicalType::Json, Self::Text(text)) => Value::Json(text),
            (LogicalType::Json, Self::Integer(of)) => Value::Json(of.to_string()),
            (LogicalType::Json, Self::Real(of)) if of.is_finite() => Value::Json(of.to_string()),
            (LogicalType::Bytes, Self::Blob(bytes)) => Value::Bytes(bytes),
            (LogicalType::Bytes, Self::Text(text)) => Value::Bytes(text.into_bytes()),
            (LogicalType::ListText, Self::Text(text)) => Value::List(serde_json::from_str(&text).ok()?),
            _ => return None,
        })
    }

    /// A time of a timestamp that names no zone, in the form in which such times are written.
    pub(super) fn local_time(&self, logical: &LogicalType) -> Option<String> {
        let (LogicalType::Timestamp, Self::Text(text)) = (logical, self) else { return None };
        let micros = parse_timestamp(text).filter(|micros| !matches!(*micros, i64::MAX | i64::MIN))?;
        let time = text.split_once(['T', ' ']).map_or("", |(_, time)| time);
        if time.contains(['Z', '+', '-']) {
            return None;
        }
        let mut local = String::new();
        push_local(micros, &mut local);
        Some(local)
    }

    /// As plain text, whatever it is; `None` for bytes and for NULL.
    pub(super) fn plain(self) -> Option<String> {
        match self {
            Self::Integer(of) => Some(of.to_string()),
            Self::Real(of) if !of.is_finite() => Some(copy_float::float(of)),
            Self::Real(of) => Some(of.to_string()),
            Self::Text(text) => Some(text),
            Self::Null | Self::Blob(_) => None,
        }
    }

    /// The class, for messages.
    pub(super) fn class(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Integer(_) => "an INTEGER",
            Self::Real(_) => "a REAL",
            Self::Text(_) => "a TEXT",
            Self::Blob(_) => "a BLOB",
        }
    }
}

fn not_unicode() -> DatabaseError {
    DatabaseError::new(Engine::Sqlite, DatabaseErrorKind::Corrupt, "a text in the file is not UTF-8")
}

fn is_special(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity")
}

/// The shortest digits that are this number, if the scale has room for them.
fn exact_decimal(of: f64, scale: u16) -> Option<String> {
    let text = canonical_decimal(&of.to_string())?;
    let fraction = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    (fraction <= usize::from(scale)).then_some(text)
}

/// Other programs store a day with a time of zero.
fn day(text: &str) -> Option<i32> {
    parse_date(text).or_else(|| {
        let micros = parse_timestamp(text)?;
        let whole = micros.rem_euclid(86_400_000_000) == 0;
        whole.then(|| i32::try_from(micros.div_euclid(86_400_000_000)).ok())?
    })
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "compared with what it came from")]
fn exact_float(of: i64) -> Option<f64> {
    let float = of as f64;
    (float as i128 == i128::from(of)).then_some(float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_own_forms_and_those_of_others() {
        let text = |text: &str| Stored::Text(text.to_owned());
        for (stored, logical, expected) in [
            (text("00000000-0000-0000-0000-000000000001"), "uuid", Some(Value::Uuid(1_u128.to_be_bytes()))),
            (Stored::Blob(vec![0; 16]), "uuid", Some(Value::Uuid([0; 16]))),
            (Stored::Blob(vec![0; 3]), "uuid", None),
            (Stored::Integer(2), "bool", None),
            (Stored::Real(1.1), "decimal(3,2)", Some(Value::Decimal("1.1".into()))),
            (Stored::Real(1.005), "decimal(3,2)", None),
            (Stored::Real(f64::INFINITY), "decimal(3,2)", None),
            (Stored::Real(f64::INFINITY), "text", Some(Value::Text("Infinity".into()))),
            (text("12345678901234567890.10"), "decimal(30,2)", Some(Value::Decimal("12345678901234567890.1".into()))),
            (text("NaN"), "float", Some(Value::Float(f64::NAN))),
            (Stored::Integer(i64::MAX), "float", None),
            (text("1970-01-02 00:00:00"), "date", Some(Value::Date(1))),
            (text("1970-01-01T00:00:00.000001Z"), "timestamp", Some(Value::Timestamp(1))),
            (text("[\"a\",null]"), "list(text)", Some(Value::List(vec![Some("a".into()), None]))),
            (Stored::Integer(5), "text", Some(Value::Text("5".into()))),
            (Stored::Null, "int", Some(Value::Null)),
        ] {
            let read = stored.clone().read_as(&logical.parse().unwrap());
            let same = read == expected
                || matches!((&read, &expected), (Some(Value::Float(a)), Some(Value::Float(b))) if a.is_nan() && b.is_nan());
            assert!(same, "{stored:?} as {logical}: {read:?}");
        }
    }
}
