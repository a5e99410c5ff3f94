//! What becomes what: the table that docs/loading.md prints and that a test holds against the
//! code.

/// How values of one type are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversion {
    /// The type as `model.yaml` names it.
    pub logical: &'static str,
    /// What a CSV or TSV field may hold.
    pub text: &'static str,
    /// What a JSON or YAML field may hold.
    pub json: &'static str,
    /// What is refused though other programs take it.
    pub refused: &'static str,
    /// Texts of CSV fields that are taken, each with the text that `data export` writes for it.
    pub taken: &'static [(&'static str, &'static str)],
    /// Texts of CSV fields that are refused, each with the code of the refusal.
    pub not_taken: &'static [(&'static str, &'static str)],
}

/// Every type.
pub const CONVERSIONS: &[Conversion] = &[
    Conversion {
        logical: "uuid",
        text: "32 hex digits in five groups, either case",
        json: "the same as a string",
        refused: "braces, missing hyphens, `urn:uuid:`",
        taken: &[("123E4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000")],
        not_taken: &[
            ("123e4567e89b12d3a456426614174000", "not_uuid"),
            ("{123e4567-e89b-12d3-a456-426614174000}", "not_uuid"),
            ("", "not_uuid"),
        ],
    },
    Conversion {
        logical: "text",
        text: "any text",
        json: "a string",
        refused: "the character NUL; numbers, booleans, arrays and objects of JSON",
        taken: &[("", ""), (" a ", " a "), ("=1+1", "=1+1")],
        not_taken: &[("a\0b", "nul")],
    },
    Conversion {
        logical: "string(3)",
        text: "text of at most so many characters",
        json: "the same as a string",
        refused: "longer text (nothing is cut off); NUL",
        taken: &[("äöü", "äöü")],
        not_taken: &[("abcd", "too_long")],
    },
    Conversion {
        logical: "int",
        text: "digits with an optional minus, -2147483648 to 2147483647",
        json: "the same as a number",
        refused: "blanks, plus, leading zeros, a point, an exponent; JSON strings",
        taken: &[("0", "0"), ("-2147483648", "-2147483648")],
        not_taken: &[
            ("", "not_int"),
            (" 1", "not_int"),
            ("+1", "not_int"),
            ("007", "not_int"),
            ("-0", "not_int"),
            ("1.0", "not_int"),
            ("1e3", "not_int"),
            ("2147483648", "out_of_range"),
        ],
    },
    Conversion {
        logical: "bigint",
        text: "digits with an optional minus, 64 bits",
        json: "the same as a number, or as a string",
        refused: "as int",
        taken: &[("9223372036854775807", "9223372036854775807")],
        not_taken: &[("9223372036854775808", "out_of_range"), ("1_000", "not_int")],
    },
    Conversion {
        logical: "bool",
        text: "true or false, t or f (either case), 1 or 0",
        json: "true or false",
        refused: "yes, no, on, off; JSON numbers and strings",
        taken: &[("True", "true"), ("f", "false"), ("1", "true"), ("0", "false")],
        not_taken: &[("yes", "not_bool"), ("", "not_bool"), ("2", "not_bool")],
    },
    Conversion {
        logical: "decimal(5,2)",
        text: "digits with an optional minus and point, or NaN; kept without zeros at the end",
        json: "the same as a number, or as a string; NaN as a string",
        refused: "an exponent, leading zeros, more digits than the scale (unless they are zeros), infinity",
        taken: &[("0.90", "0.9"), ("-999.99", "-999.99"), ("1.5000", "1.5"), ("-0", "0"), ("NaN", "NaN")],
        not_taken: &[
            ("0.999", "too_precise"),
            ("1000", "out_of_range"),
            ("1e2", "not_decimal"),
            (".5", "not_decimal"),
            ("5.", "not_decimal"),
            ("1,5", "not_decimal"),
            ("nan", "not_decimal"),
            ("Infinity", "not_decimal"),
        ],
    },
    Conversion {
        logical: "float",
        text: "a JSON number (the nearest of 64 bits is kept), NaN, Infinity or -Infinity",
        json: "a number; NaN, Infinity and -Infinity as strings",
        refused: "numbers beyond 64 bits (1e400, 1e-400), leading zeros, `inf`, `nan`",
        taken: &[("0.1", "0.1"), ("1e3", "1000"), ("NaN", "NaN"), ("-Infinity", "-Infinity"), ("-0", "-0")],
        not_taken: &[
            ("1e400", "out_of_range"),
            ("1e-400", "out_of_range"),
            ("nan", "not_float"),
            ("0x10", "not_float"),
            (" 1", "not_float"),
        ],
    },
    Conversion {
        logical: "timestamp",
        text: "RFC 3339 with a zone, or as PostgreSQL prints it; 4713 BC (` BC` at the end) to 294246, microseconds; infinity, -infinity",
        json: "the same as a string",
        refused: "no zone (unless `--time-zone` names one), digits beyond the microsecond (unless they are zeros), numbers since 1970, second 60, hour 24",
        taken: &[
            ("2026-11-23T06:30:00Z", "2026-11-23T06:30:00.000000Z"),
            ("2026-11-23 06:30:00.5+05:30", "2026-11-23T01:00:00.500000Z"),
            ("2026-11-23t06:30:00z", "2026-11-23T06:30:00.000000Z"),
            ("0044-03-15 12:00:00+00 BC", "0044-03-15T12:00:00.000000Z BC"),
            ("infinity", "infinity"),
            ("-infinity", "-infinity"),
        ],
        not_taken: &[
            ("2026-11-23T06:30:00", "no_time_zone"),
            ("2026-02-30T06:30:00Z", "not_timestamp"),
            ("2026-11-23T06:30:00.0000001Z", "too_precise"),
            ("1790000000", "not_timestamp"),
            ("2026-11-23T06:30:60Z", "not_timestamp"),
            ("2026-11-23T24:00:00Z", "not_timestamp"),
            ("2026-11-23T06:30:00+-5", "not_timestamp"),
            ("26-11-23T06:30:00Z", "not_timestamp"),
            ("Infinity", "not_timestamp"),
        ],
    },
    Conversion {
        logical: "date",
        text: "year, month, day; 4713 BC (` BC` at the end) to 5874897; infinity, -infinity",
        json: "the same as a string",
        refused: "every other order and separator; a time of day",
        taken: &[
            ("2024-02-29", "2024-02-29"),
            ("10000-01-01", "10000-01-01"),
            ("0001-12-31 BC", "0001-12-31 BC"),
            ("-infinity", "-infinity"),
        ],
        not_taken: &[("23.11.2026", "not_date"), ("2023-02-29", "not_date"), ("2026-1-1", "not_date")],
    },
    Conversion {
        logical: "json",
        text: "one JSON value, nested at most 128 deep",
        json: "any value; null is NULL, a string is a JSON string",
        refused: "a key twice in one object, the escape \\u0000, half of a surrogate pair",
        taken: &[(" {\"a\": 1.10} ", "{\"a\": 1.10}"), ("null", "null")],
        not_taken: &[
            ("", "not_json"),
            ("{'a':1}", "not_json"),
            ("{\"a\":1,\"a\":2}", "duplicate_key"),
            ("\"\\u0000\"", "nul"),
        ],
    },
    Conversion {
        logical: "bytes",
        text: "\\x and hex digits, or base64: and base64 with padding",
        json: "the same as a string",
        refused: "text without one of the two beginnings",
        taken: &[("\\x00FF", "\\x00ff"), ("base64:AP8=", "\\x00ff"), ("\\x", "\\x")],
        not_taken: &[("00ff", "not_bytes"), ("\\x0", "not_bytes"), ("base64:AP8", "not_bytes")],
    },
    Conversion {
        logical: "list(text)",
        text: "a JSON array of strings and nulls, or PostgreSQL's {a,\"b c\",NULL}",
        json: "an array of strings and nulls",
        refused: "numbers, nested lists, a text without brackets",
        taken: &[
            ("[\"a\",null]", "[\"a\",null]"),
            ("{a,\"b,c\",NULL,\"NULL\"}", "[\"a\",\"b,c\",null,\"NULL\"]"),
            ("{}", "[]"),
        ],
        not_taken: &[("a,b", "not_list"), ("[1]", "not_list"), ("{a,{b}}", "not_list"), ("{a,}", "not_list")],
    },
    Conversion {
        logical: "enum(free,paid)",
        text: "one of the words, exactly",
        json: "the same as a string",
        refused: "another case, blanks around",
        taken: &[("paid", "paid")],
        not_taken: &[("Paid", "not_in_enum"), ("paid ", "not_in_enum"), ("", "not_in_enum")],
    },
    Conversion {
        logical: "native(inet)",
        text: "any text; the database decides",
        json: "any value, as text",
        refused: "NUL",
        taken: &[("10.0.0.0/8", "10.0.0.0/8")],
        not_taken: &[("\0", "nul")],
    },
];

/// The table as Markdown, as docs/loading.md holds it.
pub fn as_markdown() -> String {
    use std::fmt::Write as _;
    let mut out = String::from("| type | CSV and TSV | JSON, NDJSON and YAML | refused |\n|---|---|---|---|\n");
    for c in CONVERSIONS {
        let cell = |text: &str| text.replace('|', "\\|");
        // Writing to a string does not fail.
        let _ = writeln!(out, "| `{}` | {} | {} | {} |", c.logical, cell(c.text), cell(c.json), cell(c.refused));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LogicalType, Raw};
    use crate::rules::Coercer;

    #[test]
    fn the_code_does_what_the_table_says() {
        for c in CONVERSIONS {
            let logical: LogicalType = c.logical.parse().unwrap();
            let coercer = Coercer::for_type(logical.clone());
            for (text, written) in c.taken {
                let value = coercer.coerce(Raw::Text(text)).unwrap_or_else(|e| panic!("{}: {e:?}", c.logical));
                assert_eq!(value.to_text().as_deref(), Some(*written), "{} {text:?}", c.logical);
                let again = coercer.coerce(Raw::Text(written)).unwrap();
                assert_eq!(again.to_text(), value.to_text(), "{} {text:?}", c.logical);
            }
            for (text, code) in c.not_taken {
                let reject = coercer.coerce(Raw::Text(text)).expect_err(&format!("{} takes {text:?}", c.logical));
                assert_eq!(reject.code, *code, "{} {text:?}: {}", c.logical, reject.reason);
            }
        }
    }

    #[test]
    fn the_documentation_says_the_same() {
        let docs = include_str!("../../docs/loading.md");
        for (name, text) in [("conversions", as_markdown()), ("functions", crate::rules::expression::as_markdown())] {
            let begin = format!("<!-- {name} -->\n");
            let block = docs.split_once(&begin).and_then(|(_, rest)| rest.split_once(&format!("<!-- /{name} -->")));
            assert_eq!(block.map(|(block, _)| block), Some(text.as_str()), "{name} of docs/loading.md");
        }
    }

    #[test]
    fn json_values_keep_to_their_kind() {
        let coerce = |logical: &str, raw: Raw<'_>| {
            Coercer::for_type(logical.parse().unwrap()).coerce(raw).map(|v| v.to_text()).map_err(|e| e.code)
        };
        assert_eq!(coerce("int", Raw::Number("5")), Ok(Some("5".into())));
        assert_eq!(coerce("int", Raw::String("5")), Err("wrong_kind"));
        assert_eq!(coerce("bigint", Raw::String("5")), Ok(Some("5".into())));
        assert_eq!(coerce("text", Raw::Number("5")), Err("wrong_kind"));
        assert_eq!(coerce("bool", Raw::Number("1")), Err("wrong_kind"));
        assert_eq!(coerce("bool", Raw::Bool(true)), Ok(Some("true".into())));
        assert_eq!(coerce("json", Raw::String("a\"b")), Ok(Some("\"a\\\"b\"".into())));
        assert_eq!(coerce("json", Raw::Null), Ok(None));
        assert_eq!(coerce("float", Raw::String("NaN")), Ok(Some("NaN".into())));
        assert_eq!(coerce("float", Raw::String("1")), Err("wrong_kind"));
        assert_eq!(coerce("list(text)", Raw::Json("[\"a\"]")), Ok(Some("[\"a\"]".into())));
        assert_eq!(coerce("list(text)", Raw::Json("{}")), Err("not_list"));
        assert_eq!(coerce("text", Raw::Json("{}")), Err("wrong_kind"));
        assert_eq!(coerce("text", Raw::String("a\0")), Err("nul"));
        assert_eq!(coerce("timestamp", Raw::Number("1790000000")), Err("wrong_kind"));
    }
}
