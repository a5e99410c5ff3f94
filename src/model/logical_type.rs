//! Logical types: what a column holds, on every engine alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The type of a column in `model.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LogicalType {
    /// 128-bit identifier.
    Uuid,
    /// Text of any length.
    Text,
    /// Text of at most this many characters.
    String(u32),
    /// 32-bit signed integer.
    Int,
    /// 64-bit signed integer.
    BigInt,
    /// True or false.
    Bool,
    /// Exact number: total digits, digits after the point.
    Decimal(u16, u16),
    /// 64-bit binary floating point.
    Float,
    /// An instant, always with a time zone, to the microsecond.
    Timestamp,
    /// A calendar day.
    Date,
    /// A JSON document.
    Json,
    /// Bytes.
    Bytes,
    /// A list of texts.
    ListText,
    /// One of these words.
    Enum(Vec<String>),
    /// A type of one engine only, by its own name; values pass through as text.
    Native(String),
}

/// Why a text is no logical type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a type: use uuid, text, string(n), int, bigint, bool, decimal(p,s), float, \
     timestamp, date, json, bytes, list(text), enum(a,b,c) or native(name)"
)]
pub struct InvalidType(pub String);

impl FromStr for LogicalType {
    type Err = InvalidType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let wrong = || InvalidType(trimmed.to_owned());
        let (name, arguments) = match trimmed.split_once('(') {
            Some((name, rest)) => (name.trim(), Some(rest.strip_suffix(')').ok_or_else(wrong)?)),
            None => (trimmed, None),
        };
        let plain = match name {
            "uuid" => Some(Self::Uuid),
            "text" => Some(Self::Text),
            "int" => Some(Self::Int),
            "bigint" => Some(Self::BigInt),
            "bool" => Some(Self::Bool),
            "float" => Some(Self::Float),
            "timestamp" => Some(Self::Timestamp),
            "date" => Some(Self::Date),
            "json" => Some(Self::Json),
            "bytes" => Some(Self::Bytes),
            _ => None,
        };
        match (plain, name, arguments) {
            (Some(plain), _, None) => Ok(plain),
            (None, "string", Some(n)) => {
                n.trim().parse().ok().filter(|n| (1..=10_485_760).contains(n)).map(Self::String).ok_or_else(wrong)
            }
            (None, "list", Some(of)) if of.trim() == "text" => Ok(Self::ListText),
            (None, "native", Some(name)) if !name.trim().is_empty() => Ok(Self::Native(name.trim().to_owned())),
            (None, "decimal", Some(of)) => decimal(of).ok_or_else(wrong),
            (None, "enum", Some(words)) => words_of(words).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }
}

fn decimal(arguments: &str) -> Option<LogicalType> {
    let (precision, scale) = arguments.split_once(',')?;
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    ((1..=1000).contains(&precision) && scale <= precision).then_some(LogicalType::Decimal(precision, scale))
}

fn words_of(arguments: &str) -> Option<LogicalType> {
    let words: Vec<String> = arguments.split(',').map(|w| w.trim().to_owned()).collect();
    let distinct: std::collections::HashSet<&String> = words.iter().collect();
    (distinct.len() == words.len() && words.iter().all(|w| !w.is_empty())).then_some(LogicalType::Enum(words))
}

impl fmt::Display for LogicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid => f.write_str("uuid"),
            Self::Text => f.write_str("text"),
            Self::String(n) => write!(f, "string({n})"),
            Self::Int => f.write_str("int"),
            Self::BigInt => f.write_str("bigint"),
            Self::Bool => f.write_str("bool"),
            Self::Decimal(p, s) => write!(f, "decimal({p},{s})"),
            Self::Float => f.write_str("float"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Date => f.write_str("date"),
            Self::Json => f.write_str("json"),
            Self::Bytes => f.write_str("bytes"),
            Self::ListText => f.write_str("list(text)"),
            Self::Enum(words) => write!(f, "enum({})", words.join(",")),
            Self::Native(name) => write!(f, "native({name})"),
        }
    }
}

impl TryFrom<String> for LogicalType {
    type Error = InvalidType;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<LogicalType> for String {
    fn from(of: LogicalType) -> Self {
        of.to_string()
    }
}
