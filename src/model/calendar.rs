//! Days and instants as text, strictly, without a detour through a calendar library: the loader
//! reads millions of them.

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Why a text is no day or instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CalendarFault {
    /// It does not have the form.
    #[error("it does not have the form {0}")]
    Form(&'static str),
    /// The day or the time of day does not exist.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// It does not say how far from UTC it is.
    #[error("it names no time zone")]
    NoZone,
    /// It has digits other than zero beyond the microsecond.
    #[error("it is finer than a microsecond")]
    TooFine,
    /// It lies outside the years 0001 to 9999.
    #[error("it lies outside the years 0001 to 9999")]
    Range,
}

/// How a day is written.
pub const DATE_FORM: &str = "2026-11-23";
/// How an instant is written.
pub const TIMESTAMP_FORM: &str = "2026-11-23T06:30:00.123456Z";

/// Days since 1970-01-01 of a day in the Gregorian calendar, also before its time.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number that these places, all digits, stand for.
fn number(bytes: &[u8], from: usize, digits: usize) -> Option<i64> {
    let text = bytes.get(from..from + digits)?;
    text.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

fn day(bytes: &[u8], form: &'static str) -> Result<i64, CalendarFault> {
    let wrong = CalendarFault::Form(form);
    let year = number(bytes, 0, 4).ok_or(wrong)?;
    let month = number(bytes, 5, 2).ok_or(wrong)?;
    let day = number(bytes, 8, 2).ok_or(wrong)?;
    if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return Err(wrong);
    }
    if year == 0 {
        return Err(CalendarFault::Range);
    }
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return Err(CalendarFault::NoSuch("day"));
    }
    Ok(days_from_civil(year, month, day))
}

/// Days since 1970-01-01 of a day written as [`DATE_FORM`].
///
/// # Errors
/// If the text has another form, or the day does not exist.
pub fn parse_date(text: &str) -> Result<i32, CalendarFault> {
    if text.len() != 10 {
        return Err(CalendarFault::Form(DATE_FORM));
    }
    let days = day(text.as_bytes(), DATE_FORM)?;
    i32::try_from(days).map_err(|_| CalendarFault::Range)
}

/// Microseconds since 1970-01-01T00:00:00Z of an instant in the form of RFC 3339, or in the form
/// in which PostgreSQL prints it: a blank for the `T`, seconds optional, the zone as `+00`,
/// `+0530` or `+05:30`.
///
/// # Errors
/// If the text has another form, no zone, an impossible day or time, or is finer than a
/// microsecond.
pub fn parse_timestamp(text: &str) -> Result<i64, CalendarFault> {
    let wrong = CalendarFault::Form(TIMESTAMP_FORM);
    let bytes = text.as_bytes();
    let days = day(bytes, TIMESTAMP_FORM)?;
    if !matches!(bytes.get(10), Some(b'T' | b't' | b' ')) {
        return Err(if bytes.len() == 10 { CalendarFault::NoZone } else { wrong });
    }
    let hour = number(bytes, 11, 2).ok_or(wrong)?;
    let minute = number(bytes, 14, 2).ok_or(wrong)?;
    if bytes.get(13) != Some(&b':') {
        return Err(wrong);
    }
    let mut at = 16;
    let mut second = 0;
    let mut micros = 0;
    if bytes.get(at) == Some(&b':') {
        second = number(bytes, 17, 2).ok_or(wrong)?;
        at = 19;
        if bytes.get(at) == Some(&b'.') {
            (micros, at) = fraction(bytes, at + 1)?;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return Err(CalendarFault::NoSuch("time of day"));
    }
    let offset = zone(bytes.get(at..).unwrap_or_default())?;
    let instant = days * DAY + ((hour * 60 + minute - offset) * 60 + second) * 1_000_000 + micros;
    if (MIN_TIMESTAMP..=MAX_TIMESTAMP).contains(&instant) { Ok(instant) } else { Err(CalendarFault::Range) }
}

/// 0001-01-01T00:00:00Z.
const MIN_TIMESTAMP: i64 = -719_162 * DAY;
/// 9999-12-31T23:59:59.999999Z.
const MAX_TIMESTAMP: i64 = 2_932_897 * DAY - 1;

/// The microseconds of a fraction of a second, and the place after it.
fn fraction(bytes: &[u8], from: usize) -> Result<(i64, usize), CalendarFault> {
    let digits = bytes.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit());
    let mut micros = 0;
    let mut count = 0;
    for digit in digits {
        let digit = i64::from(digit - b'0');
        if count < 6 {
            micros = micros * 10 + digit;
        } else if digit != 0 {
            return Err(CalendarFault::TooFine);
        }
        count += 1;
    }
    if count == 0 {
        return Err(CalendarFault::Form(TIMESTAMP_FORM));
    }
    for _ in count..6 {
        micros *= 10;
    }
    Ok((micros, from + count))
}

/// Minutes east of UTC.
fn zone(text: &[u8]) -> Result<i64, CalendarFault> {
    let wrong = CalendarFault::Form(TIMESTAMP_FORM);
    let (sign, rest) = match text {
        [] => return Err(CalendarFault::NoZone),
        [b'Z' | b'z'] => return Ok(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return Err(wrong),
    };
    let hours = number(rest, 0, 2).ok_or(wrong)?;
    let minutes = match rest.len() {
        2 => 0,
        4 => number(rest, 2, 2).ok_or(wrong)?,
        5 if rest.get(2) == Some(&b':') => number(rest, 3, 2).ok_or(wrong)?,
        _ => return Err(wrong),
    };
    if hours > 15 || minutes > 59 {
        return Err(CalendarFault::NoSuch("time zone"));
    }
    Ok(sign * (hours * 60 + minutes))
}

/// Appends a number with leading zeros.
fn push_padded(number: i64, digits: u32, into: &mut String) {
    for place in (0..digits).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        into.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
}

/// Appends a day as [`DATE_FORM`]; years outside 0 to 9999 take a sign, as in ISO 8601.
pub fn push_date(days: i32, into: &mut String) {
    let (year, month, day) = civil_from_days(i64::from(days));
    if !(0..=9999).contains(&year) {
        into.push(if year < 0 { '-' } else { '+' });
    }
    push_padded(year.abs(), if (-9999..=9999).contains(&year) { 4 } else { 7 }, into);
    into.push('-');
    push_padded(month, 2, into);
    into.push('-');
    push_padded(day, 2, into);
}

/// Appends an instant as [`TIMESTAMP_FORM`]: UTC, always with six digits of a second.
pub fn push_timestamp(micros: i64, into: &mut String) {
    let days = micros.div_euclid(DAY);
    let rest = micros.rem_euclid(DAY);
    push_date(i32::try_from(days).unwrap_or(i32::MAX), into);
    into.push('T');
    push_padded(rest / 3_600_000_000, 2, into);
    into.push(':');
    push_padded(rest / 60_000_000 % 60, 2, into);
    into.push(':');
    push_padded(rest / 1_000_000 % 60, 2, into);
    into.push('.');
    push_padded(rest % 1_000_000, 6, into);
    into.push('Z');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(micros: i64) -> String {
        let mut text = String::new();
        push_timestamp(micros, &mut text);
        text
    }

    #[test]
    fn instants_are_read_in_both_forms() {
        for (text, same) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
            ("2026-11-23t06:30:00.5z", "2026-11-23T06:30:00.500000Z"),
            ("2026-11-23 06:30:00.123456+00", "2026-11-23T06:30:00.123456Z"),
            ("2026-11-23 06:30+05:30", "2026-11-23T01:00:00.000000Z"),
            ("2026-11-23 23:30:00-0130", "2026-11-24T01:00:00.000000Z"),
            ("2024-02-29T12:00:00.123456000Z", "2024-02-29T12:00:00.123456Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(parse_timestamp(text).map(written), Ok(same.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_exact_is_refused() {
        use CalendarFault::{Form, NoSuch, NoZone, Range, TooFine};
        for (text, fault) in [
            ("2026-11-23T06:30:00", NoZone),
            ("2026-11-23", NoZone),
            ("2026-02-29T00:00:00Z", NoSuch("day")),
            ("2026-13-01T00:00:00Z", NoSuch("day")),
            ("2026-01-01T24:00:00Z", NoSuch("time of day")),
            ("2026-01-01T00:00:60Z", NoSuch("time of day")),
            ("2026-01-01T00:00:00+99", NoSuch("time zone")),
            ("2026-01-01T00:00:00.0000001Z", TooFine),
            ("0000-01-01T00:00:00Z", Range),
            ("0001-01-01T00:00:00+01", Range),
            ("9999-12-31T23:59:59-01", Range),
            ("23.11.2026 06:30", Form(TIMESTAMP_FORM)),
            ("2026-11-23T06:30:00.Z", Form(TIMESTAMP_FORM)),
            ("2026-11-23T06:30:00 UTC", Form(TIMESTAMP_FORM)),
            ("1790000000", Form(TIMESTAMP_FORM)),
            ("", Form(TIMESTAMP_FORM)),
        ] {
            assert_eq!(parse_timestamp(text), Err(fault), "{text}");
        }
        assert_eq!(parse_date("2026-1-1"), Err(Form(DATE_FORM)));
        assert_eq!(parse_date("2026-01-01T00:00:00Z"), Err(Form(DATE_FORM)));
        assert_eq!(parse_date("2023-02-30"), Err(NoSuch("day")));
    }

    proptest! {
        #[test]
        fn instants_come_back_and_agree_with_jiff(micros in MIN_TIMESTAMP..=MAX_TIMESTAMP) {
            let text = written(micros);
            prop_assert_eq!(parse_timestamp(&text), Ok(micros));
            let theirs: jiff::Timestamp = text.parse().unwrap();
            prop_assert_eq!(theirs.as_microsecond(), micros);
        }

        #[test]
        fn days_come_back(days in -719_162_i32..2_932_897) {
            let mut text = String::new();
            push_date(days, &mut text);
            prop_assert_eq!(parse_date(&text), Ok(days));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}|[0-9TZ:+. -]{0,40}") {
            let _ = parse_timestamp(&text);
            let _ = parse_date(&text);
        }
    }
}
