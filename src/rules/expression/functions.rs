//! The functions that an expression may call.

use super::node::Kind;

/// Names and forms of the functions, for docs and messages.
pub const FUNCTIONS: &[(&str, &str)] = &[
    ("abs", "abs(number)"),
    ("coalesce", "coalesce(value, value, …)"),
    ("concat", "concat(text, text, …): a NULL counts as an empty text"),
    ("json_get", "json_get(json, 'key.key'): the text there, as ->> gives it"),
    ("length", "length(text): characters"),
    ("lower", "lower(text)"),
    ("ltrim", "ltrim(text): blanks at the begin"),
    ("now", "now(): the moment at which the run began"),
    ("nullif", "nullif(value, value)"),
    ("replace", "replace(text, what, by)"),
    ("round", "round(number) or round(number, digits): half away from zero"),
    ("rtrim", "rtrim(text): blanks at the end"),
    ("split_part", "split_part(text, separator, n): the n-th part, from one"),
    ("substring", "substring(text, start) or substring(text, start, length): from one"),
    ("trim", "trim(text): blanks at both ends"),
    ("upper", "upper(text)"),
];

/// The functions as a Markdown list, as docs/loading.md holds it.
pub fn as_markdown() -> String {
    let item = |(_, form): &(&str, &str)| match form.split_once(": ") {
        Some((form, note)) => format!("- `{form}`: {note}\n"),
        None => format!("- `{form}`\n"),
    };
    FUNCTIONS.iter().map(item).collect()
}

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Coalesce,
    Concat,
    Length,
    Lower,
    TrimStart,
    TrimEnd,
    Trim,
    Now,
    NullIf,
    Replace,
    Round,
    SplitPart,
    Substring,
    Upper,
}

impl Function {
    /// The function by its name in SQL; `json_get` is a node of its own.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "abs" => Self::Abs,
            "coalesce" => Self::Coalesce,
            "concat" => Self::Concat,
            "length" | "char_length" | "character_length" => Self::Length,
            "lower" => Self::Lower,
            "ltrim" => Self::TrimStart,
            "rtrim" => Self::TrimEnd,
            "trim" | "btrim" => Self::Trim,
            "now" | "current_timestamp" => Self::Now,
            "nullif" => Self::NullIf,
            "replace" => Self::Replace,
            "round" => Self::Round,
            "split_part" => Self::SplitPart,
            "substring" | "substr" => Self::Substring,
            "upper" => Self::Upper,
            _ => return None,
        })
    }

    /// How many arguments it takes: fewest and most.
    pub(super) fn arity(self) -> (usize, usize) {
        match self {
            Self::Now => (0, 0),
            Self::Abs | Self::Length | Self::Lower | Self::Upper | Self::Trim | Self::TrimStart | Self::TrimEnd => {
                (1, 1)
            }
            Self::Round => (1, 2),
            Self::NullIf => (2, 2),
            Self::Substring => (2, 3),
            Self::Replace | Self::SplitPart => (3, 3),
            Self::Coalesce | Self::Concat => (1, 100),
        }
    }

    /// The kind that the argument at this place must have; `None` if any will do.
    pub(super) fn wants(self, place: usize) -> Option<Kind> {
        match (self, place) {
            (Self::Substring, 1 | 2) | (Self::Round, 1) | (Self::SplitPart, 2) => Some(Kind::Int),
            (Self::Coalesce | Self::NullIf | Self::Abs | Self::Round | Self::Now, _) => None,
            _ => Some(Kind::Text),
        }
    }
}
