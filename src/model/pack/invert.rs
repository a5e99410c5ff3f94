//! How a change is taken back: the step that leads from the model after it to the model before.

use super::apply::ChangeError;
use super::change::{
    AddCheck, AddColumn, AddForeignKey, Assignments, Change, ChangeType, CreateTable, DescribeColumn, DescribeTable,
    DropCheck, DropColumn, Key, RenameColumn, RenameTable, SetDefault, Sql, TableName, Update,
};
use crate::model::{Column, Model, Table};

/// The step that takes a change back. `before` is the model that the change was made to.
pub fn invert(change: &Change, before: &Model) -> Result<Change, ChangeError> {
    Ok(match change {
        Change::CreateTable(c) => Change::DropTable(TableName { table: c.table.clone() }),
        Change::DropTable(c) => {
            Change::CreateTable(CreateTable { table: c.table.clone(), definition: table_of(before, &c.table)?.clone() })
        }
        Change::RenameTable(c) => Change::RenameTable(RenameTable { table: c.to.clone(), to: c.table.clone() }),
        Change::DescribeTable(c) => Change::DescribeTable(description_of(&c.table, table_of(before, &c.table)?)),
        Change::AddColumn(c) => {
            Change::DropColumn(DropColumn { table: c.table.clone(), column: c.column.clone(), restore: c.fill.clone() })
        }
        Change::DropColumn(c) => add_again(c, column_of(before, &c.table, &c.column)?)?,
        Change::RenameColumn(c) => {
            Change::RenameColumn(RenameColumn { table: c.table.clone(), column: c.to.clone(), to: c.column.clone() })
        }
        Change::ChangeType(c) => Change::ChangeType(ChangeType {
            table: c.table.clone(),
            column: c.column.clone(),
            to: column_of(before, &c.table, &c.column)?.logical.clone(),
            using: c.back.clone(),
            back: c.using.clone(),
        }),
        Change::SetRequired(c) => Change::DropRequired(c.clone()),
        Change::DropRequired(c) => Change::SetRequired(c.clone()),
        Change::SetDefault(c) => Change::SetDefault(SetDefault {
            table: c.table.clone(),
            column: c.column.clone(),
            default: column_of(before, &c.table, &c.column)?.default.clone(),
        }),
        Change::DescribeColumn(c) => {
            Change::DescribeColumn(demands_of(&c.table, &c.column, column_of(before, &c.table, &c.column)?))
        }
        Change::AddUnique(c) => Change::DropUnique(c.clone()),
        Change::DropUnique(c) => Change::AddUnique(c.clone()),
        Change::AddIndex(c) => Change::DropIndex(c.clone()),
        Change::DropIndex(c) => Change::AddIndex(c.clone()),
        Change::AddCheck(c) => Change::DropCheck(DropCheck { table: c.table.clone(), name: c.name.clone() }),
        Change::DropCheck(c) => check_again(c, table_of(before, &c.table)?)?,
        Change::AddForeignKey(c) => Change::DropForeignKey(Key { table: c.table.clone(), columns: c.columns.clone() }),
        Change::DropForeignKey(c) => point_again(c, table_of(before, &c.table)?)?,
        Change::Update(c) => Change::Update(Update {
            table: c.table.clone(),
            set: c.down.set.clone(),
            condition: c.down.condition.clone(),
            down: Assignments { set: c.set.clone(), condition: c.condition.clone() },
        }),
        Change::Sql(c) => Change::Sql(Sql { reason: c.reason.clone(), up: c.down.clone(), down: c.up.clone() }),
    })
}

fn table_of<'m>(model: &'m Model, name: &str) -> Result<&'m Table, ChangeError> {
    model.tables.get(name).ok_or_else(|| ChangeError::new("table", format!("there is no table '{name}'")))
}

fn column_of<'m>(model: &'m Model, table: &str, column: &str) -> Result<&'m Column, ChangeError> {
    table_of(model, table)?
        .columns
        .get(column)
        .ok_or_else(|| ChangeError::new("column", format!("'{table}' has no column '{column}'")))
}

fn description_of(name: &str, table: &Table) -> DescribeTable {
    DescribeTable {
        table: name.to_owned(),
        comment: table.comment.clone(),
        data_types: table.data_types.clone(),
        order: table.order.clone(),
        retention: table.retention.clone(),
        newest: table.newest.clone(),
    }
}

fn demands_of(table: &str, name: &str, column: &Column) -> DescribeColumn {
    DescribeColumn {
        table: table.to_owned(),
        column: name.to_owned(),
        min: column.min.clone(),
        max: column.max.clone(),
        min_length: column.min_length,
        max_length: column.max_length,
        pattern: column.pattern.clone(),
        format: column.format,
        pii: column.pii,
        secret: column.secret,
        comment: column.comment.clone(),
    }
}

fn add_again(c: &DropColumn, column: &Column) -> Result<Change, ChangeError> {
    if column.required && column.default.is_none() && c.restore.is_none() {
        let message =
            format!("'{}.{}' is required: say with 'restore' what it holds on the way back", c.table, c.column);
        return Err(ChangeError::new("column", message));
    }
    Ok(Change::AddColumn(AddColumn {
        table: c.table.clone(),
        column: c.column.clone(),
        definition: column.clone(),
        fill: c.restore.clone(),
    }))
}

fn check_again(c: &DropCheck, table: &Table) -> Result<Change, ChangeError> {
    let condition = table.check.get(&c.name);
    let condition = condition.ok_or_else(|| ChangeError::new("name", format!("there is no check '{}'", c.name)))?;
    Ok(Change::AddCheck(AddCheck { table: c.table.clone(), name: c.name.clone(), condition: condition.clone() }))
}

fn point_again(c: &Key, table: &Table) -> Result<Change, ChangeError> {
    let key = table.all_foreign_keys().into_iter().find(|key| key.columns == c.columns);
    let key = key.ok_or_else(|| ChangeError::new("columns", "there is no such foreign key"))?;
    Ok(Change::AddForeignKey(AddForeignKey {
        table: c.table.clone(),
        columns: key.columns,
        to_table: key.table,
        to_columns: key.to,
        on_delete: key.on_delete,
    }))
}
