//! All checks, in order. A check that cannot be made says so and does not stop the others.

use super::{Doctor, Finding, Health, View};
use super::{backups, catalog, local, server};
use crate::backends::cache::Cache;
use crate::backends::site::SiteOptions;
use crate::model::tenant_record::MAIN_PLACEMENT;

pub(super) async fn observe(doctor: &Doctor, site: &SiteOptions) -> View {
    let mut checks = configuration(doctor);
    let named = site.databases.iter().map(|(name, placement)| (name.as_str(), placement));
    for (name, placement) in std::iter::once((MAIN_PLACEMENT, &site.database)).chain(named) {
        checks.extend(server::check(placement).await.into_iter().map(|finding| finding.about(name)));
    }
    let (of_catalog, tenants) = catalog::check(&site.database).await;
    checks.extend(of_catalog);
    checks.push(cache(site).await);
    checks.extend(local::check(site));
    checks.push(backups::check(&site.backups, tenants));
    let health = checks.iter().map(|finding| finding.health).max().unwrap_or(Health::Good);
    View { health, version: env!("CARGO_PKG_VERSION"), checks }
}

fn configuration(doctor: &Doctor) -> Vec<Finding> {
    let mut findings: Vec<Finding> = doctor
        .problems
        .iter()
        .map(|problem| {
            Finding::warning(
                "config.problems",
                problem,
                "correct it; 'fixtool config show --origin' tells where values come from",
            )
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::good("config.problems", "nothing odd"));
    }
    let open = doctor.files.iter().filter(|(path, holds_password)| *holds_password && local::others_may_read(path));
    let mut open = open.peekable();
    if open.peek().is_none() {
        findings.push(Finding::good("config.files", "no password lies open"));
    }
    findings.extend(open.map(|(path, _)| {
        let path = path.display();
        Finding::warning(
            "config.files",
            format!("'{path}' holds a password and other users can read it"),
            format!("run 'chmod 600 {path}'"),
        )
    }));
    findings
}

async fn cache(site: &SiteOptions) -> Finding {
    const CHECK: &str = "cache.reachable";
    let cache = Cache::new(site.redis_url.as_deref(), site.redis_pool);
    let finding = match cache.probe().await {
        None => Finding::skipped(CHECK, "no Redis is configured; nothing is cached"),
        Some(Ok(version)) => Finding::good(CHECK, format!("Redis {version}")),
        Some(Err(reason)) => Finding::warning(
            CHECK,
            format!("Redis does not answer: {reason}"),
            "check REDIS_URL; until it answers, changed tenants may be served from old cache entries",
        ),
    };
    cache.close().await;
    finding
}

#[cfg(test)]
mod tests {
    use super::super::CHECKS;
    use super::*;
    use crate::backends::database::address::Address;
    use crate::backends::database::connect::Limits;
    use crate::backends::sealing::SealingOptions;
    use crate::backends::site::Placement;

    #[tokio::test]
    async fn a_fresh_machine_is_well_and_stays_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let address: Address = format!("sqlite:{}", state.display()).parse().unwrap();
        let site = SiteOptions {
            database: Placement { address, limits: Limits::default() },
            databases: std::collections::BTreeMap::new(),
            redis_url: None,
            redis_pool: 1,
            state: state.clone(),
            packs: folder.path().join("packs"),
            storage: folder.path().join("storage"),
            backups: crate::backends::backups::BackupOptions::in_folder(folder.path()),
            sealing: SealingOptions { identity_file: state.join("identity.age"), ..SealingOptions::default() },
        };
        let view = observe(&Doctor::default(), &site).await;
        assert!(view.health < Health::Failed, "{view:?}");
        assert!(!state.exists(), "a check-up makes nothing");
        for finding in &view.checks {
            assert!(CHECKS.iter().any(|(name, _)| *name == finding.check), "{}", finding.check);
        }
        for (name, _) in CHECKS {
            assert!(view.checks.iter().any(|finding| finding.check == *name), "{name} was not made");
        }
    }
}
