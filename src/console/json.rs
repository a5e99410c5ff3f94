//! JSON results: every document starts with `schema` and `format_version`.

use serde::Serialize;
use serde_json::Value;

/// Raised when a document changes in a way that breaks a reader; additions do not raise it.
pub const FORMAT_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a, T> {
    schema: &'a str,
    format_version: u32,
    #[serde(flatten)]
    content: &'a T,
}

/// The schema's name for an operation or a query called `noun.verb`.
pub fn schema(name: &str) -> String {
    format!("fixtool.{name}")
}

/// One document, indented for people, with a line end.
pub fn document<T: Serialize>(schema: &str, content: &T) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Document { schema, format_version: FORMAT_VERSION, content })?;
    text.push('\n');
    Ok(text)
}

/// One line of JSON with a line end.
pub fn line<T: Serialize>(schema: &str, content: &T) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(&Document { schema, format_version: FORMAT_VERSION, content })?;
    text.push('\n');
    Ok(text)
}

/// A result as lines: each object in each of its lists is one line that names its list in
/// `record`; what else the result holds comes last, as `"record":"summary"`.
pub fn lines<T: Serialize>(schema: &str, content: &T) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    let Value::Object(fields) = serde_json::to_value(content)? else {
        return line(schema, content);
    };
    let mut summary = vec![("record".to_owned(), Value::from("summary"))];
    for (name, value) in fields {
        match value {
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
                for item in items {
                    text.push_str(&line(schema, &Record { record: &name, item })?);
                }
            }
            Value::Array(items) if items.is_empty() => {}
            other => summary.push((name, other)),
        }
    }
    if summary.len() > 1 || text.is_empty() {
        text.push_str(&line(schema, &Ordered(summary))?);
    }
    Ok(text)
}

#[derive(Serialize)]
struct Record<'a> {
    record: &'a str,
    #[serde(flatten)]
    item: Value,
}

struct Ordered(Vec<(String, Value)>);

impl Serialize for Ordered {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct View {
        total: u32,
        tenants: Vec<Item>,
    }

    #[derive(Serialize)]
    struct Item {
        id: &'static str,
    }

    #[test]
    fn a_document_starts_with_its_schema() {
        let text = document("fixtool.tenant.list", &View { total: 1, tenants: vec![Item { id: "acme" }] }).unwrap();
        assert!(text.starts_with("{\n  \"schema\": \"fixtool.tenant.list\",\n  \"format_version\": 1,\n"), "{text}");
    }

    #[test]
    fn lists_become_lines() {
        let view = View { total: 2, tenants: vec![Item { id: "a" }, Item { id: "b" }] };
        let text = lines("fixtool.x", &view).unwrap();
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                r#"{"schema":"fixtool.x","format_version":1,"record":"tenants","id":"a"}"#,
                r#"{"schema":"fixtool.x","format_version":1,"record":"tenants","id":"b"}"#,
                r#"{"schema":"fixtool.x","format_version":1,"record":"summary","total":2}"#,
            ]
        );
    }
}
