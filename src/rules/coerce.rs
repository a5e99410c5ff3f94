//! From a field as it was written to a value of its column's type: strict, predictable, and the
//! same for every engine. [`conversions::CONVERSIONS`](super::conversions::CONVERSIONS) says in
//! words what this file does.

use super::clock::{Clock, ClockFault};
use super::numbers;
use super::reject::{Reject, shown};
use crate::model::calendar::{self, TIMESTAMP_FORM};
use crate::model::json_text::{self, PieceKind};
use crate::model::{Column, LogicalType, Raw, Value};

/// Makes values of one column.
#[derive(Debug, Clone)]
pub struct Coercer {
    logical: LogicalType,
    /// Values of personal and secret columns are not shown in reasons.
    private: bool,
    clock: Clock,
}

impl Coercer {
    /// For values of this column.
    pub fn for_column(column: &Column) -> Self {
        Self {
            logical: column.logical.clone(),
            private: column.pii.is_some() || column.secret.is_some(),
            clock: Clock::default(),
        }
    }

    /// For values of a type, whatever the column.
    pub fn for_type(logical: LogicalType) -> Self {
        Self { logical, private: false, clock: Clock::default() }
    }

    /// With what is known about times without a zone.
    pub(super) fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// The value that a field stands for. An absent field is NULL here; defaults are the
    /// pipeline's business.
    ///
    /// # Errors
    /// If the field is no value of the type; nothing is rounded, cut or guessed.
    pub fn coerce(&self, raw: Raw<'_>) -> Result<Value, Reject> {
        let value = match raw {
            Raw::Absent | Raw::Null => return Ok(Value::Null),
            Raw::Text(text) => self.text(text),
            Raw::String(text) => self.string(text),
            Raw::Number(text) => self.number(text),
            Raw::Bool(truth) => self.boolean(truth),
            Raw::Json(text) => self.json(text),
        };
        value.map_err(|fault| self.reject(raw, &fault))
    }

    /// CSV and TSV: the text may be a value of any type.
    fn text(&self, text: &str) -> Result<Value, Fault> {
        match &self.logical {
            LogicalType::Int => numbers::int(text),
            LogicalType::BigInt => numbers::bigint(text),
            LogicalType::Float => numbers::float(text),
            LogicalType::Bool => truth(text),
            LogicalType::Json => document(text),
            LogicalType::ListText if text.starts_with('{') => braced_list(text),
            LogicalType::ListText => list(text),
            _ => self.string(text),
        }
    }

    /// Types that a JSON or YAML source writes as strings, and CSV likewise.
    fn string(&self, text: &str) -> Result<Value, Fault> {
        match &self.logical {
            LogicalType::Text | LogicalType::Native(_) => plain(text),
            LogicalType::String(most) => limited(text, *most),
            LogicalType::Enum(words) => word(text, words),
            LogicalType::Uuid => uuid(text),
            LogicalType::Timestamp => self.clock.read(text).map(Value::Timestamp),
            LogicalType::Date => calendar::parse_date(text).map(Value::Date).map_err(Fault::from),
            LogicalType::Decimal(precision, scale) => numbers::decimal(text, *precision, *scale),
            LogicalType::BigInt => numbers::bigint(text),
            LogicalType::Bytes => bytes(text),
            LogicalType::Float if numbers::is_special(text) => numbers::float(text),
            LogicalType::Json => {
                serde_json::to_string(text).map(Value::Json).map_err(|_| Fault::Kind("a JSON document"))
            }
            LogicalType::Int | LogicalType::Float => Err(Fault::Kind("a number")),
            LogicalType::Bool => Err(Fault::Kind("true or false")),
            LogicalType::ListText => Err(Fault::Kind("an array of strings")),
        }
    }

    fn number(&self, text: &str) -> Result<Value, Fault> {
        match &self.logical {
            LogicalType::Int => numbers::int(text),
            LogicalType::BigInt => numbers::bigint(text),
            LogicalType::Float => numbers::float(text),
            LogicalType::Decimal(precision, scale) => numbers::decimal(text, *precision, *scale),
            LogicalType::Json => Ok(Value::Json(text.to_owned())),
            LogicalType::Native(_) => plain(text),
            LogicalType::Bool => Err(Fault::Kind("true or false")),
            LogicalType::ListText => Err(Fault::Kind("an array of strings")),
            _ => Err(Fault::Kind("a string")),
        }
    }

    fn boolean(&self, truth: bool) -> Result<Value, Fault> {
        let word = if truth { "true" } else { "false" };
        match &self.logical {
            LogicalType::Bool => Ok(Value::Bool(truth)),
            LogicalType::Json => Ok(Value::Json(word.to_owned())),
            LogicalType::Native(_) => plain(word),
            LogicalType::Int | LogicalType::BigInt | LogicalType::Float | LogicalType::Decimal(..) => {
                Err(Fault::Kind("a number"))
            }
            LogicalType::ListText => Err(Fault::Kind("an array of strings")),
            _ => Err(Fault::Kind("a string")),
        }
    }

    fn json(&self, text: &str) -> Result<Value, Fault> {
        match &self.logical {
            LogicalType::Json => document(text),
            LogicalType::ListText => list(text),
            LogicalType::Native(_) => plain(text),
            LogicalType::Int | LogicalType::BigInt | LogicalType::Float | LogicalType::Decimal(..) => {
                Err(Fault::Kind("a number"))
            }
            LogicalType::Bool => Err(Fault::Kind("true or false")),
            _ => Err(Fault::Kind("a string")),
        }
    }

    fn reject(&self, raw: Raw<'_>, fault: &Fault) -> Reject {
        let value = match raw {
            _ if self.private => "the value".to_owned(),
            Raw::Text(text) | Raw::String(text) => format!("'{}'", shown(text)),
            Raw::Number(text) | Raw::Json(text) => shown(text),
            Raw::Bool(truth) => truth.to_string(),
            Raw::Absent | Raw::Null => "null".to_owned(),
        };
        fault.reject(&value, &self.logical)
    }
}

/// Why a text is no value; the coercer adds the text and the type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The source wrote another kind of JSON value.
    Kind(&'static str),
    /// It does not have the form of the type.
    Form(&'static str),
    /// It is beyond what the type holds.
    Range(&'static str),
    /// It has more digits after the point than the type.
    Scale,
    /// It has more characters than the type.
    Length(usize),
    /// It is none of the words.
    Word,
    /// It contains NUL.
    Nul,
    /// It is no instant or day.
    Calendar(calendar::CalendarFault),
    /// Its zone makes it no instant, or two.
    Clock(ClockFault),
    /// It is no JSON.
    Json(json_text::JsonFault),
}

impl From<calendar::CalendarFault> for Fault {
    fn from(fault: calendar::CalendarFault) -> Self {
        Self::Calendar(fault)
    }
}

impl From<json_text::JsonFault> for Fault {
    fn from(fault: json_text::JsonFault) -> Self {
        Self::Json(fault)
    }
}

impl Fault {
    fn reject(&self, value: &str, logical: &LogicalType) -> Reject {
        match self {
            Self::Kind(wanted) => Reject::new("wrong_kind", format!("{value} stands where {logical} wants {wanted}")),
            Self::Form(form) => Reject::new(not_code(logical), format!("{value} is no {logical}: write it as {form}")),
            Self::Range(range) => {
                Reject::new("out_of_range", format!("{value} is out of range for {logical}: {range}"))
            }
            Self::Scale => {
                Reject::new("too_precise", format!("{value} has more digits after the point than {logical} keeps"))
            }
            Self::Length(length) => {
                Reject::new("too_long", format!("{value} has {length} characters, {logical} takes fewer"))
            }
            Self::Word => Reject::new("not_in_enum", format!("{value} is none of the words of {logical}")),
            Self::Nul => Reject::new("nul", "the text contains the character NUL, which no database text may hold"),
            Self::Calendar(calendar::CalendarFault::NoZone) => Reject::new(
                "no_time_zone",
                format!(
                    "{value} names no time zone: end it with Z or an offset, as in {TIMESTAMP_FORM}, \
                     or say which zone is meant with --time-zone"
                ),
            ),
            Self::Clock(fault) => Reject::new(fault.code(), format!("{value}: {fault}")),
            Self::Calendar(calendar::CalendarFault::TooFine) => {
                Reject::new("too_precise", format!("{value} is finer than a microsecond"))
            }
            Self::Calendar(fault) => Reject::new(not_code(logical), format!("{value} is no {logical}: {fault}")),
            Self::Json(fault) => Reject::new(json_code(fault.kind), format!("{value} is no {logical}: {fault}")),
        }
    }
}

fn json_code(kind: json_text::JsonFaultKind) -> &'static str {
    match kind {
        json_text::JsonFaultKind::TooDeep => "too_deep",
        json_text::JsonFaultKind::DuplicateKey => "duplicate_key",
        json_text::JsonFaultKind::Nul => "nul",
        _ => "not_json",
    }
}

fn not_code(logical: &LogicalType) -> &'static str {
    match logical {
        LogicalType::Uuid => "not_uuid",
        LogicalType::Int | LogicalType::BigInt => "not_int",
        LogicalType::Bool => "not_bool",
        LogicalType::Decimal(..) => "not_decimal",
        LogicalType::Float => "not_float",
        LogicalType::Timestamp => "not_timestamp",
        LogicalType::Date => "not_date",
        LogicalType::Json => "not_json",
        LogicalType::Bytes => "not_bytes",
        LogicalType::ListText => "not_list",
        LogicalType::Enum(_) => "not_in_enum",
        LogicalType::Text | LogicalType::String(_) | LogicalType::Native(_) => "not_text",
    }
}

fn plain(text: &str) -> Result<Value, Fault> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(Fault::Nul);
    }
    Ok(Value::Text(text.to_owned()))
}

fn limited(text: &str, most: u32) -> Result<Value, Fault> {
    // Bytes bound characters from above, so most texts need no count.
    if text.len() > most as usize {
        let length = text.chars().count();
        if length > most as usize {
            return Err(Fault::Length(length));
        }
    }
    plain(text)
}

fn word(text: &str, words: &[String]) -> Result<Value, Fault> {
    if words.iter().any(|word| word == text) { Ok(Value::Text(text.to_owned())) } else { Err(Fault::Word) }
}

fn truth(text: &str) -> Result<Value, Fault> {
    let is = |words: [&str; 3]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(["true", "t", "1"]) {
        Ok(Value::Bool(true))
    } else if is(["false", "f", "0"]) {
        Ok(Value::Bool(false))
    } else {
        Err(Fault::Form("true or false, t or f, 1 or 0"))
    }
}

fn uuid(text: &str) -> Result<Value, Fault> {
    const FORM: &str = "123e4567-e89b-12d3-a456-426614174000";
    let bytes = text.as_bytes();
    if bytes.len() != 36 {
        return Err(Fault::Form(FORM));
    }
    let mut id = [0_u8; 16];
    let mut at = 0;
    for (place, slot) in id.iter_mut().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            if bytes.get(at) != Some(&b'-') {
                return Err(Fault::Form(FORM));
            }
            at += 1;
        }
        *slot = hex_pair(bytes, at).ok_or(Fault::Form(FORM))?;
        at += 2;
    }
    Ok(Value::Uuid(id))
}

fn hex_pair(bytes: &[u8], at: usize) -> Option<u8> {
    Some(hex_digit(*bytes.get(at)?)? << 4 | hex_digit(*bytes.get(at + 1)?)?)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn bytes(text: &str) -> Result<Value, Fault> {
    const FORM: &str = "\\x00ff or base64:AP8=";
    if let Some(hex) = text.strip_prefix("\\x") {
        let hex = hex.as_bytes();
        if hex.len() % 2 == 1 {
            return Err(Fault::Form(FORM));
        }
        let pairs = (0..hex.len()).step_by(2).map(|at| hex_pair(hex, at));
        return pairs.collect::<Option<Vec<u8>>>().map(Value::Bytes).ok_or(Fault::Form(FORM));
    }
    let base64 = text.strip_prefix("base64:").ok_or(Fault::Form(FORM))?;
    super::base64::decode(base64).map(Value::Bytes).ok_or(Fault::Form(FORM))
}

fn document(text: &str) -> Result<Value, Fault> {
    json_text::check(text, json_text::MAX_DEPTH)?;
    Ok(Value::Json(text.trim_matches([' ', '\t', '\n', '\r']).to_owned()))
}

const LIST_FORM: &str = "[\"a\",\"b\"] or {a,b}";

/// A JSON array of strings and nulls.
fn list(text: &str) -> Result<Value, Fault> {
    if !text.trim_start().starts_with('[') {
        return Err(Fault::Form(LIST_FORM));
    }
    let mut items = Vec::new();
    let mut foreign = false;
    json_text::elements(text, json_text::MAX_DEPTH, |piece| {
        let raw = text.get(piece.start..piece.end).unwrap_or_default();
        match piece.kind {
            PieceKind::Null => items.push(None),
            PieceKind::Plain => items.push(Some(raw.to_owned())),
            PieceKind::Escaped => {
                let mut item = String::new();
                json_text::unescape(raw, &mut item);
                items.push(Some(item));
            }
            _ => foreign = true,
        }
    })?;
    if foreign { Err(Fault::Form(LIST_FORM)) } else { Ok(Value::List(items)) }
}

/// PostgreSQL's array literal of one dimension: `{a,"b c",NULL}`.
fn braced_list(text: &str) -> Result<Value, Fault> {
    let wrong = || Fault::Form(LIST_FORM);
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or_else(wrong)?;
    let mut items = Vec::new();
    if inner.is_empty() {
        return Ok(Value::List(items));
    }
    let mut chars = inner.chars().peekable();
    loop {
        let mut item = String::new();
        if chars.next_if_eq(&'"').is_some() {
            loop {
                match chars.next().ok_or_else(wrong)? {
                    '"' => break,
                    '\\' => item.push(chars.next().ok_or_else(wrong)?),
                    other => item.push(other),
                }
            }
            items.push(Some(item));
        } else {
            while let Some(plain) = chars.next_if(|c| *c != ',') {
                item.push(plain);
            }
            items.push(bare_item(item)?);
        }
        match chars.next() {
            None => break,
            Some(',') => {}
            Some(_) => return Err(wrong()),
        }
    }
    let nul = items.iter().flatten().any(|item: &String| item.contains('\0'));
    if nul { Err(Fault::Nul) } else { Ok(Value::List(items)) }
}

/// An element without quotes: never empty, and `NULL` is no value.
fn bare_item(item: String) -> Result<Option<String>, Fault> {
    if item.trim() != item || item.is_empty() || item.contains(['"', '{', '}', '\\']) {
        return Err(Fault::Form(LIST_FORM));
    }
    Ok((!item.eq_ignore_ascii_case("null")).then_some(item))
}
