//! One item or document as a record.
//!
//! Plain scalars follow YAML 1.2: `null`, `~` and nothing are NULL, `true` and `false` are
//! booleans, and numbers as JSON writes them are numbers. All else is text, so that `007`, `yes`
//! and `2026-11-23` stay what they are.

use serde_saphyr::granit_parser::{Event, Marker, Options, Parser, ScalarStyle, ScanError, StrInput, Tag};

use crate::formats::Limits;
use crate::formats::json;
use crate::formats::names::Names;
use crate::formats::record::{Kind, Record, Span, narrow};
use crate::formats::trouble::Trouble;
use crate::model::json_text::{self, JsonFaultKind, PieceKind};
use crate::model::value_text::push_json_string;

/// Reads an item (`- …`) or document into a record whose place is set.
pub(super) fn read(text: &str, record: &mut Record, names: &mut Names, limits: &Limits) -> Result<(), Trouble> {
    record.raw.push_str(text.trim_end_matches(['\r', '\n']));
    let mut nodes = Nodes::new(text, limits);
    let (mut event, mut at) = nodes.next()?;
    let in_sequence = matches!(event, Event::SequenceStart(..));
    if in_sequence {
        (event, at) = nodes.next()?;
    }
    if !matches!(event, Event::MappingStart(..)) {
        return Err(not_a_mapping(at));
    }
    let mut next = 0;
    loop {
        let (event, at) = nodes.next()?;
        let name = match event {
            Event::MappingEnd => break,
            Event::Scalar(name, ..) => name.into_owned(),
            other => return Err(misplaced(&other, at)),
        };
        let (value, value_at) = nodes.next()?;
        let span = field(&mut nodes, value, value_at, &mut record.side)?;
        let Some(place) = names.place(&name, next, limits.fields) else {
            let reason = format!("the source names more than {} different fields", limits.fields);
            let help = "keep what varies from record to record inside one field";
            return Err(Trouble::new(at, "too_many_fields", reason, help));
        };
        if record.fields.len() <= place {
            record.fields.resize(place + 1, Span::ABSENT);
        }
        match record.fields.get_mut(place) {
            Some(slot) if slot.kind == Kind::Absent => *slot = span,
            _ => return Err(duplicate(at)),
        }
        next = place + 1;
    }
    if in_sequence {
        match nodes.next()? {
            (Event::SequenceEnd, _) => {}
            (_, at) => return Err(not_a_mapping(at)),
        }
    }
    nodes.end()
}

/// Whether a broken record ends where its lines end: a quote that may be open there would take the lines behind it
/// along.
pub(super) fn ends_surely(bytes: &[u8], limits: &Limits) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut parser = Parser::new_from_str_with_options(&text, options(limits));
    while let Some(event) = parser.next_event() {
        if let Err(error) = event {
            // Behind this place nothing tells which quotes open a text and which close one.
            let unread = text.as_bytes().get(offset(error.marker())..).unwrap_or(text.as_bytes());
            return memchr::memchr2(b'"', b'\'', unread).is_none();
        }
    }
    true
}

/// The field that a value makes. Its text always goes to the side text, since YAML folds lines
/// and unescapes.
fn field(nodes: &mut Nodes<'_>, value: Event<'_>, at: usize, side: &mut String) -> Result<Span, Trouble> {
    let start = side.len();
    let kind = match value {
        Event::Scalar(text, style, _, tag) => {
            let kind = scalar(&text, style, tag.as_deref(), at)?;
            side.push_str(&text);
            kind
        }
        value => {
            nodes.push_json(value, at, 1, side)?;
            let json = side.get(start..).unwrap_or_default();
            json_text::check(json, nodes.limits.depth).map_err(|fault| {
                let trouble = json::trouble(fault, nodes.limits);
                Trouble { at, ..trouble }
            })?;
            Kind::Json
        }
    };
    Ok(Span { kind, side: true, start: narrow(start), end: narrow(side.len()), at: narrow(at) })
}

/// What a scalar is.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, at: usize) -> Result<Kind, Trouble> {
    match tag.map(Tag::core_suffix) {
        None => {}
        Some(Some("str")) => return Ok(Kind::String),
        Some(_) => return Err(unsupported("a tag", at)),
    }
    if style != ScalarStyle::Plain {
        return Ok(Kind::String);
    }
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::True,
        "false" | "False" | "FALSE" => Kind::False,
        _ if json_text::check(text, 0) == Ok(PieceKind::Number) => Kind::Number,
        _ => Kind::String,
    })
}

/// The events of one item, without those that say nothing here.
struct Nodes<'a> {
    parser: Parser<'a, StrInput<'a>>,
    limits: &'a Limits,
}

fn options(limits: &Limits) -> Options {
    let mut options = Options::default();
    options.flow_nesting_limit = limits.depth + 2;
    options.block_nesting_limit = limits.depth + 2;
    options
}

impl<'a> Nodes<'a> {
    fn new(text: &'a str, limits: &'a Limits) -> Self {
        Self { parser: Parser::new_from_str_with_options(text, options(limits)), limits }
    }

    fn next(&mut self) -> Result<(Event<'a>, usize), Trouble> {
        loop {
            match self.parser.next_event() {
                None => return Err(Trouble::new(0, "invalid_yaml", "the record ends too early", HELP)),
                Some(Ok((Event::StreamStart | Event::DocumentStart(..), _))) => {}
                Some(Ok((event, span))) => return Ok((event, offset(&span.start))),
                Some(Err(error)) => return Err(invalid(&error)),
            }
        }
    }

    /// Nothing may follow the record.
    fn end(&mut self) -> Result<(), Trouble> {
        loop {
            match self.parser.next_event() {
                None => return Ok(()),
                Some(Ok((Event::DocumentEnd | Event::StreamEnd, _))) => {}
                Some(Ok((_, span))) => return Err(not_a_mapping(offset(&span.start))),
                Some(Err(error)) => return Err(invalid(&error)),
            }
        }
    }

    /// Appends a value as JSON.
    fn push_json(&mut self, event: Event<'_>, at: usize, depth: usize, into: &mut String) -> Result<(), Trouble> {
        if depth > self.limits.depth {
            let fault = json_text::JsonFault { at, kind: JsonFaultKind::TooDeep };
            return Err(json::trouble(fault, self.limits));
        }
        match event {
            Event::Scalar(text, style, _, tag) => match scalar(&text, style, tag.as_deref(), at)? {
                Kind::Null => into.push_str("null"),
                Kind::True => into.push_str("true"),
                Kind::False => into.push_str("false"),
                Kind::Number => into.push_str(&text),
                _ => push_json_string(&text, into),
            },
            Event::SequenceStart(_, _, Some(_)) | Event::MappingStart(_, _, Some(_)) => {
                return Err(unsupported("a tag", at));
            }
            Event::SequenceStart(..) => {
                into.push('[');
                let mut first = true;
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, at) => {
                            separate(&mut first, into);
                            self.push_json(event, at, depth + 1, into)?;
                        }
                    }
                }
                into.push(']');
            }
            Event::MappingStart(..) => {
                into.push('{');
                let mut first = true;
                loop {
                    match self.next()? {
                        (Event::MappingEnd, _) => break,
                        (Event::Scalar(key, ..), _) => {
                            separate(&mut first, into);
                            push_json_string(&key, into);
                            into.push(':');
                            let (event, at) = self.next()?;
                            self.push_json(event, at, depth + 1, into)?;
                        }
                        (event, at) => return Err(misplaced(&event, at)),
                    }
                }
                into.push('}');
            }
            event => return Err(misplaced(&event, at)),
        }
        Ok(())
    }
}

fn separate(first: &mut bool, into: &mut String) {
    if !std::mem::take(first) {
        into.push(',');
    }
}

const HELP: &str = "write each record as a block that begins with '- ' in the first column";

fn offset(marker: &Marker) -> usize {
    marker.byte_offset().unwrap_or_else(|| marker.index())
}

fn invalid(error: &ScanError) -> Trouble {
    Trouble::new(offset(error.marker()), "invalid_yaml", format!("this is no YAML: {}", error.info()), HELP)
}

fn not_a_mapping(at: usize) -> Trouble {
    Trouble::new(at, "not_an_object", "the record is not a mapping", "write each record as '- name: value' lines")
}

fn duplicate(at: usize) -> Trouble {
    Trouble::new(
        at,
        "duplicate_key",
        "the mapping names the same key twice",
        "remove one of the two: nothing is guessed",
    )
}

fn misplaced(event: &Event<'_>, at: usize) -> Trouble {
    match event {
        Event::Alias(_) | Event::UnresolvedAlias(_) => unsupported("an alias", at),
        _ => unsupported("a name that is no text", at),
    }
}

fn unsupported(what: &str, at: usize) -> Trouble {
    let help = "write the value out; anchors, aliases, tags and complex keys are not read";
    Trouble::new(at, "invalid_yaml", format!("{what} stands here, which is not read"), help)
}
