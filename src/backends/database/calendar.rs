//! Days and instants out of their texts, beyond the years that calendar libraries cover.

/// Days and microseconds from 1970-01-01 to 2000-01-01, from which PostgreSQL counts.
pub(crate) const EPOCH_DAYS: i32 = 10_957;
pub(crate) const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Days since 1970-01-01 of a day in the proleptic Gregorian calendar, if it is one.
///
/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
pub(crate) fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    let longest = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) || !(-10_000_000..=10_000_000).contains(&year) {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// A day: `2026-11-23`, with more digits or a sign before the year, or ` BC` behind it.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    match text {
        "infinity" => return Some(i32::MAX),
        "-infinity" => return Some(i32::MIN),
        _ => {}
    }
    let (text, before_christ) = text.strip_suffix(" BC").map_or((text, false), |rest| (rest, true));
    day_of(text, before_christ)
}

fn day_of(text: &str, before_christ: bool) -> Option<i32> {
    let (text, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    let year = if before_christ {
        1 - year
    } else if negative {
        -year
    } else {
        year
    };
    days(year, month, day).and_then(|days| i32::try_from(days).ok())
}

/// An instant: a day, `T` or a space, a time with up to six digits of a second, and `Z` or an
/// offset as `+00`, `+05:30` or `+05:30:15`; UTC if there is none. Microseconds since 1970.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(i64::MIN),
        _ => {}
    }
    let (day, micros) = day_and_micros(text)?;
    // The outermost numbers mean infinity and are no instants of the calendar.
    day.checked_mul(DAY)?.checked_add(micros).filter(|instant| !matches!(*instant, i64::MAX | i64::MIN))
}

/// The same in microseconds since 2000, as PostgreSQL has it: its last years are out of reach from 1970.
pub(crate) fn micros_since_2000(text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(i64::MIN),
        _ => {}
    }
    let (day, micros) = day_and_micros(text)?;
    (day - i64::from(EPOCH_DAYS)).checked_mul(DAY)?.checked_add(micros)
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Days since 1970, and microseconds since the beginning of the day in UTC.
fn day_and_micros(text: &str) -> Option<(i64, i64)> {
    let (text, before_christ) = text.strip_suffix(" BC").map_or((text, false), |rest| (rest, true));
    let Some(at) = text.find(['T', ' ']) else {
        return Some((i64::from(day_of(text, before_christ)?), 0));
    };
    let (day, time) = (text.get(..at)?, text.get(at + 1..)?);
    let day = i64::from(day_of(day, before_christ)?);
    let (time, offset) = match time.find(['Z', '+', '-']) {
        Some(at) => (time.get(..at)?, offset(time.get(at..)?)?),
        None => (time, 0),
    };
    Some((day, time_of_day(time)? - offset * 1_000_000))
}

fn time_of_day(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 6 || text.ends_with('.') {
        return None;
    }
    let micros = match u32::try_from(6 - fraction.len()) {
        Ok(missing) if !fraction.is_empty() => number(fraction)? * 10_i64.pow(missing),
        _ => 0,
    };
    let mut parts = whole.splitn(3, ':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let second = parts.next().map_or(Some(0), number)?;
    let fits = hour < 24 && minute < 60 && second < 60;
    fits.then_some(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// Seconds east of Greenwich.
fn offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut parts = text.get(1..)?.splitn(3, ':');
    let hours = number(parts.next()?)?;
    let minutes = parts.next().map_or(Some(0), number)?;
    let seconds = parts.next().map_or(Some(0), number)?;
    (hours <= 16 && minutes < 60 && seconds < 60).then_some(sign * ((hours * 60 + minutes) * 60 + seconds))
}

/// Digits and nothing else.
fn number(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backends::database::load::copy_text;
    use crate::backends::database::sqlite::value;
    use crate::model::Value;

    fn copied(value: Value) -> String {
        let mut line = Vec::new();
        copy_text::encode_row(&vec![value], None, &mut line);
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    proptest! {
        #[test]
        fn reads_what_postgresql_and_sqlite_hold(micros in -210_866_803_200_000_000_i64..9_223_000_000_000_000_000) {
            prop_assert_eq!(parse_timestamp(&copied(Value::Timestamp(micros))), Some(micros));
            prop_assert_eq!(parse_timestamp(&value::timestamp(micros)), Some(micros));
            let days = i32::try_from(micros.div_euclid(86_400_000_000)).unwrap();
            prop_assert_eq!(parse_date(&copied(Value::Date(days))), Some(days));
            prop_assert_eq!(parse_date(&value::date(days)), Some(days));
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = (parse_timestamp(&text), parse_date(&text));
        }
    }

    #[test]
    fn reads_the_forms_in_use() {
        assert_eq!(parse_timestamp("1970-01-01 00:00:00"), Some(0));
        assert_eq!(parse_timestamp("1970-01-01"), Some(0));
        assert_eq!(parse_timestamp("1970-01-01T05:30:00.5+05:30"), Some(500_000));
        assert_eq!(parse_timestamp("1969-12-31 16:00:00-08"), Some(0));
        assert_eq!(parse_timestamp("infinity"), Some(i64::MAX));
        for bad in [
            "",
            "x",
            "2026-13-01",
            "2026-02-29",
            "2026-01-01 25:00:00",
            "2026-01-01 1:2:3.1234567",
            "--1-1-1",
            "2026-01-01 24:00:00",
            "2026-01-01 23:59:60",
            "2026-01-01 00:00:00.",
            "2026-01-01 00:00:00+-5",
            "294247-01-10 04:00:54.775807+00",
            "294276-12-31 23:59:59+00",
        ] {
            assert_eq!(parse_timestamp(bad), None, "{bad}");
        }
    }
}
