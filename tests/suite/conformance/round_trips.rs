//! Whatever a model and its rows are: PostgreSQL, an archive, PostgreSQL again, an archive, SQLite, an archive and
//! PostgreSQL once more. The lines are the same to the byte all the way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use fixtool::backends::database::ddl::{self, Target};
use fixtool::model::{Model, Namespace, Row, Table, TenantRecord, TenantStatus, Value};
use fixtool::snapshots::archive::{Archive, ArchiveFormat, ArchiveWriter};
use fixtool::snapshots::bring::Bring;
use fixtool::snapshots::manifest::{Content, Scope};
use fixtool::snapshots::part_store::ArchiveStore;
use fixtool::snapshots::source::ArchiveSource;
use fixtool::snapshots::take::{Take, Watch, take};
use fixtool::snapshots::{Codec, Keys, Packing};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRng, TestRunner};

use super::lines::{lines, what};
use super::{Place, namespace, on_both};

struct Unwatched;

impl Watch for Unwatched {
    fn advance(&self, _bytes: u64) {}

    fn stopped(&self) -> bool {
        false
    }
}

/// A type with values of it: what people write, and what lies at the edges.
#[derive(Debug, Clone)]
struct Kind {
    name: &'static str,
    values: BoxedStrategy<Value>,
}

fn texts() -> BoxedStrategy<String> {
    const ODD: [&str; 8] =
        ["", "\\N", "\\.", "\t\n\r\\", "NULL", "{}", "'\"", "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}"];
    // PostgreSQL takes every character but the one without a number.
    let any = proptest::collection::vec(any::<char>().prop_filter("no NUL", |one| *one != '\0'), 0..40);
    prop_oneof![
        3 => any.prop_map(|all| all.into_iter().collect::<String>()),
        2 => proptest::sample::select(&ODD[..]).prop_map(str::to_owned),
        1 => (1_usize..3000).prop_map(|times| "a \\ \t 表\n".repeat(times)),
    ]
    .boxed()
}

fn numbers() -> BoxedStrategy<i64> {
    prop_oneof![any::<i64>(), -9_i64..9, Just(i64::MIN), Just(i64::MAX)].boxed()
}

fn json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|is| is.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        "[a-zäß ]{0,12}".prop_map(|text| format!("\"{text}\"")),
    ];
    let nested = leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(|all| format!("[{}]", all.join(", "))),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 0..5).prop_map(|all| {
                let pairs: Vec<String> = all.into_iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                format!("{{{}}}", pairs.join(", "))
            }),
        ]
    });
    nested.prop_map(Value::Json).boxed()
}

fn kinds() -> Vec<Kind> {
    let kind = |name, values| Kind { name, values };
    let floats = prop_oneof![
        any::<f64>().prop_filter("one kind of not a number, and no minus zero, which SQLite does not know", |number| {
            !number.is_nan() && (*number != 0.0 || number.is_sign_positive())
        }),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MIN_POSITIVE),
        Just(5e-324),
    ];
    let instants = prop_oneof![
        -62_135_596_800_000_000_i64..253_402_300_799_999_999,
        Just(i64::MAX),
        Just(i64::MIN),
        Just(9_223_371_331_199_999_999),
    ];
    let lists = proptest::collection::vec(proptest::option::of(texts()), 0..5);
    vec![
        kind("uuid", any::<[u8; 16]>().prop_map(Value::Uuid).boxed()),
        kind("text", texts().prop_map(Value::Text).boxed()),
        kind("string(60)", "\\PC{0,60}".prop_map(Value::Text).boxed()),
        kind("int", any::<i32>().prop_map(|number| Value::Int(number.into())).boxed()),
        kind("bigint", numbers().prop_map(Value::Int).boxed()),
        kind("bool", any::<bool>().prop_map(Value::Bool).boxed()),
        kind(
            "decimal(24,6)",
            (-999_999_999_i64..999_999_999, 0_u32..999_999)
                .prop_map(|(whole, part)| Value::Decimal(format!("{whole}.{part:06}")))
                .boxed(),
        ),
        kind("float", floats.prop_map(Value::Float).boxed()),
        kind("timestamp", instants.prop_map(Value::Timestamp).boxed()),
        kind(
            "date",
            prop_oneof![-719_162_i32..2_932_896, Just(i32::MAX), Just(i32::MIN)].prop_map(Value::Date).boxed(),
        ),
        kind("json", json()),
        kind("bytes", proptest::collection::vec(any::<u8>(), 0..200).prop_map(Value::Bytes).boxed()),
        kind("list(text)", lists.prop_map(Value::List).boxed()),
        kind(
            "enum(a,b c,ü)",
            proptest::sample::select(&["a", "b c", "ü"][..]).prop_map(|word| Value::Text(word.to_owned())).boxed(),
        ),
    ]
}

/// Column names that have to be quoted as well as usual ones.
const NAMES: [&str; 8] = ["plain", "select", "with space", "Upper", "quote\"d", "ünï", "a'b", "z"];

type Tenant = (String, BTreeMap<String, Vec<Row>>);

/// A model of some tables, and rows for each of them.
fn tenant() -> impl Strategy<Value = Tenant> {
    let column = (proptest::sample::select(kinds()), any::<bool>());
    let table = (proptest::collection::vec(column, 1..NAMES.len()), any::<bool>(), 0_usize..60);
    proptest::collection::vec(table, 1..4).prop_flat_map(|tables| {
        let mut yaml = "tables:\n".to_owned();
        let mut all = Vec::new();
        for (number, (columns, keyed, rows)) in tables.into_iter().enumerate() {
            writeln!(yaml, "  table_{number}:\n    columns:\n      id: {{type: bigint, required: true}}").unwrap();
            let mut values: Vec<BoxedStrategy<Value>> = Vec::new();
            for ((kind, required), name) in columns.into_iter().zip(NAMES) {
                let name = name.replace('"', "\\\"");
                writeln!(yaml, "      \"{name}\": {{type: \"{}\", required: {required}}}", kind.name).unwrap();
                let empty = prop_oneof![4 => kind.values.clone(), 1 => Just(Value::Null)].boxed();
                values.push(if required { kind.values } else { empty });
            }
            yaml += if keyed { "    primary_key: [id]\n" } else { "" };
            all.push((format!("table_{number}"), proptest::collection::vec(values, rows..=rows)));
        }
        let names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
        let rows: Vec<_> = all.into_iter().map(|(_, rows)| rows).collect();
        rows.prop_map(move |rows| {
            let numbered = |(number, row): (usize, Row)| -> Row {
                std::iter::once(Value::Int(i64::try_from(number).unwrap())).chain(row).collect()
            };
            let rows = rows.into_iter().map(|rows| rows.into_iter().enumerate().map(numbered).collect());
            (yaml.clone(), names.iter().cloned().zip(rows).collect())
        })
    })
}

fn record(namespace: &Namespace) -> TenantRecord {
    TenantRecord {
        id: "acme".parse().unwrap(),
        namespace: namespace.clone(),
        placement: "main".into(),
        pack: "any".into(),
        version: "1.0.0".into(),
        tier: "free".into(),
        status: TenantStatus::Active,
        labels: BTreeMap::new(),
        admin_email: None,
        adopted: false,
        fingerprint: String::new(),
        quotas: BTreeMap::new(),
        integrations: serde_json::Value::Null,
        created_at: "2026-11-23T00:00:00.000000Z".into(),
        updated_at: "2026-11-23T00:00:00.000000Z".into(),
    }
}

/// A namespace goes into an archive.
async fn archived(place: &Place, here: &Namespace, model: &Model, path: &Path) {
    let format = ArchiveFormat::of(path).unwrap();
    let store = Arc::new(ArchiveStore::new(ArchiveWriter::create(path, format).unwrap()));
    let reader = place.writer.clone().as_reader();
    let all = Take {
        readers: 2,
        database: &*reader,
        store: Arc::new(store.clone()),
        tenant: &record(here),
        model,
        scope: Scope { contents: BTreeSet::from([Content::Structure, Content::Rows]), tables: None },
        parent: None,
        packing: Packing::plain(Codec::default()),
        keys: Keys::none(),
        credentials: BTreeMap::new(),
        tags: BTreeSet::new(),
        watch: Arc::new(Unwatched),
    };
    let taken = take(&all).await.unwrap().unwrap();
    store.take().unwrap().publish(&taken.manifest, None).unwrap();
}

/// An archive comes into a fresh namespace, and is compared with it.
async fn brought(place: &Place, here: &Namespace, path: &Path) {
    let source = Arc::new(ArchiveSource::open(Archive::open(path).unwrap(), Keys::none()).unwrap());
    let model = source_model(&source);
    place.writer.create_namespace(here).await.unwrap();
    let target = Target { engine: place.writer.engine(), namespace: here };
    let stages = ddl::stages(target, &model, &|_: &Table, rule: &str| Ok(rule.to_owned())).unwrap();
    place.writer.execute(here, &stages.tables).await.unwrap();
    let bring = Bring { source, database: place.writer.clone(), namespace: here.clone(), watch: Arc::new(Unwatched) };
    for (step, table) in (0..).zip(model.tables.keys()) {
        bring.fill(table, ("round-trip", step)).await.unwrap().unwrap();
    }
    place.writer.finish_refill(here, &stages, 1).await.unwrap();
    for table in model.tables.keys() {
        if let Err(error) = bring.compare(table).await {
            panic!("{error} on {:?}: {:#?}", place.writer.engine(), model.tables[table].columns);
        }
    }
}

fn source_model(source: &ArchiveSource) -> Model {
    use fixtool::snapshots::SnapshotSource as _;
    source.manifest().model.clone()
}

/// All lines of all tables; those of a table without a key have no order.
async fn told(place: &Place, here: &Namespace, model: &Model) -> Vec<Vec<String>> {
    let names: Vec<String> = model.tables.keys().cloned().collect();
    let moment = place.writer.instant(here, &names, 1).await.unwrap();
    let mut all = Vec::new();
    for name in &names {
        let text = String::from_utf8(lines(&moment, &what(model, name)).await).unwrap();
        let mut each: Vec<String> = text.lines().map(str::to_owned).collect();
        each.sort();
        all.push(each);
    }
    moment.close().await;
    all
}

async fn round_trip(postgres: &Place, sqlite: &Place, (yaml, rows): &Tenant) {
    let model = super::model(yaml);
    let folder = tempfile::tempdir().unwrap();
    let [first, second, third] = ["zip", "tar.zst", "tar.gz"].map(|end| folder.path().join(format!("a.{end}")));
    let [start, again, there, back] = ["start", "again", "there", "back"].map(namespace);
    postgres.create(&start, &model).await;
    for (table, rows) in rows {
        postgres.fill(&start, &model, table, rows.clone()).await;
    }
    let wanted = told(postgres, &start, &model).await;
    assert_eq!(wanted.iter().map(Vec::len).sum::<usize>(), rows.values().map(Vec::len).sum::<usize>());
    archived(postgres, &start, &model, &first).await;
    brought(postgres, &again, &first).await;
    assert!(told(postgres, &again, &model).await == wanted, "{yaml}");
    archived(postgres, &again, &model, &second).await;
    brought(sqlite, &there, &second).await;
    assert!(told(sqlite, &there, &model).await == wanted, "{yaml}");
    archived(sqlite, &there, &model, &third).await;
    brought(postgres, &back, &third).await;
    assert!(told(postgres, &back, &model).await == wanted, "{yaml}");
    for here in [&start, &again, &back] {
        postgres.writer.drop_namespace(here).await.unwrap();
    }
    sqlite.writer.drop_namespace(&there).await.unwrap();
}

#[test]
fn any_tenant_goes_round_and_comes_back_the_same() {
    on_both(|postgres, sqlite| async move {
        let rng = TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        // Models that are tried, each with rows of its own.
        for _ in 0..crate::support::often(12, 200) {
            let tenant = tenant().new_tree(&mut runner).unwrap().current();
            round_trip(&postgres, &sqlite, &tenant).await;
        }
    });
}
