//! `fixtool data load`, as it is typed.

use crate::support::{Output, Site, on_both_engines, words};

const HEADER: &str = "id,email,name,role,spotify_user_id,preferences,is_active,last_login_at,created_at,updated_at\n";

fn id(n: u32) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

/// A user; `name` and `at` (the day of January on which it was updated) may vary.
fn user(n: u32, name: &str, at: u32) -> String {
    format!("{},u{n}@example.com,{name},user,,,true,,2024-01-01T00:00:00Z,2024-01-{at:02}T00:00:00Z\n", id(n))
}

fn users(numbers: std::ops::Range<u32>, name: &str, at: u32) -> String {
    numbers.fold(HEADER.to_owned(), |text, n| text + &user(n, name, at))
}

fn load(site: &Site, file: &str, more: &str) -> Output {
    let line = format!("fixtool data load {file} --tenant acme --data-types users --yes {more}");
    site.line(line.trim_end())
}

fn counts(output: &Output) -> serde_json::Value {
    output.json()["totals"].clone()
}

fn names(site: &Site) -> Vec<String> {
    site.query("acme", "select distinct name from users order by 1").into_iter().flatten().collect()
}

fn undo(site: &Site) {
    let run = words::newest_run(site).expect("a run");
    site.fixtool(["op", "undo", &run, "--confirm", "acme"]).code(0);
}

fn what_a_load_did_can_be_undone(site: &Site) {
    words::init(site, "acme");
    site.write("users.csv", users(0..600, "First", 1));
    load(site, "users.csv", "").code(0);
    let before = site.contents("acme", "users", "id");
    assert_eq!(before.len(), 600);
    site.write("more.csv", users(300..700, "Second", 2));
    load(site, "more.csv", "--on-conflict overwrite").code(0);
    assert_eq!(names(site), ["First", "Second"]);
    assert_eq!(site.count("acme", "users"), 700);
    undo(site);
    assert_eq!(site.contents("acme", "users", "id"), before);
    load(site, "more.csv", "").code(1).says(&["line 2", "exists"]);
    assert_eq!(site.contents("acme", "users", "id"), before);
}

fn strategies_are_what_they_say(site: &Site) {
    words::init(site, "acme");
    site.write("users.csv", users(0..20, "First", 10));
    load(site, "users.csv", "").code(0);
    let mut mixed = HEADER.to_owned();
    (0..10).for_each(|n| mixed += &user(n, "Older", 5));
    (10..30).for_each(|n| mixed += &user(n, "Newer", 15));
    site.write("mixed.csv", mixed);
    for (strategy, found) in [
        ("skip", ["First", "Newer"].as_slice()),
        ("newest", ["First", "Newer"].as_slice()),
        ("merge", ["Newer", "Older"].as_slice()),
        ("overwrite", ["Newer", "Older"].as_slice()),
    ] {
        load(site, "mixed.csv", &format!("--on-conflict {strategy}")).code(0);
        assert_eq!(names(site), found, "{strategy}");
        assert_eq!(site.count("acme", "users"), 30);
        undo(site);
        assert_eq!(names(site), ["First"]);
    }
}

fn an_unchanged_file_writes_nothing_and_a_changed_one_only_its_changes(site: &Site) {
    words::init(site, "acme");
    site.write("users.csv", users(0..700, "First", 1));
    load(site, "users.csv", "").code(0);
    let image = site.contents("acme", "users", "id");
    load(site, "users.csv", "--mode incremental").code(0).says(&["nothing to do"]);
    let mut changed = users(0..700, "First", 1).replacen("First", "Changed", 3);
    changed += &user(900, "Fresh", 1);
    site.write("users.csv", changed);
    let done = load(site, "users.csv", "--mode incremental -o json").code(0);
    let counts = counts(&done);
    assert_eq!((&counts["updated"], &counts["inserted"], &counts["unchanged"]), (&3.into(), &1.into(), &697.into()));
    undo(site);
    assert_eq!(site.contents("acme", "users", "id"), image);
    // Somebody else changed a row: the unchanged file is not idle any more.
    site.query("acme", "update users set name = 'Meddled' where email = 'u5@example.com'");
    site.write("users.csv", users(0..700, "First", 1));
    let done = load(site, "users.csv", "--mode incremental -o json").code(0);
    assert_eq!(done.json()["totals"]["updated"], 1);
    assert_eq!(names(site), ["First"]);
}

fn rows_that_a_complete_source_lacks_are_deleted_with_consent(site: &Site) {
    words::init(site, "acme");
    site.write("users.csv", users(0..40, "First", 1));
    load(site, "users.csv", "").code(0);
    let before = site.contents("acme", "users", "id");
    site.write("users.csv", users(10..42, "First", 1));
    let flags = "--mode incremental --delete-missing";
    load(site, "users.csv", flags).code(6).says(&["10 rows of users", "--confirm acme"]);
    assert_eq!(site.contents("acme", "users", "id"), before);
    load(site, "users.csv", &format!("{flags} --confirm acme")).code(0);
    assert_eq!(site.count("acme", "users"), 32);
    undo(site);
    assert_eq!(site.contents("acme", "users", "id"), before);
    load(site, "users.csv", "--delete-missing").code(2).says(&["--mode incremental"]);
}

fn rejects_are_listed_corrected_and_loaded_again(site: &Site) {
    words::init(site, "acme");
    let mut text = users(0..30, "First", 1);
    text += &user(3, "Twin", 1).replace("u3@", "other3@");
    text += "not-a-uuid,x@example.com,\"Two\nlines\",king,,,maybe,,,2024-01-01T00:00:00Z\n";
    text += &user(40, "After", 1);
    site.write("users.csv", text);
    let stopped = load(site, "users.csv", "").code(1);
    stopped.says(&["users.csv", "line 33"]);
    assert_eq!(site.count("acme", "users"), 0);
    load(site, "users.csv", "--on-error reject --rejects bad").code(3);
    assert_eq!(site.count("acme", "users"), 31);
    let text = site.read("bad/users.rejects.ndjson");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    let broken = lines.iter().find(|l| l["line"] == 33).expect("the record of three faults");
    assert_eq!((&broken["column"], &broken["record"]["name"]), (&"id".into(), &"Two\nlines".into()));
    assert_eq!(broken["more"].as_array().unwrap().len(), 2);
    let twin = lines.iter().find(|l| l["code"] == "duplicate").expect("the twin");
    assert_eq!(twin["line"], 32);
    assert!(twin["reason"].as_str().unwrap().contains("line 5"), "{twin}");
    let corrected = text
        .replace("not-a-uuid", &id(50))
        .replace("king", "admin")
        .replace("maybe", "false")
        .replace(&format!("\"id\":\"{}\"", id(3)), &format!("\"id\":\"{}\"", id(51)))
        .replace("\"created_at\":null", "\"created_at\":\"2024-01-01T00:00:00Z\"");
    site.write("bad/users.rejects.ndjson", corrected);
    site.line("fixtool data load bad/users.rejects.ndjson --tenant acme").code(0);
    assert_eq!(site.count("acme", "users"), 33);
}

fn a_tier_bounds_the_rows(site: &Site) {
    site.line("fixtool tenant init acme --tier starter --version 1.0.0").code(0);
    site.write("users.csv", users(0..11, "First", 1));
    load(site, "users.csv", "").code(6).says(&["10 rows of 'users'", "set-tier"]);
    assert_eq!(site.count("acme", "users"), 0);
    site.write("users.csv", users(0..2000, "First", 1));
    load(site, "users.csv", "").code(6);
    assert_eq!(site.count("acme", "users"), 0);
    site.write("users.csv", users(0..10, "First", 1));
    load(site, "users.csv", "").code(0);
}

fn every_format_and_standard_input_give_the_same_rows(site: &Site) {
    words::init(site, "acme");
    let record = |n: u32, quote: &str| {
        format!(
            "{{{quote}id{quote}: \"{}\", {quote}email{quote}: \"u{n}@example.com\", {quote}name{quote}: \"Zoë\", \
             {quote}preferences{quote}: {{\"a\": [1, null]}}, {quote}is_active{quote}: true, \
             {quote}created_at{quote}: \"2024-01-01T00:00:00Z\", {quote}updated_at{quote}: \"2024-01-01T00:00:00Z\"}}",
            id(n)
        )
    };
    let lines: Vec<String> = (0..3).map(|n| record(n, "\"")).collect();
    let csv = (0..3).fold("id,email,name,preferences,is_active,created_at,updated_at\n".to_owned(), |text, n| {
        text + &format!(
            "{},u{n}@example.com,Zoë,\"{{\"\"a\"\": [1, null]}}\",true,2024-01-01T00:00:00Z,2024-01-01T00:00:00Z\n",
            id(n)
        )
    });
    site.write("a.csv", &csv);
    site.write(
        "b.tsv",
        csv.replace("\"{\"\"a\"\": [1, null]}\"", "{\"a\": [1| null]}").replace(',', "\t").replace('|', ","),
    );
    site.write("c.json", format!("[{}]", lines.join(",\n")));
    site.write("d.ndjson", lines.join("\n"));
    site.write("e.yaml", lines.iter().fold(String::new(), |text, line| text + "- " + line + "\n"));
    let mut first: Option<Vec<Vec<String>>> = None;
    for file in ["a.csv", "b.tsv", "c.json", "d.ndjson", "e.yaml", "-"] {
        let more = if file == "-" { "--format csv" } else { "" };
        let line = format!("data load {file} --tenant acme --data-types users --yes {more}");
        let words: Vec<&str> = line.split_whitespace().collect();
        site.fixtool_with_input(words, &csv).code(0);
        let found = site.query("acme", "select id, email, name, role, is_active, updated_at from users order by id");
        assert_eq!(found.len(), 3, "{file}");
        assert_eq!(first.get_or_insert(found.clone()), &found, "{file}");
        undo(site);
    }
    assert!(!site.path(".fixtool/spool").read_dir().is_ok_and(|mut d| d.next().is_some()), "nothing is left of stdin");
}

fn a_directory_goes_in_by_the_order_of_references(site: &Site) {
    words::init(site, "acme");
    words::fixtures(site, "seed");
    site.write("seed/README.csv", "no,data,type\n");
    site.line(
        "fixtool data load seed --tenant acme --data-types users,ai_sessions,content --batch-size 100 --validate-data",
    )
    .code(0);
    assert_eq!(site.count("acme", "users"), 120);
    assert_eq!(site.count("acme", "ai_sessions"), 300);
    site.line("fixtool data load seed --tenant acme --data-types user").code(2).says(&["did you mean 'users'"]);
    site.line("fixtool data load nowhere.csv --tenant acme --data-types users").code(2).says(&["nowhere.csv"]);
}

fn a_dry_run_foresees_what_the_load_would_find(site: &Site) {
    words::init(site, "acme");
    site.write("users.csv", users(0..700, "First", 1) + &user(5, "Twin", 1) + "x,y,z,user,,,true,,,\n");
    let seen = load(site, "users.csv", "--dry-run -o json").code(3).json();
    let foreseen = &seen["plans"][0]["foreseen"]["counts"];
    assert_eq!((&foreseen["would_insert"], &foreseen["rejected"]), (&700.into(), &2.into()), "{seen}");
    assert_eq!(site.count("acme", "users"), 0);
}

fn rules_of_the_pack_are_checked_unless_they_are_left_out(site: &Site) {
    site.line("fixtool pack new mine --yes").code(0);
    let rules = "version: 1\ntypes:\n  users:\n    rules:\n      - {id: no-test, assert: \"name <> 'Test'\"}\n      \
                 - {id: short, assert: \"length(name) < 3\", severity: low}\n      \
                 - {id: enough, metric: row_count, expect: \"> 0\"}\n";
    site.write("packs/mine/1.0.0/rules.yaml", rules);
    site.line("fixtool pack check mine").code(0);
    site.line("fixtool tenant init acme --pack mine --tier enterprise --yes").code(0);
    site.write("users.csv", format!("id,email,name\n{},a@example.com,Anna\n{},b@example.com,Test\n", id(1), id(2)));
    let foreseen = load(site, "users.csv", "--dry-run").code(3).stdout;
    for said in ["users.csv, line 3", "rule:no-test", "not checked by loading: enough"] {
        assert!(foreseen.contains(said), "{said}:\n{foreseen}");
    }
    load(site, "users.csv", "").code(1).says(&["users.csv, line 3", "name <> 'Test'"]);
    assert_eq!(site.count("acme", "users"), 0);
    load(site, "users.csv", "--no-validate-data").code(0);
    assert_eq!(site.count("acme", "users"), 2);
    // What went in unchecked has not been found right.
    load(site, "users.csv", "--mode incremental").code(1).says(&["line 3"]);
}

fn sealed_columns_are_sealed_once(site: &Site) {
    words::init(site, "acme");
    words::init(site, "twin");
    site.write("users.csv", users(1..2, "Owner", 1));
    for tenant in ["acme", "twin"] {
        words::load(site, &site.path("users.csv"), tenant, "users").code(0);
    }
    let tokens =
        format!("id,user_id,spotify_user_id,access_token,refresh_token\n{},{},me,s3cret-token,\n", id(7), id(1));
    site.write("spotify.csv", tokens);
    words::load(site, &site.path("spotify.csv"), "acme", "spotify").code(0);
    let begins = "select substr(access_token, 1, 14), refresh_token is null from spotify_connections";
    let held = site.query("acme", begins);
    assert_eq!(held[0][0], "-----BEGIN AGE");
    assert!(["1", "t"].contains(&held[0][1].as_str()), "NULL stays NULL: {held:?}");
    let whole = |tenant: &str| site.query(tenant, "select access_token from spotify_connections");
    assert!(!format!("{:?}", whole("acme")).contains("s3cret"));

    site.line("fixtool data export --tenant acme --data-types spotify --output-dir out").code(0);
    words::load(site, &site.path("out/spotify.csv"), "twin", "spotify").code(0);
    assert_eq!(whole("twin"), whole("acme"), "what is sealed already stays as it is");
}

fn a_source_that_does_not_fit_is_named(site: &Site) {
    words::init(site, "acme");
    site.write("users.csv", "id,emial,name\n1,a@example.com,Anna\n");
    load(site, "users.csv", "").code(2).says(&["users.csv: 'users' has no column 'emial'", "did you mean 'email'"]);
    site.write("users.csv", format!("id,name\n{},Anna\n", id(1)));
    load(site, "users.csv", "").code(2).says(&["users.csv: column 'email' of 'users' must have a value"]);
}

fn rows_come_from_another_database(site: &Site) {
    words::init(site, "acme");
    words::init(site, "source");
    site.write("users.csv", users(0..25, "\"O'Brien, \"\"Zoë\"\"\"", 1));
    site.line("fixtool data load users.csv --tenant source --data-types users").code(0);
    let url = match site.engine() {
        crate::support::Engine::Postgres => site.database().url(),
        crate::support::Engine::Sqlite => format!("sqlite:{}", site.tenant_file("source").display()),
    };
    let table = match site.engine() {
        crate::support::Engine::Postgres => "tenant_source.users",
        crate::support::Engine::Sqlite => "users",
    };
    let words = ["data", "load", "--from-database", &url, "--table", table, "--data-types", "users", "-t", "acme"];
    site.fixtool(words).code(0);
    assert_eq!(site.contents("acme", "users", "id"), site.contents("source", "users", "id"));
    site.fixtool(["data", "load", "--from-database", &url, "--data-types", "users", "-t", "acme"]).code(2);
}

on_both_engines!(
    what_a_load_did_can_be_undone,
    strategies_are_what_they_say,
    an_unchanged_file_writes_nothing_and_a_changed_one_only_its_changes,
    rows_that_a_complete_source_lacks_are_deleted_with_consent,
    rejects_are_listed_corrected_and_loaded_again,
    a_tier_bounds_the_rows,
    every_format_and_standard_input_give_the_same_rows,
    a_directory_goes_in_by_the_order_of_references,
    a_dry_run_foresees_what_the_load_would_find,
    rules_of_the_pack_are_checked_unless_they_are_left_out,
    sealed_columns_are_sealed_once,
    a_source_that_does_not_fit_is_named,
    rows_come_from_another_database,
);
