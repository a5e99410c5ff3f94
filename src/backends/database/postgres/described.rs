//! What the catalog says in SQL, said in the words of a model: types, defaults, and enums.

use crate::backends::database::ddl::column_types::model_text;
use crate::backends::database::load::parse_text;
use crate::model::LogicalType;

/// The logical type nearest to a type of PostgreSQL; `words` are the labels of its enum.
///
/// What fixtool declares comes back as it was. A type that holds fewer values than its logical
/// type (`smallint`) is taken for it; one whose values would change on the way stays native.
pub(super) fn logical(described: &str, words: Option<Vec<String>>) -> LogicalType {
    if let Some(words) = words.filter(|words| words.iter().all(|word| fits_a_list(word))) {
        return LogicalType::Enum(words);
    }
    let native = || LogicalType::Native(described.to_owned());
    let arguments = described.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let name = described.split('(').next().unwrap_or_default();
    match (name, arguments) {
        ("uuid", _) => LogicalType::Uuid,
        ("text" | "character varying", None) => LogicalType::Text,
        ("character varying", Some(n)) => n.parse().map_or_else(|_| native(), LogicalType::String),
        ("integer" | "smallint", _) => LogicalType::Int,
        ("bigint", _) => LogicalType::BigInt,
        ("boolean", _) => LogicalType::Bool,
        ("numeric", Some(of)) => format!("decimal({of})").parse().unwrap_or_else(|_| native()),
        ("double precision" | "real", _) => LogicalType::Float,
        ("timestamp with time zone" | "timestamp without time zone", _) => LogicalType::Timestamp,
        ("date", _) => LogicalType::Date,
        ("jsonb" | "json", _) => LogicalType::Json,
        ("bytea", _) => LogicalType::Bytes,
        ("text[]" | "character varying[]", _) => LogicalType::ListText,
        _ => native(),
    }
}

/// Whether a word can stand in `enum(a,b)`.
fn fits_a_list(word: &str) -> bool {
    !word.is_empty() && word.trim() == word && !word.contains([',', '(', ')'])
}

/// A default's expression as a model writes it; `None` for NULL.
pub(super) fn default(expression: &str, logical: &LogicalType) -> Option<String> {
    let bare = expression.rsplit_once('.').map_or(expression, |(_, name)| name);
    match (expression, bare) {
        ("now()" | "CURRENT_TIMESTAMP" | "CURRENT_DATE" | "transaction_timestamp()", _)
            if matches!(logical, LogicalType::Timestamp | LogicalType::Date) =>
        {
            return Some("now()".to_owned());
        }
        (_, "gen_random_uuid()" | "uuid_generate_v4()") if *logical == LogicalType::Uuid => {
            return Some("uuid()".to_owned());
        }
        _ => {}
    }
    let number = matches!(logical, LogicalType::Int | LogicalType::BigInt);
    if number && expression.starts_with("nextval(") {
        return Some("serial()".to_owned());
    }
    let value = match constant(expression) {
        Constant::Null => return None,
        Constant::Text(constant) => parse_text::value(&constant, logical),
        Constant::No => None,
    };
    Some(value.map_or_else(|| format!("sql({expression})"), |value| model_text(&value)))
}

/// What an expression is, if it is a constant.
enum Constant {
    Null,
    Text(String),
    No,
}

/// The text of a constant: `'x'::text`, `5`, `true`, `(-1)`, `NULL::text`.
fn constant(expression: &str) -> Constant {
    let expression = without_parentheses(expression);
    if let Some((literal, rest)) = leading_literal(expression) {
        return if rest.is_empty() || is_cast(rest) { Constant::Text(literal) } else { Constant::No };
    }
    let (head, cast) = expression.split_once("::").map_or((expression, ""), |(head, cast)| (head, cast));
    if !cast.is_empty() && !is_cast(&format!("::{cast}")) {
        return Constant::No;
    }
    let head = without_parentheses(head);
    let digits = head.strip_prefix('-').unwrap_or(head);
    let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match head {
        _ if head.eq_ignore_ascii_case("null") => Constant::Null,
        "true" | "false" => Constant::Text(head.to_owned()),
        _ if number => Constant::Text(head.to_owned()),
        _ => Constant::No,
    }
}

/// `::` and the name of a type, to the end.
fn is_cast(text: &str) -> bool {
    text.strip_prefix("::").is_some_and(|name| {
        !name.contains("::") && name.chars().all(|c| c.is_alphanumeric() || " _(),.[]\"".contains(c))
    })
}

/// A string at the beginning of the text, without its quotes, and what follows it.
fn leading_literal(text: &str) -> Option<(String, &str)> {
    let (body, escapes) = match text.strip_prefix("E'") {
        Some(body) => (body, true),
        None => (text.strip_prefix('\'')?, false),
    };
    let mut literal = String::new();
    let mut characters = body.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '\'' if characters.next_if(|(_, next)| *next == '\'').is_some() => literal.push('\''),
            '\'' => return Some((literal, body.get(at + 1..)?)),
            '\\' if escapes => literal.push(characters.next()?.1),
            other => literal.push(other),
        }
    }
    None
}

/// The words of an enum's CHECK as the server prints it; `None` for any other condition.
pub(super) fn words(expression: &str, column: &str) -> Option<Vec<String>> {
    let inner = without_parentheses(expression);
    let rest = inner
        .strip_prefix(&format!("\"{}\"", column.replace('"', "\"\"")))
        .or_else(|| inner.strip_prefix(column))?
        .strip_prefix(" = ")?;
    let (list, several) = match rest.strip_prefix("ANY (ARRAY[") {
        Some(list) => (list.strip_suffix("])")?, true),
        None => (rest, false),
    };
    let mut words = Vec::new();
    let mut rest = list;
    loop {
        let (word, after) = leading_literal(rest)?;
        if !fits_a_list(&word) {
            return None;
        }
        words.push(word);
        let after = after.strip_prefix("::text")?;
        if after.is_empty() {
            return Some(words);
        }
        rest = after.strip_prefix(", ").filter(|_| several)?;
    }
}

/// Without one pair of parentheses around the whole.
pub(super) fn without_parentheses(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else { return text };
    let mut depth = 0_i32;
    let mut quote = None;
    for c in inner.chars() {
        match c {
            _ if quote == Some(c) => quote = None,
            _ if quote.is_some() => {}
            '\'' | '"' => quote = Some(c),
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return text;
        }
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expression: &str, logical: &str) -> Option<String> {
        default(expression, &logical.parse().unwrap())
    }

    #[test]
    fn defaults_are_said_in_the_models_words() {
        for (expression, logical, expected) in [
            ("now()", "timestamp", "now()"),
            ("CURRENT_DATE", "date", "now()"),
            ("gen_random_uuid()", "uuid", "uuid()"),
            ("public.uuid_generate_v4()", "uuid", "uuid()"),
            ("nextval('a.b_id_seq'::regclass)", "bigint", "serial()"),
            ("5", "int", "5"),
            ("'-5'::integer", "int", "-5"),
            ("(-5)", "int", "-5"),
            ("1.50", "decimal(3,2)", "1.5"),
            ("true", "bool", "true"),
            ("'it''s'::text", "text", "it's"),
            ("E'a\\\\b'::character varying", "string(9)", "a\\b"),
            ("'{}'::jsonb", "json", "{}"),
            ("'{a,\"b c\"}'::text[]", "list(text)", r#"["a","b c"]"#),
            ("'\\x00ff'::bytea", "bytes", "\\x00ff"),
            ("'2026-01-31 12:00:00+00'::timestamp with time zone", "timestamp", "2026-01-31T12:00:00.000000Z"),
            ("lower('X'::text)", "text", "sql(lower('X'::text))"),
            ("('a'::text || 'b'::text)", "text", "sql(('a'::text || 'b'::text))"),
        ] {
            assert_eq!(of(expression, logical).as_deref(), Some(expected), "{expression}");
        }
        assert_eq!(of("NULL::character varying", "text"), None);
    }

    #[test]
    fn enums_are_told_from_other_conditions() {
        let several = "(role = ANY (ARRAY['a'::text, 'it''s'::text]))";
        assert_eq!(words(several, "role"), Some(vec!["a".into(), "it's".into()]));
        assert_eq!(words("(\"my col\" = 'a'::text)", "my col"), Some(vec!["a".into()]));
        for other in ["(role <> 'a'::text)", "(role = lower('a'::text))", "(x = 'a'::text)", "(length(role) > 3)"] {
            assert_eq!(words(other, "role"), None, "{other}");
        }
    }

    #[test]
    fn types_find_their_nearest() {
        for (described, expected) in [
            ("character varying(20)", "string(20)"),
            ("numeric(10,2)", "decimal(10,2)"),
            ("numeric", "native(numeric)"),
            ("smallint", "int"),
            ("timestamp(3) with time zone", "native(timestamp(3) with time zone)"),
            ("public.citext", "native(public.citext)"),
            ("text[]", "list(text)"),
        ] {
            assert_eq!(logical(described, None).to_string(), expected);
        }
        assert_eq!(logical("a.mood", Some(vec!["x".into()])).to_string(), "enum(x)");
    }

    #[test]
    fn only_parentheses_around_the_whole_are_taken_off() {
        assert_eq!(without_parentheses("(a > 0)"), "a > 0");
        assert_eq!(without_parentheses("(a > 0) AND (b > 0)"), "(a > 0) AND (b > 0)");
        assert_eq!(without_parentheses("(a = ')')"), "a = ')'");
    }
}
