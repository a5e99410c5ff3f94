//! Three hundred JSON texts, accepted or refused as RFC 8259 says, and each refused one costs its own line alone.
//!
//! A valid text is put together from valid pieces; an invalid one is a valid text in which one piece is none of JSON's.
//! So what a text is, is known before anybody reads it; Python is asked once more.

use std::io::Cursor;
use std::process::Command;

use fixtool::formats::{Record, Source, SourceFormat, SourceOptions};

use crate::support::{Site, on_both_engines, words};

const MODEL: &str = "tables:
  docs:
    columns:
      id: {type: int, required: true}
      j: {type: json}
    primary_key: [id]
";

/// What RFC 8259 says of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Valid,
    Invalid,
    /// Valid, and one of those for which the RFC lets a reader have limits; no database takes it.
    Limited,
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

const NUMBERS: [&str; 18] = [
    "0",
    "-0",
    "7",
    "-1",
    "10",
    "1.5",
    "-0.0",
    "1e5",
    "1E+5",
    "1e-5",
    "0e0",
    "0.1e1",
    "0E-0",
    "5e-324",
    "1e308",
    "1e400",
    "123456789012345678901234567890",
    "1.00000000000000000001",
];
const PIECES: [&str; 26] = [
    "a",
    "é",
    "😀",
    " ",
    "'",
    "/",
    "{",
    "]",
    ",",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{ffff}",
    "\\\"",
    "\\\\",
    "\\/",
    "\\b",
    "\\f",
    "\\n",
    "\\r",
    "\\t",
    "\\u00e9",
    "\\uD83D\\uDE00",
    "\\u001f",
    "\\uFFFF",
];
const SPACES: [&str; 6] = ["", "", "", " ", "\t", " \r "];
/// None of these is a value, wherever one may stand.
const BAD: [&[u8]; 92] = [
    b"",
    b"01",
    b"-01",
    b"1.",
    b"-",
    b"+1",
    b".5",
    b"-.5",
    b"1e",
    b"1e+",
    b"1.e1",
    b"1e1.5",
    b"0x10",
    b"1_0",
    b"--1",
    b"1.2.3",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"nul",
    b"nulll",
    b"True",
    b"FALSE",
    b"tru e",
    b"undefined",
    b"'x'",
    b"`x`",
    b"\"\\x41\"",
    b"\"\\u12\"",
    b"\"\\u12G4\"",
    b"\"\\U0041\"",
    b"\"\\u{41}\"",
    b"\"\\'\"",
    b"\"\\ \"",
    b"\"\\0\"",
    b"\"\x01\"",
    b"\"a\tb\"",
    b"\"\x1f\"",
    b"\"a\x00b\"",
    b"\"a\\\"",
    b"\"abc",
    b"abc\"",
    b"\"a\" \"b\"",
    b"\"a\"\"b\"",
    b"\"a\"b",
    b"\"x \"y\" z\"",
    b"[1,]",
    b"[,1]",
    b"[1,,2]",
    b"[1 2]",
    b"[1;2]",
    b"[1:2]",
    b"[1",
    b"1]",
    b"[1]]",
    b"[[1]",
    b"[}",
    b"{]",
    b"{",
    b"[",
    b"}",
    b"]",
    b"{\"a\":1,}",
    b"{,}",
    b"{\"a\"}",
    b"{\"a\":}",
    b"{:1}",
    b"{a:1}",
    b"{1:2}",
    b"{null:1}",
    b"{'a':1}",
    b"{\"a\" 1}",
    b"{\"a\"::1}",
    b"{\"a\":1 \"b\":2}",
    b"{\"a\":1;\"b\":2}",
    b"{\"a\":1,,\"b\":2}",
    b"{\"a\":[1}",
    b"{}}",
    b"// x",
    b"/* */ 1",
    b"1 // x",
    b"1 /* \" */",
    b"# 1",
    b"1 2",
    b"\\u0031",
    b"\xef\xbb\xbf1",
    b"\xc2\xa01",
    b"\x0b1",
    b"\x0c1",
    b"\xef\xbc\x91",
    b"\xe2\x80\xa81",
    b"@",
];
/// Texts whose bytes are no UTF-8.
const NOT_UTF8: [&[u8]; 6] =
    [b"\"\xff\"", b"\"\xc0\xaf\"", b"\"\xed\xa0\x80\"", b"\"\xf4\x90\x80\x80\"", b"\"\xe2\x82\"", b"\"\xa0\""];
const LIMITED: [&str; 6] = [
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"\\u0061\":2}",
    "[\"\\uD83Dx\"]",
];

fn value(dice: &mut Dice, depth: usize) -> String {
    let space = dice.one(&SPACES);
    let kind = dice.roll(if depth == 0 { 3 } else { 5 });
    let text = match kind {
        0 => dice.one(&["null", "true", "false"]).to_owned(),
        1 => dice.one(&NUMBERS).to_owned(),
        2 => string(dice),
        _ => {
            let items: Vec<String> = (0..dice.roll(4)).map(|at| member(dice, (kind == 3, at), depth - 1)).collect();
            let (open, close) = if kind == 3 { ("{", "}") } else { ("[", "]") };
            format!("{open}{}{}{close}", items.join(","), dice.one(&SPACES))
        }
    };
    format!("{space}{text}{}", dice.one(&SPACES))
}

fn member(dice: &mut Dice, (keyed, at): (bool, usize), depth: usize) -> String {
    let key = if keyed { format!("{}\"{at}k\"{}:", dice.one(&SPACES), dice.one(&SPACES)) } else { String::new() };
    format!("{key}{}", value(dice, depth))
}

fn string(dice: &mut Dice) -> String {
    let pieces: String = (0..dice.roll(6)).map(|_| dice.one(&PIECES)).collect();
    format!("\"{pieces}\"")
}

/// The piece inside a value that is right but for it.
fn around(dice: &mut Dice, piece: &[u8], depth: usize) -> Vec<u8> {
    if depth == 0 {
        return piece.to_vec();
    }
    let inner = around(dice, piece, depth - 1);
    let (before, after) = match dice.roll(4) {
        // An array of nothing would be right, so it has something beside.
        0 => (format!("[{},", value(dice, 1)), "]".to_owned()),
        1 => ("[".to_owned(), format!(",{}]", value(dice, 1))),
        2 => (format!("{{\"k\":{},\"l\":", value(dice, 1)), "}".to_owned()),
        _ => ("{\"k\":".to_owned(), format!(",\"l\":{}}}", value(dice, 1))),
    };
    [before.as_bytes(), &inner, after.as_bytes()].concat()
}

/// Lines of NDJSON: an object of a number and a text each.
fn lines() -> Vec<(Verdict, Vec<u8>)> {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut texts: Vec<(Verdict, Vec<u8>)> = Vec::new();
    for _ in 0..150 {
        texts.push((Verdict::Valid, value(&mut dice, 4).into_bytes()));
    }
    texts.push((Verdict::Valid, format!("{}{}", "[".repeat(127), "]".repeat(127)).into_bytes()));
    for piece in BAD.iter().chain(&NOT_UTF8).chain(&BAD[..60]) {
        let depth = dice.roll(4);
        texts.push((Verdict::Invalid, around(&mut dice, piece, depth)));
    }
    for piece in LIMITED {
        texts.push((Verdict::Limited, piece.as_bytes().to_vec()));
    }
    texts.push((Verdict::Limited, format!("{}{}", "[".repeat(500), "]".repeat(500)).into_bytes()));
    // Each way of being wrong stands beside what is right and beside other ways.
    for at in (1..texts.len()).rev() {
        texts.swap(at, dice.roll(at + 1));
    }
    let mut lines: Vec<(Verdict, Vec<u8>)> = Vec::new();
    for (verdict, text) in texts {
        let id = lines.len();
        let (before, after) = match dice.roll(3) {
            0 => (format!("{{\"id\":{id},\"j\":"), "}".to_owned()),
            1 => ("{\"j\":".to_owned(), format!(",\"id\":{id}}}")),
            _ => (format!(" {{ \"\\u0069d\" : {id} ,\t\"j\" :"), " } ".to_owned()),
        };
        lines.push((verdict, [before.as_bytes(), &text, after.as_bytes()].concat()));
    }
    for (before, after) in [
        ("", ""),
        ("", "}}"),
        ("", "},"),
        ("{", "}"),
        ("\u{feff}", "}"),
        ("", "} {}"),
        ("", "}//"),
        (",", "}"),
        ("\u{c}", "}"),
    ] {
        let id = lines.len();
        lines.push((Verdict::Invalid, format!("{before}{{\"id\":{id},\"j\":[{id}]{after}").into_bytes()));
        lines.push((Verdict::Valid, format!("{{\"id\":{}}}", id + 1).into_bytes()));
    }
    assert!(lines.len() > 300);
    lines
}

fn joined(lines: &[(Verdict, Vec<u8>)]) -> Vec<u8> {
    lines.iter().flat_map(|(_, line)| line.iter().copied().chain([b'\n'])).collect()
}

fn a_refused_text_costs_its_own_line_alone(site: &Site) {
    words::init_with(site, "acme", MODEL);
    let lines = lines();
    site.write("docs.ndjson", joined(&lines));
    site.line("fixtool data load docs.ndjson -t acme --on-error reject --rejects bad --yes").code(3);
    let (valid, refused): (Vec<usize>, Vec<usize>) = (0..lines.len()).partition(|at| lines[*at].0 == Verdict::Valid);
    let loaded: Vec<usize> =
        site.query("acme", "SELECT id FROM docs ORDER BY id").iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(loaded, valid);
    let rejects = site.read("bad/docs.rejects.ndjson");
    let entries = rejects.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut places: Vec<usize> =
        entries.map(|entry| usize::try_from(entry["line"].as_u64().unwrap()).unwrap() - 1).collect();
    places.sort_unstable();
    assert_eq!(places, refused);
}

#[test]
fn every_text_is_accepted_or_refused_as_the_rfc_says() {
    for (verdict, line) in lines() {
        let shown = String::from_utf8_lossy(&line).into_owned();
        let text = [b"[".as_slice(), &line, b"]"].concat();
        let options = SourceOptions { format: Some(SourceFormat::JsonArray), ..SourceOptions::default() };
        let mut source = Source::from_read("-", Box::new(Cursor::new(text)), &options).unwrap();
        let mut record = Record::default();
        let read = source.reader.next(&mut record);
        // Two values and a comma too many are right inside an array, or are found behind the first value.
        let right = matches!(read, Ok(true)) && matches!(source.reader.next(&mut record), Ok(false));
        assert_eq!(right, verdict == Verdict::Valid, "{shown}: {read:?}");
    }
}

#[test]
fn another_reader_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (path, lines) = (folder.path().join("lines"), lines());
    std::fs::write(&path, joined(&lines)).unwrap();
    let script = "import json, sys
def no(word): raise ValueError(word)
for line in open(sys.argv[1], 'rb').read().split(b'\\n')[:-1]:
    try:
        json.loads(line.decode('utf-8'), parse_constant=no)
        print('Valid')
    except ValueError:
        print('Invalid')";
    let said = Command::new("python3").args(["-c", script]).arg(&path).output().expect("python3");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    for ((verdict, line), said) in lines.iter().zip(String::from_utf8(said.stdout).unwrap().lines()) {
        let expected = if *verdict == Verdict::Limited { "Valid" } else { &format!("{verdict:?}") };
        assert_eq!(said, expected, "{}", String::from_utf8_lossy(line));
    }
}

on_both_engines!(a_refused_text_costs_its_own_line_alone);
