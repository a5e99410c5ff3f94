//! What is closed: old runs to a new tenant of their name, a suspended tenant to everybody, a living run's lease.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use crate::support::{Engine, Site, on_both_engines, unique, words};

/// A load that fails at its last record, with what came before it done in batches of two.
fn failed_load(site: &Site) -> String {
    let file = site.write("broken.csv", format!("{}not,a,user\n", words::users(6)));
    let failed = site.fixtool(words::load_words(&file, "acme", "users", &["--batch-size", "2"]));
    assert_ne!(failed.code, 0, "{failed}");
    words::newest_run(site).expect("a run")
}

fn an_old_run_never_reaches_a_new_tenant_of_its_name(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(3));
    site.fixtool(words::load_words(&file, "acme", "users", &["--plan-out", "old.plan"])).code(0);
    let run = failed_load(site);
    site.line("fixtool tenant drop acme --confirm acme --no-safety-backup").code(0);
    site.line("fixtool tenant init acme --tier starter --yes").code(0);
    let before = site.count("acme", "users");
    for line in ["resume RUN", "resume RUN --yes", "undo RUN --yes", "undo RUN --dry-run"] {
        let line = line.replace("RUN", &run);
        site.line(&format!("fixtool op {line}")).code(6).says(&["another tenant 'acme'", "other_incarnation"]);
    }
    site.line("fixtool data load --plan old.plan").code(6).says(&["the plan is about another tenant 'acme'"]);
    assert_eq!(site.count("acme", "users"), before);
    site.line("fixtool op verify").code(0);
}

fn a_tenant_that_is_brought_back_is_the_one_it_was(site: &Site) {
    words::init(site, "acme");
    let file = site.write("users.csv", words::users(5));
    words::load(site, &file, "acme", "users").code(0);
    let load = words::done_run(site, "data.load");
    site.line("fixtool tenant drop acme --confirm acme").code(0);
    let drop = words::done_run(site, "tenant.drop");
    site.line(&format!("fixtool op undo {drop} --yes")).code(0);
    assert_eq!(site.count("acme", "users"), 5);
    // What the load wrote cannot be told from other rows any more, and that is said.
    let undo = site.line(&format!("fixtool op undo {load} --confirm acme --yes"));
    undo.code(6).says(&["the undo record of what run", "no_undo_record"]);
    assert_eq!(site.count("acme", "users"), 5);
}

fn an_unended_load_of_a_tenant_that_was_brought_back_is_not_taken_back_silently(site: &Site) {
    words::init(site, "acme");
    words::load(site, &site.write("users.csv", words::users(1)), "acme", "users").code(0);
    let file = site.write("broken.csv", format!("{}not,a,user\n", words::users(6)));
    let load = words::load_words(&file, "acme", "users", &["--batch-size", "2", "--on-conflict", "skip"]);
    assert_ne!(site.fixtool(load).code, 0);
    let load = words::newest_run(site).expect("a run");
    let before = site.count("acme", "users");
    assert!(before > 1, "batches are durable");
    site.line("fixtool tenant drop acme --confirm acme").code(0);
    let drop = words::done_run(site, "tenant.drop");
    site.line(&format!("fixtool op undo {drop} --yes")).code(0);
    site.line(&format!("fixtool op undo {load} --confirm acme --yes")).code(6).says(&["no_undo_record"]);
    assert_eq!(site.count("acme", "users"), before);
}

fn a_head_that_was_written_down_is_found_again(site: &Site) {
    words::init(site, "acme");
    let report = site.line("fixtool op verify -o json").code(0).json();
    assert_eq!(report["signed"], report["entries"], "{report}");
    let head = report["head"].as_str().expect("a head").to_owned();
    words::init(site, "beta");
    site.line(&format!("fixtool op verify --expect-head {head}")).code(0);
    let cut = site.line(&format!("fixtool op verify --expect-head {}", "0".repeat(64))).code(10);
    assert!(cut.stdout.contains("no entry has the expected digest"), "{cut}");
    site.line("fixtool op verify --expect-head abc").code(2);
}

on_both_engines!(
    an_old_run_never_reaches_a_new_tenant_of_its_name,
    a_tenant_that_is_brought_back_is_the_one_it_was,
    an_unended_load_of_a_tenant_that_was_brought_back_is_not_taken_back_silently,
    a_head_that_was_written_down_is_found_again,
);

/// A session of the application that stays open.
struct Session(Child);

impl Session {
    /// Opens one, and makes a view that resolved its table before anything was taken.
    fn open(url: &str) -> Self {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-q", "-A", "-t", "-d", url]);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut session = Self(psql.spawn().expect("psql"));
        session.say("CREATE TEMP VIEW v AS SELECT * FROM tenant_acme.users; SELECT 'ready';");
        let mut line = String::new();
        BufReader::with_capacity(1, session.0.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a line");
        assert_eq!(line.trim(), "ready");
        session
    }

    fn say(&mut self, sql: &str) {
        // A session that was ended takes nothing any more, which is what the answer then tells.
        let _ = writeln!(self.0.stdin.as_mut().expect("a pipe"), "{sql}");
    }

    fn end(mut self) -> String {
        drop(self.0.stdin.take());
        let mut answer = String::new();
        self.0.stdout.take().expect("a pipe").read_to_string(&mut answer).expect("text");
        self.0.stderr.take().expect("a pipe").read_to_string(&mut answer).expect("text");
        self.0.wait().expect("it ends");
        answer
    }
}

/// Who has what in the schema.
fn rights(site: &Site) -> Vec<Vec<String>> {
    site.database().query(
        "SELECT o.name, COALESCE(r.rolname, 'PUBLIC'), x.privilege_type, x.is_grantable FROM (
           SELECT nspname::text AS name, COALESCE(nspacl, acldefault('n', nspowner)) AS acl FROM pg_namespace
             WHERE nspname = 'tenant_acme'
           UNION ALL SELECT relname, COALESCE(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\",
             relowner)) FROM pg_class WHERE relnamespace = 'tenant_acme'::regnamespace AND relkind IN ('r', 'S', 'v')
           UNION ALL SELECT attrelid::regclass || '.' || attname, attacl FROM pg_attribute WHERE attacl IS NOT NULL
             AND attrelid::regclass::text LIKE 'tenant_acme.%'
           UNION ALL SELECT proname, COALESCE(proacl, acldefault('f', proowner)) FROM pg_proc
             WHERE pronamespace = 'tenant_acme'::regnamespace) o, aclexplode(o.acl) x
         LEFT JOIN pg_roles r ON r.oid = x.grantee WHERE r.rolsuper IS NOT TRUE ORDER BY 1, 2, 3, 4",
    )
}

#[test]
fn a_suspended_tenant_is_closed_every_way_and_opened_as_it_was() {
    let site = Site::postgres();
    words::init(&site, "acme");
    words::load(&site, &site.write("users.csv", words::users(3)), "acme", "users").code(0);
    let part = site.database().query("SELECT left(site_id, 6) FROM fixtool.site")[0][0].clone();
    let (app, outsider) = (unique("app"), unique("outsider"));
    site.database().query(&format!(
        "CREATE ROLE {app} LOGIN PASSWORD 'x'; GRANT \"tenant_acme_rw_{part}\" TO {app}; CREATE ROLE {outsider};
         CREATE FUNCTION tenant_acme.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE SEQUENCE tenant_acme.counted; GRANT USAGE ON SEQUENCE tenant_acme.counted TO {outsider};
         GRANT USAGE ON SCHEMA tenant_acme TO PUBLIC; GRANT SELECT ON tenant_acme.users TO {outsider} WITH GRANT OPTION;
         GRANT UPDATE (email) ON tenant_acme.users TO {outsider};
         REVOKE DELETE ON tenant_acme.users FROM \"tenant_acme_rw_{part}\""
    ));
    let before = rights(&site);
    let url = site.database().url_of(&app, "x");
    let write = "UPDATE v SET email = 'x@y.z' WHERE email = (SELECT min(email) FROM v); SELECT 'still here';";

    let mut kept = Session::open(&url);
    let plan = site.line("fixtool tenant suspend acme --dry-run").code(0);
    for word in ["PUBLIC", &outsider, &format!("sessions of {app} (1)")] {
        assert!(plan.stdout.contains(word), "{word}: {plan}");
    }
    site.line("fixtool tenant suspend acme --keep-sessions --yes").code(0);
    assert!(rights(&site).is_empty(), "{:?}", rights(&site));
    kept.say(write);
    let answer = kept.end();
    assert!(answer.contains("permission denied") && answer.contains("still here"), "{answer}");
    site.line("fixtool tenant resume acme --yes").code(0);
    assert_eq!(rights(&site), before, "as it was");

    let mut ended = Session::open(&url);
    site.line("fixtool tenant suspend acme --yes").code(0).says(&[]);
    ended.say(write);
    let answer = ended.end();
    assert!(!answer.contains("still here"), "{answer}");
    assert_eq!(site.value("acme", "SELECT count(*) FROM users WHERE email = 'x@y.z'"), "0");
    // Its name changes meanwhile, and the names of its roles with it.
    site.line("fixtool tenant rename acme omega --yes").code(0);
    site.line("fixtool tenant rename omega acme --yes").code(0);
    site.line("fixtool tenant resume acme --yes").code(0);
    assert_eq!(rights(&site), before, "as it was");
    site.database().query(&format!("DROP OWNED BY {app}, {outsider}; DROP ROLE {app}, {outsider}"));
}

#[test]
fn an_owner_gets_no_trigger_no_references_and_no_truncate() {
    let site = Site::postgres();
    words::init(&site, "acme");
    let wrong = "SELECT relname, privilege_type FROM pg_class, aclexplode(relacl) x JOIN pg_roles r ON r.oid = x.grantee \
                 WHERE relnamespace = 'tenant_acme'::regnamespace AND r.rolname LIKE 'tenant_acme_%' \
                 AND privilege_type IN ('TRIGGER', 'REFERENCES', 'TRUNCATE', 'MAINTAIN')";
    assert!(site.database().query(wrong).is_empty(), "{:?}", site.database().query(wrong));
    site.query("acme", "CREATE TABLE later (id int)");
    assert!(site.database().query(wrong).is_empty(), "by default");
    // What an earlier release gave goes when the roles are written the next time.
    let part = site.database().query("SELECT left(site_id, 6) FROM fixtool.site")[0][0].clone();
    site.database().query(&format!("GRANT ALL ON ALL TABLES IN SCHEMA tenant_acme TO \"tenant_acme_owner_{part}\""));
    site.line("fixtool tenant suspend acme --yes").code(0);
    site.database().query("DELETE FROM fixtool.suspension");
    site.line("fixtool tenant resume acme --yes").code(0);
    assert!(site.database().query(wrong).is_empty(), "{:?}", site.database().query(wrong));
}

/// Needs the right to make a process namespace; where there is none, it says so.
#[test]
fn a_lease_is_not_taken_from_another_process_namespace() {
    use fixtool::backends::catalog::Catalog;
    use fixtool::backends::database::{Access, connect::Limits};
    use fixtool::engine::{LeaseAnswer, LeaseRequest, Leases};

    let unshare = ["--pid", "--fork", "--mount-proc"];
    let tried = Command::new("unshare").args(unshare).arg("true").output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        eprintln!("SKIPPED: a_lease_is_not_taken_from_another_process_namespace: 'unshare --pid' is not possible here");
        return;
    }
    let site = Site::postgres();
    words::init(&site, "acme");
    assert_eq!(site.engine(), Engine::Postgres);
    let address = site.database().url().parse().expect("an address");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let held = runtime.block_on(async {
        let catalog = Catalog::open(&address, Access::ReadWrite, &Limits::default()).await.expect("a catalog");
        let request = LeaseRequest {
            target: "acme".into(),
            run: "living".into(),
            operation: "data.load".into(),
            holder: format!("tester@{} pid {}", host.trim(), std::process::id()),
            ttl: std::time::Duration::from_mins(5),
        };
        assert_eq!(catalog.acquire(&request).await.expect("an answer"), LeaseAnswer::Granted);
        catalog
    });
    // Where /proc is that of the outer namespace, too.
    for unshare in [&unshare[..], &unshare[..2]] {
        let inside = site.command();
        let mut command = Command::new("unshare");
        command.args(unshare).arg(inside.get_program()).args(["tenant", "suspend", "acme", "--yes"]);
        command.current_dir(inside.get_current_dir().expect("a folder")).env_clear().stdin(Stdio::null());
        command.envs(inside.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let refused = site.start(command).wait();
        refused.code(7).says(&["held by another run"]);
    }
    runtime.block_on(held.close());
}
