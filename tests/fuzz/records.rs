//! Readers of records: CSV, TSV, JSON, NDJSON, YAML, plain and compressed.

use std::io::{Cursor, Read, Write};

use fixtool::formats::{
    Compression, CsvOptions, Limits, Record, RecordError, RecordWriter, Source, SourceFormat, SourceOptions,
};
use fixtool::model::{Raw, Value};
use serde_json::value::RawValue;

/// Stands for a field that is longer than the buffer of a reader; no text in UTF-8 has this byte.
const LONG: u8 = 0xf8;
const LONG_FIELD: usize = 300 * 1024;

/// Faults that a reader of JSON alone would not find.
const OWN: [&str; 7] = ["duplicate_key", "nul", "too_deep", "too_many_fields", "too_long", "bad_utf8", "not_an_object"];

/// A field as [`Raw`], with its text.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Absent,
    Null,
    Text(String),
    String(String),
    Number(String),
    Bool(bool),
    Json(String),
}

impl Cell {
    fn of(raw: Raw<'_>) -> Self {
        match raw {
            Raw::Absent => Self::Absent,
            Raw::Null => Self::Null,
            Raw::Text(text) => Self::Text(text.to_owned()),
            Raw::String(text) => Self::String(text.to_owned()),
            Raw::Number(text) => Self::Number(text.to_owned()),
            Raw::Bool(truth) => Self::Bool(truth),
            Raw::Json(text) => Self::Json(text.to_owned()),
        }
    }

    /// To be written; `None` for what no file can say.
    fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Absent => return None,
            Self::Text(text) | Self::String(text) if text.contains('\0') => return None,
            Self::Null => Value::Null,
            Self::Text(text) | Self::String(text) => Value::Text(text.clone()),
            Self::Number(text) => Value::Decimal(text.clone()),
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Json(text) => Value::Json(text.clone()),
        })
    }
}

#[derive(Debug, PartialEq)]
struct Seen {
    names: Vec<String>,
    rows: Vec<Vec<Cell>>,
    errors: Vec<RecordError>,
}

impl Seen {
    fn whole(&self) -> bool {
        self.errors.iter().all(|error| error.recoverable)
    }
}

/// Reads to the end. `None` where the source cannot be opened.
fn drain(name: &str, input: Box<dyn Read + Send>, options: &SourceOptions) -> Option<Seen> {
    let mut source = Source::from_read(name, input, options).ok()?;
    let mut record = Record::default();
    let mut seen = Seen { names: Vec::new(), rows: Vec::new(), errors: Vec::new() };
    let (mut last, mut line) = (None, 0);
    loop {
        let (ordinal, at) = match source.reader.next(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                for field in [0, record.len() / 2, record.len()] {
                    assert!(record.position(field).0 >= record.line);
                }
                seen.rows.push((0..record.len()).map(|field| Cell::of(record.get(field))).collect());
                (record.ordinal, record.line)
            }
            Err(error) => {
                let place = (error.ordinal, line);
                let last = !error.recoverable;
                assert!(error.line > 0 && error.column > 0 && !error.reason.is_empty());
                seen.errors.push(*error);
                if last {
                    assert!(matches!(source.reader.next(&mut record), Ok(false)), "reading goes on after a last error");
                    break;
                }
                place
            }
        };
        assert!(last.is_none_or(|last| ordinal == last + 1), "ordinal {ordinal} comes after {last:?}");
        assert!(at >= line, "line {at} comes after {line}");
        (last, line) = (Some(ordinal), at);
    }
    assert!(matches!(source.reader.next(&mut record), Ok(false)), "there is something after the end");
    seen.names = source.reader.fields().to_vec();
    Some(seen)
}

fn cursor(bytes: &[u8]) -> Box<dyn Read + Send> {
    Box::new(Cursor::new(bytes.to_vec()))
}

/// Gives its bytes in pieces, as a pipe does.
struct Trickle(Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = into.len().min(7);
        self.0.read(into.get_mut(..most).unwrap_or_default())
    }
}

/// A source that is not compressed.
pub fn plain(format: SourceFormat, bytes: &[u8]) {
    let long = bytes.iter().filter(|byte| **byte == LONG).count();
    if (1..3).contains(&long) {
        let field = vec![b'x'; LONG_FIELD];
        let text = bytes.split(|byte| *byte == LONG).collect::<Vec<_>>().join(field.as_slice());
        let limits = Limits { record: 1 << 14, ..Limits::default() };
        drain("-", cursor(&text), &SourceOptions { format: Some(format), limits, ..SourceOptions::default() });
        return;
    }
    if bytes.len() % 3 == 0 && matches!(format, SourceFormat::Csv | SourceFormat::Tsv) {
        let delimiter = (format == SourceFormat::Csv).then_some(';');
        let csv = CsvOptions { delimiter, null_as: vec!["NULL".to_owned(), "\\N".to_owned()] };
        let limits = Limits { record: 64, fields: 8, ..Limits::default() };
        drain("-", cursor(bytes), &SourceOptions { format: Some(format), csv, limits, ..SourceOptions::default() });
    }
    let options = SourceOptions { format: Some(format), compression: Some(Compression::None), ..Default::default() };
    let name =
        if format == SourceFormat::Ndjson && bytes.starts_with(b"{\"source\"") { "x.rejects.ndjson" } else { "x" };
    let whole = drain(name, cursor(bytes), &options);
    assert_eq!(whole, drain(name, Box::new(Trickle(Cursor::new(bytes.to_vec()))), &options), "in pieces it is another");
    let Some(seen) = whole else { return };
    match format {
        SourceFormat::Ndjson if name == "x" => lines_are_judged_as_by_serde(bytes, &seen),
        SourceFormat::JsonArray => array_is_judged_as_by_serde(bytes, &seen),
        _ => {}
    }
    for format in [SourceFormat::Csv, SourceFormat::Ndjson, SourceFormat::JsonArray] {
        writes_what_it_read(format, &seen);
    }
}

/// What was read, written and read again, is the same.
fn writes_what_it_read(format: SourceFormat, seen: &Seen) {
    let csv = format == SourceFormat::Csv;
    let unfit = |name: &String| name.trim().is_empty() || name.contains('\0');
    if seen.names.is_empty() || seen.rows.is_empty() || (csv && seen.names.iter().any(unfit)) {
        return;
    }
    let mut wanted = Vec::new();
    let mut writer = RecordWriter::begin(Vec::new(), format, Compression::None, &seen.names).expect("memory");
    for row in &seen.rows {
        let values: Option<Vec<Value>> = row.iter().map(Cell::value).collect();
        let Some(values) = values.filter(|values| values.len() == seen.names.len()) else { continue };
        writer.write(&values).expect("memory");
        wanted.push(values);
    }
    let (bytes, _) = writer.finish().expect("memory");
    let options = SourceOptions { format: Some(format), ..SourceOptions::default() };
    let again = drain("-", cursor(&bytes), &options);
    let again = again.unwrap_or_else(|| panic!("what was written as {format} is refused: {}", shown(&bytes)));
    assert_eq!(again.errors, [], "{format}: {}", shown(&bytes));
    if !wanted.is_empty() {
        assert_eq!(again.names, seen.names, "{format}");
    }
    assert_eq!(again.rows.len(), wanted.len(), "{format}: {}", shown(&bytes));
    for (found, wanted) in again.rows.iter().zip(&wanted) {
        let found: Vec<Value> = found.iter().filter_map(Cell::value).collect();
        let text = |values: &[Value]| values.iter().map(Value::to_text).collect::<Vec<_>>();
        let same = if csv { text(&found) == text(wanted) } else { found == flat(wanted) };
        assert!(same, "{format}: {wanted:?} became {found:?}");
    }
}

/// Line ends between the parts of a document are written as blanks.
fn flat(values: &[Value]) -> Vec<Value> {
    let flat = |value: &Value| match value {
        Value::Json(text) => Value::Json(text.replace(['\n', '\r'], " ")),
        other => other.clone(),
    };
    values.iter().map(flat).collect()
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(400).collect()
}

/// Whether serde_json takes a text, nesting beyond its own bound apart.
fn serde_takes(text: &str) -> bool {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => true,
        Err(error) => error.to_string().contains("recursion limit"),
    }
}

fn lines_are_judged_as_by_serde(bytes: &[u8], seen: &Seen) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines: Vec<&[u8]> =
        lines.filter(|line| !line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))).collect();
    assert_eq!(lines.len(), seen.rows.len() + seen.errors.len(), "each line is one record");
    for (place, line) in (0_u64..).zip(&lines) {
        let refused = seen.errors.iter().find(|error| error.ordinal == place);
        let text = std::str::from_utf8(line);
        match (refused, text) {
            (None, text) => assert!(text.is_ok_and(serde_takes), "it is no JSON: {}", shown(line)),
            (Some(error), Ok(text)) if !OWN.contains(&error.code) => {
                let taken = serde_json::from_str::<serde_json::Value>(text);
                assert!(taken.is_err(), "it is JSON, and was refused: {error}: {text}");
            }
            _ => {}
        }
    }
}

fn array_is_judged_as_by_serde(bytes: &[u8], seen: &Seen) {
    let Ok(text) = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)) else { return };
    if seen.errors.is_empty() {
        assert!(serde_takes(text), "it is no JSON: {}", shown(bytes));
    }
    if let Ok(elements) = serde_json::from_str::<Vec<serde_json::Value>>(text) {
        let strange = seen.errors.iter().find(|error| !OWN.contains(&error.code));
        assert!(strange.is_none(), "it is JSON, and was refused: {strange:?}");
        assert_eq!(elements.len(), seen.rows.len() + seen.errors.len(), "each element is one record");
        let objects = elements.iter().filter(|element| element.is_object()).count();
        assert!(seen.rows.len() <= objects);
    }
}

/// Small bounds, or most of the time would go into bombs.
const LIMITS: Limits = Limits { record: 1 << 16, fields: 64, depth: 16, inflate_free: 1 << 18, inflate_ratio: 8 };

/// A compressed source: either these very bytes, or text that is compressed here and then damaged as the first four
/// bytes say. Damage is told, or it changes nothing.
pub fn compressed(compression: Compression, bytes: &[u8]) {
    let name = if compression == Compression::Gzip { "x.csv.gz" } else { "x.csv.zst" };
    let options = SourceOptions { limits: LIMITS, ..SourceOptions::default() };
    if Compression::of_content(bytes) == compression {
        let found = drain(name, cursor(bytes), &options);
        let pieces = drain(name, Box::new(Trickle(Cursor::new(bytes.to_vec()))), &options);
        // How much comes out before damage or a bomb is found depends on the pieces; that it is told does not.
        let told = |seen: &Option<Seen>| seen.as_ref().is_none_or(|seen| !seen.whole());
        assert_eq!(told(&found), told(&pieces), "only one of the two tells the damage");
        assert!(told(&found) || found == pieces, "in pieces it is another");
        match unpacked(compression, bytes) {
            None => assert!(found.is_none_or(|seen| !seen.whole()), "damage was not told"),
            Some(text) if text.len() < 1 << 18 => assert_eq!(found, text_of(&text, &options)),
            Some(_) => {}
        }
        return;
    }
    let [members, damage, high, low, text @ ..] = bytes else { return };
    let middle = if members % 2 == 0 { text.len() } else { text.len() / 2 };
    let (first, second) = text.split_at(middle);
    let first = packed(compression, first);
    let border = first.len();
    let mut stored = first;
    if members % 2 == 1 {
        stored.extend(packed(compression, second));
    }
    let at = usize::from(u16::from_be_bytes([*high, *low])) % stored.len();
    match damage % 8 {
        0 => {}
        1 if at != border => stored.truncate(at),
        1 => return,
        2 => stored.insert(at, *members),
        _ => {
            if let Some(byte) = stored.get_mut(at) {
                *byte ^= 1 << (members / 2 % 8);
            }
        }
    }
    let found = drain(name, cursor(&stored), &options);
    let right = text_of(text, &options);
    if damage % 8 == 0 {
        assert_eq!(found, right);
    }
    let told = found.as_ref().is_none_or(|seen| !seen.whole());
    assert!(told || found == right, "damage changed the rows without a word");
}

/// What the text is without a compression.
fn text_of(text: &[u8], options: &SourceOptions) -> Option<Seen> {
    drain("x.csv", cursor(text), options)
}

/// The whole of it, up to two megabytes; `None` if it is damaged.
fn unpacked(compression: Compression, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut input: Box<dyn Read> = match compression {
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        _ => {
            let mut decoder = zstd::Decoder::new(bytes).ok()?;
            decoder.window_log_max(27).ok()?;
            Box::new(decoder)
        }
    };
    input.by_ref().take(2 << 20).read_to_end(&mut text).ok()?;
    Some(text)
}

fn packed(compression: Compression, text: &[u8]) -> Vec<u8> {
    if compression == Compression::Gzip {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("memory");
        return encoder.finish().expect("memory");
    }
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("a level");
    encoder.include_checksum(true).expect("a flag");
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}
