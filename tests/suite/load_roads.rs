//! The two roads of bulk loading, below the command: every case on both engines.

use std::sync::Arc;

use fixtool::backends::database::ddl::{self, Target};
use fixtool::backends::database::load::{Conflict, Coverage, LoadSpec, RefusedReason, RowBatch, UnloadSpec, Written};
use fixtool::backends::database::{LoadSession, Writer, address::Address, connect};
use fixtool::model::{Checkpoint, Column, ForeignKey, LogicalType, Model, Namespace, OnDelete, Row, Table, Value};

use crate::support::{PostgresDatabase, TestEnvironment};

/// A namespace with parents and children, and what keeps its database alive.
struct Ground {
    writer: Arc<dyn Writer>,
    namespace: Namespace,
    model: Model,
    _database: Option<PostgresDatabase>,
    _folder: TestEnvironment,
}

fn model() -> Model {
    let mut parent = Table { primary_key: vec!["id".into()], ..Table::default() };
    parent.columns.insert("id".into(), Column { required: true, ..Column::of(LogicalType::Int) });
    parent.columns.insert("email".into(), Column { required: true, unique: true, ..Column::of(LogicalType::Text) });
    parent.columns.insert("weight".into(), Column::of(LogicalType::Float));
    parent.columns.insert("blob".into(), Column::of(LogicalType::Bytes));
    parent.columns.insert("seen".into(), Column::of(LogicalType::Timestamp));
    parent.columns.insert("key".into(), Column::of(LogicalType::Uuid));
    parent.columns.insert("price".into(), Column::of(LogicalType::Decimal(12, 4)));
    parent.columns.insert("day".into(), Column::of(LogicalType::Date));
    parent.columns.insert("doc".into(), Column::of(LogicalType::Json));
    parent.columns.insert("tags".into(), Column::of(LogicalType::ListText));
    parent.columns.insert("big".into(), Column::of(LogicalType::BigInt));
    parent.columns.insert("on".into(), Column::of(LogicalType::Bool));
    parent.newest = Some("seen".into());
    let mut child = Table { primary_key: vec!["id".into()], ..Table::default() };
    child.columns.insert("id".into(), Column { required: true, ..Column::of(LogicalType::Int) });
    child.columns.insert("parent".into(), Column { required: true, ..Column::of(LogicalType::Int) });
    child.foreign_keys.push(ForeignKey {
        columns: vec!["parent".into()],
        table: "parents".into(),
        to: vec!["id".into()],
        on_delete: OnDelete::Cascade,
    });
    let mut model = Model::default();
    model.tables.insert("parents".into(), parent);
    model.tables.insert("children".into(), child);
    model
}

async fn grounds() -> Vec<Ground> {
    let database = PostgresDatabase::new();
    let (postgres, sqlite) = (TestEnvironment::new(), TestEnvironment::new());
    let file = format!("sqlite:{}", sqlite.work().display());
    vec![ground(&database.url(), postgres, Some(database)).await, ground(&file, sqlite, None).await]
}

async fn ground(url: &str, folder: TestEnvironment, database: Option<PostgresDatabase>) -> Ground {
    let address: Address = url.parse().unwrap();
    let writer = connect::writer(&address, &connect::Limits::default()).await.unwrap();
    let namespace = Namespace("tenant_o'\"ddly".into());
    let model = model();
    writer.create_namespace(&namespace).await.unwrap();
    let target = Target { engine: writer.engine(), namespace: &namespace };
    let statements = ddl::create(target, &model, &|_, _| Ok(String::new())).unwrap();
    writer.execute(&namespace, &statements).await.unwrap();
    Ground { writer, namespace, model, _database: database, _folder: folder }
}

impl Ground {
    fn spec(&self, table: &str, run: &str) -> LoadSpec {
        let definition = self.model.tables[table].clone();
        LoadSpec {
            namespace: self.namespace.clone(),
            table: table.into(),
            columns: definition.columns.keys().cloned().collect(),
            key: definition.primary_key.clone(),
            definition,
            conflict: Conflict::Error,
            bare: true,
            reject: false,
            run: run.into(),
            step: 0,
            resume: None,
            remember_keys: false,
            most_rows: None,
            coverage: Coverage::Whole,
            continues: None,
        }
    }

    async fn load(&self, spec: LoadSpec, rows: &[Row]) -> (bool, Written) {
        let mut session = self.writer.load(spec).await.unwrap();
        let staged = session.durable_by_batch();
        let mut all = Written::default();
        for (n, chunk) in rows.chunks(7).enumerate() {
            let written = session.write(batch(&*session, n as u64 * 7, chunk)).await.unwrap();
            if add(&mut all, written) {
                return (staged, all);
            }
        }
        add(&mut all, session.finish().await.unwrap());
        (staged, all)
    }

    async fn unload(&self, spec: &LoadSpec) -> fixtool::backends::database::load::Unloaded {
        let spec = UnloadSpec {
            namespace: spec.namespace.clone(),
            table: spec.table.clone(),
            definition: spec.definition.clone(),
            run: spec.run.clone(),
            step: spec.step,
        };
        self.writer.unload(&spec).await.unwrap().expect("a record")
    }

    async fn rows(&self, table: &str) -> Vec<Row> {
        let definition = &self.model.tables[table];
        let what = fixtool::backends::database::Select {
            namespace: self.namespace.clone(),
            table: table.into(),
            columns: definition.columns.iter().map(|(n, c)| (n.clone(), c.logical.clone())).collect(),
            order: definition.primary_key.clone(),
        };
        let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
        let reader = Arc::clone(&self.writer);
        let task = tokio::spawn(async move { reader.select(&what, sender).await.unwrap() });
        let mut rows = Vec::new();
        while let Some(chunk) = receiver.recv().await {
            rows.extend(chunk);
        }
        task.await.unwrap();
        rows
    }

    async fn keys_are_back(&self) {
        let found = self.writer.introspect(&self.namespace).await.unwrap();
        assert_eq!(fixtool::model::fingerprint(&found), fixtool::model::fingerprint(&self.model));
    }

    async fn checkpoint(&self, run: &str) -> Option<Checkpoint> {
        self.writer.checkpoint(&self.namespace, run, 0).await.unwrap()
    }
}

fn batch(session: &dyn LoadSession, first: u64, rows: &[Row]) -> RowBatch {
    let ordinals: Vec<u64> = (first..).take(rows.len()).collect();
    let encoded = session.encoding().encode(&ordinals, rows.to_vec());
    RowBatch { position: first + rows.len() as u64, ordinals, rows: encoded }
}

/// Whether the load is over because a row was refused.
fn add(all: &mut Written, more: Written) -> bool {
    for (name, amount) in more.counts {
        *all.counts.entry(name).or_default() += amount;
    }
    let over = !more.refused.is_empty();
    all.refused.extend(more.refused);
    over && all.counts.is_empty()
}

fn parent(id: i64) -> Row {
    vec![
        Value::Int(id),
        Value::Text(format!("p{id}\t\\N'\"é@x")),
        Value::Float(0.1 + f64::from(i32::try_from(id).unwrap())),
        Value::Bytes(vec![0, 92, 255, u8::try_from(id % 256).unwrap()]),
        Value::Timestamp(1_000_000 * id + 7),
        Value::Uuid([u8::try_from(id % 256).unwrap(); 16]),
        Value::Decimal(format!(
            "{}{}.{:04}",
            if id % 2 == 0 { "-" } else { "" },
            id * 12_345 + 1,
            id * 37 % 1_000 * 10 + 1
        )),
        Value::Date(i32::try_from(id).unwrap() * 400 - 30_000),
        Value::Json(format!("{{\"a\": [{id}, null]}}")),
        Value::List(vec![Some("x,\"y".into()), None, Some(String::new())][..usize::try_from(id % 4).unwrap()].to_vec()),
        Value::Int(i64::MIN + id),
        Value::Bool(id % 3 == 0),
    ]
}

fn child(id: i64, parent: i64) -> Row {
    vec![Value::Int(id), Value::Int(parent)]
}

fn refusals(written: &Written) -> Vec<(u64, RefusedReason, Option<u64>)> {
    written.refused.iter().map(|r| (r.ordinal, r.reason, r.other)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_table_is_loaded_bare_and_its_keys_come_back() {
    for ground in grounds().await {
        let rows: Vec<Row> = (0..50).map(parent).collect();
        let spec = ground.spec("parents", "r1");
        let (staged, written) = ground.load(spec.clone(), &rows).await;
        assert!(!staged);
        assert_eq!(written.counts["inserted"], 50);
        assert_eq!(ground.rows("parents").await, rows);
        ground.keys_are_back().await;
        assert!(ground.checkpoint("r1").await.unwrap().finished);
        let undone = ground.unload(&spec).await;
        assert_eq!((undone.removed, undone.kept), (50, 0));
        assert!(ground.rows("parents").await.is_empty());
        assert_eq!(ground.unload(&spec).await, undone, "whoever asks again is told the same");
        assert!(ground.checkpoint("r1").await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_load_names_duplicates_and_orphans_by_their_records() {
    for ground in grounds().await {
        let mut rows: Vec<Row> = (0..30).map(parent).collect();
        rows[20][0] = Value::Int(3);
        rows[25][1] = rows[4][1].clone();
        let (_, stopped) = ground.load(ground.spec("parents", "stop"), &rows).await;
        assert_eq!(
            refusals(&stopped),
            [(20, RefusedReason::Duplicate, Some(3)), (25, RefusedReason::Duplicate, Some(4))]
        );
        assert!(ground.rows("parents").await.is_empty());
        let spec = LoadSpec { reject: true, ..ground.spec("parents", "reject") };
        let (_, written) = ground.load(spec, &rows).await;
        assert_eq!(written.counts["inserted"], 28);
        assert_eq!(written.refused.len(), 2);
        ground.keys_are_back().await;
        let children: Vec<Row> = (0..20).map(|n| child(n, if n == 11 { 999 } else { n % 3 })).collect();
        let spec = LoadSpec { reject: true, ..ground.spec("children", "c") };
        let (_, written) = ground.load(spec, &children).await;
        assert_eq!(refusals(&written), [(11, RefusedReason::Reference, None)]);
        assert_eq!(ground.rows("children").await.len(), 19);
        ground.keys_are_back().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_dropped_leaves_nothing() {
    for ground in grounds().await {
        let mut session = ground.writer.load(ground.spec("parents", "r")).await.unwrap();
        let rows: Vec<Row> = (0..9).map(parent).collect();
        session.write(batch(&*session, 0, &rows)).await.unwrap();
        drop(session);
        let (staged, _) = ground.load(ground.spec("parents", "r2"), &rows).await;
        assert!(!staged, "the table is empty, with its keys");
        ground.keys_are_back().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strategies_decide_what_happens_to_known_rows_and_undo_brings_them_back() {
    for ground in grounds().await {
        let before: Vec<Row> = (0..20).map(parent).collect();
        ground.load(ground.spec("parents", "first"), &before).await;
        let newer = |id: i64| {
            let mut row = parent(id);
            row[2] = Value::Float(-0.3);
            row[3] = Value::Null;
            row[4] = Value::Timestamp(if id % 2 == 0 { 1 } else { 9_000_000_000 });
            row
        };
        let source: Vec<Row> = (10..25).map(newer).collect();
        for (conflict, updated, unchanged, skipped) in [
            (Conflict::Skip, 0, 0, 10),
            (Conflict::Overwrite, 10, 0, 0),
            (Conflict::Merge, 10, 0, 0),
            (Conflict::Newest, 5, 5, 0),
        ] {
            let run = format!("{conflict:?}");
            let spec = LoadSpec { conflict, ..ground.spec("parents", &run) };
            let (staged, written) = ground.load(spec.clone(), &source).await;
            assert!(staged);
            let count = |name: &str| written.counts.get(name).copied().unwrap_or_default();
            let counts = (count("inserted"), count("updated"), count("unchanged"), count("skipped"));
            assert_eq!(counts, (5, updated, unchanged, skipped), "{run}");
            let after = ground.rows("parents").await;
            assert_eq!(after.len(), 25);
            let merged = matches!(after[11][3], Value::Bytes(_));
            assert_eq!(merged, matches!(conflict, Conflict::Skip | Conflict::Merge), "{run}");
            let again = LoadSpec { run: format!("{run} again"), ..spec.clone() };
            let (_, second) = ground.load(again.clone(), &source).await;
            assert_eq!(second.counts.get("updated"), None, "{run}: a second time changes nothing");
            ground.unload(&again).await;
            let undone = ground.unload(&spec).await;
            assert_eq!((undone.removed, undone.restored, undone.kept), (5, updated, 0), "{run}");
            assert_eq!(ground.rows("parents").await, before, "{run}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staged_load_refuses_with_reasons_and_goes_on_from_its_checkpoint() {
    for ground in grounds().await {
        ground.load(ground.spec("parents", "first"), &(0..5).map(parent).collect::<Vec<_>>()).await;
        let mut source: Vec<Row> = (5..26).map(parent).collect();
        source[2] = parent(3);
        source[9][1] = parent(1)[1].clone();
        source[15] = parent(6);
        let spec = LoadSpec { reject: true, ..ground.spec("parents", "s") };
        let (_, written) = ground.load(spec.clone(), &source).await;
        assert_eq!(
            refusals(&written).iter().map(|(o, r, _)| (*o, *r)).collect::<Vec<_>>(),
            [(2, RefusedReason::Exists), (9, RefusedReason::Exists), (15, RefusedReason::Duplicate)]
        );
        assert_eq!(written.counts["inserted"], 18);
        let noted = ground.writer.refused(&ground.namespace, "s", 0).await.unwrap();
        assert_eq!(noted.iter().map(|r| r.ordinal).collect::<Vec<_>>(), [2, 9, 15]);

        let more: Vec<Row> = (100..130).map(parent).collect();
        let spec = ground.spec("parents", "halted");
        let mut session = ground.writer.load(spec.clone()).await.unwrap();
        session.write(batch(&*session, 0, &more[..10])).await.unwrap();
        drop(session);
        let resume = ground.checkpoint("halted").await.unwrap();
        assert_eq!((resume.position, resume.finished), (10, false));
        let mut session = ground.writer.load(LoadSpec { resume: Some(resume), ..spec }).await.unwrap();
        session.write(batch(&*session, 10, &more[10..])).await.unwrap();
        session.finish().await.unwrap();
        let end = ground.checkpoint("halted").await.unwrap();
        assert_eq!((end.position, end.finished, &end.state["counts"]["inserted"]), (30, true, &serde_json::json!(30)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_keeps_rows_that_others_point_at_and_rows_that_changed_since() {
    for ground in grounds().await {
        let parents = ground.spec("parents", "p");
        ground.load(parents.clone(), &(0..10).map(parent).collect::<Vec<_>>()).await;
        ground.load(ground.spec("children", "c"), &[child(1, 4)]).await;
        let spec = UnloadSpec {
            namespace: parents.namespace.clone(),
            table: "parents".into(),
            definition: parents.definition.clone(),
            run: "p".into(),
            step: 0,
        };
        let refused = ground.writer.unload(&spec).await.unwrap_err();
        assert!(refused.message.contains("children"), "{refused}");
        assert_eq!(ground.rows("parents").await.len(), 10);
        ground.unload(&ground.spec("children", "c")).await;
        assert_eq!(ground.unload(&parents).await.removed, 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_stops_both_roads_before_anything_is_durable() {
    for ground in grounds().await {
        let rows: Vec<Row> = (0..12).map(parent).collect();
        for bare in [true, false] {
            let spec = LoadSpec { bare, most_rows: Some(5), ..ground.spec("parents", "q") };
            let mut session = ground.writer.load(spec).await.unwrap();
            let mut result = session.write(batch(&*session, 0, &rows)).await;
            if result.is_ok() {
                result = session.finish().await;
            }
            let error = result.unwrap_err();
            assert_eq!(error.kind, fixtool::backends::database::DatabaseErrorKind::Quota, "{error}");
            assert!(ground.rows("parents").await.is_empty());
        }
    }
}
