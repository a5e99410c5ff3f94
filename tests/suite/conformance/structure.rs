//! What a model creates, comes back as that model.

use fixtool::model::Model;
use fixtool::model::fingerprint::{fingerprint, structure};

use super::{Place, conforms, model, namespace};

conforms!(
    a_structure_comes_back_as_its_model,
    hostile_names_are_only_names,
    the_built_in_pack_comes_back,
    a_table_without_a_key_comes_back,
);

const ALL_TYPES: &str = r#"
tables:
  owners:
    columns:
      id: {type: uuid, required: true, default: uuid()}
      email: {type: string(200), required: true, unique: true}
      note: {type: text, default: "it's \"x\" \\ y"}
      age: {type: int, default: -5}
      big: {type: bigint, default: 9223372036854775807}
      active: {type: bool, required: true, default: true}
      score: {type: 'decimal(20,4)', default: '1.50'}
      ratio: {type: float, default: '0.5'}
      seen_at: {type: timestamp, required: true, default: now()}
      fixed_at: {type: timestamp, default: '2026-01-31T12:00:00.123456Z'}
      born: {type: date, default: '1999-12-31'}
      today: {type: date, default: now()}
      settings: {type: json, required: true, default: '{"b": [1, 2.50], "a": null}'}
      photo: {type: bytes, default: '\x00ff'}
      tags: {type: list(text), default: '["a","b c",null,"NULL","\"{}\\"]'}
      kind: {type: 'enum(one,two words,it''s,x"y)', required: true, default: it's}
      only: {type: 'enum(single)'}
    primary_key: [id]
    unique: [[kind, age], [born, note]]
    index: [[seen_at], [kind, born]]
    check:
      grown_up: age > -100
      'odd */ name''': note <> '*/ '' /*'
  things:
    columns:
      owner_id: {type: uuid, required: true, references: owners.id, on_delete: cascade}
      place: {type: int, required: true}
      other_id: {type: uuid, references: owners.id}
      kept_id: {type: uuid, references: owners.id, on_delete: set_null}
      counted: {type: bigint}
    primary_key: [owner_id, place]
    index: [[other_id]]
  parts:
    columns:
      id: {type: bigint, default: serial()}
      thing_owner: {type: uuid}
      thing_place: {type: int}
      parent: {type: bigint, references: parts.id}
    primary_key: [id]
    foreign_keys:
      - {columns: [thing_owner, thing_place], table: things, to: [owner_id, place], on_delete: cascade}
"#;

fn assert_same(expected: &Model, found: &Model) {
    let names = |model: &Model| {
        let mut names: Vec<String> = model.tables.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(expected), names(found));
    for (name, table) in &expected.tables {
        let (expected, found) = (structure(name, table), structure(name, &found.tables[name]));
        let missing: Vec<_> = expected.difference(&found).collect();
        let surplus: Vec<_> = found.difference(&expected).collect();
        assert!(missing.is_empty() && surplus.is_empty(), "{name}\nmissing {missing:#?}\nsurplus {surplus:#?}");
    }
    assert_eq!(fingerprint(expected), fingerprint(found));
}

async fn a_structure_comes_back_as_its_model(place: Place) {
    let (model, here) = (model(ALL_TYPES), namespace("tenant_a"));
    place.create(&here, &model).await;
    assert_same(&model, &place.writer.introspect(&here).await.unwrap());
    place.writer.close().await;
    let found = place.reader().await.introspect(&here).await.unwrap();
    assert_same(&model, &found);
    // The order of the tables and of their columns is the model's as well.
    let order = |model: &Model| -> Vec<(String, Vec<String>)> {
        model.tables.iter().map(|(name, t)| (name.clone(), t.columns.keys().cloned().collect())).collect()
    };
    assert_eq!(order(&model), order(&found));
}

async fn hostile_names_are_only_names(place: Place) {
    let here = namespace("a\"; DROP SCHEMA public; --'\\ ü.x");
    let yaml = r#"
tables:
  'select "from" where''': 
    columns:
      'order': {type: int, required: true}
      'a"; DROP TABLE x; --': {type: text, unique: true}
      'ü.ñ 表': {type: 'enum(a''b,c"d)', default: a'b}
      '$1 ? :x %s': {type: uuid}
    primary_key: [order]
    index: [['ü.ñ 表', '$1 ? :x %s']]
  'TABLE': 
    columns:
      'group': {type: int, references: 'select "from" where''.order'}
"#;
    let model = model(yaml);
    place.create(&here, &model).await;
    assert_same(&model, &place.writer.introspect(&here).await.unwrap());
    let long = "x".repeat(60);
    let wide = format!(
        "tables:\n  {long}:\n    columns:\n      {long}: {{type: int, unique: true}}\n      y{long}: {{type: int, unique: true}}\n"
    );
    let (there, wide) = (namespace("long"), self::model(&wide));
    place.create(&there, &wide).await;
    assert_same(&wide, &place.writer.introspect(&there).await.unwrap());
}

async fn the_built_in_pack_comes_back(place: Place) {
    let pack = fixtool::model::pack::builtin::pack("spotify-ai-agent").unwrap().unwrap();
    assert!(pack.releases.len() >= 4);
    for release in &pack.releases {
        let here = namespace(&format!("tenant_{}", release.version));
        place.create(&here, &release.model).await;
        assert_same(&release.model, &place.writer.introspect(&here).await.unwrap());
    }
}

async fn a_table_without_a_key_comes_back(place: Place) {
    let (model, here) = (model("tables:\n  a:\n    columns:\n      x: {type: text}\n"), namespace("tenant_a"));
    place.create(&here, &model).await;
    let found = place.writer.introspect(&here).await.unwrap();
    assert_same(&model, &found);
}
