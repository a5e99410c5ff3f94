//! What a record leaves out: neither NULL nor the default for a row that is there. And rows that
//! point at rows of their own file, in every order.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::batch_sizes::{give_to_an_owner, only_he_wrote};
use crate::support::{Output, Site, on_both_engines, words};

const MODEL: &str = "tables:\n  item:\n    columns:\n      id: {type: int, required: true}\n      \
                     name: {type: text, required: true}\n      role: {type: text, default: user}\n      n: {type: int}\n      \
                     upd: {type: bigint}\n      made: {type: int, default: sql(7)}\n    primary_key: [id]\n    newest: upd\n  \
                     tree:\n    columns:\n      id: {type: int, required: true}\n      \
                     parent_id: {type: int, references: tree.id}\n      name: {type: text, unique: true}\n    primary_key: [id]\n";

/// Id to name, role, n, upd and made, as the query prints them.
type Rows = BTreeMap<u64, [String; 5]>;

const COLUMNS: [&str; 5] = ["name", "role", "n", "upd", "made"];

fn begin(site: &Site) {
    words::init_with(site, "acme", MODEL);
}

fn load(site: &Site, file: &str, table: &str, more: &str) -> Output {
    site.line(&format!("fixtool data load {file} --tenant acme --data-types {table} --yes -o json {more}"))
}

fn undo(site: &Site) {
    let run = words::newest_run(site).expect("a run");
    site.fixtool(["op", "undo", &run, "--confirm", "acme"]).code(0);
}

fn items(site: &Site) -> Rows {
    let found = site.query("acme", "SELECT id, name, role, n, upd, made FROM item ORDER BY id");
    found.into_iter().map(|row| (row[0].parse().unwrap(), std::array::from_fn(|at| row[at + 1].clone()))).collect()
}

/// A generator that gives the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Records for some of the ids 1 to 9; the first names every column that only the database can fill.
fn records(dice: &mut Dice) -> Vec<Map<String, Value>> {
    let mut records = Vec::new();
    for id in 1..=9 {
        let first = records.is_empty();
        let mut record = Map::from_iter([("id".to_owned(), json!(id))]);
        for column in COLUMNS {
            let value = match column {
                "name" => json!(format!("name {}", dice.below(9))),
                "role" => json!("admin"),
                _ => json!(dice.below(100)),
            };
            match dice.below(3) {
                0 if !(first && column == "made") => {}
                1 if column != "name" => drop(record.insert(column.to_owned(), Value::Null)),
                _ => drop(record.insert(column.to_owned(), value)),
            }
        }
        records.push(record);
    }
    records
}

fn printed(value: &Value) -> String {
    match value {
        Value::Null => "\\N".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What the rows ought to be afterwards, and how many records are refused.
fn oracle(mode: &str, before: &Rows, records: &[Map<String, Value>]) -> (Rows, u64) {
    let (mut rows, mut refused) = (before.clone(), 0);
    for record in records {
        let id = record["id"].as_u64().unwrap();
        let Some(row) = rows.get_mut(&id) else {
            if record.contains_key("name") {
                let default = |column| {
                    if column == "role" {
                        "user"
                    } else if column == "made" {
                        "7"
                    } else {
                        "\\N"
                    }
                };
                let value = |column| record.get(column).map_or_else(|| default(column).to_owned(), printed);
                rows.insert(id, COLUMNS.map(value));
            } else {
                refused += 1;
            }
            continue;
        };
        let newer = match (record.get("upd").and_then(Value::as_u64), row[3].parse::<u64>()) {
            (Some(new), Ok(old)) => new > old,
            (new, _) => new.is_some(),
        };
        for (cell, column) in row.iter_mut().zip(COLUMNS) {
            match (mode, record.get(column)) {
                ("--on-conflict skip", _) | ("--on-conflict merge", Some(Value::Null)) | (_, None) => {}
                ("--on-conflict newest", _) if !newer => {}
                (_, Some(value)) => *cell = printed(value),
            }
        }
    }
    (rows, refused)
}

fn written(format: &str, records: &[Map<String, Value>]) -> String {
    let lines: Vec<String> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    match format {
        "json" => format!("[{}]", lines.join(",\n")),
        "yaml" => lines.iter().flat_map(|line| ["- ", line, "\n"]).collect(),
        _ => lines.join("\n"),
    }
}

#[test]
fn absent_is_the_same_where_a_role_of_the_tenant_writes() {
    let site = &Site::postgres();
    begin(site);
    let role = give_to_an_owner(site, &["item"]);
    each_mode(site);
    only_he_wrote(site, &role);
}

fn absent_is_neither_null_nor_default(site: &Site) {
    begin(site);
    each_mode(site);
}

fn each_mode(site: &Site) {
    let filled: Vec<String> = (1..=6).map(|id| format!("{id},old {id},owner,{id},50,{id}")).collect();
    site.write("item.csv", format!("id,name,role,n,upd,made\n{}\n", filled.join("\n")));
    load(site, "item.csv", "item", "").code(0);
    let before = items(site);
    let mut dice = Dice(11);
    let modes = [
        "--on-conflict skip",
        "--on-conflict overwrite",
        "--on-conflict merge",
        "--on-conflict newest",
        "--mode incremental",
    ];
    for (at, mode) in modes.into_iter().enumerate() {
        let format = ["ndjson", "json", "yaml"][at % 3];
        let records = records(&mut dice);
        let (expected, refused) = oracle(mode, &before, &records);
        let file = format!("new.{format}");
        site.write(&file, written(format, &records));
        let foreseen = load(site, &file, "item", &format!("{mode} --on-error reject --dry-run")).json();
        assert_eq!(foreseen["plans"][0]["foreseen"]["counts"]["rejected"], refused, "{mode} {foreseen}");
        let totals =
            load(site, &file, "item", &format!("{mode} --on-error reject --batch-size {}", at + 2)).json()["totals"]
                .clone();
        assert_eq!(totals["rejected"], refused, "{mode} {totals}");
        assert_eq!(items(site), expected, "{mode} {records:?}");
        undo(site);
        assert_eq!(items(site), before, "{mode}");
    }
}

fn a_header_without_a_required_column_changes_rows_that_are_there(site: &Site) {
    begin(site);
    site.write("item.csv", "id,name,role\n1,Ann,owner\n2,Bob,owner\n");
    load(site, "item.csv", "item", "").code(0);
    site.write("n.csv", "id,n\n1,5\n2,6\n");
    load(site, "n.csv", "item", "--on-conflict merge").code(0);
    let rows = items(site);
    assert_eq!(
        (&rows[&1][..3], &rows[&2][..3]),
        (&["Ann", "owner", "5"].map(String::from)[..], &["Bob", "owner", "6"].map(String::from)[..])
    );
    site.write("n.csv", "id,n\n1,7\n3,8\n");
    load(site, "n.csv", "item", "--on-conflict merge").code(1).says(&["line 3", "name"]);
    assert_eq!(items(site), rows);
}

fn rows_point_at_rows_of_their_file_in_every_order(site: &Site) {
    begin(site);
    site.write("root.csv", "id,parent_id,name\n90,,root\n");
    load(site, "root.csv", "tree", "").code(0);
    let before = site.contents("acme", "tree", "id");
    let lines = ["3,2,c", "2,1,b", "1,90,a", "4,4,self", "5,6,cyc1", "6,5,cyc2", "7,99,lost", "8,7,hangs"];
    let reversed: Vec<&str> = lines.iter().rev().copied().collect();
    let mut first = None;
    for (at, size) in [1, 2, 3, 1000].into_iter().enumerate() {
        let order = if at % 2 == 0 { lines.to_vec() } else { reversed.clone() };
        site.write("tree.csv", format!("id,parent_id,name\n{}\n", order.join("\n")));
        let foreseen = load(site, "tree.csv", "tree", "--on-error reject --dry-run").json();
        let foreseen = &foreseen["plans"][0]["foreseen"]["counts"];
        assert_eq!((&foreseen["would_insert"], &foreseen["rejected"]), (&json!(6), &json!(2)), "{foreseen}");
        let totals =
            load(site, "tree.csv", "tree", &format!("--on-error reject --batch-size {size}")).json()["totals"].clone();
        let rows = site.contents("acme", "tree", "id");
        assert_eq!(rows.len(), 7, "batches of {size}: {rows:?}");
        assert_eq!(first.get_or_insert((rows.clone(), totals.clone())), &(rows, totals), "batches of {size}");
        undo(site);
        assert_eq!(site.contents("acme", "tree", "id"), before);
    }
}

on_both_engines!(
    absent_is_neither_null_nor_default,
    a_header_without_a_required_column_changes_rows_that_are_there,
    rows_point_at_rows_of_their_file_in_every_order,
);
