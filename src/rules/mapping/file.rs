//! The mapping file as it is written, and whether it makes sense.

use indexmap::IndexMap;
use serde::Deserialize;

use crate::model::Model;
use crate::model::near::nearest;
use crate::model::pack::source::{Document, Flaw};
use crate::model::table::Pii;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MappingFile {
    pub(super) version: u32,
    pub(super) types: IndexMap<String, TypeEntry>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypeEntry {
    #[serde(default)]
    pub(super) drop: Vec<String>,
    #[serde(default)]
    pub(super) columns: IndexMap<String, ColumnEntry>,
}

/// How one column gets its value.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnEntry {
    pub(super) from: Option<String>,
    pub(super) constant: Option<Scalar>,
    pub(super) expression: Option<String>,
    pub(super) join: Option<Vec<String>>,
    pub(super) split: Option<String>,
    pub(super) separator: Option<String>,
    pub(super) pattern: Option<String>,
    pub(super) part: Option<usize>,
    pub(super) lookup: Option<LookupEntry>,
    #[serde(default)]
    pub(super) null_if: Vec<String>,
    #[serde(default)]
    pub(super) trim: bool,
    pub(super) case: Option<Case>,
    #[serde(default)]
    pub(super) values: IndexMap<String, Scalar>,
    pub(super) cast: Option<CastEntry>,
    pub(super) mask: Option<Pii>,
    pub(super) default: Option<Scalar>,
}

/// A value written bare or quoted; its text is what counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Bool(truth) => truth.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Case {
    Lower,
    Upper,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LookupEntry {
    pub(super) table: String,
    /// Column of that table by the field that holds its value.
    pub(super) by: IndexMap<String, String>,
    pub(super) take: String,
}

/// `cast: bool`, or `cast: { timestamp: FORMAT, zone: ZONE }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum CastEntry {
    Plain(PlainCast),
    Date(DateCast),
    Timestamp(TimestampCast),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PlainCast {
    Text,
    Int,
    Decimal,
    Bool,
    UnixSeconds,
    UnixMilliseconds,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DateCast {
    pub(super) date: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimestampCast {
    pub(super) timestamp: String,
    pub(super) zone: Option<String>,
}

impl MappingFile {
    /// Everything that does not fit the model.
    pub(super) fn check(&self, document: &Document, model: &Model) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if self.version != 1 {
            flaws.push(document.flaw(&["version"], format!("version {} is not known; write 1", self.version)));
        }
        for (name, entry) in &self.types {
            let Some((_, table)) = model.table_of(name) else {
                let help = nearest(name, model.tables.keys().map(String::as_str));
                let flaw = document.flaw(&["types", name], format!("there is no data type '{name}'"));
                flaws.push(flaw.with_help(help.map(|near| format!("did you mean '{near}'?"))));
                continue;
            };
            for (column, mapped) in &entry.columns {
                let path = ["types", name, "columns", column];
                let mut wrong = |part: &str, message: String| {
                    let path: Vec<&str> = path.into_iter().chain((!part.is_empty()).then_some(part)).collect();
                    flaws.push(document.flaw(&path, message));
                };
                if !table.columns.contains_key(column) {
                    wrong("", format!("there is no column '{column}'"));
                }
                mapped.check(model, &mut wrong);
            }
        }
        flaws
    }
}

impl ColumnEntry {
    fn check(&self, model: &Model, wrong: &mut impl FnMut(&str, String)) {
        let sources = [
            self.from.is_some(),
            self.constant.is_some(),
            self.expression.is_some(),
            self.join.is_some(),
            self.split.is_some(),
            self.lookup.is_some(),
        ];
        if sources.iter().filter(|named| **named).count() > 1 {
            wrong("", "name one of from, constant, expression, join, split and lookup, not several".to_owned());
        }
        if self.split.is_some() {
            if self.separator.is_some() == self.pattern.is_some() {
                wrong("split", "a split wants either a separator or a pattern".to_owned());
            }
            if self.part.is_none_or(|part| part == 0) {
                wrong("split", "a split wants the number of a part, from one".to_owned());
            }
            if self.separator.as_deref() == Some("") {
                wrong("separator", "the separator is empty".to_owned());
            }
        } else if self.pattern.is_some() || self.part.is_some() {
            wrong("", "pattern and part belong to a split".to_owned());
        } else if self.separator.is_some() && self.join.is_none() {
            wrong("separator", "a separator belongs to a join or a split".to_owned());
        }
        if let Some(lookup) = &self.lookup {
            let Some((_, table)) = model.table_of(&lookup.table) else {
                wrong("lookup", format!("there is no table '{}'", lookup.table));
                return;
            };
            for column in lookup.by.keys().chain(std::iter::once(&lookup.take)) {
                if !table.columns.contains_key(column) {
                    wrong("lookup", format!("'{}' has no column '{column}'", lookup.table));
                }
            }
            if lookup.by.is_empty() {
                wrong("lookup", "a look-up wants a key: by: { email: owner_mail }".to_owned());
            }
        }
    }
}
