//! Hostile owners: what a tenant's owner planted in the tenant's namespace is never run with fixtool's rights.
//!
//! Traps are planted: overloads that fit better than everything in `pg_catalog`, and code on tables of every kind.
//! Each says in the server's log who called it, which neither a rollback nor a read-only transaction takes back, and
//! then tries to get away with it. Then every command is run on the tenant. A command may refuse; it must not call.

mod commands;
mod keys;
mod own_names;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use fixtool::backends::database::own_tables;
use fixtool::model::Namespace;

use crate::support::site::{files_below, psql};
use crate::support::{PostgresDatabase, PrivatePostgres, Site, backups, often, words};

const OVERLOADS: &str = include_str!("hostile_owner/overloads.sql");
const CODE_ON_TABLES: &str = include_str!("hostile_owner/code_on_tables.sql");
const TYPES: &str = include_str!("hostile_owner/types.sql");
const REFERENCES: &str = include_str!("hostile_owner/references.sql");
const TRIGGERS: &str = include_str!("hostile_owner/triggers.sql");

/// A server of its own, since roles belong to a whole server, with the tenants `acme` and `neighbour` in a database.
struct Scene {
    site: Site,
    /// The rights of fixtool's user.
    user: String,
    before: Option<State>,
    findings: Vec<String>,
    outcomes: Vec<(String, i32)>,
    server: PrivatePostgres,
}

/// What a trap must not change.
#[derive(Debug, PartialEq, Eq)]
struct State {
    roles: BTreeSet<Vec<String>>,
    members: BTreeSet<Vec<String>>,
    neighbour: Vec<Vec<Vec<String>>>,
}

impl Scene {
    /// fixtool is a superuser, or may make schemas and roles and no more.
    fn new(superuser: bool) -> Self {
        let server = PrivatePostgres::start(&["log_error_verbosity=terse"]);
        let database = PostgresDatabase::on(&server.url());
        let prepare =
            "CREATE ROLE evil LOGIN PASSWORD 'evil'; CREATE ROLE operator LOGIN CREATEROLE PASSWORD 'operator'";
        psql(&database.url(), prepare);
        psql(
            &database.url(),
            "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO operator', current_database()); END $$",
        );
        let address = database.url_of("operator", "operator");
        let mut site = Site::with_postgres(database);
        let user = if superuser { "fixtool" } else { "operator" };
        if !superuser {
            site.set("DATABASE_URL", address);
        }
        let scene = Self { site, user: user.into(), before: None, findings: Vec::new(), outcomes: Vec::new(), server };
        for tenant in ["acme", "neighbour"] {
            words::init(&scene.site, tenant);
            let users = scene.site.write("users.csv", words::users(20));
            words::load(&scene.site, &users, tenant, "users").code(0);
        }
        scene.admin(
            "DO $$ DECLARE owner text; BEGIN FOR owner IN SELECT rolname FROM pg_roles \
                     WHERE rolname LIKE 'tenant_acme_owner%' LOOP EXECUTE format('GRANT %I TO evil', owner); \
                     END LOOP; END $$",
        );
        scene
    }

    /// Runs statements as the tests' superuser, where no name of a tenant is looked up.
    fn admin(&self, sql: &str) -> String {
        psql(&self.site.database().url(), sql)
    }

    /// Runs a script as the hostile login; every trap in it is for this schema.
    fn plant(&self, script: &str, schema: &str) {
        self.plant_as("evil", script, schema);
    }

    fn plant_as(&self, login: &str, script: &str, schema: &str) {
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
    fn plant_triggers(&self, schema: &str) {
        self.plant(TRIGGERS, schema);
        let (_, triggers) = TRIGGERS.split_once("END $$;").expect("a function and triggers");
        self.plant_as("fixtool", triggers, schema);
    }

    /// Makes the tables of the pack those of the tenant's owner role.
    fn hand_the_tables_over(&self, schema: &str) {
        self.admin(&format!(
            "DO $$ DECLARE one text; heir text; BEGIN \
             SELECT rolname INTO STRICT heir FROM pg_roles WHERE rolname LIKE 'tenant_acme_owner%'; \
             FOR one IN SELECT oid::regclass::text FROM pg_class WHERE relnamespace = '{schema}'::regnamespace \
             AND relkind = 'r' AND relname NOT LIKE '\\_fixtool%' \
             LOOP EXECUTE format('ALTER TABLE %s OWNER TO %I', one, heir); END LOOP; END $$"
        ));
    }

    /// Forgets the tenant, and makes schema and tables those of the hostile login, as if fixtool had never been there.
    fn make_it_the_owners(&self, schema: &str) {
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
        let tables = rows(
            "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'tenant_neighbour'::regnamespace \
                           AND relkind = 'r' ORDER BY 1",
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
            neighbour: tables
                .iter()
                .map(|table| rows(&format!("SELECT * FROM {} t ORDER BY t::text", table[0])))
                .collect(),
        }
    }

    /// From here on traps are set.
    fn armed(&mut self) {
        self.before = Some(self.state());
    }

    /// Runs a command, and looks which traps were called meanwhile and by whom.
    fn run(&mut self, line: &str) -> crate::support::Output {
        let from = self.server.log(0).len();
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
        self.outcomes
            .push((format!("{line}\n      {}", said[said.len().saturating_sub(6)..].join("\n      ")), output.code));
        output
    }

    /// Fails if a command was refused but those with one of these words: traps that nobody can reach are no trouble.
    #[track_caller]
    fn assert_nothing_refused(&self, but: &[&str]) {
        let expected = |line: &str| but.iter().any(|word| line.contains(word));
        let refused: Vec<_> =
            self.outcomes.iter().filter(|(line, code)| !matches!(code, 0 | 3) && !expected(line)).collect();
        assert!(refused.is_empty(), "{refused:#?}");
    }

    /// Fails unless no trap was called and nothing is different.
    #[track_caller]
    fn assert_unharmed(&self) {
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

/// Operators of the overloads, without the functions.
fn operators() -> &'static str {
    OVERLOADS.split("-- Functions that return").next().expect("a script")
}

/// A member of the owner role that `tenant init` made.
#[test]
fn what_a_member_of_the_owner_role_planted_is_never_called() {
    let mut scene = Scene::new(true);
    scene.plant(OVERLOADS, "tenant_acme");
    scene.plant_triggers("tenant_acme");
    scene.armed();
    commands::all(&mut scene, "acme");
    scene.assert_unharmed();
    scene.assert_nothing_refused(&["bad.csv", "op resume"]);
}

/// Whoever deletes or changes a row deletes or changes those that point at it, and their triggers run.
#[test]
fn triggers_on_tables_that_point_at_those_of_the_pack_are_never_called() {
    let mut scene = Scene::new(true);
    scene.plant(operators(), "tenant_acme");
    scene.admin("GRANT REFERENCES, SELECT ON ALL TABLES IN SCHEMA tenant_acme TO evil");
    scene.plant(REFERENCES, "tenant_acme");
    let (function, triggers) = TRIGGERS.split_once("END $$;").expect("a function and triggers");
    let own = triggers.replace("c.relkind IN ('r', 'p')", "c.relname LIKE 'own\\_%'");
    scene.plant(&format!("{function}END $$;{own}"), "tenant_acme");
    scene.armed();
    commands::most(&mut scene, "acme");
    scene.assert_unharmed();
}

/// Types of the owner's own in the columns, with casts to text and json.
#[test]
fn casts_of_an_owners_types_are_never_called() {
    let mut scene = Scene::new(true);
    scene.plant(OVERLOADS, "tenant_acme");
    scene.hand_the_tables_over("tenant_acme");
    scene.plant(TYPES, "tenant_acme");
    scene.armed();
    commands::most(&mut scene, "acme");
    scene.assert_unharmed();
}

/// The pack is the one that introspect wrote of the owner's own tables, whose keys are of the owner's own types.
#[test]
fn keys_of_an_owners_types_are_compared_without_the_owners_code() {
    let mut scene = Scene::new(true);
    scene.admin("CREATE SCHEMA shop AUTHORIZATION evil");
    scene.plant(OVERLOADS, "shop");
    scene.plant(
        "CREATE TABLE SCHEMA.users (code SCHEMA.word PRIMARY KEY, mood SCHEMA.mood, pair SCHEMA.pair, \
         list SCHEMA.word[], note text); \
         INSERT INTO SCHEMA.users VALUES ('a', 'calm', ROW('x', 1), '{x}', 'old'), ('b', NULL, NULL, NULL, NULL)",
        "shop",
    );
    scene.plant(TYPES.split("ALTER TABLE").next().expect("casts"), "shop");
    scene.plant(
        "ALTER TABLE SCHEMA.users ADD COLUMN temper SCHEMA.temper UNIQUE; \
         UPDATE SCHEMA.users SET temper = 'calm' WHERE code = 'a'",
        "shop",
    );
    scene.armed();
    scene.run("pack introspect shop --name shop --output-path packs/shop --yes").code(0);
    keys::with_a_tier(&scene.site);
    scene.run("tenant adopt shop --namespace shop --pack ./packs/shop --tier standard --yes").code(0);
    scene.site.write(
        "users.csv",
        "code,mood,pair,temper,list,note\na,calm,\"(x,1)\",calm,{y},new\nc,angry,\"(y,2)\",angry,,more\n",
    );
    commands::of_one_table(&mut scene, "shop", "users");
    scene.assert_unharmed();
}

/// Schema and tables belong to a login that fixtool did not make, and that may plant everything.
#[test]
fn what_an_adopted_tenant_brings_is_never_called() {
    let mut scene = Scene::new(true);
    scene.make_it_the_owners("tenant_acme");
    scene.plant(OVERLOADS, "tenant_acme");
    scene.plant(TYPES, "tenant_acme");
    scene.plant(REFERENCES, "tenant_acme");
    scene.plant(CODE_ON_TABLES, "tenant_acme");
    scene.plant(TRIGGERS, "tenant_acme");
    scene.armed();
    scene.run("pack introspect tenant_acme --name before --dry-run");
    scene.run(&format!("{ADOPT} --dry-run"));
    scene.run(&format!("{ADOPT} --yes")).code(0);
    commands::all(&mut scene, "acme");
    scene.assert_unharmed();
}

/// The tables belong to the owner role, as they do after a restore that gave them back.
#[test]
fn code_on_tables_of_the_owner_role_is_never_called() {
    let mut scene = Scene::new(true);
    scene.plant(operators(), "tenant_acme");
    scene.hand_the_tables_over("tenant_acme");
    scene.plant(CODE_ON_TABLES, "tenant_acme");
    scene.plant(TRIGGERS, "tenant_acme");
    scene.armed();
    commands::most(&mut scene, "acme");
    scene.assert_unharmed();
}

/// fixtool may make schemas and roles, and no more: a trap would give its owner the role of another tenant.
#[test]
fn without_a_superuser_nothing_is_called_either() {
    let mut scene = Scene::new(false);
    scene.plant(OVERLOADS, "tenant_acme");
    scene.plant_triggers("tenant_acme");
    scene.armed();
    commands::most(&mut scene, "acme");
    scene.assert_unharmed();
    scene.assert_nothing_refused(&["bad.csv", "op resume"]);
}

/// A view in the place of a table: its functions would run with the rights of whoever reads it.
#[test]
fn views_in_place_of_tables_are_never_read() {
    let mut scene = Scene::new(true);
    scene.plant(operators(), "tenant_acme");
    scene.hand_the_tables_over("tenant_acme");
    scene.plant(
        "DO $do$ DECLARE one name; BEGIN FOR one IN SELECT relname FROM pg_catalog.pg_class \
         WHERE relnamespace = 'SCHEMA'::regnamespace AND relkind = 'r' AND relname NOT LIKE '\\_fixtool%' LOOP \
         EXECUTE format('ALTER TABLE SCHEMA.%I RENAME TO %I', one, 'real_' || one); \
         EXECUTE format('CREATE VIEW SCHEMA.%I AS SELECT r.* FROM SCHEMA.%I r WHERE SCHEMA.springs() IS NOT NULL', one, \
                        'real_' || one); END LOOP; END $do$",
        "tenant_acme",
    );
    scene.armed();
    commands::most(&mut scene, "acme");
    scene.assert_unharmed();
}

/// Who owns a schema may drop what others made in it: fixtool's own tables, and make them himself.
#[test]
fn tables_that_took_the_place_of_fixtools_own_are_never_written() {
    let mut scene = Scene::new(true);
    scene.make_it_the_owners("tenant_acme");
    scene.run(&format!("{ADOPT} --yes")).code(0);
    scene.run("backup create --tenant acme --yes").code(0);
    scene.plant(operators(), "tenant_acme");
    let drop = own_tables::NAMES.map(|name| format!("DROP TABLE SCHEMA.{name} CASCADE"));
    let make = own_tables::create(fixtool::model::Engine::Postgres, &Namespace("tenant_acme".into()));
    scene.plant(&[drop.to_vec(), make].concat().join(";\n"), "tenant_acme");
    scene.plant(TRIGGERS, "tenant_acme");
    scene.armed();
    commands::most(&mut scene, "acme");
    scene.assert_unharmed();
}

const ADOPT: &str = "tenant adopt acme --namespace tenant_acme --tier enterprise --version 1.0.0";
