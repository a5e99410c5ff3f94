//! Keys of extensions' types: two values are the same where their unique index says so. `'A'::citext` meets `'a'`.

use std::fmt::Write as _;

use crate::support::{Site, backups};

/// A tenant whose keys are citext and hstore, adopted with the pack that introspect wrote.
fn shop() -> Site {
    let site = Site::postgres();
    site.database().query(
        "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE SCHEMA shop; \
         CREATE TABLE shop.people (email ext.citext PRIMARY KEY, name text, code ext.citext UNIQUE); \
         CREATE TABLE shop.things (attrs ext.hstore PRIMARY KEY, n int); \
         INSERT INTO shop.people VALUES ('Ann@X.org', 'Ann', 'C1'), ('bob@x.org', 'Bob', 'c2'), ('Cyd@x.org', 'Cyd', 'C3'); \
         INSERT INTO shop.things VALUES ('a=>1,b=>2', 1), ('c=>3', 2)",
    );
    run(&site, "pack introspect shop --name shop --output-path packs/shop --yes", 0);
    with_a_tier(&site);
    run(&site, "tenant adopt shop --namespace shop --pack ./packs/shop --tier standard --yes", 0);
    site.write("people.csv", "email,name,code\nANN@x.org,Ann the second,c1\nBOB@x.org,Bob,C2\ndan@x.org,Dan,c4\n");
    site
}

/// Gives the pack `shop` a tier, if it has none.
pub fn with_a_tier(site: &Site) {
    let mut pack = site.read("packs/shop/pack.yaml");
    if !pack.contains("tiers:") {
        pack.push_str(
            "tiers:\n  standard:\n    title: Standard\n    quotas: {}\n    policy: {password: {min_length: 8}, \
             mfa_required: false, audit_logging: false, backup_retention_days: 30}\n",
        );
        site.write("packs/shop/pack.yaml", pack);
    }
}

#[track_caller]
fn run(site: &Site, line: &str, code: i32) -> crate::support::Output {
    backups::run(site, line).code(code)
}

fn people(site: &Site) -> Vec<Vec<String>> {
    site.database().query("SELECT lower(email::text), name FROM shop.people ORDER BY 1")
}

#[test]
fn an_upsert_meets_the_row_of_an_equal_key() {
    let site = shop();
    let before = people(&site);
    let load = "data load people.csv --tenant shop --data-types people --on-conflict overwrite";
    let plan = run(&site, &format!("{load} --dry-run"), 0);
    assert!(plan.stdout.contains("1 would insert"), "{plan}");
    let done = run(&site, &format!("{load} --yes -o json"), 0);
    assert_eq!((backups::counted(&done, "inserted"), backups::counted(&done, "updated")), (1, 2), "{done}");
    let expected: Vec<Vec<String>> =
        [("ann@x.org", "Ann the second"), ("bob@x.org", "Bob"), ("cyd@x.org", "Cyd"), ("dan@x.org", "Dan")]
            .map(|(email, name)| vec![email.to_owned(), name.to_owned()])
            .to_vec();
    assert_eq!(people(&site), expected);
    let undone = crate::support::words::done_run(&site, "data.load");
    run(&site, &format!("op undo {undone} --confirm shop"), 0);
    assert_eq!(people(&site), before);
    assert_eq!(site.database().query("SELECT email FROM shop.people WHERE name = 'Ann'")[0][0], "Ann@X.org");
}

#[test]
fn an_hstore_key_is_compared_by_its_own_operator() {
    let site = shop();
    site.write("things.csv", "attrs,n\n\"\"\"b\"\"=>\"\"2\"\", \"\"a\"\"=>\"\"1\"\"\",5\n\"\"\"d\"\"=>\"\"4\"\"\",6\n");
    let load = "data load things.csv --tenant shop --data-types things --on-conflict overwrite";
    run(&site, &format!("{load} --dry-run"), 0);
    run(&site, &format!("{load} --yes"), 0);
    let rows = site.database().query("SELECT attrs::text, n FROM shop.things ORDER BY n");
    let rows: Vec<(&str, &str)> = rows.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    assert_eq!(rows, [("\"c\"=>\"3\"", "2"), ("\"a\"=>\"1\", \"b\"=>\"2\"", "5"), ("\"d\"=>\"4\"", "6")]);
}

#[test]
fn rows_that_the_source_holds_in_other_letters_are_not_missing() {
    let site = shop();
    site.write("all.csv", "email,name,code\nANN@x.org,Ann,c1\nBOB@x.org,Bob,C2\n");
    let load = "data load all.csv --tenant shop --data-types people --mode incremental --delete-missing";
    run(&site, &format!("{load} --confirm shop"), 0);
    let names: Vec<String> = people(&site).into_iter().map(|row| row[1].clone()).collect();
    assert_eq!(names, ["Ann", "Bob"]);
}

#[test]
fn a_key_that_comes_twice_in_other_letters_is_a_duplicate() {
    let site = shop();
    site.write("twice.csv", "email,name,code\nEva@x.org,Eva,c5\neva@X.ORG,Eve,c6\nfay@x.org,Fay,C1\n");
    let load = "data load twice.csv --tenant shop --data-types people --on-conflict overwrite --on-error reject --rejects rejects";
    for size in [1, 1000] {
        let _ = std::fs::remove_dir_all(site.path("rejects"));
        run(&site, &format!("{load} --batch-size {size} --yes"), 3);
        let rejects = crate::support::words::rejects(&site);
        let lines: Vec<u64> = rejects.iter().filter_map(|reject| reject["line"].as_u64()).collect();
        assert_eq!(lines, [3, 4], "batches of {size}: {rejects:?}");
        assert_eq!(people(&site).len(), 4);
    }
}

#[test]
fn a_living_table_with_such_keys_is_compared_whole() {
    let site = shop();
    // More than one piece, in an order that text does not have.
    let mut rows = String::from("email,name,code\n");
    for number in 0..30_000 {
        let letter =
            char::from(if number % 2 == 0 { b'a' } else { b'A' } + u8::try_from(number % 26).expect("a letter"));
        let _ = writeln!(rows, "{letter}{number}@example.org,{number:0>40},code-{number}");
    }
    site.write("many.csv", rows);
    run(&site, "data load many.csv --tenant shop --data-types people --yes", 0);
    site.database().query("ANALYZE shop.people");
    run(&site, "backup create --tenant shop --yes", 0);
    run(&site, "backup verify --tenant shop --newest --level live --yes", 0);
    site.database().query("UPDATE shop.people SET name = 'other' WHERE email = 'a0@example.org'");
    run(&site, "backup verify --tenant shop --newest --level live --yes", 10);
    run(&site, "backup create --tenant shop --backup-type incremental --yes", 0);
    run(&site, "backup verify --tenant shop --newest --level live --yes", 0);
    run(&site, "backup verify --tenant shop --newest --level drill --yes", 0);
}
