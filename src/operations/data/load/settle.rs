//! The end of a load: sources that the tables now equal are noted, and the cache is invalidated.

use std::collections::BTreeMap;

use super::apply::Applying;
use super::error::LoadError;
use super::observe::options_digest;
use super::plan::TableLoad;
use crate::backends::cache::CacheOutcome;
use crate::backends::catalog::SourceMark;
use crate::backends::site::SiteError;
use crate::engine::Outcome;

impl Applying<'_> {
    pub(super) async fn settle(&self, loads: &[TableLoad], cache: bool) -> Result<Outcome, LoadError> {
        let site = self.site;
        let mapping = options_digest(self.request, site.rules_of(self.tenant)?.as_deref())?;
        let fingerprint = crate::model::fingerprint(self.model);
        for load in loads {
            // After rejects the table is not what the source says, and loading again is not idle.
            if !self.clean.lock().is_ok_and(|clean| clean.contains(&load.table)) {
                continue;
            }
            let mark = SourceMark {
                source_digest: load.digest.clone(),
                mapping_digest: mapping.clone(),
                fingerprint: fingerprint.clone(),
                mark: self.database.table_mark(&self.tenant.namespace, &load.table).await?,
                counts: BTreeMap::new(),
                run: self.context.run.clone(),
            };
            site.catalog().put_source_mark(&self.tenant.id, &load.table, &mark).await.map_err(SiteError::from)?;
        }
        self.context.advance(1);
        let mut outcome = Outcome::default();
        if cache {
            cache_note(&site.cache().invalidate(&self.tenant.id).await, &mut outcome);
        }
        Ok(outcome)
    }
}

fn cache_note(done: &CacheOutcome, outcome: &mut Outcome) {
    if let CacheOutcome::Invalidated { keys } = done {
        outcome.count("cache_keys_invalidated", *keys);
    }
    outcome.notes.extend(done.note());
}
