//! Namespaces are made, renamed and dropped; statements happen all or not at all.

use fixtool::backends::database::DatabaseErrorKind;

use super::{Place, conforms, model, namespace};

conforms!(
    namespaces_come_and_go,
    statements_happen_together_or_not_at_all,
    namespaces_do_not_see_each_other,
    a_missing_namespace_is_told,
    errors_are_sorted,
);

const MODEL: &str = "tables:\n  a:\n    columns:\n      x: {type: int, required: true}\n    primary_key: [x]\n";

async fn namespaces_come_and_go(place: Place) {
    let (model, one, two) = (model(MODEL), namespace("tenant_one"), namespace("tenant_Two.\"2\""));
    assert!(!place.writer.namespace_exists(&one).await.unwrap());
    place.create(&one, &model).await;
    assert!(place.writer.namespace_exists(&one).await.unwrap());
    // A second time changes nothing.
    place.writer.create_namespace(&one).await.unwrap();
    assert_eq!(place.writer.introspect(&one).await.unwrap().tables.len(), 1);
    place.writer.rename_namespace(&one, &two).await.unwrap();
    assert!(!place.writer.namespace_exists(&one).await.unwrap());
    assert!(place.writer.namespace_exists(&two).await.unwrap());
    assert_eq!(place.writer.introspect(&two).await.unwrap().tables.len(), 1);
    place.create(&one, &model).await;
    assert!(place.writer.rename_namespace(&one, &two).await.is_err(), "nobody is overwritten");
    for each in [&one, &two] {
        place.writer.drop_namespace(each).await.unwrap();
        assert!(!place.writer.namespace_exists(each).await.unwrap());
        place.writer.drop_namespace(each).await.unwrap();
    }
    if let Some(folder) = place.folder() {
        assert_eq!(crate::support::site::files_below(&folder), Vec::<std::path::PathBuf>::new());
    }
}

async fn statements_happen_together_or_not_at_all(place: Place) {
    let (model, here) = (model(MODEL), namespace("tenant_a"));
    place.create(&here, &model).await;
    let table = |name: &str| match place.folder() {
        Some(_) => format!("\"{name}\""),
        None => format!("\"tenant_a\".\"{name}\""),
    };
    let statements =
        [format!("CREATE TABLE {} (y integer)", table("b")), format!("INSERT INTO {} VALUES ('x')", table("missing"))];
    assert!(place.writer.execute(&here, &statements).await.is_err());
    let found = place.writer.introspect(&here).await.unwrap();
    assert_eq!(found.tables.keys().collect::<Vec<_>>(), ["a"]);
}

async fn namespaces_do_not_see_each_other(place: Place) {
    let (model, one, two) = (model(MODEL), namespace("tenant_one"), namespace("tenant_two"));
    place.create(&one, &model).await;
    place.writer.create_namespace(&two).await.unwrap();
    assert!(place.writer.introspect(&two).await.unwrap().tables.is_empty());
    place.fill(&one, &model, "a", vec![vec![fixtool::model::Value::Int(1)]]).await;
    let tables = ["a".to_owned()];
    assert!(place.writer.table_stats(&two, &tables).await.unwrap().is_empty());
    assert_eq!(place.writer.table_stats(&one, &tables).await.unwrap()[0].rows, 1);
}

async fn a_missing_namespace_is_told(place: Place) {
    let nowhere = namespace("tenant_nowhere");
    let reader = place.reader().await;
    assert!(!reader.namespace_exists(&nowhere).await.unwrap());
    assert!(reader.table_mark(&nowhere, "a").await.is_err());
    assert!(place.writer.execute(&nowhere, &["CREATE TABLE tenant_nowhere.a (x integer)".into()]).await.is_err());
    assert!(!place.writer.namespace_exists(&nowhere).await.unwrap());
}

async fn errors_are_sorted(place: Place) {
    let (model, here) = (model(MODEL), namespace("tenant_a"));
    place.create(&here, &model).await;
    let insert = match place.folder() {
        Some(_) => "INSERT INTO a VALUES (1)".to_owned(),
        None => "INSERT INTO \"tenant_a\".a VALUES (1)".to_owned(),
    };
    let twice = [insert.clone(), insert];
    let error = place.writer.execute(&here, &twice).await.unwrap_err();
    assert_eq!(error.kind, DatabaseErrorKind::Constraint, "{error:?}");
    assert!(error.constraint.is_some_and(|name| ["a_pkey", "a.x"].contains(&&*name)));
    let error = place.writer.execute(&here, &["CREATE NONSENSE".into()]).await.unwrap_err();
    assert_eq!(error.kind, DatabaseErrorKind::Other);
}
