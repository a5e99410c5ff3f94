//! What the plan of a load rests on: the tenant, the sources' digests and headers, the tables' rows.

use std::collections::BTreeMap;

use serde::Serialize;

use super::circles::Reference;
use super::error::LoadError;
use super::plan;
use super::reading::broken_record;
use super::rejects::Rejected;
use super::request::{Input, Mode, Request};
use super::sources::{self, Matched, Opening, wanted_rules};
use crate::backends::catalog::SourceMark;
use crate::backends::database::{Conflict, Reader, TableMark};
use crate::backends::site::{SiteError, SiteReader};
use crate::engine::Fingerprint;
use crate::formats::digest_file;
use crate::model::{Model, OnDelete, Pack, Row, Table, TenantRecord};
use crate::rules::RuleFile;
use crate::snapshots::safety::{Foreseen, Wanted, foresee};

/// What was seen.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// Structural fingerprint of the tenant's model.
    pub model: String,
    /// Digest of the mapping and of the options that change what is loaded.
    pub mapping: String,
    /// The tables, each with its source.
    pub tables: Vec<SeenTable>,
    /// The safety copy that is going to be made.
    #[serde(skip)]
    pub safety: Option<Foreseen>,
}

/// One table and the source that goes into it.
#[derive(Debug, Clone, Serialize)]
pub struct SeenTable {
    /// The data type as the user or the file named it.
    pub data_type: String,
    /// The table.
    pub table: String,
    /// Its foreign-key level.
    pub level: u32,
    /// The source.
    pub source: Input,
    /// Digest of the source as stored.
    pub digest: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Rows of the table.
    pub rows: u64,
    /// Columns that the source brings.
    pub columns: Vec<String>,
    /// The key by which records and rows meet.
    pub key: Vec<String>,
    /// The column that decides "newest wins".
    pub newest: Option<String>,
    /// The most rows that the tier lets the table hold.
    pub most_rows: Option<u64>,
    /// Whether source and table are as they were after the last load of this source.
    pub unchanged: bool,
    /// Rows whose keys the source does not hold; counted only when they are to be deleted.
    pub missing: u64,
    /// Tables that point at this one.
    pub children: Vec<(String, OnDelete)>,
    /// Tables whose rows go, or lose their reference, when rows of this one are deleted, however far away; and whether they have
    /// a primary key, by which rows that come back are told from those that are there.
    pub swept: BTreeMap<String, bool>,
    /// Its references to other tables.
    #[serde(skip)]
    pub references: Vec<Reference>,
    /// Remarks for people.
    pub notes: Vec<String>,
}

impl Fingerprint for Seen {
    fn fingerprint(&self) -> String {
        // Plain data always has a JSON form.
        let place = self.safety.as_ref().map(Foreseen::place);
        let text = serde_json::to_vec(&(self, place)).unwrap_or_default();
        blake3::hash(&text).to_hex().to_string()
    }
}

/// Looks at everything that the plan needs.
pub async fn observe(request: &Request, site: &SiteReader) -> Result<Seen, LoadError> {
    let tenant = site.writable_tenant(&request.tenant).await?;
    let database = site.database(&tenant.placement).await?;
    let model = site.model_of(&tenant)?;
    let pack = site.pack_of(&tenant)?;
    let fingerprint = crate::model::fingerprint(&model);
    let rules_text = site.rules_of(&tenant)?;
    let rules = wanted_rules(request, rules_text.as_deref(), &model)?;
    let mapping = options_digest(request, rules_text.as_deref())?;
    let (matched, notes) = sources::matched(request, &model)?;
    let mut tables = Vec::new();
    for one in matched {
        let place =
            Looking { request, site, tenant: &tenant, database: &*database, model: &model, rules: &rules, pack: &pack };
        tables.push(place.at(one, (&fingerprint, &mapping)).await?);
    }
    if let Some(first) = tables.first_mut() {
        first.notes.extend(notes);
    }
    let mut seen = Seen { model: fingerprint, mapping, tables, safety: None };
    let touched = plan::touched(request, &seen);
    if !touched.is_empty() && !request.no_safety_copy {
        let names: Vec<String> = touched.iter().cloned().collect();
        let stats = database.table_stats(&tenant.namespace, &names).await?;
        seen.safety = Some(foresee(site, &tenant.id, Wanted::Tables(touched), &stats).await?);
    }
    Ok(seen)
}

/// A digest of what changes the rows that a source stands for, and what it is held to.
pub fn options_digest(request: &Request, rules: Option<&str>) -> Result<String, LoadError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&serde_json::to_vec(&request.options).unwrap_or_default());
    hasher.update(rules.filter(|_| request.validate).unwrap_or_default().as_bytes());
    // Without rows to meet, records of these strategies all end up as rows.
    let strategy = match request.conflict {
        Conflict::Error | Conflict::Overwrite => Conflict::Overwrite,
        other => other,
    };
    hasher.update(&serde_json::to_vec(&strategy).unwrap_or_default());
    if let Some(path) = &request.mapping {
        let text = std::fs::read(path)
            .map_err(|source| crate::formats::SourceError::Unreadable { path: path.clone(), source })?;
        hasher.update(&text);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

struct Looking<'a> {
    request: &'a Request,
    site: &'a SiteReader,
    tenant: &'a TenantRecord,
    database: &'a dyn Reader,
    model: &'a Model,
    rules: &'a RuleFile,
    pack: &'a Pack,
}

impl Looking<'_> {
    fn opening(&self) -> Opening<'_> {
        let (request, rules) = (self.request, self.rules);
        Opening { request, tenant: self.tenant, model: self.model, rules, sealing: None, database: self.database }
    }

    async fn at(&self, one: Matched, (model, mapping): (&str, &str)) -> Result<SeenTable, LoadError> {
        let table = self
            .model
            .tables
            .get(&one.table)
            .ok_or_else(|| LoadError::Bug { message: format!("the model has lost the table '{}'", one.table) })?;
        let path = one.input.path.clone();
        let digested = tokio::task::spawn_blocking(move || digest_file(&path)).await;
        let digested = digested.map_err(|e| LoadError::Bug { message: e.to_string() })??;
        let (digest, bytes) = (digested.blake3, digested.size);
        let (_, shaper) = self.opening().open(&one, 0).await?;
        required(&one, table, shaper.columns())?;
        let rows = self.rows(&one.table).await?;
        let mark = self.site.catalog().source_mark(&self.tenant.id, &one.table).await.map_err(SiteError::from)?;
        let unchanged = match mark {
            Some(mark) if self.request.mode == Mode::Incremental => {
                same_source(&mark, &digest, (model, mapping)) && mark.mark == self.mark(&one.table).await?
            }
            _ => false,
        };
        let missing = if self.request.delete_missing { self.missing(&one, table, rows).await? } else { 0 };
        Ok(SeenTable {
            level: self.model.levels().get(&one.table).copied().unwrap_or_default(),
            references: Reference::all(&one.table, table, shaper.columns()),
            columns: shaper.columns().to_vec(),
            key: table.primary_key.clone(),
            newest: table.newest.clone(),
            most_rows: row_limit(self.pack, self.tenant, &one.table),
            children: children(self.model, &one.table),
            swept: swept(self.model, &one.table),
            data_type: one.data_type,
            notes: later(&one.table, self.rules),
            table: one.table,
            source: one.input,
            digest,
            bytes,
            rows,
            unchanged,
            missing,
        })
    }

    async fn rows(&self, table: &str) -> Result<u64, LoadError> {
        let stats = self.database.table_stats(&self.tenant.namespace, &[table.to_owned()]).await?;
        Ok(stats.first().map_or(0, |s| s.rows))
    }

    async fn mark(&self, table: &str) -> Result<TableMark, LoadError> {
        Ok(self.database.table_mark(&self.tenant.namespace, table).await?)
    }

    /// How many rows have a key that the source does not hold. A record that cannot be used is an error: its row would
    /// count as missing.
    async fn missing(&self, one: &Matched, table: &Table, rows: u64) -> Result<u64, LoadError> {
        let (mut source, mut shaper) = self.opening().open(one, 0).await?;
        shaper.mark_gaps();
        let places: Vec<usize> =
            table.primary_key.iter().filter_map(|k| shaper.columns().iter().position(|c| c == k)).collect();
        let mut record = crate::formats::Record::default();
        let (mut row, mut keys, mut held) = (Row::new(), Vec::new(), 0_u64);
        loop {
            let read = source.reader.next(&mut record);
            let more = read.map_err(|error| broken_record(&one.input.name, error))?;
            if more {
                let fields = source.reader.fields();
                shaper.shape(fields, &record, &mut row).map_err(|faults| {
                    Rejected::of_record((&one.input.name, source.format), &record, fields, faults).into_error()
                })?;
                keys.push(places.iter().filter_map(|p| row.get(*p).cloned()).collect::<Row>());
            }
            if keys.len() >= 5000 || (!more && !keys.is_empty()) {
                let found =
                    self.database.existing(&self.tenant.namespace, &one.table, &table.primary_key, &keys).await?;
                held += found.iter().filter(|found| **found).count() as u64;
                keys.clear();
            }
            if !more {
                return Ok(rows.saturating_sub(held));
            }
        }
    }
}

/// The most rows that the tier allows, for a quota that counts rows of the table for ever.
pub(super) fn row_limit(pack: &Pack, tenant: &TenantRecord, table: &str) -> Option<u64> {
    let quotas = pack.manifest.quotas.iter();
    let counted = quotas.filter(|(_, quota)| quota.table.as_deref() == Some(table) && quota.per.is_none());
    counted.filter_map(|(name, _)| tenant.quota(name)).min()
}

/// The rules that loading does not check, named.
fn later(table: &str, rules: &RuleFile) -> Vec<String> {
    let later = rules.of_table(table).later;
    if later.is_empty() {
        return Vec::new();
    }
    vec![format!("{table}: rules over many rows are not checked by loading: {}", later.join(", "))]
}

fn same_source(mark: &SourceMark, digest: &str, (model, mapping): (&str, &str)) -> bool {
    mark.source_digest == digest && mark.fingerprint == model && mark.mapping_digest == mapping
}

/// A column that must have a value and has no default must be in the source.
fn required(one: &Matched, table: &Table, columns: &[String]) -> Result<(), LoadError> {
    let must = |name: &String, required: bool| required || table.primary_key.contains(name);
    let missing: Vec<String> = table
        .columns
        .iter()
        .filter(|(name, c)| must(name, c.required) && c.default.is_none() && !columns.contains(name))
        .map(|(name, _)| format!("'{name}'"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(LoadError::MissingColumns {
        source_name: one.input.name.clone(),
        table: one.table.clone(),
        columns: missing.join(", "),
    })
}

/// Tables that a deletion reaches through foreign keys.
fn swept(model: &Model, table: &str) -> BTreeMap<String, bool> {
    let (mut found, mut open) = (BTreeMap::new(), vec![table.to_owned()]);
    while let Some(parent) = open.pop() {
        for (name, child) in &model.tables {
            for key in child.all_foreign_keys().into_iter().filter(|key| key.table == parent) {
                let reached = key.on_delete != OnDelete::Restrict
                    && found.insert(name.clone(), !child.primary_key.is_empty()).is_none();
                if reached && key.on_delete == OnDelete::Cascade {
                    open.push(name.clone());
                }
            }
        }
    }
    found
}

fn children(model: &Model, table: &str) -> Vec<(String, OnDelete)> {
    let of = |(name, child): (&String, &Table)| {
        let key = child.all_foreign_keys().into_iter().find(|key| key.table == table && name != table)?;
        Some((name.clone(), key.on_delete))
    };
    model.tables.iter().filter_map(of).collect()
}
