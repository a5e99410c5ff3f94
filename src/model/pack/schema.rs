//! JSON schemas of a pack's files, so that an editor completes and checks them while they are written.
//! `pack check` finds more: what refers to what, and whether literals fit their types.

use serde_json::{Map, Value, json};

/// A kind of file in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// `pack.yaml`.
    Pack,
    /// `model.yaml`.
    Model,
    /// `migration.yaml`.
    Migration,
}

impl File {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Pack, Self::Model, Self::Migration];

    /// The file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pack => "pack.yaml",
            Self::Model => "model.yaml",
            Self::Migration => "migration.yaml",
        }
    }
}

/// The schema of a file (JSON Schema, draft 2020-12).
pub fn schema(file: File) -> Value {
    let mut schema = match file {
        File::Pack => super::schema_manifest::manifest(),
        File::Model => object(&["tables"], [("tables", map(reference("table")))]),
        File::Migration => object(
            &["title", "steps"],
            [("title", text("What the version brings, in one line.")), ("steps", list(one_step()))],
        ),
    };
    if let Value::Object(schema) = &mut schema {
        schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        schema.insert("title".to_owned(), file.name().into());
        if file != File::Pack {
            schema.insert(
                "$defs".to_owned(),
                json!({ "table": table(), "column": column(), "foreign_key": foreign_key() }),
            );
        }
    }
    schema
}

pub(super) fn object<'a>(required: &[&str], properties: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let properties: Map<String, Value> = properties.into_iter().map(|(name, of)| (name.to_owned(), of)).collect();
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

pub(super) fn map(of: Value) -> Value {
    Value::Object(Map::from_iter([("type".to_owned(), "object".into()), ("additionalProperties".to_owned(), of)]))
}

pub(super) fn list(of: Value) -> Value {
    Value::Object(Map::from_iter([("type".to_owned(), "array".into()), ("items".to_owned(), of)]))
}

pub(super) fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

pub(super) fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

pub(super) fn word(words: &[&str], description: &str) -> Value {
    json!({ "enum": words, "description": description })
}

fn reference(to: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{to}") })
}

fn names(description: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "description": description })
}

fn count(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": description })
}

/// A literal: YAML may take it for a number or a truth value, fixtool reads it as it is written.
fn literal(description: &str) -> Value {
    json!({ "type": ["string", "number", "boolean"], "description": description })
}

fn logical_type() -> Value {
    json!({
        "type": "string",
        "pattern": "^ *(uuid|text|int|bigint|bool|float|timestamp|date|json|bytes|string\\(.+\\)|decimal\\(.+,.+\\)|list\\( *text *\\)|enum\\(.+\\)|native\\(.+\\)) *$",
        "description": "uuid, text, string(n), int, bigint, bool, decimal(p,s), float, timestamp, date, json, bytes, list(text), enum(a,b,c) or native(name)"
    })
}

fn on_delete() -> Value {
    word(&["restrict", "cascade", "set_null"], "What happens to the row when the row it points at goes.")
}

fn demands() -> [(&'static str, Value); 9] {
    [
        ("min", literal("Smallest value.")),
        ("max", literal("Largest value.")),
        ("min_length", count("Fewest characters.")),
        ("max_length", count("Most characters.")),
        ("pattern", text("A regular expression for the whole text.")),
        ("format", word(&["email", "url", "ip", "country", "currency"], "A well-known format.")),
        ("pii", word(&["email", "name", "phone", "ip", "free-text"], "What kind of personal data it is.")),
        ("secret", word(&["argon2", "sealed"], "How a secret is kept.")),
        ("comment", text("What it means, for people.")),
    ]
}

fn column() -> Value {
    let structure = [
        ("type", logical_type()),
        ("required", flag("Whether NULL is refused.")),
        ("default", literal("now(), uuid(), serial(), sql(…) or a literal.")),
        ("unique", flag("Whether the column alone is a unique key.")),
        ("references", json!({ "type": "string", "pattern": "^.+\\..+$", "description": "table.column pointed at" })),
        ("on_delete", on_delete()),
    ];
    object(&["type"], structure.into_iter().chain(demands()))
}

fn foreign_key() -> Value {
    object(
        &["columns", "table", "to"],
        [
            ("columns", names("Columns of this table.")),
            ("table", text("The table pointed at.")),
            ("to", names("Its columns.")),
            ("on_delete", on_delete()),
        ],
    )
}

fn descriptions() -> [(&'static str, Value); 5] {
    let retention = [("column", text("The column that tells a row's age.")), ("keep", text("The age, as 90d."))];
    [
        ("comment", text("What the table holds, for people.")),
        ("data_types", names("Names under which a user loads it, beside its own.")),
        ("order", names("Natural order for incremental work.")),
        ("retention", object(&["column", "keep"], retention)),
        ("newest", text("The column that decides 'newest wins'.")),
    ]
}

fn table() -> Value {
    let structure = [
        ("columns", map(reference("column"))),
        ("primary_key", names("Columns of the primary key.")),
        ("unique", list(names("Columns of a unique key."))),
        ("index", list(names("Columns of an index."))),
        ("check", map(text("What each row must meet, in the rule language."))),
        ("foreign_keys", list(reference("foreign_key"))),
    ];
    object(&["columns"], structure.into_iter().chain(descriptions()))
}

fn step<'a>(required: &[&str], properties: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let mut required = required.to_vec();
    required.insert(0, "table");
    object(&required, [("table", text("The table."))].into_iter().chain(properties))
}

fn expression(description: &str) -> Value {
    json!({ "type": ["string", "number", "boolean"], "description": description })
}

fn column_step(required: &[&str], further: Vec<(&'static str, Value)>) -> Value {
    let mut required = required.to_vec();
    required.insert(0, "column");
    step(&required, [("column", text("The column."))].into_iter().chain(further))
}

fn one_step() -> Value {
    let key = || step(&["columns"], [("columns", names("Its columns, in order."))]);
    let fill = || vec![("fill", expression("The value for rows that have none: an expression over the row."))];
    let renamed = || ("to", text("The name from now on."));
    let steps = [
        ("create_table", step(&["definition"], [("definition", reference("table"))])),
        ("drop_table", step(&[], [])),
        ("rename_table", step(&["to"], [renamed()])),
        ("describe_table", step(&[], descriptions())),
        ("add_column", column_step(&["definition"], [vec![("definition", reference("column"))], fill()].concat())),
        ("drop_column", column_step(&[], vec![("restore", expression("The value on the way back."))])),
        ("rename_column", column_step(&["to"], vec![renamed()])),
        ("change_type", change_type()),
        ("set_required", column_step(&[], fill())),
        ("drop_required", column_step(&[], fill())),
        ("set_default", column_step(&[], vec![("default", literal("The new default; none when absent."))])),
        ("describe_column", column_step(&[], demands().into())),
        ("add_unique", key()),
        ("drop_unique", key()),
        ("add_index", key()),
        ("drop_index", key()),
        (
            "add_check",
            step(&["name", "condition"], [("name", text("Its name.")), ("condition", text("The condition."))]),
        ),
        ("drop_check", step(&["name"], [("name", text("Its name."))])),
        ("add_foreign_key", add_foreign_key()),
        ("drop_foreign_key", key()),
        ("update", update()),
        ("sql", sql()),
    ];
    let mut one = object(&[], steps);
    if let Value::Object(one) = &mut one {
        one.insert("minProperties".to_owned(), 1.into());
        one.insert("maxProperties".to_owned(), 1.into());
    }
    one
}

fn change_type() -> Value {
    let further = vec![
        ("to", logical_type()),
        ("using", expression("The new value; without it the value is cast.")),
        ("back", expression("The old value on the way back.")),
    ];
    column_step(&["to"], further)
}

fn add_foreign_key() -> Value {
    let properties = [
        ("columns", names("Its columns.")),
        ("to_table", text("The table pointed at.")),
        ("to_columns", names("Its columns.")),
        ("on_delete", on_delete()),
    ];
    step(&["columns", "to_table", "to_columns"], properties)
}

fn assignments() -> [(&'static str, Value); 2] {
    [("set", map(expression("The new value."))), ("where", text("Which rows; all when absent."))]
}

fn update() -> Value {
    let down = ("down", object(&["set"], assignments()));
    step(&["set", "down"], assignments().into_iter().chain([down]))
}

fn sql() -> Value {
    let statements = || object(&[], [("postgres", names("For PostgreSQL.")), ("sqlite", names("For SQLite."))]);
    let reason = text("What they do and why the model cannot say it.");
    object(&["reason", "up", "down"], [("reason", reason), ("up", statements()), ("down", statements())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pack::builtin;

    /// As much of JSON Schema as the schemas use.
    fn fits(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
        if let Some(to) = schema["$ref"].as_str() {
            return fits(value, root.pointer(to.trim_start_matches('#')).unwrap(), root);
        }
        let kind = match value {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Number(n) if n.is_u64() || n.is_i64() => "integer",
            Value::Number(_) => "number",
            Value::Null => "null",
        };
        let allowed = |of: &Value| of == kind || (of == "number" && kind == "integer");
        match &schema["type"] {
            Value::String(_) if !allowed(&schema["type"]) => return Err(format!("{value} is no {}", schema["type"])),
            Value::Array(of) if !of.iter().any(allowed) => return Err(format!("{value} is none of {of:?}")),
            _ => {}
        }
        if schema["enum"].as_array().is_some_and(|of| !of.contains(value)) {
            return Err(format!("{value} is none of {}", schema["enum"]));
        }
        if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
            && !regex::Regex::new(pattern).unwrap().is_match(text)
        {
            return Err(format!("{text} does not match {pattern}"));
        }
        if let Some(items) = value.as_array() {
            return items.iter().try_for_each(|item| fits(item, &schema["items"], root));
        }
        let Some(object) = value.as_object() else { return Ok(()) };
        if schema["maxProperties"].as_u64().is_some_and(|most| object.len() as u64 > most) {
            return Err(format!("{value} has too many keys"));
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            object.get(required.as_str().unwrap()).ok_or_else(|| format!("{required} is missing"))?;
        }
        for (key, value) in object {
            match schema["properties"].get(key).or(schema.get("additionalProperties")) {
                Some(Value::Bool(false)) => return Err(format!("unknown key {key}")),
                Some(of) => fits(value, of, root).map_err(|error| format!("{key}: {error}"))?,
                None => {}
            }
        }
        Ok(())
    }

    fn of_yaml(text: &str, file: File) -> Result<(), String> {
        let schema = schema(file);
        fits(&serde_saphyr::from_str(text).unwrap(), &schema, &schema)
    }

    #[test]
    fn the_built_in_packs_fit_their_schemas() {
        for name in builtin::names() {
            for (path, bytes) in builtin::files(name).unwrap() {
                let file = File::ALL.into_iter().find(|file| path.ends_with(file.name()));
                if let Some(file) = file {
                    let text = String::from_utf8(bytes).unwrap();
                    assert_eq!(of_yaml(&text, file), Ok(()), "{path}");
                }
            }
        }
    }

    #[test]
    fn every_step_has_a_schema_with_its_keys() {
        let steps = "title: t\nsteps:\n\
            - rename_table: {table: a, to: b}\n- drop_table: {table: a}\n- describe_table: {table: a, newest: x}\n\
            - rename_column: {table: a, column: b, to: c}\n- drop_required: {table: a, column: b, fill: 1}\n\
            - drop_unique: {table: a, columns: [b]}\n- add_index: {table: a, columns: [b]}\n\
            - drop_index: {table: a, columns: [b]}\n- add_check: {table: a, name: c1, condition: b > 0}\n\
            - drop_check: {table: a, name: c1}\n- drop_foreign_key: {table: a, columns: [b]}\n\
            - add_foreign_key: {table: a, columns: [b], to_table: c, to_columns: [d], on_delete: set_null}\n\
            - sql: {reason: r, up: {postgres: [x]}, down: {sqlite: [z]}}\n";
        assert_eq!(of_yaml(steps, File::Migration), Ok(()));
        let migration: crate::model::pack::Migration = serde_saphyr::from_str(steps).unwrap();
        assert_eq!(migration.steps.len(), 13);
    }

    #[test]
    fn mistakes_do_not_fit() {
        let column = |text: &str| of_yaml(&format!("tables: {{t: {{columns: {{c: {text}}}}}}}"), File::Model);
        assert_eq!(column("{type: int, min: 0}"), Ok(()));
        assert!(column("{type: integer}").is_err() && column("{typ: int}").is_err() && column("{}").is_err());
        assert!(column("{type: int, on_delete: explode}").is_err());
        assert!(of_yaml("title: t\nsteps: [{drop_tables: {table: a}}]", File::Migration).is_err());
        assert!(of_yaml("title: t\nsteps: [{drop_table: {}}]", File::Migration).is_err());
        assert!(of_yaml("name: a\ntitle: b\nversions: [1.0]", File::Pack).is_err());
    }
}
