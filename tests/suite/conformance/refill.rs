//! Lines become tables again, to the byte.

use bytes::Bytes;
use fixtool::backends::database::ddl::{self, Stages, Target};
use fixtool::backends::database::{DatabaseError, DatabaseErrorKind, Refill, RefillSpec};
use fixtool::model::fingerprint::fingerprint;
use fixtool::model::{Checkpoint, Model, Namespace, Table, Value};
use tokio::sync::mpsc;

use super::lines::{WIDE, edge_rows, lines, split, what};
use super::{Place, conforms, model, namespace, on_both};

conforms!(
    lines_become_the_same_lines,
    tables_get_their_keys_after_their_rows,
    damaged_lines_leave_nothing_behind,
    rows_that_break_a_key_are_told,
    a_checkpoint_comes_with_the_rows,
);

/// Makes the tables of a model, without keys.
async fn bare(place: &Place, here: &Namespace, model: &Model) -> Stages {
    place.writer.create_namespace(here).await.unwrap();
    let target = Target { engine: place.writer.engine(), namespace: here };
    let stages = ddl::stages(target, model, &|_: &Table, rule: &str| Ok(rule.to_owned())).unwrap();
    place.writer.execute(here, &stages.tables).await.unwrap();
    stages
}

fn spec(here: &Namespace, model: &Model, table: &str) -> RefillSpec {
    let columns = what(model, table).columns;
    RefillSpec {
        namespace: here.clone(),
        table: table.to_owned(),
        columns,
        written_by: None,
        alone: true,
        checkpoint: None,
    }
}

/// Sends a text in pieces that know nothing of lines.
async fn refill(place: &Place, spec: &RefillSpec, text: &[u8], end: bool) -> Result<u64, DatabaseError> {
    let (out, lines) = mpsc::channel(2);
    let pieces: Vec<Bytes> = text.chunks(99_991).map(Bytes::copy_from_slice).collect();
    let sent = tokio::spawn(async move {
        for piece in pieces {
            if out.send(Refill::Lines(piece)).await.is_err() {
                return;
            }
        }
        if end {
            // Whoever found a fault before the end does not listen any more.
            let _ = out.send(Refill::End).await;
        }
    });
    let done = place.writer.refill(spec, lines).await;
    sent.await.unwrap();
    done
}

async fn all_lines(place: &Place, here: &Namespace, model: &Model, table: &str) -> Vec<u8> {
    let moment = place.writer.instant(here, &[table.to_owned()], 1).await.unwrap();
    let text = lines(&moment, &what(model, table)).await;
    moment.close().await;
    text
}

async fn moved(place: &Place, here: &Namespace, model: &Model, text: &[u8]) -> Vec<u8> {
    let stages = bare(place, here, model).await;
    let rows = refill(place, &spec(here, model, "wide"), text, true).await.unwrap();
    assert_eq!(rows, split(text).len() as u64);
    place.writer.finish_refill(here, &stages, 2).await.unwrap();
    assert_eq!(fingerprint(&place.writer.introspect(here).await.unwrap()), fingerprint(model));
    all_lines(place, here, model, "wide").await
}

async fn lines_become_the_same_lines(place: Place) {
    let (model, here) = (model(WIDE), namespace("tenant_a"));
    place.create(&here, &model).await;
    place.fill(&here, &model, "wide", edge_rows()).await;
    let text = all_lines(&place, &here, &model, "wide").await;
    assert!(moved(&place, &namespace("tenant_b"), &model, &text).await == text);
}

#[test]
fn a_tenant_moves_to_the_other_engine_and_back() {
    on_both(|postgres, sqlite| async move {
        let (model, here) = (model(WIDE), namespace("tenant_a"));
        for (one, other) in [(&postgres, &sqlite), (&sqlite, &postgres)] {
            let start = namespace(if one.folder().is_some() { "from_sqlite" } else { "from_postgres" });
            one.create(&start, &model).await;
            one.fill(&start, &model, "wide", edge_rows()).await;
            let text = all_lines(one, &start, &model, "wide").await;
            let there = moved(other, &here, &model, &text).await;
            assert!(there == text);
            assert!(moved(one, &namespace("back"), &model, &there).await == text);
            other.writer.drop_namespace(&here).await.unwrap();
            one.writer.drop_namespace(&namespace("back")).await.unwrap();
        }
    });
}

const FAMILY: &str = "
tables:
  children:
    columns:
      id: {type: bigint, default: serial()}
      parent: {type: int, references: parents.id, on_delete: cascade}
      name: {type: text, unique: true}
    primary_key: [id]
    index: [[parent]]
  parents:
    columns:
      id: {type: int, required: true}
      kind: {type: 'enum(a,b)', default: a}
    primary_key: [id]
    check: {positive: id > 0}
";

fn numbered(lines: u32, line: impl Fn(u32) -> String) -> String {
    (1..=lines).map(line).collect::<Vec<_>>().concat()
}

fn family(children: &str) -> [(&'static str, String); 2] {
    let parents = numbered(5000, |id| format!("{id}\ta\n"));
    let many = numbered(5000, |id| format!("{id}\t{id}\tname {id}\n"));
    [("children", many + children), ("parents", parents)]
}

async fn refill_family(place: &Place, here: &Namespace, model: &Model, children: &str) -> Result<(), DatabaseError> {
    let tables = family(children);
    let specs: Vec<RefillSpec> = tables.iter().map(|(table, _)| spec(here, model, table)).collect();
    let [one, two] = [0, 1].map(|at| refill(place, &specs[at], tables[at].1.as_bytes(), true));
    if place.folder().is_some() {
        one.await?;
        two.await?;
    } else {
        let (one, two) = tokio::join!(one, two);
        one.and(two)?;
    }
    Ok(())
}

async fn tables_get_their_keys_after_their_rows(place: Place) {
    let (model, here) = (model(FAMILY), namespace("tenant_a"));
    let stages = bare(&place, &here, &model).await;
    // A second try finds what the first left behind.
    refill_family(&place, &here, &model, "").await.unwrap();
    refill_family(&place, &here, &model, "").await.unwrap();
    place.writer.finish_refill(&here, &stages, 4).await.unwrap();
    place.writer.finish_refill(&here, &stages, 4).await.unwrap();
    assert_eq!(fingerprint(&place.writer.introspect(&here).await.unwrap()), fingerprint(&model));
    for (table, text) in family("") {
        assert!(all_lines(&place, &here, &model, table).await == text.as_bytes(), "{table}");
    }
    let child = if place.folder().is_some() { "children" } else { "\"tenant_a\".children" };
    let add = |parent: i32| [format!("INSERT INTO {child} (parent, name) VALUES ({parent}, 'new')")];
    assert_eq!(place.writer.execute(&here, &add(9999)).await.unwrap_err().kind, DatabaseErrorKind::Constraint);
    place.writer.execute(&here, &add(1)).await.unwrap();
    let text = all_lines(&place, &here, &model, "children").await;
    let last = *split(&text).last().unwrap();
    let id: i64 = last.split_once('\t').unwrap().0.parse().unwrap();
    assert!(id > 5000 && last.ends_with("\t1\tnew"), "{last}");
}

async fn damaged_lines_leave_nothing_behind(place: Place) {
    let (model, here) = (model(FAMILY), namespace("tenant_a"));
    bare(&place, &here, &model).await;
    let good = numbered(20_000, |id| format!("{id}\ta\n"));
    let spec = spec(&here, &model, "parents");
    for bad in ["7", "7\n", "7\ta\tb\n", "x\ta\n", "7\tc\n", "0\ta\n", "\\N\ta\n", "7\ta", "\\.\n8\ta\n", "7\t\\N\n\n"]
    {
        let text = format!("{good}{bad}");
        let error = refill(&place, &spec, text.as_bytes(), true).await.unwrap_err();
        assert!(!error.is_transient(), "{bad:?}: {error:?}");
        assert!(!error.message.contains("19999"), "{error:?}");
    }
    assert!(refill(&place, &spec, good.as_bytes(), false).await.is_err(), "a source that goes away has failed");
    assert_eq!(all_lines(&place, &here, &model, "parents").await, b"");
    assert_eq!(refill(&place, &spec, good.as_bytes(), true).await.unwrap(), 20_000);
    let more = RefillSpec { alone: false, ..spec };
    assert_eq!(refill(&place, &more, b"20001\tb\n", true).await.unwrap(), 1);
    assert_eq!(refill(&place, &more, b"", true).await.unwrap(), 0);
    assert_eq!(split(&all_lines(&place, &here, &model, "parents").await).len(), 20_001);
}

async fn rows_that_break_a_key_are_told(place: Place) {
    let model = model(FAMILY);
    for (name, bad) in [("orphan", "9999\t9999\torphan\n"), ("twice", "9999\t1\tname 1\n"), ("key", "1\t1\tother\n")] {
        let here = namespace(name);
        let stages = bare(&place, &here, &model).await;
        let filled = refill_family(&place, &here, &model, bad).await;
        let error = match filled {
            Ok(()) => place.writer.finish_refill(&here, &stages, 2).await.unwrap_err(),
            // A key by which SQLite finds its rows is there from the start.
            Err(error) => error,
        };
        assert_eq!(error.kind, DatabaseErrorKind::Constraint, "{error:?}");
    }
}

async fn a_checkpoint_comes_with_the_rows(place: Place) {
    let (model, here) = (model(FAMILY), namespace("tenant_a"));
    bare(&place, &here, &model).await;
    let checkpoint = Checkpoint {
        run: "restore".into(),
        step: 3,
        position: 2,
        finished: true,
        state: serde_json::json!({ "parts": ["x"] }),
    };
    let spec = RefillSpec { alone: false, checkpoint: Some(checkpoint.clone()), ..spec(&here, &model, "parents") };
    assert!(refill(&place, &spec, b"1\ta\n2\tnonsense\n", true).await.is_err());
    assert_eq!(place.writer.checkpoint(&here, "restore", 3).await.unwrap(), None);
    refill(&place, &spec, b"1\ta\n2\tb\n", true).await.unwrap();
    assert_eq!(place.writer.checkpoint(&here, "restore", 3).await.unwrap(), Some(checkpoint));
    let keys = [vec![Value::Int(2)], vec![Value::Int(3)]];
    let found = place.writer.existing(&here, "parents", &["id".into()], &keys).await.unwrap();
    assert_eq!(found, [true, false]);
}
