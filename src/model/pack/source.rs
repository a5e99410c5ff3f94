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
    places: HashMap<Vec<String>, Place>,
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
        let path: Vec<String> = path.iter().map(|part| part.as_ref().to_owned()).collect();
        let place = (0..=path.len()).rev().find_map(|length| self.places.get(path.get(..length)?).copied());
        self.flaw_at(place, message.into())
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

/// What the walk through the document is inside of.
enum Frame {
    Sequence(usize),
    Mapping(Option<String>),
}

fn places_of(text: &str) -> HashMap<Vec<String>, Place> {
    let mut places = HashMap::new();
    let mut frames: Vec<Frame> = Vec::new();
    let mut parser = Parser::new_from_str(text);
    // A broken document has the places up to where it breaks; reading it reports the break itself.
    while let Some(Ok((event, span))) = parser.next_event() {
        let is_key = matches!(frames.last(), Some(Frame::Mapping(None)));
        let place = Place {
            line: span.start.line(),
            column: span.start.col() + 1,
            offset: span.start.byte_offset().unwrap_or_default(),
            length: span
                .end
                .byte_offset()
                .unwrap_or_default()
                .saturating_sub(span.start.byte_offset().unwrap_or_default()),
        };
        match event {
            Event::Scalar(value, ..) if is_key => {
                if let Some(Frame::Mapping(key)) = frames.last_mut() {
                    *key = Some(value.into_owned());
                }
                places.insert(path_of(&frames), place);
                continue;
            }
            Event::MappingStart(..) => {
                places.entry(path_of(&frames)).or_insert(Place { length: 1, ..place });
                frames.push(Frame::Mapping(None));
                continue;
            }
            Event::SequenceStart(..) => {
                places.entry(path_of(&frames)).or_insert(Place { length: 1, ..place });
                frames.push(Frame::Sequence(0));
                continue;
            }
            Event::Scalar(..) | Event::Alias(_) => {
                places.entry(path_of(&frames)).or_insert(place);
            }
            Event::MappingEnd | Event::SequenceEnd => {
                frames.pop();
            }
            _ => continue,
        }
        match frames.last_mut() {
            Some(Frame::Sequence(index)) => *index += 1,
            Some(Frame::Mapping(key)) => *key = None,
            None => {}
        }
    }
    places
}

fn path_of(frames: &[Frame]) -> Vec<String> {
    frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Sequence(index) => Some(index.to_string()),
            Frame::Mapping(key) => key.clone(),
        })
        .collect()
}
