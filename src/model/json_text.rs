//! JSON text, checked strictly and in one pass: nesting, duplicate keys and characters that no
//! database takes are found where they stand, and nothing is converted.

mod cursor;

use cursor::Cursor;

/// Deepest nesting of a document that is loaded.
pub const MAX_DEPTH: usize = 128;

/// What is wrong with a JSON text, and after how many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (after {at} bytes)")]
pub struct JsonFault {
    /// Bytes before the fault.
    pub at: usize,
    /// What it is.
    pub kind: JsonFaultKind,
}

/// Kinds of faults in a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum JsonFaultKind {
    /// The text ends too early.
    #[error("the JSON text ends too early")]
    Ends,
    /// Something else was expected.
    #[error("this is no JSON")]
    Unexpected,
    /// A number that JSON does not allow: `01`, `+1`, `.5`, `1.`, `NaN`.
    #[error("this is no JSON number")]
    Number,
    /// A backslash that escapes nothing, or half of a surrogate pair.
    #[error("this escape sequence means nothing")]
    Escape,
    /// A control character inside a string, not escaped.
    #[error("a control character must be escaped inside a JSON string")]
    Control,
    /// The character NUL, escaped: valid JSON, refused by PostgreSQL.
    #[error("the character \\u0000 cannot be stored in a database")]
    Nul,
    /// One object names a key twice.
    #[error("the object names the same key twice")]
    DuplicateKey,
    /// Nested deeper than allowed.
    #[error("arrays and objects are nested too deep")]
    TooDeep,
    /// More text after the value.
    #[error("more text follows the end of the JSON value")]
    Trailing,
}

/// A piece of a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    /// Its first byte; for a string the one after the opening quote.
    pub start: usize,
    /// The byte after its last; for a string the closing quote.
    pub end: usize,
}

/// Kinds of JSON values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceKind {
    /// `null`.
    Null,
    /// `true`.
    True,
    /// `false`.
    False,
    /// A number.
    Number,
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Checks that a text is one JSON value; the answer is its kind.
///
/// # Errors
/// The first fault.
pub fn check(text: &str, max_depth: usize) -> Result<PieceKind, JsonFault> {
    let mut cursor = Cursor::new(text, max_depth);
    cursor.space();
    let piece = cursor.value()?;
    cursor.end()?;
    Ok(piece.kind)
}

/// Checks an object and hands each member (key, value) to `member`, in order.
///
/// # Errors
/// The first fault; [`JsonFaultKind::Unexpected`] if the text is no object.
pub fn members(text: &str, max_depth: usize, mut member: impl FnMut(Piece, Piece)) -> Result<(), JsonFault> {
    let mut cursor = Cursor::new(text, max_depth);
    cursor.space();
    if cursor.peek() != Some(b'{') {
        return Err(cursor.fault(JsonFaultKind::Unexpected));
    }
    cursor.object(&mut member)?;
    cursor.end()
}

/// Checks an array and hands each element to `element`, in order.
///
/// # Errors
/// The first fault; [`JsonFaultKind::Unexpected`] if the text is no array.
pub fn elements(text: &str, max_depth: usize, mut element: impl FnMut(Piece)) -> Result<(), JsonFault> {
    let mut cursor = Cursor::new(text, max_depth);
    cursor.space();
    if cursor.peek() != Some(b'[') {
        return Err(cursor.fault(JsonFaultKind::Unexpected));
    }
    cursor.array(&mut element)?;
    cursor.end()
}

/// Appends a string piece's text, unescaped. The piece must come from a check of the same text.
pub fn unescape(escaped: &str, into: &mut String) {
    let mut rest = escaped;
    while let Some((plain, after)) = rest.split_once('\\') {
        into.push_str(plain);
        let mut chars = after.chars();
        let Some(escape) = chars.next() else { return };
        rest = chars.as_str();
        match escape {
            'n' => into.push('\n'),
            't' => into.push('\t'),
            'r' => into.push('\r'),
            'b' => into.push('\u{8}'),
            'f' => into.push('\u{c}'),
            'u' => rest = unescape_unicode(rest, into),
            other => into.push(other),
        }
    }
    into.push_str(rest);
}

fn unescape_unicode<'a>(digits: &'a str, into: &mut String) -> &'a str {
    let unit = |from: &str| from.get(..4).and_then(|d| u32::from_str_radix(d, 16).ok());
    let Some(first) = unit(digits) else { return digits };
    let rest = digits.get(4..).unwrap_or_default();
    if let Some(plain) = char::from_u32(first) {
        into.push(plain);
        return rest;
    }
    let second = rest.strip_prefix("\\u").and_then(unit).unwrap_or_default();
    let joined = 0x10000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
    into.push(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER));
    rest.get(6..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
