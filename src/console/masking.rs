//! Secrets and personal data are taken out of every log line and every message before it is shown.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    [
        (r"(?i)\b([a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@/]+@", "$1:***@"),
        (r"(?i)(\b(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|authorization)\b[\x22']?\s*[=:]\s*[\x22']?(?:bearer\s+)?)[^\s\x22',;&)}]+", "$1***"),
        (r"AGE-SECRET-KEY-1[0-9A-Z]+", "AGE-SECRET-KEY-1***"),
        (r"(https://hooks\.slack\.com/services/)\S+", "$1***"),
    ]
    .into_iter()
    .filter_map(|(pattern, replacement)| Some(Pattern { regex: Regex::new(pattern).ok()?, replacement }))
    .collect()
});

static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"([A-Za-z0-9._%+-])[A-Za-z0-9._%+-]*@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)").ok());

struct Pattern {
    regex: Regex,
    replacement: &'static str,
}

/// Without passwords, tokens and keys. Addresses keep their host, so that one still knows which
/// server was meant.
pub fn secrets(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    for pattern in PATTERNS.iter() {
        if let Cow::Owned(replaced) = pattern.regex.replace_all(&masked, pattern.replacement) {
            masked = Cow::Owned(replaced);
        }
    }
    masked
}

/// Without secrets, and with e-mail addresses cut to their first letter: for logs.
pub fn log_line(text: &str) -> String {
    let masked = secrets(text);
    match EMAIL.as_ref() {
        Some(email) => {
            email.replace_all(&masked, |found: &Captures<'_>| format!("{}***@{}", &found[1], &found[2])).into_owned()
        }
        None => masked.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(PATTERNS.len(), 4);
        assert!(EMAIL.is_some());
    }

    #[test]
    fn secrets_are_masked_and_the_rest_stays() {
        for (text, masked) in [
            ("cannot reach postgres://ann:s3cret@db/x", "cannot reach postgres://ann:***@db/x"),
            ("redis://:pw@cache:6379", "redis://:***@cache:6379"),
            ("password=hunter2 host=db", "password=*** host=db"),
            (r#"{"token": "abc", "n": 1}"#, r#"{"token": "***", "n": 1}"#),
            ("authorization: Bearer abc.def", "authorization: Bearer ***"),
            ("key AGE-SECRET-KEY-1QQQ", "key AGE-SECRET-KEY-1***"),
            ("https://hooks.slack.com/services/T0/B0/x", "https://hooks.slack.com/services/***"),
            ("postgres://db/x at 10:30", "postgres://db/x at 10:30"),
        ] {
            assert_eq!(secrets(text), masked);
        }
    }

    #[test]
    fn logs_hold_no_whole_address_of_a_person() {
        assert_eq!(log_line("user ann.lee@example.org refused"), "user a***@example.org refused");
    }
}
