//! Time and names that are made once and then only carried along.

use jiff::Timestamp;

/// This moment as it stands in plans and in the ledger: RFC 3339 in UTC with microseconds.
pub fn now() -> String {
    stamp(Timestamp::now())
}

/// A moment as it stands in plans and in the ledger.
pub fn stamp(moment: Timestamp) -> String {
    format!("{moment:.6}")
}

/// A new run's id: a `UUIDv7` in hex, so that ids sort by the time at which they were made.
///
/// What follows the millisecond is random and not a counter, so that the first sixteen digits
/// tell apart what began at once.
pub fn new_run_id() -> String {
    uuid::Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext)).simple().to_string()
}

/// A random number in hex.
pub fn nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Who does the work, as others will read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// For the ledger: `user@host`.
    pub actor: String,
    /// For a lease: `user@host pid N`.
    pub holder: String,
}

impl Identity {
    /// From the operating system's user, the host's name and the process id.
    pub fn new(user: &str, host: &str, pid: u32) -> Self {
        Self { actor: format!("{user}@{host}"), holder: format!("{user}@{host} pid {pid}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_microseconds_and_are_in_utc() {
        let moment: Timestamp = "2026-11-23T07:30:00.123456789+01:00".parse().unwrap();
        assert_eq!(stamp(moment), "2026-11-23T06:30:00.123456Z");
        assert_eq!(stamp(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn run_ids_sort_by_time() {
        let ids: Vec<String> = (0..1000).map(|_| new_run_id()).collect();
        assert!(ids.iter().map(|id| &id[..12]).is_sorted(), "by the millisecond");
        let distinct: std::collections::BTreeSet<&str> = ids.iter().map(|id| &id[..16]).collect();
        assert!(distinct.len() > 800, "{} of 1000", distinct.len());
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    }

    #[test]
    fn an_identity_names_user_host_and_process() {
        let identity = Identity::new("ada", "db1", 7);
        assert_eq!((identity.actor.as_str(), identity.holder.as_str()), ("ada@db1", "ada@db1 pid 7"));
    }
}
