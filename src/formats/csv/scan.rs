//! Finds the fields of one CSV record in the bytes at hand.

use memchr::memchr2;

use crate::formats::record::place_of;

/// What a byte outside quotes does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Plain,
    Delimiter,
    Feed,
    Return,
    Quote,
    Nul,
}

/// The fields of the record being read, as places from its first byte.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) fields: Vec<Found>,
    pub(super) lines: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) quoted: bool,
    pub(super) escaped: bool,
}

/// How far the scan of one record came.
pub(super) enum Step {
    /// The record's bytes, and those of it with the line end.
    Record { bytes: usize, with_end: usize },
    /// The bytes at hand end inside the record.
    Short { quoted: bool },
    /// It cannot be a record; the fault stands here.
    Broken { at: usize, fault: Fault },
}

#[derive(Clone, Copy)]
pub(super) enum Fault {
    StrayQuote,
    AfterQuote,
    StrayReturn,
    Nul,
}

/// The class of each byte.
pub(super) fn classes(delimiter: u8) -> [Class; 256] {
    let mut classes = [Class::Plain; 256];
    for (byte, class) in [
        (0, Class::Nul),
        (b'\n', Class::Feed),
        (b'\r', Class::Return),
        (b'"', Class::Quote),
        (delimiter, Class::Delimiter),
    ] {
        if let Some(slot) = classes.get_mut(usize::from(byte)) {
            *slot = class;
        }
    }
    classes
}

/// Finds the fields of one record.
pub(super) fn scan(bytes: &[u8], ended: bool, classes: &[Class; 256], returns: bool, out: &mut Scan) -> Step {
    out.fields.clear();
    out.lines = 0;
    let mut at = 0;
    loop {
        let mut found = Found { start: at, end: at, quoted: false, escaped: false };
        if bytes.get(at) == Some(&b'"') {
            found.start = at + 1;
            found.quoted = true;
            match quoted(bytes, ended, &mut found, &mut out.lines) {
                Ok(after) => at = after,
                Err(stop) => {
                    out.fields.push(found);
                    return stop;
                }
            }
        } else {
            let rest = bytes.get(at..).unwrap_or_default();
            let plain = rest.iter().position(|byte| class(classes, *byte) != Class::Plain);
            at += plain.unwrap_or(rest.len());
            found.end = at;
        }
        let stop = bytes.get(at).map(|byte| class(classes, *byte));
        out.fields.push(found);
        match stop {
            Some(Class::Delimiter) => at += 1,
            Some(Class::Feed) => {
                out.lines += 1;
                return Step::Record { bytes: at, with_end: at + 1 };
            }
            Some(Class::Return) => match bytes.get(at + 1) {
                Some(b'\n') => {
                    out.lines += 1;
                    return Step::Record { bytes: at, with_end: at + 2 };
                }
                None if !ended => return Step::Short { quoted: false },
                next if returns || next.is_none() => {
                    out.lines += 1;
                    return Step::Record { bytes: at, with_end: at + 1 };
                }
                _ => return Step::Broken { at, fault: Fault::StrayReturn },
            },
            Some(Class::Nul) => return Step::Broken { at, fault: Fault::Nul },
            Some(_) if found.quoted => return Step::Broken { at, fault: Fault::AfterQuote },
            Some(_) => return Step::Broken { at, fault: Fault::StrayQuote },
            None if ended => return Step::Record { bytes: at, with_end: at },
            None => return Step::Short { quoted: false },
        }
    }
}

#[inline]
fn class(classes: &[Class; 256], byte: u8) -> Class {
    classes.get(usize::from(byte)).copied().unwrap_or(Class::Plain)
}

/// Finds the end of a quoted field; the answer is the place after the closing quote.
fn quoted(bytes: &[u8], ended: bool, found: &mut Found, lines: &mut u64) -> Result<usize, Step> {
    let mut at = found.start;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(next) = memchr2(b'"', 0, rest) else {
            *lines += line_ends(rest);
            return Err(Step::Short { quoted: true });
        };
        *lines += line_ends(rest.get(..next).unwrap_or_default());
        at += next;
        if bytes.get(at) == Some(&0) {
            return Err(Step::Broken { at, fault: Fault::Nul });
        }
        match bytes.get(at + 1) {
            Some(b'"') => {
                found.escaped = true;
                at += 2;
            }
            None if !ended => return Err(Step::Short { quoted: true }),
            _ => {
                found.end = at;
                return Ok(at + 1);
            }
        }
    }
}

/// Line ends inside a quoted field: LF, CRLF and lone CR.
fn line_ends(bytes: &[u8]) -> u64 {
    place_of(bytes, true).0
}
