//! Readers of texts that people write: rules, packs, mappings, addresses.

use std::sync::{Arc, OnceLock};

use fixtool::backends::database::address::{Address, PostgresAddress};
use fixtool::config::secret;
use fixtool::console::masking;
use fixtool::model::mask::Masker;
use fixtool::model::pack::{self, Files, Pack};
use fixtool::model::{LogicalType, Model, Raw, Table, Value};
use fixtool::rules::{Coercer, MappedRecord, Mapping, Pipeline, PipelineOptions, RecordCheck, RuleFile, Shape};

const NOW: i64 = 1_796_000_000_000_000;

/// The pack that fixtool brings along.
fn builtin() -> Arc<Pack> {
    static PACK: OnceLock<Arc<Pack>> = OnceLock::new();
    let read = || pack::builtin::pack(pack::builtin::DEFAULT).expect("it is there").expect("it is right");
    Arc::clone(PACK.get_or_init(read))
}

fn model(pack: &Pack) -> &Model {
    pack.model(pack.newest()).expect("its own version")
}

/// Rows of a table: each column NULL, or what one of some texts makes of its type.
fn rows(table: &Table) -> Vec<Vec<Value>> {
    let of = |logical: &LogicalType, texts: &[&str]| {
        let coercer = Coercer::for_type(logical.clone());
        texts.iter().find_map(|text| coercer.coerce(Raw::Text(text)).ok()).unwrap_or(Value::Null)
    };
    let row = |texts: &[&str]| table.columns.values().map(|column| of(&column.logical, texts)).collect();
    vec![
        row(&[]),
        row(&["1", "2026-01-02T03:04:05Z", "true", "[]", "0191b2c8-8f6e-7cc3-98c4-dc0c0c07398f", "é"]),
        row(&["9223372036854775807", "-0", "0001-01-01", "admin", "{\"a\":[1]}", "[\"x\",null]", ""]),
    ]
}

/// A rule file for the built-in pack; what it makes of rows is asked too.
pub fn rules(bytes: &[u8]) {
    let pack = builtin();
    let Ok(file) = RuleFile::read("rules.yaml", bytes, model(&pack)) else { return };
    for (name, table) in &model(&pack).tables {
        let rules = file.of_table(name);
        let columns: Vec<String> = table.columns.keys().cloned().collect();
        let check = RecordCheck::compile(name, table, &columns, NOW).expect("the pack's own checks");
        let check = check.with_rules(&rules.rows).expect("the file's rules were found right");
        for row in rows(table) {
            for found in check.check(&row).err().unwrap_or_default() {
                assert!(!found.reason.is_empty());
            }
        }
    }
}

/// What parts the files of a pack in the bytes of this target: a line with the path of the next one.
const FILE: &str = "\n=== ";

/// The files of a pack.
pub fn pack(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let files: Files = text
        .split(FILE)
        .filter_map(|part| part.split_once('\n'))
        .map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec()))
        .collect();
    let pack = match Pack::from_files("it", &files) {
        Ok(pack) => pack,
        Err(error) => {
            assert!(!error.flaws.is_empty(), "a pack is refused without a reason");
            return;
        }
    };
    let versions: Vec<_> = pack.releases.iter().map(|release| release.version).collect();
    for from in [versions.first(), versions.last()].into_iter().flatten() {
        for to in [versions.first(), versions.last()].into_iter().flatten() {
            let hops = pack.path(*from, *to).expect("its own versions");
            let mut found = pack.model(*from).expect("its own version").clone();
            for step in hops.iter().flat_map(|hop| &hop.changes) {
                found = pack::apply(step, &found).unwrap_or_else(|error| panic!("{from} to {to}: {}", error.message));
            }
            if from <= to {
                assert_eq!(&found, pack.model(*to).expect("its own version"), "{from} to {to}");
            }
        }
    }
    // A pack of one version is written as it was read.
    if let [release] = pack.releases.as_slice() {
        let mut files = pack::write::files(&pack.manifest, release.version, &release.model).expect("it can be written");
        for fixture in &release.fixtures {
            files.insert(fixture.path.clone(), fixture.bytes.clone());
        }
        let again = Pack::from_files("again", &files).unwrap_or_else(|error| panic!("{:?}", error.flaws));
        assert_eq!(again.manifest, pack.manifest);
        assert_eq!(again.releases[0].model, release.model);
    }
}

/// A mapping file for the built-in pack; records go through it and on into the rows of its tables.
pub fn mapping(bytes: &[u8]) {
    let pack = builtin();
    let Ok(mapping) = Mapping::read("mapping.yaml", bytes, model(&pack)) else { return };
    let masker = Masker::new(b"a secret of the test");
    for (name, table) in &model(&pack).tables {
        let Ok(Some(mut mapped)) = mapping.of_type(name, (name, table), &masker) else { continue };
        let mut fields: Vec<String> = mapped.missing().into_iter().map(str::to_owned).collect();
        fields.extend(["id", "email"].map(str::to_owned));
        mapped.bind(&fields);
        assert!(mapped.missing().is_empty());
        let options = PipelineOptions { now: NOW, ignore_unknown: true };
        let mut pipeline =
            Pipeline::compile(name, table, Shape::Open(mapped.names()), options).expect("the pack's own");
        pipeline.bind(mapped.names());
        let (mut out, mut row) = (MappedRecord::default(), Vec::new());
        for text in
            [Raw::Null, Raw::Text("01.02.2026 03:04"), Raw::String("A, é"), Raw::Number("-1.5e3"), Raw::Bool(true)]
        {
            let record = vec![text; fields.len()];
            if mapped.map(record.as_slice(), NOW, &mut out).is_ok() {
                for lookup in 0..mapped.lookups().len() {
                    out.resolve(lookup, Some(&Value::Int(1)));
                }
                let _ = pipeline.run(&mapped.view(record.as_slice(), &out), &mut row);
            }
        }
    }
}

/// An address of a database. Shown it holds no password, and means the same place.
pub fn address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (hidden, line) = (masking::secrets(text), masking::log_line(text));
    assert!(hidden.len() <= text.len() * 4 + 16 && line.len() <= hidden.len() * 4 + 16);
    assert!(secret::mask_address(text).len() <= text.len() * 12 + 16);
    let Ok(address) = text.parse::<Address>() else { return };
    let shown = [address.masked(), address.to_string(), format!("{address:?}")];
    if let Address::Postgres(postgres) = &address
        && let Some(password) = &postgres.password
    {
        let mut bare = postgres.clone();
        bare.password = None;
        let bare = Address::Postgres(bare).masked();
        for shown in &shown {
            assert!(shown.contains("***") || !bare.contains('@'), "{shown}");
            assert!(
                password.len() < 4
                    || bare.contains(password.as_str())
                    || !shown.replace("***", "").contains(password.as_str()),
                "{shown}"
            );
        }
    }
    let again: Address = address.masked().parse().unwrap_or_else(|error| panic!("{} is refused: {error}", shown[0]));
    match (&address, &again) {
        (Address::Postgres(one), Address::Postgres(two)) => {
            let place = |a: &PostgresAddress| (a.host.clone(), a.port, a.user.clone(), a.database.clone(), a.ssl_mode);
            assert_eq!(place(one), place(two), "{}", shown[0]);
        }
        (one, two) => assert_eq!(one.engine(), two.engine()),
    }
}
