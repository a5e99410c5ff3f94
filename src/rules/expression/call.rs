//! What the functions do.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::eval::{Datum, EvalFault, compare, eval};
use super::functions::Function;
use super::node::{Kind, Node};
use super::number::Exact;
use crate::model::Value;
use crate::model::json_text::{self, PieceKind};

/// The longest text that an expression makes, in bytes: twice the longest record. A few nested calls of `replace` would
/// make a text of any length.
const LONGEST_TEXT: usize = 32 << 20;

/// Whether a text of so many bytes may be made.
pub(super) fn fits(bytes: usize) -> Result<(), EvalFault> {
    if bytes > LONGEST_TEXT { Err(EvalFault::TextTooLong(LONGEST_TEXT)) } else { Ok(()) }
}

/// The value of a function.
pub(super) fn call<'a>(
    function: Function,
    arguments: &'a [Node],
    row: &'a [Value],
    now: i64,
) -> Result<Datum<'a>, EvalFault> {
    match function {
        Function::Now => return Ok(Datum::Timestamp(now)),
        Function::Coalesce => {
            for argument in arguments {
                let value = eval(argument, row, now)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            return Ok(Datum::Null);
        }
        Function::Concat => {
            let mut text = String::new();
            for argument in arguments {
                let part = eval(argument, row, now)?.into_text().unwrap_or_default();
                fits(text.len().saturating_add(part.len()))?;
                text.push_str(&part);
            }
            return Ok(Datum::Text(Cow::Owned(text)));
        }
        _ => {}
    }
    let values = arguments.iter().map(|argument| eval(argument, row, now)).collect::<Result<Vec<_>, _>>()?;
    let mut values = values.into_iter();
    let mut next = || values.next().unwrap_or(Datum::Null);
    let (first, second, third) = (next(), next(), next());
    if function == Function::NullIf {
        let kind = if matches!(first, Datum::Float(_)) { Kind::Float } else { Kind::Decimal };
        let same = compare(&first, &second, kind)? == Some(Ordering::Equal);
        return Ok(if same { Datum::Null } else { first });
    }
    let missing = arguments.len();
    if first.is_null() || (missing > 1 && second.is_null()) || (missing > 2 && third.is_null()) {
        return Ok(Datum::Null);
    }
    match function {
        Function::Abs => absolute(&first),
        Function::Round => round(&first, if missing > 1 { second.int()? } else { 0 }),
        _ => {
            let text = first.into_text().unwrap_or_default();
            text_function(function, text, second, third, missing)
        }
    }
}

fn absolute<'a>(number: &Datum<'_>) -> Result<Datum<'a>, EvalFault> {
    match number {
        Datum::Int(number) => number.checked_abs().map(Datum::Int).ok_or(EvalFault::Overflow),
        Datum::Float(number) => Ok(Datum::Float(number.abs())),
        other => Ok(Datum::Exact(other.exact()?.abs())),
    }
}

fn round<'a>(number: &Datum<'_>, places: i64) -> Result<Datum<'a>, EvalFault> {
    let places = u32::try_from(places).unwrap_or(0).min(30);
    match number {
        Datum::Int(number) => Ok(Datum::Int(*number)),
        Datum::Float(number) if !number.is_finite() => Ok(Datum::Float(*number)),
        Datum::Float(number) => {
            let rounded = Exact::parse(&format!("{number}"))?.round(places)?;
            Ok(Datum::Float(rounded.to_float()))
        }
        other => Ok(Datum::Exact(other.exact()?.round(places)?)),
    }
}

fn text_function<'a>(
    function: Function,
    text: Cow<'a, str>,
    second: Datum<'a>,
    third: Datum<'a>,
    count: usize,
) -> Result<Datum<'a>, EvalFault> {
    let owned = |text: String| Ok(Datum::Text(Cow::Owned(text)));
    match function {
        Function::Length => Ok(Datum::Int(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))),
        Function::Lower => owned(text.to_lowercase()),
        Function::Upper => owned(text.to_uppercase()),
        Function::Trim => owned(text.trim_matches(' ').to_owned()),
        Function::TrimStart => owned(text.trim_start_matches(' ').to_owned()),
        Function::TrimEnd => owned(text.trim_end_matches(' ').to_owned()),
        Function::Replace => {
            let (what, by) = (second.into_text().unwrap_or_default(), third.into_text().unwrap_or_default());
            if what.is_empty() {
                return Ok(Datum::Text(text));
            }
            if by.len() > what.len() {
                let grown = text.matches(what.as_ref()).count().saturating_mul(by.len() - what.len());
                fits(text.len().saturating_add(grown))?;
            }
            owned(text.replace(what.as_ref(), &by))
        }
        Function::Substring => {
            let start = usize::try_from(second.int()? - 1).unwrap_or(0);
            let most = if count > 2 { usize::try_from(third.int()?).unwrap_or(0) } else { usize::MAX };
            owned(text.chars().skip(start).take(most).collect())
        }
        Function::SplitPart => {
            let separator = second.into_text().unwrap_or_default();
            let place = usize::try_from(third.int()? - 1).unwrap_or(0);
            let part = if separator.is_empty() {
                (place == 0).then_some(text.as_ref())
            } else {
                text.split(separator.as_ref()).nth(place)
            };
            owned(part.unwrap_or_default().to_owned())
        }
        _ => Ok(Datum::Null),
    }
}

/// The text at a path through objects; `None` if there is nothing, or null.
pub(super) fn json_get(document: &str, path: &[String]) -> Option<String> {
    let mut text = document;
    for key in path {
        let mut found = None;
        let mut name = String::new();
        json_text::members(text, json_text::MAX_DEPTH, |member, value| {
            name.clear();
            json_text::unescape(text.get(member.start..member.end).unwrap_or_default(), &mut name);
            if name == *key {
                found = Some(value);
            }
        })
        .ok()?;
        let value = found?;
        // A string's piece lies between its quotes.
        let quotes = usize::from(matches!(value.kind, PieceKind::Plain | PieceKind::Escaped));
        text = text.get(value.start - quotes..value.end + quotes)?;
    }
    match json_text::check(text, json_text::MAX_DEPTH).ok()? {
        PieceKind::Null => None,
        PieceKind::Plain | PieceKind::Escaped => {
            let inner = text.trim_matches([' ', '\t', '\n', '\r']);
            let mut plain = String::new();
            json_text::unescape(inner.get(1..inner.len() - 1)?, &mut plain);
            Some(plain)
        }
        _ => Some(text.to_owned()),
    }
}
