//! Times without a zone: what a source and a column mean by them. Nothing is assumed; a zone is named or the time
//! is refused.

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::coerce::Fault;
use crate::model::calendar::{self, CalendarFault};

/// What is known about times without a zone.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// The zone of times that name none.
    pub zone: Option<TimeZone>,
    /// Whether the column keeps times without a zone.
    pub local: bool,
}

/// Why a time is not one instant, or not one local time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClockFault {
    /// The clock was put forward past it.
    #[error("there was no such time in {0}, the clock was put forward over it")]
    Skipped(String),
    /// The clock was put back over it.
    #[error("that time came twice in {0}, the clock was put back: write it with an offset")]
    Twice(String),
    /// The library's calendar ends at the year 9999.
    #[error("the clocks of {0} are known for the years 1 to 9999 only: write it with an offset")]
    Unknown(String),
    /// The column keeps no zone.
    #[error(
        "it names a time zone, and the column keeps times without one: leave the zone out, \
         or say with --time-zone of which zone the column's times are"
    )]
    Zoned,
}

impl ClockFault {
    /// The short stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Skipped(_) => "no_such_time",
            Self::Twice(_) => "ambiguous_time",
            Self::Unknown(_) => "out_of_range",
            Self::Zoned => "time_zone",
        }
    }
}

impl Clock {
    /// Microseconds since 1970-01-01T00:00:00Z; of a column without zones, as if its times were of UTC.
    pub(super) fn read(&self, text: &str) -> Result<i64, Fault> {
        if self.local {
            return match (calendar::parse_local(text)?, &self.zone) {
                (Some(local), _) => Ok(local),
                (None, Some(zone)) => local_time(calendar::parse_timestamp(text)?, zone),
                (None, None) => Err(Fault::Clock(ClockFault::Zoned)),
            };
        }
        match (calendar::parse_timestamp(text), &self.zone) {
            (Err(CalendarFault::NoZone), Some(zone)) => match calendar::parse_local(text)? {
                Some(local) => instant(local, zone),
                None => Err(Fault::Calendar(CalendarFault::NoZone)),
            },
            (found, _) => found.map_err(Fault::from),
        }
    }
}

fn name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("that zone").to_owned()
}

fn local_time(instant: i64, zone: &TimeZone) -> Result<i64, Fault> {
    let unknown = || Fault::Clock(ClockFault::Unknown(name(zone)));
    let instant = Timestamp::from_microsecond(instant).map_err(|_| unknown())?;
    let there = TimeZone::UTC.to_timestamp(zone.to_datetime(instant));
    there.map(Timestamp::as_microsecond).map_err(|_| unknown())
}

fn instant(local: i64, zone: &TimeZone) -> Result<i64, Fault> {
    let unknown = || Fault::Clock(ClockFault::Unknown(name(zone)));
    let there = Timestamp::from_microsecond(local).map_err(|_| unknown())?;
    let ambiguous = zone.to_ambiguous_timestamp(TimeZone::UTC.to_datetime(there));
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => {
            ambiguous.unambiguous().map(Timestamp::as_microsecond).map_err(|_| unknown())
        }
        AmbiguousOffset::Gap { .. } => Err(Fault::Clock(ClockFault::Skipped(name(zone)))),
        AmbiguousOffset::Fold { .. } => Err(Fault::Clock(ClockFault::Twice(name(zone)))),
    }
}

/// A time zone by its name.
///
/// # Errors
/// If there is none; the text says which names are near.
pub fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        let likeness = |known: &str| strsim::jaro_winkler(&known.to_ascii_lowercase(), &name.to_ascii_lowercase());
        let of_city = |known: &str| known.rsplit('/').next().map_or(0.0, likeness);
        let near = jiff::tz::db()
            .available()
            .map(|known| (likeness(known.as_str()).max(of_city(known.as_str())), known.as_str().to_owned()))
            .filter(|(near, _)| *near > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match near {
            Some((_, near)) => format!("there is no time zone '{name}': did you mean '{near}'?"),
            None => format!("there is no time zone '{name}': write a name such as Europe/Berlin or UTC"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, zone: Option<&str>, local: bool) -> Result<String, &'static str> {
        let clock = Clock { zone: zone.map(|zone| time_zone(zone).unwrap()), local };
        let mut written = String::new();
        match clock.read(text) {
            Ok(micros) if local => calendar::push_local(micros, &mut written),
            Ok(micros) => calendar::push_timestamp(micros, &mut written),
            Err(Fault::Clock(fault)) => return Err(fault.code()),
            Err(Fault::Calendar(CalendarFault::NoZone)) => return Err("no_time_zone"),
            Err(_) => return Err("other"),
        }
        Ok(written)
    }

    #[test]
    fn a_time_without_a_zone_is_refused_or_of_the_zone_that_was_named() {
        let berlin = Some("Europe/Berlin");
        assert_eq!(read("2026-03-29 01:30:00", None, false), Err("no_time_zone"));
        assert_eq!(read("2026-03-29 01:30:00", berlin, false), Ok("2026-03-29T00:30:00.000000Z".to_owned()));
        assert_eq!(read("2026-03-29 02:30:00", berlin, false), Err("no_such_time"));
        assert_eq!(read("2026-10-25 02:30:00", berlin, false), Err("ambiguous_time"));
        assert_eq!(read("2026-10-25 02:30:00+01", berlin, false), Ok("2026-10-25T01:30:00.000000Z".to_owned()));
        assert_eq!(read("infinity", berlin, false), Ok("infinity".to_owned()));
        assert_eq!(read("2026-03-29", berlin, false), Err("other"));
        assert_eq!(read("20000-03-29 01:30:00", berlin, false), Err("out_of_range"));
    }

    #[test]
    fn a_column_without_zones_keeps_local_times() {
        let berlin = Some("Europe/Berlin");
        assert_eq!(read("2026-03-29 02:30:00", None, true), Ok("2026-03-29T02:30:00.000000".to_owned()));
        assert_eq!(read("2026-03-29T00:30:00Z", None, true), Err("time_zone"));
        assert_eq!(read("2026-03-29T01:30:00Z", berlin, true), Ok("2026-03-29T03:30:00.000000".to_owned()));
        assert_eq!(read("-infinity", None, true), Ok("-infinity".to_owned()));
    }

    #[test]
    fn an_unknown_zone_has_a_near_one() {
        for (wrong, near) in [("Europe/Berln", "Europe/Berlin"), ("berlin", "Europe/Berlin"), ("xyzzy", "UTC")] {
            let said = time_zone(wrong).unwrap_err();
            assert!(said.contains(near), "{said}");
        }
    }
}
