//! Texts: what a column is called and tagged says what stands in it.

use super::dice::Dice;
use super::words::{
    COUNTRIES, CURRENCIES, DOMAINS, FIRST, HARD_NAMES, HARD_TEXTS, LAST, PLAIN_FIRST, SENTENCES, WORDS,
};
use crate::model::table::{Format, Pii};
use crate::model::{Column, LogicalType};

/// Longest text that is made for a column without a bound of its own, in characters.
const LONGEST: usize = 2000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Email,
    Url,
    Ip,
    Country,
    Currency,
    Phone,
    Person,
    UserName,
    Title,
    Prose,
    Words,
    Token,
    Slug,
    Digits(usize),
    Hex(usize),
    Upper(usize),
    Lower(usize),
    Number,
    Version,
    Color,
}

/// The generator of one text column.
#[derive(Debug, Clone)]
pub(super) struct Text {
    kind: Kind,
    least: usize,
    most: usize,
}

impl Text {
    /// The generator that fits a column; `Err` says why none does.
    pub(super) fn of(path: &[&str], column: &Column) -> Result<Self, String> {
        let bound = |length: u32| usize::try_from(length).unwrap_or(LONGEST);
        let typed = match column.logical {
            LogicalType::String(most) => bound(most),
            _ => usize::MAX,
        };
        let most = column.max_length.map_or(usize::MAX, bound).min(typed).min(LONGEST);
        let least = column.min_length.map_or(0, bound);
        if least > most {
            return Err(format!("no text has at least {least} and at most {most} characters"));
        }
        let name = path.last().copied().unwrap_or_default();
        let mut text = Self { kind: kind_of(name, column), least, most };
        if let Some(pattern) = &column.pattern {
            text.kind = matching(pattern, &text)?;
        }
        Ok(text)
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// The text of a row; with a number it is different from that of every other number.
    pub(super) fn make(&self, dice: &mut Dice, number: Option<u64>) -> String {
        let text = self.raw(dice, number);
        self.fit(text, dice)
    }

    fn raw(&self, dice: &mut Dice, number: Option<u64>) -> String {
        if let Some(exact) = fixed(self.kind, dice, number) {
            return exact;
        }
        if self.kind == Kind::Email {
            let domain = dice.pick(DOMAINS);
            let digits = number.unwrap_or_else(|| dice.below(10_000));
            let tail = format!("{digits}@{domain}");
            let local = format!("{}.{}", dice.pick(PLAIN_FIRST), dice.pick(PLAIN_FIRST));
            return joined(&local, &tail, self.most);
        }
        let stem = self.stem(dice, number.is_some());
        match number {
            None => stem,
            Some(number) => {
                let separator = match self.kind {
                    Kind::Person | Kind::Title | Kind::Words | Kind::Prose => " ",
                    _ => "-",
                };
                let code = base36(number);
                if self.most < 12 {
                    return format!("{code:0>width$}", width = self.most);
                }
                joined(&stem, &format!("{separator}{code}"), self.most)
            }
        }
    }

    fn stem(&self, dice: &mut Dice, plain: bool) -> String {
        match self.kind {
            Kind::Url => format!("https://{}/{}/{}", dice.pick(DOMAINS), dice.pick(WORDS), base36(dice.below(1 << 40))),
            Kind::Person if !plain && dice.once_in(40) => dice.pick(HARD_NAMES).to_owned(),
            Kind::Person => format!("{} {}", dice.pick(FIRST), dice.pick(LAST)),
            Kind::UserName => format!("{}.{}", dice.pick(PLAIN_FIRST), dice.pick(WORDS)),
            Kind::Slug => format!("{}-{}", dice.pick(WORDS), dice.pick(WORDS)),
            Kind::Token => format!("{:016x}{:016x}{:016x}", dice.next(), dice.next(), dice.next()),
            Kind::Title => title(dice),
            Kind::Words if !plain && dice.once_in(40) => dice.pick(HARD_TEXTS).to_owned(),
            Kind::Words => format!("{} {}", dice.pick(WORDS), dice.pick(WORDS)),
            _ => prose(dice, plain, self.most),
        }
    }

    fn fit(&self, mut text: String, dice: &mut Dice) -> String {
        if let Some((end, _)) = text.char_indices().nth(self.most) {
            text.truncate(end);
        }
        let missing = self.least.saturating_sub(text.chars().count());
        for _ in 0..missing {
            text.push(char::from(b'a' + u8::try_from(dice.below(26)).unwrap_or_default()));
        }
        text
    }
}

fn kind_of(name: &str, column: &Column) -> Kind {
    match (column.format, column.pii) {
        (Some(Format::Email), _) | (None, Some(Pii::Email)) => return Kind::Email,
        (Some(Format::Url), _) => return Kind::Url,
        (Some(Format::Ip), _) | (None, Some(Pii::Ip)) => return Kind::Ip,
        (Some(Format::Country), _) => return Kind::Country,
        (Some(Format::Currency), _) => return Kind::Currency,
        (None, Some(Pii::Phone)) => return Kind::Phone,
        (None, Some(Pii::FreeText)) => return Kind::Prose,
        _ => {}
    }
    let has = |part: &str| name.contains(part);
    match name {
        _ if column.secret.is_some() || has("token") || has("hash") || has("password") => Kind::Token,
        _ if has("user_name") || has("username") || has("login") || has("handle") => Kind::UserName,
        _ if has("email") => Kind::Email,
        _ if has("url") || has("link") => Kind::Url,
        _ if has("phone") => Kind::Phone,
        _ if has("slug") || name.ends_with("_id") || has("code") => Kind::Slug,
        _ if column.pii == Some(Pii::Name) || name == "name" || has("_name") => Kind::Person,
        _ if has("title") || has("subject") => Kind::Title,
        _ if column.logical == LogicalType::Text => Kind::Prose,
        _ => Kind::Words,
    }
}

/// Texts of a fixed form, in which a number has its own place.
fn fixed(kind: Kind, dice: &mut Dice, number: Option<u64>) -> Option<String> {
    let low = |dice: &mut Dice| number.unwrap_or_else(|| dice.next());
    let spelled = |dice: &mut Dice, length: usize, letters: &[u8]| {
        let mut left = u128::from(low(dice));
        let count = letters.len() as u128;
        let mut spelled: Vec<char> = (0..length)
            .map(|_| {
                let at = usize::try_from(left % count).unwrap_or_default();
                left /= count;
                char::from(letters.get(at).copied().unwrap_or(b'0'))
            })
            .collect();
        spelled.reverse();
        spelled.into_iter().collect::<String>()
    };
    Some(match kind {
        Kind::Ip => {
            let n = low(dice);
            if n % 4 == 3 {
                format!("2001:db8::{:x}:{:x}", (n >> 18) & 0xFFFF, (n >> 2) & 0xFFFF)
            } else {
                format!("10.{}.{}.{}", (n >> 16) & 0xFF, (n >> 8) & 0xFF, n & 0xFF)
            }
        }
        Kind::Country => dice.pick(COUNTRIES).to_owned(),
        Kind::Currency => dice.pick(CURRENCIES).to_owned(),
        Kind::Phone => format!("+1555{}", spelled(dice, 9, b"0123456789")),
        Kind::Digits(length) => spelled(dice, length, b"0123456789"),
        Kind::Hex(length) => spelled(dice, length, b"0123456789abcdef"),
        Kind::Upper(length) => spelled(dice, length, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        Kind::Lower(length) => spelled(dice, length, b"abcdefghijklmnopqrstuvwxyz"),
        Kind::Number => low(dice).to_string(),
        Kind::Version => format!("{}.{}.{}", dice.below(9), dice.below(30), low(dice) % 1_000_000_000),
        Kind::Color => format!("#{}", spelled(dice, 6, b"0123456789abcdef")),
        _ => return None,
    })
}

/// The first of many kinds whose texts match a pattern.
fn matching(pattern: &str, text: &Text) -> Result<Kind, String> {
    let whole = regex::Regex::new(&format!("^(?:{pattern})$")).map_err(|_| "its pattern cannot be read".to_owned())?;
    let plain = [
        text.kind,
        Kind::Slug,
        Kind::Email,
        Kind::Url,
        Kind::UserName,
        Kind::Version,
        Kind::Color,
        Kind::Phone,
        Kind::Country,
        Kind::Currency,
        Kind::Number,
        Kind::Words,
        Kind::Token,
    ];
    let lengths = text.least.max(1)..=text.most.min(64);
    let sized = lengths.flat_map(|n| [Kind::Lower(n), Kind::Upper(n), Kind::Digits(n), Kind::Hex(n)]);
    let fits = |kind: &Kind| {
        let candidate = Text { kind: *kind, ..text.clone() };
        (0..50).all(|row| {
            let mut dice = Dice::of(row, row);
            let numbered = whole.is_match(&candidate.make(&mut dice.clone(), Some(row * 37)));
            numbered && whole.is_match(&candidate.make(&mut dice, None))
        })
    };
    plain.into_iter().chain(sized).find(fits).ok_or_else(|| format!("no known kind of text matches '{pattern}'"))
}

fn title(dice: &mut Dice) -> String {
    let mut title = format!("{} {}", dice.pick(WORDS), dice.pick(WORDS));
    if let Some(first) = title.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    match dice.below(30) {
        0 => format!("“{title}” — Ré-mix №{}", dice.below(9) + 1),
        1 => format!("{title}, part {}", dice.below(9) + 1),
        _ => title,
    }
}

fn prose(dice: &mut Dice, plain: bool, most: usize) -> String {
    match dice.below(64) {
        0 if !plain => String::new(),
        1 | 2 if !plain => dice.pick(HARD_TEXTS).to_owned(),
        3 => "long ".repeat(most.min(LONGEST) / 5),
        _ => {
            let sentences: Vec<&str> = (0..=dice.below(3)).map(|_| dice.pick(SENTENCES)).collect();
            sentences.join(if dice.once_in(8) { "\n" } else { " " })
        }
    }
}

/// Two parts of which the second must stay whole.
fn joined(stem: &str, tail: &str, most: usize) -> String {
    let room = most.saturating_sub(tail.chars().count());
    stem.chars().take(room).chain(tail.chars()).collect()
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).unwrap_or_default();
        digits.push(char::from_digit(digit, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// How many numbers have a place in a text of this length.
pub(super) fn base36_room(length: usize) -> u64 {
    u32::try_from(length).ok().and_then(|length| 36_u64.checked_pow(length)).unwrap_or(u64::MAX)
}
