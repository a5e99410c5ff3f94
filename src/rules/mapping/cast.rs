//! Casts: texts in forms that the strict reading refuses.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::file::{CastEntry, PlainCast};
use crate::model::calendar;

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
                let zone = cast.zone.as_deref().map(|name| {
                    TimeZone::get(name)
                        .map_err(|_| format!("there is no time zone '{name}': write Europe/Berlin or UTC"))
                });
                Self::Timestamp(cast.timestamp.clone(), zone.transpose()?)
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
                let day = Date::strptime(format, text).map_err(|_| format!("it does not have the form {format}"))?;
                Ok(day.to_string())
            }
            Self::Timestamp(format, None) => {
                let instant_of = jiff::Timestamp::strptime(format, text);
                let at = instant_of.map_err(|_| format!("it does not have the form {format} with a zone (%z)"))?;
                Ok(instant(at.as_microsecond()))
            }
            Self::Timestamp(format, Some(zone)) => {
                let local =
                    DateTime::strptime(format, text).map_err(|_| format!("it does not have the form {format}"))?;
                let zoned = zone.to_ambiguous_zoned(local).unambiguous();
                let zoned = zoned.map_err(|_| "the clock was put forward or back at that moment".to_owned())?;
                Ok(instant(zoned.timestamp().as_microsecond()))
            }
        }
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
