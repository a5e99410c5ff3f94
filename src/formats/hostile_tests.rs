//! Sources that mean harm: whatever the bytes are, no reader panics, hangs or grows without bound.

use std::fmt::Write as _;
use std::io::{Cursor, Read};

use proptest::prelude::*;

use super::{Compression, Limits, Record, RecordError, Source, SourceError, SourceFormat, SourceOptions};

const FORMATS: [SourceFormat; 5] =
    [SourceFormat::Csv, SourceFormat::Tsv, SourceFormat::JsonArray, SourceFormat::Ndjson, SourceFormat::Yaml];

/// Reads to the end; the number of good records, and all errors.
pub(super) fn drain(
    name: &str,
    input: Box<dyn Read + Send>,
    options: &SourceOptions,
) -> Result<(u64, Vec<RecordError>), SourceError> {
    let mut source = Source::from_read(name, input, options)?;
    let mut record = Record::default();
    let (mut good, mut errors) = (0, Vec::new());
    let (mut last, mut line) = (None, 0);
    loop {
        let (ordinal, at) = match source.reader.next(&mut record) {
            Ok(false) => return Ok((good, errors)),
            Ok(true) => {
                good += 1;
                for field in 0..=record.len() {
                    let _ = (record.get(field), record.position(field));
                }
                (record.ordinal, record.line)
            }
            Err(e) => {
                // A fault may stand lines after the place where reading goes on.
                let place = (e.ordinal, line);
                let fatal = !e.recoverable;
                errors.push(*e);
                if fatal {
                    let told: Vec<_> = (0..2).map(|_| source.reader.next(&mut record).unwrap_err()).collect();
                    assert!(told.iter().all(|again| Some(&**again) == errors.last()), "{told:?}");
                    return Ok((good, errors));
                }
                place
            }
        };
        assert!(last.is_none_or(|last| ordinal == last + 1), "ordinals are not contiguous");
        assert!(at >= line, "lines go backwards");
        (last, line) = (Some(ordinal), at);
    }
}

pub(super) fn cursor(bytes: impl Into<Vec<u8>>) -> Box<dyn Read + Send> {
    Box::new(Cursor::new(bytes.into()))
}

pub(super) fn of(format: SourceFormat) -> SourceOptions {
    SourceOptions { format: Some(format), ..SourceOptions::default() }
}

/// Gives its bytes in small pieces, as a pipe does.
struct Trickle(Cursor<Vec<u8>>, usize);

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = into.len().min(self.1);
        self.0.read(&mut into[..most])
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 1..300), format in 0..5_usize) {
        let _ = drain("-", cursor(bytes), &of(FORMATS[format]));
    }

    #[test]
    fn almost_right_text_never_panics(
        text in "([ab0-9é,;\"'\\t\\n\\r\\\\{}\\[\\]:\u{0} -]|---\n|- |null|\\\\u0000|\"\"){1,120}",
        format in 0..5_usize,
    ) {
        let whole = drain("-", cursor(text.clone()), &of(FORMATS[format]));
        let pieces = drain("-", Box::new(Trickle(Cursor::new(text.into()), 3)), &of(FORMATS[format]));
        prop_assert_eq!(whole.map_err(|e| e.to_string()).ok(), pieces.map_err(|e| e.to_string()).ok());
    }

    #[test]
    fn damaged_compressed_bytes_never_panic(at in 0..400_usize, byte in any::<u8>(), gzip in any::<bool>()) {
        let text = "id,name\n1,Ada\n".repeat(50);
        let mut stored = if gzip { gzipped(text.as_bytes()) } else { zstd::encode_all(text.as_bytes(), 3).unwrap() };
        let at = at % stored.len();
        stored[at] ^= byte;
        let _ = drain("x.csv", cursor(stored), &SourceOptions { compression: None, ..of(SourceFormat::Csv) });
    }
}

pub(super) fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn several_members_and_frames_are_read_whole() {
    let (one, two) = (b"id\n1\n".as_slice(), b"2\n3\n".as_slice());
    let gzip = [gzipped(one), gzipped(two)].concat();
    assert_eq!(drain("x.csv.gz", cursor(gzip), &SourceOptions::default()).unwrap().0, 3);
    let zstd = [zstd::encode_all(one, 3).unwrap(), zstd::encode_all(two, 3).unwrap()].concat();
    assert_eq!(drain("x.csv.zst", cursor(zstd.clone()), &SourceOptions::default()).unwrap().0, 3);
    // Without a name that tells, the first bytes do.
    assert_eq!(drain("-", cursor(zstd), &of(SourceFormat::Csv)).unwrap().0, 3);
}

#[test]
fn a_name_that_contradicts_the_content_is_refused() {
    let gzip = gzipped(b"id\n1\n");
    for (name, bytes, expected, found) in [
        ("x.csv", gzip.clone(), Compression::None, Compression::Gzip),
        ("x.csv.zst", gzip, Compression::Zstd, Compression::Gzip),
        ("x.csv.gz", b"id\n1\n".to_vec(), Compression::Gzip, Compression::None),
        ("x.csv", zstd::encode_all(b"id\n".as_slice(), 3).unwrap(), Compression::None, Compression::Zstd),
    ] {
        match drain(name, cursor(bytes), &SourceOptions::default()) {
            Err(SourceError::NotCompressed { expected: e, found: f, .. }) => assert_eq!((e, f), (expected, found)),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(matches!(drain("x.txt", cursor("a"), &SourceOptions::default()), Err(SourceError::UnknownFormat { .. })));
    assert!(matches!(drain("x.csv.gz", cursor(""), &SourceOptions::default()), Err(SourceError::Empty { .. })));
}

#[test]
fn truncated_data_names_the_byte() {
    let mut text = String::from("id,name\n");
    for i in 0..50_000 {
        writeln!(text, "{i},{}", i * 7919 % 10_007).unwrap();
    }
    for (name, stored) in
        [("x.csv.gz", gzipped(text.as_bytes())), ("x.csv.zst", zstd::encode_all(text.as_bytes(), 3).unwrap())]
    {
        let half = stored.len() / 2;
        let (good, errors) = drain(name, cursor(&stored[..half]), &SourceOptions::default()).unwrap();
        assert!(good > 1000, "{name}: what came before the damage is read");
        let error = errors.last().unwrap();
        assert_eq!((error.code, error.recoverable), ("damaged", false), "{name}");
        assert!(error.reason.contains(&format!("at byte {half} ")), "{name}: {}", error.reason);
        assert!(error.line > 1000, "{name}: line {}", error.line);
    }
}

#[test]
fn a_bomb_is_stopped() {
    let limits = Limits { inflate_free: 1 << 20, inflate_ratio: 100, ..Limits::default() };
    let options = SourceOptions { limits, ..SourceOptions::default() };
    let mut text = b"id\n".to_vec();
    text.extend(b"1\n".repeat(20 << 20));
    for (name, stored) in [("x.csv.gz", gzipped(&text)), ("x.csv.zst", zstd::encode_all(text.as_slice(), 3).unwrap())] {
        let (good, errors) = drain(name, cursor(stored), &options).unwrap();
        assert!(good < 8 << 20, "{name}: {good} records came through");
        assert_eq!(errors.last().unwrap().code, "inflated", "{name}");
    }
}

/// Gives the same bytes for ever and counts nothing: a line of 100 MB without 100 MB of memory.
struct Endless(u64);

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = usize::try_from(self.0).unwrap_or(usize::MAX).min(into.len());
        into[..count].fill(b'x');
        self.0 -= count as u64;
        Ok(count)
    }
}

#[test]
fn a_line_of_100_mb_is_refused_in_every_format() {
    for (format, before, after) in [
        (SourceFormat::Csv, "id\n", "\n7\n"),
        (SourceFormat::Csv, "id\n\"", "\"\n7\n"),
        (SourceFormat::Tsv, "id\n", "\n7\n"),
        (SourceFormat::Ndjson, "{\"id\":\"", "\"}\n{\"id\":7}\n"),
        (SourceFormat::JsonArray, "[{\"id\":\"", "\"},{\"id\":7}]"),
        (SourceFormat::Yaml, "- id: ", "\n- id: 7\n"),
    ] {
        let input = Cursor::new(before).chain(Endless(100 << 20)).chain(Cursor::new(after));
        let (good, errors) = drain("-", Box::new(input), &of(format)).unwrap();
        assert_eq!(errors.first().map(|e| e.code), Some("too_long"), "{format}");
        assert!(errors.iter().all(|e| e.raw.len() <= 64 * 1024), "{format}");
        // In an open quote of that length no line end is certain.
        let certain = errors.iter().all(|e| e.recoverable);
        assert_eq!(
            (good, certain),
            if before.ends_with('"') && format == SourceFormat::Csv { (0, false) } else { (1, true) }
        );
    }
}

#[test]
fn many_names_and_deep_values_end_in_errors() {
    let header = (0..10_000).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
    assert!(matches!(drain("-", cursor(header), &of(SourceFormat::Csv)), Err(SourceError::Header { .. })));
    for format in [SourceFormat::Ndjson, SourceFormat::Yaml] {
        let nested = format!("{{\"a\":{}1{}}}\n", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        let text = if format == SourceFormat::Yaml { format!("- {nested}") } else { nested };
        let (good, errors) = drain("-", cursor(text), &of(format)).unwrap();
        assert_eq!((good, errors.len()), (0, 1), "{format}");
    }
    let bomb = "- a: &a [x,x,x,x,x,x,x,x,x]\n  b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n  c: [*b,*b,*b,*b,*b,*b,*b]\n";
    let (good, errors) = drain("-", cursor(bomb), &of(SourceFormat::Yaml)).unwrap();
    assert_eq!((good, errors[0].code), (0, "invalid_yaml"));
}
