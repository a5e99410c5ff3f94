//! Backups of one large tenant: `fixtool backup create` and `restore`, sealed, against `pg_dump` and `pg_restore`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Options;
use super::generate::USERS_HEADER;
use super::measure::{Contender, Run, fixtool, output, print_bytes, print_ratio, run as measured};
use super::postgres::Database;

const TENANT: &str = "large";
/// Sessions of each user.
const CHILDREN: u64 = 3;

/// The section; false when contents differ.
pub fn run(options: &Options, file: &Path) -> bool {
    let database = Database::new();
    let version = database.query("SHOW server_version");
    let users = options.rows;
    println!("\nPostgreSQL {version}: backups of {users} users and {} sessions", users * CHILDREN);
    fill(options, &database, file);
    let scene = Scene { options, url: database.url(), database: &database };
    let wanted = Scene::digest(&scene.url, &format!("tenant_{TENANT}"));
    scene.created();
    let equal = scene.restored(&wanted);
    scene.increments();
    equal
}

/// Users as the file has them, and sessions of different sizes, all written one after the other.
fn fill(options: &Options, database: &Database, file: &Path) {
    database.tenant(options, TENANT);
    let url = database.url();
    let copy = format!("\\copy tenant_{TENANT}.users ({USERS_HEADER}) FROM '{}' (FORMAT csv, HEADER)", file.display());
    output(Command::new("psql").args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &url, "-c", &copy]));
    database.query(&sessions("u.id IS NOT NULL"));
    database.query("VACUUM ANALYZE");
    database.query("CHECKPOINT");
}

fn sessions(which: &str) -> String {
    format!(
        "INSERT INTO tenant_{TENANT}.ai_sessions
             (id, user_id, session_type, status, context, metadata, expires_at, created_at, updated_at)
         SELECT gen_random_uuid(), u.id, (ARRAY['chat', 'compose', 'analyse', 'mix'])[1 + h % 4],
                (ARRAY['active', 'pending', 'completed', 'failed', 'timeout'])[1 + h / 4 % 5],
                jsonb_build_object('topic', 'track ' || h % 9973, 'turns', h % 40,
                                   'last', repeat('word ' || h % 97 || ' ', h % 7)),
                jsonb_build_object('client', (ARRAY['web', 'ios', 'android'])[1 + h % 3], 'build', h % 500),
                u.created_at + k * interval '1 hour', u.created_at + k * interval '1 minute', u.updated_at
         FROM tenant_{TENANT}.users u, generate_series(1, {CHILDREN}) k,
              LATERAL (SELECT abs(hashtext(u.id::text || k)) % 1000000 AS h) x WHERE {which}"
    )
}

struct Scene<'a> {
    options: &'a Options,
    url: String,
    database: &'a Database,
}

impl Scene<'_> {
    fn folder(&self, name: &str) -> PathBuf {
        self.options.folder.join(name)
    }

    /// A home with a key, so that everything is sealed, and with a repository of its own.
    fn home(&self, round: usize) -> PathBuf {
        let home = self.folder("home");
        let key = home.join("backup-key.txt");
        if !key.exists() {
            output(&mut fixtool(&home, Some(&self.url), &["backup", "keygen", "--yes"]));
        }
        let text = fs::read_to_string(&key).expect("the key");
        let public = text.lines().next().and_then(|line| line.split(' ').next_back()).expect("its public half");
        let repository = self.folder(&format!("repository-{round}"));
        let settings = format!(
            "[backup]\nrecipients = ['{public}']\nidentities = ['{}']\npath = ['{}']\n",
            key.display(),
            repository.display()
        );
        fs::write(home.join("fixtool.toml"), settings).expect("the settings");
        // What the machine kept of the key belongs to another repository.
        let _ = fs::remove_dir_all(home.join(".fixtool/backup-keys"));
        repository
    }

    fn create(&self, more: &[&str]) -> Run {
        let mut words = vec!["backup", "create", "--tenant", TENANT, "--yes"];
        words.extend(more);
        measured(&mut fixtool(&self.folder("home"), Some(&self.url), &words), &self.options.folder)
    }

    fn dump(&self, more: &[&str], to: &str) -> Run {
        let to = self.folder(to);
        let _ = fs::remove_dir_all(&to);
        let mut command = Command::new("pg_dump");
        command.args(["-n", &format!("tenant_{TENANT}"), "-d", &self.url, "-f"]).arg(&to).args(more);
        measured(&mut command, &self.options.folder)
    }

    fn created(&self) {
        let mut ours = Contender::new("fixtool backup create, zstd 3 and age");
        let mut custom = Contender::new("pg_dump -Fc");
        let mut folder = Contender::new("pg_dump -Fd -j2 -Z1");
        for round in 0..self.options.rounds {
            let repository = self.home(round);
            let _ = fs::remove_dir_all(&repository);
            ours.add(self.create(&[]));
            custom.add(self.dump(&["-Fc"], "dump.custom"));
            folder.add(self.dump(&["-Fd", "-j2", "-Z1"], "dump.folder"));
        }
        let last = self.folder(&format!("repository-{}", self.options.rounds - 1));
        let sizes = [bytes(&last), bytes(&self.folder("dump.custom")), bytes(&self.folder("dump.folder"))];
        for contender in [&ours, &custom, &folder] {
            contender.print();
        }
        print_ratio("backup create / pg_dump -Fc", ours.median(), custom.median(), 0.5, true);
        print_ratio("backup create / pg_dump -Fd -j2 -Z1", ours.median(), folder.median(), 1.0, true);
        print_bytes("repository / -Fc", sizes[0], sizes[1], 1.05);
        print_bytes("repository / -Fd -Z1", sizes[0], sizes[2], 1.0);
    }

    fn restored(&self, wanted: &str) -> bool {
        let mut ours = Contender::new("fixtool backup restore, and compared");
        let mut peer = Contender::new("pg_restore -j2 of -Fc");
        let mut equal = true;
        for round in 0..self.options.rounds {
            let copy = format!("copy_{round}");
            let words = ["backup", "restore", TENANT, "--tenant", &copy, "--yes"];
            ours.add(measured(&mut fixtool(&self.folder("home"), Some(&self.url), &words), &self.options.folder));
            equal &= Self::digest(&self.url, &format!("tenant_{copy}")) == wanted;
            self.database.query(&format!("DROP SCHEMA tenant_{copy} CASCADE; CHECKPOINT"));
            let other = Database::named("peer");
            let mut command = Command::new("pg_restore");
            command.args(["-j2", "-d", &other.url()]).arg(self.folder("dump.custom"));
            peer.add(measured(&mut command, &self.options.folder));
            equal &= Self::digest(&other.url(), &format!("tenant_{TENANT}")) == wanted;
            drop(other);
            self.database.query("CHECKPOINT");
        }
        ours.print();
        peer.print();
        print_ratio("backup restore / pg_restore -j2", ours.median(), peer.median(), 1.0, equal);
        equal
    }

    fn increments(&self) {
        let repository = self.folder(&format!("repository-{}", self.options.rounds - 1));
        let mut full = Contender::new("full");
        let mut unchanged = Contender::new("incremental, nothing changed");
        let mut appended = Contender::new("incremental, 1 % of the rows appended");
        full.add(self.create(&[]));
        let stored = bytes(&repository);
        unchanged.add(self.create(&["--backup-type", "incremental"]));
        let after_none = bytes(&repository) - stored;
        let users = format!(
            "INSERT INTO tenant_{TENANT}.users ({USERS_HEADER})
             SELECT gen_random_uuid(), 'new-' || email, name, role, spotify_user_id, preferences, is_active,
                    last_login_at, now(), now() FROM tenant_{TENANT}.users LIMIT {}",
            self.options.rows / 100
        );
        self.database.query(&format!("{users}; {}", sessions("u.email LIKE 'new-%'")));
        let before = bytes(&repository);
        appended.add(self.create(&["--backup-type", "incremental"]));
        let after_some = bytes(&repository) - before;
        for contender in [&full, &unchanged, &appended] {
            contender.print();
        }
        print_bytes("nothing changed / full", after_none, stored, 0.001);
        print_bytes("1 % appended / full", after_some, stored, 0.05);
        print_ratio("1 % appended / full", appended.median(), full.median(), 0.4, true);
    }

    /// The rows of both tables, in an order that does not depend on where they lie.
    fn digest(url: &str, schema: &str) -> String {
        let of = |table: &str| {
            format!("SELECT count(*) || ':' || sum(hashtextextended(t::text, 0)) FROM \"{schema}\".{table} t")
        };
        let sql = format!("{} UNION ALL {}", of("users"), of("ai_sessions"));
        output(Command::new("psql").args(["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", &sql]))
    }
}

/// All bytes of a file, or of a folder's files.
fn bytes(path: &Path) -> u64 {
    let about = fs::metadata(path).expect("what was written");
    if about.is_file() {
        return about.len();
    }
    fs::read_dir(path).expect("a folder").map(|entry| bytes(&entry.expect("an entry").path())).sum()
}
