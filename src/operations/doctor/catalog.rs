//! Checks of the catalog.

use miette::Diagnostic;

use super::Finding;
use crate::backends::catalog::{Catalog, CatalogError, now};
use crate::backends::database::Access;
use crate::backends::site::Placement;
use crate::engine::{Ledger, RunFilter, RunStatus};
use crate::model::TenantStatus;

const OTHERS: [&str; 4] = ["catalog.ledger", "catalog.leases", "catalog.runs", "catalog.tenants"];
/// More of a kind than these are counted instead of named.
const NAMED: usize = 5;

/// What was found, and how many tenants there are.
pub(super) async fn check(placement: &Placement) -> (Vec<Finding>, Option<usize>) {
    let catalog = match Catalog::open(&placement.address, Access::ReadOnly, &placement.limits).await {
        Ok(catalog) => catalog,
        Err(error) => return (without(unusable(&error)), None),
    };
    let many = catalog.tenants().await.ok().map(|tenants| tenants.len());
    let findings = match catalog.exists().await {
        Ok(true) => {
            let present = Finding::good("catalog.present", format!("site {}", catalog.site_id()));
            let runs = runs(&catalog).await;
            vec![present, ledger(&catalog).await, leases(&catalog).await, runs, tenants(&catalog).await]
        }
        Ok(false) => without(Finding::good("catalog.present", "not made yet; the first command that writes makes it")),
        Err(error) => without(unusable(&error)),
    };
    catalog.close().await;
    (findings, many)
}

fn without(first: Finding) -> Vec<Finding> {
    let others = OTHERS.iter().map(|check| Finding::skipped(check, "there is no catalog to look into"));
    std::iter::once(first).chain(others).collect()
}

fn unusable(error: &CatalogError) -> Finding {
    let cure = error.help().map_or_else(|| "see database.reachable".to_owned(), |help| help.to_string());
    match error {
        // The database itself was told about before.
        CatalogError::Connect(_) => Finding::skipped("catalog.present", "the database does not answer"),
        other => Finding::failed("catalog.present", other.to_string(), cure),
    }
}

async fn ledger(catalog: &Catalog) -> Finding {
    const CHECK: &str = "catalog.ledger";
    match catalog.verify().await {
        Ok(report) if report.damage.is_empty() => {
            Finding::good(CHECK, format!("{} entries, the chain is whole", report.entries))
        }
        Ok(report) => Finding::failed(
            CHECK,
            format!("{} of {} entries do not fit", report.damage.len(), report.entries),
            "'fixtool op verify' names them; somebody changed the catalog by hand",
        ),
        Err(error) => Finding::failed(CHECK, error.to_string(), "run 'fixtool op verify'"),
    }
}

async fn leases(catalog: &Catalog) -> Finding {
    const CHECK: &str = "catalog.leases";
    let leases = match catalog.leases().await {
        Ok(leases) => leases,
        Err(error) => return Finding::failed(CHECK, error.to_string(), "run the check again"),
    };
    let now = now();
    let expired: Vec<String> = leases.iter().filter(|lease| lease.expires_at < now).map(|l| l.target.clone()).collect();
    if expired.is_empty() {
        return Finding::good(CHECK, format!("{} held", leases.len()));
    }
    Finding::warning(
        CHECK,
        format!("expired on {}", named(&expired)),
        "nothing must be done: the next command on these tenants takes them over",
    )
}

async fn runs(catalog: &Catalog) -> Finding {
    const CHECK: &str = "catalog.runs";
    let filter = RunFilter { status: Some(RunStatus::Running), ..RunFilter::default() };
    let (running, leases) = match (catalog.runs(&filter).await, catalog.leases().await) {
        (Ok(running), Ok(leases)) => (running, leases),
        (Err(error), _) => return Finding::failed(CHECK, error.to_string(), "run the check again"),
        (_, Err(error)) => return Finding::failed(CHECK, error.to_string(), "run the check again"),
    };
    let now = now();
    let alive = |run: &str| leases.iter().any(|lease| lease.run == run && lease.expires_at >= now);
    let fleet = |run: &str| running.iter().any(|child| child.parent.as_deref() == Some(run) && alive(&child.run));
    let left: Vec<String> =
        running.iter().filter(|r| !alive(&r.run) && !fleet(&r.run)).map(|r| r.run.clone()).collect();
    match left.first() {
        None => Finding::good(CHECK, format!("{} at work", running.len())),
        Some(first) => Finding::warning(
            CHECK,
            format!("left in the middle: {}", named(&left)),
            format!("go on with 'fixtool op resume {first}', or take it back with 'fixtool op undo {first}'"),
        ),
    }
}

async fn tenants(catalog: &Catalog) -> Finding {
    const CHECK: &str = "catalog.tenants";
    let tenants = match catalog.tenants().await {
        Ok(tenants) => tenants,
        Err(error) => return Finding::failed(CHECK, error.to_string(), "run the check again"),
    };
    let half = |status: TenantStatus| -> Vec<String> {
        tenants.iter().filter(|tenant| tenant.status == status).map(|tenant| tenant.id.to_string()).collect()
    };
    let (made, dropped) = (half(TenantStatus::Creating), half(TenantStatus::Dropping));
    match (made.is_empty(), dropped.is_empty()) {
        (true, true) => Finding::good(CHECK, format!("{} registered", tenants.len())),
        (false, _) => Finding::warning(
            CHECK,
            format!("half made: {}", named(&made)),
            "run 'fixtool tenant init' again for them: it goes on where it stopped",
        ),
        (true, false) => Finding::warning(
            CHECK,
            format!("half dropped: {}", named(&dropped)),
            "run 'fixtool tenant drop' again for them: it goes on where it stopped",
        ),
    }
}

fn named(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    match names.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
