//! Examples that a rule carries: what must pass, and what must not.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value as Any;

use crate::model::{Raw, Table, Value};
use crate::rules::coerce::Coercer;
use crate::rules::expression::{Expression, Scope};
use crate::rules::row_rule::RowRule;

/// Rows by column; columns that are not named are NULL.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Examples {
    #[serde(default)]
    pass: Vec<IndexMap<String, Any>>,
    #[serde(default)]
    fail: Vec<IndexMap<String, Any>>,
}

/// What is wrong with the examples of a rule; a rule whose expression is wrong is told elsewhere.
pub(super) fn check(rule: &RowRule, table: &Table, examples: &Examples) -> Vec<String> {
    let scope = Scope::of_table(table);
    let Ok(assert) = Expression::parse_condition(&rule.assert, &scope) else { return Vec::new() };
    let mut wrong = Vec::new();
    for (rows, passes) in [(&examples.pass, true), (&examples.fail, false)] {
        for (place, example) in rows.iter().enumerate() {
            let word = if passes { "pass" } else { "fail" };
            let row = match row(example, table) {
                Ok(row) => row,
                Err(reason) => {
                    wrong.push(format!("example {} of '{word}': {reason}", place + 1));
                    continue;
                }
            };
            // A row that cannot be evaluated is refused, so it fails.
            let holds = assert.truth(&row, 0).is_ok_and(|truth| truth != Some(false));
            if holds != passes {
                let found = if holds { "passes" } else { "fails" };
                wrong.push(format!("example {} of '{word}' {found}", place + 1));
            }
        }
    }
    wrong
}

fn row(example: &IndexMap<String, Any>, table: &Table) -> Result<Vec<Value>, String> {
    if let Some(unknown) = example.keys().find(|name| !table.columns.contains_key(*name)) {
        return Err(format!("there is no column '{unknown}'"));
    }
    let mut row = Vec::new();
    for (name, column) in &table.columns {
        let text = example.get(name).map(ToString::to_string).unwrap_or_default();
        let raw = match example.get(name) {
            None | Some(Any::Null) => Raw::Null,
            Some(Any::Bool(truth)) => Raw::Bool(*truth),
            Some(Any::Number(_)) => Raw::Number(&text),
            Some(Any::String(text)) => Raw::String(text),
            Some(_) => Raw::Json(&text),
        };
        row.push(Coercer::for_column(column).coerce(raw).map_err(|reject| format!("'{name}': {}", reject.reason))?);
    }
    Ok(row)
}
