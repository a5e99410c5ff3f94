//! A model as the statements that create it.
//!
//! The statements are made so that a table can be loaded fast: what a bare load takes off the table
//! (see `rebuild`) stands in statements of its own. On PostgreSQL those are all keys, indexes and
//! foreign keys. On SQLite the keys are unique indexes; foreign keys must stand in the table there,
//! but they are checked when they are wanted.
//!
//! What the database itself cannot say is written beside it, so that a structure that is read back
//! is exactly the model it was made from: the rule behind a CHECK, in a comment.

pub mod column_types;
pub mod names;

use self::column_types::{declared, default_sql, is_serial, unsupported};
use self::names::{Kind, Names};
use super::DatabaseError;
use super::quote::{identifier, list, literal, qualified};
use crate::model::{Column, Engine, ForeignKey, LogicalType, Model, Namespace, OnDelete, Table};

/// What the comment of a CHECK begins with, if the rule behind it follows.
pub const RULE: &str = "fixtool rule: ";

/// What a comment begins with that gives the logical type of a column whose declared type may say
/// nothing but `integer`.
pub const TYPE: &str = "fixtool type: ";

/// Writes a table's rule as SQL of the engine: the room of rules does it, and the caller brings it here.
pub type RenderCheck<'a> = &'a (dyn Fn(&Table, &str) -> Result<String, DatabaseError> + Sync);

/// Where the statements are for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Which engine's words.
    pub engine: Engine,
    /// The schema on PostgreSQL; on SQLite the file itself is the namespace.
    pub namespace: &'a Namespace,
}

impl Target<'_> {
    /// A table's full name.
    pub fn table(&self, name: &str) -> String {
        match self.engine {
            Engine::Postgres => qualified(self.namespace, name),
            Engine::Sqlite => identifier(name),
        }
    }
}

/// Statements that create every table of the model in an empty namespace, in order.
pub fn create(target: Target<'_>, model: &Model, render: RenderCheck<'_>) -> Result<Vec<String>, DatabaseError> {
    let Stages { mut tables, keys, indexes, foreign } = stages(target, model, render)?;
    tables.extend(keys.into_iter().zip(indexes).flat_map(|((_, keys), (_, indexes))| [keys, indexes].concat()));
    tables.extend(foreign);
    Ok(tables)
}

/// The same statements, so that rows can come between the first and the second stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stages {
    /// Tables without keys; they come first.
    pub tables: Vec<String>,
    /// Each table's primary key and unique keys, which different tables may get side by side. Meanwhile nobody reads
    /// the table.
    pub keys: Vec<(String, Vec<String>)>,
    /// Each table's other indexes, which come after its keys. Meanwhile it may be read.
    pub indexes: Vec<(String, Vec<String>)>,
    /// Foreign keys, when all other keys are there; none on SQLite, where they are part of the tables.
    pub foreign: Vec<String>,
}

/// Statements that create every table of the model, in stages.
pub fn stages(target: Target<'_>, model: &Model, render: RenderCheck<'_>) -> Result<Stages, DatabaseError> {
    let mut names = Names::default();
    let mut stages = Stages::default();
    for (name, table) in &model.tables {
        stages.tables.extend(create_table(target, (name, table), &mut names, render)?);
        let (keys, indexes) = keys_and_indexes(target, name, table, &mut names);
        stages.keys.push((name.clone(), keys));
        stages.indexes.push((name.clone(), indexes));
        stages.foreign.extend(foreign_keys(target, name, table, &mut names));
    }
    Ok(stages)
}

/// Statements that create one table with its columns and checks; on SQLite with its foreign keys too.
pub fn create_table(
    target: Target<'_>,
    (name, table): (&str, &Table),
    names: &mut Names,
    render: RenderCheck<'_>,
) -> Result<Vec<String>, DatabaseError> {
    let mut parts = Vec::new();
    for (column, definition) in &table.columns {
        let in_key = table.primary_key.contains(column);
        parts.push(column_sql(target.engine, column, definition, in_key, &table.primary_key)?);
    }
    for (column, definition) in &table.columns {
        if let LogicalType::Enum(words) = &definition.logical {
            let check = names.give(Kind::Enum, name, std::slice::from_ref(column));
            parts.push(format!("CONSTRAINT {} CHECK ({})", identifier(&check), enum_sql(column, words)));
        }
    }
    let mut comments = Vec::new();
    for (check, rule) in &table.check {
        let sql = render(table, rule)?;
        let check = identifier(check);
        match target.engine {
            Engine::Postgres => {
                parts.push(format!("CONSTRAINT {check} CHECK ({sql})"));
                let text = literal(&format!("{RULE}{rule}"));
                comments.push(format!("COMMENT ON CONSTRAINT {check} ON {} IS {text}", target.table(name)));
            }
            Engine::Sqlite => parts.push(format!("CONSTRAINT {check} CHECK ({sql} {})", sqlite_comment(rule))),
        }
    }
    if target.engine == Engine::Sqlite {
        for key in table.all_foreign_keys() {
            let constraint = names.give(Kind::ForeignKey, name, &key.columns);
            parts.push(format!(
                "CONSTRAINT {} {}",
                identifier(&constraint),
                foreign_sql(&key, &identifier(&key.table))
            ));
        }
    }
    let mut statements = vec![format!("CREATE TABLE {} (\n    {}\n)", target.table(name), parts.join(",\n    "))];
    statements.append(&mut comments);
    Ok(statements)
}

fn column_sql(
    engine: Engine,
    name: &str,
    column: &Column,
    in_key: bool,
    primary_key: &[String],
) -> Result<String, DatabaseError> {
    let mut sql = format!("{} {}", identifier(name), declared(engine, &column.logical)?);
    if is_serial(column) {
        match engine {
            Engine::Postgres => sql.push_str(" GENERATED BY DEFAULT AS IDENTITY"),
            // Only this very form counts by itself.
            Engine::Sqlite if primary_key == [name] => {
                return Ok(format!("{} integer PRIMARY KEY /* {TYPE}{} */", identifier(name), column.logical));
            }
            Engine::Sqlite => {
                let message = format!("'{name}' cannot count by itself: only a primary key of one column can");
                return Err(unsupported(engine, message));
            }
        }
    }
    if column.required || in_key {
        sql.push_str(" NOT NULL");
    }
    if let Some(default) = default_sql(engine, column)? {
        sql.push_str(" DEFAULT ");
        sql.push_str(&default);
    }
    Ok(sql)
}

/// The condition behind an enum.
pub fn enum_sql(column: &str, words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| literal(word)).collect();
    format!("{} IN ({})", identifier(column), words.join(", "))
}

/// A rule as a comment that cannot be left from inside.
fn sqlite_comment(rule: &str) -> String {
    let json = serde_json::Value::from(rule).to_string();
    format!("/* {RULE}{} */", json.replace("*/", "*\\/"))
}

/// Statements that give a table its keys, and those that give it its other indexes.
fn keys_and_indexes(target: Target<'_>, name: &str, table: &Table, names: &mut Names) -> (Vec<String>, Vec<String>) {
    let owner = target.table(name);
    let mut statements = Vec::new();
    let counted = |key: &[String]| {
        target.engine == Engine::Sqlite && matches!(key, [one] if table.columns.get(one).is_some_and(is_serial))
    };
    if !table.primary_key.is_empty() && !counted(&table.primary_key) {
        let key = identifier(&names.give(Kind::PrimaryKey, name, &table.primary_key));
        let columns = list("", &table.primary_key);
        statements.push(match target.engine {
            Engine::Postgres => format!("ALTER TABLE {owner} ADD CONSTRAINT {key} PRIMARY KEY ({columns})"),
            Engine::Sqlite => format!("CREATE UNIQUE INDEX {key} ON {owner} ({columns})"),
        });
    }
    for unique in table.all_unique_keys().iter().filter(|key| **key != table.primary_key) {
        let key = identifier(&names.give(Kind::Unique, name, unique));
        let columns = list("", unique);
        statements.push(match target.engine {
            Engine::Postgres => format!("ALTER TABLE {owner} ADD CONSTRAINT {key} UNIQUE ({columns})"),
            Engine::Sqlite => format!("CREATE UNIQUE INDEX {key} ON {owner} ({columns})"),
        });
    }
    let indexes = table.index.iter().map(|index| {
        let key = identifier(&names.give(Kind::Index, name, index));
        format!("CREATE INDEX {key} ON {owner} ({})", list("", index))
    });
    (statements, indexes.collect())
}

/// Statements that give a table its foreign keys; none on SQLite, where they are part of the table.
pub fn foreign_keys(target: Target<'_>, name: &str, table: &Table, names: &mut Names) -> Vec<String> {
    if target.engine == Engine::Sqlite {
        return Vec::new();
    }
    let add = |key: ForeignKey| {
        let constraint = identifier(&names.give(Kind::ForeignKey, name, &key.columns));
        let foreign = foreign_sql(&key, &target.table(&key.table));
        format!("ALTER TABLE {} ADD CONSTRAINT {constraint} {foreign}", target.table(name))
    };
    table.all_foreign_keys().into_iter().map(add).collect()
}

fn foreign_sql(key: &ForeignKey, to: &str) -> String {
    let action = match key.on_delete {
        // NO ACTION refuses as well, but only when the statement is done, so that rows which point
        // at each other can go together.
        OnDelete::Restrict => "",
        OnDelete::Cascade => " ON DELETE CASCADE",
        OnDelete::SetNull => " ON DELETE SET NULL",
    };
    format!("FOREIGN KEY ({}) REFERENCES {to} ({}){action}", list("", &key.columns), list("", &key.to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        let text = "tables:\n  users:\n    columns:\n      id: {type: uuid, default: uuid()}\n      \
                    email: {type: string(200), required: true, unique: true}\n      \
                    role: {type: 'enum(owner,it''s)', default: owner}\n    primary_key: [id]\n    \
                    check: {'no */ escape': \"email <> '*/'\"}\n  notes:\n    columns:\n      \
                    user_id: {type: uuid, references: users.id, on_delete: cascade}\n    index: [[user_id]]\n";
        serde_saphyr::from_str(text).unwrap()
    }

    fn rendered(engine: Engine) -> String {
        let namespace = Namespace("tenant_a".into());
        let render = |_: &Table, rule: &str| Ok(rule.to_owned());
        create(Target { engine, namespace: &namespace }, &model(), &render).unwrap().join(";\n")
    }

    #[test]
    fn postgres_gets_keys_in_statements_of_their_own() {
        insta::assert_snapshot!(rendered(Engine::Postgres), @r#"
        CREATE TABLE "tenant_a"."users" (
            "id" uuid NOT NULL DEFAULT gen_random_uuid(),
            "email" varchar(200) NOT NULL,
            "role" text DEFAULT CAST('owner' AS text),
            CONSTRAINT "users_role_enum" CHECK ("role" IN ('owner', 'it''s')),
            CONSTRAINT "no */ escape" CHECK (email <> '*/')
        );
        COMMENT ON CONSTRAINT "no */ escape" ON "tenant_a"."users" IS 'fixtool rule: email <> ''*/''';
        CREATE TABLE "tenant_a"."notes" (
            "user_id" uuid
        );
        ALTER TABLE "tenant_a"."users" ADD CONSTRAINT "users_pkey" PRIMARY KEY ("id");
        ALTER TABLE "tenant_a"."users" ADD CONSTRAINT "users_email_key" UNIQUE ("email");
        CREATE INDEX "notes_user_id_idx" ON "tenant_a"."notes" ("user_id");
        ALTER TABLE "tenant_a"."notes" ADD CONSTRAINT "notes_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "tenant_a"."users" ("id") ON DELETE CASCADE
        "#);
    }

    #[test]
    fn sqlite_gets_keys_as_indexes() {
        insta::assert_snapshot!(rendered(Engine::Sqlite).replace(column_types::SQLITE_UUID, "UUID"), @r#"
        CREATE TABLE "users" (
            "id" uuid_text NOT NULL DEFAULT (UUID),
            "email" varchar(200) NOT NULL,
            "role" enum_text DEFAULT 'owner',
            CONSTRAINT "users_role_enum" CHECK ("role" IN ('owner', 'it''s')),
            CONSTRAINT "no */ escape" CHECK (email <> '*/' /* fixtool rule: "email <> '*\/'" */)
        );
        CREATE TABLE "notes" (
            "user_id" uuid_text,
            CONSTRAINT "notes_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
        );
        CREATE UNIQUE INDEX "users_pkey" ON "users" ("id");
        CREATE UNIQUE INDEX "users_email_key" ON "users" ("email");
        CREATE INDEX "notes_user_id_idx" ON "notes" ("user_id")
        "#);
    }
}
