//! Two namespaces change places, and nobody ever sees half of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fixtool::backends::database::DatabaseErrorKind;
use fixtool::model::{Namespace, Row, Value};
use sqlx::{Connection, PgConnection};

use super::{Place, conforms, model, namespace, on_postgres};

conforms!(an_exchange_is_seen_whole, an_exchange_overwrites_nobody, a_file_in_use_is_not_exchanged);

const MODEL: &str = "tables:\n  a:\n    columns:\n      x: {type: int, required: true}\n    primary_key: [x]\n";

async fn with_rows(place: &Place, here: &Namespace, rows: i64) {
    let model = model(MODEL);
    place.create(here, &model).await;
    place.fill(here, &model, "a", (0..rows).map(|x| vec![Value::Int(x)]).collect::<Vec<Row>>()).await;
}

async fn rows(place: &Place, here: &Namespace) -> u64 {
    place.writer.table_stats(here, &["a".to_owned()]).await.unwrap()[0].rows
}

async fn an_exchange_is_seen_whole(place: Place) {
    let [living, fresh, old] = ["living", "fresh", "old"].map(namespace);
    with_rows(&place, &living, 1000).await;
    with_rows(&place, &fresh, 2000).await;
    place.writer.close().await;
    let place = Place { writer: place.again().await, ..place };
    let stop = Arc::new(AtomicBool::new(false));
    let (reader, stopped, there) = (place.reader().await, stop.clone(), living.clone());
    let counting = tokio::spawn(async move {
        let mut seen = Vec::new();
        while !stopped.load(Ordering::SeqCst) {
            let found = reader.table_stats(&there, &["a".to_owned()]).await;
            let found = found.unwrap_or_else(|error| panic!("{error:?}"));
            assert_eq!(found.len(), 1, "the table is always there");
            if seen.last() != Some(&found[0].rows) {
                seen.push(found[0].rows);
            }
        }
        seen
    });
    let mut expected = vec![1000];
    for turn in 0..10 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let (from, to) = if turn % 2 == 0 { (&fresh, &old) } else { (&old, &fresh) };
        place.writer.exchange_namespaces(&living, from, to).await.unwrap();
        assert!(!place.writer.namespace_exists(from).await.unwrap());
        assert!(place.writer.namespace_exists(to).await.unwrap());
        expected.push(if turn % 2 == 0 { 2000 } else { 1000 });
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    stop.store(true, Ordering::SeqCst);
    assert_eq!(counting.await.unwrap(), expected);
    assert_eq!((rows(&place, &living).await, rows(&place, &fresh).await), (1000, 2000));
    if let Some(folder) = place.folder() {
        place.writer.close().await;
        assert_eq!(crate::support::site::files_below(&folder).len(), 2);
    }
}

async fn an_exchange_overwrites_nobody(place: Place) {
    let [living, fresh, old] = ["living", "fresh", "old"].map(namespace);
    with_rows(&place, &living, 1).await;
    assert!(place.writer.exchange_namespaces(&living, &fresh, &old).await.is_err(), "nothing to put in its place");
    with_rows(&place, &fresh, 2).await;
    with_rows(&place, &old, 3).await;
    assert!(place.writer.exchange_namespaces(&living, &fresh, &old).await.is_err(), "the name is taken");
    assert!(place.writer.exchange_namespaces(&namespace("nobody"), &fresh, &namespace("new")).await.is_err());
    for (each, expected) in [(&living, 1), (&fresh, 2), (&old, 3)] {
        assert_eq!(rows(&place, each).await, expected);
    }
    place.writer.drop_namespace(&old).await.unwrap();
    place.writer.exchange_namespaces(&living, &fresh, &old).await.unwrap();
    assert_eq!((rows(&place, &living).await, rows(&place, &old).await), (2, 1));
    assert!(!place.writer.namespace_exists(&fresh).await.unwrap());
}

async fn a_file_in_use_is_not_exchanged(place: Place) {
    let [living, fresh, old] = ["living", "fresh", "old"].map(namespace);
    with_rows(&place, &living, 1).await;
    with_rows(&place, &fresh, 2).await;
    let moment = place.writer.instant(&living, &["a".to_owned()], 2).await.unwrap();
    let done = place.writer.exchange_namespaces(&living, &fresh, &old).await;
    if place.folder().is_some() {
        assert_eq!(done.unwrap_err().kind, DatabaseErrorKind::Contention);
        assert_eq!(moment.rows("a").await.unwrap(), 1);
        moment.close().await;
        place.writer.exchange_namespaces(&living, &fresh, &old).await.unwrap();
    } else {
        done.unwrap();
        moment.close().await;
    }
    assert_eq!(rows(&place, &living).await, 2);
}

#[test]
fn a_writer_at_work_is_waited_for() {
    on_postgres(|place| async move {
        let [living, fresh, old] = ["living", "fresh", "old"].map(namespace);
        with_rows(&place, &living, 1).await;
        with_rows(&place, &fresh, 2).await;
        let url = place.database().unwrap().url();
        let mut other = PgConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("BEGIN; INSERT INTO living.a VALUES (7)").execute(&mut other).await.unwrap();
        let error = place.writer.exchange_namespaces(&living, &fresh, &old).await.unwrap_err();
        assert_eq!(error.kind, DatabaseErrorKind::Contention);
        let (writer, at) = (place.writer.clone(), [living.clone(), fresh, old.clone()]);
        let waiting = tokio::spawn(async move { writer.exchange_namespaces(&at[0], &at[1], &at[2]).await });
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert!(!waiting.is_finished());
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
        waiting.await.unwrap().unwrap();
        assert_eq!((rows(&place, &living).await, rows(&place, &old).await), (2, 2));
    });
}
