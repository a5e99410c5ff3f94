//! What earlier releases left behind is still read: `tests/fixtures/NAME`, made by `tests/fixtures/make-old.sh`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Engine, Output, PostgresDatabase, Site, backups, words};

/// The releases whose remains are kept, the oldest first.
const RELEASES: [&str; 1] = ["2d81f12"];

/// The sources of an engine at the place that runs and plans of a release name, until it goes out of scope. Runs and
/// plans are hashed, so no other place can be written into them. The roles of a release, too, can be on a server once
/// only. So its scenes come one after the other, in all processes of the machine.
struct Sources {
    folder: PathBuf,
    _alone: File,
}

impl Sources {
    fn lay(release: &str, engine: &str) -> Self {
        let place = PathBuf::from(format!("/tmp/fixtool-old-{release}"));
        let alone = File::options().create(true).append(true).open(place.with_extension("lock")).expect("the lock");
        alone.lock().expect("the lock");
        let sources = Self { folder: place.join(engine), _alone: alone };
        fs::create_dir_all(&sources.folder).expect("the place of the sources");
        for name in ["few.csv", "many.csv.gz", "more.csv", "bad.csv", "one.csv"] {
            fs::copy(folder(release, engine).join(name), sources.folder.join(name)).expect("a source");
        }
        sources
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
        let _ = self.folder.parent().map(fs::remove_dir);
    }
}

/// The tenants' roles of a scene; they belong to the server, and do not go with the database.
struct Roles {
    url: String,
    part: String,
}

impl Drop for Roles {
    fn drop(&mut self) {
        // Also those that came meanwhile, with names that a tenant may have: '-' needs quotes.
        let sql = format!(
            "DO $$ DECLARE one text; BEGIN
                 FOR one IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'tenant\\_%\\_{}' LOOP
                     EXECUTE format('DROP OWNED BY %I CASCADE', one);
                     EXECUTE format('DROP ROLE %I', one);
                 END LOOP;
             END $$",
            self.part
        );
        let _ = Command::new("psql").args(["-X", "-q", "-d", &self.url, "-c", &sql]).output();
    }
}

fn folder(release: &str, engine: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(release).join(engine)
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-r").arg(from.join(".")).arg(to).status().expect("cp");
    assert!(status.success(), "the remains are copied");
    fs::rename(to.join("state"), to.join(".fixtool")).expect("the folder of the state");
    // Git keeps no modes; keys are for their owner alone.
    let status = Command::new("chmod").args(["-R", "go=", "."]).current_dir(to).status().expect("chmod");
    assert!(status.success(), "the remains are private");
}

/// Does something with what each release left behind on each engine.
fn with_remains(work: impl Fn(&Site, &str)) {
    for release in RELEASES {
        {
            let _sources = Sources::lay(release, "sqlite");
            let site = Site::sqlite();
            copy(&folder(release, "sqlite"), &site.work());
            work(&site, release);
        }
        let _sources = Sources::lay(release, "postgres");
        let database = PostgresDatabase::new();
        let from = folder(release, "postgres");
        let url = database.url();
        let roles = fs::read_to_string(from.join("roles.txt")).expect("the roles");
        let part = roles.trim_end().trim_end_matches('"').rsplit('_').next().expect("the site's part").to_owned();
        let site = Site::with_postgres(database);
        // Declared after the site, so that it goes before the database does, after a failure, too.
        let _roles = Roles { url, part };
        for file in ["roles.sql", "database.sql"] {
            restore(site.database(), &from.join(file));
        }
        copy(&from, &site.work());
        work(&site, release);
    }
}

fn restore(database: &PostgresDatabase, file: &Path) {
    let output = Command::new("psql")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-d", &database.url(), "-f"])
        .arg(file)
        .output()
        .expect("psql");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn run(site: &Site, line: &str) -> Output {
    backups::run(site, line)
}

/// The run of this operation on this tenant that was killed.
fn halted(site: &Site, tenant: &str) -> String {
    let sql = format!("SELECT run FROM fixtool.run WHERE target = '{tenant}' AND status = 'running'");
    site.catalog(&sql)[0][0].clone()
}

#[test]
fn lists_runs_packs_and_the_chain_of_an_old_release_are_read() {
    with_remains(|site, release| {
        // By a user who only looks, before anything is written.
        let listed = run(site, "tenant list -o json").code(0).json();
        let ids: Vec<&str> =
            listed["tenants"].as_array().expect("tenants").iter().filter_map(|t| t["id"].as_str()).collect();
        assert_eq!(ids, ["acme", "halted", "regretted"], "{release}");
        run(site, "tenant show acme").code(0);
        run(site, "tenant credential list acme").code(0);
        let entries = site.catalog("SELECT * FROM fixtool.ledger_entry ORDER BY seq");
        run(site, "op verify").code(0);
        let runs = site.catalog("SELECT run FROM fixtool.run ORDER BY run");
        for one in &runs {
            run(site, &format!("op show {} -o json", one[0])).code(0);
        }
        run(site, "pack check packs/shop").code(0);
        // More is chained on; what was written before stays as it is.
        run(site, "tenant set-tier acme enterprise --yes").code(0);
        run(site, "op verify").code(0);
        let after = site.catalog("SELECT * FROM fixtool.ledger_entry ORDER BY seq");
        assert!(after.len() > entries.len() && after[..entries.len()] == entries[..], "{release}");
    });
}

#[test]
fn backups_of_an_old_release_are_verified_and_restored() {
    with_remains(|site, _| {
        let now = site.contents("acme", "users", "id");
        for (config, snapshots) in [("", 3), ("--config sealed.toml ", 2)] {
            let listed = run(site, &format!("{config}backup list --tenant acme -o json")).code(0).json();
            let listed = listed["snapshots"].as_array().expect("snapshots").clone();
            assert!(listed.len() >= 2 && listed.len() <= snapshots, "{listed:?}");
            for one in &listed {
                let id = one["id"].as_str().expect("an id");
                run(site, &format!("{config}backup show {id}")).code(0);
                run(site, &format!("{config}backup verify {id} --level data")).code(0);
            }
            let newest = listed.iter().filter_map(|one| one["id"].as_str()).max().expect("a snapshot");
            let copy = format!("copy{}", config.len());
            run(site, &format!("{config}backup restore {newest} --tenant {copy} --yes")).code(0);
            if !config.is_empty() {
                assert_eq!(site.contents(&copy, "users", "id"), now);
            }
        }
        for end in ["tar.zst", "zip"] {
            let archives = crate::support::site::files_below(&site.path("archives"));
            let archive = archives.iter().find(|file| file.to_string_lossy().ends_with(end)).expect("an archive");
            run(site, &format!("backup verify {}", archive.display())).code(0);
            let copy = format!("from-{}", end.replace('.', "-"));
            run(site, &format!("backup restore {} --tenant {copy} --yes", archive.display())).code(0);
            assert!(site.count(&copy, "users") >= 25);
        }
    });
}

#[test]
fn runs_of_an_old_release_are_resumed_and_undone() {
    with_remains(|site, _| {
        let [resumed, regretted] = ["halted", "regretted"].map(|tenant| halted(site, tenant));
        let loaded = site.count("halted", "users") - 20;
        run(site, &format!("op resume {resumed} --yes")).code(0);
        assert_eq!(site.count("halted", "users"), 600);
        let undone = run(site, &format!("op undo {resumed} --yes --confirm halted")).code(0);
        if site.engine() == Engine::Postgres {
            // A loaded row is known by the transaction that wrote it, and a dump does not carry that. What was loaded
            // before the dump could be anybody's since: it stays, and that is said.
            let said = format!("{loaded} rows of users were changed since the load and stay");
            assert!(undone.stdout.contains(&said), "{undone}");
            assert_eq!(site.count("halted", "users"), 20 + loaded);
            // As in the database itself, which a new release finds in its place.
            site.query(
                "regretted",
                "UPDATE _fixtool_undo u SET mark = t.xmin::text FROM users t WHERE t.id::text = u.key::json->>0",
            );
        } else {
            assert_eq!(site.count("halted", "users"), 20);
        }
        run(site, &format!("op undo {regretted} --yes --confirm regretted")).code(0);
        assert_eq!(site.count("regretted", "users"), 20);
        let dropped = words::done_run(site, "tenant.drop");
        run(site, &format!("op undo {dropped} --yes --confirm dropped")).code(0);
        assert_eq!(site.count("dropped", "users"), 20);
        run(site, "op verify").code(0);
    });
}

#[test]
fn a_plan_and_a_rejects_file_of_an_old_release_are_used() {
    with_remains(|site, release| {
        let before = site.count("acme", "users");
        let rejects = site.read("rejects/users.rejects.ndjson").replace("not an address", "now@example.com");
        site.write("mended/users.rejects.ndjson", rejects);
        run(site, "data load --plan plan.json").code(0);
        assert_eq!(site.count("acme", "users"), before + 1, "{release}");
        let now = site.count("acme", "users");
        run(site, "data load mended/users.rejects.ndjson --tenant acme --yes").code(0);
        assert_eq!(site.count("acme", "users"), now + 1);
    });
}

#[test]
fn an_older_fixtool_refuses_a_newer_catalog_by_name() {
    for site in Site::both() {
        words::init(&site, "acme");
        site.catalog("INSERT INTO fixtool.migration VALUES (99, 'tomorrow', 'x', '2030-01-01T00:00:00.000000Z')");
        for line in ["tenant list", "op log", "tenant suspend acme --yes"] {
            run(&site, line).code(6).says(&["migration 99", "'tomorrow'", "install the release"]);
        }
    }
}
