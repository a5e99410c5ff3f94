//! Multi-row inserts: the number of rows a statement gives twelve times the speed of one by one.

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::super::error::translate;
use super::super::value;
use crate::backends::database::DatabaseError;
use crate::backends::database::quote::list;
use crate::model::Row;

/// Rows a statement: measured best between 100 and 1,000.
const ROWS: usize = 500;

/// The most parameters that SQLite takes in one statement.
const PARAMETERS: usize = 32_766;

/// Collects rows into statements.
pub struct Inserter {
    head: String,
    width: usize,
    most: usize,
    full: String,
    rows: usize,
    arguments: SqliteArguments,
    /// The rows once more, where they may have to be tried one by one.
    spare: Option<Vec<Row>>,
}

impl Inserter {
    /// Into a table, its name already quoted.
    pub fn into_table(table: &str, columns: &[String]) -> Self {
        let width = columns.len().max(1);
        let most = (PARAMETERS / width).clamp(1, ROWS);
        let head = format!("INSERT INTO {table} ({}) VALUES ", list("", columns));
        let full = statement(&head, width, most);
        Self { head, width, most, full, rows: 0, arguments: SqliteArguments::default(), spare: None }
    }

    /// Each statement keeps its rows, so that those which SQLite refuses can be found.
    #[must_use]
    pub fn keeping_rows(mut self, keeping: bool) -> Self {
        self.spare = keeping.then(Vec::new);
        self
    }

    /// Adds one row; the answer is a statement when one is full.
    pub fn push(&mut self, row: Row) -> Result<Option<Statement>, DatabaseError> {
        if let Some(spare) = &mut self.spare {
            spare.push(row.clone());
        }
        for cell in row {
            value::bind(cell, &mut self.arguments)?;
        }
        self.rows += 1;
        if self.rows < self.most {
            return Ok(None);
        }
        self.rows = 0;
        let spare = self.spare.as_mut().map(std::mem::take).unwrap_or_default();
        Ok(Some(Statement { sql: self.full.clone(), arguments: std::mem::take(&mut self.arguments), spare }))
    }

    /// A statement for what is left.
    pub fn rest(&mut self) -> Option<Statement> {
        if self.rows == 0 {
            return None;
        }
        let sql = statement(&self.head, self.width, self.rows);
        self.rows = 0;
        let spare = self.spare.as_mut().map(std::mem::take).unwrap_or_default();
        Some(Statement { sql, arguments: std::mem::take(&mut self.arguments), spare })
    }
}

/// An insert of many rows with everything bound.
pub struct Statement {
    sql: String,
    arguments: SqliteArguments,
    /// The rows, where they were to be kept.
    pub spare: Vec<Row>,
}

impl Statement {
    /// Carries it out.
    pub async fn send(self, connection: &mut SqliteConnection) -> Result<(), DatabaseError> {
        let query = sqlx::query_with(AssertSqlSafe(self.sql), self.arguments);
        query.execute(connection).await.map(drop).map_err(translate)
    }
}

fn statement(head: &str, width: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(","));
    format!("{head}{}", vec![row; rows].join(","))
}
