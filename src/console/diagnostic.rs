//! How a failure is told: drawn on a terminal, in plain words elsewhere, as one JSON object for programs.

use std::error::Error;
use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NarratableReportHandler, Severity, SourceCode,
};
use serde::Serialize;

use super::masking::secrets;
use super::style::printable_with_colour;
use super::{Console, Format, json};

/// Details that are drawn at most; JSON has all of them.
const MOST_DETAILS: usize = 50;

/// A failure as a program reads it: one JSON object on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureDocument {
    /// The code, for `fixtool explain`.
    pub code: String,
    /// The exit code of the process.
    pub exit_code: u8,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
    /// Why, from near to far.
    pub causes: Vec<String>,
    /// What is wrong in detail, when it is more than one thing: every mistake of a file with its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

impl FailureDocument {
    /// Taken from a failure, without secrets.
    pub fn of(failure: &dyn Diagnostic, exit_code: u8) -> Self {
        Self {
            code: code_of(failure),
            exit_code,
            message: secrets(&failure.to_string()).into_owned(),
            help: failure.help().map(|help| secrets(&help.to_string()).into_owned()),
            causes: causes(failure).iter().map(|cause| secrets(cause).into_owned()).collect(),
            details: related(failure).map(|detail| secrets(&detail.to_string()).into_owned()).collect(),
        }
    }
}

/// A failure's code; one without is a bug of ours, and is told as such.
pub fn code_of(failure: &dyn Diagnostic) -> String {
    failure.code().map_or_else(|| "fixtool::bug".to_owned(), |code| code.to_string())
}

/// The parts of a failure that is made of several.
fn related(failure: &dyn Diagnostic) -> impl Iterator<Item = &dyn Diagnostic> {
    failure.related().into_iter().flatten()
}

fn causes(failure: &dyn Diagnostic) -> Vec<String> {
    let mut texts = Vec::new();
    let mut last = failure.to_string();
    let mut next: Option<&dyn Error> = failure.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        // A message that repeats its cause is told once.
        if text != last {
            texts.push(text.clone());
        }
        last = text;
        next = cause.source();
    }
    texts
}

impl Console {
    /// Tells a failure on standard error, in the form that was asked for.
    pub fn failure(&self, failure: &dyn Diagnostic, exit_code: u8) {
        let document = FailureDocument::of(failure, exit_code);
        let text = match self.look.format {
            Format::Table => self.drawn(failure, &document),
            Format::Json => json::document("fixtool.error", &document).unwrap_or_else(|_| document.message.clone()),
            Format::Ndjson => json::line("fixtool.error", &document).unwrap_or_else(|_| document.message.clone()),
        };
        self.gate().write_err(text.as_bytes());
    }

    fn drawn(&self, failure: &dyn Diagnostic, document: &FailureDocument) -> String {
        let masked = Masked::of(failure, document.clone());
        let mut text = String::new();
        let drawn = if self.look.err.terminal {
            let theme =
                if self.look.err.colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
            let width = usize::from(self.look.err.width.unwrap_or(100)).clamp(40, 120);
            GraphicalReportHandler::new_themed(theme)
                .with_links(false)
                .with_width(width)
                .render_report(&mut text, &masked)
        } else {
            NarratableReportHandler::new().render_report(&mut text, &masked)
        };
        if drawn.is_err() {
            text.clone_from(&document.message);
        }
        format!("{}\n", printable_with_colour(&text, self.look.err.colour).trim_end())
    }
}

/// A failure without its secrets; labels and source stay, so that a place in a file is still drawn.
struct Masked<'a> {
    document: FailureDocument,
    failure: &'a dyn Diagnostic,
    cause: Option<Box<Cause>>,
    related: Vec<Self>,
}

#[derive(Debug)]
struct Cause {
    message: String,
    cause: Option<Box<Cause>>,
}

impl<'a> Masked<'a> {
    fn of(failure: &'a dyn Diagnostic, document: FailureDocument) -> Self {
        let chain = document.causes.iter().rev();
        let cause = chain.fold(None, |cause, message| Some(Box::new(Cause { message: message.clone(), cause })));
        let details = related(failure).take(MOST_DETAILS);
        let related = details.map(|detail| Self::of(detail, FailureDocument::of(detail, document.exit_code))).collect();
        Self { document, failure, cause, related }
    }
}

impl fmt::Debug for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.document.message)
    }
}

impl fmt::Display for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.document.message)
    }
}

impl Error for Masked<'_> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

impl Diagnostic for Masked<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.document.code))
    }

    fn severity(&self) -> Option<Severity> {
        self.failure.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.document.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.failure.labels()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.failure.source_code()
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        if self.related.is_empty() {
            return None;
        }
        Some(Box::new(self.related.iter().map(|detail| detail as &dyn Diagnostic)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gate::tests::captured;
    use super::super::{Look, Stream};
    use super::*;

    #[derive(Debug, thiserror::Error, Diagnostic)]
    #[error("the server refused")]
    #[diagnostic(code(fixtool::test::refused), help("run 'fixtool doctor'"))]
    struct Refused(#[source] Why);

    #[derive(Debug, thiserror::Error)]
    #[error("postgres://ann:s3cret@db said \u{1b}[2J no")]
    struct Why;

    #[test]
    fn plain_words_off_a_terminal_without_secrets_and_escapes() {
        let (console, _, err) = captured(Look::PLAIN);
        console.failure(&Refused(Why), 4);
        let text = err.text();
        assert!(!text.contains('\u{1b}') && !text.contains("s3cret"), "{text}");
        for part in ["the server refused", "postgres://ann:***@db", "run 'fixtool doctor'", "fixtool::test::refused"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn drawn_on_a_terminal() {
        let stream = Stream { terminal: true, colour: true, width: Some(80) };
        let (console, _, err) = captured(Look { err: stream, ..Look::PLAIN });
        console.failure(&Refused(Why), 4);
        let text = err.text();
        assert!(text.contains("\u{1b}[") && !text.contains("\u{1b}[2J"), "{text}");
    }

    #[test]
    fn one_object_for_programs() {
        let (console, out, err) = captured(Look { format: Format::Json, ..Look::PLAIN });
        console.failure(&Refused(Why), 4);
        let value: serde_json::Value = serde_json::from_str(&err.text()).unwrap();
        assert_eq!(value["schema"], "fixtool.error");
        assert_eq!(value["exit_code"], 4);
        assert_eq!(value["code"], "fixtool::test::refused");
        assert_eq!(value["causes"].as_array().map(Vec::len), Some(1));
        assert!(out.text().is_empty());
    }
}
