//! `fixtool tenant clone`, as it is typed: one moment of a tenant becomes another tenant.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Engine, PostgresDatabase, Site, backups, on_both_engines, site, words};
use backups::{assert_same, contents, run};

fn a_copy_is_the_same_tenant_by_another_name(site: &Site) {
    backups::tenant(site, "acme");
    site.write("secret.txt", "s3cr3t\n");
    run(site, "tenant credential set acme spotify client_secret --file secret.txt --yes").code(0);
    run(site, "tenant suspend acme --yes").code(0);
    let then = contents(site, "acme");
    let done = run(site, "tenant clone acme copy -o json").code(0);
    assert_eq!(done.json()["schema"], "fixtool.tenant.clone");
    assert_eq!(backups::counted(&done, "rows"), 470);
    assert!(done.stdout.contains("copy is as acme was at 2"), "{done}");
    assert_same(&contents(site, "copy"), &then);
    let shown = run(site, "tenant show copy -o json").code(0).json();
    assert_eq!((&shown["tenant"]["tier"], &shown["tenant"]["status"]), (&"enterprise".into(), &"active".into()));
    assert_eq!(shown["credentials"].as_array().map(Vec::len), Some(0), "secrets do not go along");
    if site.engine() == Engine::Postgres {
        let part = site.database().query("SELECT left(site_id, 6) FROM fixtool.site")[0][0].clone();
        let rows =
            site.query("copy", &format!("SET ROLE tenant_copy_rw_{part}; UPDATE users SET name = name RETURNING 1"));
        assert_eq!(rows.len(), 120);
    }

    // Keys and references hold, and what is done to the copy does nothing to the other one.
    let more = site.write("more.csv", words::users(130));
    site.fixtool(words::load_words(&more, "copy", "users", &["--on-conflict", "skip"])).code(0);
    assert_eq!(site.count("copy", "users"), 130);
    words::load(site, &site.path("seed/ai_sessions.csv"), "copy", "ai_sessions").code(1);
    let cloned = words::done_run(site, "tenant.clone");
    site.fixtool(["op", "undo", &cloned, "--yes"]).code(6);
    site.fixtool(["op", "undo", &cloned, "--confirm", "copy"]).code(0);
    assert!(!site.has_namespace("copy"));
    run(site, "tenant show copy").code(2);
    assert_same(&contents(site, "acme"), &then);
    run(site, "tenant clone acme copy").code(0);
    assert_same(&contents(site, "copy"), &then);
}

fn what_cannot_be_copied_is_refused(site: &Site) {
    backups::tenant(site, "acme");
    words::init(site, "taken");
    let before = site.image();
    run(site, "tenant clone nobody copy").code(2).says(&["no tenant 'nobody'"]);
    run(site, "tenant clone acme taken").code(6).says(&["a tenant 'taken' already"]);
    run(site, "tenant clone acme acme").code(6).says(&["a tenant 'acme' already"]);
    run(site, "tenant clone acme Copy").code(2);
    run(site, "tenant clone acme copy --on elsewhere").code(2).says(&["[databases.elsewhere]"]);
    run(site, "tenant clone acme copy --tier start").code(2).says(&["did you mean 'starter'?"]);
    run(site, "tenant clone acme copy --tier starter").code(6).says(&["120 where 10 are allowed"]);
    let plan = run(site, "tenant clone acme copy --mask-pii --dry-run").code(0);
    for told in
        ["copy 470 rows", "users: 120 rows", "masked: users.email", "withheld: spotify_connections.access_token"]
    {
        assert!(plan.stdout.contains(told), "{told}: {plan}");
    }
    let plan = run(site, "tenant clone acme copy --dry-run -o json").code(0).json();
    assert!(plan["plans"][0]["notes"].to_string().contains("users: 120 rows"), "{plan}");
    assert_eq!(plan["plans"][0]["worst_effect"], "adds");
    assert!(site.image() == before, "nothing was changed");

    run(site, "tenant clone acme copy --plan-out plan.json").code(0);
    run(site, "tenant clone --plan plan.json").code(0);
    run(site, "tenant drop copy --keep-data --confirm copy").code(0);
    run(site, "tenant clone acme copy").code(6).says(&["belongs to no registered tenant"]);
    run(site, "tenant set-tier taken starter --yes").code(0);
    run(site, "tenant clone taken small").code(0);
    run(site, "tenant clone taken large --tier professional").code(0);
    let shown = run(site, "tenant show large -o json").code(0).json();
    assert_eq!((&shown["tenant"]["tier"], &shown["tenant"]["quotas"]["users"]), (&"professional".into(), &100.into()));
    for (tenant, tier) in [("small", "\"starter\""), ("large", "\"professional\"")] {
        assert_eq!(site.value(tenant, "SELECT value FROM _fixtool_setting WHERE name = 'tier'"), tier);
    }
}

/// Personal data of every kind, in keys and pointed at, beside secrets and what is nobody's.
const SHOP: &str = "
tables:
  people:
    columns:
      email: {type: string(60), required: true, format: email, pii: email}
      name: {type: string(40), required: true, min_length: 1, pii: name}
      phone: {type: string(20), unique: true, pii: phone}
      number: {type: int, unique: true, min: 1, pii: free-text}
      code: {type: string(8), unique: true, pattern: '[A-Z]{3}[0-9]{3}', pii: free-text}
      color: {type: 'enum(red,green,blue)', pii: free-text}
      site: {type: text, format: url, pii: free-text}
      address: {type: string(45), format: ip, pii: ip}
      born: {type: date, pii: free-text}
      profile: {type: json, pii: free-text}
      tags: {type: list(text), pii: free-text}
      hash: {type: text, required: true, unique: true, secret: argon2}
      token: {type: text, secret: sealed}
      amount: {type: 'decimal(9,2)', required: true}
    primary_key: [email]
  orders:
    columns:
      id: {type: int, required: true}
      email: {type: string(60), references: people.email}
      number: {type: int, references: people.number}
      note: {type: text, pii: free-text}
    primary_key: [id]
";

const PACK: &str = "
name: shop
title: A shop
versions: [1.0.0]
tiers:
  basic:
    title: Basic
    quotas: {}
    policy: {password: {min_length: 8}, mfa_required: false, audit_logging: false, backup_retention_days: 7}
";

fn pack(site: &Site, model: &str) {
    site.write("packs/shop/pack.yaml", PACK);
    site.write("packs/shop/1.0.0/model.yaml", model);
}

/// A tenant of the shop with so many people; each has personal values of every kind.
fn shop(site: &Site, people: u32) {
    pack(site, SHOP);
    run(site, "tenant init shop --pack shop --tier basic --yes").code(0);
    let statements: Vec<String> = (0..people).map(|n| person(site.engine(), n)).collect();
    for some in statements.chunks(50) {
        site.query("shop", &some.concat());
    }
}

/// Statements that make a person and an order.
fn person(engine: Engine, n: u32) -> String {
    let tags = match engine {
        Engine::Postgres => format!("'{{zzqnobody{n},b}}'"),
        Engine::Sqlite => format!("'[\"zzqnobody{n}\",\"b\"]'"),
    };
    let letters: String =
        [n / 26 / 26 % 26, n / 26 % 26, n % 26].iter().filter_map(|n| char::from_u32(65 + n)).collect();
    // Two addresses that differ in their letters alone are two people here.
    let email = if n.is_multiple_of(2) { format!("zzq{n}@zzq.example") } else { format!("ZZQ{}@zzq.example", n - 1) };
    let color = ["red", "green", "blue"][n as usize % 3];
    let (number, code, day) = (n + 1, n % 1000, n % 28 + 1);
    let address = format!("198.51.{}.{}", n / 250, n % 250 + 1);
    let ordered = if n.is_multiple_of(5) { "NULL, NULL".to_owned() } else { format!("'{email}', {number}") };
    format!(
        "INSERT INTO people VALUES ('{email}', 'Zzq Lovelace{n}', '+49 5550{n:05}', {number}, '{letters}{code:03}', \
         '{color}', 'https://zzq.example/{n}', '{address}', '1980-02-{day:02}', \
         '{{\"kept\": \"zzqnobody\\ttext{n}\", \"b\": [77001770017, null]}}', {tags}, 'zzqhash{n}', 'zzqtoken{n}', {n}.50);\
         INSERT INTO orders VALUES ({n}, {ordered}, 'call zzqnobody{n}\nat 77002770027');"
    )
}

/// One column of a table, in the order of another.
fn column(site: &Site, tenant: &str, what: &str) -> Vec<String> {
    site.query(tenant, what).into_iter().map(|row| row[0].clone()).collect()
}

fn masks_hide_everybody_and_keep_keys_references_and_rules(site: &Site) {
    shop(site, 300);
    run(site, "tenant clone shop masked --mask-pii").code(0);
    let found = contents(site, "masked");
    let count =
        |of: &backups::Contents, table: &str| of.iter().find(|(name, _)| name == table).map(|(_, rows)| rows.len());
    assert_eq!((count(&found, "people"), count(&found, "orders")), (Some(300), Some(300)));
    let text = format!("{found:?}").to_lowercase();
    for column_of in ["email", "name", "phone", "site", "address", "born", "hash", "token"] {
        for hidden in column(site, "shop", &format!("SELECT {column_of} FROM people")) {
            assert!(!text.contains(&hidden.to_lowercase()), "{hidden}");
        }
    }
    for hidden in ["zzqnobody", "lovelace", "77001770017", "77002770027"] {
        assert!(!text.contains(hidden), "{hidden}");
    }
    // What is nobody's stays, and what was different stays different.
    let amounts = "SELECT amount FROM people ORDER BY amount";
    assert_eq!(column(site, "masked", amounts), column(site, "shop", amounts));
    for key in ["email", "phone", "number", "code", "hash"] {
        let all: BTreeSet<String> = column(site, "masked", &format!("SELECT {key} FROM people")).into_iter().collect();
        assert_eq!(all.len(), 300, "{key}");
    }
    let small: BTreeSet<String> = column(site, "masked", "SELECT lower(email) FROM people").into_iter().collect();
    assert_eq!(small.len(), 150, "an address in other letters is the same address");
    // Who ordered what is as before, by either key.
    let ordered =
        "SELECT p.amount FROM orders o JOIN people p ON p.email = o.email AND p.number = o.number ORDER BY o.id";
    assert_eq!(column(site, "masked", ordered), column(site, "shop", ordered));
    assert_eq!(column(site, "masked", "SELECT count(*) FROM orders WHERE email IS NULL AND number IS NULL"), ["60"]);
    assert_eq!(column(site, "masked", "SELECT count(*) FROM people WHERE token IS NULL"), ["300"]);

    // Every record keeps the rules of the pack: the load of an export checks them all.
    run(site, "data export --tenant masked --output-dir out --format ndjson --yes").code(0);
    run(site, "tenant init again --pack shop --tier basic --yes").code(0);
    run(site, "data load out --tenant again --yes").code(0);
    assert_eq!((site.count("again", "people"), site.count("again", "orders")), (300, 300));

    // Each run has a secret of its own.
    run(site, "tenant clone shop other --mask-pii").code(0);
    let phones = "SELECT phone FROM people ORDER BY amount";
    assert_ne!(column(site, "other", phones), column(site, "masked", phones));
    run(site, "tenant clone shop open").code(0).says(&["people.token"]);
    assert_same(&contents(site, "open"), &contents(site, "shop"));
}

const ACCOUNTS: &str = "
tables:
  one: {columns: {id: {type: int, required: true}, amount: {type: bigint, required: true}}, primary_key: [id]}
  two: {columns: {id: {type: int, required: true}, amount: {type: bigint, required: true}}, primary_key: [id]}
";

/// Moves amounts between the two tables until it is told to stop; how often it did.
fn move_until(site: &Site, writer: u32, stop: &AtomicBool) -> u32 {
    let wait = if site.engine() == Engine::Sqlite { "PRAGMA busy_timeout = 60000;" } else { "" };
    let mut moved = 0;
    while !stop.load(Ordering::Relaxed) {
        // Each writer has rows of its own, so that nobody waits for a lock of another.
        let (from, to) = (writer * 100 + moved % 100, writer * 100 + (moved * 7 + 3) % 100);
        let sql = format!(
            "{wait}BEGIN{};UPDATE one SET amount = amount - 3 WHERE id = {from};\
             UPDATE two SET amount = amount + 3 WHERE id = {to};COMMIT;",
            if site.engine() == Engine::Sqlite { " IMMEDIATE" } else { "" }
        );
        site.query("bank", &sql);
        moved += 1;
    }
    moved
}

fn a_copy_is_one_moment_under_eight_writers(site: &Site) {
    pack(site, ACCOUNTS);
    run(site, "tenant init bank --pack shop --tier basic --yes").code(0);
    for table in ["one", "two"] {
        let rows =
            "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 19999) SELECT n, 1000 FROM n";
        site.query("bank", &format!("INSERT INTO {table} {rows}"));
    }
    let stop = AtomicBool::new(false);
    let (moved, seen) = std::thread::scope(|scope| {
        let stop = &stop;
        let writers: Vec<_> = (0..8).map(|writer| scope.spawn(move || move_until(site, writer, stop))).collect();
        let watched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut seen = BTreeSet::new();
            for copy in 0..4 {
                run(site, &format!("tenant clone bank copy-{copy}")).code(0);
                let copy = format!("copy-{copy}");
                let sum = |table: &str| -> i64 {
                    site.value(&copy, &format!("SELECT sum(amount) FROM {table}")).parse().expect("a number")
                };
                assert_eq!(sum("one") + sum("two"), 40_000_000, "{copy} is of two moments");
                assert_eq!((site.count(&copy, "one"), site.count(&copy, "two")), (20_000, 20_000));
                seen.insert(sum("one"));
            }
            seen
        }));
        stop.store(true, Ordering::Relaxed);
        let moved: u32 = writers.into_iter().map(|writer| writer.join().expect("a writer")).sum();
        (moved, watched.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    assert!(moved > 50 && seen.len() > 1, "the writers wrote: {moved} moves, {} different copies", seen.len());
}

const MOMENTS: u32 = 10;

fn a_copy_that_is_killed_is_finished_or_taken_back(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(6_000));
    words::load(site, &file, "acme", "users").code(0);
    let took = run(site, "tenant clone acme copy").code(0).took;
    run(site, "tenant drop copy --confirm copy").code(0);
    let (mut killed, mut resumed, mut undone) = (0, 0, 0);
    for moment in 0..MOMENTS {
        let before = words::newest_run(site);
        let then = contents(site, "acme");
        let cloning = site.spawn(["tenant", "clone", "acme", "copy"]);
        killed += u32::from(cloning.kill_after(took.mul_f64((f64::from(moment) + 0.5) / f64::from(MOMENTS))));
        words::let_leases_expire(site);
        site.query("acme", &format!("UPDATE users SET name = 'at {moment}'"));
        let begun = words::newest_run(site).filter(|run| Some(run) != before.as_ref());
        match begun.filter(|run| !words::is_done(site, run)) {
            Some(begun) if moment % 3 == 2 => {
                site.fixtool(["op", "undo", &begun, "--confirm", "copy"]).code(0);
                assert!(!site.has_namespace("copy"));
                undone += 1;
                continue;
            }
            Some(begun) => {
                if site.has_namespace("copy") {
                    run(site, "tenant clone acme copy").code(6).says(&["op"]);
                }
                site.fixtool(["op", "resume", &begun, "--yes"]).code(0);
                resumed += 1;
            }
            None if site.has_namespace("copy") => {}
            None => {
                run(site, "tenant clone acme copy").code(0);
            }
        }
        // One moment or the other, never some of both.
        let (found, now) = (contents(site, "copy"), contents(site, "acme"));
        assert!(found == then || found == now, "the copy is of no moment");
        let done = words::done_run(site, "tenant.clone");
        site.fixtool(["op", "undo", &done, "--confirm", "copy"]).code(0);
        assert!(!site.has_namespace("copy"));
    }
    assert!(killed >= MOMENTS / 2, "{killed} of {MOMENTS} runs were killed in the middle");
    assert!(resumed >= 1 && resumed + undone >= 2, "{resumed} were resumed and {undone} taken back");
}

/// What `data export` writes of a tenant: the same on every engine.
fn exported(site: &Site, tenant: &str) -> String {
    let tables = ["users", "ai_sessions", "content_generated"];
    let export = |table| {
        let out = run(site, &format!("data export --tenant {tenant} --data-types {table} --output-dir -")).code(0);
        let mut lines: Vec<&str> = out.stdout.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    tables.map(export).join("\n")
}

#[test]
fn a_tenant_is_copied_to_the_other_engine_and_back() {
    let here = Site::postgres();
    here.write("fixtool.toml", "[databases.files]\nurl = 'sqlite:./files'\n");
    backups::tenant(&here, "acme");
    run(&here, "tenant clone acme there --on files").code(0).says(&["PostgreSQL", "SQLite"]);
    assert!(site::files_below(&here.path("files")).iter().any(|file| file.display().to_string().contains("there")));
    assert!(!here.has_namespace("there"));
    assert_eq!(exported(&here, "there"), exported(&here, "acme"));
    run(&here, "tenant clone there back --on main").code(0);
    assert_same(&contents(&here, "back"), &contents(&here, "acme"));
    run(&here, "tenant clone there hidden --on main --mask-pii").code(0);
    let emails = column(&here, "hidden", "SELECT email FROM users");
    assert!(emails.len() == 120 && emails.iter().all(|email| email.ends_with("@example.invalid")));
    assert_eq!(here.count("hidden", "content_generated"), 50);
    let undo = words::done_run(&here, "tenant.clone");
    here.fixtool(["op", "undo", &undo, "--confirm", "hidden"]).code(0);
    assert!(!here.has_namespace("hidden"));

    let files = Site::sqlite();
    let database = PostgresDatabase::new();
    files.write("fixtool.toml", format!("[databases.server]\nurl = '{}'\n", database.url()));
    backups::tenant(&files, "acme");
    run(&files, "tenant clone acme there --on server").code(0);
    assert_eq!(database.query("SELECT count(*) FROM tenant_there.users")[0][0], "120");
    run(&files, "tenant clone there back --on main").code(0);
    assert_eq!(exported(&files, "back"), exported(&files, "there"));
    assert_eq!(column(&files, "back", "SELECT count(*) FROM ai_sessions"), ["300"]);
}

on_both_engines!(
    a_copy_is_the_same_tenant_by_another_name,
    what_cannot_be_copied_is_refused,
    masks_hide_everybody_and_keep_keys_references_and_rules,
    a_copy_is_one_moment_under_eight_writers,
    a_copy_that_is_killed_is_finished_or_taken_back,
);
