//! Checks of one column in their short form, as rules over one row.

use serde_json::Value as Any;

use crate::model::Column;
use crate::model::LogicalType;
use crate::rules::row_rule::RowRule;
use crate::rules::severity::Severity;

/// What a check is.
pub(super) enum Reading {
    /// A rule over one row.
    Row(RowRule),
    /// A check over many rows.
    Later(String),
    /// Words about the column that check nothing.
    Nothing,
}

/// Reads `required` or `{ NAME: ARGUMENT }`.
pub(super) fn rule(column: &str, definition: &Column, check: &Any, default: Severity) -> Result<Reading, String> {
    let (name, argument) = match check {
        Any::String(name) => (name.as_str(), &Any::Null),
        Any::Object(map) => match map.iter().next() {
            Some((name, argument)) if map.len() == 1 => (name.as_str(), argument),
            _ => return Err("a check is a name, or one name with its argument: { range: [0, 150] }".to_owned()),
        },
        _ => return Err("a check is a name, or one name with its argument: { range: [0, 150] }".to_owned()),
    };
    let quoted = format!("\"{}\"", column.replace('"', "\"\""));
    let text = matches!(definition.logical, LogicalType::Text | LogicalType::String(_) | LogicalType::Native(_));
    let subject = if text { quoted.clone() } else { format!("cast({quoted} as text)") };
    let assert = match name {
        "required" | "not_null" => format!("{quoted} is not null"),
        "in" | "accepted_values" => format!("{quoted} in ({})", literals(argument)?),
        "not_in" => format!("{quoted} not in ({})", literals(argument)?),
        "range" | "expect_column_values_to_be_between" => match argument.as_array().map(Vec::as_slice) {
            Some([low, high]) => format!("{quoted} between {} and {}", literal(low)?, literal(high)?),
            _ => return Err("a range has two ends: { range: [0, 150] }".to_owned()),
        },
        "min" => format!("{quoted} >= {}", literal(argument)?),
        "max" => format!("{quoted} <= {}", literal(argument)?),
        "length" => format!("length({subject}) = {}", number(argument)?),
        "max_length" => format!("length({subject}) <= {}", number(argument)?),
        "matches" => match argument {
            Any::String(pattern) => format!("{subject} ~ {}", literal(&Any::String(format!("^(?:{pattern})$")))?),
            _ => return Err("a pattern is a text: { matches: '[a-z]+' }".to_owned()),
        },
        "tags" | "checks" => return Ok(Reading::Nothing),
        "unique" | "references" | "relationships" | "type" | "json_schema" | "never" | "monotonic" | "sum_equals"
        | "missing" | "format" | "missing_count" | "duplicate_count" | "invalid_count" => {
            return Ok(Reading::Later(name.to_owned()));
        }
        _ => return Err(format!("there is no check '{name}'")),
    };
    let id = format!("{column}-{name}");
    Ok(Reading::Row(RowRule { id, assert, severity: default, only_where: None, message: None }))
}

fn literals(list: &Any) -> Result<String, String> {
    let items = list.as_array().filter(|items| !items.is_empty());
    let items = items.ok_or_else(|| "a list of values is wanted: { in: [a, b] }".to_owned())?;
    Ok(items.iter().map(literal).collect::<Result<Vec<_>, _>>()?.join(", "))
}

fn literal(value: &Any) -> Result<String, String> {
    match value {
        Any::String(text) => Ok(format!("'{}'", text.replace('\'', "''"))),
        Any::Number(number) => Ok(number.to_string()),
        Any::Bool(truth) => Ok(truth.to_string()),
        _ => Err("a text, a number or a truth value is wanted".to_owned()),
    }
}

fn number(value: &Any) -> Result<String, String> {
    value.as_u64().map(|number| number.to_string()).ok_or_else(|| "a number is wanted".to_owned())
}
