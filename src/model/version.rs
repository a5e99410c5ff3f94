//! Versions of a pack: three numbers, compared as numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A pack's version: `major.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// Raised when something that worked before does not work any more.
    pub major: u32,
    /// Raised when something is added.
    pub minor: u32,
    /// Raised when something is repaired.
    pub patch: u32,
}

/// Why a text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a version: use three numbers with points, such as 1.2.0")]
pub struct InvalidVersion(pub String);

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || InvalidVersion(text.chars().take(40).flat_map(char::escape_debug).collect());
        let mut numbers = text.split('.').map(|part| {
            let plain = !part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
            let canonical = plain && (part == "0" || !part.starts_with('0'));
            if canonical { part.parse::<u32>().map_err(|_| wrong()) } else { Err(wrong()) }
        });
        let mut next = || numbers.next().ok_or_else(wrong)?;
        let version = Self { major: next()?, minor: next()?, patch: next()? };
        match numbers.next() {
            None => Ok(version),
            Some(_) => Err(wrong()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl TryFrom<String> for Version {
    type Error = InvalidVersion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_three_numbers_and_compare_as_numbers() {
        let of = |text: &str| text.parse::<Version>().unwrap();
        assert!(of("1.10.0") > of("1.9.9"));
        assert_eq!(of("2.0.0").to_string(), "2.0.0");
        for bad in
            ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", "-1.0.0", "1..0", "1.0.0 ", "99999999999.0.0", "../1.0"]
        {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }
}
