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
    /// It lies outside the years that both engines hold.
    #[error("it lies outside the years 4713 BC to 294246 (a day: to 5874897)")]
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

/// A text without ` BC` at its end, and whether it was there.
fn era(text: &str) -> (&[u8], bool) {
    text.strip_suffix(" BC").map_or((text.as_bytes(), false), |rest| (rest.as_bytes(), true))
}

/// The day at the begin of a text, and the place after it. Years have four digits, later ones as many as they need.
fn day((bytes, before_christ): (&[u8], bool), form: &'static str) -> Result<(i64, usize), CalendarFault> {
    let wrong = CalendarFault::Form(form);
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(4..=7).contains(&digits) || (digits > 4 && bytes.first() == Some(&b'0')) {
        return Err(wrong);
    }
    let year = number(bytes, 0, digits).ok_or(wrong)?;
    let month = number(bytes, digits + 1, 2).ok_or(wrong)?;
    let day = number(bytes, digits + 4, 2).ok_or(wrong)?;
    if bytes.get(digits) != Some(&b'-') || bytes.get(digits + 3) != Some(&b'-') {
        return Err(wrong);
    }
    if year == 0 {
        return Err(CalendarFault::Range);
    }
    let year = if before_christ { 1 - year } else { year };
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return Err(CalendarFault::NoSuch("day"));
    }
    Ok((days_from_civil(year, month, day), digits + 6))
}

/// The first day that both engines hold: 4714-11-24 BC, where Julian days begin.
const MIN_DAY: i64 = -2_440_588;
/// The last day: 5874897-12-31.
const MAX_DAY: i64 = 2_145_042_905;

/// Days since 1970-01-01 of a day written as [`DATE_FORM`], with more digits of the year where it needs them and
/// ` BC` behind a day before the year 1; `infinity` and `-infinity` are the largest and the smallest number.
///
/// # Errors
/// If the text has another form, or the day does not exist.
pub fn parse_date(text: &str) -> Result<i32, CalendarFault> {
    match text {
        "infinity" => return Ok(i32::MAX),
        "-infinity" => return Ok(i32::MIN),
        _ => {}
    }
    let (bytes, before_christ) = era(text);
    let (days, end) = day((bytes, before_christ), DATE_FORM)?;
    if end != bytes.len() {
        return Err(CalendarFault::Form(DATE_FORM));
    }
    if !(MIN_DAY..=MAX_DAY).contains(&days) {
        return Err(CalendarFault::Range);
    }
    i32::try_from(days).map_err(|_| CalendarFault::Range)
}

/// Microseconds since 1970-01-01T00:00:00Z of an instant in the form of RFC 3339, or in the form
/// in which PostgreSQL prints it: a blank for the `T`, seconds optional, the zone as `+00`,
/// `+0530` or `+05:30`, ` BC` behind it. `infinity` and `-infinity` are the largest and the smallest number.
///
/// # Errors
/// If the text has another form, no zone, an impossible day or time, or is finer than a
/// microsecond.
pub fn parse_timestamp(text: &str) -> Result<i64, CalendarFault> {
    let Moment { days, micros, offset } = match moment(text)? {
        Err(endless) => return Ok(endless),
        Ok(moment) => moment,
    };
    instant(days, micros - offset.ok_or(CalendarFault::NoZone)? * 60_000_000)
}

/// The same of a time without a zone, as if it were UTC; `None` if the text names one.
///
/// # Errors
/// As [`parse_timestamp`].
pub fn parse_local(text: &str) -> Result<Option<i64>, CalendarFault> {
    match moment(text)? {
        Err(endless) => Ok(Some(endless)),
        Ok(Moment { offset: Some(_), .. }) => Ok(None),
        Ok(Moment { days, micros, .. }) if text.len() > 10 => instant(days, micros).map(Some),
        Ok(_) => Err(CalendarFault::Form(TIMESTAMP_FORM)),
    }
}

/// What a text says before its zone is applied.
struct Moment {
    days: i64,
    micros: i64,
    /// Minutes east of UTC, if the text says.
    offset: Option<i64>,
}

/// The error inside is an endless moment.
fn moment(text: &str) -> Result<Result<Moment, i64>, CalendarFault> {
    match text {
        "infinity" => return Ok(Err(i64::MAX)),
        "-infinity" => return Ok(Err(i64::MIN)),
        _ => {}
    }
    let wrong = CalendarFault::Form(TIMESTAMP_FORM);
    let (bytes, before_christ) = era(text);
    let (days, start) = day((bytes, before_christ), TIMESTAMP_FORM)?;
    if !matches!(bytes.get(start), Some(b'T' | b't' | b' ')) {
        return if bytes.len() == start { Ok(Ok(Moment { days, micros: 0, offset: None })) } else { Err(wrong) };
    }
    let hour = number(bytes, start + 1, 2).ok_or(wrong)?;
    let minute = number(bytes, start + 4, 2).ok_or(wrong)?;
    if bytes.get(start + 3) != Some(&b':') {
        return Err(wrong);
    }
    let mut at = start + 6;
    let mut second = 0;
    let mut micros = 0;
    if bytes.get(at) == Some(&b':') {
        second = number(bytes, at + 1, 2).ok_or(wrong)?;
        at += 3;
        if bytes.get(at) == Some(&b'.') {
            (micros, at) = fraction(bytes, at + 1)?;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return Err(CalendarFault::NoSuch("time of day"));
    }
    let offset = zone(bytes.get(at..).unwrap_or_default())?;
    Ok(Ok(Moment { days, micros: ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros, offset }))
}

/// One number for a day and microseconds of it; the two outermost numbers mean infinity.
fn instant(days: i64, micros: i64) -> Result<i64, CalendarFault> {
    let instant = days.checked_mul(DAY).and_then(|day| day.checked_add(micros)).ok_or(CalendarFault::Range)?;
    if (MIN_DAY * DAY..i64::MAX).contains(&instant) { Ok(instant) } else { Err(CalendarFault::Range) }
}

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

/// Minutes east of UTC; `None` if nothing is said.
fn zone(text: &[u8]) -> Result<Option<i64>, CalendarFault> {
    let wrong = CalendarFault::Form(TIMESTAMP_FORM);
    let (sign, rest) = match text {
        [] => return Ok(None),
        [b'Z' | b'z'] => return Ok(Some(0)),
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
    Ok(Some(sign * (hours * 60 + minutes)))
}

/// Appends a number with leading zeros.
fn push_padded(number: i64, digits: u32, into: &mut String) {
    for place in (0..digits).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        into.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
}

/// Appends a day as [`parse_date`] reads it.
pub fn push_date(days: i32, into: &mut String) {
    if push_endless((days == i32::MAX, days == i32::MIN), into) {
        return;
    }
    let before_christ = push_day(i64::from(days), into);
    push_era(before_christ, into);
}

/// Appends an instant as [`TIMESTAMP_FORM`], UTC, always with six digits of a second; or as the other forms that
/// [`parse_timestamp`] reads, where the year is none of 1 to 9999.
pub fn push_timestamp(micros: i64, into: &mut String) {
    push_moment(micros, "Z", into);
}

/// Appends a time without a zone as [`parse_local`] reads it.
pub fn push_local(micros: i64, into: &mut String) {
    push_moment(micros, "", into);
}

fn push_moment(micros: i64, zone: &str, into: &mut String) {
    if push_endless((micros == i64::MAX, micros == i64::MIN), into) {
        return;
    }
    let before_christ = push_day(micros.div_euclid(DAY), into);
    let rest = micros.rem_euclid(DAY);
    into.push('T');
    push_padded(rest / 3_600_000_000, 2, into);
    into.push(':');
    push_padded(rest / 60_000_000 % 60, 2, into);
    into.push(':');
    push_padded(rest / 1_000_000 % 60, 2, into);
    into.push('.');
    push_padded(rest % 1_000_000, 6, into);
    into.push_str(zone);
    push_era(before_christ, into);
}

/// Appends what has no place in the calendar, if it is the last or the first of all.
fn push_endless((last, first): (bool, bool), into: &mut String) -> bool {
    if last || first {
        into.push_str(if last { "infinity" } else { "-infinity" });
    }
    last || first
}

/// Appends year, month and day; whether they are before the year 1.
fn push_day(days: i64, into: &mut String) -> bool {
    let (year, month, day) = civil_from_days(days);
    let shown = if year > 0 { year } else { 1 - year };
    push_padded(shown, shown.checked_ilog10().map_or(4, |digits| (digits + 1).max(4)), into);
    into.push('-');
    push_padded(month, 2, into);
    into.push('-');
    push_padded(day, 2, into);
    year <= 0
}

fn push_era(before_christ: bool, into: &mut String) {
    if before_christ {
        into.push_str(" BC");
    }
}

#[cfg(test)]
mod tests;
