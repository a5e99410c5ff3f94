//! One JSON object as a record.

use super::Limits;
use super::names::Names;
use super::record::{Kind, Record, Span, narrow};
use super::trouble::Trouble;
use crate::model::json_text::{self, JsonFault, JsonFaultKind, Piece, PieceKind};

/// Reads an object into a record whose place is set.
pub(super) fn read(text: &str, record: &mut Record, names: &mut Names, limits: &Limits) -> Result<(), Trouble> {
    let first = text.trim_start_matches([' ', '\t', '\r', '\n']).bytes().next();
    if first != Some(b'{') {
        let help = "write each record as an object: {\"id\": 1, \"name\": \"Ada\"}";
        match json_text::check(text, limits.depth).map_err(|fault| fault.kind) {
            // What JSON allows and fixtool does not is JSON all the same.
            Ok(_) | Err(JsonFaultKind::Nul | JsonFaultKind::DuplicateKey | JsonFaultKind::TooDeep) => {
                return Err(Trouble::new(0, "not_an_object", "the record is not an object", help));
            }
            Err(_) => {}
        }
    }
    record.raw.push_str(text);
    let mut too_many = None;
    let mut next = 0;
    let mut name = String::new();
    let (side, fields) = (&mut record.side, &mut record.fields);
    let read = json_text::members(text, limits.depth, |key, value| {
        name.clear();
        push_string(text, key, &mut name);
        match names.place(&name, next, limits.fields) {
            Some(place) => {
                if fields.len() <= place {
                    fields.resize(place + 1, Span::ABSENT);
                }
                if let Some(slot) = fields.get_mut(place) {
                    *slot = span(text, value, side);
                }
                next = place + 1;
            }
            None => too_many = too_many.or(Some(key.start)),
        }
    });
    read.map_err(|fault| trouble(fault, limits))?;
    match too_many {
        Some(at) => Err(Trouble::new(
            at,
            "too_many_fields",
            format!("the source names more than {} different fields", limits.fields),
            "keep what varies from record to record inside one field",
        )),
        None => Ok(()),
    }
}

fn push_string(text: &str, piece: Piece, into: &mut String) {
    let raw = text.get(piece.start..piece.end).unwrap_or_default();
    if piece.kind == PieceKind::Escaped {
        json_text::unescape(raw, into);
    } else {
        into.push_str(raw);
    }
}

/// The field that a value makes; escaped strings go to the side text.
fn span(text: &str, value: Piece, side: &mut String) -> Span {
    let kind = match value.kind {
        PieceKind::Null => Kind::Null,
        PieceKind::True => Kind::True,
        PieceKind::False => Kind::False,
        PieceKind::Number => Kind::Number,
        PieceKind::Plain | PieceKind::Escaped => Kind::String,
        PieceKind::Array | PieceKind::Object => Kind::Json,
    };
    if value.kind != PieceKind::Escaped {
        return Span::raw(kind, value.start, value.end);
    }
    let start = narrow(side.len());
    push_string(text, value, side);
    Span { kind, side: true, start, end: narrow(side.len()), at: narrow(value.start) }
}

/// A fault of a JSON text as trouble with a record.
pub(super) fn trouble(fault: JsonFault, limits: &Limits) -> Trouble {
    let (code, help) = match fault.kind {
        JsonFaultKind::TooDeep => ("too_deep", format!("at most {} levels are read; flatten the record", limits.depth)),
        JsonFaultKind::DuplicateKey => ("duplicate_key", "remove one of the two: nothing is guessed".to_owned()),
        JsonFaultKind::Nul => ("nul", "remove \\u0000 from the text".to_owned()),
        JsonFaultKind::Escape => ("bad_escape", "write a backslash as \\\\".to_owned()),
        JsonFaultKind::Number => {
            ("invalid_json", "write numbers as JSON does: 0.5, -1, 1e3; NaN and Infinity as strings".to_owned())
        }
        JsonFaultKind::Control => ("invalid_json", "write a line end as \\n and a tab as \\t".to_owned()),
        JsonFaultKind::Ends | JsonFaultKind::Unexpected | JsonFaultKind::Trailing => {
            ("invalid_json", "names and texts stand in double quotes, no comma after the last member".to_owned())
        }
    };
    Trouble::new(fault.at, code, fault.kind.to_string(), help)
}
