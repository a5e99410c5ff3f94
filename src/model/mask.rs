//! Masks: personal data becomes something of the same form that belongs to nobody.
//!
//! A mask is a function of a secret and the value. The same value always gets the same mask, in every
//! table and every run with that secret, so references and groups stay as they are; different
//! values keep different masks where the form has room for it. Without the secret nothing leads
//! back: the only thing that a mask tells is which values were equal.

use super::table::Pii;
use super::{Column, LogicalType, Model, Value};

/// Masks values with one secret.
#[derive(Clone)]
pub struct Masker {
    key: [u8; 32],
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masker(…)")
    }
}

const FIRST: &[&str] = &[
    "Alex", "Andrea", "Ariel", "Bo", "Chris", "Dana", "Eden", "Eli", "Francis", "Gale", "Harper", "Jamie", "Jean",
    "Jo", "Jules", "Kim", "Lee", "Lou", "Marion", "Max", "Morgan", "Nico", "Noa", "Pat", "Quinn", "Robin", "Rowan",
    "Sam", "Sasha", "Shay", "Toni", "Val",
];
const LAST: &[&str] = &[
    "Amber", "Ash", "Birch", "Brook", "Cedar", "Clay", "Cliff", "Dale", "Field", "Ford", "Glen", "Grove", "Hazel",
    "Heath", "Hill", "Ivy", "Lake", "Lane", "Marsh", "Mead", "Moor", "Oak", "Park", "Pine", "Reed", "Ridge", "Rivers",
    "Stone", "Vale", "Wells", "Wood", "Yew",
];

impl Masker {
    /// A masker with a secret. Two maskers of one secret give the same masks.
    pub fn new(secret: &[u8]) -> Self {
        Self { key: blake3::derive_key("fixtool 2026-11 mask of personal data", secret) }
    }

    /// Which columns of a table are masked, in the order of `columns`: those with a `pii` tag. A secret
    /// that is sealed is not among them: it is left out or stays sealed.
    pub fn kinds(model: &Model, table: &str, columns: &[String]) -> Vec<Option<Pii>> {
        let definition = model.tables.get(table);
        columns.iter().map(|column| definition.and_then(|t| t.columns.get(column)).and_then(|c| c.pii)).collect()
    }

    /// The mask of a value of a column; NULL stays NULL, and a column without a `pii` tag stays as it is.
    #[must_use]
    pub fn mask(&self, value: &Value, column: &Column) -> Value {
        match (column.pii, value) {
            (None, _) | (_, Value::Null) => value.clone(),
            (Some(kind), Value::Text(text)) => Value::Text(self.text(text, kind, room(column))),
            (Some(kind), Value::List(items)) => {
                let masked = items.iter().map(|item| item.as_deref().map(|text| self.text(text, kind, usize::MAX)));
                Value::List(masked.collect())
            }
            (Some(kind), Value::Json(document)) => Value::Json(self.json(document, kind)),
            (Some(_), other) => self.plain(other),
        }
    }

    /// The mask of a text, at most `room` characters long. An empty text stays empty.
    pub fn text(&self, text: &str, kind: Pii, room: usize) -> String {
        if text.is_empty() {
            return String::new();
        }
        let digest = self.digest(kind, text);
        let masked = match kind {
            Pii::Email => email(&digest),
            Pii::Name => name(&digest, text),
            Pii::Phone => phone(&digest, text),
            Pii::Ip => ip(&digest, text),
            Pii::FreeText => return prose(&digest, text).chars().take(room).collect(),
        };
        if masked.chars().count() <= room { masked } else { hex(&digest).chars().take(room).collect() }
    }

    fn digest(&self, kind: Pii, text: &str) -> [u8; 32] {
        let tag = match kind {
            Pii::Email => 0,
            Pii::Name => 1,
            Pii::Phone => 2,
            Pii::Ip => 3,
            Pii::FreeText => 4,
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&[tag]);
        // The same address in other letters is the same person.
        if kind == Pii::Email {
            hasher.update(text.to_lowercase().as_bytes())
        } else {
            hasher.update(text.as_bytes())
        };
        *hasher.finalize().as_bytes()
    }

    /// Every text inside a document is masked; its form stays.
    fn json(&self, document: &str, kind: Pii) -> String {
        fn walk(masker: &Masker, value: serde_json::Value, kind: Pii) -> serde_json::Value {
            match value {
                serde_json::Value::String(text) => masker.text(&text, kind, usize::MAX).into(),
                serde_json::Value::Array(items) => items.into_iter().map(|item| walk(masker, item, kind)).collect(),
                serde_json::Value::Object(map) => {
                    map.into_iter().map(|(key, value)| (key, walk(masker, value, kind))).collect()
                }
                serde_json::Value::Number(_) => 0.into(),
                other => other,
            }
        }
        serde_json::from_str(document).map_or_else(|_| "null".to_owned(), |value| walk(self, value, kind).to_string())
    }

    /// What is no text but tagged as personal: moments lose their time of day, the rest its value.
    fn plain(&self, value: &Value) -> Value {
        match value {
            Value::Uuid(id) => {
                let mut hasher = blake3::Hasher::new_keyed(&self.key);
                hasher.update(id);
                let digest = hasher.finalize();
                let mut bytes = [0; 16];
                for (to, from) in bytes.iter_mut().zip(digest.as_bytes()) {
                    *to = *from;
                }
                Value::Uuid(*uuid::Builder::from_random_bytes(bytes).as_uuid().as_bytes())
            }
            Value::Timestamp(micros) => {
                let year = 365 * 86_400_000_000_i64;
                Value::Timestamp(micros.div_euclid(year).saturating_mul(year))
            }
            Value::Date(days) => Value::Date(days.div_euclid(365).saturating_mul(365)),
            Value::Bytes(bytes) => Value::Bytes(vec![0; bytes.len()]),
            Value::Bool(_) => Value::Bool(false),
            Value::Int(_) => Value::Int(0),
            Value::Float(_) => Value::Float(0.0),
            Value::Decimal(_) => Value::Decimal("0".to_owned()),
            Value::Null | Value::Text(_) | Value::Json(_) | Value::List(_) => Value::Null,
        }
    }
}

fn room(column: &Column) -> usize {
    let typed = match column.logical {
        LogicalType::String(most) => most,
        _ => u32::MAX,
    };
    usize::try_from(typed.min(column.max_length.unwrap_or(u32::MAX))).unwrap_or(usize::MAX)
}

/// The number in eight bytes of a digest, from this place on.
fn number(digest: &[u8; 32], from: usize) -> u64 {
    digest.iter().skip(from).take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

fn hex(digest: &[u8; 32]) -> String {
    format!("{:016x}{:016x}", number(digest, 0), number(digest, 8))
}

fn pick<'a>(of: &[&'a str], number: u64) -> &'a str {
    let at = usize::try_from(number % (of.len() as u64).max(1)).unwrap_or_default();
    of.get(at).copied().unwrap_or_default()
}

/// 80 bits of the digest: among a billion addresses two meet with a chance of one in two million.
fn email(digest: &[u8; 32]) -> String {
    format!("{:016x}{:04x}@example.invalid", number(digest, 0), number(digest, 8) >> 48)
}

fn name(digest: &[u8; 32], text: &str) -> String {
    let code = format!("{:013x}", number(digest, 16) >> 12);
    if text.contains(char::is_whitespace) {
        format!("{} {} {code}", pick(FIRST, number(digest, 0)), pick(LAST, number(digest, 8)))
    } else {
        format!("{}-{code}", pick(LAST, number(digest, 8)).to_lowercase())
    }
}

/// Every digit is replaced; all that stands between them stays.
fn phone(digest: &[u8; 32], text: &str) -> String {
    let mut left = u128::from(number(digest, 0)) << 64 | u128::from(number(digest, 8));
    text.chars()
        .map(|c| {
            if !c.is_numeric() {
                return if c.is_alphabetic() { 'x' } else { c };
            }
            let digit = u32::try_from(left % 10).unwrap_or_default();
            left /= 10;
            char::from_digit(digit, 10).unwrap_or('0')
        })
        .collect()
}

/// Addresses of private networks.
fn ip(digest: &[u8; 32], text: &str) -> String {
    let bits = number(digest, 0);
    if text.contains(':') {
        let part = |shift: u32| (bits >> shift) & 0xFFFF;
        format!("fd00::{:x}:{:x}:{:x}:{:x}", part(48), part(32), part(16), part(0))
    } else {
        format!("10.{}.{}.{}", (bits >> 16) & 0xFF, (bits >> 8) & 0xFF, bits & 0xFF)
    }
}

/// Letters become letters and digits digits, by their place; lengths, spaces and line ends stay.
fn prose(digest: &[u8; 32], text: &str) -> String {
    let mut reader = blake3::Hasher::new_keyed(digest).finalize_xof();
    let mut byte = [0_u8; 1];
    text.chars()
        .map(|c| {
            reader.fill(&mut byte);
            let [random] = byte;
            match c {
                _ if c.is_whitespace() || c.is_ascii_punctuation() => c,
                _ if c.is_numeric() => char::from(b'0' + random % 10),
                _ if c.is_uppercase() => char::from(b'A' + random % 26),
                _ => char::from(b'a' + random % 26),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn masked(text: &str, kind: Pii) -> String {
        Masker::new(b"secret").text(text, kind, 255)
    }

    #[test]
    fn masks_keep_the_form_and_hide_the_value() {
        assert!(masked("Ada@Example.com", Pii::Email).ends_with("@example.invalid"));
        assert_eq!(masked("ADA@example.COM", Pii::Email), masked("ada@example.com", Pii::Email));
        assert_eq!(masked("Ada Lovelace", Pii::Name).split(' ').count(), 3);
        let phone = masked("+44 (20) 7946-0123 ext", Pii::Phone);
        assert_eq!(phone.chars().filter(char::is_ascii_digit).count(), 12);
        assert!(phone.starts_with('+') && phone.ends_with(" xxx"));
        assert!(masked("192.168.1.1", Pii::Ip).starts_with("10."));
        assert!(masked("2001:db8::1", Pii::Ip).parse::<std::net::Ipv6Addr>().is_ok());
        let note = masked("Call Zoë,\nroom 7!", Pii::FreeText);
        assert_eq!(note.chars().count(), 17);
        assert!(note.contains(",\n") && note.ends_with('!') && !note.contains("Zo"));
        assert_eq!(masked("", Pii::Email), "");
    }

    #[test]
    fn the_secret_decides_and_different_values_stay_different() {
        let (one, other) = (Masker::new(b"one"), Masker::new(b"other"));
        assert_ne!(one.text("a@b.c", Pii::Email, 255), other.text("a@b.c", Pii::Email, 255));
        for kind in [Pii::Email, Pii::Name] {
            let masks: HashSet<String> = (0..20_000).map(|n| one.text(&format!("person {n}"), kind, 100)).collect();
            assert_eq!(masks.len(), 20_000);
        }
        assert!(one.text("a@b.c", Pii::Email, 20).chars().count() <= 20);
        assert_eq!(format!("{one:?}"), "Masker(…)");
    }

    #[test]
    fn only_tagged_columns_are_masked() {
        let mut column = Column::of(LogicalType::Text);
        let masker = Masker::new(b"s");
        let text = Value::Text("Ada".to_owned());
        assert_eq!(masker.mask(&text, &column), text);
        column.pii = Some(Pii::Name);
        assert_ne!(masker.mask(&text, &column), text);
        assert_eq!(masker.mask(&Value::Null, &column), Value::Null);
        let json = Value::Json(r#"{"a": "Ada", "b": [17, null, true]}"#.to_owned());
        let Value::Json(hidden) = masker.mask(&json, &column) else { panic!("not json") };
        assert!(!hidden.contains("Ada") && !hidden.contains("17") && hidden.contains("null"));
        assert_ne!(masker.mask(&Value::Uuid([7; 16]), &column), Value::Uuid([7; 16]));
    }
}
