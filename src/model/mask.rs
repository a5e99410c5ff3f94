//! Masks: personal data becomes something of the same form that belongs to nobody.
//!
//! A mask is a function of a secret and the value. The same value always gets the same mask, in every
//! table and every run with that secret, so references and groups stay as they are; different
//! values keep different masks where the form has room for it. Without the secret nothing leads
//! back: the only thing that a mask tells is which values were equal.

mod document;
mod shift;
mod ties;

pub use ties::tied;

use super::literal::{compare, parse};
use super::table::{Format, Pii};
use super::{Column, LogicalType, Value};

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

/// Letters of a mask: 84 bits of the digest. Among a billion values two meet with a chance of one in 50 million.
const LETTERS: usize = 18;
/// With fewer letters two values could meet too easily.
const FEWEST: usize = 8;
const DAY: i64 = 86_400_000_000;

impl Masker {
    /// A masker with a secret. Two maskers of one secret give the same masks.
    pub fn new(secret: &[u8]) -> Self {
        Self { key: blake3::derive_key("fixtool 2026-11 mask of personal data", secret) }
    }

    /// A masker whose secret nobody knows and nothing keeps.
    pub fn of_this_run() -> Self {
        Self::new(&[uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()].concat())
    }

    /// Whether values of a column are replaced: personal data gets masks, and secrets are withheld.
    pub fn hides(column: &Column) -> bool {
        column.pii.is_some() || column.secret.is_some()
    }

    /// What stands for a value of a column, which is best taken from a model that is [`tied`]. NULL stays NULL; a
    /// column that says nothing of personal data and secrets stays as it is.
    #[must_use]
    pub fn mask(&self, value: &Value, column: &Column) -> Value {
        match (column.pii, value) {
            (_, Value::Null) => Value::Null,
            _ if column.secret.is_some() => self.withheld(value, column),
            (None, _) => value.clone(),
            (Some(kind), Value::Text(text)) => Value::Text(self.word(text, kind, column)),
            (Some(kind), Value::List(items)) => {
                let masked = items.iter().map(|item| item.as_deref().map(|text| self.text(text, kind, usize::MAX)));
                Value::List(masked.collect())
            }
            (Some(kind), Value::Json(text)) => {
                Value::Json(document::masked(text, |text| self.text(text, kind, usize::MAX)))
            }
            (Some(_), other) => within(self.plain(other, column), column),
        }
    }

    /// The mask of a text, at most `room` characters long. An empty text stays empty.
    pub fn text(&self, text: &str, kind: Pii, room: usize) -> String {
        if text.is_empty() {
            return String::new();
        }
        let digest = self.digest(kind, text);
        let masked = match kind {
            Pii::Email => self.email(&digest, text, room),
            Pii::Name => Some(name(&digest, text)),
            Pii::Ip => Some(ip(&digest, text)),
            Pii::Phone | Pii::FreeText => None,
        };
        let fits = masked.filter(|masked| masked.chars().count() <= room);
        fits.unwrap_or_else(|| self.scrambled(text, kind).chars().take(room).collect())
    }

    /// The mask of a text that keeps the rules of its column.
    fn word(&self, text: &str, kind: Pii, column: &Column) -> String {
        let room = ties::most(column).map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        if let LogicalType::Enum(words) = &column.logical {
            return self.other_word(text, words);
        }
        match column.format {
            _ if text.is_empty() => String::new(),
            Some(Format::Email) => self.text(text, Pii::Email, room),
            Some(Format::Ip) => self.text(text, Pii::Ip, room),
            Some(Format::Url) => {
                let letters = letters(&self.digest(kind, text), LETTERS.min(room.saturating_sub(17)));
                format!("https://{letters}.invalid/")
            }
            Some(Format::Country) => "AQ".to_owned(),
            Some(Format::Currency) => "XXX".to_owned(),
            None if column.pattern.is_some() => self.scrambled(text, kind),
            None => {
                let masked = self.text(text, kind, room);
                let long_enough = |fewest| masked.chars().count() >= usize::try_from(fewest).unwrap_or(usize::MAX);
                if column.min_length.is_none_or(long_enough) { masked } else { self.scrambled(text, kind) }
            }
        }
    }

    fn other_word(&self, text: &str, words: &[String]) -> String {
        let Some(at) = words.iter().position(|word| word == text) else { return text.to_owned() };
        let other = shift::shift(&self.key, at as u128, words.len() as u128);
        usize::try_from(other).ok().and_then(|other| words.get(other)).cloned().unwrap_or_default()
    }

    fn digest(&self, kind: Pii, text: &str) -> [u8; 32] {
        // The same address in other letters is the same person.
        if kind == Pii::Email { self.hash(kind, &text.to_lowercase()) } else { self.hash(kind, text) }
    }

    fn hash(&self, kind: Pii, text: &str) -> [u8; 32] {
        let tag = match kind {
            Pii::Email => 0,
            Pii::Name => 1,
            Pii::Phone => 2,
            Pii::Ip => 3,
            Pii::FreeText => 4,
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&[tag]).update(text.as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// An address in other letters gets the same mask in other letters, so that both stay one without them and
    /// two with them.
    fn email(&self, digest: &[u8; 32], text: &str, room: usize) -> Option<String> {
        let count = LETTERS.min(room.saturating_sub("@example.invalid".len()));
        let mut local = letters(digest, count);
        if text.chars().any(char::is_uppercase) {
            let bits = number(&self.hash(Pii::Email, text), 0);
            let cased = |(at, letter): (usize, char)| match bits >> (at % 64) & 1 {
                1 => letter.to_ascii_uppercase(),
                _ => letter,
            };
            local = local.chars().enumerate().map(cased).collect();
        }
        (count >= FEWEST).then(|| format!("{local}@example.invalid"))
    }

    /// Letters become letters and digits digits; lengths, blanks, marks and line ends stay. Texts of one form keep
    /// different masks, however short they are. Of a telephone number only the digits count.
    fn scrambled(&self, text: &str, kind: Pii) -> String {
        let mut form = Form { letters: kind != Pii::Phone, ..Form::default() };
        if !text.chars().all(|c| form.take(c)) || form.size < 2 {
            return prose(&self.digest(kind, text), text);
        }
        let key = self.hash(kind, &form.layout);
        form.give(text, shift::shift(&key, form.number, form.size))
    }

    /// What is no text but tagged as personal. Moments lose their time of day, and the rest its value; in keys,
    /// values stay different.
    fn plain(&self, value: &Value, column: &Column) -> Value {
        match value {
            Value::Uuid(id) => {
                let mut bytes = [0; 16];
                bytes.copy_from_slice(self.bytes(id, 16).get(..16).unwrap_or(&[0; 16]));
                Value::Uuid(*uuid::Builder::from_random_bytes(bytes).as_uuid().as_bytes())
            }
            Value::Int(of) if column.unique => Value::Int(self.integer(*of, column)),
            Value::Bytes(of) if column.unique => Value::Bytes(self.bytes(of, of.len())),
            Value::Timestamp(i64::MAX | i64::MIN) | Value::Date(i32::MAX | i32::MIN) => value.clone(),
            Value::Timestamp(micros) if column.unique => {
                Value::Timestamp(micros.saturating_sub(i64::from(self.days()) * DAY))
            }
            Value::Date(days) if column.unique => Value::Date(days.saturating_sub(self.days())),
            Value::Timestamp(micros) => Value::Timestamp(micros.div_euclid(365 * DAY).saturating_mul(365 * DAY)),
            Value::Date(days) => Value::Date(days.div_euclid(365).saturating_mul(365)),
            Value::Bytes(bytes) => Value::Bytes(vec![0; bytes.len()]),
            Value::Bool(_) => Value::Bool(false),
            Value::Int(_) => Value::Int(0),
            Value::Float(_) => Value::Float(0.0),
            Value::Decimal(_) => Value::Decimal("0".to_owned()),
            Value::Null | Value::Text(_) | Value::Json(_) | Value::List(_) => Value::Null,
        }
    }

    /// A number of days that belongs to the secret.
    fn days(&self) -> i32 {
        i32::try_from(30 + number(&self.key, 0) % 3000).unwrap_or(30)
    }

    fn bytes(&self, of: &[u8], length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new_keyed(&self.key).update(of).finalize_xof().fill(&mut bytes);
        bytes
    }

    /// Another number of as many digits.
    fn integer(&self, of: i64, column: &Column) -> i64 {
        let size = of.unsigned_abs();
        let low = if size < 10 { 0 } else { 10_u64.pow(size.ilog10()) };
        let most = if column.logical == LogicalType::Int {
            u64::from(i32::MAX.unsigned_abs())
        } else {
            i64::MAX.unsigned_abs()
        };
        let high = low.max(1).saturating_mul(10).saturating_sub(1).min(most);
        let bound = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<u64>().ok());
        let low = low.max(bound(&column.min).unwrap_or_default());
        let high = high.min(bound(&column.max).unwrap_or(u64::MAX));
        if size < low || size > high {
            return of;
        }
        let other = shift::shift(&self.key, u128::from(size - low), u128::from(high - low) + 1);
        let other = u64::try_from(other).ok().and_then(|other| i64::try_from(other + low).ok()).unwrap_or(of);
        if of < 0 { -other } else { other }
    }

    /// A secret goes; where something must stand, it stands for nothing.
    fn withheld(&self, value: &Value, column: &Column) -> Value {
        if !column.required {
            return Value::Null;
        }
        match value {
            Value::Text(text) => Value::Text(self.nothing(text, column)),
            Value::Json(_) => Value::Json("{}".to_owned()),
            Value::List(_) => Value::List(Vec::new()),
            Value::Bytes(_) if !column.unique => Value::Bytes(Vec::new()),
            other => self.plain(other, column),
        }
    }

    /// A text that says nothing and that the column takes.
    fn nothing(&self, text: &str, column: &Column) -> String {
        if let LogicalType::Enum(words) = &column.logical {
            return words.first().cloned().unwrap_or_default();
        }
        let mut nothing = String::new();
        if column.unique {
            nothing = letters(&self.hash(Pii::FreeText, text), LETTERS);
        }
        let fewest = usize::try_from(column.min_length.unwrap_or_default()).unwrap_or_default();
        while nothing.len() < fewest {
            nothing.push('-');
        }
        nothing
    }
}

/// A value moved to the nearest one that the column allows.
fn within(value: Value, column: &Column) -> Value {
    let mut value = value;
    for (bound, beyond) in [(&column.min, std::cmp::Ordering::Less), (&column.max, std::cmp::Ordering::Greater)] {
        if let Some(bound) = bound.as_ref().and_then(|text| parse(text, &column.logical).ok())
            && compare(&value, &bound) == Some(beyond)
        {
            value = bound;
        }
    }
    value
}

/// The letters and digits of a text as one number, and what stands between them.
#[derive(Default)]
struct Form {
    letters: bool,
    layout: String,
    number: u128,
    size: u128,
}

impl Form {
    /// The first of its kind and how many there are.
    fn kind(&self, c: char) -> Option<(u8, u128)> {
        match c {
            '0'..='9' => Some((b'0', 10)),
            'a'..='z' if self.letters => Some((b'a', 26)),
            'A'..='Z' if self.letters => Some((b'A', 26)),
            _ => None,
        }
    }

    /// Takes the next character; false if it, or its number, is beyond what can be counted.
    fn take(&mut self, c: char) -> bool {
        let Some((first, count)) = self.kind(c) else {
            self.layout.push(c);
            return c.is_ascii() || !(c.is_numeric() || self.letters && c.is_alphabetic());
        };
        self.layout.push(char::from(first));
        self.size = self.size.max(1) * count;
        self.number = self.number * count + u128::from(u32::from(c) - u32::from(first));
        self.size <= shift::MOST / 26
    }

    /// The text with another number in it.
    fn give(&self, text: &str, mut number: u128) -> String {
        let mut turned: Vec<char> = Vec::with_capacity(text.len());
        for c in text.chars().rev() {
            turned.push(match self.kind(c) {
                Some((first, count)) => {
                    let digit = u8::try_from(number % count).unwrap_or_default();
                    number /= count;
                    char::from(first + digit)
                }
                None if c.is_alphabetic() => 'x',
                None => c,
            });
        }
        turned.into_iter().rev().collect()
    }
}

/// The number in eight bytes of a digest, from this place on.
fn number(digest: &[u8; 32], from: usize) -> u64 {
    digest.iter().skip(from).take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// Letters of a digest: at most [`LETTERS`].
fn letters(digest: &[u8; 32], count: usize) -> String {
    let mut left = u128::from(number(digest, 0)) << 64 | u128::from(number(digest, 8));
    let mut text = String::with_capacity(count);
    for _ in 0..count.min(LETTERS) {
        text.push(char::from(b'a' + u8::try_from(left % 26).unwrap_or_default()));
        left /= 26;
    }
    text
}

fn pick<'a>(of: &[&'a str], number: u64) -> &'a str {
    let at = usize::try_from(number % (of.len() as u64).max(1)).unwrap_or_default();
    of.get(at).copied().unwrap_or_default()
}

fn name(digest: &[u8; 32], text: &str) -> String {
    let code = format!("{:013x}", number(digest, 16) >> 12);
    if text.contains(char::is_whitespace) {
        format!("{} {} {code}", pick(FIRST, number(digest, 0)), pick(LAST, number(digest, 8)))
    } else {
        format!("{}-{code}", pick(LAST, number(digest, 8)).to_lowercase())
    }
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

/// The same for long texts and for letters beyond ASCII, by their place.
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
mod tests;
