//! Files into a pack: parse, derive, check; every mistake is found before anything is reported.

use std::collections::{BTreeMap, HashSet};

use super::change::Change;
use super::manifest::Manifest;
use super::source::{Document, Flaw, PackError};
use super::{Files, Fixture, Migration, Pack, Release, apply, invert};
use crate::model::check::{ModelFlaw, check};
use crate::model::{Model, Version};

/// Reads a pack. `name` is what the user called it by, for the error.
pub fn read(name: &str, files: &Files) -> Result<Pack, PackError> {
    let mut reading = Reading { files, flaws: Vec::new(), used: HashSet::new() };
    let pack = reading.pack();
    match pack {
        Some(pack) if reading.flaws.is_empty() => Ok(pack),
        _ => Err(PackError { pack: name.to_owned(), flaws: reading.flaws }),
    }
}

struct Reading<'f> {
    files: &'f Files,
    flaws: Vec<Flaw>,
    used: HashSet<&'f str>,
}

impl Reading<'_> {
    fn pack(&mut self) -> Option<Pack> {
        let document = self.document("pack.yaml")?;
        let manifest: Manifest = self.keep(document.read())?;
        for (at, pair) in manifest.versions.windows(2).enumerate() {
            if let [before, version] = pair
                && before >= version
            {
                let message = format!("{version} stands after {before}: name the oldest version first");
                self.flaws.push(document.flaw(&["versions", &(at + 1).to_string()], message));
                return None;
            }
        }
        let mut releases: Vec<Release> = Vec::new();
        for version in &manifest.versions {
            let release = self.release(*version, releases.last().cloned())?;
            releases.push(release);
        }
        if releases.is_empty() {
            self.flaws.push(document.flaw(&["versions"], "a pack has at least one version"));
        }
        super::manifest_check::check(&manifest, &releases, &document, &mut self.flaws);
        self.unused();
        Some(Pack { manifest, releases, digest: digest(self.files) })
    }

    fn document(&mut self, path: &str) -> Option<Document> {
        let Some((key, bytes)) = self.files.get_key_value(path) else {
            self.flaws.push(Flaw::of_file(path, "the file is missing"));
            return None;
        };
        self.used.insert(key);
        self.keep(Document::new(path, bytes))
    }

    fn keep<T>(&mut self, result: Result<T, Flaw>) -> Option<T> {
        result.map_err(|flaw| self.flaws.push(flaw)).ok()
    }

    fn release(&mut self, version: Version, before: Option<Release>) -> Option<Release> {
        let (migration, model) = match &before {
            None => (None, self.base(version)?),
            Some(before) => {
                let document = self.document(&format!("{version}/migration.yaml"))?;
                let migration: Migration = self.keep(document.read())?;
                let model = self.migrated(&document, &migration, &before.model)?;
                (Some(migration), model)
            }
        };
        let (mut rules, inherited) = before.map(|b| (b.rules, b.fixtures)).unwrap_or_default();
        let path = format!("{version}/rules.yaml");
        if let Some((key, bytes)) = self.files.get_key_value(&path) {
            self.used.insert(key);
            match std::str::from_utf8(bytes) {
                Ok(text) => rules = Some(text.to_owned()),
                Err(_) => self.flaws.push(Flaw::of_file(&path, "the file is not UTF-8")),
            }
        }
        let fixtures = self.fixtures(version, inherited, &model);
        Some(Release { version, migration, model, rules, fixtures })
    }

    fn base(&mut self, version: Version) -> Option<Model> {
        let document = self.document(&format!("{version}/model.yaml"))?;
        let model: Model = self.keep(document.read())?;
        let flaws = check(&model);
        let none = flaws.is_empty();
        self.flaws.extend(flaws.into_iter().map(|flaw| document.flaw(&flaw.path, flaw.message).with_help(flaw.help)));
        none.then_some(model)
    }

    fn migrated(&mut self, document: &Document, migration: &Migration, before: &Model) -> Option<Model> {
        let mut model = before.clone();
        for (at, step) in migration.steps.iter().enumerate() {
            let place = |field: &str| ["steps".to_owned(), at.to_string(), kind(step).to_owned(), field.to_owned()];
            let next = match apply(step, &model) {
                Ok(next) => next,
                Err(error) => {
                    self.flaws.push(document.flaw(&place(error.field), error.message));
                    return None;
                }
            };
            if let Err(error) = invert(step, &model) {
                self.flaws.push(document.flaw(&place(error.field), error.message));
            }
            model = next;
        }
        let known: Vec<ModelFlaw> = check(before);
        for flaw in check(&model).into_iter().filter(|flaw| !known.contains(flaw)) {
            let message = format!("after this migration, at {}: {}", flaw.path.join("."), flaw.message);
            let path = cause(migration, &flaw);
            self.flaws.push(document.flaw(&path, message).with_help(flaw.help));
        }
        Some(model)
    }

    fn fixtures(&mut self, version: Version, inherited: Vec<Fixture>, model: &Model) -> Vec<Fixture> {
        let mut by_table: BTreeMap<String, Fixture> = BTreeMap::new();
        for fixture in inherited {
            if let Some((table, _)) = model.table_of(&fixture.data_type) {
                by_table.insert(table.to_owned(), Fixture { table: table.to_owned(), ..fixture });
            }
        }
        let folder = format!("{version}/fixtures/");
        let mut own: HashSet<String> = HashSet::new();
        for (path, bytes) in self.files.range(folder.clone()..) {
            let Some(name) = path.strip_prefix(&folder) else { break };
            self.used.insert(path);
            let data_type = match name.rsplit_once('.') {
                Some((stem, "csv" | "json" | "ndjson")) if !stem.contains('/') => stem,
                _ => {
                    self.flaws.push(Flaw::of_file(path, "first data is a .csv, .json or .ndjson file"));
                    continue;
                }
            };
            let Some((table, _)) = model.table_of(data_type) else {
                self.flaws.push(Flaw::of_file(path, format!("{version} has no data type '{data_type}'")));
                continue;
            };
            if !own.insert(table.to_owned()) {
                self.flaws.push(Flaw::of_file(path, format!("there is another file of first data for '{table}'")));
            }
            let fixture = Fixture {
                data_type: data_type.to_owned(),
                table: table.to_owned(),
                path: path.clone(),
                bytes: bytes.clone(),
            };
            by_table.insert(table.to_owned(), fixture);
        }
        let mut tables: Vec<(String, u32)> = model.levels().into_iter().collect();
        tables.sort_by_key(|(_, level)| *level);
        tables.iter().filter_map(|(table, _)| by_table.remove(table)).collect()
    }

    fn unused(&mut self) {
        let unused = self.files.keys().filter(|path| !self.used.contains(path.as_str()));
        let flaws: Vec<Flaw> = unused
            .filter(|path| !path.starts_with('.') && !matches!(path.rsplit_once('.'), Some((_, "md"))))
            .map(|path| {
                Flaw::of_file(path, "nothing reads this file")
                    .with_help(Some("a version that 'versions' does not name, or a misspelt file name?".to_owned()))
            })
            .collect();
        self.flaws.extend(flaws);
    }
}

/// The step that a flaw of the model after a migration comes from, as a path in `migration.yaml`.
fn cause(migration: &Migration, flaw: &ModelFlaw) -> Vec<String> {
    let steps = migration.steps.iter().enumerate().rev();
    let table = flaw.path.get(1).map(String::as_str).unwrap_or_default();
    let Some((at, step)) = steps.into_iter().find(|(_, step)| tables(step).contains(&table)) else {
        return vec!["steps".to_owned()];
    };
    let mut path = vec!["steps".to_owned(), at.to_string(), kind(step).to_owned()];
    if matches!(step, Change::CreateTable(_)) {
        path.push("definition".to_owned());
        path.extend(flaw.path.iter().skip(2).cloned());
    }
    path
}

/// The key of a step in `migration.yaml`.
pub fn kind(change: &Change) -> &'static str {
    match change {
        Change::CreateTable(_) => "create_table",
        Change::DropTable(_) => "drop_table",
        Change::RenameTable(_) => "rename_table",
        Change::DescribeTable(_) => "describe_table",
        Change::AddColumn(_) => "add_column",
        Change::DropColumn(_) => "drop_column",
        Change::RenameColumn(_) => "rename_column",
        Change::ChangeType(_) => "change_type",
        Change::SetRequired(_) => "set_required",
        Change::DropRequired(_) => "drop_required",
        Change::SetDefault(_) => "set_default",
        Change::DescribeColumn(_) => "describe_column",
        Change::AddUnique(_) => "add_unique",
        Change::DropUnique(_) => "drop_unique",
        Change::AddIndex(_) => "add_index",
        Change::DropIndex(_) => "drop_index",
        Change::AddCheck(_) => "add_check",
        Change::DropCheck(_) => "drop_check",
        Change::AddForeignKey(_) => "add_foreign_key",
        Change::DropForeignKey(_) => "drop_foreign_key",
        Change::Update(_) => "update",
        Change::Sql(_) => "sql",
    }
}

/// The tables that a step names.
pub fn tables(change: &Change) -> Vec<&str> {
    match change {
        Change::CreateTable(c) => vec![&c.table],
        Change::DropTable(c) => vec![&c.table],
        Change::RenameTable(c) => vec![&c.table, &c.to],
        Change::DescribeTable(c) => vec![&c.table],
        Change::AddColumn(c) => vec![&c.table],
        Change::DropColumn(c) => vec![&c.table],
        Change::RenameColumn(c) => vec![&c.table],
        Change::ChangeType(c) => vec![&c.table],
        Change::SetRequired(c) | Change::DropRequired(c) => vec![&c.table],
        Change::SetDefault(c) => vec![&c.table],
        Change::DescribeColumn(c) => vec![&c.table],
        Change::AddUnique(c)
        | Change::DropUnique(c)
        | Change::AddIndex(c)
        | Change::DropIndex(c)
        | Change::DropForeignKey(c) => vec![&c.table],
        Change::AddCheck(c) => vec![&c.table],
        Change::DropCheck(c) => vec![&c.table],
        Change::AddForeignKey(c) => vec![&c.table, &c.to_table],
        Change::Update(c) => vec![&c.table],
        Change::Sql(_) => Vec::new(),
    }
}

fn digest(files: &Files) -> String {
    let mut hasher = blake3::Hasher::new();
    for (path, bytes) in files {
        for part in [path.as_bytes(), bytes] {
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().to_hex().to_string()
}
