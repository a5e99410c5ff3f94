//! Quotas that are counted as rows of a tenant's own tables. Pure.

use std::collections::BTreeMap;

use super::pack::{Limit, Manifest, Tier};

/// Limits by name, as the registry keeps them: `None` is unlimited.
pub type Quotas = BTreeMap<String, Option<u64>>;

/// A quota that is or would be exceeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{title}: {used} where {most} are allowed")]
pub struct QuotaExceeded {
    /// The quota's name in the pack.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// How many there are or would be.
    pub used: u64,
    /// How many are allowed.
    pub most: u64,
}

/// The limits of a tier.
pub fn of_tier(tier: &Tier) -> Quotas {
    let limit = |limit: &Limit| match limit {
        Limit::Unlimited => None,
        Limit::AtMost(most) => Some(*most),
    };
    tier.quotas.iter().map(|(name, most)| (name.clone(), limit(most))).collect()
}

/// The quotas that count the rows of a table without a period: quota and table by name.
pub fn counted(manifest: &Manifest) -> Vec<(&str, &str)> {
    let whole = manifest.quotas.iter().filter(|(_, quota)| quota.per.is_none());
    whole.filter_map(|(name, quota)| Some((name.as_str(), quota.table.as_deref()?))).collect()
}

/// The first quota that these numbers of rows exceed; `rows` gives the rows of a table.
pub fn exceeded(manifest: &Manifest, quotas: &Quotas, rows: impl Fn(&str) -> u64) -> Option<QuotaExceeded> {
    counted(manifest).into_iter().find_map(|(name, table)| {
        let most = quotas.get(name).copied().flatten()?;
        let used = rows(table);
        let title = manifest.quotas.get(name).map_or_else(|| name.to_owned(), |quota| quota.title.clone());
        (used > most).then(|| QuotaExceeded { name: name.to_owned(), title, used, most })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pack::builtin;

    #[test]
    fn the_number_is_in_the_message() {
        let pack = builtin::pack(builtin::DEFAULT).unwrap().unwrap();
        let manifest = &pack.manifest;
        assert_eq!(counted(manifest), [("users", "users")]);
        let starter = of_tier(&manifest.tiers["starter"]);
        assert_eq!(starter["users"], Some(10));
        assert_eq!(exceeded(manifest, &starter, |_| 10), None);
        let over = exceeded(manifest, &starter, |_| 11).unwrap();
        assert_eq!(over.to_string(), "Users: 11 where 10 are allowed");
        assert_eq!(exceeded(manifest, &of_tier(&manifest.tiers["enterprise"]), |_| 1_000_000), None);
    }
}
