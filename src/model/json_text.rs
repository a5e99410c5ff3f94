//! JSON text, checked strictly and in one pass: nesting, duplicate keys and characters that no
//! database takes are found where they stand, and nothing is converted.

use std::collections::HashSet;

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

/// A place in a text, with the keys of the objects that are open there.
struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    max_depth: usize,
    keys: Vec<Piece>,
}

/// Objects of up to this many keys are compared key by key; larger ones through a set.
const FEW_KEYS: usize = 16;

impl<'a> Cursor<'a> {
    fn new(text: &'a str, max_depth: usize) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, depth: 0, max_depth, keys: Vec::new() }
    }

    fn fault(&self, kind: JsonFaultKind) -> JsonFault {
        let ends = kind == JsonFaultKind::Unexpected && self.at >= self.bytes.len();
        JsonFault { at: self.at, kind: if ends { JsonFaultKind::Ends } else { kind } }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Result<(), JsonFault> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.fault(JsonFaultKind::Trailing)) }
    }

    fn value(&mut self) -> Result<Piece, JsonFault> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'"') => return self.string(),
            Some(b'{') => {
                self.object(&mut |_, _| {})?;
                PieceKind::Object
            }
            Some(b'[') => {
                self.array(&mut |_| {})?;
                PieceKind::Array
            }
            Some(b't') => self.word("true", PieceKind::True)?,
            Some(b'f') => self.word("false", PieceKind::False)?,
            Some(b'n') => self.word("null", PieceKind::Null)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'+' | b'.' | b'N' | b'I') => return Err(self.fault(JsonFaultKind::Number)),
            _ => return Err(self.fault(JsonFaultKind::Unexpected)),
        };
        Ok(Piece { kind, start, end: self.at })
    }

    fn word(&mut self, word: &str, kind: PieceKind) -> Result<PieceKind, JsonFault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.fault(JsonFaultKind::Unexpected));
        }
        self.at += word.len();
        Ok(kind)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<PieceKind, JsonFault> {
        let start = self.at;
        let wrong = JsonFault { at: start, kind: JsonFaultKind::Number };
        self.at += usize::from(self.peek() == Some(b'-'));
        let zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (zero && whole > 1) {
            return Err(wrong);
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(wrong);
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return Err(wrong);
            }
        }
        Ok(PieceKind::Number)
    }

    fn string(&mut self) -> Result<Piece, JsonFault> {
        if self.peek() != Some(b'"') {
            return Err(self.fault(JsonFaultKind::Unexpected));
        }
        self.at += 1;
        let start = self.at;
        let mut kind = PieceKind::Plain;
        loop {
            match self.peek() {
                None => return Err(self.fault(JsonFaultKind::Ends)),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Piece { kind, start, end: self.at - 1 });
                }
                Some(b'\\') => {
                    kind = PieceKind::Escaped;
                    self.escape()?;
                }
                Some(0..=0x1f) => return Err(self.fault(JsonFaultKind::Control)),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonFault> {
        let wrong = self.fault(JsonFaultKind::Escape);
        self.at += 1;
        match self.peek() {
            None => return Err(self.fault(JsonFaultKind::Ends)),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                let first = self.unit().ok_or(wrong)?;
                match first {
                    0 => return Err(JsonFault { kind: JsonFaultKind::Nul, ..wrong }),
                    0xd800..=0xdbff => {
                        let pair = self.bytes.get(self.at..self.at + 2) == Some(b"\\u".as_slice());
                        self.at += 2;
                        if !pair || !matches!(self.unit(), Some(0xdc00..=0xdfff)) {
                            return Err(wrong);
                        }
                    }
                    0xdc00..=0xdfff => return Err(wrong),
                    _ => {}
                }
            }
            Some(_) => return Err(wrong),
        }
        Ok(())
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn open(&mut self) -> Result<(), JsonFault> {
        if self.depth >= self.max_depth {
            return Err(self.fault(JsonFaultKind::TooDeep));
        }
        self.depth += 1;
        self.at += 1;
        self.space();
        Ok(())
    }

    /// After a member or element: whether another one follows.
    fn goes_on(&mut self, close: u8) -> Result<bool, JsonFault> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.space();
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ => Err(self.fault(JsonFaultKind::Unexpected)),
        }
    }

    fn array(&mut self, element: &mut impl FnMut(Piece)) -> Result<(), JsonFault> {
        self.open()?;
        if self.peek() == Some(b']') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            let piece = self.value()?;
            element(piece);
            if !self.goes_on(b']')? {
                return Ok(());
            }
        }
    }

    fn object(&mut self, member: &mut impl FnMut(Piece, Piece)) -> Result<(), JsonFault> {
        self.open()?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        let base = self.keys.len();
        let mut many: HashSet<String> = HashSet::new();
        loop {
            let key = self.string()?;
            self.new_key(key, base, &mut many)?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.fault(JsonFaultKind::Unexpected));
            }
            self.at += 1;
            self.space();
            let value = self.value()?;
            member(key, value);
            if !self.goes_on(b'}')? {
                self.keys.truncate(base);
                return Ok(());
            }
        }
    }

    /// Remembers a key of the object whose keys begin at `base`; refuses one that it has.
    fn new_key(&mut self, key: Piece, base: usize, many: &mut HashSet<String>) -> Result<(), JsonFault> {
        let known = self.keys.get(base..).unwrap_or_default();
        let fresh = if known.len() < FEW_KEYS {
            !known.iter().any(|other| self.same(*other, key))
        } else {
            if many.is_empty() {
                many.extend(known.iter().map(|other| self.plain(*other)));
            }
            many.insert(self.plain(key))
        };
        if !fresh {
            return Err(JsonFault { at: key.start - 1, kind: JsonFaultKind::DuplicateKey });
        }
        if many.is_empty() {
            self.keys.push(key);
        }
        Ok(())
    }

    fn raw(&self, piece: Piece) -> &'a str {
        self.text.get(piece.start..piece.end).unwrap_or_default()
    }

    fn plain(&self, piece: Piece) -> String {
        let mut text = String::new();
        unescape(self.raw(piece), &mut text);
        text
    }

    fn same(&self, a: Piece, b: Piece) -> bool {
        if a.kind == PieceKind::Plain && b.kind == PieceKind::Plain {
            self.raw(a) == self.raw(b)
        } else {
            self.plain(a) == self.plain(b)
        }
    }
}

#[cfg(test)]
mod tests;
