//! The size of a batch never changes a result: duplicates, references that point forward, unique values that go from row
//! to row. A dry run foresees the same.

use serde_json::Value;

use crate::support::{Output, Site, often, on_both_engines, words};

const MODEL: &str = "tables:\n  acct:\n    columns:\n      id: {type: int, required: true}\n      \
                     email: {type: text, unique: true}\n      login: {type: text, required: true, unique: true}\n      \
                     parent_id: {type: int, references: acct.id}\n      n: {type: int}\n    primary_key: [id]\n    newest: n\n";

const HEADER: &str = "id,email,login,parent_id,n";

/// Rows that are there before each load.
const BEFORE: [&str; 4] = ["1,a,la,,1", "2,b,lb,1,1", "3,c,lc,,1", "4,d,ld,3,1"];

fn begin(site: &Site) {
    words::init_with(site, "acme", MODEL);
    write(site, "before.csv", &BEFORE);
    load(site, "before.csv", "").code(0);
}

fn write(site: &Site, file: &str, lines: &[&str]) {
    site.write(file, format!("{HEADER}\n{}\n", lines.join("\n")));
}

fn load(site: &Site, file: &str, more: &str) -> Output {
    site.line(&format!(
        "fixtool data load {file} --tenant acme --data-types acct --yes -o json --no-safety-backup {more}"
    ))
}

fn rows(site: &Site) -> Vec<String> {
    let found = site.query("acme", "SELECT id, email, login, parent_id, n FROM acct ORDER BY id");
    found.into_iter().map(|row| row.join(",").replace("\\N", "")).collect()
}

/// Loads with each size; the rows and the number of rejected records must be these, and undo must bring the rows back.
fn each_size(site: &Site, mode: &str, lines: &[&str], (expected, rejected): (&[&str], u64)) {
    write(site, "new.csv", lines);
    let before = rows(site);
    let foreseen = load(site, "new.csv", &format!("{mode} --on-error reject --dry-run")).json();
    assert_eq!(foreseen["plans"][0]["foreseen"]["counts"]["rejected"], rejected, "{mode} {lines:?} {foreseen}");
    for size in [1, 2, 1000] {
        let done = load(site, "new.csv", &format!("{mode} --on-error reject --batch-size {size}")).json();
        assert_eq!(done["totals"]["rejected"], rejected, "{mode} batches of {size}: {lines:?} {done}");
        assert_eq!(rows(site), expected, "{mode} batches of {size}: {lines:?}");
        undo(site, &before);
    }
}

fn undo(site: &Site, before: &[String]) {
    let run = words::newest_run(site).expect("a run");
    site.fixtool(["op", "undo", &run, "--confirm", "acme"]).code(0);
    assert_eq!(rows(site), before);
}

/// Gives tables to a role of their own and puts a trigger of its on each, so that this role carries out what is written.
pub fn give_to_an_owner(site: &Site, tables: &[&str]) -> String {
    let role = crate::support::unique("owner");
    let mut sql = format!(
        "CREATE ROLE {role}; GRANT ALL ON SCHEMA tenant_acme TO {role}; CREATE TABLE tenant_acme.seen_as (who text); \
         CREATE FUNCTION tenant_acme.look() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN INSERT INTO seen_as VALUES (current_user); RETURN NEW; END $$; \
         ALTER TABLE tenant_acme.seen_as OWNER TO {role}; ALTER FUNCTION tenant_acme.look() OWNER TO {role};"
    );
    for table in tables {
        sql +=
            &["ALTER TABLE tenant_acme.", table, " OWNER TO ", &role, "; CREATE TRIGGER look BEFORE INSERT OR UPDATE "]
                .concat();
        sql += &["ON tenant_acme.", table, " FOR EACH ROW EXECUTE FUNCTION tenant_acme.look();"].concat();
    }
    site.query("acme", &sql);
    role
}

/// Only the owner wrote, and he goes.
pub fn only_he_wrote(site: &Site, role: &str) {
    assert_eq!(site.query("acme", "SELECT DISTINCT who FROM seen_as"), [[role]]);
    site.query("acme", &format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}

#[test]
fn a_role_of_the_tenant_writes_the_same() {
    let site = &Site::postgres();
    begin(site);
    let role = give_to_an_owner(site, &["acct"]);
    moves(site);
    duplicates(site);
    only_he_wrote(site, &role);
}

fn unique_values_go_from_row_to_row(site: &Site) {
    begin(site);
    moves(site);
}

fn moves(site: &Site) {
    let swapped = ["1,b,lb,,1", "2,a,la,1,1", "3,c,lc,,1", "4,d,ld,3,1"];
    each_size(site, "--on-conflict overwrite", &["1,b,lb,,1", "2,a,la,1,1"], (&swapped, 0));
    each_size(site, "--on-conflict merge", &["2,a,la,,", "1,b,lb,,"], (&swapped, 0));
    let chain = ["1,b,lb,,1", "2,c,lc,1,1", "3,e,le,,1", "4,d,ld,3,1", "5,a,la,,1"];
    let lines = ["5,a,la,,1", "1,b,lb,,1", "2,c,lc,1,1", "3,e,le,,1"];
    each_size(site, "--on-conflict overwrite", &lines, (&chain, 0));
    let reversed: Vec<&str> = lines.into_iter().rev().collect();
    each_size(site, "--mode incremental", &reversed, (&chain, 0));
}

fn a_value_that_its_row_keeps_is_not_taken(site: &Site) {
    begin(site);
    each_size(
        site,
        "--on-conflict overwrite",
        &["1,b,la,,1", "2,c,lb,1,1", "4,z,ld,3,1"],
        (&["1,a,la,,1", "2,b,lb,1,1", "3,c,lc,,1", "4,z,ld,3,1"], 2),
    );
    each_size(site, "--on-conflict newest", &["1,b,la,,2", "2,x,lb,1,1"], (&BEFORE, 1));
    each_size(site, "--on-conflict merge", &["1,b,la,,", "2,,lb,,"], (&BEFORE, 1));
}

fn duplicates_are_the_same_ones(site: &Site) {
    begin(site);
    duplicates(site);
}

fn duplicates(site: &Site) {
    let lines = ["5,e,le,,1", "5,f,lf,,1", "6,e,lg,,1", "7,g,lg,,1", "1,a,la,,1", "1,z,lz,,2"];
    let error = ["1,a,la,,1", "2,b,lb,1,1", "3,c,lc,,1", "4,d,ld,3,1", "5,e,le,,1", "7,g,lg,,1"];
    each_size(site, "--on-conflict error", &lines, (&error, 4));
    each_size(site, "--on-conflict skip", &lines, (&error, 2));
    each_size(site, "--on-conflict overwrite", &lines, (&error, 3));
    // The first has no row to point at, so it stands in nobody's way.
    each_size(
        site,
        "--on-conflict error",
        &["8,h,lh,99,1", "8,h,lh,,1"],
        (&["1,a,la,,1", "2,b,lb,1,1", "3,c,lc,,1", "4,d,ld,3,1", "8,h,lh,,1"], 1),
    );
}

/// A generator that gives the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn lines(&mut self) -> Vec<String> {
        let some = |at: u64, words: &[&str]| words[usize::try_from(at).unwrap() % words.len()].to_owned();
        let line = |dice: &mut Self| {
            let (id, parent) = (dice.below(8) + 1, dice.below(16));
            let email = some(dice.below(7), &["a", "b", "c", "d", "e", "f", ""]);
            let parent = if parent < 9 { parent.to_string() } else { String::new() };
            format!(
                "{id},{email},l{},{parent},{}",
                some(dice.below(7), &["a", "b", "c", "d", "e", "f", "g"]),
                dice.below(3)
            )
        };
        (0..6).map(|_| line(self)).collect()
    }
}

fn any_records_come_to_the_same(site: &Site) {
    begin(site);
    let before = rows(site);
    let mut dice = Dice(6);
    for round in 0..often(5, 30) {
        let mode = ["error", "skip", "overwrite", "merge", "newest"][usize::try_from(round % 5).unwrap()];
        let lines = dice.lines();
        write(site, "new.csv", &lines.iter().map(String::as_str).collect::<Vec<_>>());
        let mut first: Option<(Value, Vec<String>)> = None;
        for size in [1000, 1, 2, 3] {
            let flags = format!("--on-conflict {mode} --on-error reject --batch-size {size}");
            let done = load(site, "new.csv", &flags).json()["totals"]["rejected"].clone();
            let found = (done, rows(site));
            let first = first.get_or_insert_with(|| found.clone());
            assert_eq!(first, &found, "{mode}, batches of {size}: {lines:#?}");
            undo(site, &before);
        }
        let foreseen = load(site, "new.csv", &format!("--on-conflict {mode} --on-error reject --dry-run")).json();
        let foreseen = &foreseen["plans"][0]["foreseen"]["counts"]["rejected"];
        assert_eq!(Some(foreseen), first.as_ref().map(|(rejected, _)| rejected), "{mode}, dry run: {lines:#?}");
    }
}

fn a_value_comes_from_a_row_that_the_source_lacks(site: &Site) {
    begin(site);
    write(site, "new.csv", &["1,a,la,,1", "2,b,lb,1,1", "3,c,lc,,1", "5,d,ld,,1"]);
    let before = rows(site);
    for size in [1, 1000] {
        let more = format!("--mode incremental --delete-missing --confirm acme --batch-size {size}");
        load(site, "new.csv", &format!("{more} --dry-run")).code(0);
        let totals = load(site, "new.csv", &more).json()["totals"].clone();
        assert_eq!((&totals["deleted"], &totals["inserted"]), (&Value::from(1), &Value::from(1)), "{totals}");
        assert_eq!(rows(site), ["1,a,la,,1", "2,b,lb,1,1", "3,c,lc,,1", "5,d,ld,,1"]);
        undo(site, &before);
    }
}

fn undo_leaves_what_others_point_at(site: &Site) {
    begin(site);
    write(site, "new.csv", &["5,e,le,,1", "6,f,lf,5,1"]);
    load(site, "new.csv", "").code(0);
    site.query("acme", "INSERT INTO acct (id, email, login, parent_id, n) VALUES (9, 'i', 'li', 5, 1)");
    let before = rows(site);
    let run = words::newest_run(site).expect("a run");
    site.fixtool(["op", "undo", &run, "--confirm", "acme"]).code(1).says(&["acct", "point at rows"]);
    assert_eq!(rows(site), before);
    site.query("acme", "DELETE FROM acct WHERE id = 9");
    site.fixtool(["op", "undo", &run, "--confirm", "acme"]).code(0);
    assert_eq!(rows(site), BEFORE);
}

const CIRCLE: &str = "tables:\n  dept:\n    columns:\n      id: {type: int, required: true}\n      \
                      boss_id: {type: int, references: emp.id, on_delete: set_null}\n      name: {type: text}\n    \
                      primary_key: [id]\n  emp:\n    columns:\n      id: {type: int, required: true}\n      \
                      dept_id: {type: int, required: true, references: dept.id}\n      name: {type: text}\n    \
                      primary_key: [id]\n  child:\n    columns:\n      id: {type: int, required: true}\n      \
                      emp_id: {type: int, required: true, references: emp.id, on_delete: cascade}\n    primary_key: [id]\n";

fn tables_in_a_circle_load_in_two_passes(site: &Site) {
    words::init_with(site, "acme", CIRCLE);
    site.write("in/child.csv", "id,emp_id\n100,11\n");
    site.write("in/dept.csv", "id,boss_id,name\n1,10,R&D\n2,,Ops\n");
    site.write("in/emp.csv", "id,dept_id,name\n10,1,Ada\n11,2,Bob\n");
    let load = |more: &str| site.line(&format!("fixtool data load in --tenant acme --yes -o json {more}"));
    let foreseen = load("--dry-run").json();
    assert_eq!(foreseen["plans"][0]["foreseen"]["counts"]["rejected"], 0, "{foreseen}");
    let depts = || site.query("acme", "SELECT id, boss_id FROM dept ORDER BY id");
    for mode in ["", "--batch-size 1", "--on-conflict overwrite", "--mode incremental"] {
        let totals = load(mode).json()["totals"].clone();
        assert_eq!((&totals["inserted"], &totals["references_set"]), (&Value::from(5), &Value::from(1)), "{totals}");
        assert_eq!(depts(), [["1", "10"], ["2", "\\N"]], "{mode}");
        let run = words::newest_run(site).expect("a run");
        site.fixtool(["op", "undo", &run, "--confirm", "acme"]).code(0);
        assert!(depts().is_empty(), "{mode}");
    }
    load("--on-error reject").code(2).says(&["dept, emp", "--on-error reject"]);
    site.write("in/dept.csv", "id,boss_id,name\n1,10,R&D\n2,99,Ops\n");
    let foreseen = load("--dry-run").json();
    assert_eq!(foreseen["plans"][0]["foreseen"]["counts"]["rejected"], 1, "{foreseen}");
    load("").code(1).says(&["boss_id"]);
}

on_both_engines!(
    tables_in_a_circle_load_in_two_passes,
    undo_leaves_what_others_point_at,
    unique_values_go_from_row_to_row,
    a_value_that_its_row_keeps_is_not_taken,
    duplicates_are_the_same_ones,
    any_records_come_to_the_same,
    a_value_comes_from_a_row_that_the_source_lacks,
);
