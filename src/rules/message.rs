//! What a rule tells people: text with `{column}` for values.

use super::expression::Scope;
use super::reject::shown;
use crate::model::Value;

/// A message with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A value of the row.
    Column(usize),
    /// A value that is not shown.
    Private,
}

impl Message {
    /// A message without values.
    pub(super) fn plain(text: String) -> Self {
        Self { parts: vec![Part::Text(text)] }
    }

    /// Reads a message. Braces around anything but a column stay as they are; values of private
    /// columns are shown as `…`.
    pub(super) fn parse(text: &str, scope: &Scope, private: &[String]) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let place = after.split_once('}').and_then(|(name, tail)| Some((name, scope.place(name)?, tail)));
            if let Some((name, place, tail)) = place {
                parts.push(Part::Text(before.to_owned()));
                let hidden = private.iter().any(|p| p == name);
                parts.push(if hidden { Part::Private } else { Part::Column(place) });
                rest = tail;
            } else {
                parts.push(Part::Text(format!("{before}{{")));
                rest = after;
            }
        }
        parts.push(Part::Text(rest.to_owned()));
        Self { parts }
    }

    /// The message for a row.
    pub(super) fn of(&self, row: &[Value]) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Private => "…".to_owned(),
            Part::Column(place) => {
                let text = row.get(*place).and_then(Value::to_text);
                text.map_or_else(|| "null".to_owned(), |text| shown(&text))
            }
        };
        self.parts.iter().map(part).collect()
    }
}
