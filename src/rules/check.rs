//! What a record must be beyond the types of its values: required, bounds, lengths, patterns,
//! formats, the table's conditions and the user's rules.

use std::borrow::Cow;
use std::cmp::Ordering;

use miette::Diagnostic;
use regex::Regex;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::format;
use super::reject::shown;
use crate::model::table::Format;
use crate::model::{Column, Table, Value, literal};

/// How much a broken rule matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// A small defect.
    Low,
    /// A defect; `warn` in rule files.
    Medium,
    /// Wrong data; `error` in rule files, and the default.
    High,
    /// Wrong and dangerous.
    Critical,
}

impl Severity {
    /// Whether a record that breaks the rule is not loaded.
    pub fn rejects(self) -> bool {
        self >= Self::High
    }

    /// The severity by one of its names in rule files.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "info" => Some(Self::Info),
            "low" => Some(Self::Low),
            "medium" | "warn" | "warning" => Some(Self::Medium),
            "high" | "error" => Some(Self::High),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }
}

/// One thing that is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The column, if one is to blame.
    pub column: Option<String>,
    /// A short stable name: `required`, `min`, `max`, `min_length`, `max_length`, `pattern`,
    /// `format`, `check:<name>` or `rule:<id>`.
    pub code: Cow<'static, str>,
    /// What is wrong, for people. Values of personal or secret columns are not in it.
    pub reason: String,
    /// How much it matters.
    pub severity: Severity,
}

/// A table or its rules cannot be checked as they are written.
#[derive(Debug, Error, Diagnostic)]
pub enum CheckError {
    /// A column must have a value and none can come.
    #[error("'{table}.{column}' is required, but the source does not have it and it has no default")]
    #[diagnostic(
        code(fixtool::rules::check::missing_column),
        help("add a column '{column}' to the source, or give it a constant in the mapping file")
    )]
    MissingColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// The model's pattern or bound cannot be read.
    #[error("'{table}.{column}': {reason}")]
    #[diagnostic(code(fixtool::rules::check::column), help("correct it in the pack and run: fixtool pack check"))]
    Column {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What is wrong.
        reason: String,
    },
}

/// Everything that a record of one table must be, compiled once.
#[derive(Debug)]
pub struct RecordCheck {
    columns: Vec<ColumnCheck>,
}

#[derive(Debug)]
struct ColumnCheck {
    place: usize,
    name: String,
    private: bool,
    required: bool,
    tests: Vec<Test>,
}

#[derive(Debug)]
enum Test {
    Min(Value, String),
    Max(Value, String),
    MinLength(usize),
    MaxLength(usize),
    Pattern(Regex, String),
    Format(Format),
}

impl RecordCheck {
    /// Compiles the checks of a table for rows that carry these columns, in this order.
    ///
    /// # Errors
    /// If a required column is not carried and has no default, or the model is wrong.
    pub fn compile(name: &str, table: &Table, columns: &[String]) -> Result<Self, CheckError> {
        let mut checks = Vec::new();
        for (column, definition) in &table.columns {
            match columns.iter().position(|carried| carried == column) {
                Some(place) => {
                    let check = ColumnCheck::compile(place, column, definition).map_err(|reason| {
                        CheckError::Column { table: name.to_owned(), column: column.clone(), reason }
                    })?;
                    checks.extend(check.is_needed().then_some(check));
                }
                None if definition.required && definition.default.is_none() => {
                    return Err(CheckError::MissingColumn { table: name.to_owned(), column: column.clone() });
                }
                None => {}
            }
        }
        Ok(Self { columns: checks })
    }

    /// Whether the record is right; everything that is wrong with it if not. Violations whose
    /// severity does not [reject](Severity::rejects) are in the list too.
    pub fn check(&self, row: &[Value]) -> Result<(), Vec<Violation>> {
        let mut found = Vec::new();
        for column in &self.columns {
            column.check(row.get(column.place).unwrap_or(&Value::Null), &mut found);
        }
        if found.is_empty() { Ok(()) } else { Err(found) }
    }
}

impl ColumnCheck {
    fn compile(place: usize, name: &str, column: &Column) -> Result<Self, String> {
        let mut tests = Vec::new();
        let bound = |text: &str| literal::parse(text, &column.logical).map_err(|e| e.to_string());
        if let Some(min) = &column.min {
            tests.push(Test::Min(bound(min)?, min.clone()));
        }
        if let Some(max) = &column.max {
            tests.push(Test::Max(bound(max)?, max.clone()));
        }
        tests.extend(column.min_length.map(|least| Test::MinLength(least as usize)));
        tests.extend(column.max_length.map(|most| Test::MaxLength(most as usize)));
        if let Some(pattern) = &column.pattern {
            tests.push(Test::Pattern(whole_pattern(pattern)?, pattern.clone()));
        }
        tests.extend(column.format.map(Test::Format));
        let private = column.pii.is_some() || column.secret.is_some();
        Ok(Self { place, name: name.to_owned(), private, required: column.required, tests })
    }

    fn is_needed(&self) -> bool {
        self.required || !self.tests.is_empty()
    }

    fn check(&self, value: &Value, found: &mut Vec<Violation>) {
        if value.is_null() {
            if self.required {
                found.push(self.violation("required", "a value is required".to_owned()));
            }
            return;
        }
        for test in &self.tests {
            if !test.passes(value) {
                let shown = self.shown(value);
                found.push(self.violation(test.code(), test.reason(&shown)));
            }
        }
    }

    fn shown(&self, value: &Value) -> String {
        if self.private {
            return "the value".to_owned();
        }
        value.to_text().map_or_else(|| "null".to_owned(), |text| format!("'{}'", shown(&text)))
    }

    fn violation(&self, code: &'static str, reason: String) -> Violation {
        Violation { column: Some(self.name.clone()), code: Cow::Borrowed(code), reason, severity: Severity::High }
    }
}

impl Test {
    fn passes(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Min(min, _), _) => literal::compare(value, min).is_none_or(|order| order != Ordering::Less),
            (Self::Max(max, _), _) => literal::compare(value, max).is_none_or(|order| order != Ordering::Greater),
            (Self::MinLength(least), Value::Text(text)) => {
                text.chars().nth(least.saturating_sub(1)).is_some() || *least == 0
            }
            // Bytes bound characters from above, so most texts need no count.
            (Self::MaxLength(most), Value::Text(text)) => text.len() <= *most || text.chars().count() <= *most,
            (Self::Pattern(pattern, _), Value::Text(text)) => pattern.is_match(text),
            (Self::Format(format), Value::Text(text)) => format::has_format(text, *format),
            _ => true,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Min(..) => "min",
            Self::Max(..) => "max",
            Self::MinLength(_) => "min_length",
            Self::MaxLength(_) => "max_length",
            Self::Pattern(..) => "pattern",
            Self::Format(_) => "format",
        }
    }

    fn reason(&self, value: &str) -> String {
        match self {
            Self::Min(_, min) => format!("{value} is less than {min}"),
            Self::Max(_, max) => format!("{value} is more than {max}"),
            Self::MinLength(least) => format!("{value} has fewer than {least} characters"),
            Self::MaxLength(most) => format!("{value} has more than {most} characters"),
            Self::Pattern(_, pattern) => format!("{value} does not match the pattern {pattern}"),
            Self::Format(format) => format!("{value} is not {}", format::wanted(*format)),
        }
    }
}

/// A pattern that the whole text must match, bounded in size.
pub(super) fn whole_pattern(pattern: &str) -> Result<Regex, String> {
    let whole = format!(r"\A(?:{pattern})\z");
    let built = regex::RegexBuilder::new(&whole).size_limit(1 << 20).build();
    built.map_err(|e| format!("the pattern cannot be used: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LogicalType;

    fn table() -> Table {
        let mut table = Table::default();
        let mut add = |name: &str, logical: &str, change: &dyn Fn(&mut Column)| {
            let mut column = Column::of(logical.parse::<LogicalType>().unwrap());
            change(&mut column);
            table.columns.insert(name.to_owned(), column);
        };
        add("id", "int", &|c| c.required = true);
        add("age", "int", &|c| (c.min, c.max) = (Some("0".into()), Some("150".into())));
        add("score", "decimal(3,2)", &|c| c.max = Some("1.5".into()));
        add("slug", "text", &|c| c.pattern = Some("[a-z-]+".into()));
        add("name", "text", &|c| (c.min_length, c.max_length) = (Some(2), Some(3)));
        add("mail", "text", &|c| {
            c.format = Some(Format::Email);
            c.pii = Some(crate::model::table::Pii::Email);
        });
        table
    }

    fn codes(row: &[Value]) -> Vec<String> {
        let table = table();
        let columns: Vec<String> = table.columns.keys().cloned().collect();
        let check = RecordCheck::compile("t", &table, &columns).unwrap();
        let found = check.check(row).err().unwrap_or_default();
        found.into_iter().map(|v| format!("{}:{}", v.column.unwrap_or_default(), v.code)).collect()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn every_violation_of_a_record_is_found() {
        let good =
            [Value::Int(1), Value::Int(150), Value::Decimal("1.5".into()), text("a-b"), text("äöü"), text("a@b.de")];
        assert_eq!(codes(&good), [""; 0]);
        let nulls = vec![Value::Null; 6];
        assert_eq!(codes(&nulls), ["id:required"]);
        let bad = [Value::Null, Value::Int(-1), Value::Decimal("1.51".into()), text("a-b\n"), text("a"), text("x")];
        assert_eq!(
            codes(&bad),
            ["id:required", "age:min", "score:max", "slug:pattern", "name:min_length", "mail:format"]
        );
    }

    #[test]
    fn reasons_hide_personal_values() {
        let table = table();
        let columns: Vec<String> = table.columns.keys().cloned().collect();
        let check = RecordCheck::compile("t", &table, &columns).unwrap();
        let mut row = vec![Value::Null; 6];
        row[0] = Value::Int(1);
        row[5] = text("ada.lovelace");
        let found = check.check(&row).unwrap_err();
        assert!(found[0].reason.starts_with("the value is not an e-mail"), "{}", found[0].reason);
    }

    #[test]
    fn a_required_column_must_come_from_somewhere() {
        let columns = ["age".to_owned()];
        assert!(matches!(
            RecordCheck::compile("t", &table(), &columns),
            Err(CheckError::MissingColumn { column, .. }) if column == "id"
        ));
    }
}
