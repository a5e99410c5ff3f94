//! The console: where each kind of text goes, and in which form.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::gate::Gate;
use super::style::{Paint, Tone};
use super::{Page, json};

/// In which form results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// Lines of JSON.
    Ndjson,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressStyle {
    /// Bars that move, on a terminal.
    Bars,
    /// Plain lines now and then, for logs of CI.
    Plain,
    /// Nothing.
    None,
}

/// What is known about one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// It is a terminal.
    pub terminal: bool,
    /// Escape sequences may be written to it.
    pub colour: bool,
    /// Columns of the terminal; `None` when it is none.
    pub width: Option<u16>,
}

impl Stream {
    /// No terminal, no colour.
    pub const PLAIN: Self = Self { terminal: false, colour: false, width: None };

    /// Its paint.
    pub fn paint(self) -> Paint {
        Paint { enabled: self.colour }
    }
}

/// How everything is shown, decided once from flags, environment and the streams themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Form of results.
    pub format: Format,
    /// Remarks are left out.
    pub quiet: bool,
    /// Standard output.
    pub out: Stream,
    /// Standard error.
    pub err: Stream,
    /// Form of progress.
    pub progress: ProgressStyle,
    /// Someone can be asked: standard input and standard error are terminals.
    pub may_ask: bool,
}

impl Look {
    /// Plain text, no terminal anywhere: what tests and pipes get.
    pub const PLAIN: Self = Self {
        format: Format::Table,
        quiet: false,
        out: Stream::PLAIN,
        err: Stream::PLAIN,
        progress: ProgressStyle::None,
        may_ask: false,
    };
}

/// The console. Clones share the streams.
#[derive(Clone)]
pub struct Console {
    /// How everything is shown.
    pub look: Look,
    gate: Gate,
    reader_gone: Arc<AtomicBool>,
}

impl Console {
    /// A console on this gate.
    pub fn new(look: Look, gate: Gate) -> Self {
        Self { look, gate, reader_gone: Arc::default() }
    }

    /// The one way out.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Writes a piece of the result to standard output, exactly as it is.
    pub fn result(&self, text: &str) {
        self.result_bytes(text.as_bytes());
    }

    /// Writes a piece of the result to standard output, exactly as it is.
    pub fn result_bytes(&self, bytes: &[u8]) {
        if !self.reader_gone.load(Ordering::Relaxed) && !self.gate.write_out(bytes) {
            self.reader_gone.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the reader of standard output went away, as `head` does.
    pub fn reader_is_gone(&self) -> bool {
        self.reader_gone.load(Ordering::Relaxed)
    }

    /// Writes a result in the wanted form: `page` for people, the value itself as JSON.
    pub fn show<T: Serialize>(&self, name: &str, value: &T, page: impl FnOnce(&T) -> Page) {
        let schema = json::schema(name);
        let text = match self.look.format {
            Format::Table => Ok(page(value).render(self.look.out.paint(), self.look.out.width)),
            Format::Json => json::document(&schema, value),
            Format::Ndjson => json::lines(&schema, value),
        };
        match text {
            Ok(text) => self.result(&text),
            Err(error) => tracing::error!(%error, "the result cannot be written as JSON"),
        }
    }

    /// A page for standard error, such as the plan before a run; left out with `--quiet`.
    pub fn aside(&self, page: &Page) {
        if !self.look.quiet {
            self.aside_always(page);
        }
    }

    /// A page for standard error that must be read.
    pub fn aside_always(&self, page: &Page) {
        self.gate.write_err(page.render(self.look.err.paint(), self.look.err.width).as_bytes());
    }

    /// A remark on standard error; left out with `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.look.quiet {
            self.line(Tone::Plain, text);
        }
    }

    /// A warning on standard error, also with `--quiet`.
    pub fn warn(&self, text: &str) {
        self.line(Tone::Warn, &format!("warning: {text}"));
    }

    /// A line on standard error, whatever was asked for.
    pub fn line(&self, tone: Tone, text: &str) {
        let mut page = Page::new();
        page.toned_line(tone, text);
        self.gate.write_err(page.render(self.look.err.paint(), None).as_bytes());
    }
}
