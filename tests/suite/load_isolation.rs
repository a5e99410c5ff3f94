//! One bad row costs one row: values that only the database refuses, on both roads, and what stands around the rows
//! that stay.

use std::fmt::Write as _;

use crate::support::{Output, Site, on_both_engines, words};

const MODEL: &str = "tables:
  docs:
    columns:
      id: {type: int, required: true}
      doc: {type: json}
    primary_key: [id]
  tree:
    columns:
      id: {type: int, required: true}
      parent_id: {type: int, references: tree.id}
      name: {type: text, unique: true}
    primary_key: [id]
  ser:
    columns:
      id: {type: bigint, required: true, default: serial()}
      name: {type: text, unique: true}
    primary_key: [id]
  things:
    columns:
      id: {type: int, required: true}
      n: {type: int}
      name: {type: text}
    primary_key: [id]
";

const NATIVE: &str = "  nat:
    columns:
      id: {type: int, required: true}
      ip: {type: native(inet)}
      r: {type: native(int4range)}
      iv: {type: native(interval)}
      ia: {type: \"native(integer[])\"}
      c: {type: text}
      h: {type: native(smallint)}
    primary_key: [id]
";

fn has_server(site: &Site) -> bool {
    matches!(site.engine(), crate::support::site::Engine::Postgres)
}

/// A tenant of the pack. The native table is PostgreSQL's alone.
fn init(site: &Site) {
    let native = if has_server(site) { NATIVE } else { "" };
    words::init_with(site, "acme", format!("{MODEL}{native}"));
}

fn load(site: &Site, table: &str, file: &str, more: &str) -> Output {
    let line = format!("fixtool data load {file} --tenant acme --data-types {table} --yes -o json {more}");
    site.line(line.trim_end())
}

/// Loads with bad records set aside; what the rejects file holds: line, column, reason.
fn reject(site: &Site, table: &str, file: &str, more: &str) -> Vec<(u64, Option<String>, String)> {
    let _ = std::fs::remove_dir_all(site.path("rejects"));
    load(site, table, file, &format!("--on-error reject --rejects rejects {more}")).code(3);
    let entry = |entry: serde_json::Value| {
        let text = |name: &str| entry[name].as_str().map(str::to_owned);
        (entry["line"].as_u64().expect("a line"), text("column"), text("reason").expect("a reason"))
    };
    // A number that the database could not hold is more than the tests' own reader of JSON can.
    let text = site.read(format!("rejects/{table}.rejects.ndjson")).replace("1e131072", "1");
    let mut found: Vec<_> =
        text.lines().map(|line| entry(serde_json::from_str(line).expect("a line of JSON"))).collect();
    found.sort();
    found
}

fn undo(site: &Site) {
    let run = words::newest_run(site).expect("a run");
    site.fixtool(["op", "undo", &run, "--confirm", "acme"]).code(0);
}

fn lines(found: &[(u64, Option<String>, String)]) -> Vec<u64> {
    found.iter().map(|(line, _, _)| *line).collect()
}

fn native(first: usize, rows: usize, bad: impl Fn(usize) -> bool) -> String {
    (first..first + rows).fold("id,ip,r,iv,ia,c,h\n".to_owned(), |mut text, n| {
        let ip = if bad(n) { "10.0.0.300" } else { "10.0.0.3" };
        writeln!(text, "{n},{ip},\"[1,5)\",1 day,\"{{1,2}}\",a text so that there is something to load,1").unwrap();
        text
    })
}

#[test]
fn each_value_that_only_the_server_refuses_costs_its_row() {
    let site = Site::postgres();
    init(&site);
    let text = "id,ip,r,iv,ia,c,h\n1,10.0.0.1,\"[1,5)\",1 day,\"{1,2}\",Abc,1\n2,10.0.0.300,\"[1,5)\",1 day,{1},x,1\n\
                3,10.0.0.3,\"[9,5)\",1 day,{1},y,1\n4,10.0.0.4,,1 fortnight and a bit,{1},z,1\n5,,,,\"{1,x}\",z,1\n\
                6,,,,,z,40000\n7,,,,,z,7\n";
    site.write("nat.csv", text);
    for road in ["an empty table", "a filled one"] {
        let found = reject(&site, "nat", "nat.csv", "--on-conflict skip");
        let columns: Vec<_> = found.iter().map(|(line, column, _)| (*line, column.as_deref().unwrap_or("?"))).collect();
        assert_eq!(columns, [(3, "ip"), (4, "r"), (5, "iv"), (6, "ia"), (7, "h")], "{road}: {found:?}");
        assert!(
            found[0].2.contains("invalid input syntax for type inet") && found[0].2.contains("correct"),
            "{found:?}"
        );
        assert!(!found[0].2.contains("10.0.0.300"), "a reason shows no value: {found:?}");
        assert_eq!(site.value("acme", "SELECT string_agg(id::text, ',' ORDER BY id) FROM nat"), "1,7");
    }
    load(&site, "nat", "nat.csv", "--on-conflict skip").code(1).says(&["line 3", "column 'ip'", "inet"]);
}

#[test]
fn documents_that_the_server_cannot_hold_cost_their_rows_on_both_roads() {
    let site = Site::postgres();
    init(&site);
    let document =
        |n: u32, number: &str| format!("{{\"id\":{n},\"doc\":{{\"a\":{number},\"b\":\"{}\"}}}}\n", "x".repeat(60));
    let all: String = (1..=1500).map(|n| document(n, if n % 100 == 0 { "1e131072" } else { "1" })).collect();
    site.write("docs.ndjson", &all);
    let found = reject(&site, "docs", "docs.ndjson", "");
    assert_eq!(lines(&found), (1..=15).map(|n| n * 100).collect::<Vec<u64>>());
    assert!(found.iter().all(|(_, column, _)| column.as_deref() == Some("doc")), "{found:?}");
    assert_eq!(site.count("acme", "docs"), 1485);
    // What went in part by part is taken back as a whole.
    undo(&site);
    assert_eq!(site.count("acme", "docs"), 0);
    site.write("one.ndjson", document(1, "1"));
    load(&site, "docs", "one.ndjson", "").code(0);
    assert_eq!(reject(&site, "docs", "docs.ndjson", "--on-conflict overwrite").len(), 15);
    assert_eq!(site.count("acme", "docs"), 1485);
    load(&site, "docs", "docs.ndjson", "--on-conflict overwrite").code(1).says(&["line 100", "column 'doc'"]);
}

#[test]
fn a_bare_load_names_the_line_at_which_it_stops() {
    let site = Site::postgres();
    init(&site);
    site.write("nat.csv", native(1, 2000, |n| n == 1400));
    load(&site, "nat", "nat.csv", "").code(1).says(&["line 1401", "column 'ip'", "inet"]);
    assert_eq!(site.count("acme", "nat"), 0);
}

#[test]
fn an_entry_too_long_for_its_index_and_one_that_an_index_cannot_reckon_cost_their_rows() {
    let site = Site::postgres();
    init(&site);
    site.query("acme", "CREATE INDEX things_by_name ON things (name); CREATE UNIQUE INDEX things_by_ratio ON things ((1000000 / n + id))");
    // Text that does not compress.
    let long: String = (0..400).fold(String::new(), |mut text, n: u32| {
        write!(
            text,
            "{:x}",
            blake3::hash(&n.to_le_bytes()).as_bytes().iter().fold(0_u128, |a, b| a << 8 | u128::from(*b))
        )
        .unwrap();
        text
    });
    let rows = |first: usize| {
        (first..first + 1500).fold("id,n,name\n".to_owned(), |mut text, n| {
            let (number, name) = match n - first {
                700 => (0, "a row whose number divides"),
                900 => (1, long.as_str()),
                _ => (1, "a row of which there are enough to make it a load"),
            };
            writeln!(text, "{n},{number},{name}").unwrap();
            text
        })
    };
    site.write("things.csv", rows(1));
    let found = reject(&site, "things", "things.csv", "");
    assert_eq!(lines(&found), [702, 902], "{found:?}");
    assert!(found[0].2.contains("division by zero") && found[1].2.contains("index row"), "{found:?}");
    assert_eq!(site.count("acme", "things"), 1498);
    site.write("more.csv", rows(2001));
    assert_eq!(lines(&reject(&site, "things", "more.csv", "")), [702, 902]);
    assert_eq!(site.count("acme", "things"), 2996);
    undo(&site);
    assert_eq!(site.count("acme", "things"), 1498);
}

fn guard(site: &Site) {
    if has_server(site) {
        site.query(
            "acme",
            "CREATE FUNCTION no_sevens() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n % 10 = 7 THEN \
             RAISE EXCEPTION 'no sevens, please'; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON things FOR EACH ROW EXECUTE FUNCTION no_sevens()",
        );
    } else {
        let refuse = "WHEN NEW.n % 10 = 7 BEGIN SELECT RAISE(ABORT, 'no sevens, please'); END";
        site.query(
            "acme",
            &format!(
                "CREATE TRIGGER guard BEFORE INSERT ON things {refuse}; CREATE TRIGGER guard2 BEFORE UPDATE ON things {refuse}"
            ),
        );
    }
}

fn what_a_trigger_refuses_costs_its_rows(site: &Site) {
    init(site);
    guard(site);
    let rows = (0..400).fold("id,n,name\n".to_owned(), |text, n| text + &format!("{n},{n},row\n"));
    site.write("things.csv", rows);
    let found = reject(site, "things", "things.csv", "--batch-size 150");
    assert_eq!(lines(&found), (0..40).map(|n| n * 10 + 9).collect::<Vec<u64>>());
    assert!(found.iter().all(|(_, _, reason)| reason.contains("no sevens, please")), "{found:?}");
    assert_eq!(site.count("acme", "things"), 360);
    undo(site);
    assert_eq!(site.count("acme", "things"), 0);
    load(site, "things", "things.csv", "").code(1).says(&["line 9", "no sevens"]);
    assert_eq!(site.count("acme", "things"), 0);
}

fn rows_that_are_right_stay_whatever_their_neighbours_are(site: &Site) {
    init(site);
    site.write("first.csv", "id,parent_id,name\n5000,,dup\n");
    load(site, "tree", "first.csv", "").code(0);
    let mut text = "id,parent_id,name\n1,,dup\n2,1,child of refused\n3,2,grandchild\n".to_owned();
    (0..300).for_each(|n| writeln!(text, "{},{},c{n}", 10_000 + n, 20_000 + n).unwrap());
    (0..300).for_each(|n| writeln!(text, "{},,p{n}", 20_000 + n).unwrap());
    site.write("tree.csv", text);
    assert_eq!(lines(&reject(site, "tree", "tree.csv", "")), [2, 3, 4]);
    assert_eq!(site.count("acme", "tree"), 601);
    undo(site);
    // The same where no probe knows what is wrong.
    site.query("acme", "DELETE FROM tree");
    let expression = if has_server(site) { "10 / (id - 1)" } else { "json(CASE id WHEN 1 THEN 'x' ELSE '1' END)" };
    site.query("acme", &format!("CREATE INDEX by_expression ON tree (({expression}))"));
    site.write("first.csv", "id,parent_id,name\n5000,,other\n");
    load(site, "tree", "first.csv", "").code(0);
    assert_eq!(lines(&reject(site, "tree", "tree.csv", "")), [2, 3, 4]);
    assert_eq!(site.count("acme", "tree"), 601);
}

fn a_sequence_stands_past_the_highest_key_after_each_batch(site: &Site) {
    init(site);
    site.write("one.csv", "id,name\n1,a\n");
    load(site, "ser", "one.csv", "").code(0);
    site.write("two.csv", "id,name\n2,b\n3,c\n4,a\n");
    load(site, "ser", "two.csv", "--batch-size 2").code(1).says(&["line 4"]);
    assert_eq!(site.count("acme", "ser"), 3, "the first batch is durable");
    site.query("acme", "INSERT INTO ser (name) VALUES ('by the application')");
    assert_eq!(site.value("acme", "SELECT max(id) FROM ser"), "4");
}

on_both_engines!(
    what_a_trigger_refuses_costs_its_rows,
    rows_that_are_right_stay_whatever_their_neighbours_are,
    a_sequence_stands_past_the_highest_key_after_each_batch,
);

#[test]
fn sequences_of_every_make_go_on_past_what_was_loaded() {
    let site = Site::postgres();
    init(&site);
    let next = |sql: &str| {
        site.query("acme", &format!("INSERT INTO things (name) VALUES ('app'); {sql}"))
            .concat()
            .last()
            .cloned()
            .unwrap()
    };
    let made = |sequence: &str| {
        site.query(
            "acme",
            &format!(
                "DELETE FROM things; ALTER TABLE things ALTER COLUMN id DROP DEFAULT; DROP SEQUENCE IF EXISTS s; \
                 CREATE SEQUENCE s {sequence}; ALTER TABLE things ALTER COLUMN id SET DEFAULT nextval('s')"
            ),
        );
    };
    let newest = "SELECT id FROM things WHERE name = 'app'";
    site.write("up.csv", "id,n,name\n7,1,a\n12,1,b\n");
    made("");
    load(&site, "things", "up.csv", "").code(0);
    assert_eq!(next(newest), "13", "a default that somebody wrote");
    made("START 1000");
    load(&site, "things", "up.csv", "").code(0);
    assert_eq!(next(newest), "1000", "never back");
    made("MAXVALUE 100");
    site.write("over.csv", "id,n,name\n7,1,a\n5000,1,b\n");
    load(&site, "things", "over.csv", "").code(0);
    assert_eq!(next(newest), "8", "what the sequence cannot reach is not in its way");
    made("INCREMENT -1 MINVALUE -1000 MAXVALUE -1 START -1");
    site.write("down.csv", "id,n,name\n-7,1,a\n-3,1,b\n");
    load(&site, "things", "down.csv", "").code(0);
    assert_eq!(next(newest), "-8", "a sequence that counts down");
    // The bare road.
    made("");
    let many =
        (1..=2500).fold("id,n,name\n".to_owned(), |text, n| text + &format!("{n},1,a text of some length here\n"));
    site.write("many.csv", many);
    load(&site, "things", "many.csv", "").code(0);
    assert_eq!(next(newest), "2501", "the bare road");
}

#[test]
fn an_identity_that_is_always_generated_is_loaded_and_never_changed() {
    let site = Site::postgres();
    init(&site);
    site.query(
        "acme",
        "ALTER TABLE things ALTER COLUMN n SET NOT NULL, ALTER COLUMN n ADD GENERATED ALWAYS AS IDENTITY",
    );
    site.write("things.csv", "id,n,name\n1,10,a\n2,20,b\n");
    load(&site, "things", "things.csv", "").code(0);
    site.write("again.csv", "id,n,name\n1,10,changed\n2,21,another\n3,30,c\n");
    let found = reject(&site, "things", "again.csv", "--on-conflict overwrite");
    assert_eq!(found.iter().map(|(line, column, _)| (*line, column.as_deref())).collect::<Vec<_>>(), [(3, Some("n"))]);
    let rows = "SELECT string_agg(concat(id, n, name), ' ' ORDER BY id) FROM things";
    assert_eq!(site.value("acme", rows), "110changed 220b 330c");
    site.query("acme", "INSERT INTO things (id, name) VALUES (9, 'app')");
    assert_eq!(site.value("acme", "SELECT n FROM things WHERE id = 9"), "31");
    undo(&site);
    assert_eq!(site.value("acme", rows), "110a 220b 931app");
}
