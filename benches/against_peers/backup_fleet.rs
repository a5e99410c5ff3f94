//! Backups of small tenants among many: one of them, and all in one run, against `pg_dump -n`.

use std::fs;
use std::process::Command;

use super::Options;
use super::measure::{Contender, fixtool, init_words, output, print_ratio, run as measured};
use super::postgres::Database;

const TENANTS: usize = 2_000;
/// Dumps of which the time of all is extrapolated.
const DUMPS: usize = 20;

/// The section.
pub fn run(options: &Options) -> bool {
    println!("\n{TENANTS} tenants of 11 tables on PostgreSQL: one of them backed up, and all");
    let database = Database::new();
    let (url, home) = (database.url(), options.folder.join("backup-fleet"));
    let ids: Vec<String> = (0..TENANTS).map(|number| format!("small-{number:04}")).collect();
    let mut words = init_words(&ids[0]);
    words.extend(ids[1..].iter().map(String::as_str));
    words.extend(["--concurrency", "8"]);
    output(&mut fixtool(&home, Some(&url), &words));
    for some in ids.chunks(100) {
        let rows = some.iter().map(|id| {
            format!(
                "INSERT INTO \"tenant_{id}\".users (email, name) \
                 SELECT 'user' || n || '@example.com', 'User ' || n FROM generate_series(1, 20) n;"
            )
        });
        database.query(&rows.collect::<String>());
    }
    database.query("VACUUM ANALYZE");
    sealed(&home, &url);
    let (mut ours, mut theirs) = (Contender::new("fixtool backup create of one"), Contender::new("pg_dump -n of one"));
    for number in 0..DUMPS {
        let id = &ids[number * TENANTS / DUMPS];
        let words = ["backup", "create", "--tenant", id, "--yes"];
        ours.add(measured(&mut fixtool(&home, Some(&url), &words), &options.folder));
        let mut dump = Command::new("pg_dump");
        dump.args(["-Fc", "-n", &format!("tenant_{id}"), "-d", &url, "-f"]).arg(options.folder.join("one.dump"));
        theirs.add(measured(&mut dump, &options.folder));
    }
    ours.print();
    theirs.print();
    print_ratio("one of them", ours.median(), theirs.median(), 0.05, true);
    let mut all = Contender::new("fixtool backup create --all --concurrency 8");
    let words = ["backup", "create", "--all", "--concurrency", "8", "--yes"];
    all.add(measured(&mut fixtool(&home, Some(&url), &words), &options.folder));
    all.print();
    #[expect(clippy::cast_precision_loss, reason = "a number of tenants")]
    let extrapolated = theirs.median() * TENANTS as f64;
    print_ratio("all / pg_dump -n of each, extrapolated", all.median(), extrapolated, 0.02, true);
    let words = ["backup", "list", "--output", "json"];
    let listed = output(&mut fixtool(&home, Some(&url), &words)).matches("\"tenant\"").count();
    println!("  {listed} snapshots are listed");
    listed >= TENANTS
}

/// A key, so that everything is sealed.
fn sealed(home: &std::path::Path, url: &str) {
    output(&mut fixtool(home, Some(url), &["backup", "keygen", "--yes"]));
    let text = fs::read_to_string(home.join("backup-key.txt")).expect("the key");
    let public = text.lines().next().and_then(|line| line.split(' ').next_back()).expect("its public half");
    let settings = format!("[backup]\nrecipients = ['{public}']\nidentities = ['./backup-key.txt']\n");
    fs::write(home.join("fixtool.toml"), settings).expect("the settings");
}
