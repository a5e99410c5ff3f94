//! `fixtool pack introspect` on schemas as administrators meet them.

use std::collections::BTreeMap;

use fixtool::backends::database::connect::{self, Limits};
use fixtool::model::pack::{Files, Pack};
use fixtool::model::{LogicalType, Model, Namespace, fingerprint};

use crate::support::Site;
use crate::support::site::{psql, sqlite3};

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a fixture")
}

/// Makes a schema of PostgreSQL from a fixture.
fn make(site: &Site, schema: &str, file: &str) {
    let sql = format!("CREATE SCHEMA \"{schema}\"; SET search_path = \"{schema}\"; {}", fixture(file));
    psql(&site.database().url(), &sql);
}

fn written(site: &Site, folder: &str) -> Pack {
    let mut files: Files = BTreeMap::new();
    for path in ["pack.yaml", "1.0.0/model.yaml"] {
        files.insert(path.to_owned(), site.read(format!("{folder}/{path}")).into_bytes());
    }
    Pack::from_files("written", &files).expect("a pack that is right")
}

async fn found(address: &str, namespace: &str) -> Model {
    let reader = connect::reader(&address.parse().expect("an address"), &Limits::default()).await.expect("a reader");
    let model = reader.introspect(&Namespace(namespace.to_owned())).await.expect("a model");
    reader.close().await;
    model
}

fn introspected(address: &str, namespace: &str) -> Model {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(found(address, namespace))
}

#[test]
fn pgbench_becomes_a_pack() {
    let site = Site::postgres();
    make(&site, "bench", "pgbench.sql");
    site.line("fixtool pack introspect bench --dry-run").code(0);
    assert!(!site.path("packs").exists());
    site.line("fixtool pack introspect bench --yes").code(0).says(&["'pgbench_history' has no key"]);
    site.line("fixtool pack check bench").code(0);
    let pack = written(&site, "packs/bench");
    let model = pack.model(pack.newest()).expect("a model");
    assert_eq!(model.tables.len(), 4);
    assert_eq!(model.tables["pgbench_accounts"].columns["bid"].references.as_deref(), Some("pgbench_branches.bid"));
    assert_eq!(fingerprint(model), fingerprint(&introspected(&site.database().url(), "bench")));
    site.line("fixtool pack introspect bench --yes").code(6).says(&["exists already"]);
}

#[test]
fn pagila_becomes_a_pack() {
    let site = Site::postgres();
    make(&site, "pagila", "pagila.sql");
    site.line("fixtool pack introspect pagila --name video-shop --output-path shop --yes").code(0);
    let checked = site.line("fixtool pack check ./shop -o json").code(0).json();
    let notes = checked["notes"].to_string();
    assert!(notes.contains("store, staff") && notes.contains("circle"), "{notes}");
    let pack = written(&site, "shop");
    assert_eq!(pack.name(), "video-shop");
    let model = pack.model(pack.newest()).expect("a model");
    assert_eq!(model.tables.len(), 15, "{:?}", model.tables.keys());
    let film = &model.tables["film"];
    assert_eq!(film.columns["rating"].logical, "enum(G,PG,PG-13,R,NC-17)".parse().expect("a type"));
    assert_eq!(film.columns["special_features"].logical, LogicalType::ListText);
    assert!(matches!(film.columns["fulltext"].logical, LogicalType::Native(_)));
    assert_eq!(film.columns["film_id"].default.as_deref(), Some("serial()"));
    assert_eq!(film.newest.as_deref(), Some("last_update"));
    assert_eq!(model.tables["film_actor"].primary_key, ["actor_id", "film_id"]);
    let found = introspected(&site.database().url(), "pagila");
    assert_eq!(fingerprint(model), fingerprint(&found), "what the names tell is no part of the structure");
}

#[test]
fn chinook_becomes_a_pack_on_both_engines_and_the_pack_a_tenant() {
    let postgres = Site::postgres();
    make(&postgres, "chinook", "chinook.sql");
    let sqlite = Site::sqlite();
    std::fs::create_dir_all(sqlite.path("shops/tenants")).expect("a folder");
    sqlite3(&sqlite.path("shops/tenants/chinook.db"), &fixture("chinook.sqlite.sql"));
    let address = format!("sqlite:{}", sqlite.path("shops").display());
    let cases = [(&postgres, postgres.database().url()), (&sqlite, address)];
    for (site, address) in cases {
        let words = ["pack", "introspect", "chinook", "--from-database", &address, "--yes"];
        site.fixtool(words).code(0);
        site.line("fixtool pack check chinook").code(0);
        let pack = written(site, "packs/chinook");
        let model = pack.model(pack.newest()).expect("a model");
        assert_eq!(model.tables.len(), 11, "{:?}", model.tables.keys());
        assert_eq!(fingerprint(model), fingerprint(&introspected(&address, "chinook")));
    }
}

#[test]
fn what_is_not_there_is_said() {
    let site = Site::postgres();
    psql(&site.database().url(), "CREATE SCHEMA hollow");
    site.line("fixtool pack introspect nowhere --yes").code(2).says(&["there is no schema 'nowhere'"]);
    site.line("fixtool pack introspect hollow --yes").code(2).says(&["'hollow' has no tables"]);
    site.fixtool(["pack", "introspect", "x'; drop schema hollow; --", "--name", "x", "--yes"]).code(2);
    site.line("fixtool pack introspect hollow --name Hollow --yes").code(2).says(&["is no name for a pack"]);
    let sqlite = Site::sqlite();
    sqlite.line("fixtool pack introspect shop --yes").code(2).says(&["there is no file 'shop'"]);
    assert!(!sqlite.path("packs").exists());
}
