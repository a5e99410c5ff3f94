//! What a change makes of a model: a pure function. The model of a later version is derived with it.

use indexmap::IndexMap;

use super::change::{
    AddCheck, AddColumn, AddForeignKey, Change, ChangeType, DescribeColumn, DescribeTable, DropColumn, Key,
    RenameColumn, RenameTable,
};
use super::rename;
use crate::model::{Column, Model, Table, expression};

/// Why a change cannot be made to a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ChangeError {
    /// The key of the step that is wrong.
    pub field: &'static str,
    /// What is wrong.
    pub message: String,
}

impl ChangeError {
    pub(super) fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

/// The model after a change.
pub fn apply(change: &Change, before: &Model) -> Result<Model, ChangeError> {
    let mut model = before.clone();
    change_model(change, &mut model)?;
    Ok(model)
}

fn change_model(change: &Change, model: &mut Model) -> Result<(), ChangeError> {
    match change {
        Change::CreateTable(c) => {
            absent(model, "table", &c.table)?;
            model.tables.insert(c.table.clone(), c.definition.clone());
        }
        Change::DropTable(c) => drop_table(&c.table, model)?,
        Change::RenameTable(c) => rename_table(c, model)?,
        Change::DescribeTable(c) => describe_table(c, model)?,
        Change::AddColumn(c) => add_column(c, model)?,
        Change::DropColumn(c) => drop_column(c, model)?,
        Change::RenameColumn(c) => rename_column(c, model)?,
        Change::ChangeType(c) => change_type(c, model)?,
        Change::SetRequired(c) => {
            let column = column_of(model, &c.table, &c.column)?;
            if column.required {
                return Err(ChangeError::new("column", format!("'{}.{}' is required already", c.table, c.column)));
            }
            column.required = true;
        }
        Change::DropRequired(c) => {
            let in_key = table_of(model, &c.table)?.primary_key.contains(&c.column);
            let column = column_of(model, &c.table, &c.column)?;
            if !column.required || in_key {
                let why = if in_key { "part of the primary key" } else { "not required" };
                return Err(ChangeError::new("column", format!("'{}.{}' is {why}", c.table, c.column)));
            }
            column.required = false;
        }
        Change::SetDefault(c) => column_of(model, &c.table, &c.column)?.default.clone_from(&c.default),
        Change::DescribeColumn(c) => describe_column(c, model)?,
        Change::AddUnique(c) => add_unique(c, model)?,
        Change::DropUnique(c) => drop_unique(c, model)?,
        Change::AddIndex(c) => add_index(c, model)?,
        Change::DropIndex(c) => drop_index(c, model)?,
        Change::AddCheck(c) => add_check(c, model)?,
        Change::DropCheck(c) => {
            let table = table_of(model, &c.table)?;
            if table.check.shift_remove(&c.name).is_none() {
                return Err(ChangeError::new("name", format!("'{}' has no check '{}'", c.table, c.name)));
            }
        }
        Change::AddForeignKey(c) => add_foreign_key(c, model)?,
        Change::DropForeignKey(c) => drop_foreign_key(c, model)?,
        Change::Update(c) => {
            let table = table_of(model, &c.table)?;
            for column in c.set.keys().chain(c.down.set.keys()) {
                has_column(table, "set", &c.table, column)?;
            }
        }
        Change::Sql(_) => {}
    }
    Ok(())
}

fn table_of<'m>(model: &'m mut Model, name: &str) -> Result<&'m mut Table, ChangeError> {
    model.tables.get_mut(name).ok_or_else(|| ChangeError::new("table", format!("there is no table '{name}'")))
}

fn column_of<'m>(model: &'m mut Model, table: &str, column: &str) -> Result<&'m mut Column, ChangeError> {
    table_of(model, table)?
        .columns
        .get_mut(column)
        .ok_or_else(|| ChangeError::new("column", format!("'{table}' has no column '{column}'")))
}

fn has_column(table: &Table, field: &'static str, name: &str, column: &str) -> Result<(), ChangeError> {
    if table.columns.contains_key(column) {
        Ok(())
    } else {
        Err(ChangeError::new(field, format!("'{name}' has no column '{column}'")))
    }
}

fn absent(model: &Model, field: &'static str, name: &str) -> Result<(), ChangeError> {
    if model.tables.contains_key(name) {
        return Err(ChangeError::new(field, format!("there is a table '{name}' already")));
    }
    Ok(())
}

fn drop_table(name: &str, model: &mut Model) -> Result<(), ChangeError> {
    table_of(model, name)?;
    let pointing = model
        .tables
        .iter()
        .find(|(other, table)| *other != name && table.all_foreign_keys().iter().any(|key| key.table == name));
    if let Some((other, _)) = pointing {
        return Err(ChangeError::new("table", format!("'{other}' points at '{name}': drop its foreign key first")));
    }
    model.tables.shift_remove(name);
    Ok(())
}

fn rename_table(c: &RenameTable, model: &mut Model) -> Result<(), ChangeError> {
    table_of(model, &c.table)?;
    absent(model, "to", &c.to)?;
    model.tables = std::mem::take(&mut model.tables)
        .into_iter()
        .map(|(name, table)| (if name == c.table { c.to.clone() } else { name }, table))
        .collect();
    rename::table_in_references(model, &c.table, &c.to);
    Ok(())
}

fn describe_table(c: &DescribeTable, model: &mut Model) -> Result<(), ChangeError> {
    let table = table_of(model, &c.table)?;
    table.comment.clone_from(&c.comment);
    table.data_types.clone_from(&c.data_types);
    table.order.clone_from(&c.order);
    table.retention.clone_from(&c.retention);
    table.newest.clone_from(&c.newest);
    Ok(())
}

fn add_column(c: &AddColumn, model: &mut Model) -> Result<(), ChangeError> {
    let table = table_of(model, &c.table)?;
    if table.columns.contains_key(&c.column) {
        return Err(ChangeError::new("column", format!("'{}' has a column '{}' already", c.table, c.column)));
    }
    if c.definition.required && c.definition.default.is_none() && c.fill.is_none() {
        let message = "a required column without a default needs 'fill': what the rows that exist get";
        return Err(ChangeError::new("definition", message));
    }
    table.columns.insert(c.column.clone(), c.definition.clone());
    Ok(())
}

fn drop_column(c: &DropColumn, model: &mut Model) -> Result<(), ChangeError> {
    let name = &c.column;
    let table = table_of(model, &c.table)?;
    has_column(table, "column", &c.table, name)?;
    let users = [
        ("the primary key", table.primary_key.contains(name)),
        ("a unique key of several columns", table.unique.iter().any(|key| key.contains(name))),
        ("an index", table.index.iter().any(|key| key.contains(name))),
        ("a foreign key of several columns", table.foreign_keys.iter().any(|key| key.columns.contains(name))),
        ("a check", table.check.values().any(|condition| expression::mentions(condition, name))),
        ("the natural order", table.order.contains(name)),
        ("the retention", table.retention.as_ref().is_some_and(|r| r.column == *name)),
        ("'newest'", table.newest.as_ref() == Some(name)),
        ("the last column", table.columns.len() == 1),
    ];
    if let Some((user, _)) = users.iter().find(|(_, uses)| *uses) {
        return Err(ChangeError::new("column", format!("'{}.{name}' is part of {user}: change that first", c.table)));
    }
    let pointing = model
        .tables
        .iter()
        .find(|(_, table)| table.all_foreign_keys().iter().any(|key| key.table == c.table && key.to.contains(name)));
    if let Some((other, _)) = pointing {
        return Err(ChangeError::new("column", format!("'{other}' points at '{}.{name}'", c.table)));
    }
    table_of(model, &c.table)?.columns.shift_remove(name);
    Ok(())
}

fn rename_column(c: &RenameColumn, model: &mut Model) -> Result<(), ChangeError> {
    let table = table_of(model, &c.table)?;
    has_column(table, "column", &c.table, &c.column)?;
    if table.columns.contains_key(&c.to) {
        return Err(ChangeError::new("to", format!("'{}' has a column '{}' already", c.table, c.to)));
    }
    table.columns = std::mem::take(&mut table.columns)
        .into_iter()
        .map(|(name, column)| (if name == c.column { c.to.clone() } else { name }, column))
        .collect::<IndexMap<_, _>>();
    rename::column_in_table(table, &c.column, &c.to);
    rename::column_in_references(model, &c.table, &c.column, &c.to);
    Ok(())
}

fn change_type(c: &ChangeType, model: &mut Model) -> Result<(), ChangeError> {
    let column = column_of(model, &c.table, &c.column)?;
    if column.logical == c.to {
        return Err(ChangeError::new("to", format!("'{}.{}' has this type already", c.table, c.column)));
    }
    column.logical = c.to.clone();
    Ok(())
}

fn describe_column(c: &DescribeColumn, model: &mut Model) -> Result<(), ChangeError> {
    let column = column_of(model, &c.table, &c.column)?;
    column.min.clone_from(&c.min);
    column.max.clone_from(&c.max);
    column.min_length = c.min_length;
    column.max_length = c.max_length;
    column.pattern.clone_from(&c.pattern);
    column.format = c.format;
    column.pii = c.pii;
    column.secret = c.secret;
    column.comment.clone_from(&c.comment);
    Ok(())
}

/// The key's table, after it was made sure that it has all the key's columns.
fn keyed<'m>(key: &Key, model: &'m mut Model) -> Result<&'m mut Table, ChangeError> {
    let table = table_of(model, &key.table)?;
    if key.columns.is_empty() {
        return Err(ChangeError::new("columns", "name at least one column"));
    }
    for column in &key.columns {
        has_column(table, "columns", &key.table, column)?;
    }
    Ok(table)
}

fn add_unique(c: &Key, model: &mut Model) -> Result<(), ChangeError> {
    let table = keyed(c, model)?;
    if table.all_unique_keys().contains(&c.columns) {
        return Err(ChangeError::new("columns", "there is this unique key already"));
    }
    match c.columns.as_slice() {
        [only] => {
            if let Some(column) = table.columns.get_mut(only) {
                column.unique = true;
            }
        }
        _ => table.unique.push(c.columns.clone()),
    }
    Ok(())
}

fn drop_unique(c: &Key, model: &mut Model) -> Result<(), ChangeError> {
    let table = keyed(c, model)?;
    let count = table.all_unique_keys().len();
    table.unique.retain(|key| *key != c.columns);
    if let [only] = c.columns.as_slice()
        && let Some(column) = table.columns.get_mut(only)
    {
        column.unique = false;
    }
    if table.all_unique_keys().len() == count {
        return Err(ChangeError::new("columns", "there is no such unique key"));
    }
    Ok(())
}

fn add_index(c: &Key, model: &mut Model) -> Result<(), ChangeError> {
    let table = keyed(c, model)?;
    if table.index.contains(&c.columns) {
        return Err(ChangeError::new("columns", "there is this index already"));
    }
    table.index.push(c.columns.clone());
    Ok(())
}

fn drop_index(c: &Key, model: &mut Model) -> Result<(), ChangeError> {
    let table = keyed(c, model)?;
    let count = table.index.len();
    table.index.retain(|key| *key != c.columns);
    if table.index.len() == count {
        return Err(ChangeError::new("columns", "there is no such index"));
    }
    Ok(())
}

fn add_check(c: &AddCheck, model: &mut Model) -> Result<(), ChangeError> {
    let table = table_of(model, &c.table)?;
    if table.check.contains_key(&c.name) {
        return Err(ChangeError::new("name", format!("'{}' has a check '{}' already", c.table, c.name)));
    }
    table.check.insert(c.name.clone(), c.condition.clone());
    Ok(())
}

fn add_foreign_key(c: &AddForeignKey, model: &mut Model) -> Result<(), ChangeError> {
    let key = Key { table: c.table.clone(), columns: c.columns.clone() };
    let target = model.tables.get(&c.to_table);
    let target = target.ok_or_else(|| ChangeError::new("to_table", format!("there is no table '{}'", c.to_table)))?;
    for column in &c.to_columns {
        has_column(target, "to_columns", &c.to_table, column)?;
    }
    let table = keyed(&key, model)?;
    if table.all_foreign_keys().iter().any(|other| other.columns == c.columns) {
        return Err(ChangeError::new("columns", "these columns have a foreign key already"));
    }
    match (c.columns.as_slice(), c.to_columns.as_slice()) {
        ([only], [to]) => {
            if let Some(column) = table.columns.get_mut(only) {
                column.references = Some(format!("{}.{to}", c.to_table));
                column.on_delete = Some(c.on_delete);
            }
        }
        _ => table.foreign_keys.push(c.key()),
    }
    Ok(())
}

fn drop_foreign_key(c: &Key, model: &mut Model) -> Result<(), ChangeError> {
    let table = keyed(c, model)?;
    let count = table.all_foreign_keys().len();
    table.foreign_keys.retain(|key| key.columns != c.columns);
    if let [only] = c.columns.as_slice()
        && let Some(column) = table.columns.get_mut(only)
    {
        column.references = None;
        column.on_delete = None;
    }
    if table.all_foreign_keys().len() == count {
        return Err(ChangeError::new("columns", "there is no such foreign key"));
    }
    Ok(())
}
