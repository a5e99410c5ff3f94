//! Well-known text formats.

use std::net::IpAddr;

use super::iso;
use crate::model::table::Format;

/// Whether a text has a format.
pub(super) fn has_format(text: &str, format: Format) -> bool {
    match format {
        Format::Email => is_email(text),
        Format::Url => is_url(text),
        Format::Ip => text.parse::<IpAddr>().is_ok(),
        Format::Country => iso::is_country(text),
        Format::Currency => iso::is_currency(text),
    }
}

/// What a person should write instead.
pub(super) fn wanted(format: Format) -> &'static str {
    match format {
        Format::Email => "an e-mail address such as ada@example.org",
        Format::Url => "an http or https address such as https://example.org/a",
        Format::Ip => "an IPv4 or IPv6 address such as 192.0.2.1 or 2001:db8::1",
        Format::Country => "a country code of ISO 3166-1 such as DE",
        Format::Currency => "a currency code of ISO 4217 such as EUR",
    }
}

/// RFC 5321's mailbox without quoted strings, comments and address literals; letters beyond
/// ASCII are taken (RFC 6531). The domain needs a dot.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom = |part: &str| !part.is_empty() && part.chars().all(is_atom_char);
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || is_letter_beyond_ascii(c))
    };
    text.len() <= 254
        && local.len() <= 64
        && local.split('.').all(atom)
        && domain.contains('.')
        && domain.split('.').all(label)
        && !domain.rsplit('.').next().unwrap_or_default().bytes().all(|b| b.is_ascii_digit())
}

fn is_atom_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c) || is_letter_beyond_ascii(c)
}

fn is_letter_beyond_ascii(c: char) -> bool {
    !c.is_ascii() && c.is_alphanumeric()
}

fn is_url(text: &str) -> bool {
    let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let begins = ["http://", "https://"].iter().any(|scheme| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && text.len() > scheme.len()
    });
    plain && begins && url::Url::parse(text).is_ok_and(|url| url.host_str().is_some_and(|host| !host.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        let (e, u, i) = (Format::Email, Format::Url, Format::Ip);
        for (text, format) in [
            ("ada@example.org", e),
            ("a.b+c@x-y.example.co.uk", e),
            ("jörg@müller.de", e),
            ("o'hara@example.org", e),
            ("https://example.org", u),
            ("http://[2001:db8::1]:8080/a?b=c#d", u),
            ("192.0.2.1", i),
            ("2001:db8::1", i),
        ] {
            assert!(has_format(text, format), "{text}");
        }
        for (text, format) in [
            ("", e),
            ("ada", e),
            ("ada@example", e),
            ("@example.org", e),
            ("a..b@example.org", e),
            ("a b@example.org", e),
            ("a@-x.org", e),
            ("a@b@example.org", e),
            ("a@1.2.3.4", e),
            ("a\n@example.org", e),
            ("ftp://example.org", u),
            ("https://", u),
            ("https:example.org", u),
            ("//example.org", u),
            ("https://exa mple.org", u),
            ("javascript:alert(1)", u),
            ("1.2.3", i),
            ("1.2.3.4/8", i),
            ("256.1.1.1", i),
        ] {
            assert!(!has_format(text, format), "{text}");
        }
        assert!(!has_format(&format!("{}@example.org", "a".repeat(65)), e));
    }
}
