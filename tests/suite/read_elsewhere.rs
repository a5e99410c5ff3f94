//! What fixtool writes means the same to everybody who reads it: fixtool, psql, Python and the sqlite3 shell.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{PostgresDatabase, Site, on_both_engines, words};

const MODEL: &str = "tables:
  texts:
    columns:
      id: {type: int, required: true}
      t: {type: text}
      j: {type: json}
    primary_key: [id]
  single:
    columns:
      t: {type: text}
";

const HOSTILE: [&str; 46] = [
    "",
    "\\.",
    "\\N",
    "\\",
    "\\\\",
    "ends in \\",
    "\\0",
    "\\u0000",
    "NULL",
    "null",
    " leading",
    "trailing ",
    " ",
    "\t",
    "a,b",
    "a;b",
    "a\tb",
    "\"",
    "\"\"",
    "say \"hi\"",
    "\",\"",
    "'",
    "a''b",
    "two\nlines",
    "\n",
    "\n\n",
    "a lone\rreturn",
    "\r",
    "two\r\nlines",
    "ends in a line end\n",
    "x\n\\.y\n",
    "\u{feff}mark",
    "\u{1}\u{1a}\u{1b}\u{1f}\u{7f}\u{85}",
    "\u{b}\u{c}",
    "\u{2028}\u{2029}",
    "\u{a0}\u{200b}\u{fffd}\u{ffff}",
    "\u{2400}",
    "é😀",
    "=cmd|' /c calc'!A1",
    "+1",
    "-1",
    "@x",
    "# no comment",
    "-- no comment",
    "{\"a\":1}",
    "[",
];

fn documents() -> [Value; 4] {
    [json!({"a": "two\nlines \"and\" \\ \u{2028}"}), json!([1.5, null, {"b": []}]), json!("text"), json!(7)]
}

/// Rows as `[id, text, document]`, a document for some.
fn rows() -> Vec<Value> {
    let long = format!("{}\"\n,{}", "x".repeat(200_000), "é".repeat(1000));
    let texts = HOSTILE.iter().map(|text| Some((*text).to_owned())).chain([None, Some(long)]);
    let documents = documents();
    texts.enumerate().map(|(id, text)| json!([id, text, documents.get(id % 8)])).collect()
}

fn run(program: &str, words: &[&str], file: &Path) -> Result<String, String> {
    let said =
        Command::new(program).args(words).arg(file).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if said.status.success() { Ok(text(said.stdout)) } else { Err(text(said.stderr)) }
}

const PYTHON: &str = "import csv, json, sys
csv.field_size_limit(1 << 30)
name = sys.argv[1]
def empty(cell, none):
    return none if cell == '' else cell
if name.endswith('.csv'):
    with open(name, encoding='utf-8', newline='') as file:
        found = list(csv.reader(file, strict=True))[1:]
    # Python takes NULL and the empty text for the same.
    found = [[int(row[0]), row[1], json.loads(row[2]) if row[2] else None] for row in found]
elif name.endswith('.ndjson'):
    with open(name, encoding='utf-8') as file:
        found = [json.loads(line) for line in file]
else:
    with open(name, encoding='utf-8') as file:
        found = json.load(file)
if found and isinstance(found[0], dict):
    found = [row.get('record', row) for row in found]
    found = [[int(row['id']), row.get('t'), row.get('j')] for row in found]
print(json.dumps(found))";

fn python(file: &Path) -> Vec<Value> {
    serde_json::from_str(&run("python3", &["-c", PYTHON], file).unwrap()).unwrap()
}

fn psql(file: &Path) -> Result<Vec<Value>, String> {
    let database = PostgresDatabase::new();
    database.query("CREATE TABLE texts (id int, t text, j json)");
    let copy = format!("\\copy texts from '{}' csv header", file.display());
    let url = database.url();
    run("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &url, "-c", &copy, "-f"], Path::new("/dev/null"))?;
    let found = database.query("SELECT json_build_array(id, t, j)::jsonb::text FROM texts ORDER BY id");
    Ok(found.iter().map(|row| serde_json::from_str(&row[0]).unwrap()).collect())
}

fn sqlite3(file: &Path) -> Vec<Value> {
    let import = format!(".import --csv --skip 1 \"{}\" texts", file.display());
    let query = "SELECT json_group_array(json_array(id, t, iif(j = '', NULL, json(j)))) FROM texts";
    let words = [":memory:", "CREATE TABLE texts (id int, t text, j text)", &import, query];
    let said = Command::new("sqlite3").args(words).output().expect("sqlite3");
    assert!(said.status.success() && said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

/// The rows as a program sees them for which NULL and the empty text of CSV are one.
fn without_null(rows: &[Value]) -> Vec<Value> {
    let full = |row: &Value| if row[1].is_null() { json!([row[0], "", row[2]]) } else { row.clone() };
    rows.iter().map(full).collect()
}

fn same(found: &[Value], wanted: &[Value], who: &str) {
    assert_eq!(found.len(), wanted.len(), "{who}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found == wanted, "{who}: {found:.300} is not {wanted:.300}");
    }
}

fn fill(site: &Site, rows: &[Value]) {
    let line = |row: &Value| json!({"id": row[0], "t": row[1], "j": row[2]}).to_string() + "\n";
    site.write("texts.ndjson", rows.iter().map(line).collect::<String>());
    site.line("fixtool data load texts.ndjson -t acme --on-conflict skip --yes").code(0);
}

fn export(site: &Site, format: &str) -> PathBuf {
    let line = format!("fixtool data export -t acme --data-types texts --output-dir out --format {format} --overwrite");
    site.line(&format!("{line} --yes")).code(0);
    site.path(format!("out/texts.{format}"))
}

fn what_is_written_is_read_by_everybody(site: &Site) {
    words::init_with(site, "acme", MODEL);
    let mut rows = rows();
    fill(site, &rows);
    let wanted = site.contents("acme", "texts", "id");
    for format in ["csv", "ndjson", "json"] {
        let file = export(site, format);
        let expected = if format == "csv" { without_null(&rows) } else { rows.clone() };
        same(&python(&file), &expected, &format!("Python, {format}"));
        words::init_with(site, format, MODEL);
        site.line(&format!("fixtool data load out/texts.{format} -t {format} --yes")).code(0);
        assert_eq!(site.contents(format, "texts", "id"), wanted, "{format}");
        // Each record exists already, so each one goes to the rejects file, which is read by everybody too.
        let again = format!("fixtool data load out/texts.{format} -t acme --on-error reject --rejects bad-{format}");
        site.line(&format!("{again} --yes")).code(3);
        let rejects = format!("bad-{format}/texts.rejects.ndjson");
        assert_eq!(site.read(&rejects).matches('\n').count(), rows.len(), "{format}");
        if format != "csv" {
            same(&python(&site.path(&rejects)), &rows, &format!("Python, rejects of {format}"));
        }
        site.query(format, "DELETE FROM texts");
        site.line(&format!("fixtool data load {rejects} -t {format} --yes")).code(0);
        assert_eq!(site.contents(format, "texts", "id"), wanted, "rejects of {format}");
    }
    let file = export(site, "csv");
    same(&psql(&file).unwrap(), &rows, "psql");
    same(&sqlite3(&file), &without_null(&rows), "sqlite3");
    // CSV has one way to write this. psql before 18 takes such a line for the end, and says so.
    rows.push(json!([rows.len(), "x\n\\.\ny", null]));
    fill(site, &rows);
    let file = export(site, "csv");
    same(&python(&file), &without_null(&rows), "Python");
    same(&sqlite3(&file), &without_null(&rows), "sqlite3");
    match psql(&file) {
        Ok(found) => same(&found, &rows, "psql"),
        Err(said) => assert!(said.contains("unterminated CSV quoted field"), "{said}"),
    }
}

fn a_single_column_keeps_its_blank_lines(site: &Site) {
    words::init_with(site, "acme", MODEL);
    let rows: String = [json!(null), json!(""), json!("\\."), json!(null), json!("\u{feff}"), json!("\n")]
        .iter()
        .map(|text| json!({ "t": text }).to_string() + "\n")
        .collect();
    site.write("single.ndjson", rows);
    site.line("fixtool data load single.ndjson -t acme --yes").code(0);
    site.line("fixtool data export -t acme --data-types single --output-dir out --yes").code(0);
    let file = site.path("out/single.csv");
    let database = PostgresDatabase::new();
    database.query("CREATE TABLE single (t text)");
    let copy = format!("\\copy single from '{}' csv header", file.display());
    let url = database.url();
    run("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &url, "-c", &copy, "-f"], Path::new("/dev/null")).unwrap();
    let counts = "SELECT count(*), count(t), sum(length(t)) FROM single";
    assert_eq!(database.query(counts), [["6", "4", "4"]]);
    words::init_with(site, "copy", MODEL);
    site.line("fixtool data load out/single.csv -t copy --yes").code(0);
    assert_eq!(site.query("copy", counts), [["6", "4", "4"]]);
    let script = "import csv, sys, json
print(json.dumps(list(csv.reader(open(sys.argv[1], encoding='utf-8', newline=''), strict=True))))";
    let found: Value = serde_json::from_str(&run("python3", &["-c", script], &file).unwrap()).unwrap();
    let mut found: Vec<String> = found.as_array().unwrap()[1..].iter().map(ToString::to_string).collect();
    found.sort();
    assert_eq!(found, ["[\"\"]", "[\"\\\\.\"]", "[\"\\n\"]", "[\"\u{feff}\"]", "[]", "[]"]);
}

on_both_engines!(what_is_written_is_read_by_everybody, a_single_column_keeps_its_blank_lines);
