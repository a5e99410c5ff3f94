//! One file's structure, as a model.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::error::translate;
use super::scan;
use crate::backends::database::ddl::column_types::{SQLITE_NOW, SQLITE_TODAY, SQLITE_UUID, model_text, of_sqlite};
use crate::backends::database::ddl::names::Kind;
use crate::backends::database::{DatabaseError, own_tables};
use crate::model::{Column, Engine, ForeignKey, LogicalType, Model, Namespace, OnDelete, Table, Value, literal};

/// Reads the structure over an open connection.
pub(super) async fn model(connection: &mut SqliteConnection) -> Result<Model, DatabaseError> {
    let tables = sqlx::query(
        "SELECT s.name, s.sql, l.wr FROM main.sqlite_schema s JOIN pragma_table_list l ON l.name = s.name \
         WHERE s.type = 'table' AND l.schema = 'main' AND l.type = 'table' AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         ORDER BY s.rowid",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(translate)?;
    let mut model = Model::default();
    for row in &tables {
        let (name, sql): (String, String) = (get(row, "name")?, get(row, "sql")?);
        if !own_tables::is_own(&name) {
            let table = table(connection, &name, &sql, get(row, "wr")?).await?;
            model.tables.insert(name, table);
        }
    }
    Ok(model)
}

/// What bears a name of fixtool's own, or hangs on what does, without being to the letter what fixtool makes.
pub(super) async fn strange_names(connection: &mut SqliteConnection) -> Result<Vec<String>, DatabaseError> {
    let things =
        sqlx::query("SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
            .fetch_all(connection)
            .await
            .map_err(translate)?;
    let made: Vec<String> = own_tables::create(Engine::Sqlite, &Namespace(String::new()))
        .iter()
        .map(|statement| statement.replacen("IF NOT EXISTS ", "", 1))
        .collect();
    let mut strange = Vec::new();
    for row in &things {
        let (kind, name, of): (String, String, String) = (get(row, "type")?, get(row, "name")?, get(row, "tbl_name")?);
        let sql: String = get(row, "sql")?;
        if (own_tables::is_own(&name) || own_tables::is_own(&of)) && !made.contains(&sql) {
            let on = if of == name { String::new() } else { format!(" on {of}") };
            strange.push(format!("{kind} {name}{on}: is not fixtool's"));
        }
    }
    Ok(strange)
}

async fn table(
    connection: &mut SqliteConnection,
    name: &str,
    sql: &str,
    without_row_ids: bool,
) -> Result<Table, DatabaseError> {
    let mut table = Table::default();
    let checks = scan::checks(sql);
    let columns = rows(
        connection,
        "SELECT name, type, \"notnull\" AS required, dflt_value, pk FROM pragma_table_xinfo(?1) WHERE hidden = 0 \
         ORDER BY cid",
        name,
    )
    .await?;
    let mut key: Vec<(i64, String)> = Vec::new();
    for row in &columns {
        let (column, declared): (String, String) = (get(row, "name")?, get(row, "type")?);
        let words = checks.iter().find_map(|check| check.words.as_ref().filter(|(of, _)| *of == column));
        table.columns.insert(column.clone(), described(row, &declared, words.map(|(_, words)| words.clone()))?);
        let place: i64 = get(row, "pk")?;
        if place > 0 {
            key.push((place, column));
        }
    }
    key.sort_unstable();
    if let [(_, one)] = key.as_slice()
        && let Some(column) = table.columns.get_mut(one)
        && !without_row_ids
        && columns.iter().any(is_row_id)
    {
        column.default = Some("serial()".to_owned());
        if let Some(logical) = scan::noted_type(sql).and_then(|noted| noted.parse().ok()) {
            column.logical = logical;
        }
    }
    table.primary_key = key.into_iter().map(|(_, column)| column).collect();
    indexes(connection, name, &mut table).await?;
    foreign_keys(connection, name, &mut table).await?;
    add_checks(&mut table, checks);
    Ok(table)
}

/// Only a key declared as exactly `integer` is the row's own number.
fn is_row_id(row: &SqliteRow) -> bool {
    let declared = row.try_get::<String, _>("type").unwrap_or_default();
    row.try_get::<i64, _>("pk").is_ok_and(|place| place > 0) && declared.eq_ignore_ascii_case("integer")
}

fn described(row: &SqliteRow, declared: &str, words: Option<Vec<String>>) -> Result<Column, DatabaseError> {
    let mut logical = of_sqlite(declared, words.clone());
    if logical == LogicalType::Text
        && let Some(words) = words
    {
        logical = LogicalType::Enum(words);
    }
    let mut column = Column::of(logical);
    column.required = get(row, "required")?;
    column.default = get::<Option<String>>(row, "dflt_value")?.and_then(|sql| default(&sql, &column.logical));
    Ok(column)
}

/// A default as a model writes it; `None` for NULL.
fn default(sql: &str, logical: &LogicalType) -> Option<String> {
    let bare = sql.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(sql);
    match bare {
        SQLITE_NOW | SQLITE_TODAY => return Some("now()".to_owned()),
        SQLITE_UUID => return Some("uuid()".to_owned()),
        _ => {}
    }
    let time = matches!(logical, LogicalType::Timestamp | LogicalType::Date);
    if time && ["current_timestamp", "current_date"].contains(&bare.to_ascii_lowercase().as_str()) {
        return Some("now()".to_owned());
    }
    if bare.eq_ignore_ascii_case("null") {
        return None;
    }
    let text = match (bare.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')), logical) {
        (Some(inner), _) if !inner.replace("''", "").contains('\'') => inner.replace("''", "'"),
        (Some(_), _) => return Some(format!("sql({bare})")),
        (None, LogicalType::Bool) => match bare.to_ascii_lowercase().as_str() {
            "1" | "true" => "true".to_owned(),
            "0" | "false" => "false".to_owned(),
            _ => bare.to_owned(),
        },
        (None, LogicalType::Bytes) => match bare.strip_prefix("X'").or_else(|| bare.strip_prefix("x'")) {
            Some(digits) => format!("\\x{}", digits.trim_end_matches('\'')),
            None => bare.to_owned(),
        },
        (None, LogicalType::Float) => bare.replace("9e999", "inf"),
        (None, _) => bare.to_owned(),
    };
    let quoted = bare.starts_with('\'');
    let textual = matches!(logical, LogicalType::Text | LogicalType::String(_) | LogicalType::Native(_));
    let numeric = bare.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    Some(match literal::parse(&text, logical) {
        // An unquoted word is a name or a function, not a text.
        Ok(_) if textual && !quoted && !numeric => format!("sql({bare})"),
        Ok(Value::Text(text)) => text,
        Ok(value) => model_text(&value),
        Err(_) => format!("sql({bare})"),
    })
}

async fn indexes(connection: &mut SqliteConnection, name: &str, table: &mut Table) -> Result<(), DatabaseError> {
    let found = rows(
        connection,
        "SELECT l.name, l.\"unique\" AS is_unique, l.origin FROM pragma_index_list(?1) l \
         JOIN main.sqlite_schema s ON s.name = l.name WHERE l.partial = 0 ORDER BY s.rowid",
        name,
    )
    .await?;
    for row in &found {
        let (index, origin): (String, String) = (get(row, "name")?, get(row, "origin")?);
        let parts =
            rows(connection, "SELECT name FROM pragma_index_xinfo(?1) WHERE key = 1 ORDER BY seqno", &index).await?;
        let columns: Result<Vec<Option<String>>, DatabaseError> = parts.iter().map(|part| get(part, "name")).collect();
        // An expression has no name; a model knows only columns.
        let Some(columns) = columns?.into_iter().collect::<Option<Vec<String>>>() else { continue };
        let unique: bool = get(row, "is_unique")?;
        if origin == "pk" || columns.is_empty() {
            continue;
        }
        if unique && origin == "c" && index.ends_with(Kind::PrimaryKey.suffix()) && table.primary_key.is_empty() {
            table.primary_key = columns;
            continue;
        }
        match (unique, columns.as_slice()) {
            (true, [one]) if table.columns.contains_key(one) => {
                table.columns.entry(one.clone()).and_modify(|column| column.unique = true);
            }
            (true, _) => table.unique.push(columns),
            (false, _) => table.index.push(columns),
        }
    }
    Ok(())
}

async fn foreign_keys(connection: &mut SqliteConnection, name: &str, table: &mut Table) -> Result<(), DatabaseError> {
    let found = rows(
        connection,
        "SELECT id, \"table\" AS target, \"from\" AS here, \"to\" AS there, on_delete FROM pragma_foreign_key_list(?1) \
         ORDER BY id DESC, seq",
        name,
    )
    .await?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    for row in &found {
        let id: i64 = get(row, "id")?;
        if keys.last().is_none_or(|(last, _)| *last != id) {
            let on_delete = match get::<String>(row, "on_delete")?.as_str() {
                "CASCADE" => OnDelete::Cascade,
                "SET NULL" => OnDelete::SetNull,
                _ => OnDelete::Restrict,
            };
            let target = get(row, "target")?;
            keys.push((id, ForeignKey { columns: Vec::new(), table: target, to: Vec::new(), on_delete }));
        }
        if let Some((_, key)) = keys.last_mut() {
            key.columns.push(get(row, "here")?);
            key.to.extend(get::<Option<String>>(row, "there")?);
        }
    }
    for (_, mut key) in keys {
        if key.to.is_empty() {
            // `REFERENCES t` without columns means the key of t.
            let sql = "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk";
            let columns = rows(connection, sql, &key.table).await?;
            key.to = columns.iter().map(|row| get(row, "name")).collect::<Result<_, _>>()?;
        }
        add_foreign_key(table, key);
    }
    Ok(())
}

fn add_foreign_key(table: &mut Table, key: ForeignKey) {
    if let ([one], [other]) = (key.columns.as_slice(), key.to.as_slice())
        && !other.contains('.')
        && let Some(column) = table.columns.get_mut(one)
        && column.references.is_none()
    {
        column.references = Some(format!("{}.{other}", key.table));
        column.on_delete = (key.on_delete != OnDelete::Restrict).then_some(key.on_delete);
        return;
    }
    table.foreign_keys.push(key);
}

fn add_checks(table: &mut Table, checks: Vec<scan::Check>) {
    for (at, check) in checks.into_iter().enumerate() {
        let is_enum = check.words.as_ref().is_some_and(|(column, words)| {
            table.columns.get(column).is_some_and(|column| column.logical == LogicalType::Enum(words.clone()))
        });
        if !is_enum {
            let name = check.name.unwrap_or_else(|| format!("check_{}", at + 1));
            table.check.insert(name, check.rule.unwrap_or(check.condition));
        }
    }
}

async fn rows(connection: &mut SqliteConnection, sql: &'static str, of: &str) -> Result<Vec<SqliteRow>, DatabaseError> {
    sqlx::query(sql).bind(of).fetch_all(connection).await.map_err(translate)
}

fn get<'r, T>(row: &'r SqliteRow, column: &str) -> Result<T, DatabaseError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(column).map_err(translate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_said_in_the_models_words() {
        for (sql, logical, expected) in [
            (SQLITE_NOW, "timestamp", Some("now()")),
            ("CURRENT_TIMESTAMP", "timestamp", Some("now()")),
            (SQLITE_UUID, "uuid", Some("uuid()")),
            ("1", "bool", Some("true")),
            ("-5", "int", Some("-5")),
            ("'1.50'", "decimal(3,2)", Some("1.5")),
            ("'it''s'", "text", Some("it's")),
            ("'{}'", "json", Some("{}")),
            ("X'00ff'", "bytes", Some("\\x00ff")),
            ("9e999", "float", Some("inf")),
            ("NULL", "text", None),
            ("lower('X')", "text", Some("sql(lower('X'))")),
            ("'a' || 'b'", "text", Some("sql('a' || 'b')")),
            ("5", "text", Some("5")),
        ] {
            assert_eq!(default(sql, &logical.parse().unwrap()).as_deref(), expected, "{sql}");
        }
    }
}
