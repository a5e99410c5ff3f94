//! Moments and their text, to the calendar's ends, against the calendar of the `jiff` library.

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
        ("0001-01-01T00:00:00+01", "0001-12-31T23:00:00.000000Z BC"),
        ("0044-03-15 12:00:00+00 BC", "0044-03-15T12:00:00.000000Z BC"),
        ("294246-12-31 23:59:59.999999+00", "294246-12-31T23:59:59.999999Z"),
        ("infinity", "infinity"),
        ("-infinity", "-infinity"),
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
        ("4714-11-23T23:59:59Z BC", Range),
        ("0000-01-01T00:00:00Z BC", Range),
        ("294276-12-31T23:59:59Z", Range),
        ("9999999-12-31T23:59:59Z", Range),
        ("2026-01-01T00:00:60Z", NoSuch("time of day")),
        ("2026-01-01T00:00:00+-5", Form(TIMESTAMP_FORM)),
        ("2026-01-01T00:00:00-5", Form(TIMESTAMP_FORM)),
        ("2026-01-01T00:00:00Z ", Form(TIMESTAMP_FORM)),
        (" 2026-01-01T00:00:00Z", Form(TIMESTAMP_FORM)),
        ("2026-01-01T1:00:00Z", Form(TIMESTAMP_FORM)),
        ("2026-01-01T00:00:00ZBC", Form(TIMESTAMP_FORM)),
        ("02026-01-01T00:00:00Z", Form(TIMESTAMP_FORM)),
        ("-2026-01-01T00:00:00Z", Form(TIMESTAMP_FORM)),
        ("+infinity", Form(TIMESTAMP_FORM)),
        ("Infinity", Form(TIMESTAMP_FORM)),
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
    assert_eq!(parse_date("2023-04-31"), Err(NoSuch("day")));
    assert_eq!(parse_date("5874898-01-01"), Err(Range));
    assert_eq!(parse_date("2026-01-01 "), Err(Form(DATE_FORM)));
    assert_eq!(parse_date("26-01-01"), Err(Form(DATE_FORM)));
}

proptest! {
    #[test]
    fn instants_come_back_and_agree_with_jiff(micros in -62_135_596_800_000_000_i64..253_402_207_200_000_000) {
        let text = written(micros);
        prop_assert_eq!(parse_timestamp(&text), Ok(micros));
        let theirs: jiff::Timestamp = text.parse().unwrap();
        prop_assert_eq!(theirs.as_microsecond(), micros);
    }

    #[test]
    fn every_instant_comes_back(micros in MIN_DAY * DAY..i64::MAX) {
        prop_assert_eq!(parse_timestamp(&written(micros)), Ok(micros));
        let mut local = String::new();
        push_local(micros, &mut local);
        prop_assert_eq!(parse_local(&local), Ok(Some(micros)));
        prop_assert_eq!(parse_local(&written(micros)), Ok(None));
    }

    #[test]
    fn days_come_back(days in -2_440_588_i32..=2_145_042_905) {
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
