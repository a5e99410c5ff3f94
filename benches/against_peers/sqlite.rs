//! SQLite: `fixtool data load` against `sqlite3 .import`.
//!
//! `.import` cannot make a NULL of an empty field and knows no `true`, so the file of this section has
//! neither: then both tools write the same bytes, and the tables can be compared as they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Options;
use super::generate::USERS_HEADER;
use super::measure::{Contender, Run, fixtool, init_words, output, print_ratio, run as measured};

struct Home {
    folder: PathBuf,
}

impl Home {
    /// A folder with a fresh tenant in it.
    fn with_tenant(options: &Options, name: &str) -> Self {
        let folder = options.folder.join(name);
        output(&mut fixtool(&folder, None, &init_words("bench")));
        Self { folder }
    }

    /// The tenant's file.
    fn file(&self) -> PathBuf {
        let mut open = vec![self.folder.join(".fixtool")];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
                let stem = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
                if entry.is_dir() {
                    open.push(entry);
                } else if stem == "bench.db" || stem == "tenant_bench.db" {
                    return entry;
                }
            }
        }
        panic!("no file of the tenant in {}", self.folder.display())
    }

    fn load(&self, options: &Options, file: &Path, more: &[&str]) -> Run {
        let file = file.to_str().expect("a path in UTF-8");
        let mut arguments = vec!["data", "load", file, "--tenant", "bench", "--data-types", "users", "--yes"];
        arguments.extend(more);
        measured(&mut fixtool(&self.folder, None, &arguments), &options.folder)
    }

    fn import(&self, options: &Options, file: &Path, before: &str) -> Run {
        let import = format!(".import --csv --skip 1 '{}' users", file.display());
        let mut command = Command::new("sqlite3");
        command.args(["-batch", "-bail"]).arg(self.file()).args([before, &import]);
        measured(&mut command, &options.folder)
    }

    /// Digest of all rows in the order of their ids.
    fn digest(&self) -> String {
        let quoted: Vec<String> = USERS_HEADER.split(',').map(|column| format!("quote({column})")).collect();
        let sql = format!("SELECT {} FROM users ORDER BY id;", quoted.join(", "));
        let pipe = "sqlite3 -batch -bail \"$1\" \"$2\" | tee >(wc -l >&2) | sha256sum";
        let mut command = Command::new("bash");
        command.args(["-o", "pipefail", "-c", pipe, "digest"]).arg(self.file()).arg(sql);
        output(&mut command)
    }

    fn count(&self) -> String {
        output(Command::new("sqlite3").arg(self.file()).arg("SELECT count(*) FROM users"))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The section; false when contents differ.
pub fn run(options: &Options, file: &Path) -> bool {
    let version = output(Command::new("sqlite3").arg("-version"));
    let megabytes = std::fs::metadata(file).expect("the file").len() / 1_000_000;
    let version = version.split(' ').next().unwrap_or_default();
    println!("\nSQLite (shell {version}): {} users from CSV, {megabytes} MB", options.rows);
    let mut equal = true;
    if options.wants("sqlite") {
        equal &= against_import(options, file);
    }
    if options.wants("incremental") {
        equal &= incremental(options, file);
    }
    equal
}

fn against_import(options: &Options, file: &Path) -> bool {
    let mut ours = Contender::new("fixtool data load, every record checked");
    let mut import = Contender::new("sqlite3 .import into the finished table");
    let mut cached = Contender::new("the same with a page cache of 512 MB");
    let mut equal = true;
    let mut digests = Vec::new();
    for round in 0..options.rounds {
        let home = Home::with_tenant(options, &format!("ours-{round}"));
        ours.add(home.load(options, file, &[]));
        digests.push(home.digest());
        equal &= home.count() == options.rows.to_string();
        drop(home);

        let home = Home::with_tenant(options, &format!("peer-{round}"));
        import.add(home.import(options, file, "PRAGMA cache_size"));
        digests.push(home.digest());
        drop(home);

        let home = Home::with_tenant(options, &format!("cached-{round}"));
        cached.add(home.import(options, file, "PRAGMA cache_size = -524288"));
        digests.push(home.digest());
    }
    equal &= digests.iter().all(|digest| digest == &digests[0]);
    for contender in [&ours, &import, &cached] {
        contender.print();
    }
    print_ratio("data load / .import", ours.median(), import.median(), 0.7, equal);
    print_ratio("data load / .import with 512 MB", ours.median(), cached.median(), 1.0, equal);
    equal
}

fn incremental(options: &Options, file: &Path) -> bool {
    let mut first = Contender::new("fixtool data load, the first time");
    let mut second = Contender::new("the unchanged file with --mode incremental");
    let mut equal = true;
    for round in 0..options.rounds {
        let home = Home::with_tenant(options, &format!("again-{round}"));
        first.add(home.load(options, file, &[]));
        let before = home.digest();
        second.add(home.load(options, file, &["--mode", "incremental"]));
        equal &= before == home.digest() && home.count() == options.rows.to_string();
    }
    first.print();
    second.print();
    print_ratio("second / first load, nothing changed", second.median(), first.median(), 0.3, equal);
    equal
}
