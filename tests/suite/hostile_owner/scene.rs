//! The server with its tenants, the traps in it, and what became of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::support::site::{files_below, psql};
use crate::support::{PostgresDatabase, PrivatePostgres, Site, backups, often, unique, variable, words};

const DATABASE: &str = "traps";
/// Every scene copies the cluster: it had better be small.
const SETTINGS: [&str; 3] = ["log_error_verbosity=terse", "wal_recycle=off", "min_wal_size=32MB"];

pub const OVERLOADS: &str = include_str!("overloads.sql");
pub const CODE_ON_TABLES: &str = include_str!("code_on_tables.sql");
pub const CASTS: &str = include_str!("casts.sql");
pub const REFERENCES: &str = include_str!("references.sql");
pub const TRIGGERS: &str = include_str!("triggers.sql");

/// Takes over what the hostile login owns.
pub const ADOPT: &str = "tenant adopt acme --namespace tenant_acme --tier enterprise --version 1.0.0";

/// A server of its own, since roles belong to a whole server, with the tenants `acme` and `neighbour` in a database.
pub struct Scene {
    /// Where fixtool runs.
    pub site: Site,
    /// The rights of fixtool's user.
    user: String,
    before: Option<State>,
    findings: Vec<String>,
    outcomes: Vec<(String, i32)>,
    newest: String,
    server: PrivatePostgres,
}

/// What a trap must not change.
#[derive(Debug, PartialEq, Eq)]
struct State {
    roles: BTreeSet<Vec<String>>,
    members: BTreeSet<Vec<String>>,
    neighbour: Vec<Vec<String>>,
}

impl Scene {
    /// fixtool is a superuser, or may make schemas and roles and no more. The overloads are planted in the tenant `acme`.
    pub fn new(superuser: bool) -> Self {
        static FOR_A_SUPERUSER: OnceLock<PathBuf> = OnceLock::new();
        static FOR_AN_OPERATOR: OnceLock<PathBuf> = OnceLock::new();
        let (template, user) = if superuser { (&FOR_A_SUPERUSER, "fixtool") } else { (&FOR_AN_OPERATOR, "operator") };
        let stopped = template.get_or_init(|| {
            let folder = Path::new(&variable("FIXTOOL_TEST_FOLDER")).join(unique("traps"));
            let scene = Self::on(PrivatePostgres::start(&SETTINGS), user);
            scene.prepare();
            let Self { site, server, .. } = scene;
            // It would take the database with it.
            std::mem::forget(site);
            server.keep(&folder);
            folder
        });
        Self::on(PrivatePostgres::copy_of(stopped, &SETTINGS), user)
    }

    fn on(server: PrivatePostgres, user: &str) -> Self {
        let database = PostgresDatabase::there(&server.url(), DATABASE);
        let address = if user == "fixtool" { database.url() } else { database.url_of(user, user) };
        let mut site = Site::with_postgres(database);
        site.set("DATABASE_URL", address);
        let user = user.to_owned();
        Self { site, user, before: None, findings: Vec::new(), outcomes: Vec::new(), newest: String::new(), server }
    }

    /// What all scenes begin with.
    fn prepare(&self) {
        psql(&self.server.url(), &format!("CREATE DATABASE {DATABASE} TEMPLATE template0"));
        self.admin("CREATE ROLE evil LOGIN PASSWORD 'evil'; CREATE ROLE operator LOGIN CREATEROLE PASSWORD 'operator'");
        self.admin(&format!("GRANT CREATE ON DATABASE {DATABASE} TO operator"));
        for tenant in ["acme", "neighbour"] {
            words::init(&self.site, tenant);
            let users = self.site.write("users.csv", words::users(20));
            words::load(&self.site, &users, tenant, "users").code(0);
        }
        self.admin(
            "DO $$ DECLARE owner text; BEGIN FOR owner IN SELECT rolname FROM pg_roles \
                     WHERE rolname LIKE 'tenant_acme_owner%' LOOP EXECUTE format('GRANT %I TO evil', owner); \
                     END LOOP; END $$",
        );
        self.plant(OVERLOADS, "tenant_acme");
    }

    /// Runs statements as the tests' superuser, where no name of a tenant is looked up.
    pub fn admin(&self, sql: &str) -> String {
        psql(&self.site.database().url(), sql)
    }

    /// Runs a script as the hostile login; every trap in it is for this schema.
    pub fn plant(&self, script: &str, schema: &str) {
        self.plant_as("evil", script, schema);
    }

    pub fn plant_as(&self, login: &str, script: &str, schema: &str) {
        let everything = if often(0, 1) == 1 { "true" } else { "false" };
        let script = script
            .replace("SCHEMA", schema)
            .replace("NAMES", &names_in_the_source().join(","))
            .replace("ALL_FUNCTIONS", everything);
        let file = self.site.write("plant.sql", script);
        let planted = std::process::Command::new("psql")
            .args(["-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", &self.site.database().url_of(login, login), "-f"])
            .arg(&file)
            .output()
            .expect("psql");
        let said = String::from_utf8_lossy(&planted.stderr);
        assert!(planted.status.success() && !said.contains("WARNING"), "traps are planted: {said}");
    }

    /// Triggers on every table, as owners have them whose role once got the right to make them.
    pub fn plant_triggers(&self, schema: &str) {
        self.plant(TRIGGERS, schema);
        let (_, triggers) = TRIGGERS.split_once("END $$;").expect("a function and triggers");
        self.plant_as("fixtool", triggers, schema);
    }

    /// Makes the tables of the pack those of the tenant's owner role.
    pub fn hand_the_tables_over(&self, schema: &str) {
        self.admin(&format!(
            "DO $$ DECLARE one text; heir text; BEGIN \
             SELECT rolname INTO STRICT heir FROM pg_roles WHERE rolname LIKE 'tenant_acme_owner%'; \
             FOR one IN SELECT oid::regclass::text FROM pg_class WHERE relnamespace = '{schema}'::regnamespace \
             AND relkind = 'r' AND relname NOT LIKE '\\_fixtool%' \
             LOOP EXECUTE format('ALTER TABLE %s OWNER TO %I', one, heir); END LOOP; END $$"
        ));
    }

    /// Forgets the tenant, and makes schema and tables those of the hostile login, as if fixtool had never been there.
    pub fn make_it_the_owners(&self, schema: &str) {
        backups::run(&self.site, "tenant drop acme --keep-data --confirm acme").code(0);
        for table in ["checkpoint", "undo", "permission", "role", "setting"] {
            self.admin(&format!("DROP TABLE {schema}._fixtool_{table}"));
        }
        self.admin(&format!(
            "ALTER SCHEMA {schema} OWNER TO evil; DO $$ DECLARE one text; BEGIN \
             FOR one IN SELECT oid::regclass::text FROM pg_class WHERE relnamespace = '{schema}'::regnamespace \
             AND relkind = 'r' LOOP EXECUTE format('ALTER TABLE %s OWNER TO evil', one); END LOOP; END $$"
        ));
    }

    fn state(&self) -> State {
        let rows = |sql: &str| self.site.database().query(sql);
        let of_the_neighbour = rows(
            "SELECT pg_catalog.string_agg(pg_catalog.format('SELECT %L, t::text FROM %s t', oid::regclass, oid::regclass), \
             ' UNION ALL ') FROM pg_class WHERE relnamespace = 'tenant_neighbour'::regnamespace AND relkind = 'r'",
        );
        State {
            roles: rows(
                "SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, \
                         rolbypassrls, rolconfig FROM pg_roles",
            )
            .into_iter()
            .collect(),
            members: rows("SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members")
                .into_iter()
                .collect(),
            neighbour: rows(&format!("{} ORDER BY 1, 2", of_the_neighbour[0][0])),
        }
    }

    /// From here on traps are set.
    pub fn armed(&mut self) {
        self.before = Some(self.state());
    }

    /// Runs a command, and looks which traps were called meanwhile and by whom.
    pub fn run(&mut self, line: &str) -> crate::support::Output {
        let from = self.server.log(0).len();
        let began = std::time::Instant::now();
        let output = backups::run(&self.site, line);
        let log = self.server.log(from);
        let calls = calls(&log, &self.user);
        if !calls.is_empty() {
            self.findings.push(format!("fixtool {line} (exit {})\n{}", output.code, calls.join("\n")));
        }
        if output.code >= 70 || output.stderr.contains("panicked") {
            self.findings.push(format!("it broke down:\n{output}"));
        }
        let said: Vec<&str> = output.stderr.lines().filter(|_| output.code != 0).collect();
        let said = said[said.len().saturating_sub(6)..].join("\n      ");
        let seconds = began.elapsed().as_secs_f64();
        self.outcomes.push((format!("{line} ({seconds:.1} s)\n      {said}"), output.code));
        output
    }

    /// Does something that is no command, and looks which traps were called meanwhile.
    pub fn watched(&mut self, what: &str, work: impl FnOnce(&Self)) {
        let from = self.server.log(0).len();
        work(self);
        let calls = calls(&self.server.log(from), &self.user);
        if !calls.is_empty() {
            self.findings.push(format!("{what}\n{}", calls.join("\n")));
        }
    }

    /// The run that the last command began, if it began one.
    pub fn begun(&mut self) -> Option<String> {
        let sql = "SELECT COALESCE(max(run), '') FROM fixtool.run";
        let newest = self.site.catalog(sql)[0][0].clone();
        let begun = newest > self.newest;
        self.newest = newest;
        begun.then(|| self.newest.clone())
    }

    /// Fails if a command was refused but those with one of these words, and those that were refused with this one: traps
    /// that nobody can reach are no trouble.
    #[track_caller]
    pub fn assert_nothing_refused(&self, but: &[&str], with: Option<&str>) {
        let expected = |outcome: &str| {
            // What a command said stands behind its own line.
            let (command, said) = outcome.split_once('\n').unwrap_or((outcome, ""));
            but.iter().any(|word| command.contains(word)) || with.is_some_and(|word| said.contains(word))
        };
        let refused: Vec<_> =
            self.outcomes.iter().filter(|(line, code)| !matches!(code, 0 | 3) && !expected(line)).collect();
        assert!(refused.is_empty(), "{refused:#?}");
    }

    /// Fails unless no trap was called and nothing is different.
    #[track_caller]
    pub fn assert_unharmed(&self) {
        let before = self.before.as_ref().expect("traps were set");
        let after = self.state();
        let mut harm = String::new();
        for finding in &self.findings {
            let _ = writeln!(harm, "{finding}");
        }
        // A role that a command made has no attribute and no login.
        let plain = |role: &&Vec<String>| {
            !role[0].starts_with("tenant_") || [1, 3, 4, 5, 6, 7].iter().any(|&at| role[at] != "f")
        };
        for role in after.roles.difference(&before.roles).filter(plain) {
            let _ = writeln!(harm, "role {role:?}");
        }
        let own = |member: &&Vec<String>| member[1] != self.user;
        for member in after.members.difference(&before.members).filter(own) {
            let _ = writeln!(harm, "member {member:?}");
        }
        if after.neighbour != before.neighbour {
            harm.push_str("rows of the neighbour are different\n");
        }
        if let Some(folder) = crate::support::optional_variable("FIXTOOL_TRAPS_REPORT") {
            let thread = std::thread::current();
            let file = Path::new(&folder).join(thread.name().unwrap_or_default().replace("::", "."));
            let codes: Vec<String> = self.outcomes.iter().map(|(line, code)| format!("{code}  {line}")).collect();
            std::fs::write(file, format!("{harm}\n\nexit codes\n{}\n", codes.join("\n"))).expect("the report");
        }
        assert!(harm.is_empty(), "what the owner planted was run with the rights of {}:\n{harm}", self.user);
    }
}

/// The traps that the log says were called by this user, each once, with the statement that called it.
fn calls(log: &str, user: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((_, call)) = line.split_once("LOG:  TRAP|") else { continue };
        let fields: Vec<&str> = call.split('|').collect();
        if fields.first() != Some(&user) {
            continue;
        }
        // An operator may have a bar in its name.
        let what = fields[2..].join("|");
        let mut statement = String::new();
        if let Some((_, text)) = lines.peek().and_then(|next| next.split_once("STATEMENT:  ")) {
            statement = text.chars().take(160).collect();
        }
        found.insert(format!("    {} <- {statement}", what.trim_end_matches('|')));
    }
    found.into_iter().collect()
}

/// Every word that stands before a parenthesis in fixtool's own source: among them is each function that a statement names.
fn names_in_the_source() -> Vec<String> {
    let mut names = BTreeSet::new();
    for file in files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for (at, _) in text.match_indices('(') {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let before = &text[..at];
            names.insert(before[before.trim_end_matches(word).len()..].to_ascii_lowercase());
        }
    }
    names.remove("");
    names.into_iter().collect()
}
