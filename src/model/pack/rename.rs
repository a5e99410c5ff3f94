//! A new name for a table or a column, wherever a model speaks of it.

use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::model::{Model, Table};

/// Whether an expression names this column.
pub(super) fn mentions(expression: &str, column: &str) -> bool {
    Tokenizer::new(&GenericDialect {}, expression)
        .tokenize()
        // What cannot be read may name anything.
        .map_or(true, |tokens| tokens.iter().any(|token| names(token, column)))
}

fn names(token: &Token, column: &str) -> bool {
    match token {
        Token::Word(word) if word.quote_style.is_some() => word.value == column,
        Token::Word(word) => word.value.eq_ignore_ascii_case(column),
        _ => false,
    }
}

fn in_expression(expression: &str, from: &str, to: &str) -> String {
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, expression).tokenize() else {
        return expression.to_owned();
    };
    tokens
        .into_iter()
        .map(|token| {
            if names(&token, from) {
                let plain = to
                    .bytes()
                    .enumerate()
                    .all(|(at, b)| b == b'_' || b.is_ascii_lowercase() || (at > 0 && b.is_ascii_digit()));
                if plain { to.to_owned() } else { format!("\"{}\"", to.replace('"', "\"\"")) }
            } else {
                token.to_string()
            }
        })
        .collect()
}

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
        *condition = in_expression(condition, from, to);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_is_followed_in_expressions_but_not_in_texts() {
        assert_eq!(in_expression("name <> 'name' and \"name\" > 1", "name", "title"), "title <> 'name' and title > 1");
        assert_eq!(in_expression("name > 1", "name", "Full Name"), "\"Full Name\" > 1");
        assert!(mentions("length(Name) > 0", "name") && !mentions("length(nickname) > 0", "name"));
    }
}
