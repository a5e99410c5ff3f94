//! A place where tenants live: a PostgreSQL database of its own, or the SQLite default.
//!
//! What a test reads back it reads with `psql` and `sqlite3`, which know nothing of fixtool.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{TestEnvironment, unique, variable};

/// Which engine a site is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// A database on the PostgreSQL server of the test run, dropped at the end.
#[derive(Debug)]
pub struct PostgresDatabase {
    server: String,
    name: String,
}

impl PostgresDatabase {
    /// Makes one on the server of `FIXTOOL_TEST_POSTGRES`.
    pub fn new() -> Self {
        Self::on(&variable("FIXTOOL_TEST_POSTGRES"))
    }

    /// Makes one on this server; the address is that of a superuser.
    pub fn on(server: &str) -> Self {
        let name = unique("fixtool_test");
        psql(server, &format!("CREATE DATABASE {name} TEMPLATE template0"));
        Self { server: server.to_owned(), name }
    }

    /// One that is there already.
    pub fn there(server: &str, name: &str) -> Self {
        Self { server: server.to_owned(), name: name.to_owned() }
    }

    /// The superuser's address of this database.
    pub fn url(&self) -> String {
        let (before, _) = self.server.rsplit_once('/').expect("an address with a database");
        format!("{before}/{}", self.name)
    }

    /// The address of this database for another user.
    pub fn url_of(&self, user: &str, password: &str) -> String {
        let url = self.url();
        let (_, place) = url.split_once('@').expect("an address with a user");
        format!("postgres://{user}:{password}@{place}")
    }

    /// Makes a user who may read everything that is here now, and write nothing; its address.
    pub fn read_only_user(&self) -> String {
        let user = unique("reader");
        let grants = format!(
            "CREATE ROLE {user} LOGIN PASSWORD 'look-only';
             DO $$ DECLARE space text; BEGIN
                 FOR space IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
                 LOOP
                     EXECUTE format('GRANT USAGE ON SCHEMA %I TO {user}', space);
                     EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO {user}', space);
                     EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %I TO {user}', space);
                 END LOOP;
             END $$"
        );
        psql(&self.url(), &grants);
        self.url_of(&user, "look-only")
    }

    /// Runs a query as the superuser; see [`Site::query`].
    pub fn query(&self, sql: &str) -> Vec<Vec<String>> {
        rows(&psql(&self.url(), sql))
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        // The server may be gone already, and then its folder goes with it.
        let _ = Command::new("psql")
            .args(["-X", "-q", "-d", &self.server, "-c"])
            .arg(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name))
            .output();
    }
}

/// An environment with a database to work on.
#[derive(Debug)]
pub struct Site {
    environment: TestEnvironment,
    postgres: Option<PostgresDatabase>,
}

impl Deref for Site {
    type Target = TestEnvironment;

    fn deref(&self) -> &TestEnvironment {
        &self.environment
    }
}

impl DerefMut for Site {
    fn deref_mut(&mut self) -> &mut TestEnvironment {
        &mut self.environment
    }
}

impl Site {
    /// A PostgreSQL database of its own, named in `DATABASE_URL`.
    pub fn postgres() -> Self {
        Self::with_postgres(PostgresDatabase::new())
    }

    /// This PostgreSQL database, named in `DATABASE_URL`.
    pub fn with_postgres(database: PostgresDatabase) -> Self {
        let mut environment = TestEnvironment::new();
        environment.set("DATABASE_URL", database.url());
        Self { environment, postgres: Some(database) }
    }

    /// What everybody has who configured nothing: SQLite in `./.fixtool/`.
    pub fn sqlite() -> Self {
        Self { environment: TestEnvironment::new(), postgres: None }
    }

    /// One site on each engine.
    pub fn both() -> [Self; 2] {
        [Self::postgres(), Self::sqlite()]
    }

    /// Which engine it is on.
    pub fn engine(&self) -> Engine {
        if self.postgres.is_some() { Engine::Postgres } else { Engine::Sqlite }
    }

    /// The PostgreSQL database; panics on SQLite.
    pub fn database(&self) -> &PostgresDatabase {
        self.postgres.as_ref().expect("a site on PostgreSQL")
    }

    /// Whether anything is left of a tenant's tables.
    pub fn has_namespace(&self, tenant: &str) -> bool {
        match &self.postgres {
            Some(database) => {
                let sql = format!("SELECT 1 FROM pg_namespace WHERE nspname = 'tenant_{tenant}'");
                !database.query(&sql).is_empty()
            }
            None => self.find_file(tenant).is_some(),
        }
    }

    /// Runs a query inside a tenant, with the names of its tables as they are: one vector a row, NULL
    /// as `\N`. Several statements are allowed; what they print follows on.
    pub fn query(&self, tenant: &str, sql: &str) -> Vec<Vec<String>> {
        match &self.postgres {
            Some(database) => {
                let namespace = format!("tenant_{tenant}").replace('"', "\"\"");
                rows(&psql(&database.url(), &format!("SET search_path = \"{namespace}\";{sql}")))
            }
            None => rows(&sqlite3(&self.tenant_file(tenant), sql)),
        }
    }

    /// Runs statements in the catalog, whose tables are written with their schema: `fixtool.tenant`.
    pub fn catalog(&self, sql: &str) -> Vec<Vec<String>> {
        match &self.postgres {
            Some(database) => database.query(sql),
            None => rows(&sqlite3(&self.path(".fixtool/catalog.db"), &sql.replace("fixtool.", ""))),
        }
    }

    /// The only value of a query's only row, as text.
    pub fn value(&self, tenant: &str, sql: &str) -> String {
        let found = self.query(tenant, sql);
        assert!(found.len() == 1 && found[0].len() == 1, "one value expected from {sql}, not {found:?}");
        found[0][0].clone()
    }

    /// How many rows a table of a tenant has.
    pub fn count(&self, tenant: &str, table: &str) -> u64 {
        self.value(tenant, &format!("SELECT count(*) FROM {table}")).parse().expect("a number")
    }

    /// Every row of a table in the order of `order`, to compare two tenants' contents as a whole.
    pub fn contents(&self, tenant: &str, table: &str, order: &str) -> Vec<Vec<String>> {
        self.query(tenant, &format!("SELECT * FROM {table} ORDER BY {order}"))
    }

    /// The SQLite file of a tenant.
    pub fn tenant_file(&self, tenant: &str) -> PathBuf {
        self.find_file(tenant).unwrap_or_else(|| panic!("no file of the tenant {tenant} below .fixtool"))
    }

    fn find_file(&self, tenant: &str) -> Option<PathBuf> {
        let wanted = [format!("{tenant}.db"), format!("tenant_{tenant}.db")];
        files_below(&self.path(".fixtool"))
            .into_iter()
            .find(|file| file.file_name().is_some_and(|name| wanted.iter().any(|known| name == known.as_str())))
    }

    /// Everything that a run could have changed, byte for byte where the engine has bytes to show: to
    /// be compared before and after a run that must change nothing. On PostgreSQL it is a dump
    /// of structure and rows with every row's version, on SQLite the files.
    pub fn image(&self) -> Vec<(String, Vec<u8>)> {
        match &self.postgres {
            Some(database) => vec![
                ("rows".to_owned(), postgres_rows(database)),
                ("structure".to_owned(), postgres_structure(&database.url())),
            ],
            None => files_below(&self.path(".fixtool"))
                .into_iter()
                .map(|file| (file.display().to_string(), fs::read(&file).expect("a file of the site")))
                .collect(),
        }
    }
}

/// Every row of every table with its place and its version.
fn postgres_rows(database: &PostgresDatabase) -> Vec<u8> {
    let tables = database.query(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
    );
    let mut image = String::new();
    for table in tables {
        let name = &table[0];
        image.push_str(name);
        image.push('\n');
        image.push_str(&psql(&database.url(), &format!("SELECT ctid, xmin, xmax, t FROM {name} t ORDER BY ctid")));
    }
    image.into_bytes()
}

fn postgres_structure(url: &str) -> Vec<u8> {
    let output = Command::new("pg_dump").args(["--schema-only", "-d", url]).output().expect("pg_dump");
    assert!(output.status.success(), "pg_dump: {}", String::from_utf8_lossy(&output.stderr));
    // Newer releases put a random key into each dump.
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter(|line| !line.contains("restrict ")).flat_map(|line| [line, "\n"]).collect::<String>().into()
}

/// Every file below a folder, sorted; empty when there is no such folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("an entry of a folder").path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Runs statements with psql: tuples only, fields parted by the unit separator, NULL as `\N`.
pub fn psql(url: &str, sql: &str) -> String {
    let output = Command::new("psql")
        .args(["-X", "-q", "-At", "-F", "\u{1f}", "-R", "\u{1e}", "-P", "null=\\N", "-v", "ON_ERROR_STOP=1"])
        .args(["-d", url, "-c", sql])
        .output()
        .expect("psql");
    assert!(output.status.success(), "psql: {}\n{sql}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8 from psql").trim_end_matches('\n').to_owned()
}

/// Runs statements with the sqlite3 shell, printed as by [`psql`].
pub fn sqlite3(file: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3")
        .args(["-batch", "-bail", "-noheader", "-list", "-separator", "\u{1f}", "-newline", "\u{1e}"])
        .args(["-nullvalue", "\\N"])
        .arg(file)
        .arg(sql)
        .output()
        .expect("sqlite3");
    assert!(output.status.success(), "sqlite3: {}\n{sql}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8 from sqlite3")
}

fn rows(printed: &str) -> Vec<Vec<String>> {
    let printed = printed.strip_suffix('\u{1e}').unwrap_or(printed);
    if printed.is_empty() {
        return Vec::new();
    }
    printed.split('\u{1e}').map(|row| row.split('\u{1f}').map(str::to_owned).collect()).collect()
}
