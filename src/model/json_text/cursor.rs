//! The place in a JSON text at which it is being read.

use std::collections::HashSet;

use super::{JsonFault, JsonFaultKind, Piece, PieceKind, unescape};

/// A place in a text, with the keys of the objects that are open there.
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) max_depth: usize,
    pub(super) keys: Vec<Piece>,
}

/// Objects of up to this many keys are compared key by key; larger ones through a set.
const FEW_KEYS: usize = 16;

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, max_depth: usize) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, depth: 0, max_depth, keys: Vec::new() }
    }

    pub(super) fn fault(&self, kind: JsonFaultKind) -> JsonFault {
        let ends = kind == JsonFaultKind::Unexpected && self.at >= self.bytes.len();
        JsonFault { at: self.at, kind: if ends { JsonFaultKind::Ends } else { kind } }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    pub(super) fn end(&mut self) -> Result<(), JsonFault> {
        self.space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.fault(JsonFaultKind::Trailing)) }
    }

    pub(super) fn value(&mut self) -> Result<Piece, JsonFault> {
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

    pub(super) fn word(&mut self, word: &str, kind: PieceKind) -> Result<PieceKind, JsonFault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.fault(JsonFaultKind::Unexpected));
        }
        self.at += word.len();
        Ok(kind)
    }

    pub(super) fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    pub(super) fn number(&mut self) -> Result<PieceKind, JsonFault> {
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

    pub(super) fn string(&mut self) -> Result<Piece, JsonFault> {
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

    pub(super) fn escape(&mut self) -> Result<(), JsonFault> {
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

    pub(super) fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    pub(super) fn open(&mut self) -> Result<(), JsonFault> {
        if self.depth >= self.max_depth {
            return Err(self.fault(JsonFaultKind::TooDeep));
        }
        self.depth += 1;
        self.at += 1;
        self.space();
        Ok(())
    }

    /// After a member or element: whether another one follows.
    pub(super) fn goes_on(&mut self, close: u8) -> Result<bool, JsonFault> {
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

    pub(super) fn array(&mut self, element: &mut impl FnMut(Piece)) -> Result<(), JsonFault> {
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

    pub(super) fn object(&mut self, member: &mut impl FnMut(Piece, Piece)) -> Result<(), JsonFault> {
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
    pub(super) fn new_key(&mut self, key: Piece, base: usize, many: &mut HashSet<String>) -> Result<(), JsonFault> {
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

    pub(super) fn raw(&self, piece: Piece) -> &'a str {
        self.text.get(piece.start..piece.end).unwrap_or_default()
    }

    pub(super) fn plain(&self, piece: Piece) -> String {
        let mut text = String::new();
        unescape(self.raw(piece), &mut text);
        text
    }

    pub(super) fn same(&self, a: Piece, b: Piece) -> bool {
        if a.kind == PieceKind::Plain && b.kind == PieceKind::Plain {
            self.raw(a) == self.raw(b)
        } else {
            self.plain(a) == self.plain(b)
        }
    }
}
