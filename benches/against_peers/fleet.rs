//! Many tenants: a thousand made by one run, and ten thousand listed.

use std::path::Path;
use std::process::Command;

use super::Options;
use super::measure::{Contender, fixtool, init_words, output, run as measured};
use super::postgres::Database;

const MADE: usize = 1_000;
const LISTED: usize = 10_000;

/// Columns of the registry, the id and the namespace taken out.
const COLUMNS: &str = "placement, pack, version, tier, status, labels, admin_email, adopted, fingerprint, quotas, \
     integrations, created_at, updated_at";

/// The section, on both engines.
pub fn run(options: &Options) -> bool {
    println!("\n{MADE} tenants by one run with --concurrency 8, and the list of {LISTED}");
    let database = Database::new();
    let url = database.url();
    one_engine(options, "PostgreSQL", Some(&url), |sql| drop(database.query(sql)));
    let home = options.folder.join("fleet-SQLite");
    let catalog = home.join(".fixtool/catalog.db");
    one_engine(options, "SQLite", None, |sql| {
        let sql = sql.replace("fixtool.tenant", "tenant");
        output(Command::new("sqlite3").arg(&catalog).arg(sql));
    });
    true
}

fn one_engine(options: &Options, engine: &str, url: Option<&str>, sql: impl Fn(&str)) {
    let home = options.folder.join(format!("fleet-{engine}"));
    let mut made = Contender::new(&format!("{engine}: {MADE} tenants made"));
    let ids: Vec<String> = (0..MADE).map(|number| format!("made-{number:04}")).collect();
    let mut words = init_words(&ids[0]);
    words.extend(ids[1..].iter().map(String::as_str));
    words.extend(["--concurrency", "8"]);
    made.add(measured(&mut fixtool(&home, url, &words), &options.folder));
    made.print();

    sql(&format!(
        "WITH RECURSIVE n(n) AS (SELECT {MADE} UNION ALL SELECT n + 1 FROM n WHERE n < {LISTED} - 1)
         INSERT INTO fixtool.tenant (id, namespace, {COLUMNS})
         SELECT 'listed-' || n, 'tenant_listed-' || n, {COLUMNS} FROM fixtool.tenant, n WHERE id = 'made-0000'"
    ));
    list(options, engine, &home, url);
}

fn list(options: &Options, engine: &str, home: &Path, url: Option<&str>) {
    let mut listed = Contender::new(&format!("{engine}: tenant list of {LISTED}"));
    let words = ["tenant", "list", "--output", "json"];
    let lines = output(&mut fixtool(home, url, &words)).matches("listed-").count();
    for _ in 0..options.rounds {
        listed.add(measured(&mut fixtool(home, url, &words), &options.folder));
    }
    listed.print();
    let verdict = if listed.median() <= 0.3 && lines >= LISTED - MADE { "met" } else { "MISSED" };
    println!("  wanted at most 0.30 s: {verdict}");
}
