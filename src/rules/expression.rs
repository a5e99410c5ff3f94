//! Conditions and values in SQL's words and with SQL's logic of NULL: parsed once, evaluated over
//! a row in memory and rendered as SQL for each engine.
//!
//! What is admitted: literals, columns, `and or not`, `= <> < <= > >=`, `is [not] null|true|false`,
//! `is [not] distinct from`, `in (…)`, `between`, `like`, `ilike`, `~ ~* !~ !~*`, `+ - * / %`,
//! `||`, `->>`, `case`, `cast`, and the functions of [`FUNCTIONS`]. There are no sub-queries and no
//! functions of the user.
//!
//! Two engines differ from the evaluation in memory in a few corners, which docs/loading.md names:
//! on SQLite decimals are compared as 64-bit floating point numbers, and `lower`, `upper` and
//! `ilike` know the letters of ASCII only.

mod call;
mod eval;
mod functions;
mod kinds;
mod lower;
mod node;
mod number;
mod sql;

use miette::Diagnostic;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;
use thiserror::Error;

pub use eval::EvalFault;
pub use functions::{FUNCTIONS, as_markdown};
pub use node::Kind;
pub use sql::NotRenderable;

use super::reject::shown;
use crate::model::near::nearest;
use crate::model::{Engine, LogicalType, Table, Value};
use node::Node;

/// Longest expression, in bytes: it bounds the depth of its tree too.
const LONGEST: usize = 2000;

/// Columns that an expression may name.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    columns: Vec<(String, LogicalType)>,
}

impl Scope {
    /// These columns, in the order in which rows carry them.
    pub fn new(columns: impl IntoIterator<Item = (String, LogicalType)>) -> Self {
        Self { columns: columns.into_iter().collect() }
    }

    /// All columns of a table.
    pub fn of_table(table: &Table) -> Self {
        Self::new(table.columns.iter().map(|(name, column)| (name.clone(), column.logical.clone())))
    }

    /// The place of a column.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(known, _)| known == name)
    }

    /// The column at a place.
    pub fn name(&self, place: usize) -> Option<&str> {
        self.columns.get(place).map(|(name, _)| name.as_str())
    }

    fn find(&self, name: &str) -> Option<(usize, &LogicalType)> {
        let place = self.place(name)?;
        self.columns.get(place).map(|(_, logical)| (place, logical))
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.columns.iter().map(|(known, _)| known.as_str()))
    }
}

/// An expression that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
#[error("in the expression '{expression}', line {line}, column {column}: {reason}")]
#[diagnostic(code(fixtool::rules::expression), help("{help}"))]
pub struct ExpressionError {
    /// The expression, shortened.
    pub expression: String,
    /// Line inside the expression, from one.
    pub line: u64,
    /// Column inside the expression, from one.
    pub column: u64,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub help: String,
}

/// An expression over the columns of a scope.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    node: Node,
    kind: Kind,
    names: Vec<String>,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// If it is no expression, names something unknown, or compares what cannot be compared; with
    /// the place.
    pub fn parse(text: &str, scope: &Scope) -> Result<Self, ExpressionError> {
        Self::parse_in(text, scope, false)
    }

    /// Reads an expression over fields whose names are not known yet: every name that it uses is
    /// a field of type text, and [`names`](Self::names) tells them.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_open(text: &str) -> Result<Self, ExpressionError> {
        Self::parse_in(text, &Scope::default(), true)
    }

    fn parse_in(text: &str, scope: &Scope, open: bool) -> Result<Self, ExpressionError> {
        let error = |(line, column): (u64, u64), reason: String, help: String| ExpressionError {
            expression: shown(text),
            line,
            column,
            reason,
            help,
        };
        if text.len() > LONGEST {
            let reason = format!("it is longer than {LONGEST} bytes");
            return Err(error((1, 1), reason, "split it into several rules".to_owned()));
        }
        let parsed = Parser::new(&PostgreSqlDialect {}).with_recursion_limit(100).try_with_sql(text);
        let parsed = parsed.and_then(|mut parser| {
            let expr = parser.parse_expr()?;
            parser.expect_token(&Token::EOF)?;
            Ok(expr)
        });
        let expr = parsed.map_err(|e| {
            let (place, reason) = place_of(&e);
            error(place, reason, "write a condition as SQL has it: ended_at is null or ended_at >= started_at".into())
        })?;
        let (typed, found) = lower::lower(&expr, scope, open).map_err(|f| error(f.place, f.reason, f.help))?;
        let names = scope.columns.iter().map(|(name, _)| name.clone()).chain(found).collect();
        Ok(Self { text: text.to_owned(), node: typed.node, kind: typed.kind, names })
    }

    /// Reads an expression that is true, false or unknown.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and if it is of another kind.
    pub fn parse_condition(text: &str, scope: &Scope) -> Result<Self, ExpressionError> {
        let expression = Self::parse(text, scope)?;
        if matches!(expression.kind, Kind::Bool | Kind::Null) {
            return Ok(expression);
        }
        Err(ExpressionError {
            expression: shown(text),
            line: 1,
            column: 1,
            reason: format!("it is {}, not a condition", expression.kind.title()),
            help: "compare it with something: length(name) > 0".to_owned(),
        })
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Names of the columns, in the order in which rows must carry them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What it gives.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Places in the scope of the columns that it names, ascending.
    pub fn columns(&self) -> Vec<usize> {
        let mut places = Vec::new();
        self.node.visit(&mut |node| {
            if let Node::Column(place, _) = node {
                places.push(*place);
            }
        });
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Whether it gives the same for the same row at any time: it does not ask for `now()`.
    pub fn is_stable(&self) -> bool {
        let mut stable = true;
        self.node.visit(&mut |node| stable &= !matches!(node, Node::Call(functions::Function::Now, _)));
        stable
    }

    /// Its value for a row; `now` in microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// On division by zero, overflow, or a cast that cannot be made, as a database would.
    pub fn value(&self, row: &[Value], now: i64) -> Result<Value, EvalFault> {
        eval::eval(&self.node, row, now).map(eval::Datum::into_value)
    }

    /// Its truth for a row; `None` if it is unknown.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    pub fn truth(&self, row: &[Value], now: i64) -> Result<Option<bool>, EvalFault> {
        eval::truth(&self.node, row, now)
    }

    /// The expression as SQL of an engine, identifiers quoted.
    ///
    /// # Errors
    /// If the engine cannot say it (`~` and `split_part` on SQLite).
    pub fn to_sql(&self, engine: Engine) -> Result<String, NotRenderable> {
        sql::render(&self.node, &self.names, engine)
    }

    /// The expression as the body of a CHECK constraint.
    ///
    /// # Errors
    /// As [`to_sql`](Self::to_sql), and if it asks for `now()`.
    pub fn to_check_sql(&self, engine: Engine) -> Result<String, NotRenderable> {
        if !self.is_stable() {
            return Err(NotRenderable { what: "now()", engine });
        }
        self.to_sql(engine)
    }
}

/// The place that the parser names in its message, and the message without it.
fn place_of(error: &ParserError) -> ((u64, u64), String) {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => return ((1, 1), "it is nested too deep".to_owned()),
    };
    let Some((reason, place)) = text.rsplit_once(" at Line: ") else { return ((1, 1), text.to_owned()) };
    let parts = place.split_once(", Column: ");
    let numbers = parts.and_then(|(line, column)| Some((line.parse().ok()?, column.trim().parse().ok()?)));
    (numbers.unwrap_or((1, 1)), reason.to_owned())
}

#[cfg(test)]
mod tests;
