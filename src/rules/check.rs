//! What a record must be beyond the types of its values: required, bounds, lengths, patterns,
//! formats, the table's conditions and the user's rules.

use std::borrow::Cow;
use std::cmp::Ordering;

use miette::Diagnostic;
use regex::Regex;
use thiserror::Error;

use super::expression::{Expression, ExpressionError, Scope};
use super::format;
use super::message::Message;
use super::reject::shown;
use super::row_rule::RowRule;
use super::severity::Severity;
use crate::model::table::Format;
use crate::model::{Column, Table, Value, literal};

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
    /// A condition of the table, or a rule, cannot be used.
    #[error("{what} of '{table}': {source}")]
    #[diagnostic(code(fixtool::rules::check::expression), help("{}", source.help))]
    Expression {
        /// The table.
        table: String,
        /// Which condition or rule.
        what: String,
        /// What is wrong with it.
        source: Box<ExpressionError>,
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
    conditions: Vec<Condition>,
    scope: Scope,
    table: String,
    private: Vec<String>,
    now: i64,
}

/// A condition over several columns.
#[derive(Debug)]
struct Condition {
    code: String,
    expression: Expression,
    only_where: Option<Expression>,
    column: Option<String>,
    message: Message,
    severity: Severity,
    /// Places of the columns that it mentions.
    places: Vec<usize>,
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
    /// Compiles the checks of a table for rows that carry these columns, in this order. `now` is
    /// what `now()` stands for, in microseconds since 1970-01-01T00:00:00Z.
    ///
    /// A column that the rows do not carry counts as NULL in conditions: what the database fills
    /// in is the database's to check.
    ///
    /// # Errors
    /// If a required column is not carried and has no default, or the model is wrong.
    pub fn compile(name: &str, table: &Table, columns: &[String], now: i64) -> Result<Self, CheckError> {
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
        let private = |column: &Column| column.pii.is_some() || column.secret.is_some();
        let mut check = Self {
            columns: checks,
            conditions: Vec::new(),
            scope: scope(table, columns),
            table: name.to_owned(),
            private: table.columns.iter().filter(|(_, c)| private(c)).map(|(n, _)| n.clone()).collect(),
            now,
        };
        for (condition, text) in &table.check {
            let rule = RowRule::of_condition(condition, text);
            check.add(&format!("check:{condition}"), &format!("the condition '{condition}'"), &rule)?;
        }
        Ok(check)
    }

    /// Checks these rules too.
    ///
    /// # Errors
    /// If a rule does not fit the table.
    pub fn with_rules(mut self, rules: &[RowRule]) -> Result<Self, CheckError> {
        for rule in rules {
            self.add(&format!("rule:{}", rule.id), &format!("the rule '{}'", rule.id), rule)?;
        }
        Ok(self)
    }

    fn add(&mut self, code: &str, what: &str, rule: &RowRule) -> Result<(), CheckError> {
        let parse = |text: &str| {
            Expression::parse_condition(text, &self.scope).map_err(|source| CheckError::Expression {
                table: self.table.clone(),
                what: what.to_owned(),
                source: Box::new(source),
            })
        };
        let expression = parse(&rule.assert)?;
        let only_where = rule.only_where.as_deref().map(parse).transpose()?;
        let column = match expression.columns().as_slice() {
            [only] => self.scope.name(*only).map(str::to_owned),
            _ => None,
        };
        let message = match &rule.message {
            Some(message) => Message::parse(message, &self.scope, &self.private),
            None => Message::plain(format!("it does not hold: {}", rule.assert)),
        };
        let severity = rule.severity;
        let mut places = expression.columns();
        places.extend(only_where.iter().flat_map(Expression::columns));
        let code = code.to_owned();
        self.conditions.push(Condition { code, expression, only_where, column, message, severity, places });
        Ok(())
    }

    /// Whether the record is right; everything that is wrong with it if not. Violations whose
    /// severity does not [reject](Severity::rejects) are in the list too.
    pub fn check(&self, row: &[Value]) -> Result<(), Vec<Violation>> {
        self.check_but(row, &|_| false)
    }

    /// As [`check`](Self::check), without what is said of columns at some places: their values are
    /// not the record's.
    ///
    /// # Errors
    /// Everything that is wrong with the others.
    pub fn check_but(&self, row: &[Value], leave: &dyn Fn(usize) -> bool) -> Result<(), Vec<Violation>> {
        let mut found = Vec::new();
        for column in self.columns.iter().filter(|column| !leave(column.place)) {
            column.check(row.get(column.place).unwrap_or(&Value::Null), &mut found);
        }
        for condition in self.conditions.iter().filter(|condition| !condition.places.iter().any(|place| leave(*place)))
        {
            condition.check(row, self.now, &mut found);
        }
        if found.is_empty() { Ok(()) } else { Err(found) }
    }
}

/// The carried columns first, in their order, so that rows fit as they are.
fn scope(table: &Table, columns: &[String]) -> Scope {
    let carried = columns.iter().filter_map(|name| table.columns.get_key_value(name));
    let others = table.columns.iter().filter(|(name, _)| !columns.contains(name));
    Scope::new(carried.chain(others).map(|(name, column)| (name.clone(), column.logical.clone())))
}

impl Condition {
    fn check(&self, row: &[Value], now: i64, found: &mut Vec<Violation>) {
        let truth = match &self.only_where {
            None => self.expression.truth(row, now),
            Some(only) => match only.truth(row, now) {
                Ok(Some(true)) => self.expression.truth(row, now),
                Ok(_) => return,
                Err(fault) => Err(fault),
            },
        };
        // Unknown passes, as in a CHECK constraint.
        let reason = match truth {
            Ok(None | Some(true)) => return,
            Ok(Some(false)) => self.message.of(row),
            Err(fault) => format!("it cannot be checked: {fault}"),
        };
        let (column, severity) = (self.column.clone(), self.severity);
        found.push(Violation { column, code: Cow::Owned(self.code.clone()), reason, severity });
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
mod tests;
