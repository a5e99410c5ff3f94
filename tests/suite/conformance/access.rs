//! A reading session cannot write, and leaves no trace.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use fixtool::backends::database::Select;
use fixtool::model::Value;
use tokio::sync::mpsc;

use super::{Place, conforms, model, namespace, on_postgres, on_sqlite};
use crate::support::site::files_below;

conforms!(a_reading_session_cannot_write);

const MODEL: &str = "tables:\n  a:\n    columns:\n      x: {type: int, required: true}\n    primary_key: [x]\n";

async fn a_reading_session_cannot_write(place: Place) {
    let (model, here) = (model(MODEL), namespace("tenant_a"));
    place.create(&here, &model).await;
    place.writer.close().await;
    let reader = place.reader().await;
    let forbidden = match place.folder() {
        Some(_) => ["DELETE FROM sqlite_schema", "CREATE TABLE y (z)"],
        None => [
            "WITH d AS (DELETE FROM \"tenant_a\".a RETURNING x) SELECT x FROM d",
            "SELECT pg_catalog.set_config('x.y', 'z', false), pg_catalog.nextval('pg_catalog.nothing')",
        ],
    };
    for sql in forbidden {
        let (out, _rows) = mpsc::channel(1);
        assert!(reader.query(sql, out).await.is_err(), "{sql}");
    }
}

#[test]
fn a_query_of_a_writer_cannot_write_either() {
    on_postgres(|place| async move {
        let (model, here) = (model(MODEL), namespace("tenant_a"));
        place.create(&here, &model).await;
        let (out, _rows) = mpsc::channel(1);
        let sql = "WITH i AS (INSERT INTO \"tenant_a\".a VALUES (1) RETURNING x) SELECT x FROM i";
        assert!(place.writer.query(sql, out).await.is_err());
        assert_eq!(place.writer.table_stats(&here, &["a".into()]).await.unwrap()[0].rows, 0);
    });
}

fn image(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = place.folder().expect("SQLite");
    files_below(&folder).into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

async fn read_everything(place: &Place) -> u64 {
    let (reader, here) = (place.reader().await, namespace("tenant_a"));
    reader.introspect(&here).await.unwrap();
    reader.table_mark(&here, "a").await.unwrap();
    reader.checkpoint(&here, "r", 0).await.unwrap();
    reader.existing(&here, "a", &["x".into()], &[vec![Value::Int(1)]]).await.unwrap();
    let columns = vec![("x".to_owned(), "int".parse().unwrap())];
    let select = Select { namespace: here.clone(), table: "a".into(), columns, order: vec![] };
    let (out, mut rows) = mpsc::channel(100);
    let sent = reader.select(&select, out).await.unwrap();
    while rows.recv().await.is_some() {}
    assert_eq!(reader.table_stats(&here, &["a".into()]).await.unwrap()[0].rows, sent);
    reader.close().await;
    sent
}

#[test]
fn reading_leaves_every_byte_as_it_was() {
    on_sqlite(|place| async move {
        let (model, here) = (model(MODEL), namespace("tenant_a"));
        place.create(&here, &model).await;
        place.fill(&here, &model, "a", (0..1000).map(|n| vec![Value::Int(n)]).collect()).await;
        // Closed in order: one file, and it stays one.
        place.writer.close().await;
        let before = image(&place);
        assert_eq!(before.len(), 1, "{:?}", before.keys());
        assert_eq!(read_everything(&place).await, 1000);
        assert_eq!(image(&place), before);
    });
}

#[test]
fn a_writer_that_was_killed_is_read_without_a_trace() {
    on_sqlite(|place| async move {
        let (model, here) = (model(MODEL), namespace("tenant_a"));
        place.create(&here, &model).await;
        place.writer.execute(&here, &["INSERT INTO a VALUES (1), (2)".into()]).await.unwrap();
        // What a killed writer leaves: its log and its shared memory, as they are at this moment.
        let copy = tempfile::TempDir::new().unwrap();
        let tenants = copy.path().join("tenants");
        fs::create_dir(&tenants).unwrap();
        for file in files_below(&place.folder().unwrap().join("tenants")) {
            fs::copy(&file, tenants.join(file.file_name().unwrap())).unwrap();
        }
        let address = format!("sqlite:{}/", copy.path().display()).parse().unwrap();
        let left = Place { writer: place.writer.clone(), address, folder: Some(copy), database: None };
        let before = image(&left);
        assert_eq!(before.len(), 3, "{:?}", before.keys());
        assert_eq!(read_everything(&left).await, 2);
        assert_eq!(image(&left), before);
    });
}

#[test]
fn a_reader_beside_a_living_writer_sees_what_is_committed() {
    on_sqlite(|place| async move {
        let (model, here) = (model(MODEL), namespace("tenant_a"));
        place.create(&here, &model).await;
        for n in 1..=20_u64 {
            place.writer.execute(&here, &[format!("INSERT INTO a VALUES ({n})")]).await.unwrap();
            assert_eq!(read_everything(&place).await, n);
        }
    });
}

#[test]
fn readers_never_see_half_of_a_transaction() {
    on_sqlite(|place| async move {
        let (model, here) = (model(MODEL), namespace("tenant_a"));
        place.create(&here, &model).await;
        place.writer.close().await;
        let (writer, there) = (place.writer.clone(), here.clone());
        let writing = tokio::spawn(async move {
            for n in 0..60 {
                let rows = format!("INSERT INTO a VALUES ({}), ({})", 2 * n, 2 * n + 1);
                writer.execute(&there, &[rows]).await.unwrap();
                if n % 7 == 0 {
                    // The file has no companions for a moment, and is open again in the next.
                    writer.close().await;
                }
            }
        });
        while !writing.is_finished() {
            let reader = place.reader().await;
            match reader.table_stats(&here, &["a".into()]).await {
                Ok(stats) => assert_eq!(stats[0].rows % 2, 0),
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        }
        writing.await.unwrap();
        assert_eq!(read_everything(&place).await, 120);
    });
}
