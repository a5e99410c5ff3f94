//! Names that are fixtool's own: what somebody else made under them is not taken over.

use fixtool::backends::database::connect::{self, Limits};
use fixtool::backends::database::own_tables;
use fixtool::model::{Engine, Namespace};

use crate::support::{Engine as On, Site, backups, on_both_engines, words};

const ADOPT: &str = "tenant adopt again --namespace tenant_acme --tier enterprise --version 1.0.0 --yes";

/// A namespace that fixtool forgot, with its own tables in it.
fn forgotten(site: &Site) {
    words::init(site, "acme");
    backups::run(site, "tenant drop acme --keep-data --confirm acme").code(0);
}

#[track_caller]
fn refused(site: &Site, texts: &[&str]) {
    let before = site.image();
    for line in [ADOPT.replace("--yes", "--dry-run"), ADOPT.to_owned()] {
        backups::run(site, &line).code(6).says(&["_fixtool_", "own_names"]).says(texts);
    }
    assert!(site.image() == before, "something was changed");
}

/// `cases/security/a1_hostile_schema.sql`, where every write of a setting would be his to use.
#[test]
fn tables_with_triggers_that_somebody_planted_refuse_an_adoption() {
    let site = Site::postgres();
    let admin = |sql: &str| site.database().query(sql);
    admin(
        "CREATE SCHEMA old_shop4; \
           CREATE FUNCTION old_shop4.grab() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''sprung''; END'; \
           CREATE TABLE old_shop4.users (id uuid PRIMARY KEY, email varchar(255) NOT NULL UNIQUE, name varchar(100)); \
           CREATE TABLE old_shop4._fixtool_setting (name text PRIMARY KEY, value text NOT NULL, updated_at timestamptz); \
           CREATE TRIGGER t BEFORE INSERT OR UPDATE ON old_shop4._fixtool_setting FOR EACH ROW EXECUTE FUNCTION old_shop4.grab(); \
           CREATE TABLE old_shop4._fixtool_role (name text PRIMARY KEY, description text NOT NULL DEFAULT ''); \
           CREATE TRIGGER t BEFORE INSERT OR UPDATE ON old_shop4._fixtool_role FOR EACH ROW EXECUTE FUNCTION old_shop4.grab()",
    );
    let line = "tenant adopt shop --namespace old_shop4 --version 1.0.0 --yes";
    let said = ["table _fixtool_setting: has the trigger t", "table _fixtool_role: has the trigger t"];
    backups::run(&site, line).code(6).says(&said).says(&["rename or drop"]);
    assert_eq!(admin("SELECT count(*) FROM old_shop4._fixtool_setting")[0][0], "0");
    admin("DROP TABLE old_shop4._fixtool_setting, old_shop4._fixtool_role");
    backups::run(&site, line).code(0);
}

fn what_fixtool_left_is_taken_over_again(site: &Site) {
    forgotten(site);
    backups::run(site, ADOPT).code(0);
    // A tenant that was restored and one that was cloned have the same tables.
    backups::run(site, "backup create --tenant again --yes").code(0);
    for made in ["backup restore again --tenant third --yes", "tenant clone again fourth --yes"] {
        backups::run(site, made).code(0);
    }
    for id in ["third", "fourth"] {
        backups::run(site, &format!("tenant drop {id} --keep-data --confirm {id}")).code(0);
        let namespace = format!("tenant_{id}");
        backups::run(site, &ADOPT.replace("tenant_acme", &namespace).replace("again", id)).code(0);
    }
}

fn any_thing_with_such_a_name_is_told(site: &Site) {
    forgotten(site);
    site.query("acme", "CREATE TABLE \"_FixTool_Notes\" (a int)");
    site.query("acme", "CREATE VIEW _fixtool_view AS SELECT 1 AS a");
    refused(site, &["table _FixTool_Notes", "view _fixtool_view"]);
}
on_both_engines!(what_fixtool_left_is_taken_over_again, any_thing_with_such_a_name_is_told);

/// What somebody hangs on a table of fixtool's or calls as one, how it is taken off again, and what is said of it.
const HANGING: [(&str, &str, &str); 19] = [
    (
        "CREATE TRIGGER t AFTER DELETE ON _fixtool_undo EXECUTE FUNCTION fire()",
        "DROP TRIGGER t ON _fixtool_undo",
        "the trigger t",
    ),
    ("CREATE RULE r AS ON DELETE TO _fixtool_undo DO ALSO SELECT 1", "DROP RULE r ON _fixtool_undo", "the rule r"),
    (
        "ALTER TABLE _fixtool_setting OWNER TO LOGIN",
        "ALTER TABLE _fixtool_setting OWNER TO fixtool",
        "belongs to mallory",
    ),
    (
        "ALTER TABLE _fixtool_setting ALTER value SET DEFAULT 'x'",
        "ALTER TABLE _fixtool_setting ALTER value DROP DEFAULT",
        "other columns",
    ),
    (
        "ALTER TABLE _fixtool_setting ALTER value TYPE varchar",
        "ALTER TABLE _fixtool_setting ALTER value TYPE text",
        "other columns",
    ),
    ("ALTER TABLE _fixtool_setting ADD more text", "ALTER TABLE _fixtool_setting DROP more", "other columns"),
    (
        "ALTER TABLE _fixtool_setting ADD CONSTRAINT k CHECK (fine(name))",
        "ALTER TABLE _fixtool_setting DROP CONSTRAINT k",
        "the constraint k",
    ),
    ("CREATE INDEX i ON _fixtool_setting (fine(name))", "DROP INDEX i", "an expression"),
    ("CREATE INDEX i ON _fixtool_setting (name) WHERE fine('x')", "DROP INDEX i", "an expression"),
    ("CREATE STATISTICS s ON name, value FROM _fixtool_setting", "DROP STATISTICS s", "statistics"),
    ("CREATE TABLE child () INHERITS (_fixtool_setting)", "DROP TABLE child", "inheritance"),
    ("CREATE TABLE child (a text REFERENCES _fixtool_setting ON DELETE CASCADE)", "DROP TABLE child", "pointed at by"),
    (
        "ALTER TABLE _fixtool_setting ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE _fixtool_setting DISABLE ROW LEVEL SECURITY",
        "row-level security",
    ),
    (
        "CREATE POLICY p ON _fixtool_setting USING (fine(name))",
        "DROP POLICY p ON _fixtool_setting",
        "row-level security",
    ),
    (
        "CREATE FUNCTION _fixtool_move() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP FUNCTION _fixtool_move()",
        "function _fixtool_move",
    ),
    ("CREATE DOMAIN _fixtool_key AS text", "DROP DOMAIN _fixtool_key", "type _fixtool_key"),
    ("CREATE SEQUENCE _fixtool_counter", "DROP SEQUENCE _fixtool_counter", "sequence _fixtool_counter"),
    (
        "CREATE MATERIALIZED VIEW _fixtool_m AS SELECT 1 AS a",
        "DROP MATERIALIZED VIEW _fixtool_m",
        "materialized view _fixtool_m",
    ),
    ("CREATE INDEX _fixtool_x ON users (email)", "DROP INDEX _fixtool_x", "index _fixtool_x"),
];

#[test]
fn whatever_hangs_on_a_table_of_fixtools_makes_it_strange() {
    let site = Site::postgres();
    forgotten(&site);
    site.query(
        "acme",
        "CREATE FUNCTION fine(a text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; \
                        CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    );
    let login = crate::support::unique("mallory");
    site.query("acme", &format!("CREATE ROLE {login}"));
    for (plant, pull, said) in HANGING {
        let plant = &plant.replace("LOGIN", &login);
        site.query("acme", plant);
        let found = strange(&site);
        assert!(found.len() == 1 && found[0].contains(said), "{plant}: {found:?}");
        assert!(prove(&site).is_err(), "{plant}: the proof fails in the transaction that writes, too");
        site.query("acme", pull);
    }
    assert_eq!(strange(&site), [""; 0]);
    prove(&site).expect("what fixtool made is fixtool's");
}

fn on_the_server<T>(work: impl AsyncFnOnce() -> T) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work())
}

fn strange(site: &Site) -> Vec<String> {
    let address = site.database().url().parse().expect("an address");
    on_the_server(async || {
        let reader = connect::reader(&address, &Limits::default()).await.expect("a reader");
        let found = reader.strange_names(&Namespace("tenant_acme".into())).await.expect("an answer");
        reader.close().await;
        found
    })
}

fn prove(site: &Site) -> Result<(), String> {
    let (address, namespace) = (site.database().url().parse().expect("an address"), Namespace("tenant_acme".into()));
    on_the_server(async || {
        let writer = connect::writer(&address, &Limits::default()).await.expect("a writer");
        let proof = writer.execute(&namespace, &own_tables::prove(Engine::Postgres, &namespace)).await;
        writer.close().await;
        proof.map_err(|error| error.to_string())
    })
}

#[test]
fn a_trigger_on_a_table_of_fixtools_refuses_an_adoption_on_sqlite() {
    let site = Site::sqlite();
    forgotten(&site);
    assert_eq!(site.engine(), On::Sqlite);
    site.query("acme", "CREATE TRIGGER t AFTER INSERT ON _fixtool_setting BEGIN DELETE FROM users; END");
    refused(&site, &["trigger t on _fixtool_setting"]);
    site.query("acme", "DROP TRIGGER t");
    backups::run(&site, ADOPT).code(0);
}
