//! Tenants of one name told apart, and catalogs of an earlier fixtool.

use super::*;

/// A run on `acme` that ended, under the lease of its target.
async fn ran(catalog: &Catalog, run: &str, follows: Option<&str>, work: impl AsyncFnOnce()) {
    let lease = request(run, Duration::from_mins(1));
    assert_eq!(catalog.acquire(&lease).await.unwrap(), LeaseAnswer::Granted);
    catalog.begin(&RunStart { follows: follows.map(Into::into), ..start(run, run) }).await.unwrap();
    work().await;
    catalog.end(run, RunStatus::Failed).await.unwrap();
    catalog.release(&lease).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_means_one_tenant_of_its_name() {
    for place in Place::both() {
        let catalog = place.write().await;
        let acme = tenant("acme");
        ran(&catalog, "init", None, async || catalog.insert_tenant(&acme).await.unwrap()).await;
        ran(&catalog, "load", None, async || {}).await;
        ran(&catalog, "drop", None, async || assert!(catalog.delete_tenant(&acme.id).await.unwrap())).await;
        assert!(!catalog.is_another("load").await.unwrap(), "{}: nobody has the name", place.name());
        // Brought back by the undo of its drop, it is the same one.
        ran(&catalog, "undo", Some("drop"), async || catalog.insert_tenant(&acme).await.unwrap()).await;
        for run in ["init", "load", "drop", "undo"] {
            assert!(!catalog.is_another(run).await.unwrap(), "{}: {run}", place.name());
        }
        let before = catalog.standing("acme").await.unwrap().unwrap();
        let to: TenantId = "omega".parse().unwrap();
        catalog.rename_tenant(&acme.id, &to, &Namespace::of(&to)).await.unwrap();
        let renamed = catalog.standing("omega").await.unwrap().unwrap();
        assert!(renamed.is_same(&before), "{}: a rename keeps it", place.name());
        // Another customer of the same name.
        ran(&catalog, "second", None, async || catalog.insert_tenant(&tenant("acme")).await.unwrap()).await;
        for run in ["init", "load", "drop", "undo"] {
            assert!(catalog.is_another(run).await.unwrap(), "{}: {run}", place.name());
        }
        assert!(!catalog.is_another("second").await.unwrap());
        assert!(!catalog.standing("acme").await.unwrap().unwrap().is_same(&before));
        assert_eq!(catalog.verify().await.unwrap().damage, []);
        catalog.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_an_earlier_fixtool_are_matched_by_time() {
    for place in Place::both() {
        let catalog = place.write().await;
        let add = async || {
            let made = TenantRecord { created_at: now(), ..tenant("acme") };
            catalog.insert_tenant(&made).await.unwrap();
        };
        let begin = async |run: &str, operation: &str| {
            catalog.begin(&RunStart { operation: operation.into(), ..start(run, run) }).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        begin("a", "tenant.init").await;
        add().await;
        begin("b", "data.load").await;
        place.forge("DELETE FROM {s}run_identity");
        for run in ["a", "b"] {
            assert!(!catalog.is_another(run).await.unwrap(), "{}: {run}", place.name());
        }
        catalog.delete_tenant(&"acme".parse().unwrap()).await.unwrap();
        begin("c", "tenant.init").await;
        add().await;
        place.forge("DELETE FROM {s}run_identity");
        for (run, another) in [("a", true), ("b", true), ("c", false)] {
            assert_eq!(catalog.is_another(run).await.unwrap(), another, "{}: {run}", place.name());
        }
        catalog.close().await;
    }
}

/// Makes of a catalog one that the first release would have made.
const FIRST_RELEASE: &str = "DROP TABLE {s}tenant_incarnation; DROP TABLE {s}run_identity; DROP TABLE {s}ledger_seal; \
                             DROP TABLE {s}suspension; DELETE FROM {s}migration WHERE number = 2";

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_catalog_is_read_as_it_is_and_brought_up_to_date_by_the_first_write() {
    for place in Place::both() {
        let catalog = place.write().await;
        catalog.insert_tenant(&tenant("acme")).await.unwrap();
        catalog.close().await;
        place.forge(FIRST_RELEASE);
        let reader = place.open(Access::ReadOnly).await;
        assert_eq!(reader.tenants().await.unwrap().len(), 1, "{}", place.name());
        assert_eq!(reader.verify().await.unwrap().damage, []);
        let before = reader.standing("acme").await.unwrap().unwrap();
        assert_eq!(before.incarnation, None);
        assert!(reader.for_one_run().is_none(), "{}: a writer opens it anew", place.name());
        let writer = place.write().await;
        let after = writer.standing("acme").await.unwrap().unwrap();
        assert!(after.incarnation.as_ref().is_some_and(|one| one.len() == 32), "{}: {after:?}", place.name());
        assert!(after.is_same(&before), "{}: a plan made before stays good", place.name());
        assert_eq!(reader.standing("acme").await.unwrap().unwrap(), after, "{}", place.name());
        writer.close().await;
        reader.close().await;
    }
}
