//! Kinds of values: what is accepted, and in which words a wrong one is refused.

use std::time::Duration;

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A file or a directory; relative ones start at the file they are written in.
    Path,
    /// Address of a database: `postgres://…` or `sqlite:DIRECTORY`.
    Database,
    /// Address of a Redis server.
    Redis,
    /// Address of a web service, encrypted.
    Https,
    /// A whole number in a range.
    Count(u64, u64),
    /// A time span: `2s`, `5min`, or a bare number of seconds.
    Span,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Words parted by commas, or a list in the file.
    List,
}

impl Kind {
    /// The value in its one spelling, or what is wrong with it.
    pub fn normalise(self, text: &str) -> Result<String, String> {
        match self {
            Self::Text | Self::Path => Ok(text.to_owned()),
            Self::Database => database(text),
            Self::Redis => address(text, &["redis", "rediss", "redis+tls", "unix"]),
            Self::Https => address(text, &["https"]),
            Self::Count(least, most) => {
                let number: u64 =
                    text.trim().parse().map_err(|_| format!("it must be a whole number from {least} to {most}"))?;
                if (least..=most).contains(&number) {
                    Ok(number.to_string())
                } else {
                    Err(format!("it must be from {least} to {most}"))
                }
            }
            Self::Span => span(text).map(|span| humantime::format_duration(span).to_string()),
            Self::Word(words) if words.contains(&text) => Ok(text.to_owned()),
            Self::Word(words) => Err(format!("it must be one of {}", words.join(", "))),
            Self::List => Ok(text.split(',').map(str::trim).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(",")),
        }
    }

    /// As the documentation says it.
    pub fn describe(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Database => "`postgres://…` or `sqlite:DIRECTORY`".to_owned(),
            Self::Redis => "`redis://…` or `rediss://…`".to_owned(),
            Self::Https => "`https://…`".to_owned(),
            Self::Count(least, most) => format!("{least} to {most}"),
            Self::Span => "time span, such as `2s` or `5min`".to_owned(),
            Self::Word(words) => words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", "),
            Self::List => "list".to_owned(),
        }
    }
}

/// A time span from `2s`, `1h 30min`, or a bare number of seconds; more than nothing.
pub fn span(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let span = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            humantime::parse_duration(text).map_err(|_| "it must be a time span such as '2s' or '5min'".to_owned())?
        }
    };
    if span.is_zero() { Err("it must be more than nothing".to_owned()) } else { Ok(span) }
}

fn address(text: &str, schemes: &[&str]) -> Result<String, String> {
    let wanted = || {
        format!(
            "it must be an address that begins with {}",
            schemes.iter().map(|s| format!("'{s}://'")).collect::<Vec<_>>().join(" or ")
        )
    };
    let url = url::Url::parse(text).map_err(|_| wanted())?;
    if schemes.contains(&url.scheme()) { Ok(text.to_owned()) } else { Err(wanted()) }
}

/// Only the scheme is looked at here; the database room takes the address apart and knows every
/// form that other tools write.
fn database(text: &str) -> Result<String, String> {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.split('+').next().unwrap_or_default());
    match scheme {
        Some("postgres" | "postgresql" | "sqlite") => Ok(text.to_owned()),
        _ => Err("it must begin with 'postgres://', or be 'sqlite:DIRECTORY'".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_addresses_of_other_tools_are_accepted() {
        for text in ["postgresql+asyncpg://ann:x@db:5432/app", "postgres:///app?host=/tmp", "sqlite:.fixtool"] {
            assert_eq!(database(text).as_deref(), Ok(text));
        }
        for wrong in ["mysql://h/d", "db", ""] {
            assert!(database(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_have_one_spelling() {
        assert_eq!(Kind::Count(1, 9).normalise(" 7 ").as_deref(), Ok("7"));
        assert!(Kind::Count(1, 9).normalise("10").is_err());
        assert!(Kind::Count(1, 9).normalise("-1").is_err());
        assert_eq!(Kind::Span.normalise("90").as_deref(), Ok("1m 30s"));
        assert_eq!(Kind::Span.normalise("2s").as_deref(), Ok("2s"));
        assert!(Kind::Span.normalise("0").is_err());
        assert_eq!(Kind::List.normalise(" a, b ,,c ").as_deref(), Ok("a,b,c"));
        assert!(Kind::Word(&["on", "off"]).normalise("On").is_err());
        assert!(Kind::Https.normalise("http://x").is_err());
    }
}
