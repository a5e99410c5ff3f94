//! Questions by key, and marks of a table's content.

use fixtool::backends::database::Lookup;
use fixtool::model::{Row, Value};

use super::{Place, conforms, model, namespace};

conforms!(keys_are_found_in_the_order_asked, a_mark_changes_with_the_content, a_checkpoint_is_read_back);

const MODEL: &str = "
tables:
  people:
    columns:
      id: {type: uuid, required: true}
      email: {type: string(50), unique: true}
      area: {type: int}
      at: {type: timestamp}
    primary_key: [id]
    unique: [[area, at]]
";

fn person(id: u8, email: &str, area: i64) -> Row {
    let at = Value::Timestamp(i64::from(id) * 1_000_001);
    vec![Value::Uuid([id; 16]), Value::Text(email.to_owned()), Value::Int(area), at]
}

async fn keys_are_found_in_the_order_asked(place: Place) {
    let (model, here) = (model(MODEL), namespace("tenant_a"));
    place.create(&here, &model).await;
    let people: Vec<Row> = (0..200).map(|id| person(id, &format!("p{id}@example.org"), i64::from(id) % 7)).collect();
    place.fill(&here, &model, "people", people).await;
    let by_id = ["id".to_owned()];
    let keys: Vec<Row> = (0..10_000_u32).map(|n| vec![Value::Uuid([(n % 250) as u8; 16])]).collect();
    let found = place.writer.existing(&here, "people", &by_id, &keys).await.unwrap();
    assert!(found.iter().enumerate().all(|(n, exists)| *exists == (n % 250 < 200)));
    let pair = ["area".to_owned(), "at".to_owned()];
    let keys = [
        vec![Value::Int(3), Value::Timestamp(3_000_003)],
        vec![Value::Int(4), Value::Timestamp(3_000_003)],
        vec![Value::Int(3), Value::Null],
    ];
    assert_eq!(place.writer.existing(&here, "people", &pair, &keys).await.unwrap(), [true, false, false]);
    assert!(place.writer.existing(&here, "people", &pair, &[]).await.unwrap().is_empty());
    let question = Lookup {
        namespace: here.clone(),
        table: "people".to_owned(),
        columns: vec!["email".to_owned()],
        wanted: "id".to_owned(),
    };
    let text = |text: &str| vec![Value::Text(text.to_owned())];
    let keys = [text("p5@example.org"), text("nobody"), vec![Value::Null], text("p5@example.org")];
    let answer = place.writer.lookup(&question, &keys).await.unwrap();
    let five = Some(Value::Uuid([5; 16]));
    assert_eq!(answer, [five.clone(), None, None, five]);
    place.writer.close().await;
    assert_eq!(place.reader().await.lookup(&question, &keys).await.unwrap(), answer);
}

async fn a_mark_changes_with_the_content(place: Place) {
    let (model, here) = (model(MODEL), namespace("tenant_a"));
    place.create(&here, &model).await;
    place.fill(&here, &model, "people", vec![person(1, "a", 1), person(2, "b", 1)]).await;
    let table = if place.folder().is_some() { "people" } else { "\"tenant_a\".people" };
    let mut marks = vec![place.writer.table_mark(&here, "people").await.unwrap()];
    assert_eq!(marks[0], place.writer.table_mark(&here, "people").await.unwrap());
    for change in [
        format!("UPDATE {table} SET area = 2 WHERE email = 'a'"),
        format!("UPDATE {table} SET area = 1 WHERE email = 'a'"),
        format!("DELETE FROM {table} WHERE email = 'b'"),
        format!("UPDATE {table} SET area = area"),
    ] {
        place.writer.execute(&here, &[change]).await.unwrap();
        marks.push(place.writer.table_mark(&here, "people").await.unwrap());
    }
    let different: std::collections::HashSet<&String> = marks.iter().map(|mark| &mark.0).collect();
    assert_eq!(different.len(), marks.len(), "{marks:?}");
    // The end of the session changes nothing, so the next command finds the mark that this one left.
    place.writer.close().await;
    assert_eq!(place.reader().await.table_mark(&here, "people").await.unwrap(), marks[4]);
}

async fn a_checkpoint_is_read_back(place: Place) {
    let (model, here) = (model(MODEL), namespace("tenant_a"));
    place.create(&here, &model).await;
    assert_eq!(place.writer.checkpoint(&here, "conformance", 0).await.unwrap(), None);
    place.fill(&here, &model, "people", vec![person(1, "a", 1)]).await;
    let checkpoint = place.writer.checkpoint(&here, "conformance", 0).await.unwrap().unwrap();
    assert!(checkpoint.finished);
    assert_eq!(place.writer.checkpoint(&here, "conformance", 1).await.unwrap(), None);
    assert_eq!(place.writer.checkpoint(&here, "other", 0).await.unwrap(), None);
}
