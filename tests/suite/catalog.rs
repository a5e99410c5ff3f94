//! The catalog on both engines: registry, ledger, leases, and many processes at once.

mod incarnations;
mod proofs;
mod trail;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fixtool::backends::catalog::{Catalog, CatalogError, SourceMark, now};
use fixtool::backends::database::address::Address;
use fixtool::backends::database::connect::Limits;
use fixtool::backends::database::{Access, TableMark};
use fixtool::engine::{
    FailureKind, LeaseAnswer, LeaseRequest, Leases, Ledger, Outcome, RunFilter, RunStart, RunStatus,
};
use fixtool::model::{Namespace, TenantId, TenantRecord, TenantStatus};
use serde_json::json;
use tempfile::TempDir;

use crate::support::PostgresDatabase;

/// A place for a catalog, with a way in that knows nothing of fixtool.
struct Place {
    address: Address,
    folder: Option<TempDir>,
    database: Option<PostgresDatabase>,
}

impl Place {
    fn both() -> [Self; 2] {
        let database = PostgresDatabase::new();
        let folder = tempfile::tempdir().unwrap();
        let sqlite = format!("sqlite:{}", folder.path().join("state").join("catalog.db").display());
        [
            Self { address: database.url().parse().unwrap(), folder: None, database: Some(database) },
            Self { address: sqlite.parse().unwrap(), folder: Some(folder), database: None },
        ]
    }

    fn name(&self) -> &'static str {
        self.address.engine().title()
    }

    async fn open(&self, access: Access) -> Catalog {
        Catalog::open(&self.address, access, &Limits::default()).await.unwrap()
    }

    async fn write(&self) -> Catalog {
        self.open(Access::ReadWrite).await
    }

    fn file(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("state").join("catalog.db")
    }

    /// As if nothing had ever been there.
    fn empty(&self) {
        match self.database {
            Some(_) => self.forge("DROP SCHEMA IF EXISTS fixtool CASCADE"),
            None => drop(std::fs::remove_dir_all(self.file().parent().unwrap())),
        }
    }

    /// Changes something behind the catalog's back. `{s}` stands for the schema.
    fn forge(&self, sql: &str) {
        if let Some(database) = &self.database {
            drop(database.query(&sql.replace("{s}", "fixtool.")));
        } else {
            let output = std::process::Command::new("sqlite3").arg(self.file()).arg(sql.replace("{s}", "")).output();
            let output = output.expect("sqlite3");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

fn tenant(id: &str) -> TenantRecord {
    let id: TenantId = id.parse().unwrap();
    TenantRecord {
        namespace: Namespace::of(&id),
        id,
        placement: "main".into(),
        pack: "spotify-ai-agent".into(),
        version: "1.0.0".into(),
        tier: "starter".into(),
        status: TenantStatus::Active,
        labels: [("region".to_owned(), "eu 'Ω'".to_owned())].into(),
        admin_email: Some("a@example.org".into()),
        adopted: false,
        fingerprint: "00".into(),
        quotas: [("users".to_owned(), Some(10)), ("storage_gb".to_owned(), None)].into(),
        integrations: json!({"slack": {"channel": "#x"}}),
        created_at: now(),
        updated_at: now(),
    }
}

fn start(run: &str, digest: &str) -> RunStart {
    RunStart {
        run: run.into(),
        parent: None,
        follows: None,
        operation: "data.load".into(),
        target: "acme".into(),
        plan_digest: digest.into(),
        plan: json!({"steps": [1, 2]}),
        actor: "me@here".into(),
    }
}

fn request(run: &str, ttl: Duration) -> LeaseRequest {
    LeaseRequest {
        target: "acme".into(),
        run: run.into(),
        operation: "data.load".into(),
        holder: format!("me@here {run}"),
        ttl,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_makes_nothing_and_sees_what_somebody_makes_later() {
    for place in Place::both() {
        let reader = place.open(Access::ReadOnly).await;
        assert!(!reader.exists().await.unwrap(), "{}", place.name());
        assert!(reader.tenants().await.unwrap().is_empty());
        assert!(reader.tenant(&"acme".parse().unwrap()).await.unwrap().is_none());
        assert!(reader.runs(&RunFilter::default()).await.unwrap().is_empty());
        assert_eq!(reader.verify().await.unwrap().entries, 0);
        match &place.database {
            Some(database) => {
                assert!(database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'fixtool'").is_empty());
            }
            None => assert!(!place.file().parent().unwrap().exists()),
        }
        let writer = place.write().await;
        assert_eq!(reader.site_id(), writer.site_id(), "{}: a plan made before stays good", place.name());
        writer.insert_tenant(&tenant("acme")).await.unwrap();
        assert_eq!(reader.tenants().await.unwrap().len(), 1, "{}", place.name());
        assert!(matches!(reader.insert_tenant(&tenant("other")).await, Err(CatalogError::ReadOnly)));
        assert!(reader.begin(&start("r", "d")).await.is_err());
        writer.close().await;
        reader.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_catalogs_are_two_sites() {
    let (one, two) = (Place::both(), Place::both());
    for (one, two) in one.iter().zip(&two) {
        let (a, b) = (one.write().await, two.write().await);
        assert_ne!(a.site_id(), b.site_id(), "{}", one.name());
        let again = one.open(Access::ReadOnly).await;
        assert_eq!(again.site_id(), a.site_id());
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_private_and_leaves_no_side_files() {
    use std::os::unix::fs::PermissionsExt;
    let [_, place] = Place::both();
    let writer = place.write().await;
    writer.insert_tenant(&tenant("acme")).await.unwrap();
    assert_eq!(place.file().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(place.file().parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    writer.close().await;
    let before = std::fs::read(place.file()).unwrap();
    let reader = place.open(Access::ReadOnly).await;
    assert_eq!(reader.tenants().await.unwrap().len(), 1);
    reader.close().await;
    let files: Vec<_> = std::fs::read_dir(place.file().parent().unwrap()).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(files, [place.file()]);
    assert!(std::fs::read(place.file()).unwrap() == before, "reading changed the file");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_begin_at_once_find_one_complete_catalog() {
    for place in Place::both() {
        let limits = Limits { pool_size: 2, ..Limits::default() };
        let opened = (0..8).map(|_| {
            let (address, limits) = (place.address.clone(), limits.clone());
            tokio::spawn(async move {
                Catalog::open(&address, Access::ReadWrite, &limits).await.map(|c| (c.site_id().to_owned(), c))
            })
        });
        let mut sites = Vec::new();
        for task in opened.collect::<Vec<_>>() {
            let (site, catalog) = task.await.unwrap().unwrap_or_else(|error| panic!("{}: {error}", place.name()));
            catalog.tenants().await.unwrap();
            catalog.close().await;
            sites.push(site);
        }
        sites.dedup();
        assert_eq!(sites.len(), 1, "{}", place.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_and_later_migrations_are_refused() {
    for place in Place::both() {
        place.write().await.close().await;
        place.forge("UPDATE {s}migration SET checksum = 'x' WHERE number = 1");
        let limits = Limits::default();
        for access in [Access::ReadOnly, Access::ReadWrite] {
            let error = Catalog::open(&place.address, access, &limits).await.err().unwrap();
            assert!(matches!(error, CatalogError::MigrationChanged { number: 1 }), "{}: {error:?}", place.name());
        }
        place.forge("DELETE FROM {s}migration; INSERT INTO {s}migration VALUES (77, 'later', 'x', 'now')");
        let error = Catalog::open(&place.address, Access::ReadOnly, &limits).await.err().unwrap();
        assert!(matches!(error, CatalogError::TooNew { found: 77, .. }), "{}: {error:?}", place.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_comes_back_as_it_was_put_in() {
    for place in Place::both() {
        let catalog = place.write().await;
        let mut acme = tenant("acme");
        catalog.insert_tenant(&acme).await.unwrap();
        assert_eq!(catalog.tenant(&acme.id).await.unwrap().as_ref(), Some(&acme), "{}", place.name());
        assert!(matches!(catalog.insert_tenant(&acme).await, Err(CatalogError::Exists(what)) if what.contains("acme")));
        let squatter = TenantRecord { namespace: acme.namespace.clone(), ..tenant("squatter") };
        assert!(matches!(catalog.insert_tenant(&squatter).await, Err(CatalogError::Exists(_))));

        acme.tier = "enterprise".into();
        acme.status = TenantStatus::Suspended;
        acme.labels.clear();
        catalog.update_tenant(&acme).await.unwrap();
        let found = catalog.tenant(&acme.id).await.unwrap().unwrap();
        assert_eq!((found.tier.as_str(), found.status), ("enterprise", TenantStatus::Suspended));
        assert!(found.labels.is_empty() && found.created_at == acme.created_at && found.updated_at > acme.updated_at);
        assert!(matches!(catalog.update_tenant(&tenant("nobody")).await, Err(CatalogError::Missing(_))));
        assert_eq!(catalog.tenant_at("main", &acme.namespace).await.unwrap().map(|t| t.id), Some(acme.id.clone()));

        let to: TenantId = "acme-2".parse().unwrap();
        catalog.put_credential(&acme.id, "key", 1, "sealed-1").await.unwrap();
        catalog.rename_tenant(&acme.id, &to, &Namespace::of(&to)).await.unwrap();
        assert!(catalog.tenant(&acme.id).await.unwrap().is_none());
        assert_eq!(catalog.sealed_credential(&to, "key").await.unwrap().as_deref(), Some("sealed-1"));
        catalog.insert_tenant(&acme).await.unwrap();
        let taken = catalog.rename_tenant(&acme.id, &to, &Namespace("else".into())).await;
        assert!(matches!(taken, Err(CatalogError::Exists(_))), "{taken:?}");
        assert!(catalog.delete_tenant(&to).await.unwrap());
        assert!(!catalog.delete_tenant(&to).await.unwrap());
        assert!(catalog.credentials(&to).await.unwrap().is_empty());
        catalog.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_tenants_are_listed_at_once() {
    for place in Place::both() {
        let catalog = place.write().await;
        catalog.insert_tenant(&tenant("first")).await.unwrap();
        let columns = "placement, pack, version, tier, status, labels, admin_email, adopted, fingerprint, quotas, \
                       integrations, created_at, updated_at";
        let numbers = match place.database {
            Some(_) => "SELECT n FROM generate_series(1, 10000) n",
            None => "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n FROM c",
        };
        place.forge(&format!(
            "INSERT INTO {{s}}tenant (id, namespace, {columns}) \
             SELECT 'tenant-' || n, 'tenant_tenant-' || n, {columns} FROM {{s}}tenant, ({numbers}) numbers"
        ));
        let begin = Instant::now();
        assert_eq!(catalog.tenants().await.unwrap().len(), 10_001);
        // The unoptimised build has a wide allowance; what matters is that nothing is asked tenant by tenant.
        assert!(begin.elapsed() < Duration::from_secs(2), "{}: {:?}", place.name(), begin.elapsed());
        catalog.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_have_generations_and_marks_are_replaced() {
    for place in Place::both() {
        let catalog = place.write().await;
        let acme = tenant("acme");
        catalog.insert_tenant(&acme).await.unwrap();
        catalog.put_credential(&acme.id, "smtp", 1, "one").await.unwrap();
        catalog.put_credential(&acme.id, "api", 1, "a").await.unwrap();
        catalog.put_credential(&acme.id, "smtp", 2, "two").await.unwrap();
        assert!(catalog.put_credential(&acme.id, "smtp", 2, "again").await.is_err());
        let listed = catalog.credentials(&acme.id).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|c| (c.name.as_str(), c.generation)).collect();
        assert_eq!(listed, [("api", 1), ("smtp", 2)], "{}", place.name());
        assert_eq!(catalog.sealed_credential(&acme.id, "smtp").await.unwrap().as_deref(), Some("two"));
        assert!(catalog.remove_credential(&acme.id, "smtp", 2).await.unwrap());
        assert_eq!(catalog.sealed_credential(&acme.id, "smtp").await.unwrap().as_deref(), Some("one"));

        let mut mark = SourceMark {
            source_digest: "s".into(),
            mapping_digest: "m".into(),
            fingerprint: "f".into(),
            mark: TableMark("1".into()),
            counts: BTreeMap::from([("read".to_owned(), 7)]),
            run: "r".into(),
        };
        assert_eq!(catalog.source_mark(&acme.id, "users").await.unwrap(), None);
        catalog.put_source_mark(&acme.id, "users", &mark).await.unwrap();
        mark.mark = TableMark("2".into());
        catalog.put_source_mark(&acme.id, "users", &mark).await.unwrap();
        assert_eq!(catalog.source_mark(&acme.id, "users").await.unwrap(), Some(mark));
        catalog.forget_source_mark(&acme.id, "users").await.unwrap();
        assert_eq!(catalog.source_mark(&acme.id, "users").await.unwrap(), None);
        catalog.close().await;
    }
}
