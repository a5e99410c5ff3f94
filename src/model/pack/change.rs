//! `migration.yaml`: the steps from one version to the next.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::model::table::{ForeignKey, Format, OnDelete, Pii, Retention, Secret};
use crate::model::{Column, LogicalType, Table};

/// The content of `migration.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migration {
    /// What the version brings, in one line.
    pub title: String,
    /// The steps, in order.
    pub steps: Vec<Change>,
}

/// One step of a migration. Expressions and conditions are in the rule language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Makes a table.
    CreateTable(CreateTable),
    /// Removes a table with its rows.
    DropTable(TableName),
    /// Gives a table another name; what points at it follows.
    RenameTable(RenameTable),
    /// Says anew what the model tells about a table beside its structure.
    DescribeTable(DescribeTable),
    /// Adds a column at the end.
    AddColumn(AddColumn),
    /// Removes a column with its values.
    DropColumn(DropColumn),
    /// Gives a column another name; keys, checks and what points at it follow.
    RenameColumn(RenameColumn),
    /// Gives a column another type.
    ChangeType(ChangeType),
    /// Refuses NULL from now on.
    SetRequired(SetRequired),
    /// Allows NULL from now on.
    DropRequired(SetRequired),
    /// Sets or, without a value, removes the default.
    SetDefault(SetDefault),
    /// Says anew what the model demands of a column beside its structure.
    DescribeColumn(DescribeColumn),
    /// Adds a unique key.
    AddUnique(Key),
    /// Removes a unique key.
    DropUnique(Key),
    /// Adds an index.
    AddIndex(Key),
    /// Removes an index.
    DropIndex(Key),
    /// Adds a condition that each row must meet.
    AddCheck(AddCheck),
    /// Removes a condition.
    DropCheck(DropCheck),
    /// Adds a foreign key.
    AddForeignKey(AddForeignKey),
    /// Removes a foreign key.
    DropForeignKey(Key),
    /// Changes values.
    Update(Update),
    /// Statements of each engine for what the model does not know: functions, triggers, views.
    Sql(Sql),
}

/// Makes a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateTable {
    /// Its name.
    pub table: String,
    /// Columns, keys and the rest.
    pub definition: Table,
}

/// Names a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableName {
    /// The table.
    pub table: String,
}

/// Gives a table another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenameTable {
    /// The name so far.
    pub table: String,
    /// The name from now on.
    pub to: String,
}

/// What the model tells about a table beside its structure; what is left out is removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescribeTable {
    /// The table.
    pub table: String,
    /// What it holds, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Names under which a user loads it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_types: Vec<String>,
    /// Natural order for incremental work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    /// How long rows are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// The column that decides "newest wins".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
}

/// Adds a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddColumn {
    /// The table.
    pub table: String,
    /// The new column's name.
    pub column: String,
    /// Its type and the rest.
    pub definition: Column,
    /// The value in the rows that exist, as an expression over the row; without it the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<String>,
}

/// Removes a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropColumn {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The value on the way back, as an expression over the row as it then is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<String>,
}

/// Gives a column another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenameColumn {
    /// The table.
    pub table: String,
    /// The name so far.
    pub column: String,
    /// The name from now on.
    pub to: String,
}

/// Gives a column another type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeType {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The new type.
    pub to: LogicalType,
    /// The new value, as an expression over the row; without it the value is cast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub using: Option<String>,
    /// The old value on the way back; without it the value is cast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<String>,
}

/// Refuses or allows NULL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetRequired {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The value for rows that have none, wherever the column becomes required: an expression over the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<String>,
}

/// Sets or removes a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetDefault {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The new default; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// What the model demands of a column beside its structure; what is left out is removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescribeColumn {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Smallest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// Largest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Fewest characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// Most characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// A regular expression for the whole text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// A well-known format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// What kind of personal data it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pii: Option<Pii>,
    /// How a secret is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// What it means, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A key or an index, named by its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The table.
    pub table: String,
    /// Its columns, in order.
    pub columns: Vec<String>,
}

/// Adds a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddCheck {
    /// The table.
    pub table: String,
    /// The condition's name.
    pub name: String,
    /// What each row must meet.
    pub condition: String,
}

/// Removes a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropCheck {
    /// The table.
    pub table: String,
    /// The condition's name.
    pub name: String,
}

/// Adds a foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddForeignKey {
    /// The table.
    pub table: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The table pointed at.
    pub to_table: String,
    /// Its columns.
    pub to_columns: Vec<String>,
    /// What happens to a row when the row it points at goes.
    #[serde(default)]
    pub on_delete: OnDelete,
}

impl AddForeignKey {
    /// The key as the model keeps it.
    pub fn key(&self) -> ForeignKey {
        ForeignKey {
            columns: self.columns.clone(),
            table: self.to_table.clone(),
            to: self.to_columns.clone(),
            on_delete: self.on_delete,
        }
    }
}

/// Changes values of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The table.
    pub table: String,
    /// New value by column, as an expression over the row as it was.
    pub set: IndexMap<String, String>,
    /// Which rows; all when absent.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// How to take it back; an empty `set` says that nothing needs to be taken back.
    pub down: Assignments,
}

/// New values on the way back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignments {
    /// New value by column.
    pub set: IndexMap<String, String>,
    /// Which rows; all when absent.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// Statements of each engine, forth and back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    /// What they do and why the model cannot say it.
    pub reason: String,
    /// Forth.
    pub up: Statements,
    /// Back.
    pub down: Statements,
}

/// Statements by engine. `{schema}` stands for the tenant's quoted schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statements {
    /// For PostgreSQL.
    #[serde(default)]
    pub postgres: Vec<String>,
    /// For SQLite.
    #[serde(default)]
    pub sqlite: Vec<String>,
}
