//! One array of objects, element by element: never more than one of them in memory.

use super::feed::{Feed, More};
use super::json;
use super::json_border::{Border, Found};
use super::names::Names;
use super::record::{Place, Record, RecordReader};
use super::trouble::{self, Trouble};
use super::{RecordError, SourceError};
use crate::model::json_text;

/// Reads a JSON array.
pub(super) struct ArrayReader {
    feed: Feed,
    names: Names,
    place: Place,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the opening bracket.
    Begin,
    /// After the opening bracket: an element or the end.
    First,
    /// After an element: a comma or the end.
    After,
    /// Nothing more to read.
    Done,
}

impl ArrayReader {
    pub(super) fn open(name: &str, mut feed: Feed) -> Result<Self, SourceError> {
        trouble::skip_mark(&mut feed).map_err(|e| trouble::header_error(name, e))?;
        Ok(Self { feed, names: Names::default(), place: Place::BEGIN, state: State::Begin })
    }

    /// Leaves bytes behind and counts lines and columns.
    fn advance(&mut self, count: usize) {
        let passed = self.feed.bytes().get(..count).unwrap_or_default();
        let lines = memchr::memchr_iter(b'\n', passed).count() as u64;
        let last = if lines == 0 { 0 } else { memchr::memrchr(b'\n', passed).map_or(0, |at| at + 1) };
        // Bytes that continue a character are not counted.
        let characters = passed.iter().skip(last).filter(|b| **b & 0xc0 != 0x80).count() as u64;
        self.place.line += lines;
        self.place.column = if lines == 0 { self.place.column + characters } else { 1 + characters };
        self.feed.consume(count);
        self.place.offset = self.feed.offset;
    }

    /// The next byte that is no white space, not consumed; `None` at the end.
    fn next_byte(&mut self) -> std::io::Result<Option<u8>> {
        loop {
            let bytes = self.feed.bytes();
            let blank = bytes.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
            if let Some(at) = blank {
                let byte = bytes.get(at).copied();
                self.advance(at);
                return Ok(byte);
            }
            self.advance(bytes.len());
            if self.feed.more()? != More::Bytes {
                return Ok(None);
            }
        }
    }

    /// Goes to the first byte of the next element; `false` at the end of the array.
    fn seek(&mut self) -> Result<bool, Box<RecordError>> {
        loop {
            let byte = match self.next_byte() {
                Ok(byte) => byte,
                Err(e) => return Err(trouble::unreadable(&e, self.place).into()),
            };
            match (self.state, byte) {
                (State::Done, _) => return Ok(false),
                (State::Begin, Some(b'[')) => {
                    self.advance(1);
                    self.state = State::First;
                }
                (State::Begin, None) => return self.fatal(&Trouble::new(0, "not_an_array", EMPTY, EMPTY_HELP)),
                (State::First | State::After, Some(b']')) => {
                    self.advance(1);
                    return self.finish();
                }
                (State::First, Some(_)) => return Ok(true),
                (State::After, Some(b',')) => {
                    self.advance(1);
                    return match self.next_byte() {
                        Ok(Some(b']') | None) => self.fatal(&expected("another element after the comma")),
                        Ok(Some(_)) => Ok(true),
                        Err(e) => Err(trouble::unreadable(&e, self.place).into()),
                    };
                }
                (State::Begin, Some(_)) => return self.fatal(&not_an_array()),
                (State::First | State::After, None) => return self.fatal(&cut_off()),
                (State::After, Some(_)) => return self.fatal(&expected("a comma or ']' after the element")),
            }
        }
    }

    /// After the closing bracket only white space may follow.
    fn finish(&mut self) -> Result<bool, Box<RecordError>> {
        match self.next_byte() {
            Ok(None) => {
                self.state = State::Done;
                Ok(false)
            }
            Ok(Some(_)) => self.fatal(&expected("nothing after the end of the array")),
            Err(e) => Err(trouble::unreadable(&e, self.place).into()),
        }
    }

    fn fatal<T>(&self, trouble: &Trouble) -> Result<T, Box<RecordError>> {
        let shown = self.feed.bytes().get(..200).unwrap_or(self.feed.bytes());
        let mut error = trouble.at(shown, self.place);
        error.recoverable = false;
        Err(error.into())
    }

    /// Finds the end of the element at hand; its length, or the error of one that is too long
    /// and was passed over.
    fn delimit(&mut self) -> Result<usize, Box<RecordError>> {
        let mut border = Border::default();
        let mut seen = 0;
        let mut too_long: Option<RecordError> = None;
        loop {
            let fresh = self.feed.bytes().get(seen..).unwrap_or_default();
            match border.scan(fresh) {
                Found::End(at) => match too_long {
                    None if seen + at > self.feed.limits.record => {
                        let error = self.too_long();
                        self.advance(seen + at);
                        return Err(error.into());
                    }
                    None => return Ok(seen + at),
                    Some(error) => {
                        self.advance(at);
                        return Err(error.into());
                    }
                },
                Found::Torn(at) => return Err(too_long.unwrap_or_else(|| self.torn(seen + at)).last().into()),
                Found::Open => seen += fresh.len(),
            }
            if too_long.is_some() {
                self.advance(seen);
                seen = 0;
            }
            match self.feed.more() {
                Ok(More::Bytes) => {}
                Ok(More::TooLong) => {
                    too_long = Some(self.too_long());
                    self.advance(seen);
                    seen = 0;
                }
                Ok(More::End) => {
                    let error = too_long.map(|error| RecordError { recoverable: false, ..error });
                    return match error {
                        Some(error) => Err(error.into()),
                        None => self.fatal(&cut_off()),
                    };
                }
                Err(e) => return Err(trouble::unreadable(&e, self.place).into()),
            }
        }
    }

    /// An element whose brackets and quotes do not fit: this byte of it at the latest.
    fn torn(&self, at: usize) -> RecordError {
        let shown = self.feed.bytes().get(..=at).unwrap_or(self.feed.bytes());
        let limits = &self.feed.limits;
        let trouble = match std::str::from_utf8(shown).map(|text| json_text::check(text, limits.depth)) {
            Ok(Err(fault)) => json::trouble(fault, limits),
            Ok(Ok(_)) => expected("a comma or ']' after the element"),
            Err(e) => Trouble::utf8(e.valid_up_to()),
        };
        trouble.at(shown, self.place)
    }

    fn too_long(&self) -> RecordError {
        Trouble::too_long(self.feed.limits.record).at(self.feed.bytes(), self.place)
    }
}

impl RecordReader for ArrayReader {
    fn fields(&self) -> &[String] {
        self.names.list()
    }

    fn next(&mut self, record: &mut Record) -> Result<bool, Box<RecordError>> {
        if self.state == State::Done || !self.seek()? {
            return Ok(false);
        }
        self.state = State::After;
        let place = self.place;
        let length = self.delimit();
        self.place.ordinal += 1;
        let length = length?;
        let limits = self.feed.limits;
        let raw = self.feed.bytes().get(..length).unwrap_or_default();
        let read = match std::str::from_utf8(raw) {
            Ok(text) => {
                record.reset(place);
                json::read(text, record, &mut self.names, &limits)
            }
            Err(e) => Err(Trouble::utf8(e.valid_up_to())),
        };
        let error = read.err().map(|trouble| trouble.at(raw, place));
        self.advance(length);
        error.map_or(Ok(true), |error| Err(error.into()))
    }
}

const EMPTY: &str = "the source holds nothing but white space";
const EMPTY_HELP: &str = "write an empty array, [], if there is nothing to load";

fn not_an_array() -> Trouble {
    Trouble::new(
        0,
        "not_an_array",
        "the source is no JSON array",
        "put [ and ] around the records and commas between them; if it holds one object a line, pass --format ndjson",
    )
}

fn expected(what: &str) -> Trouble {
    Trouble::new(
        0,
        "invalid_json",
        format!("expected {what}"),
        "reading cannot go on: correct the file and load it again",
    )
}

fn cut_off() -> Trouble {
    Trouble::new(0, "invalid_json", "the array is not closed: the source is cut off", "get the whole file again")
}

#[cfg(test)]
mod tests;
