//! Values that must not be shown.

use std::fmt;

/// A value that shows itself only as `***`, or as an address without its password.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&if self.0.contains(':') && self.0.contains('/') || self.0.starts_with("sqlite:") {
            mask_address(&self.0)
        } else {
            mask(&self.0)
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({self})")
    }
}

/// `***`, or nothing for nothing.
pub fn mask(value: &str) -> String {
    if value.is_empty() { String::new() } else { "***".to_owned() }
}

/// An address without its password, be it before the host or among the parameters. An address
/// that cannot be taken apart is masked whole.
pub fn mask_address(address: &str) -> String {
    if address.starts_with("sqlite:") || address.is_empty() {
        return address.to_owned();
    }
    let Ok(mut url) = url::Url::parse(address) else { return mask(address) };
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return mask(address);
    }
    if url.query().is_some() {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                let hidden = ["pass", "secret", "token", "key"].iter().any(|word| name.to_lowercase().contains(word));
                (name.into_owned(), if hidden { "***".to_owned() } else { value.into_owned() })
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.to_string()
}

/// Whether an address holds a password.
pub fn has_password(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| {
        url.password().is_some_and(|p| !p.is_empty())
            || url.query_pairs().any(|(name, _)| name.eq_ignore_ascii_case("password"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_a_secret_is_shown() {
        let url = Secret::new("postgres://ann:s3cret@db:5432/x?sslmode=require&password=s3cret");
        assert!(!format!("{url} {url:?}").contains("s3cret"));
        assert!(url.to_string().contains("db:5432/x?sslmode=require"));
        assert_eq!(Secret::new("hunter2").to_string(), "***");
        assert_eq!(Secret::new("sqlite:.fixtool").to_string(), "sqlite:.fixtool");
        assert_eq!(mask_address("not an address : s3cret"), "***");
        assert!(has_password("postgres://ann:x@h/d") && has_password("postgres://h/d?password=x"));
        assert!(!has_password("postgres://ann@h/d"));
    }
}
