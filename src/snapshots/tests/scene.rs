//! A small tenant that is backed up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use object_store::memory::InMemory;

use crate::backends::sealing::TenantKey;
use crate::backends::storage::Store;
use crate::model::{Engine, Model, TenantId};
use crate::snapshots::cut::{Collector, CutRule, Cutter, RawPart, Rows};
use crate::snapshots::manifest::{Content, Encryption, FileEntry, Kind, Scope, TableEntry};
use crate::snapshots::part::{self, PartRef};
use crate::snapshots::{Codec, Compression, Instant, Keys, Manifest, Packed, Packing, Repository, SnapshotId};

pub(in crate::snapshots) const RULE: CutRule = CutRule { least_rows: 16, bits: 2, most_bytes: 4096 };

pub(in crate::snapshots) fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

/// A tenant of one table and one file, and what it takes to pack it.
pub(in crate::snapshots) struct Scene {
    pub(in crate::snapshots) packing: Packing,
    pub(in crate::snapshots) keys: Keys,
    pub(in crate::snapshots) rows: Vec<String>,
}

impl Scene {
    pub(in crate::snapshots) fn plain() -> Self {
        Self { packing: Packing::plain(Codec::default()), keys: Keys::none(), rows: rows(200) }
    }

    pub(in crate::snapshots) fn sealed() -> Self {
        let key = TenantKey::generate();
        let packing = Packing::sealed(Codec::default(), 1, key.sealing());
        let mut keys = Keys::none();
        keys.add(1, key);
        Self { packing, keys, rows: rows(200) }
    }

    /// The parts of its table.
    pub(in crate::snapshots) fn parts(&self) -> Vec<(Packed, PartRef)> {
        let mut collector = Collector::new(Cutter::new(RULE, self.packing.cut_seed()), vec![0]);
        let mut raw = Vec::new();
        for line in &self.rows {
            raw.extend(collector.line(line.as_bytes()).unwrap());
        }
        raw.extend(collector.finish().unwrap());
        let packed = |part: RawPart| {
            let packed = self.packing.pack(&part.bytes, self.packing.identify(&part.bytes)).unwrap();
            let reference = packed.reference(&part.rows);
            (packed, reference)
        };
        raw.into_iter().map(packed).collect()
    }

    pub(in crate::snapshots) fn file(&self) -> (Packed, FileEntry) {
        let content = b"a picture";
        let packed = self.packing.pack(content, self.packing.identify(content)).unwrap();
        let chunk = packed.reference(&Rows::default());
        let entry = FileEntry { path: "logo/small.png".into(), mode: 0o644, bytes: 9, chunks: vec![chunk] };
        (packed, entry)
    }

    pub(in crate::snapshots) fn manifest(
        &self,
        tenant_name: &str,
        parts: Vec<PartRef>,
        files: Vec<FileEntry>,
    ) -> Manifest {
        let rows = parts.iter().map(|part| part.rows).sum();
        let table = TableEntry {
            name: "users".into(),
            columns: vec!["id".into(), "name".into()],
            key: vec!["id".into()],
            rows,
            cut: Some(RULE),
            parts,
        };
        let encryption = self.packing.key().map(|key| Encryption { generation: 1, recipient: key.recipient() });
        Manifest {
            tenant: tenant(tenant_name),
            tenant_record: serde_json::json!({"id": tenant_name, "quotas": {"storage": 1.5}}),
            kind: Kind::Full,
            parent: None,
            taken_at: Instant("2026-11-23T09:40:29.123456Z".parse().unwrap()),
            position: Some("1:2:".into()),
            engine: Engine::Postgres,
            engine_version: "15.4".into(),
            pack: "learning".into(),
            pack_version: "1.2.0".into(),
            model: Model::default(),
            configuration: BTreeMap::from([("roles".into(), serde_json::json!(["reader"]))]),
            scope: Scope { contents: BTreeSet::from([Content::Rows, Content::Files]), tables: None },
            tables: vec![table],
            files,
            compression: Compression::Zstd,
            encryption,
            tags: BTreeSet::from(["monthly".into()]),
            fixtool: "0.1.0".into(),
        }
    }

    /// Stores everything, in order.
    pub(in crate::snapshots) async fn back_up(&self, repository: &Repository, tenant_name: &str) -> SnapshotId {
        let mut references = Vec::new();
        for (packed, reference) in self.parts() {
            let raw = part::unpack("users", &reference, &packed.bytes, &self.keys).unwrap();
            let (stored, _) = repository.store_part(&self.packing, Bytes::from(raw), &self.keys).await.unwrap();
            let rows = Rows { count: reference.rows, first: reference.first, last: reference.last };
            references.push(stored.reference(&rows));
        }
        let (_, mut entry) = self.file();
        let (stored, _) =
            repository.store_part(&self.packing, Bytes::from_static(b"a picture"), &self.keys).await.unwrap();
        entry.chunks = vec![stored.reference(&Rows::default())];
        repository.publish(&self.manifest(tenant_name, references, vec![entry]), self.packing.key()).await.unwrap()
    }
}

fn rows(count: u32) -> Vec<String> {
    (0..count).map(|key| format!("{key:06}\tname of {key} \\\\N with a \\t\n")).collect()
}

pub(in crate::snapshots) async fn in_memory() -> Repository {
    Repository::open_or_init(Store::over(Arc::new(InMemory::new()), "", "memory")).await.unwrap()
}
