//! Where a JSON value ends, by its brackets and quotes alone, so that a broken value does not hide the next one.
//!
//! A valid value always fits. The end of a broken one is certain only while every quote stands where a text may begin
//! or ends one: after a quote too many or too few, what looks like the next value may be inside a text.

use memchr::memchr2;

/// Follows one value through its bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Border {
    depth: u64,
    /// One bit a level, the lowest for the innermost: set for an object. Levels beyond 128 are
    /// only counted; a record so deep is refused anyway.
    objects: u128,
    string: bool,
    escaped: bool,
    last: Last,
}

/// What stands before the next byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    /// A bracket that opens, a comma or a colon: a value may follow.
    #[default]
    Opening,
    /// A number or a word that may go on.
    Word,
    /// The end of a value.
    Value,
}

/// How far the scan came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The value ends before this byte.
    End(usize),
    /// This byte fits nowhere, so no end is certain.
    Torn(usize),
    /// The value goes on beyond these bytes.
    Open,
}

impl Border {
    /// Whether the value has begun and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.depth > 0 || self.string
    }

    /// Goes on with these bytes.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Found {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.string {
                match self.in_string(bytes, at) {
                    Some(next) => at = next,
                    None => return Found::Open,
                }
                if !self.string {
                    self.last = Last::Value;
                    if self.depth == 0 {
                        return Found::End(at);
                    }
                }
                continue;
            }
            if let Some(found) = self.outside(*byte, at) {
                return found;
            }
            at += 1;
        }
        Found::Open
    }

    /// One byte outside texts.
    fn outside(&mut self, byte: u8, at: usize) -> Option<Found> {
        match byte {
            b',' | b']' | b'}' if self.depth == 0 => return Some(Found::End(at)),
            b' ' | b'\t' | b'\n' | b'\r' => match (self.last, self.depth) {
                (Last::Word, 0) => return Some(Found::End(at)),
                (Last::Word, _) => self.last = Last::Value,
                _ => {}
            },
            b',' | b':' if self.depth > 0 => self.last = Last::Opening,
            b'}' | b']' => return self.close(byte, at),
            _ if self.last == Last::Word && is_word(byte) => {}
            _ if self.last != Last::Opening => return Some(Found::Torn(at)),
            b'"' => self.string = true,
            b'{' | b'[' => {
                if self.depth < 128 {
                    self.objects = self.objects << 1 | u128::from(byte == b'{');
                }
                self.depth += 1;
            }
            _ if is_word(byte) => self.last = Last::Word,
            _ => return Some(Found::Torn(at)),
        }
        None
    }

    fn close(&mut self, byte: u8, at: usize) -> Option<Found> {
        if self.depth <= 128 {
            if (self.objects & 1 == 1) != (byte == b'}') {
                return Some(Found::Torn(at));
            }
            self.objects >>= 1;
        }
        self.depth -= 1;
        self.last = Last::Value;
        (self.depth == 0).then_some(Found::End(at + 1))
    }

    /// Inside a string: the place after the next byte that matters.
    fn in_string(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        if self.escaped {
            self.escaped = false;
            return Some(at + 1);
        }
        let next = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(next) == Some(&b'\\') {
            self.escaped = true;
        } else {
            self.string = false;
        }
        Some(next + 1)
    }
}

/// What numbers and the words of JSON, misspelt ones too, are made of.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Found {
        let whole = Border::default().scan(text.as_bytes());
        let mut border = Border::default();
        let pieces = text.bytes().enumerate().find_map(|(at, byte)| match border.scan(&[byte]) {
            Found::Open => None,
            Found::End(more) => Some(Found::End(at + more)),
            Found::Torn(more) => Some(Found::Torn(at + more)),
        });
        assert_eq!(whole, pieces.unwrap_or(Found::Open), "{text}");
        whole
    }

    #[test]
    fn the_end_of_a_value_is_found_and_never_guessed() {
        for text in
            ["{}", "[1, 2,]", "{\"a\" : [{\"b\\\"\": \"}\"}, -1e5 ,nul]}", "{\"a\",1:2}", "\"a\\\\\"", "[01,.5]"]
        {
            assert_eq!(of(&format!("{text}, {{}}")), Found::End(text.len()), "{text}");
        }
        assert_eq!(of(" 12 "), Found::End(3));
        assert_eq!(of(",1"), Found::End(0));
        for (text, at) in [
            ("{\"a\" 1}", 5),
            ("{\"a\":\"x\"y\"}", 8),
            ("{\"a\":\"x\"\"y\"}", 8),
            ("{\"a\":1 2}", 7),
            ("{'a':1}", 1),
            ("{\"a\":1} /* } */", 7),
            ("[{\"a\":[1}]", 8),
            ("[1] {", 3),
            ("x\"", 1),
            ("{}\u{feff}", 2),
        ] {
            let found = of(text);
            assert!(found == Found::Torn(at) || found == Found::End(at), "{text}: {found:?}");
        }
        for text in ["", " ", "{", "{\"a\":\"x},{", "[[", "\"\\\"", "12"] {
            assert_eq!(of(text), Found::Open, "{text}");
        }
    }
}
