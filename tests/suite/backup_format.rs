//! A backup can be read without fixtool: the commands of `docs/backup-format.md` are carried out as they stand, with
//! nothing but `age`, `zstd`, `tar` and `psql`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::site::{PostgresDatabase, psql};
use crate::support::{Site, words};

const TABLES: [&str; 4] = ["users", "spotify_connections", "ai_sessions", "content_generated"];

/// Texts that COPY text has to write otherwise than they are, and a list.
const AWKWARD: &str = r#"
    UPDATE users SET name = E'tab\there' WHERE email = (SELECT min(email) FROM users);
    UPDATE users SET name = E'line\nbreak \\ \r and \\N' WHERE email = (SELECT max(email) FROM users);
    INSERT INTO users (email, name) VALUES ('null@example.com', '\N'), ('dot@example.com', '\.'), ('rune@example.com', '𝄞 ä');
    INSERT INTO spotify_connections (user_id, spotify_user_id, scopes)
        SELECT id, 'one', ARRAY['a,b', '"quoted"', '{}', 'NULL'] FROM users WHERE email = 'dot@example.com'"#;

/// The blocks of shell of the walk-through, in order.
fn blocks() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/backup-format.md");
    let text = fs::read_to_string(path).expect("the document");
    let (_, section) = text.split_once("\n## Restoring without fixtool\n").expect("the walk-through");
    let blocks = section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned());
    let blocks: Vec<String> = blocks.collect();
    assert!(blocks.len() >= 8, "{blocks:#?}");
    blocks
}

/// A tenant whose rows are not easy, and a configuration that seals; the key lies in `key.txt`.
fn sealed_site() -> Site {
    let site = Site::postgres();
    words::init(&site, "acme");
    words::fixtures(&site, "fixtures");
    site.line("fixtool data load fixtures --tenant acme --yes").code(0);
    site.query("acme", AWKWARD);
    for (path, bytes) in files() {
        let file = site.path(".fixtool/storage/tenants/acme").join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, bytes).expect("a file");
    }
    words::seal_backups(&site);
    site
}

/// A file of several chunks, one with an awkward name, and one without content.
fn files() -> [(&'static str, Vec<u8>); 3] {
    let mut random = fastrand::Rng::with_seed(5);
    let large = std::iter::repeat_with(|| random.u8(..)).take(4 << 20).collect();
    [("large.bin", large), ("docs/a | b ä.txt", b"words".to_vec()), ("empty", Vec::new())]
}

/// Carries out the walk-through; the reader's own places stand for those of the document.
fn carry_out(site: &Site, database: &PostgresDatabase, archive: Option<&Path>) {
    let mut script = String::from("set -euo pipefail\n");
    for block in blocks() {
        if archive.is_none() && block.contains("$archive") {
            continue;
        }
        script.extend(block.lines().filter(|line| !line.contains("/mnt/backups")).flat_map(|line| [line, "\n"]));
    }
    let done = Command::new("bash")
        .args(["-c", &script])
        .current_dir(site.work())
        .env("repository", site.path(".fixtool/backups"))
        .env("archive", archive.unwrap_or(Path::new("none")))
        .env("tenant", "acme")
        .env("key", site.path("key.txt"))
        .env("database", database.url())
        .output()
        .expect("bash");
    let (said, failed) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{script}\n{said}\n{failed}");
    let users = psql(&database.url(), "SELECT count(*) FROM rescue.users");
    assert!(said.contains(&format!("users|{users}|{users}\n")), "{said}");
    assert!(said.contains("time_zone"), "settings are shown: {said}");
}

/// Every row of a table as JSON, in an order that does not depend on the namespace.
fn rows(database: &PostgresDatabase, namespace: &str, table: &str) -> String {
    psql(&database.url(), &format!("SELECT to_jsonb(t)::text FROM {namespace}.{table} t ORDER BY 1"))
}

fn is_the_same(site: &Site, rescued: &PostgresDatabase) {
    for (path, bytes) in files() {
        assert!(fs::read(site.path("rescue/files").join(path)).expect(path) == bytes, "{path} is the same");
    }
    for table in TABLES {
        let expected = rows(site.database(), "tenant_acme", table);
        assert!(!expected.is_empty(), "{table} has rows");
        assert!(rows(rescued, "rescue", table) == expected, "{table} is the same");
    }
}

#[test]
fn a_sealed_repository_is_restored_with_standard_programs() {
    let site = sealed_site();
    site.line("fixtool backup create --tenant acme --include-files").code(0);
    // Names tell seconds: within one of them the newest snapshot is not the last by name.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    site.query("acme", "DELETE FROM content_generated WHERE id IN (SELECT id FROM content_generated LIMIT 7)");
    site.line("fixtool backup create --tenant acme --backup-type incremental --include-files").code(0);
    let rescued = PostgresDatabase::new();
    carry_out(&site, &rescued, None);
    is_the_same(&site, &rescued);
}

#[test]
fn an_archive_is_restored_with_standard_programs() {
    let site = sealed_site();
    site.line("fixtool backup create --tenant acme --include-files --output-path archives --compression gzip --archive tar.zst")
        .code(0);
    let archives: Vec<_> = fs::read_dir(site.path("archives")).expect("a folder").collect();
    let [archive] = archives.as_slice() else { panic!("one archive, not {archives:?}") };
    let rescued = PostgresDatabase::new();
    carry_out(&site, &rescued, Some(&archive.as_ref().expect("an entry").path()));
    is_the_same(&site, &rescued);
}
