//! The log: to standard error or to a file, as text or JSON, without secrets and personal data.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::gate::Gate;
use super::masking;

/// How the log is written.
#[derive(Debug, Clone, Copy)]
pub struct LogLook<'a> {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'a str,
    /// JSON lines in place of text.
    pub json: bool,
    /// The file; `None` for standard error.
    pub file: Option<&'a Path>,
    /// Colour, on standard error only.
    pub colour: bool,
}

/// Starts the log of the process. A second start changes nothing.
pub fn start(look: LogLook<'_>, gate: &Gate) -> io::Result<()> {
    let place = match look.file {
        Some(path) => Place::File(Arc::new(Mutex::new(open(path)?))),
        None => Place::Gate(gate.clone()),
    };
    let colour = look.colour && look.file.is_none() && !look.json;
    // Libraries speak up only when something is wrong, or when every detail is wanted.
    let others = if matches!(look.level, "debug" | "trace") { "info" } else { "error" };
    let filter = EnvFilter::builder().parse_lossy(format!("{others},fixtool={}", look.level));
    let filter = if look.level == "off" { EnvFilter::builder().parse_lossy("off") } else { filter };
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_target(false).with_writer(place);
    // It fails only when a log was started before, as tests in one process do.
    let _ = if look.json { builder.json().try_init() } else { builder.try_init() };
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[derive(Clone)]
enum Place {
    Gate(Gate),
    File(Arc<Mutex<File>>),
}

impl<'a> MakeWriter<'a> for Place {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Place {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The subscriber hands over one whole line at a time, so a secret is never cut in two.
        let masked = masking::log_line(&String::from_utf8_lossy(bytes));
        match self {
            Self::Gate(gate) => gate.write_err(masked.as_bytes()),
            Self::File(file) => file.lock().unwrap_or_else(PoisonError::into_inner).write_all(masked.as_bytes())?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Look;
    use super::super::gate::tests::captured;
    use super::*;

    #[test]
    fn a_log_line_is_masked_on_its_way() {
        let (console, out, err) = captured(Look::PLAIN);
        let mut place = Place::Gate(console.gate().clone());
        place.write_all(b"connected to postgres://ann:s3cret@db for ann@example.org\n").unwrap();
        assert_eq!(err.text(), "connected to postgres://ann:***@db for a***@example.org\n");
        assert!(out.text().is_empty());
    }

    #[test]
    fn a_log_file_is_private_and_grows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        for _ in 0..2 {
            let mut place = Place::File(Arc::new(Mutex::new(open(&path).unwrap())));
            place.write_all(b"token=abc\n").unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "token=***\ntoken=***\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
