//! Which snapshots are kept, and why.
//!
//! The rules are those of restic and Borg: each keeps the newest snapshot of each of the last N hours, days, …, that
//! have any; a snapshot that any rule keeps is kept. Days begin at midnight and weeks on Monday, in UTC.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::layout::SnapshotId;

/// What a user wants to keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The newest ones.
    pub last: u32,
    /// One an hour.
    pub hourly: u32,
    /// One a day.
    pub daily: u32,
    /// One a week.
    pub weekly: u32,
    /// One a month.
    pub monthly: u32,
    /// One a year.
    pub yearly: u32,
    /// All that are younger.
    pub within: Option<Duration>,
    /// All with one of these words.
    pub tags: BTreeSet<String>,
}

impl Policy {
    /// Whether it would keep nothing at all: a mistake, and not a wish.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is known of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: SnapshotId,
    /// The moment of which it tells.
    pub taken_at: Timestamp,
    /// Words it is kept by.
    pub tags: BTreeSet<String>,
    /// Whether every byte was once found to be right, and nothing wrong since.
    pub sound: bool,
    /// Who holds it at the moment.
    pub held_by: Option<String>,
    /// Whether it was made before something was destroyed, and not as a backup.
    pub safety: bool,
}

/// A snapshot and why it is kept; no reason means that it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Its id.
    pub id: SnapshotId,
    /// Why it is kept.
    pub reasons: Vec<String>,
}

/// Judges the snapshots of one tenant, newest first. Whatever the policy says, the newest that was verified is
/// kept, or the newest while none was; so is one that somebody holds. A safety copy takes no backup's place: it goes
/// when nobody holds it any more, unless a tag or its age keeps it.
pub fn judge(candidates: &[Candidate], policy: &Policy, now: Timestamp) -> Vec<Judged> {
    let mut sorted: Vec<&Candidate> = candidates.iter().collect();
    sorted.sort_by_key(|candidate| std::cmp::Reverse((candidate.taken_at, candidate.id.clone())));
    let mut judged: Vec<Judged> =
        sorted.iter().map(|candidate| Judged { id: candidate.id.clone(), reasons: Vec::new() }).collect();
    let mut keep = |place: usize, reason: String| {
        if let Some(found) = judged.get_mut(place) {
            found.reasons.push(reason);
        }
    };
    let is_backup = |candidate: &&Candidate| !candidate.safety;
    match sorted.iter().position(|candidate| candidate.sound && !candidate.safety) {
        Some(place) => keep(place, "the newest that was verified".to_owned()),
        None => {
            if let Some(place) = sorted.iter().position(is_backup) {
                keep(place, "the newest, and none was verified".to_owned());
            }
        }
    }
    for (place, candidate) in sorted.iter().enumerate() {
        if let Some(by) = &candidate.held_by {
            keep(place, format!("held by {by}"));
        }
        if let Some(tag) = candidate.tags.iter().find(|tag| policy.tags.contains(*tag)) {
            keep(place, format!("tag {tag}"));
        }
        if policy.within.is_some_and(|within| is_within(candidate.taken_at, now, within)) {
            keep(place, "young enough".to_owned());
        }
    }
    for (name, wanted, period) in periods(policy) {
        let mut taken = BTreeSet::new();
        for (place, candidate) in sorted.iter().enumerate().filter(|(_, candidate)| is_backup(candidate)) {
            if taken.len() >= usize::try_from(wanted).unwrap_or(usize::MAX) {
                break;
            }
            let period = period(candidate, place);
            if taken.insert(period) {
                keep(place, format!("{name} {}", taken.len()));
            }
        }
    }
    judged
}

fn is_within(taken_at: Timestamp, now: Timestamp, within: Duration) -> bool {
    now.checked_sub(within).is_ok_and(|since| taken_at >= since)
}

type Period = fn(&Candidate, usize) -> String;

fn periods(policy: &Policy) -> [(&'static str, u32, Period); 6] {
    fn date(candidate: &Candidate) -> Date {
        candidate.taken_at.to_zoned(TimeZone::UTC).date()
    }
    [
        ("last", policy.last, |_, place| place.to_string()),
        ("hourly", policy.hourly, |candidate, _| candidate.taken_at.strftime("%Y-%m-%dT%H").to_string()),
        ("daily", policy.daily, |candidate, _| date(candidate).to_string()),
        ("weekly", policy.weekly, |candidate, _| {
            let week = date(candidate).iso_week_date();
            format!("{}-W{:02}", week.year(), week.week())
        }),
        ("monthly", policy.monthly, |candidate, _| date(candidate).strftime("%Y-%m").to_string()),
        ("yearly", policy.yearly, |candidate, _| date(candidate).year().to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(at: &str) -> Candidate {
        let taken_at: Timestamp = at.parse().unwrap();
        Candidate {
            id: SnapshotId::of(taken_at, at.as_bytes()),
            taken_at,
            tags: BTreeSet::new(),
            sound: false,
            held_by: None,
            safety: false,
        }
    }

    fn all() -> Vec<Candidate> {
        // Monday 2026-11-23 is the newest; the year before, the month before and the week before follow.
        let times = [
            "2025-12-31T23:00:00Z",
            "2026-10-31T12:00:00Z",
            "2026-11-15T12:00:00Z",
            "2026-11-16T12:00:00Z",
            "2026-11-22T08:00:00Z",
            "2026-11-22T20:00:00Z",
            "2026-11-23T08:10:00Z",
            "2026-11-23T08:50:00Z",
        ];
        times.map(candidate).to_vec()
    }

    fn kept(candidates: &[Candidate], policy: &Policy) -> Vec<String> {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let judged = judge(candidates, policy, now);
        let mut kept: Vec<String> = judged
            .iter()
            .filter(|judged| !judged.reasons.is_empty())
            .map(|judged| {
                let found = candidates.iter().find(|candidate| candidate.id == judged.id).unwrap();
                found.taken_at.strftime("%m-%dT%H:%M").to_string()
            })
            .collect();
        kept.sort();
        kept
    }

    #[test]
    fn each_rule_keeps_the_newest_of_its_periods() {
        let policy = |change: fn(&mut Policy)| {
            let mut policy = Policy::default();
            change(&mut policy);
            kept(&all(), &policy)
        };
        assert_eq!(policy(|p| p.last = 2), ["11-23T08:10", "11-23T08:50"]);
        assert_eq!(policy(|p| p.hourly = 2), ["11-22T20:00", "11-23T08:50"]);
        assert_eq!(policy(|p| p.daily = 3), ["11-16T12:00", "11-22T20:00", "11-23T08:50"]);
        assert_eq!(policy(|p| p.weekly = 3), ["11-15T12:00", "11-22T20:00", "11-23T08:50"]);
        assert_eq!(policy(|p| p.monthly = 2), ["10-31T12:00", "11-23T08:50"]);
        assert_eq!(policy(|p| p.yearly = 9), ["11-23T08:50", "12-31T23:00"]);
        let day = |p: &mut Policy| p.within = Some(Duration::from_hours(24));
        assert_eq!(policy(day), ["11-22T20:00", "11-23T08:10", "11-23T08:50"]);
    }

    #[test]
    fn what_was_verified_or_is_held_stays_whatever_the_policy_says() {
        let mut candidates = all();
        assert_eq!(kept(&candidates, &Policy::default()), ["11-23T08:50"]);
        candidates[2].sound = true;
        candidates[3].sound = true;
        assert_eq!(kept(&candidates, &Policy::default()), ["11-16T12:00"]);
        candidates[0].held_by = Some("a restore".into());
        candidates[1].tags.insert("keep".into());
        let policy = Policy { tags: ["keep".to_owned()].into(), ..Policy::default() };
        assert_eq!(kept(&candidates, &policy), ["10-31T12:00", "11-16T12:00", "12-31T23:00"]);
    }

    #[test]
    fn a_safety_copy_takes_no_backups_place_and_stays_while_it_is_held() {
        let mut candidates = all();
        let newest = candidates.len() - 1;
        candidates[newest].safety = true;
        candidates[newest].sound = true;
        assert_eq!(kept(&candidates, &Policy::default()), ["11-23T08:10"]);
        assert_eq!(kept(&candidates, &Policy { last: 1, ..Policy::default() }), ["11-23T08:10"]);
        assert_eq!(kept(&candidates, &Policy { daily: 2, ..Policy::default() }), ["11-22T20:00", "11-23T08:10"]);
        candidates[newest].held_by = Some("the safety copy of a run".into());
        assert_eq!(kept(&candidates, &Policy::default()), ["11-23T08:10", "11-23T08:50"]);
    }

    #[test]
    fn nothing_is_judged_of_nothing() {
        assert_eq!(judge(&[], &Policy::default(), Timestamp::UNIX_EPOCH), []);
        assert!(Policy::default().is_empty());
    }
}
