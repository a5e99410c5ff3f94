//! Digests of JSON: of plans, and of the ledger's entries, each of which holds the one before.
//!
//! Two documents that mean the same have the same digest: members are sorted by name, and white
//! space does not count.

use serde_json::Value;

/// The digest of a JSON document, as lower-case hex (BLAKE3).
pub fn digest(document: &Value) -> String {
    let mut hasher = blake3::Hasher::new();
    feed(document, &mut hasher);
    hasher.finalize().to_hex().to_string()
}

/// The digest of an entry that comes after `previous` (empty for the first entry).
pub fn link(previous: &str, entry: &Value) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous.as_bytes());
    hasher.update(b"\n");
    feed(entry, &mut hasher);
    hasher.finalize().to_hex().to_string()
}

fn feed(value: &Value, hasher: &mut blake3::Hasher) {
    match value {
        Value::Array(items) => {
            hasher.update(b"[");
            for item in items {
                feed(item, hasher);
                hasher.update(b",");
            }
            hasher.update(b"]");
        }
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            hasher.update(b"{");
            for name in names {
                hasher.update(Value::String(name.clone()).to_string().as_bytes());
                hasher.update(b":");
                if let Some(member) = members.get(name) {
                    feed(member, hasher);
                }
                hasher.update(b",");
            }
            hasher.update(b"}");
        }
        scalar => {
            hasher.update(scalar.to_string().as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_of_members_does_not_count() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":{"x":[1,2],"y":null}}"#).unwrap();
        let two: Value = serde_json::from_str(r#" {"b": {"y":null, "x":[1,2]}, "a":1 }"#).unwrap();
        assert_eq!(digest(&one), digest(&two));
    }

    #[test]
    fn different_documents_differ() {
        let documents = [
            json!(null),
            json!("null"),
            json!(1),
            json!("1"),
            json!([]),
            json!({}),
            json!([[1], 2]),
            json!([[1, 2]]),
            json!(["a,b"]),
            json!(["a", "b"]),
            json!({"a": {"b": 1}}),
            json!({"a": 1, "b": 1}),
            json!({"a\":1,\"b": 1}),
        ];
        let digests: std::collections::BTreeSet<String> = documents.iter().map(digest).collect();
        assert_eq!(digests.len(), documents.len());
    }

    #[test]
    fn a_link_depends_on_the_entry_before() {
        let entry = json!({"run": "1"});
        assert_ne!(link("", &entry), link("00", &entry));
        assert_ne!(link("", &entry), digest(&entry));
    }
}
