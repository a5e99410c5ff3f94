//! Sources that are not whole or not well formed: what cannot be read with certainty ends the load by the file's
//! name, and nothing behind it is loaded or counts as missing.

use std::io::Write as _;

use crate::support::{Engine, Output, Site, on_both_engines, words};

const MODEL: &str = "tables:
  ab:
    columns:
      id: {type: int, required: true}
      a: {type: text}
      b: {type: text}
      c: {type: text}
    primary_key: [id]
  docs:
    columns:
      id: {type: int, required: true}
      i: {type: int}
      j: {type: json}
    primary_key: [id]
";

fn tenant(site: &Site) {
    words::init_with(site, "acme", MODEL);
}

fn load(site: &Site, file: &str, data_type: &str, more: &str) -> Output {
    let line = format!("fixtool data load {file} --tenant acme --data-types {data_type} --yes {more}");
    site.line(line.trim_end())
}

fn member(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn rows(numbers: std::ops::RangeInclusive<u32>) -> String {
    numbers.fold(String::new(), |text, id| text + &format!("{id},x,y,z\n"))
}

fn a_damaged_member_ends_the_load_and_deletes_nothing(site: &Site) {
    tenant(site);
    site.write("full.csv", format!("id,a,b,c\n{}", rows(1..=10)));
    load(site, "full.csv", "ab", "").code(0);
    let before = site.contents("acme", "ab", "id");
    let (first, second) = (member(&format!("id,a,b,c\n{}", rows(1..=5))), member(&rows(6..=9)));
    // The checksum and the length at the end of each member.
    for (member, from_end) in [("first", 8), ("first", 4), ("second", 8), ("second", 4)] {
        let (mut one, mut two) = (first.clone(), second.clone());
        let hurt = if member == "first" { &mut one } else { &mut two };
        let at = hurt.len() - from_end;
        hurt[at] ^= 0xff;
        let file = format!("{member}{from_end}.csv.gz");
        site.write(&file, [one, two].concat());
        load(site, &file, "ab", "--mode incremental --delete-missing --confirm acme").code(1).says(&[&file, "line "]);
        load(site, &file, "ab", "--on-conflict skip --on-error reject --rejects bad").code(1).says(&[&file]);
        assert_eq!(site.contents("acme", "ab", "id"), before, "{file}");
    }
}

fn a_plan_over_a_damaged_source_is_an_error(site: &Site) {
    tenant(site);
    site.write("full.csv", format!("id,a,b,c\n{}", rows(1..=10)));
    load(site, "full.csv", "ab", "").code(0);
    let mut second = member(&rows(6..=10));
    let at = second.len() - 8;
    second[at] ^= 0xff;
    site.write("hurt.csv.gz", [member(&format!("id,a,b,c\n{}", rows(1..=5))), second].concat());
    site.write("quote.csv", "id,a,b,c\n1,\"x,y,z\n2,x,y,z\n");
    site.write("few.csv", "id,a,b,c\n1,x,y\n2,x,y,z\n");
    site.write("type.csv", "id,a,b,c\nx,x,y,z\n2,x,y,z\n");
    site.write("first.ndjson.gz", &member("{\"id\":1}\n")[..15]);
    site.write("array.json", "[{\"id\":1} {\"id\":2}]");
    for (file, line) in
        [("hurt.csv.gz", "line "), ("quote.csv", "line 2"), ("first.ndjson.gz", "line 1"), ("array.json", "line 1")]
    {
        let ways = ["--mode incremental --delete-missing", "", "--on-conflict skip --on-error reject"];
        // One of them shows what every file does.
        let ways = if file == "hurt.csv.gz" { &ways[..] } else { &ways[..1] };
        for more in ways {
            let said = load(site, file, "ab", &format!("--dry-run {more}")).code(1).says(&[file, line]);
            assert!(!format!("{said}").contains("delete "), "{file} {more}: {said}");
        }
    }
    // A record that is merely bad ends a plan only where its row would count as missing.
    for (file, line) in [("few.csv", "line 2"), ("type.csv", "line 2")] {
        let said = load(site, file, "ab", "--dry-run --on-conflict skip").code(3);
        assert!(said.stdout.contains(&format!("{file}, {line}")), "{said}");
        load(site, file, "ab", "--dry-run --mode incremental --delete-missing").code(1).says(&[file, line]);
    }
    assert_eq!(site.count("acme", "ab"), 10);
}

fn a_query_that_fails_midway_loads_nothing_and_leaves_nothing(site: &Site) {
    tenant(site);
    let numbers = "SELECT 1 AS id UNION ALL SELECT id + 1 FROM numbers WHERE id < 3000";
    let query = |value: &str| format!("WITH RECURSIVE numbers AS ({numbers}) SELECT id, {value} AS a FROM numbers");
    let mut failing = match site.engine() {
        Engine::Postgres => vec![
            query("(1 / (2500 - id))::text"),
            query("CASE WHEN id = 2500 THEN pg_terminate_backend(pg_backend_pid())::text END"),
        ],
        Engine::Sqlite => vec![query("CASE WHEN id = 2500 THEN abs(-9223372036854775808) END")],
    };
    failing.push(query("'fine'"));
    let url = match site.engine() {
        Engine::Postgres => site.database().url(),
        Engine::Sqlite => format!("sqlite:{}", site.tenant_file("acme").display()),
    };
    let whole = failing.len() - 1;
    for (at, query) in failing.iter().enumerate() {
        let words =
            ["data", "load", "--from-database", &url, "--query", query, "--data-types", "ab", "-t", "acme", "--yes"];
        let said = site.fixtool(words);
        assert_eq!(said.code == 0, at == whole, "{query}: {said}");
        let left = std::fs::read_dir(site.path(".fixtool/spool")).map_or(0, Iterator::count);
        assert_eq!((site.count("acme", "ab"), left), (if at == whole { 3000 } else { 0 }, 0), "{query}");
    }
}

fn a_line_inside_a_broken_quote_is_never_a_row(site: &Site) {
    tenant(site);
    site.write("ab.csv", "id,a,b,c\n1,\"hello\n2,injected,i,i\nbye\" oops,y,z\n3,ok,y,z\n");
    for more in ["", "--on-error reject --rejects bad", "--on-error reject --rejects bad --batch-size 1"] {
        load(site, "ab.csv", "ab", more).code(1).says(&[
            "ab.csv",
            "line 4, column 5",
            "the rest of the source was not",
        ]);
        assert_eq!(site.count("acme", "ab"), 0, "{more}");
    }
}

fn rejects_before_the_damage_stay_listed(site: &Site) {
    tenant(site);
    site.write("full.csv", format!("id,a,b,c\n{}", rows(1..=1)));
    load(site, "full.csv", "ab", "").code(0);
    site.write("hurt.csv", "id,a,b,c\n2,x,y,z\nbad,x,y,z\n3,x,y\n4,x,y,z\n5,\"x,y,z\n");
    load(site, "hurt.csv", "ab", "--on-error reject --rejects bad --batch-size 1")
        .code(1)
        .says(&["hurt.csv", "line 6"]);
    assert_eq!(site.query("acme", "SELECT id FROM ab ORDER BY id"), [["1"], ["2"], ["4"]]);
    let entries = site.read("bad/ab.rejects.ndjson");
    let lines: Vec<serde_json::Value> = entries.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|entry| entry["line"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4]);
}

fn each_reject_of_a_pretty_document_is_one_line(site: &Site) {
    tenant(site);
    let document = |first: &str, second: &str| {
        format!(
            "[\n  {{\"id\": 1, \"i\": {first}, \"j\": {{\n    \"a\": [\n 1,\r\n 2]\n  }}}},\n  {{\"id\": 2, \"i\": {second}}}\n]"
        )
    };
    site.write("docs.json", document("\"x\"", "5"));
    load(site, "docs.json", "docs", "--on-error reject --rejects bad").code(3);
    let text = site.read("bad/docs.rejects.ndjson");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert_eq!(lines[0]["record"]["j"], serde_json::json!({"a": [1, 2]}));
    assert!(!text.contains('\r'), "{text:?}");
    site.write("bad/docs.rejects.ndjson", text.replace("\"x\"", "7"));
    site.line("fixtool data load bad/docs.rejects.ndjson --tenant acme").code(0);
    assert_eq!(site.query("acme", "select id, i from docs order by id"), [["1", "7"], ["2", "5"]]);
}

on_both_engines!(
    a_damaged_member_ends_the_load_and_deletes_nothing,
    a_plan_over_a_damaged_source_is_an_error,
    a_query_that_fails_midway_loads_nothing_and_leaves_nothing,
    a_line_inside_a_broken_quote_is_never_a_row,
    rejects_before_the_damage_stay_listed,
    each_reject_of_a_pretty_document_is_one_line,
);
