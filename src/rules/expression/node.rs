//! The tree of an expression after names and kinds were settled.

use regex::Regex;

use super::functions::Function;
use crate::model::{LogicalType, Value};
use crate::rules::Coercer;

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing but NULL.
    Null,
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// An exact number.
    Decimal,
    /// A binary number.
    Float,
    /// Text.
    Text,
    /// An instant.
    Timestamp,
    /// A day.
    Date,
    /// An identifier.
    Uuid,
    /// A JSON document.
    Json,
    /// Bytes.
    Bytes,
    /// A list of texts.
    List,
}

impl Kind {
    /// The kind of a column's values.
    pub(super) fn of(logical: &LogicalType) -> Self {
        match logical {
            LogicalType::Uuid => Self::Uuid,
            LogicalType::Text | LogicalType::String(_) | LogicalType::Enum(_) | LogicalType::Native(_) => Self::Text,
            LogicalType::Int | LogicalType::BigInt => Self::Int,
            LogicalType::Bool => Self::Bool,
            LogicalType::Decimal(..) => Self::Decimal,
            LogicalType::Float => Self::Float,
            LogicalType::Timestamp => Self::Timestamp,
            LogicalType::Date => Self::Date,
            LogicalType::Json => Self::Json,
            LogicalType::Bytes => Self::Bytes,
            LogicalType::ListText => Self::List,
        }
    }

    /// A word for people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a truth value",
            Self::Int => "a whole number",
            Self::Decimal => "a decimal number",
            Self::Float => "a floating point number",
            Self::Text => "text",
            Self::Timestamp => "a timestamp",
            Self::Date => "a date",
            Self::Uuid => "a uuid",
            Self::Json => "a JSON document",
            Self::Bytes => "bytes",
            Self::List => "a list",
        }
    }

    /// Whether it is a number.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Decimal | Self::Float)
    }

    /// The kind of numbers that both can become.
    pub(super) fn wider(self, other: Self) -> Self {
        match (self, other) {
            (Self::Float, _) | (_, Self::Float) => Self::Float,
            (Self::Decimal, _) | (_, Self::Decimal) => Self::Decimal,
            _ => Self::Int,
        }
    }
}

/// Comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A pattern of `like`, `ilike` or `~`, ready to match.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    pub(super) text: String,
    pub(super) like: bool,
    pub(super) any_case: bool,
}

/// One node. Every operand has the kind that its operator wants.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Constant(Value),
    Column(usize, Kind),
    Not(Box<Node>),
    All(Box<Node>, Box<Node>),
    Any(Box<Node>, Box<Node>),
    Compare(Comparison, Kind, Box<Node>, Box<Node>),
    /// `is distinct from`; the flag negates.
    Distinct(Kind, Box<Node>, Box<Node>, bool),
    /// `is null`; the flag negates.
    IsNull(Box<Node>, bool),
    /// `is true` or `is false`; the second flag negates.
    IsTruth(Box<Node>, bool, bool),
    /// `in`; the flag negates.
    In(Kind, Box<Node>, Vec<Node>, bool),
    /// `like`, `ilike`, `~`; the flag negates.
    Matches(Box<Node>, Pattern, bool),
    Arithmetic(Arithmetic, Kind, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    Concat(Box<Node>, Box<Node>),
    Case(Vec<(Node, Node)>, Box<Node>),
    Call(Function, Vec<Node>),
    Cast(Box<Node>, Coercer, LogicalType),
    /// `json ->> 'key'` along a path.
    JsonText(Box<Node>, Vec<String>),
}

impl Node {
    /// Calls with every node, this one first.
    pub(super) fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Node)) {
        see(self);
        match self {
            Self::Constant(_) | Self::Column(..) => {}
            Self::Not(a)
            | Self::IsNull(a, _)
            | Self::IsTruth(a, ..)
            | Self::Matches(a, ..)
            | Self::Negate(a)
            | Self::Cast(a, ..)
            | Self::JsonText(a, _) => a.visit(see),
            Self::All(a, b)
            | Self::Any(a, b)
            | Self::Compare(_, _, a, b)
            | Self::Distinct(_, a, b, _)
            | Self::Arithmetic(_, _, a, b)
            | Self::Concat(a, b) => {
                a.visit(see);
                b.visit(see);
            }
            Self::In(_, a, list, _) => {
                a.visit(see);
                for item in list {
                    item.visit(see);
                }
            }
            Self::Case(whens, otherwise) => {
                for (when, then) in whens {
                    when.visit(see);
                    then.visit(see);
                }
                otherwise.visit(see);
            }
            Self::Call(_, arguments) => {
                for argument in arguments {
                    argument.visit(see);
                }
            }
        }
    }
}
