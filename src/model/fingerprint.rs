//! The structural fingerprint of a model: equal for two databases that enforce the same.
//!
//! What counts: tables, columns with type, `required` and default, primary key, unique keys,
//! indexes, checks and foreign keys. What does not: the order of tables and columns (a column that
//! a migration adds stands at the end), comments, and what only fixtool looks at (bounds, patterns,
//! data types, retention). A unique key of one column is the same whether it stands at the column
//! or at the table.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::literal::DefaultValue;
use super::{Column, LogicalType, Model, OnDelete, Table, Value, expression};

/// The fingerprint, as 64 lower-case hexadecimal digits.
pub fn fingerprint(model: &Model) -> String {
    let mut tables: Vec<_> = model.tables.iter().collect();
    tables.sort_by_key(|(name, _)| name.as_str());
    let mut hasher = blake3::Hasher::new();
    for (name, table) in tables {
        hasher.update(fingerprint_of_table(name, table).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// The fingerprint of one table, name included.
pub fn fingerprint_of_table(name: &str, table: &Table) -> String {
    let mut canonical = String::new();
    for line in structure(name, table) {
        // A length before each line keeps two different structures from giving the same bytes.
        let _ = write!(canonical, "{}:{line};", line.len());
    }
    blake3::hash(canonical.as_bytes()).to_hex().to_string()
}

/// What the fingerprint is made from, one fact a line, in canonical order. Two models differ where
/// these lines differ.
pub fn structure(name: &str, table: &Table) -> BTreeSet<String> {
    let mut facts = BTreeSet::from([format!("table {name:?}")]);
    for (column, definition) in &table.columns {
        facts.insert(format!("column {column:?} {}", column_facts(definition, table.primary_key.contains(column))));
    }
    if !table.primary_key.is_empty() {
        facts.insert(format!("primary key {:?}", table.primary_key));
    }
    let unique = table.all_unique_keys().into_iter().filter(|key| *key != table.primary_key);
    facts.extend(unique.map(|key| format!("unique {key:?}")));
    facts.extend(table.index.iter().map(|key| format!("index {key:?}")));
    facts.extend(
        table.check.iter().map(|(name, condition)| format!("check {name:?} {}", expression::canonical(condition))),
    );
    facts.extend(table.all_foreign_keys().iter().map(|key| {
        let on_delete = match key.on_delete {
            OnDelete::Restrict => "restrict",
            OnDelete::Cascade => "cascade",
            OnDelete::SetNull => "set null",
        };
        format!("foreign key {:?} to {:?} {:?} {on_delete}", key.columns, key.table, key.to)
    }));
    facts
}

fn column_facts(column: &Column, in_key: bool) -> String {
    let mut facts = column.logical.to_string();
    if column.required || in_key {
        facts.push_str(" required");
    }
    if let Some(default) = &column.default {
        let _ = write!(facts, " default {}", canonical_default(default, &column.logical));
    }
    facts
}

fn canonical_default(text: &str, logical: &LogicalType) -> String {
    match DefaultValue::parse(text, logical) {
        Ok(DefaultValue::Now) => "now()".to_owned(),
        Ok(DefaultValue::Uuid) => "uuid()".to_owned(),
        Ok(DefaultValue::Serial) => "serial()".to_owned(),
        Ok(DefaultValue::Sql(text)) => format!("sql({})", expression::canonical(&text)),
        Ok(DefaultValue::Literal(Value::Json(document))) => canonical_json(&document),
        Ok(DefaultValue::Literal(value)) => format!("{value:?}"),
        Err(_) => format!("{text:?}"),
    }
}

fn canonical_json(document: &str) -> String {
    fn sorted(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(map) => {
                let mut entries: Vec<_> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                entries.into_iter().collect()
            }
            serde_json::Value::Array(values) => values.into_iter().map(sorted).collect(),
            other => other,
        }
    }
    serde_json::from_str(document).map_or_else(|_| document.to_owned(), |value| sorted(value).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(yaml: &str) -> Model {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[test]
    fn order_comments_and_spelling_do_not_count() {
        let one = model(
            "tables:\n  a:\n    columns:\n      id: {type: uuid, required: true}\n      n: {type: 'decimal(4,2)', default: '1.50', unique: true}\n    primary_key: [id]\n",
        );
        let other = model(
            "tables:\n  a:\n    comment: x\n    columns:\n      n: {type: 'decimal(4, 2)', default: '1.5', max: 3}\n      id: {type: uuid}\n    primary_key: [id]\n    unique: [[n]]\n",
        );
        assert_eq!(fingerprint(&one), fingerprint(&other));
    }

    #[test]
    fn every_fact_counts() {
        let base = "tables:\n  a:\n    columns:\n      id: {type: uuid, required: true}\n      n: {type: int}\n    primary_key: [id]\n";
        let others = [
            base.replace("a:\n", "b:\n"),
            base.replace("n: {type: int}", "m: {type: int}"),
            base.replace("type: int", "type: bigint"),
            base.replace("type: int", "type: int, required: true"),
            base.replace("type: int", "type: int, default: 0"),
            base.replace("type: int", "type: int, unique: true"),
            base.replace("primary_key: [id]", "primary_key: [id, n]"),
            format!("{base}    index: [[n]]\n"),
            format!("{base}    check: {{positive: n > 0}}\n"),
            format!("{base}    foreign_keys: [{{columns: [n], table: a, to: [n]}}]\n"),
        ];
        let all: std::collections::HashSet<String> =
            others.iter().map(|yaml| fingerprint(&model(yaml))).chain([fingerprint(&model(base))]).collect();
        assert_eq!(all.len(), others.len() + 1);
    }
}
