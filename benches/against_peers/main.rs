//! Speed and memory of fixtool against the tools that an administrator would use instead: `data load` against
//! `psql \copy` and `sqlite3 .import` of the same file into the same table, `backup` against `pg_dump` and `pg_restore`.
//!
//! `make bench` runs all of it; `make bench ARGS="--rows 10000000 --section postgres"` a part, with
//! more rows. Runs alternate, the median of three counts, and where the contents of two tables
//! differ no ratio is printed and the benchmark fails.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and ends where it cannot go on")]

mod backup;
mod backup_fleet;
mod fleet;
#[path = "../../tests/suite/support/generate.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod generate;
mod measure;
mod postgres;
mod rejects;
mod sqlite;

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// What is measured.
#[derive(Debug)]
pub struct Options {
    /// Users in the file.
    pub rows: u64,
    /// How often each run is repeated.
    pub rounds: usize,
    /// Only these sections; all when empty.
    pub sections: Vec<String>,
    /// Where files and databases go.
    pub folder: PathBuf,
}

impl Options {
    fn from_arguments() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("against-peers-{}", std::process::id()));
        let mut options = Self { rows: 1_000_000, rounds: 3, sections: Vec::new(), folder };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().expect("a value behind the option");
            match argument.as_str() {
                "--rows" => options.rows = value().replace('_', "").parse().expect("a number of rows"),
                "--rounds" => options.rounds = value().parse().expect("a number of rounds"),
                "--section" => options.sections.push(value()),
                // Cargo adds it.
                "--bench" => {}
                other => panic!("unknown option {other}: there are --rows, --rounds and --section"),
            }
        }
        options
    }

    fn wants(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|wanted| wanted == section)
    }
}

fn main() {
    let options = Options::from_arguments();
    fs::create_dir_all(&options.folder).expect("a folder for the files");
    let equal = run(&options);
    fs::remove_dir_all(&options.folder).expect("the folder is removed");
    assert!(equal, "contents differ: see above");
}

fn run(options: &Options) -> bool {
    let mut equal = true;
    if options.wants("postgres") || options.wants("incremental") {
        let file = users_file(options, "users.csv", generate::Shape::Usual);
        equal &= postgres::run(options, &file);
        fs::remove_file(file).expect("the file is removed");
    }
    if options.wants("sqlite") || options.wants("incremental") {
        let file = users_file(options, "users-filled.csv", generate::Shape::Filled);
        equal &= sqlite::run(options, &file);
        fs::remove_file(file).expect("the file is removed");
    }
    if options.wants("rejects") {
        equal &= rejects::run(options);
    }
    if options.wants("backup") {
        let file = users_file(options, "users.csv", generate::Shape::Usual);
        equal &= backup::run(options, &file);
        fs::remove_file(file).expect("the file is removed");
    }
    if options.wants("backup-fleet") {
        equal &= backup_fleet::run(options);
    }
    if options.wants("fleet") {
        equal &= fleet::run(options);
    }
    equal
}

/// Writes the file, which leaves it in the page cache for everybody alike.
fn users_file(options: &Options, name: &str, shape: generate::Shape) -> PathBuf {
    let path = options.folder.join(name);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&path).expect("the file"));
    generate::write_users(&mut out, 0..options.rows, 1, shape).expect("the file is written");
    out.flush().expect("the file is written");
    path
}
