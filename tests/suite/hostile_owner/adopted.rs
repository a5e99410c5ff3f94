//! Tables of other roles, whose indexes and statistics call their owner's functions: they are read, and nothing is called.

use fixtool::backends::database::connect::{self, Limits};
use fixtool::backends::database::instant::{LinesOf, Range};
use fixtool::model::{LogicalType, Namespace};
use tokio::sync::mpsc;

use super::scene::{ADOPT, Scene};
use crate::support::words;

/// What the planner calls, each kind on a table of its own, and the usual index on a function in SQL.
const HUNG: &str = "
    CREATE FUNCTION SCHEMA.same(what text, value text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
    BEGIN PERFORM SCHEMA.hit(what); RETURN value; END $$;
    CREATE FUNCTION SCHEMA.f_plain(value text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$SELECT pg_catalog.lower($1) OPERATOR(pg_catalog.||) SCHEMA.same('function in SQL', '')$$;
    CREATE INDEX own_plain ON SCHEMA.users (SCHEMA.f_plain(email::text));
    CREATE INDEX own_constant ON SCHEMA.users ((SCHEMA.same('constant index expression', 'x')));
    CREATE INDEX own_predicate ON SCHEMA.ai_sessions (user_id) WHERE SCHEMA.same('index predicate', 'x') IS NOT NULL;
    CREATE TABLE SCHEMA.parts (id int PRIMARY KEY, word text) PARTITION BY RANGE (id);
    CREATE TABLE SCHEMA.parts_1 PARTITION OF SCHEMA.parts FOR VALUES FROM (0) TO (10);
    CREATE TABLE SCHEMA.parts_2 PARTITION OF SCHEMA.parts FOR VALUES FROM (10) TO (20);
    CREATE INDEX own_of_a_part ON SCHEMA.parts_2 ((SCHEMA.same('index of a partition', 'x')));
    INSERT INTO SCHEMA.parts SELECT n, 'word ' OPERATOR(pg_catalog.||) n FROM pg_catalog.generate_series(1, 15) n;
    SELECT pg_catalog.current_setting('server_version_num')::int >= 140000 AS has_them \\gset
    \\if :has_them
    CREATE STATISTICS SCHEMA.constant_statistics ON (SCHEMA.same('constant statistics', 'x')), session_id
        FROM SCHEMA.content_generated;
    \\endif
";

/// The rows, read so that the test's superuser springs no trap.
fn users(scene: &Scene, tenant: &str) -> Vec<String> {
    let lines = scene.admin(&format!("COPY tenant_{tenant}.users (id, email, name, role, created_at) TO STDOUT"));
    let mut lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn tables_with_an_owners_functions_in_their_indexes_are_backed_up_and_come_back() {
    let mut scene = Scene::new(true);
    scene.make_it_the_owners("tenant_acme");
    scene.plant(HUNG, "tenant_acme");
    scene.armed();
    scene.run(&format!("{ADOPT} --yes")).code(0);
    let before = users(&scene, "acme");
    scene.run("tenant show acme");
    scene.run("backup create --tenant acme --yes");
    scene.run("backup create --tenant acme --backup-type incremental --yes");
    scene.run("backup verify --tenant acme --newest --level live --yes");
    scene.run("data export --tenant acme --output-dir out --yes");
    assert_eq!(scene.site.read("out/users.csv").lines().count(), 21, "a head and all rows");
    scene.run("tenant clone acme copy --yes");
    assert_eq!(users(&scene, "copy"), before);
    // What asks by key and must not write is refused by name; a load is carried out by the owner.
    scene.site.write("more.csv", words::users(25));
    scene.run("data load more.csv --tenant acme --data-types users --on-conflict skip --dry-run").code(2).says(&[
        "tenant_acme.users",
        "own_",
        "drop it, or give fixtool an address",
    ]);
    words::fixtures(&scene.site, "seed");
    scene.run("data load seed --tenant acme --data-types users,ai_sessions,content --on-conflict skip --yes");
    let loaded = users(&scene, "acme");
    assert_eq!(loaded.len(), 120);
    scene.begun();
    scene.run("tenant drop acme --confirm acme");
    let dropped = scene.begun().expect("a run");
    scene.run(&format!("op undo {dropped} --confirm acme"));
    assert_eq!(users(&scene, "acme"), loaded);
    scene.run("backup restore acme --tenant beside --yes");
    scene.assert_unharmed();
    scene.assert_nothing_refused(&["--dry-run"], None);
    assert_eq!(users(&scene, "beside"), loaded);
}

/// Between the look at what hangs on a table and its reading, its owner hangs something on it.
#[test]
fn what_an_owner_hangs_on_a_table_while_it_is_read_is_not_called() {
    let mut scene = Scene::new(true);
    scene.make_it_the_owners("tenant_acme");
    scene.plant(HUNG.split("CREATE INDEX").next().expect("functions"), "tenant_acme");
    scene.armed();
    scene.watched("reading a moment", |scene| {
        let address = scene.site.database().url().parse().expect("an address");
        let work = async {
            let writer = connect::writer(&address, &Limits::default()).await.expect("a writer");
            let namespace = Namespace("tenant_acme".into());
            let tables = ["users".to_owned()];
            let moment = writer.instant(&namespace, &tables, 2).await.expect("a moment");
            scene.plant("CREATE INDEX late ON SCHEMA.users ((SCHEMA.same('late', 'x')))", "tenant_acme");
            let what = LinesOf {
                table: "users".into(),
                columns: vec![("id".into(), LogicalType::Uuid), ("email".into(), LogicalType::Text)],
                key: vec!["id".into()],
                range: None,
            };
            let grid = moment.pages(&tables).await.expect("pages").pop().flatten().expect("a range");
            let (sender, mut receiver) = mpsc::channel(100);
            let what = LinesOf { range: Some(Range::Pages(grid[0])), ..what };
            assert_eq!(moment.lines(&what, sender).await.expect("lines"), 20);
            assert!(receiver.recv().await.is_some());
            assert_eq!(moment.page_marks(&what, &grid, None).await.expect("marks")[0].all.rows, 20);
            assert_eq!(moment.ranges(&what, 4).await.expect("ranges").len(), 1);
            assert_eq!(moment.rows("users").await.expect("rows"), 20);
            moment.close().await;
            writer.close().await;
        };
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work);
    });
    scene.assert_unharmed();
}

/// A view runs its functions as whoever reads it, and a query may name one, through another one too.
#[test]
fn a_query_for_a_load_never_runs_the_functions_of_an_owners_view() {
    let mut scene = Scene::new(true);
    scene.plant(
        "CREATE VIEW SCHEMA.plain AS SELECT id, email, name FROM SCHEMA.users; \
         CREATE VIEW SCHEMA.hostile AS SELECT u.* FROM SCHEMA.users u WHERE SCHEMA.springs() IS NOT NULL; \
         CREATE VIEW SCHEMA.over AS SELECT id, email, name FROM SCHEMA.hostile; \
         CREATE FUNCTION SCHEMA.fine(value text) RETURNS boolean LANGUAGE sql AS 'SELECT SCHEMA.springs() IS NOT NULL'; \
         CREATE DOMAIN SCHEMA.checked AS text CHECK (SCHEMA.fine(VALUE)); \
         CREATE VIEW SCHEMA.domain AS SELECT id, email::text::SCHEMA.checked AS email, name FROM SCHEMA.users",
        "tenant_acme",
    );
    scene.hand_the_tables_over("tenant_acme");
    scene.armed();
    let address = scene.site.database().url();
    let load = |from: &str| {
        format!(
            "data load --from-database {address} {from} --data-types users --tenant neighbour --on-conflict skip --dry-run"
        )
    };
    for (view, function) in [("hostile", "springs"), ("over", "springs"), ("domain", "fine")] {
        let said = [function, "of the query", "with fixtool's rights"];
        scene.run(&load(&format!("--table tenant_acme.{view}"))).code(2).says(&said);
    }
    scene.run(&load("--table tenant_acme.plain")).code(0);
    scene.assert_unharmed();
}
