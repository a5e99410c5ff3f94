//! What bad records cost: 100,000 sessions of which 200 are bad, against the same without a fault.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Options;
use super::generate::{Fault, Shape, write_sessions, write_users};
use super::measure::{Contender, fixtool, init_words, output, print_ratio, run_to};
use super::postgres::Database;

const SESSIONS: u64 = 100_000;
const BAD: u64 = 200;
const USERS: u64 = 1_000;

struct Files {
    users: PathBuf,
    clean: PathBuf,
    bad: PathBuf,
}

/// Every five hundredth session is bad, in turn in one of three ways.
fn fault(number: u64) -> Option<Fault> {
    let each = SESSIONS / BAD;
    (number % each == each - 1).then(|| match number / each % 3 {
        0 => Fault::Duplicate,
        1 => Fault::Reference,
        _ => Fault::Check,
    })
}

fn files(folder: &Path) -> Files {
    let write = |name: &str, fill: &dyn Fn(&mut BufWriter<File>) -> std::io::Result<()>| {
        let path = folder.join(name);
        let mut out = BufWriter::new(File::create(&path).expect("the file"));
        fill(&mut out).and_then(|()| out.flush()).expect("the file is written");
        path
    };
    Files {
        users: write("few-users.csv", &|out| write_users(out, 0..USERS, 1, Shape::Usual)),
        clean: write("clean.csv", &|out| write_sessions(out, 0..SESSIONS, (USERS, 1), |_| None)),
        bad: write("bad.csv", &|out| write_sessions(out, 0..SESSIONS, (USERS, 1), fault)),
    }
}

fn load(home: &Path, url: Option<&str>, (tenant, kind): (&str, &str), file: &Path, more: &[&str]) -> Command {
    let file = file.to_str().expect("a path in UTF-8");
    let mut arguments = vec!["data", "load", file, "--tenant", tenant, "--data-types", kind, "--yes"];
    arguments.extend(more);
    fixtool(home, url, &arguments)
}

/// The section, on both engines; false when a count is wrong.
pub fn run(options: &Options) -> bool {
    let files = files(&options.folder);
    let database = Database::new();
    let url = database.url();
    println!("\n{SESSIONS} sessions, {BAD} of them bad, --on-error reject");
    let on_postgres = compare(options, &files, "PostgreSQL", Some(&url));
    let on_sqlite = compare(options, &files, "SQLite", None);
    on_postgres && on_sqlite
}

fn compare(options: &Options, files: &Files, engine: &str, url: Option<&str>) -> bool {
    let mut clean = Contender::new(&format!("{engine}: without a fault"));
    let mut bad = Contender::new(&format!("{engine}: with {BAD} bad records"));
    let home = options.folder.join("rejects");
    let mut equal = true;
    for round in 0..options.rounds {
        for (contender, file, name, code) in [(&mut clean, &files.clean, "clean", 0), (&mut bad, &files.bad, "bad", 3)]
        {
            let tenant = format!("{name}_{round}");
            output(&mut fixtool(&home, url, &init_words(&tenant)));
            output(&mut load(&home, url, (&tenant, "users"), &files.users, &[]));
            let rejects = home.join(&tenant);
            let to = rejects.to_str().expect("a path in UTF-8");
            let more = ["--on-error", "reject", "--rejects", to];
            let mut command = load(&home, url, (&tenant, "ai_sessions"), file, &more);
            contender.add(run_to(&mut command, &options.folder, code));
            let file = rejects.join("ai_sessions.rejects.ndjson");
            let lines = fs::read_to_string(file).map_or(0, |text| text.lines().count() as u64);
            let wanted = if code == 0 { 0 } else { BAD };
            if lines != wanted {
                println!("  {tenant}: {lines} lines in the rejects file, wanted {wanted}");
                equal = false;
            }
        }
    }
    clean.print();
    bad.print();
    print_ratio("with bad records / without", bad.median(), clean.median(), 1.6, equal);
    equal
}
