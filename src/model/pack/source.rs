//! Texts of a pack with the place of each of their parts, so that a mistake can be pointed at.

use std::collections::HashMap;
use std::sync::Arc;

use miette::{NamedSource, SourceSpan};
use serde::de::DeserializeOwned;
use serde_saphyr::granit_parser::{Event, Parser};

/// Files of a pack larger than this are refused.
pub const MAX_FILE: usize = 16 * 1024 * 1024;

/// One mistake in a pack, with its place.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
#[error("{place}: {message}")]
#[diagnostic(code(fixtool::pack::mistake))]
pub struct Flaw {
    /// `file:line:column`, or the file alone where there is no line to point at.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// The file.
    #[source_code]
    pub source_code: Option<Arc<NamedSource<Arc<str>>>>,
    /// Where in the file.
    #[label("here")]
    pub span: Option<SourceSpan>,
    /// What to do about it.
    #[help]
    pub help: Option<String>,
}

impl Flaw {
    /// A mistake about a whole file or a file that is missing.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self { place: file.to_owned(), message: message.into(), source_code: None, span: None, help: None }
    }

    /// With advice.
    #[must_use]
    pub fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

/// All mistakes of a pack.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
#[error("the pack '{pack}' has {}", counted(flaws.len()))]
#[diagnostic(code(fixtool::pack::invalid), help("correct what is listed and run 'fixtool pack check {pack}' again"))]
pub struct PackError {
    /// The pack's name, or the folder it was read from.
    pub pack: String,
    /// Each mistake.
    #[related]
    pub flaws: Vec<Flaw>,
}

fn counted(mistakes: usize) -> String {
    if mistakes == 1 { "a mistake".to_owned() } else { format!("{mistakes} mistakes") }
}

#[derive(Debug, Clone, Copy)]
struct Place {
    line: usize,
    column: usize,
    offset: usize,
    length: usize,
}

/// A YAML file with the places of its parts.
#[derive(Debug, Clone)]
pub struct Document {
    file: String,
    text: Arc<str>,
    places: Places,
}

impl Document {
    /// Takes the bytes of a file. What is no UTF-8, or too large, is a flaw.
    pub fn new(file: &str, bytes: &[u8]) -> Result<Self, Flaw> {
        if bytes.len() > MAX_FILE {
            return Err(Flaw::of_file(
                file,
                format!("the file has {} bytes, at most {MAX_FILE} are read", bytes.len()),
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + memchr::memchr_iter(b'\n', before).count();
            Flaw::of_file(&format!("{file}:{line}"), "the file is not UTF-8")
        })?;
        let text: Arc<str> = Arc::from(text);
        Ok(Self { file: file.to_owned(), places: places_of(&text), text })
    }

    /// Reads the document as a value; an unknown key, a missing key or a wrong type is a flaw that points at it.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Flaw> {
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
        serde_saphyr::from_str_with_options(&self.text, options).map_err(|error| {
            let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            let place = error.location().map(|at| self.place_at(number(at.line()), number(at.column())));
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
            self.flaw_at(place, message)
        })
    }

    /// A flaw at the part that the path leads to, or at the nearest part above it.
    pub fn flaw<S: AsRef<str>>(&self, path: &[S], message: impl Into<String>) -> Flaw {
        self.flaw_at(self.places.nearest(path), message.into())
    }

    fn flaw_at(&self, place: Option<Place>, message: String) -> Flaw {
        let Some(place) = place else {
            return Flaw::of_file(&self.file, message);
        };
        Flaw {
            place: format!("{}:{}:{}", self.file, place.line, place.column),
            message,
            source_code: Some(Arc::new(NamedSource::new(&self.file, Arc::clone(&self.text)).with_language("yaml"))),
            span: Some(SourceSpan::new(place.offset.into(), place.length)),
            help: None,
        }
    }

    fn place_at(&self, line: usize, column: usize) -> Place {
        let before: usize = self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = self.text.get(before..).unwrap_or_default();
        let row = rest.lines().next().unwrap_or_default();
        let start = row.char_indices().nth(column.saturating_sub(1)).map_or(row.len(), |(at, _)| at);
        let word = row.get(start..).unwrap_or_default();
        let length = word.find([':', ' ', ',', ']', '}']).unwrap_or(word.len());
        Place { line, column, offset: before + start, length }
    }
}

/// Places that are kept of one document; a mistake behind them is told at the nearest part above it.
const MOST_PLACES: usize = 1 << 18;

/// The parts of a document as a tree, so that a long key is held once and not in the path of each part below it.
#[derive(Debug, Clone, Default)]
struct Places {
    /// The whole document first; `None` for one that is empty.
    nodes: Vec<Option<Place>>,
    children: HashMap<(usize, String), usize>,
}

impl Places {
    /// The place of the part that the path leads to, or of the nearest part above it.
    fn nearest<S: AsRef<str>>(&self, path: &[S]) -> Option<Place> {
        let mut found = self.nodes.first().copied().flatten();
        let mut node = 0;
        for part in path {
            let Some(child) = self.children.get(&(node, part.as_ref().to_owned())) else { break };
            node = *child;
            found = self.nodes.get(node).copied().flatten().or(found);
        }
        found
    }

    /// The part of this name below another one; that one itself when there are too many.
    fn child(&mut self, parent: usize, name: String) -> usize {
        let next = self.nodes.len();
        if next >= MOST_PLACES {
            return self.children.get(&(parent, name)).copied().unwrap_or(parent);
        }
        let node = *self.children.entry((parent, name)).or_insert(next);
        if node == next {
            self.nodes.push(None);
        }
        node
    }

    fn put(&mut self, node: usize, place: Place) {
        if let Some(slot) = self.nodes.get_mut(node) {
            *slot = slot.or(Some(place));
        }
    }
}

/// What the walk through the document is inside of.
struct Frame {
    node: usize,
    kind: FrameKind,
}

enum FrameKind {
    Sequence(usize),
    /// With the part that the key at hand names.
    Mapping(Option<usize>),
}

fn places_of(text: &str) -> Places {
    let mut places = Places { nodes: vec![None], ..Places::default() };
    let mut frames: Vec<Frame> = Vec::new();
    let mut parser = Parser::new_from_str(text);
    // A broken document has the places up to where it breaks; reading it reports the break itself.
    while let Some(Ok((event, span))) = parser.next_event() {
        let start = span.start.byte_offset().unwrap_or_default();
        let place = Place {
            line: span.start.line(),
            column: span.start.col() + 1,
            offset: start,
            length: span.end.byte_offset().unwrap_or_default().saturating_sub(start),
        };
        let node = match (&event, frames.last_mut()) {
            (Event::Scalar(name, ..), Some(Frame { node, kind: FrameKind::Mapping(key @ None) })) => {
                let child = places.child(*node, name.as_ref().to_owned());
                *key = Some(child);
                places.put(child, place);
                continue;
            }
            (_, Some(Frame { node, kind: FrameKind::Mapping(key) })) => key.unwrap_or(*node),
            (Event::MappingEnd | Event::SequenceEnd, _) | (_, None) => 0,
            (_, Some(Frame { node, kind: FrameKind::Sequence(index) })) => places.child(*node, index.to_string()),
        };
        let kind = match event {
            Event::MappingStart(..) => FrameKind::Mapping(None),
            Event::SequenceStart(..) => FrameKind::Sequence(0),
            Event::Scalar(..) | Event::Alias(_) => {
                places.put(node, place);
                went_on(&mut frames);
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                frames.pop();
                went_on(&mut frames);
                continue;
            }
            _ => continue,
        };
        places.put(node, Place { length: 1, ..place });
        frames.push(Frame { node, kind });
    }
    places
}

/// After a value: the next element, or a key.
fn went_on(frames: &mut [Frame]) {
    match frames.last_mut().map(|frame| &mut frame.kind) {
        Some(FrameKind::Sequence(index)) => *index += 1,
        Some(FrameKind::Mapping(key)) => *key = None,
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_place_and_a_long_key_is_held_once() {
        let key = "k".repeat(10_000);
        let text = format!("a: {{b: [x, {{c: y}}]}}\n? {key}\n: [{}]\n", vec!["1"; 300_000].join(","));
        let document = Document::new("x.yaml", text.as_bytes()).unwrap();
        let place = |path: &[&str]| document.flaw(path, "").place;
        assert_eq!(place(&[]), "x.yaml:1:1");
        assert_eq!(place(&["a", "b", "1", "c"]), "x.yaml:1:13");
        assert_eq!(place(&["a", "b", "0", "c"]), "x.yaml:1:9");
        assert_eq!(place(&["a", "z"]), "x.yaml:1:1");
        assert_eq!(place(&[&key, "7"]), "x.yaml:3:18");
        assert_eq!(place(&[&key, "299999"]), "x.yaml:2:3", "too many parts: the list that holds it");
        let held: usize = document.places.children.keys().map(|(_, name)| name.len()).sum();
        assert!(held < 3 * text.len(), "{held}");
    }
}
