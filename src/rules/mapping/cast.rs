//! Casts: texts in forms that the strict reading refuses.

use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

use super::file::{CastEntry, PlainCast};
use crate::model::calendar;
use crate::rules::clock::time_zone;

/// A cast, ready to use. Every cast gives text that the strict reading takes.
#[derive(Debug, Clone)]
pub(super) enum Cast {
    Text,
    /// Blanks, a plus and leading zeros are taken off.
    Number,
    /// yes, no, y, n, on, off too, in any case.
    Bool,
    /// Seconds or milliseconds since 1970-01-01T00:00:00Z; the number is how many make a second.
    Unix(i64),
    Date(String),
    Timestamp(String, Option<TimeZone>),
}

impl Cast {
    pub(super) fn compile(entry: &CastEntry) -> Result<Self, String> {
        Ok(match entry {
            CastEntry::Plain(PlainCast::Text) => Self::Text,
            CastEntry::Plain(PlainCast::Int | PlainCast::Decimal) => Self::Number,
            CastEntry::Plain(PlainCast::Bool) => Self::Bool,
            CastEntry::Plain(PlainCast::UnixSeconds) => Self::Unix(1),
            CastEntry::Plain(PlainCast::UnixMilliseconds) => Self::Unix(1000),
            CastEntry::Date(cast) => Self::Date(cast.date.clone()),
            CastEntry::Timestamp(cast) => {
                Self::Timestamp(cast.timestamp.clone(), cast.zone.as_deref().map(time_zone).transpose()?)
            }
        })
    }

    /// The text in its strict form; the error says why there is none.
    pub(super) fn apply(&self, text: &str) -> Result<String, String> {
        match self {
            Self::Text => Ok(text.to_owned()),
            Self::Number => Ok(number(text)),
            Self::Bool => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "t" | "1" | "yes" | "y" | "on" => Ok("true".to_owned()),
                "false" | "f" | "0" | "no" | "n" | "off" => Ok("false".to_owned()),
                _ => Err("it is neither yes nor no".to_owned()),
            },
            Self::Unix(per_second) => {
                let count: i64 = text.trim().parse().map_err(|_| "it is no whole number".to_owned())?;
                let micros = count.checked_mul(1_000_000 / per_second).ok_or("it is too large")?;
                Ok(instant(micros))
            }
            Self::Date(format) => {
                let day = exactly(format, text)?.to_date().map_err(|_| another_form(format))?;
                Ok(day.to_string())
            }
            Self::Timestamp(format, None) => {
                let at = exactly(format, text)?.to_timestamp();
                let at = at.map_err(|_| format!("{} with a zone (%z)", another_form(format)))?;
                micros_of(at).map(instant)
            }
            Self::Timestamp(format, Some(zone)) => {
                let local = exactly(format, text)?.to_datetime().map_err(|_| another_form(format))?;
                let zoned = zone.to_ambiguous_zoned(local).unambiguous();
                let zoned = zoned.map_err(|_| "the clock was put forward or back at that moment".to_owned())?;
                micros_of(zoned.timestamp()).map(instant)
            }
        }
    }
}

fn another_form(format: &str) -> String {
    let years = if format.contains("%Y") { " (%Y is a year of four digits, %y one of two)" } else { "" };
    format!("it does not have the form {format}{years}")
}

/// The parts of a text that is to the letter what the format prints: the library alone would take a year of two
/// digits for one of the first century, second 60 for 59, and blanks and signs where none belong.
fn exactly(format: &str, text: &str) -> Result<BrokenDownTime, String> {
    let parts = BrokenDownTime::parse(format, text).map_err(|_| another_form(format))?;
    let prints = |format: &str| parts.to_string(format).is_ok_and(|printed| printed.eq_ignore_ascii_case(text));
    // A fraction may end with zeros, which the format prints only when it is told how many digits there are.
    let with_zeros = |digits: u8| prints(&format.replace("%.f", &format!("%.{digits}f")));
    if prints(format) || (format.contains("%.f") && (1..=9).any(with_zeros)) {
        Ok(parts)
    } else {
        Err(another_form(format))
    }
}

fn micros_of(at: jiff::Timestamp) -> Result<i64, String> {
    if at.subsec_nanosecond() % 1000 == 0 {
        Ok(at.as_microsecond())
    } else {
        Err("it is finer than a microsecond".to_owned())
    }
}

fn instant(micros: i64) -> String {
    let mut text = String::new();
    calendar::push_timestamp(micros, &mut text);
    text
}

/// Takes off what people put around numbers; what is left must be strict by itself.
fn number(text: &str) -> String {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let stripped = digits.trim_start_matches('0');
    let zero = if stripped.is_empty() || stripped.starts_with('.') { "0" } else { "" };
    let digits = if digits.starts_with('0') || digits.starts_with('.') {
        format!("{zero}{stripped}")
    } else {
        digits.to_owned()
    };
    let sign = if digits == "0" { "" } else { sign };
    format!("{sign}{digits}")
}
