//! Tests of packs: derivation, inverses, fingerprints, mistakes.

use std::collections::HashSet;

use indexmap::IndexMap;
use proptest::prelude::*;

use super::change::{
    AddCheck, AddColumn, AddForeignKey, ChangeType, CreateTable, DescribeColumn, DropCheck, DropColumn, Key,
    RenameColumn, RenameTable, SetDefault, SetRequired, TableName,
};
use super::*;
use crate::model::check::check;
use crate::model::table::Pii;
use crate::model::{Column, LogicalType, OnDelete, Table, fingerprint};

/// A random pack: whatever changes happen to be possible, a few for each version.
struct Maker(fastrand::Rng);

impl Maker {
    fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { of.get(self.0.usize(..of.len())).cloned() }
    }

    fn name(&mut self) -> String {
        let names = ["a", "b", "c", "d", "Select", "naïve", "two words", "x1", "quote\"d", "order", "ä"];
        self.pick(&names).unwrap().to_owned()
    }

    fn logical(&mut self) -> LogicalType {
        let all =
            "int|bigint|uuid|text|string(20)|bool|decimal(8,3)|float|timestamp|date|json|bytes|list(text)|enum(u,v)";
        self.pick(&all.split('|').collect::<Vec<_>>()).unwrap().parse().unwrap()
    }

    fn column(&mut self) -> Column {
        let logical = self.logical();
        let default = match &logical {
            LogicalType::Int | LogicalType::BigInt | LogicalType::Float => Some("7"),
            LogicalType::Uuid => Some("uuid()"),
            LogicalType::Timestamp | LogicalType::Date => Some("now()"),
            LogicalType::Bool => Some("true"),
            LogicalType::Json => Some("{\"b\": [1, null], \"a\": {}}"),
            LogicalType::Enum(_) => Some("v"),
            LogicalType::Decimal(..) => Some("-1.250"),
            LogicalType::Text | LogicalType::String(_) => Some("yes: 'no' # ~"),
            _ => None,
        };
        let mut column = Column::of(logical);
        column.default = default.filter(|_| self.0.bool()).map(str::to_owned);
        column.required = column.default.is_some() && self.0.bool();
        column.unique = self.0.u8(..4) == 0;
        column
    }

    fn table(&mut self) -> Table {
        let mut id = Column::of(LogicalType::Uuid);
        id.required = true;
        let mut table = Table { columns: IndexMap::from([("id".to_owned(), id)]), ..Table::default() };
        for _ in 0..self.0.usize(1..5) {
            let (name, column) = (self.name(), self.column());
            table.columns.insert(name, column);
        }
        table.primary_key = vec!["id".to_owned()];
        table
    }

    fn columns(&mut self, table: &Table) -> Vec<String> {
        let mut names: Vec<String> = table.columns.keys().cloned().collect();
        self.0.shuffle(&mut names);
        names.truncate(self.0.usize(1..3));
        names
    }

    /// A change that may or may not be possible.
    fn change(&mut self, model: &Model) -> Option<Change> {
        let names: Vec<String> = model.tables.keys().cloned().collect();
        let table = self.pick(&names)?;
        let definition = &model.tables[&table];
        let column = self.pick(&definition.columns.keys().cloned().collect::<Vec<_>>())?;
        let columns = self.columns(definition);
        let key = Key { table: table.clone(), columns: columns.clone() };
        let word = || Some("'x'".to_owned());
        Some(match self.0.u8(..20) {
            0 => Change::CreateTable(CreateTable { table: self.name(), definition: self.table() }),
            1 => Change::DropTable(TableName { table }),
            2 => Change::RenameTable(RenameTable { table, to: self.name() }),
            3 | 4 => {
                let (name, definition) = (self.name(), self.column());
                Change::AddColumn(AddColumn { table, column: name, definition, fill: word() })
            }
            5 => Change::DropColumn(DropColumn { table, column, restore: word() }),
            6 => Change::RenameColumn(RenameColumn { table, column, to: self.name() }),
            7 => Change::ChangeType(ChangeType { table, column, to: self.logical(), using: word(), back: word() }),
            8 => Change::SetRequired(SetRequired { table, column, fill: word() }),
            9 => Change::DropRequired(SetRequired { table, column, fill: word() }),
            10 => Change::SetDefault(SetDefault { table, column, default: None }),
            11 => Change::DescribeColumn(DescribeColumn {
                table,
                column,
                pii: Some(Pii::FreeText),
                comment: Some("changed".to_owned()),
                ..DescribeColumn::default()
            }),
            12 => Change::AddUnique(key),
            13 => Change::DropUnique(key),
            14 => Change::AddIndex(key),
            15 => Change::DropIndex(key),
            16 => Change::AddCheck(AddCheck {
                table,
                name: self.name(),
                condition: format!("\"{}\" is not null", column.replace('"', "\"\"")),
            }),
            17 => Change::DropCheck(DropCheck { table, name: definition.check.keys().next()?.clone() }),
            18 => Change::AddForeignKey(AddForeignKey {
                table,
                columns: vec![column],
                to_table: self.pick(&names)?,
                to_columns: vec!["id".to_owned()],
                on_delete: OnDelete::Cascade,
            }),
            _ => Change::DropForeignKey(key),
        })
    }

    fn migration(&mut self, model: &mut Model) -> Migration {
        let mut steps = Vec::new();
        for _ in 0..40 {
            let Some(change) = self.change(model) else { continue };
            if let Ok(next) = apply(&change, model)
                && invert(&change, model).is_ok()
                && check(&next).is_empty()
                && !next.tables.is_empty()
            {
                *model = next;
                steps.push(change);
            }
        }
        Migration { title: "whatever: \"is\" possible".to_owned(), steps }
    }

    fn files(&mut self) -> (Files, Vec<Model>) {
        let versions: Vec<Version> = (0..4).map(|minor| Version { major: 1, minor, patch: 0 }).collect();
        let mut model = Model { tables: (0..3).map(|_| (self.name(), self.table())).collect() };
        let mut manifest = write::manifest("random", "Random", versions[0]);
        manifest.versions.clone_from(&versions);
        let mut files = write::files(&manifest, versions[0], &model).unwrap();
        let mut models = vec![model.clone()];
        for version in &versions[1..] {
            let migration = self.migration(&mut model);
            let yaml = serde_saphyr::to_string(&migration).unwrap();
            files.insert(format!("{version}/migration.yaml"), yaml.into_bytes());
            models.push(model.clone());
        }
        (files, models)
    }
}

fn read_well(files: &Files) -> Pack {
    Pack::from_files("random", files).unwrap_or_else(|error| {
        let flaws: Vec<String> = error.flaws.iter().map(ToString::to_string).collect();
        panic!("{flaws:#?}\n{}", files.values().map(|b| String::from_utf8_lossy(b)).collect::<String>())
    })
}

/// From every version to every other, the steps lead to the structure that the other version has.
fn every_path_arrives(pack: &Pack) {
    for from in &pack.releases {
        for to in &pack.releases {
            let hops = pack.path(from.version, to.version).unwrap();
            let changes = hops.iter().flat_map(|hop| &hop.changes);
            let arrived = changes.fold(from.model.clone(), |model, change| apply(change, &model).unwrap());
            assert_eq!(fingerprint(&arrived), fingerprint(&to.model), "{} to {}", from.version, to.version);
        }
    }
}

#[test]
fn the_built_in_pack_leads_from_every_version_to_every_other() {
    let pack = builtin::pack(builtin::DEFAULT).unwrap().unwrap();
    assert_eq!(pack.releases.len(), 4);
    every_path_arrives(&pack);
    let prints: HashSet<String> = pack.releases.iter().map(|release| fingerprint(&release.model)).collect();
    assert_eq!(prints.len(), 4);
    let base = &pack.releases[0];
    for release in &pack.releases {
        let migrations =
            pack.releases.iter().filter(|r| r.version <= release.version).filter_map(|r| r.migration.as_ref());
        let derived = derive(&base.model, migrations).unwrap();
        assert_eq!(derived, release.model);
    }
}

#[test]
fn the_built_in_pack_says_what_the_old_system_promised() {
    let pack = builtin::pack(builtin::DEFAULT).unwrap().unwrap();
    let limits =
        |quota: &str| -> Vec<String> { pack.manifest.tiers.values().map(|t| t.quotas[quota].to_string()).collect() };
    assert_eq!(pack.manifest.tiers.keys().collect::<Vec<_>>(), ["starter", "professional", "enterprise"]);
    assert_eq!(limits("users"), ["10", "100", "unlimited"]);
    assert_eq!(limits("storage_gb"), ["5", "50", "500"]);
    assert_eq!(limits("ai_sessions_per_month"), ["100", "1000", "unlimited"]);
    assert_eq!(limits("api_calls_per_hour"), ["100", "1000", "10000"]);
    assert_eq!(limits("ai_requests_per_minute"), ["10", "50", "200"]);
    assert_eq!(limits("ai_tokens_per_day"), ["10000", "100000", "unlimited"]);
    assert_eq!(pack.manifest.permissions.len(), 14);
    assert_eq!(pack.manifest.roles.keys().collect::<Vec<_>>(), ["owner", "admin", "user", "collaborator"]);
    let tables = |version: &str| pack.model(version.parse().unwrap()).unwrap().tables.len();
    assert_eq!([tables("1.0.0"), tables("1.1.0"), tables("1.2.0"), tables("2.0.0")], [6, 7, 9, 9]);
    let newest = pack.model(pack.newest()).unwrap();
    assert!(!newest.tables["users"].columns.contains_key("name"));
    assert!(newest.tables["users"].columns["username"].unique);
    assert_eq!(pack.model("3.0.0".parse().unwrap()).unwrap_err().known, "1.0.0, 1.1.0, 1.2.0, 2.0.0");
    // Each version's first data is its own or that of a version before.
    let users = |at: usize| pack.releases[at].fixtures.iter().find(|f| f.table == "users").unwrap().path.clone();
    assert_eq!([users(0), users(2), users(3)].map(|p| p[..5].to_owned()), ["1.0.0", "1.1.0", "2.0.0"]);
    assert_eq!(pack.releases[0].fixtures[0].table, "users");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_packs_lead_from_every_version_to_every_other(seed: u64) {
        let (files, models) = Maker(fastrand::Rng::with_seed(seed)).files();
        let pack = read_well(&files);
        let read: Vec<&Model> = pack.releases.iter().map(|release| &release.model).collect();
        prop_assert_eq!(read, models.iter().collect::<Vec<_>>());
        every_path_arrives(&pack);
    }

    #[test]
    fn garbage_is_refused_without_a_panic(bytes: Vec<u8>, text in "\\PC{0,200}", which in 0..3_u8) {
        let mut files = builtin::files(builtin::DEFAULT).unwrap();
        let path = ["pack.yaml", "1.0.0/model.yaml", "1.1.0/migration.yaml"][usize::from(which)];
        for content in [bytes, text.into_bytes()] {
            files.insert(path.to_owned(), content);
            prop_assert!(Pack::from_files("broken", &files).is_err());
        }
    }

    #[test]
    fn a_changed_letter_is_found_or_harmless(at: prop::sample::Index, letter in prop::char::range(' ', '~')) {
        let mut files = builtin::files(builtin::DEFAULT).unwrap();
        let text = files.get_mut("1.0.0/model.yaml").unwrap();
        let at = at.index(text.len());
        text[at] = u8::try_from(letter).unwrap();
        if let Err(error) = Pack::from_files("broken", &files) {
            prop_assert!(!error.flaws.is_empty());
        }
    }
}

fn flaws(changes: &[(&str, &str, &str)]) -> Vec<String> {
    let mut files = builtin::files(builtin::DEFAULT).unwrap();
    for (path, from, to) in changes {
        let text = String::from_utf8(files[*path].clone()).unwrap();
        assert!(text.contains(from), "{path} does not contain {from}");
        files.insert((*path).to_owned(), text.replacen(from, to, 1).into_bytes());
    }
    match Pack::from_files("spotify-ai-agent", &files) {
        Ok(_) => Vec::new(),
        Err(error) => error.flaws.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn mistakes_are_named_with_file_line_and_column() {
    const MODEL: &str = "1.0.0/model.yaml";
    let cases = [
        (
            MODEL,
            "required: true, unique: true",
            "requird: true, unique: true",
            "1.0.0/model.yaml:6:34: unknown field `requird`",
        ),
        (MODEL, "type: string(255)", "type: strin(255)", "1.0.0/model.yaml:6:21: 'strin(255)' is not a type"),
        (MODEL, "references: users.id", "references: user.id", "1.0.0/model.yaml:24:45: there is no table 'user'"),
        (MODEL, "default: user}", "default: usr}", "1.0.0/model.yaml:8:75: 'usr' is not a value of type enum"),
        (MODEL, "index: [[user_id]]", "index: [[usr_id]]", "1.0.0/model.yaml:35:14: there is no column 'usr_id'"),
        (MODEL, "keep: 90d", "keep: 90 dogs", "not an age such as 90d"),
        (MODEL, "tables:", "tables: *a", "1.0.0/model.yaml:1:9"),
        ("pack.yaml", "users: 10", "usrs: 10", "there is no quota 'usrs'"),
        ("pack.yaml", "users: 10", "users: -1", "a limit cannot be negative"),
        ("pack.yaml", "      - roles:assign", "      - role:assign", "there is no permission 'role:assign'"),
        ("pack.yaml", "versions: [1.0.0,", "versions: [1.0,", "'1.0' is not a version"),
        ("pack.yaml", "versions: [1.0.0, 1.1.0", "versions: [1.1.0, 1.0.0", "pack.yaml:8:19: 1.0.0 stands after 1.1.0"),
        ("pack.yaml", "tenant:{tenant}:*", "*", "pack.yaml:173:14: a tenant's keys begin"),
        ("pack.yaml", "tenants/{tenant}/", "../{tenant}/", "below the storage root"),
        (
            "1.1.0/migration.yaml",
            "table: ai_sessions",
            "table: ai_session",
            "1.1.0/migration.yaml:4:7: there is no table",
        ),
        ("1.1.0/migration.yaml", "add_column:", "ad_column:", "1.1.0/migration.yaml:3:5: unknown variant `ad_column`"),
        ("2.0.0/migration.yaml", "restore: display_name", "# nothing", "say with 'restore' what it holds"),
        ("2.0.0/migration.yaml", "      fill: name\n", "\n", "needs 'fill'"),
        (
            "1.2.0/migration.yaml",
            "references: ai_sessions.id",
            "references: ai_session.id",
            "1.2.0/migration.yaml:14:36",
        ),
    ];
    let mut missed = Vec::new();
    for (path, from, to, expected) in cases {
        let found = flaws(&[(path, from, to)]);
        if !found.iter().any(|flaw| flaw.contains(expected)) {
            missed.push(format!("{to:?} gives {found:?}, not {expected:?}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let found = flaws(&[
        ("1.0.0/model.yaml", "default: user}", "default: usr}"),
        ("1.0.0/model.yaml", "min: 0, max: 1}", "min: 2, max: 1}"),
    ]);
    assert_eq!(found.len(), 2, "{found:#?}");
    let found = flaws(&[("pack.yaml", "users: 10", "usrs: 10"), ("pack.yaml", "keep: 7d", "keep: soon")]);
    assert_eq!(found.len(), 3, "{found:#?}");
}

#[test]
fn files_that_are_missing_unread_or_doubled_are_named() {
    let of = |change: fn(&mut Files)| {
        let mut files = builtin::files(builtin::DEFAULT).unwrap();
        change(&mut files);
        let error = Pack::from_files("x", &files).unwrap_err();
        error.flaws.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert!(of(|files| drop(files.remove("pack.yaml"))).contains("pack.yaml: the file is missing"));
    assert!(
        of(|files| drop(files.remove("1.2.0/migration.yaml"))).contains("1.2.0/migration.yaml: the file is missing")
    );
    assert!(of(|files| drop(files.insert("1.3.0/migration.yaml".into(), vec![]))).contains("nothing reads this file"));
    assert!(
        of(|files| drop(files.insert("1.0.0/fixtures/users.json".into(), vec![])))
            .contains("another file of first data")
    );
    assert!(of(|files| drop(files.insert("1.0.0/fixtures/usrs.csv".into(), vec![]))).contains("no data type 'usrs'"));
    assert!(
        of(|files| drop(files.insert("1.0.0/fixtures/users.exe".into(), vec![]))).contains(".csv, .json or .ndjson")
    );
    assert!(
        of(|files| drop(files.insert("pack.yaml".into(), vec![0xFF, b'\n'])))
            .contains("pack.yaml:1: the file is not UTF-8")
    );
    assert!(of(|files| drop(files.insert("pack.yaml".into(), vec![b' '; source::MAX_FILE + 1]))).contains("bytes"));
}

#[test]
fn endless_mistakes_are_told_in_bounded_words() {
    let mut table = Table { index: vec![vec!["nothing".to_owned()]; 2_000], ..Table::default() };
    table
        .columns
        .extend((0..300).map(|n| (format!("{n}"), Column { min_length: Some(1), ..Column::of(LogicalType::Int) })));
    let mut model = Model::default();
    model.tables.insert("t".to_owned(), table.clone());
    let flaws = check(&model);
    assert_eq!(flaws.len(), 501);
    assert!(flaws[500].message.contains("more mistakes"), "{}", flaws[500].message);
    // Nothing below a name that is no name would have another path than a long one.
    model.tables = IndexMap::from([("x".repeat(1 << 20), table)]);
    assert_eq!(check(&model).len(), 1);
}
