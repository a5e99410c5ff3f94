//! How logical types and defaults are written for each engine, and read back from SQLite.

use std::fmt::Write as _;

use crate::backends::database::quote::literal;
use crate::backends::database::sqlite::value;
use crate::backends::database::{DatabaseError, DatabaseErrorKind};
use crate::model::literal::DefaultValue;
use crate::model::{Column, Engine, LogicalType, Value};

/// What `now()` becomes on SQLite: the same form, to the last digit, as stored timestamps have.
pub const SQLITE_NOW: &str = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')";
/// What `now()` becomes on SQLite for a date.
pub const SQLITE_TODAY: &str = "date('now')";
/// What `uuid()` becomes on SQLite: version 4 from SQLite's own random numbers.
pub const SQLITE_UUID: &str = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || \
     substr(hex(randomblob(2)), 2) || '-' || substr('89AB', 1 + (random() & 3), 1) || \
     substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";

/// A column's type as the engine declares it.
///
/// SQLite keeps any declared type as it was written, so the names there say the logical type; each
/// is chosen so that SQLite's affinity rules store values exactly (see `sqlite/value.rs`).
pub fn declared(engine: Engine, logical: &LogicalType) -> Result<String, DatabaseError> {
    let postgres = engine == Engine::Postgres;
    let pick = |on_postgres: &str, on_sqlite: &str| (if postgres { on_postgres } else { on_sqlite }).to_owned();
    Ok(match logical {
        LogicalType::Uuid => pick("uuid", "uuid_text"),
        LogicalType::Text => "text".to_owned(),
        LogicalType::String(n) => format!("varchar({n})"),
        LogicalType::Int => "integer".to_owned(),
        LogicalType::BigInt => "bigint".to_owned(),
        LogicalType::Bool => pick("boolean", "boolean_int"),
        LogicalType::Decimal(p, s) if postgres => format!("numeric({p},{s})"),
        LogicalType::Decimal(p, s) => format!("decimal_text({p},{s})"),
        LogicalType::Float => pick("double precision", "double"),
        LogicalType::Timestamp => pick("timestamptz", "timestamp_text"),
        LogicalType::Date => pick("date", "date_text"),
        LogicalType::Json => pick("jsonb", "json_text"),
        LogicalType::Bytes => pick("bytea", "blob"),
        LogicalType::ListText => pick("text[]", "list_text"),
        LogicalType::Enum(_) => pick("text", "enum_text"),
        LogicalType::Native(name) => native(engine, name)?,
    })
}

/// A native type goes into the statement as it is, so it must be the name of a type and no more.
fn native(engine: Engine, name: &str) -> Result<String, DatabaseError> {
    let harmless = |c: char| c.is_alphanumeric() || " _.,()[]\"".contains(c);
    let balanced = |open: char, close: char| {
        name.chars()
            .try_fold(0_i32, |depth, c| {
                let next = depth + i32::from(c == open) - i32::from(c == close);
                (0..=1).contains(&next).then_some(next)
            })
            .is_some_and(|depth| depth == 0)
    };
    let one_name = name.split('(').next().unwrap_or_default();
    let good = !name.trim().is_empty()
        && name.len() <= 200
        && name.chars().all(harmless)
        && balanced('(', ')')
        && balanced('[', ']')
        && name.matches('"').count().is_multiple_of(2)
        && !one_name.contains(',');
    if good {
        return Ok(name.to_owned());
    }
    let shown: String = name.chars().take(60).flat_map(char::escape_debug).collect();
    Err(unsupported(engine, format!("native({shown}) is not the name of a type")))
}

/// What follows `DEFAULT`, if the column has one; `None` for `serial()`, which is part of the type.
pub fn default_sql(engine: Engine, column: &Column) -> Result<Option<String>, DatabaseError> {
    let Some(text) = &column.default else { return Ok(None) };
    let parsed = DefaultValue::parse(text, &column.logical).map_err(|error| unsupported(engine, error.to_string()))?;
    let date = column.logical == LogicalType::Date;
    Ok(Some(match (parsed, engine) {
        (DefaultValue::Serial, _) => return Ok(None),
        (DefaultValue::Now, Engine::Postgres) => (if date { "CURRENT_DATE" } else { "now()" }).to_owned(),
        (DefaultValue::Now, Engine::Sqlite) => format!("({})", if date { SQLITE_TODAY } else { SQLITE_NOW }),
        (DefaultValue::Uuid, Engine::Postgres) => "gen_random_uuid()".to_owned(),
        (DefaultValue::Uuid, Engine::Sqlite) => format!("({SQLITE_UUID})"),
        (DefaultValue::Sql(expression), _) => format!("({expression})"),
        (DefaultValue::Literal(value), Engine::Postgres) => {
            format!("CAST({} AS {})", literal(&postgres_text(&value)), declared(engine, &column.logical)?)
        }
        (DefaultValue::Literal(value), Engine::Sqlite) => sqlite_literal(&value),
    }))
}

/// Whether the database counts the column up by itself.
pub fn is_serial(column: &Column) -> bool {
    column.default.as_deref() == Some("serial()")
}

/// A value in the form in which PostgreSQL reads it from text.
fn postgres_text(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => format!("\\x{}", hex(bytes)),
        Value::List(elements) => {
            let quoted = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let element = |e: &Option<String>| e.as_ref().map_or_else(|| "NULL".to_owned(), quoted);
            format!("{{{}}}", elements.iter().map(element).collect::<Vec<_>>().join(","))
        }
        other => plain(other),
    }
}

fn sqlite_literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(of) => u8::from(*of).to_string(),
        Value::Int(of) => of.to_string(),
        Value::Float(of) if of.is_finite() => format!("{of:?}"),
        Value::Float(of) if of.is_infinite() => (if *of > 0.0 { "9e999" } else { "-9e999" }).to_owned(),
        Value::Bytes(bytes) => format!("X'{}'", hex(bytes)),
        Value::List(elements) => literal(&serde_json::json!(elements).to_string()),
        other => literal(&plain(other)),
    }
}

/// A value as one line of text.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(of) => of.to_string(),
        Value::Int(of) => of.to_string(),
        Value::Float(of) => format!("{of:?}"),
        Value::Decimal(of) | Value::Text(of) | Value::Json(of) => of.clone(),
        Value::Uuid(of) => uuid::Uuid::from_bytes(*of).hyphenated().to_string(),
        Value::Timestamp(micros) => value::timestamp(*micros),
        Value::Date(days) => value::date(*days),
        Value::Bytes(bytes) => hex(bytes),
        Value::List(elements) => serde_json::json!(elements).to_string(),
    }
}

/// A literal as a model writes it: the inverse of [`crate::model::literal::parse`].
pub fn model_text(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => format!("\\x{}", hex(bytes)),
        other => plain(other),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An error for what an engine cannot do.
pub fn unsupported(engine: Engine, message: impl Into<String>) -> DatabaseError {
    DatabaseError::new(engine, DatabaseErrorKind::Unsupported, message)
}

/// The logical type of a declared SQLite type; `words` are the column's, where it is an enum.
///
/// First the names that fixtool itself declares, then what other programs are known to write.
pub fn of_sqlite(declared: &str, words: Option<Vec<String>>) -> LogicalType {
    let lower = declared.trim().to_ascii_lowercase();
    let (name, arguments) = match lower.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.trim_end_matches(')')),
        None => (lower.as_str(), ""),
    };
    let mut numbers = arguments.split(',').map(|n| n.trim().parse::<u32>().ok());
    let (first, second) = (numbers.next().flatten(), numbers.next().flatten());
    let decimal = || {
        let (p, s) = (u16::try_from(first?).ok()?, u16::try_from(second.unwrap_or(0)).ok()?);
        ((1..=1000).contains(&p) && s <= p).then_some(LogicalType::Decimal(p, s))
    };
    let native = || LogicalType::Native(declared.trim().to_owned());
    match name {
        "uuid_text" | "uuid" | "guid" | "uniqueidentifier" => LogicalType::Uuid,
        "enum_text" => words.map_or(LogicalType::Text, LogicalType::Enum),
        "" | "text" | "clob" | "varchar" | "nvarchar" | "char" | "nchar" | "character" | "varying character"
        | "native character" | "string" => match first {
            Some(n) if (1..=10_485_760).contains(&n) => LogicalType::String(n),
            _ => LogicalType::Text,
        },
        "integer" | "int" | "smallint" | "tinyint" | "mediumint" | "int2" | "int4" => LogicalType::Int,
        "bigint" | "int8" | "unsigned big int" => LogicalType::BigInt,
        "boolean_int" | "boolean" | "bool" => LogicalType::Bool,
        "decimal_text" | "decimal" | "numeric" => decimal().unwrap_or_else(native),
        "double" | "real" | "float" | "double precision" => LogicalType::Float,
        "timestamp_text" | "timestamp" | "datetime" | "timestamptz" => LogicalType::Timestamp,
        "date_text" | "date" => LogicalType::Date,
        "json_text" | "json" | "jsonb" => LogicalType::Json,
        "blob" | "bytea" | "binary" | "varbinary" => LogicalType::Bytes,
        "list_text" => LogicalType::ListText,
        _ => native(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<LogicalType> {
        [
            "uuid",
            "text",
            "string(9)",
            "int",
            "bigint",
            "bool",
            "decimal(20,4)",
            "float",
            "timestamp",
            "date",
            "json",
            "bytes",
            "list(text)",
            "enum(a,b)",
        ]
        .iter()
        .map(|t| t.parse().unwrap())
        .collect()
    }

    #[test]
    fn sqlite_gives_each_type_back() {
        for logical in all() {
            let words = if let LogicalType::Enum(words) = &logical { Some(words.clone()) } else { None };
            assert_eq!(of_sqlite(&declared(Engine::Sqlite, &logical).unwrap(), words), logical);
        }
    }

    #[test]
    fn sqlite_stores_each_type_with_the_right_affinity() {
        // https://sqlite.org/datatype3.html#determination_of_column_affinity
        let affinity = |name: &str| match name.to_uppercase() {
            n if n.contains("INT") => "INTEGER",
            n if n.contains("CHAR") || n.contains("CLOB") || n.contains("TEXT") => "TEXT",
            n if n.contains("BLOB") => "BLOB",
            n if n.contains("REAL") || n.contains("FLOA") || n.contains("DOUB") => "REAL",
            _ => "NUMERIC",
        };
        for logical in all() {
            let expected = match logical {
                LogicalType::Int | LogicalType::BigInt | LogicalType::Bool => "INTEGER",
                LogicalType::Float => "REAL",
                LogicalType::Bytes => "BLOB",
                _ => "TEXT",
            };
            let name = declared(Engine::Sqlite, &logical).unwrap();
            assert_eq!(affinity(&name), expected, "{name}");
        }
    }

    #[test]
    fn a_native_type_is_a_name_and_no_more() {
        for good in ["citext", "geometry(Point,4326)", "\"my type\"[]", "timestamp(3) without time zone", "int[]"] {
            assert!(native(Engine::Postgres, good).is_ok(), "{good}");
        }
        for bad in ["", "text; DROP TABLE x", "text, y int", "text)", "text --", "a'b", "\"open", "((", "x/*"] {
            assert!(native(Engine::Postgres, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn other_programs_types_find_their_nearest() {
        for (declared, expected) in [
            ("NVARCHAR(160)", "string(160)"),
            ("INTEGER", "int"),
            ("NUMERIC(10,2)", "decimal(10,2)"),
            ("NUMERIC", "native(NUMERIC)"),
            ("DATETIME", "timestamp"),
            ("", "text"),
            ("GEOMETRY", "native(GEOMETRY)"),
        ] {
            assert_eq!(of_sqlite(declared, None).to_string(), expected);
        }
    }
}
