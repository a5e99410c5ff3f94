//! Taking a snapshot: one moment of a tenant, cut into parts that are stored, and told by a manifest.
//!
//! Nothing is listed before the manifest is published, which is the caller's last act.

mod pieces;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};

use super::error::SnapshotError;
use super::instant::Instant as Moment;
use super::keys::Keys;
use super::layout::SnapshotId;
use super::manifest::{Content, Encryption, Kind, Manifest, Scope, TableEntry};
use super::part::{Packing, PartRef};
use super::part_store::PartStore;
use super::{configuration, cut::CutRule};
use crate::backends::database::{Instant, Reader};
use crate::model::{Model, TenantRecord};
use pieces::{Piece, Planned};

/// How far it came, and whether to stop.
pub trait Watch: Send + Sync {
    /// So many bytes of rows more were read and stored.
    fn advance(&self, bytes: u64);

    /// Whether the user wants it to stop.
    fn stopped(&self) -> bool;
}

/// What is taken.
#[derive(Clone)]
pub struct Take<'a> {
    /// The tenant's database.
    pub database: &'a dyn Reader,
    /// Where parts go.
    pub store: Arc<dyn PartStore>,
    /// The tenant.
    pub tenant: &'a TenantRecord,
    /// Its tables.
    pub model: &'a Model,
    /// What is wanted of it.
    pub scope: Scope,
    /// The snapshot that an increment rests on.
    pub parent: Option<(SnapshotId, Manifest)>,
    /// How parts are compressed and sealed.
    pub packing: Packing,
    /// The tenant's keys that are at hand.
    pub keys: Keys,
    /// Sealed credentials by name.
    pub credentials: BTreeMap<String, String>,
    /// Words to keep it by.
    pub tags: BTreeSet<String>,
    /// Readers side by side at most.
    pub readers: usize,
    /// Who is told, and asked whether to go on.
    pub watch: Arc<dyn Watch>,
}

/// What was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The manifest, not published yet.
    pub manifest: Manifest,
    /// Bytes that were written to the store.
    pub written: u64,
    /// Parts that were there already.
    pub reused: u64,
}

/// Readers side by side: more of them keep a server busier than those who work on it will like.
pub const READERS: usize = 2;

/// Pieces beyond those that are read: while one is packed and stored, every reader has another one.
const AHEAD: usize = 1;

/// Takes a snapshot of one moment; `None` when the user stopped it.
///
/// # Errors
/// When the database or the store fails. Parts that were stored stay, and the next run finds them.
pub async fn take(take: &Take<'_>) -> Result<Option<Taken>, SnapshotError> {
    let tables = wanted(take)?;
    let mut locked = tables.clone();
    locked.extend(configuration::TABLES.iter().map(|(name, _)| (*name).to_owned()));
    let moment = take.database.instant(&take.tenant.namespace, &locked, take.readers).await?;
    let taken = at(take, &moment, &tables).await;
    moment.close().await;
    taken
}

/// The tables that are wanted, parents before children.
fn wanted(take: &Take<'_>) -> Result<Vec<String>, SnapshotError> {
    if let Some(unknown) = take.scope.tables.iter().flatten().find(|name| !take.model.tables.contains_key(*name)) {
        return Err(SnapshotError::UnknownTable { table: unknown.clone() });
    }
    let mut tables: Vec<(u32, String)> = take.model.levels().into_iter().map(|(name, level)| (level, name)).collect();
    tables.sort();
    let is_wanted = |name: &String| take.scope.tables.as_ref().is_none_or(|wanted| wanted.contains(name));
    Ok(tables.into_iter().map(|(_, name)| name).filter(is_wanted).collect())
}

async fn at(take: &Take<'_>, moment: &Arc<dyn Instant>, tables: &[String]) -> Result<Option<Taken>, SnapshotError> {
    let mut configured = configuration::read(moment).await?;
    configured.insert(configuration::CREDENTIALS.to_owned(), serde_json::json!(take.credentials));
    let mut taken = Taken { manifest: manifest(take, moment, configured)?, written: 0, reused: 0 };
    if take.scope.contents.contains(&Content::Rows) {
        let planned = pieces::plan(take, moment, tables).await?;
        if rows(take, moment, planned, &mut taken).await?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(taken))
}

/// Reads and stores the pieces of all tables, several at once, and puts them in order again.
async fn rows(
    take: &Take<'_>,
    moment: &Arc<dyn Instant>,
    planned: Vec<Planned>,
    taken: &mut Taken,
) -> Result<Option<()>, SnapshotError> {
    let planned: Vec<Arc<Planned>> = planned.into_iter().map(Arc::new).collect();
    let job = |at: usize, table: &Arc<Planned>, piece: &Piece| (at, table.clone(), piece.clone());
    let jobs: Vec<(usize, Arc<Planned>, Piece)> = planned
        .iter()
        .enumerate()
        .flat_map(|(at, table)| table.pieces.iter().map(move |piece| job(at, table, piece)))
        .collect();
    let mut done: Vec<(usize, usize, Option<reading::Done>)> = futures_util::stream::iter(jobs.into_iter().enumerate())
        .map(|(number, (at, table, piece)): (usize, (usize, Arc<Planned>, Piece))| async move {
            reading::piece(take, moment, &table, &piece).await.map(|done| (number, at, done))
        })
        .buffer_unordered(moment.readers() + AHEAD)
        .try_collect()
        .await?;
    done.sort_by_key(|(number, ..)| *number);
    let mut parts: Vec<Vec<PartRef>> = vec![Vec::new(); planned.len()];
    for (_, at, piece) in done {
        let Some(piece) = piece else { return Ok(None) };
        taken.written += piece.written;
        taken.reused += piece.reused;
        if let Some(parts) = parts.get_mut(at) {
            parts.extend(piece.parts);
        }
    }
    for (table, parts) in planned.iter().zip(parts) {
        let parts = reading::marked(moment, table, parts).await?;
        taken.manifest.tables.push(TableEntry {
            name: table.what.table.clone(),
            columns: table.what.columns.iter().map(|(name, _)| name.clone()).collect(),
            key: table.what.key.clone(),
            rows: parts.iter().map(|part| part.rows).sum(),
            cut: table.cut,
            parts,
        });
    }
    Ok(Some(()))
}

fn manifest(
    take: &Take<'_>,
    moment: &Arc<dyn Instant>,
    configuration: BTreeMap<String, serde_json::Value>,
) -> Result<Manifest, SnapshotError> {
    let plain = |what: &str, value: Result<serde_json::Value, serde_json::Error>| {
        value.map_err(|error| SnapshotError::damaged(what, error.to_string()))
    };
    let taken_at = Moment::try_from(moment.taken_at().to_owned())
        .map_err(|error| SnapshotError::damaged("the server's clock", error.to_string()))?;
    let encryption = match (take.packing.generation(), take.packing.key()) {
        (Some(generation), Some(key)) => Some(Encryption { generation, recipient: key.recipient() }),
        _ => None,
    };
    Ok(Manifest {
        tenant: take.tenant.id.clone(),
        tenant_record: plain("the tenant's record", serde_json::to_value(take.tenant))?,
        kind: if take.parent.is_some() { Kind::Incremental } else { Kind::Full },
        parent: take.parent.as_ref().map(|(id, _)| id.clone()),
        taken_at,
        position: Some(moment.position().to_owned()),
        engine: take.database.engine(),
        engine_version: take.database.capabilities().version.clone(),
        pack: take.tenant.pack.clone(),
        pack_version: take.tenant.version.clone(),
        model: take.model.clone(),
        configuration,
        scope: take.scope.clone(),
        tables: Vec::new(),
        files: Vec::new(),
        compression: take.packing.compression(),
        encryption,
        tags: take.tags.clone(),
        fixtool: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// The rule for a table of which nothing is known but its size.
fn cut_rule(rows: u64, bytes: u64) -> CutRule {
    /// Where the engine does not tell a table's size.
    const USUAL_ROW: u64 = 256;
    let average = bytes.checked_div(rows).filter(|average| *average > 0).unwrap_or(USUAL_ROW);
    CutRule::for_rows_of(average)
}
