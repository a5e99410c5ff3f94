//! A new name for a table or a column, wherever a model speaks of it.

use crate::model::{Model, Table, expression};

fn replace(names: &mut [String], from: &str, to: &str) {
    for name in names.iter_mut().filter(|name| *name == from) {
        to.clone_into(name);
    }
}

/// Follows a column's new name through its own table.
pub(super) fn column_in_table(table: &mut Table, from: &str, to: &str) {
    replace(&mut table.primary_key, from, to);
    replace(&mut table.order, from, to);
    for key in table.unique.iter_mut().chain(&mut table.index) {
        replace(key, from, to);
    }
    for key in &mut table.foreign_keys {
        replace(&mut key.columns, from, to);
    }
    for condition in table.check.values_mut() {
        *condition = expression::renamed(condition, from, to);
    }
    if let Some(retention) = table.retention.as_mut().filter(|r| r.column == from) {
        to.clone_into(&mut retention.column);
    }
    if let Some(newest) = table.newest.as_mut().filter(|newest| *newest == from) {
        to.clone_into(newest);
    }
}

/// Follows a column's new name through everything that points at it.
pub(super) fn column_in_references(model: &mut Model, table: &str, from: &str, to: &str) {
    let old = format!("{table}.{from}");
    for other in model.tables.values_mut() {
        for column in other.columns.values_mut().filter(|c| c.references.as_deref() == Some(&old)) {
            column.references = Some(format!("{table}.{to}"));
        }
        for key in other.foreign_keys.iter_mut().filter(|key| key.table == table) {
            replace(&mut key.to, from, to);
        }
    }
}

/// Follows a table's new name through everything that points at it.
pub(super) fn table_in_references(model: &mut Model, from: &str, to: &str) {
    for other in model.tables.values_mut() {
        for column in other.columns.values_mut() {
            let target = column.references.as_deref().and_then(|r| r.rsplit_once('.'));
            if let Some((_, key)) = target.filter(|(table, _)| *table == from) {
                column.references = Some(format!("{to}.{key}"));
            }
        }
        for key in other.foreign_keys.iter_mut().filter(|key| key.table == from) {
            to.clone_into(&mut key.table);
        }
    }
}
