//! Whether the process that holds a lease lives.
//!
//! A process id says nothing by itself: it is given out again, and each process namespace counts its own. So a holder
//! is kept with the boot of the machine, the namespace and the moment at which the process began. Only whoever shares
//! the first two can look; for everybody else, and where there is no `/proc`, the lease's expiry alone decides.

use std::fs;

/// Where a process runs, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    host: String,
    pid: u32,
    boot: String,
    namespace: String,
    began: u64,
}

/// A holder as the catalog keeps it: what people read, and behind it what tells whether this process lives.
pub(super) fn stored(holder: &str) -> String {
    match holder.rsplit_once(" pid ").map(|(_, pid)| pid.parse()) {
        Some(Ok(pid)) if pid == std::process::id() => match here(pid) {
            Some((boot, namespace, began)) => format!("{holder} [{boot} {namespace} {began}]"),
            None => holder.to_owned(),
        },
        _ => holder.to_owned(),
    }
}

/// The part of a stored holder that is for people.
pub(super) fn told(stored: &str) -> &str {
    match stored.rsplit_once(" [") {
        Some((holder, rest)) if rest.ends_with(']') => holder,
        _ => stored,
    }
}

/// Whether a holder is known to be no more.
pub(super) fn has_died(holder: &str, asking: &str) -> bool {
    let (Some(there), Some(own)) = (Process::of(holder), Process::of(asking)) else { return false };
    let same_place = (&there.host, &there.boot, &there.namespace) == (&own.host, &own.boot, &own.namespace);
    // `/proc` may belong to another namespace than this process; then it says nothing about a neighbour.
    same_place && began(own.pid) == Some(own.began) && began(there.pid) != Some(there.began)
}

impl Process {
    fn of(stored: &str) -> Option<Self> {
        let (who, place) = stored.strip_suffix(']')?.rsplit_once(" [")?;
        let (user, pid) = who.rsplit_once(" pid ")?;
        let (_, host) = user.rsplit_once('@')?;
        let mut parts = place.split(' ');
        let (boot, namespace) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Self {
            host: host.to_owned(),
            pid: pid.parse().ok()?,
            boot,
            namespace,
            began: parts.next()?.parse().ok()?,
        })
    }
}

/// Boot, namespace and begin of a process that `/proc` shows.
fn here(pid: u32) -> Option<(String, String, u64)> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?.to_str()?.replace(' ', "");
    Some((boot, namespace, began(pid)?)).filter(|(boot, ..)| !boot.is_empty() && !boot.contains(' '))
}

/// When a process began, in clock ticks since the boot; `None` when there is none.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program may hold anything, so fields are counted behind the last bracket.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    // What has ended and was not waited for yet does nothing any more.
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_read_is_kept_apart() {
        let holder = format!("me@here pid {}", std::process::id());
        assert_eq!(told(&stored(&holder)), holder);
        assert_eq!(stored("me@here pid 1"), "me@here pid 1", "of another process nothing is known");
        assert_eq!(told("me@here one"), "me@here one");
    }

    #[test]
    fn only_a_neighbour_that_is_gone_has_died() {
        let own = stored(&format!("me@here pid {}", std::process::id()));
        let Some(process) = Process::of(&own) else {
            assert!(here(std::process::id()).is_none(), "{own}");
            return;
        };
        let at = |host: &str, pid: u32, began: u64| {
            format!("you@{host} pid {pid} [{} {} {began}]", process.boot, process.namespace)
        };
        // Linux gives no process an id beyond four million.
        assert!(has_died(&at("here", 4_194_999, 1), &own));
        assert!(has_died(&at("here", process.pid, process.began + 1), &own), "its id was given out again");
        assert!(!has_died(&at("there", 4_194_999, 1), &own), "another host");
        assert!(!has_died(&at("here", process.pid, process.began), &own), "it lives");
        let elsewhere = at("here", 4_194_999, 1).replace(&process.namespace, "pid:[1]");
        assert!(!has_died(&elsewhere, &own), "another namespace");
        let before = at("here", 4_194_999, 1).replace(&process.boot, "another-boot");
        assert!(!has_died(&before, &own), "another boot");
        assert!(!has_died("you@here pid 4194999", &own), "nothing is known of it");
        assert!(!has_died("somebody", &own));
    }
}
