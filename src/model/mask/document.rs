//! JSON documents: texts and numbers in them are masked, and nothing else moves.
//!
//! The order of keys and the blanks stay as they were, so that a database that has one form for each
//! document keeps what it is given.

/// The document with every text replaced by `mask` and every number by 0; `null` for what is no JSON. Keys of
/// objects are structure and stay.
pub(super) fn masked(document: &str, mask: impl Fn(&str) -> String) -> String {
    if serde_json::from_str::<serde::de::IgnoredAny>(document).is_err() {
        return "null".to_owned();
    }
    let mut out = String::with_capacity(document.len());
    let mut rest = document;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '-' | '0'..='9' => {
                rest.find(|c: char| !matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9')).unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        let (token, tail) = rest.split_at(length);
        match first {
            '"' if tail.trim_start().starts_with(':') => out.push_str(token),
            '"' => {
                let text: String = serde_json::from_str(token).unwrap_or_default();
                out.push_str(&serde_json::Value::String(mask(&text)).to_string());
            }
            '-' | '0'..='9' => out.push('0'),
            _ => out.push_str(token),
        }
        rest = tail;
    }
    out
}

/// Bytes of the string at the beginning, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn only_texts_and_numbers_change() {
        let document = r#"{"bb": "Ada \"L\" \\", "a": [1.5e3, -2, true, null, ""], "é": {"x" : "y:z"}}"#;
        let hidden = masked(document, |text| format!("<{}>", text.chars().count()));
        assert_eq!(hidden, r#"{"bb": "<9>", "a": [0, 0, true, null, "<0>"], "é": {"x" : "<3>"}}"#);
        assert_eq!(masked("17", str::to_owned), "0");
        assert_eq!(masked("\"é\"", |_| "\n".to_owned()), "\"\\n\"");
        assert_eq!(masked("{\"a\": Ada}", str::to_owned), "null");
    }
}
