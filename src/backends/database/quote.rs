//! The one way to quote: identifiers and literals, the same on PostgreSQL and SQLite.

use crate::model::Namespace;

/// An identifier between double quotes.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text literal between single quotes. PostgreSQL must have `standard_conforming_strings` on,
/// which every session of fixtool has; values are bound wherever the server lets them be.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `"schema"."table"`.
pub fn qualified(namespace: &Namespace, table: &str) -> String {
    format!("{}.{}", identifier(namespace.as_str()), identifier(table))
}

/// `prefix"a", prefix"b"`.
pub fn list(prefix: &str, names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("{prefix}{}", identifier(n))).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(identifier("a\"; drop table b; --"), "\"a\"\"; drop table b; --\"");
        assert_eq!(literal("o'clock"), "'o''clock'");
        assert_eq!(list("s.", &["a".into(), "b\"".into()]), "s.\"a\", s.\"b\"\"\"");
    }
}
