//! The files: each with what must come of it.

use std::fmt::Write as _;
use std::io::Write as _;

/// What must come of a file.
#[derive(Debug, Clone)]
pub enum Expect {
    /// All is well: this many rows.
    Loaded(u64),
    /// Records of these lines are set aside, this many rows are written.
    Rejected(&'static [u64], u64),
    /// The source as a whole is refused, nothing is written, and the error says this, in lower case.
    Refused(&'static [&'static str]),
}

/// One hostile file.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is.
    pub name: &'static str,
    /// Under which name it lies.
    pub file: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// What must come of it.
    pub expect: Expect,
    table: &'static str,
}

impl Case {
    /// The table that it is loaded into.
    pub fn table(&self) -> &'static str {
        self.table
    }
}

use Expect::{Loaded, Refused, Rejected};

const HEADER: &str = "id,email,name,role,preferences,is_active\n";
const ADA: &str = "00000000-0000-4000-8000-00000000000a,ada@example.com,Ada,user,,true\n";
const BOB: &str = "00000000-0000-4000-8000-00000000000b,bob@example.com,Bob,user,,true\n";

fn case(name: &'static str, file: &'static str, bytes: impl Into<Vec<u8>>, expect: Expect) -> Case {
    Case { name, file, bytes: bytes.into(), expect, table: "users" }
}

/// A CSV of Ada, these lines, and Bob.
fn between(name: &'static str, lines: impl AsRef<[u8]>, expect: Expect) -> Case {
    case(name, "between.csv", [HEADER.as_bytes(), ADA.as_bytes(), lines.as_ref(), BOB.as_bytes()].concat(), expect)
}

/// A CSV of Ada, one person with one field replaced, and Bob.
fn field(name: &'static str, column: usize, value: impl AsRef<[u8]>, expect: Expect) -> Case {
    let eve = ["00000000-0000-4000-8000-00000000000e", "eve@example.com", "Eve", "user", "", "true"];
    let mut fields: Vec<Vec<u8>> = eve.iter().map(|field| field.as_bytes().to_vec()).collect();
    fields[column] = value.as_ref().to_vec();
    between(name, [fields.join(&b","[..]), b"\n".to_vec()].concat(), expect)
}

/// One person as NDJSON, with one more member.
fn person(member: &str) -> String {
    format!("{{\"email\": \"eve@example.com\", \"name\": \"Eve\"{member}}}\n")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("gzip into memory")
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("zstd into memory")
}

/// All of them.
pub fn all() -> Vec<Case> {
    [encoding(), csv_shape(), values(), json(), yaml(), compression(), numbers()].concat()
}

fn encoding() -> Vec<Case> {
    let plain = format!("{HEADER}{ADA}{BOB}");
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        case("a byte-order mark", "bom.csv", format!("\u{feff}{plain}"), Loaded(2)),
        case("a byte-order mark in JSON", "bom.ndjson", format!("\u{feff}{}", person("")), Loaded(1)),
        case("Windows line ends", "crlf.csv", plain.replace('\n', "\r\n"), Loaded(2)),
        case("no line end at the end", "open.csv", plain.trim_end(), Loaded(2)),
        case("UTF-16", "utf16.csv", [vec![0xff, 0xfe], utf16].concat(), Refused(&["utf-"])),
        field("bytes that are no UTF-8", 2, b"E\xffe", Rejected(&[3], 2)),
        field("an overlong encoding", 2, b"E\xc0\xaf", Rejected(&[3], 2)),
        field("a surrogate in UTF-8", 2, b"E\xed\xa0\x80", Rejected(&[3], 2)),
        field("a NUL", 2, b"E\0ve", Rejected(&[3], 2)),
        field("a NUL in a quoted field", 2, b"\"E\0ve\"", Refused(&["line 3"])),
        field("escape codes in a bad value", 3, b"\x1b[2J\x1b]0;owned\x07", Rejected(&[3], 2)),
        field("letters that run right to left", 2, "\u{202e}evE\u{202c}", Loaded(3)),
        field("an emoji of seven code points", 2, "👨‍👩‍👧‍👦", Loaded(3)),
        case("an empty file", "empty.csv", "", Refused(&["empty"])),
        case("an empty file of JSON", "empty.json", "", Refused(&["empty"])),
        case("a file of zeros", "zeros.csv", vec![0; 4_096], Refused(&[])),
        case("a picture", "picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0".to_vec(), Refused(&[])),
    ]
}

fn csv_shape() -> Vec<Case> {
    let long = [b"x".repeat(100_000_000), b"\n".to_vec()].concat();
    let columns: Vec<String> = (0..20_000).map(|number| format!("c{number}")).collect();
    vec![
        case("a header only", "header.csv", HEADER, Loaded(0)),
        case("an unknown column", "unknown.csv", "email,name,shoe_size\na@b.example,A,43\n", Refused(&["shoe_size"])),
        case(
            "SQL as a column",
            "column.csv",
            "email,\"name\"\"; DROP TABLE users;--\"\na,b\n",
            Refused(&["drop table"]),
        ),
        case("a required column is missing", "missing.csv", "email\na@b.example\n", Refused(&["name"])),
        case("a column named twice", "twice.csv", "email,name,name\na@b.example,A,B\n", Refused(&["name"])),
        case("twenty thousand columns", "wide.csv", format!("{}\n", columns.join(",")), Refused(&[])),
        case("a column without a name", "nameless.csv", "email,name,\na@b.example,A,B\n", Refused(&[])),
        between("too few fields", "x,eve@example.com\n", Rejected(&[3], 2)),
        between("too many fields", ",eve@example.com,Eve,user,,true,more,and more\n", Rejected(&[3], 2)),
        between("a quote inside a field", ",eve@example.com,E\"ve,user,,true\n", Refused(&["line 3"])),
        between("text behind a closing quote", ",eve@example.com,\"Eve\"x,user,,true\n", Refused(&["line 3"])),
        between("a quote that never closes", ",eve@example.com,\"Eve,user,,true\n", Refused(&["line 3"])),
        between("a line of 100 MB", long, Rejected(&[3], 2)),
        between("a line break in quotes", ",eve@example.com,\"E\n\nve\",user,,true\nx\n", Rejected(&[3, 6], 2)),
        between("an empty line", "\n", Loaded(2)),
        between("a lone carriage return", ",eve@example.com,E\rve,user,,true\n", Rejected(&[3], 2)),
    ]
}

fn values() -> Vec<Case> {
    vec![
        field("SQL as a value", 2, "'); DROP TABLE users; --", Loaded(3)),
        field("a formula", 2, "=HYPERLINK(\"\"http://x\"\")".replace("\"\"", "'"), Loaded(3)),
        field("backslashes as COPY knows them", 2, "\\N\\.\\t\\x00", Loaded(3)),
        between("the end mark of COPY", "\\.\n", Rejected(&[3], 2)),
        field("no uuid", 0, "12345", Rejected(&[3], 2)),
        field("an id that the file has already", 0, &ADA[..36], Rejected(&[3], 2)),
        field("an address that the file has already", 1, "ada@example.com", Rejected(&[3], 2)),
        field("no address", 1, "eve.example.com", Rejected(&[3], 2)),
        field("an address that is too long", 1, format!("{}@example.com", "e".repeat(300)), Rejected(&[3], 2)),
        field("an empty field that must not be", 2, "", Rejected(&[3], 2)),
        field("a role that nobody has", 3, "emperor", Rejected(&[3], 2)),
        field("JSON that is none", 4, "{oops", Rejected(&[3], 2)),
        field("JSON with a NUL", 4, "\"{\"\"a\"\": \"\"\\u0000\"\"}\"", Rejected(&[3], 2)),
        field("JSON with half a surrogate", 4, "\"{\"\"a\"\": \"\"\\ud800\"\"}\"", Rejected(&[3], 2)),
        field("JSON nested 10,000 deep", 4, "[".repeat(10_000) + &"]".repeat(10_000), Rejected(&[3], 2)),
        field("maybe", 5, "maybe", Rejected(&[3], 2)),
        case(
            "a day that no calendar has",
            "day.csv",
            "email,name,created_at\na@b.example,A,2026-02-30T00:00:00Z\n",
            Rejected(&[2], 0),
        ),
        case(
            "a year past the calendar's end",
            "year.csv",
            "email,name,created_at\na@b.example,A,299999-01-01T00:00:00Z\nb@b.example,B,99999-01-01T00:00:00Z\n",
            Rejected(&[2], 1),
        ),
    ]
}

fn json() -> Vec<Case> {
    let deep = format!(", \"preferences\": {}{}", "[".repeat(10_000), "]".repeat(10_000));
    let good = person("");
    vec![
        case("a member twice", "twice.ndjson", person(", \"name\": \"Mallory\""), Rejected(&[1], 0)),
        case("an unknown member", "unknown.ndjson", person(", \"shoe_size\": 43"), Rejected(&[1], 0)),
        case("10,000 brackets", "deep.ndjson", person(&deep), Rejected(&[1], 0)),
        case("half a surrogate", "half.ndjson", person(", \"spotify_user_id\": \"\\ud800\""), Rejected(&[1], 0)),
        case("an escaped NUL", "nul.ndjson", person(", \"spotify_user_id\": \"\\u0000\""), Rejected(&[1], 0)),
        case("a list in a line", "list.ndjson", format!("[1, 2]\n{good}"), Rejected(&[1], 1)),
        case("a broken line", "broken.ndjson", format!("{{\"email\": \n{good}"), Rejected(&[1], 1)),
        case("comments", "comment.ndjson", format!("// hello\n{good}"), Rejected(&[1], 1)),
        case(
            "a number for a name",
            "number.ndjson",
            "{\"email\": \"e@example.com\", \"name\": 7}\n",
            Rejected(&[1], 0),
        ),
        case("an array that ends early", "cut.json", format!("[{good},\n{{\"email\": \"x"), Refused(&["line"])),
        case("text behind the array", "behind.json", format!("[{good}] x"), Refused(&["line"])),
        case("one string", "string.json", "\"hello\"", Refused(&[])),
        case("brackets without an end", "brackets.json", "[".repeat(1_000_000), Refused(&[])),
    ]
}

fn yaml() -> Vec<Case> {
    let mut laughs = String::from("- &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n");
    for level in 1..12 {
        let again = vec![format!("*a{}", level - 1); 9].join(", ");
        let _ = writeln!(laughs, "- &a{level} [{again}]");
    }
    vec![
        case("a billion laughs", "laughs.yaml", laughs, Rejected(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0)),
        case(
            "a tag that makes objects",
            "tag.yaml",
            "- !!python/object:os.system {email: a, name: b}\n",
            Rejected(&[1], 0),
        ),
        case("tabs", "tabs.yaml", "- email: a@b.example\n\tname: A\n", Rejected(&[1], 0)),
    ]
}

fn compression() -> Vec<Case> {
    let plain = format!("{HEADER}{ADA}{BOB}");
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 12].to_vec();
    let mut flipped = gzip(plain.as_bytes());
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    vec![
        case("text that claims to be gzip", "wrong.csv.gz", plain.clone(), Refused(&["gz"])),
        case("text that claims to be zstd", "wrong.csv.zst", plain.clone(), Refused(&["zst"])),
        case("gzip cut short", "cut.csv.gz", cut(gzip(plain.as_bytes())), Refused(&[])),
        case("zstd cut short", "cut.csv.zst", cut(zst(plain.as_bytes())), Refused(&[])),
        case("a flipped bit in gzip", "flipped.csv.gz", flipped, Refused(&[])),
        case("gzip in two parts", "two.csv.gz", [gzip(HEADER.as_bytes()), gzip(ADA.as_bytes())].concat(), Loaded(1)),
        case("a bomb of zeros", "bomb.csv.gz", gzip(&vec![0; 300_000_000]), Refused(&[])),
        case("a bomb of zeros in zstd", "bomb.csv.zst", zst(&vec![0; 300_000_000]), Refused(&[])),
        case("gzip within gzip", "nested.csv.gz", gzip(&gzip(plain.as_bytes())), Refused(&[])),
    ]
}

/// Numbers, in the table that has some.
fn numbers() -> Vec<Case> {
    let number = |name, value: &str, expect| {
        let line = format!(
            "{{\"session_id\": \"00000000-0000-4000-8000-000000000001\", \"user_id\": \"00000000-0000-4000-8000-000000000002\", \
             \"content_type\": \"song\", \"content_data\": {{}}, \"quality_score\": {value}}}\n"
        );
        Case { table: "content_generated", ..case(name, "number.ndjson", line, expect) }
    };
    vec![
        number("1e400", "1e400", Rejected(&[1], 0)),
        number("not a number", "NaN", Rejected(&[1], 0)),
        number("not a number, as text", "\"NaN\"", Rejected(&[1], 0)),
        number("infinity", "-Infinity", Rejected(&[1], 0)),
        number("over its range", "1.01", Rejected(&[1], 0)),
        number("more digits than there is room for", "0.12345678901234567890123456789", Rejected(&[1], 0)),
        number("ten thousand digits", &format!("0.{}", "9".repeat(10_000)), Rejected(&[1], 0)),
        number("a session that does not exist", "0.5", Rejected(&[1], 0)),
    ]
}
