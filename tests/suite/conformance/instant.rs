//! One moment of a tenant: the same lines on both engines, whatever others write meanwhile.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fixtool::backends::database::DatabaseErrorKind;
use fixtool::backends::database::instant::{CHUNK, KeyBoundary, KeyRange, LinesOf, Range};
use fixtool::model::fingerprint::fingerprint;
use fixtool::model::{Row, Value};
use sqlx::ConnectOptions;

use super::lines::{WIDE, edge_rows, lines, split, what};
use super::{Place, conforms, model, namespace, on_both, on_postgres, on_sqlite};

conforms!(
    a_moment_is_unmoved_by_writers,
    ranges_hold_every_row_exactly_once,
    a_table_without_a_key_is_one_range,
    marks_change_where_rows_change,
    a_mark_never_survives_its_table,
    an_early_end_harms_nobody,
    what_is_missing_is_told,
);

#[test]
fn both_engines_write_the_same_lines() {
    on_both(|postgres, sqlite| async move {
        let (model, here) = (model(WIDE), namespace("tenant_a"));
        let mut seen = Vec::new();
        for place in [postgres, sqlite] {
            place.create(&here, &model).await;
            place.fill(&here, &model, "wide", edge_rows()).await;
            place.writer.close().await;
            let reader = place.reader().await;
            let moment = reader.instant(&here, &["wide".into()], 1).await.unwrap();
            assert_eq!(moment.taken_at().len(), "2026-11-23T06:30:00.123456Z".len());
            assert!(moment.position().starts_with(if place.folder().is_some() { "sqlite:" } else { "postgres:" }));
            assert_eq!(fingerprint(&moment.model().await.unwrap()), fingerprint(&model));
            assert_eq!(moment.rows("wide").await.unwrap(), edge_rows().len() as u64);
            let found = lines(&moment, &what(&model, "wide")).await;
            moment.close().await;
            seen.push(found);
        }
        let (of_postgres, of_sqlite) = (split(&seen[0]), split(&seen[1]));
        assert_eq!(of_postgres.len(), edge_rows().len());
        for (postgres, sqlite) in of_postgres.iter().zip(&of_sqlite) {
            assert!(postgres == sqlite, "{postgres:.2000}\n{sqlite:.2000}");
        }
        assert!(seen[0] == seen[1]);
    });
}

const ACCOUNTS: &str = "
tables:
  one: {columns: {id: {type: int, required: true}, amount: {type: bigint}}, primary_key: [id]}
  two: {columns: {id: {type: int, required: true}, amount: {type: bigint}}, primary_key: [id]}
";

async fn a_moment_is_unmoved_by_writers(place: Place) {
    let (model, here) = (model(ACCOUNTS), namespace("tenant_a"));
    place.create(&here, &model).await;
    let rows = || (0..50).map(|id| vec![Value::Int(id), Value::Int(1000)]).collect::<Vec<Row>>();
    place.fill(&here, &model, "one", rows()).await;
    place.fill(&here, &model, "two", rows()).await;
    let (stop, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let table = |name: &str| if place.folder().is_some() { name.to_owned() } else { format!("\"tenant_a\".{name}") };
    let (one, two) = (table("one"), table("two"));
    let (writer, stopped, counted, there) = (place.writer.clone(), stop.clone(), turns.clone(), here.clone());
    let writing = tokio::spawn(async move {
        while !stopped.load(Ordering::SeqCst) {
            let turn = counted.fetch_add(1, Ordering::SeqCst);
            let move_some = [
                format!("UPDATE {one} SET amount = amount - {turn} WHERE id = {}", turn % 50),
                format!("UPDATE {two} SET amount = amount + {turn} WHERE id = {}", (turn * 7) % 50),
            ];
            writer.execute(&there, &move_some).await.unwrap();
        }
    });
    let tables = ["one".to_owned(), "two".to_owned()];
    let sessions = [place.writer.clone().as_reader(), place.reader().await];
    let mut seen = HashSet::new();
    for turn in 0.. {
        if turn >= 20 && seen.len() > 5 {
            break;
        }
        let moment = match sessions[turn % 2].instant(&here, &tables, 1 + turn % 3).await {
            Ok(moment) => moment,
            // Who may not lock a file can be disturbed before the first row.
            Err(error) if error.kind == DatabaseErrorKind::Contention => continue,
            Err(error) => panic!("{error:?}"),
        };
        let (of_one, of_two) = (what(&model, "one"), what(&model, "two"));
        let (first, second) = tokio::join!(lines(&moment, &of_one), lines(&moment, &of_two));
        let sum: i64 = [&first, &second]
            .iter()
            .flat_map(|text| split(text))
            .map(|line| line.split_once('\t').unwrap().1.parse::<i64>().unwrap())
            .sum();
        assert_eq!(sum, 100_000, "{turn}");
        assert!(lines(&moment, &of_one).await == first, "a moment does not move");
        moment.close().await;
        seen.insert(first);
        assert!(turn < 10_000 && !writing.is_finished(), "{}", turns.load(Ordering::SeqCst));
    }
    stop.store(true, Ordering::SeqCst);
    writing.await.unwrap();
}

const KEYS: &str = "
tables:
  single: {columns: {id: {type: uuid, required: true}, n: {type: int}, fill: {type: text}}, primary_key: [id]}
  paired:
    columns: {owner: {type: text, required: true}, at: {type: timestamp, required: true}, n: {type: int}, fill: {type: text}}
    primary_key: [owner, at]
  worded: {columns: {word: {type: text, required: true}, n: {type: int}, fill: {type: text}}, primary_key: [word]}
  loose: {columns: {n: {type: int}, fill: {type: text}}}
";

const MANY: i64 = 20_000;

fn fill_text() -> Value {
    Value::Text("x".repeat(300))
}

/// Keys that lie all over the place.
fn keyed(table: &str, n: i64) -> Row {
    let mixed = blake3::hash(&n.to_le_bytes());
    let mut key = match table {
        "single" => vec![Value::Uuid(mixed.as_bytes()[..16].try_into().unwrap())],
        "paired" => vec![Value::Text(format!("Owner {}", n % 13)), Value::Timestamp((n - MANY / 2) * 1_000_003)],
        "worded" => {
            let start = ["a", "B", "ä", "'", "\\", "\t", "表", "z"][usize::from(mixed.as_bytes()[0] % 8)];
            vec![Value::Text(format!("{start}{}", mixed.to_hex()))]
        }
        _ => vec![],
    };
    key.extend([Value::Int(n), fill_text()]);
    key
}

async fn with_keys(place: &Place, table: &str) {
    let (model, here) = (model(KEYS), namespace("tenant_a"));
    place.create(&here, &model).await;
    place.fill(&here, &model, table, (0..MANY).map(|n| keyed(table, n)).collect()).await;
}

async fn ranges_hold_every_row_exactly_once(place: Place) {
    let (model, here) = (model(KEYS), namespace("tenant_a"));
    place.create(&here, &model).await;
    for table in ["single", "paired", "worded"] {
        place.fill(&here, &model, table, (0..MANY).map(|n| keyed(table, n)).collect()).await;
        for analysed in [true, false] {
            if !analysed && place.folder().is_none() {
                let forget = format!("ALTER TABLE \"tenant_a\".{table} ALTER COLUMN fill TYPE varchar(400)");
                place.writer.execute(&here, &[forget]).await.unwrap();
                place.writer.execute(&here, &["DELETE FROM pg_catalog.pg_statistic".into()]).await.unwrap();
            }
            let moment = place.writer.instant(&here, &[table.to_owned()], 2).await.unwrap();
            let of = what(&model, table);
            let ranges = moment.ranges(&of, 4).await.unwrap();
            assert_eq!(ranges.len(), 4, "{table}");
            let mut together = Vec::new();
            for range in ranges {
                let part = LinesOf { range: Some(Range::Keys(range)), ..of.clone() };
                let found = lines(&moment, &part).await;
                let rows = split(&found).len();
                assert!((2000..10_000).contains(&rows), "{table}: {rows}");
                together.extend(found);
            }
            assert!(together == lines(&moment, &of).await, "{table}");
            assert_eq!(split(&together).len(), usize::try_from(MANY).unwrap());
            moment.close().await;
        }
    }
}

async fn a_table_without_a_key_is_one_range(place: Place) {
    with_keys(&place, "loose").await;
    let (model, here) = (model(KEYS), namespace("tenant_a"));
    let moment = place.writer.instant(&here, &["loose".into(), "single".into()], 2).await.unwrap();
    let loose = what(&model, "loose");
    assert_eq!(moment.ranges(&loose, 4).await.unwrap(), [KeyRange::default()]);
    assert_eq!(moment.ranges(&what(&model, "single"), 4).await.unwrap(), [KeyRange::default()]);
    let found = lines(&moment, &loose).await;
    let numbers: HashSet<&str> = split(&found).into_iter().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(numbers.len(), usize::try_from(MANY).unwrap());
    assert_eq!(moment.marks(&loose, &[]).await.unwrap()[0].rows, MANY.unsigned_abs());
    assert_eq!(lines(&moment, &what(&model, "single")).await, b"");
    moment.close().await;
}

async fn marks_change_where_rows_change(place: Place) {
    with_keys(&place, "worded").await;
    let (model, here) = (model(KEYS), namespace("tenant_a"));
    let (of, tables) = (what(&model, "worded"), ["worded".to_owned()]);
    let moment = place.writer.instant(&here, &tables, 1).await.unwrap();
    let all = lines(&moment, &of).await;
    let places: Vec<KeyBoundary> = split(&all)
        .iter()
        .step_by(2500)
        .skip(1)
        .map(|line| KeyBoundary::of_line(line.as_bytes(), &of.key_places()).unwrap())
        .collect();
    let mut before = moment.marks(&of, &places).await.unwrap();
    moment.close().await;
    assert_eq!(before.len(), 8);
    assert!(before.iter().all(|mark| mark.rows == 2500), "{before:?}");
    let table = if place.folder().is_some() { "worded" } else { "\"tenant_a\".worded" };
    let numbers: Vec<&str> = split(&all).into_iter().map(|line| line.split('\t').nth(1).unwrap()).collect();
    for (change, expected) in [
        ("UPDATE {} SET n = n WHERE n = -1".to_owned(), vec![]),
        (format!("UPDATE {{}} SET fill = 'y' WHERE n = {}", numbers[100]), vec![0]),
        (format!("DELETE FROM {{}} WHERE n IN ({}, {})", numbers[2500], numbers[19_999]), vec![1, 7]),
        (format!("UPDATE {{}} SET fill = 'z' WHERE n IN ({}, {})", numbers[7400], numbers[7600]), vec![2, 3]),
    ] {
        place.writer.execute(&here, &[change.replace("{}", table)]).await.unwrap();
        let moment = place.writer.instant(&here, &tables, 1).await.unwrap();
        let now = moment.marks(&of, &places).await.unwrap();
        moment.close().await;
        let changed: Vec<usize> = (0..now.len()).filter(|at| now[*at] != before[*at]).collect();
        assert_eq!(changed, expected, "{change}");
        before = now;
    }
}

async fn a_mark_never_survives_its_table(place: Place) {
    if place.folder().is_some() {
        // There it is a hash of the lines: the same lines are the same.
        return;
    }
    let (model, here) = (model(ACCOUNTS), namespace("tenant_a"));
    place.create(&here, &model).await;
    place.fill(&here, &model, "one", vec![vec![Value::Int(1), Value::Int(1)]]).await;
    let of = what(&model, "one");
    let mut seen = HashSet::new();
    for change in [
        "SELECT 1",
        "ALTER TABLE \"tenant_a\".one ADD COLUMN more int DEFAULT 7",
        "TRUNCATE \"tenant_a\".one",
        "DROP TABLE \"tenant_a\".one; CREATE TABLE \"tenant_a\".one (id int NOT NULL, amount bigint)",
    ] {
        place.writer.execute(&here, &[change.to_owned()]).await.unwrap();
        let moment = place.writer.instant(&here, &["one".into()], 1).await.unwrap();
        assert!(seen.insert(moment.marks(&of, &[]).await.unwrap().remove(0)), "{change}");
        moment.close().await;
    }
}

async fn an_early_end_harms_nobody(place: Place) {
    with_keys(&place, "single").await;
    let (model, here) = (model(KEYS), namespace("tenant_a"));
    let of = what(&model, "single");
    let moment = place.writer.instant(&here, &["single".into()], 2).await.unwrap();
    for _ in 0..5 {
        let (out, mut chunks) = tokio::sync::mpsc::channel(1);
        let (asked, held) = (of.clone(), moment.clone());
        let sent = tokio::spawn(async move { held.lines(&asked, out).await });
        let first = chunks.recv().await.unwrap();
        assert!(first.len() >= CHUNK && first.len() < 2 * CHUNK && first.ends_with(b"\n"), "{}", first.len());
        drop(chunks);
        sent.await.unwrap().unwrap();
    }
    assert_eq!(split(&lines(&moment, &of).await).len(), usize::try_from(MANY).unwrap());
    moment.close().await;
    place.writer.rename_namespace(&here, &namespace("tenant_b")).await.unwrap();
}

async fn what_is_missing_is_told(place: Place) {
    let (model, here) = (model(ACCOUNTS), namespace("tenant_a"));
    assert!(place.writer.instant(&here, &["one".into()], 1).await.is_err());
    place.create(&here, &model).await;
    assert!(place.writer.instant(&here, &["nothing".into()], 1).await.is_err());
    let moment = place.writer.instant(&here, &[], 1).await.unwrap();
    assert!(moment.rows("nothing").await.is_err());
    moment.close().await;
}

#[test]
fn a_lost_connection_ends_the_moment_at_once() {
    on_postgres(|place| async move {
        let (model, here) = (model(ACCOUNTS), namespace("tenant_a"));
        place.create(&here, &model).await;
        for readers in [1, 3] {
            let moment = place.writer.instant(&here, &["one".into()], readers).await.unwrap();
            assert_eq!(moment.readers(), readers);
            assert_eq!(moment.rows("one").await.unwrap(), 0);
            let kill = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
                        WHERE pid <> pg_catalog.pg_backend_pid() AND datname = pg_catalog.current_database() \
                        AND state LIKE 'idle in transaction%'";
            place.writer.execute(&here, &[kill.to_owned()]).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(if readers > 1 { 2500 } else { 0 })).await;
            for _ in 0..3 {
                let error = moment.rows("one").await.unwrap_err();
                assert!(error.is_transient(), "{error:?}");
            }
            moment.close().await;
        }
    });
}

#[test]
fn a_file_without_a_log_is_read_by_several() {
    on_sqlite(|place| async move {
        with_keys(&place, "single").await;
        let (model, here) = (model(KEYS), namespace("tenant_a"));
        let of = what(&model, "single");
        let moment = place.writer.instant(&here, &["single".into()], 1).await.unwrap();
        let expected = lines(&moment, &of).await;
        moment.close().await;
        place.writer.close().await;
        let file = crate::support::site::files_below(&place.folder().unwrap()).remove(0);
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
        let mut other = options.journal_mode(sqlx::sqlite::SqliteJournalMode::Delete).connect().await.unwrap();
        let reader = place.reader().await;
        let moment = reader.instant(&here, &["single".into()], 3).await.unwrap();
        assert_eq!(moment.readers(), 3);
        let ranges = moment.ranges(&of, 3).await.unwrap();
        let parts: Vec<LinesOf> =
            ranges.into_iter().map(|range| LinesOf { range: Some(Range::Keys(range)), ..of.clone() }).collect();
        let (one, two, three) =
            tokio::join!(lines(&moment, &parts[0]), lines(&moment, &parts[1]), lines(&moment, &parts[2]));
        assert!([one, two, three].concat() == expected);
        // Nothing kept the other program away, so what was read afterwards does not count.
        sqlx::raw_sql("DELETE FROM single WHERE n = 7").execute(&mut other).await.unwrap();
        assert_eq!(moment.rows("single").await.unwrap_err().kind, DatabaseErrorKind::Contention);
        moment.close().await;
    });
}
