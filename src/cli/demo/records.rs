//! Files of made-up records: CSV where a table is flat, NDJSON where it holds documents.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use super::error::DemoError;
use crate::model::sample::Sample;
use crate::model::{LogicalType, Model, Row, Value};

/// Writes one file a table into a folder; answers with the number of records.
pub fn write(model: &Model, sample: &Sample, folder: &Path) -> Result<u64, DemoError> {
    let mut total = 0;
    for (name, table) in &model.tables {
        let columns = sample.columns(name)?;
        let documents = table.columns.values().any(|c| matches!(c.logical, LogicalType::Json | LogicalType::ListText));
        let path = folder.join(format!("{name}.{}", if documents { "ndjson" } else { "csv" }));
        let failed = |error: std::io::Error| DemoError::Files { path: path.clone(), reason: error.to_string() };
        let mut out = BufWriter::new(File::create(&path).map_err(failed)?);
        if !documents {
            writeln!(out, "{}", columns.join(",")).map_err(failed)?;
        }
        let mut line = String::new();
        for row in sample.rows(name)? {
            line.clear();
            if documents {
                push_object(&columns, &row, &mut line);
            } else {
                push_fields(&row, &mut line);
            }
            line.push('\n');
            out.write_all(line.as_bytes()).map_err(failed)?;
            total += 1;
        }
        out.flush().map_err(failed)?;
    }
    Ok(total)
}

fn push_object(columns: &[String], row: &Row, line: &mut String) {
    let mut before = '{';
    for (column, value) in columns.iter().zip(row) {
        line.push(before);
        Value::Text(column.clone()).push_json(line);
        line.push(':');
        value.push_json(line);
        before = ',';
    }
    line.push('}');
}

/// An unquoted empty field is NULL, a quoted one an empty text.
fn push_fields(row: &Row, line: &mut String) {
    for (at, value) in row.iter().enumerate() {
        if at > 0 {
            line.push(',');
        }
        match value {
            Value::Text(text) => {
                line.push('"');
                line.push_str(&text.replace('"', "\"\""));
                line.push('"');
            }
            other => {
                other.push_text(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_texts_and_nulls_stay_apart() {
        let row = vec![Value::Null, Value::Text(String::new()), Value::Text("a \"b\",\nc".into()), Value::Int(7)];
        let mut line = String::new();
        push_fields(&row, &mut line);
        assert_eq!(line, ",\"\",\"a \"\"b\"\",\nc\",7");
        let columns: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).into();
        let mut line = String::new();
        push_object(&columns, &row, &mut line);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read, serde_json::json!({"a": null, "b": "", "c": "a \"b\",\nc", "d": 7}));
    }
}
