//! Which tenants a command is about: ids, globs, tiers, labels, exclusions. Pure matching.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use super::{TenantId, TenantRecord};

/// What the user said about which tenants are meant.
///
/// Ids, globs and `all` say where to begin; tiers and labels narrow it; exclusions are taken
/// away at the end. With no id, no glob and no `all`, a tier or a label alone begins with all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Exact ids, or globs with `*` and `?`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Every tenant.
    #[serde(default)]
    pub all: bool,
    /// Only tenants of one of these tiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<String>,
    /// Only tenants that carry all of these labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Never these: exact ids, or globs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// Why a selection selects nothing that can be worked with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// Nothing was said.
    #[error("no tenant is named")]
    Empty,
    /// An exact id is not registered.
    #[error("there is no tenant '{id}'{}", guess_of(.guess.as_deref()))]
    Unknown {
        /// The id, as typed.
        id: String,
        /// A registered id that looks like it.
        guess: Option<String>,
    },
    /// A glob, a tier or a label matches nothing.
    #[error("no tenant matches {0}")]
    NoMatch(String),
    /// A label is not written `key=value`.
    #[error("'{0}' is not a label: write key=value")]
    Label(String),
}

fn guess_of(guess: Option<&str>) -> String {
    guess.map_or_else(String::new, |guess| format!("; did you mean '{guess}'?"))
}

impl miette::Diagnostic for SelectionError {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(match self {
            Self::Empty => "fixtool::selection::empty",
            Self::Unknown { .. } => "fixtool::selection::unknown",
            Self::NoMatch(_) => "fixtool::selection::no_match",
            Self::Label(_) => "fixtool::selection::label",
        }))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(match self {
            Self::Empty => "name tenants with --tenant ID, --tier or --label, or say --all".to_owned(),
            Self::Unknown { .. } | Self::NoMatch(_) => "'fixtool tenant list' shows what is registered".to_owned(),
            Self::Label(_) => "for example --label region=eu".to_owned(),
        }))
    }
}

impl Selection {
    /// One tenant by its exact id.
    pub fn one(id: &TenantId) -> Self {
        Self { ids: vec![id.to_string()], ..Self::default() }
    }

    /// Whether nothing was said at all.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && !self.all && self.tiers.is_empty() && self.labels.is_empty()
    }

    /// The id when exactly one tenant is named in full and nothing else is said.
    pub fn single(&self) -> Option<&str> {
        match self.ids.as_slice() {
            [id] if !is_glob(id) && !self.all && self.tiers.is_empty() && self.labels.is_empty() => Some(id),
            _ => None,
        }
    }

    /// The ids when all that are meant are among those that are named in full.
    pub fn named(&self) -> Option<&[String]> {
        let exact = !self.all && !self.ids.is_empty() && !self.ids.iter().any(|id| is_glob(id));
        exact.then_some(&self.ids)
    }

    /// Whether this tenant is meant.
    pub fn matches(&self, tenant: &TenantRecord) -> bool {
        let id = tenant.id.as_str();
        let begun = self.all || self.ids.is_empty() || self.ids.iter().any(|pattern| glob_matches(pattern, id));
        begun
            && !self.is_empty()
            && (self.tiers.is_empty() || self.tiers.contains(&tenant.tier))
            && self.labels.iter().all(|(key, value)| tenant.labels.get(key) == Some(value))
            && !self.exclude.iter().any(|pattern| glob_matches(pattern, id))
    }

    /// The tenants that are meant, in the order given. An exact id that is not registered, a
    /// glob that matches nothing, and an empty result are errors: silence would hide a typing mistake.
    pub fn pick<'a>(&self, tenants: &'a [TenantRecord]) -> Result<Vec<&'a TenantRecord>, SelectionError> {
        if self.is_empty() {
            return Err(SelectionError::Empty);
        }
        for pattern in &self.ids {
            let known = tenants.iter().any(|tenant| glob_matches(pattern, tenant.id.as_str()));
            if !known && is_glob(pattern) {
                return Err(SelectionError::NoMatch(format!("'{pattern}'")));
            }
            if !known {
                let guess = closest(pattern, tenants.iter().map(|tenant| tenant.id.as_str()));
                return Err(SelectionError::Unknown { id: shorten(pattern), guess });
            }
        }
        let picked: Vec<&TenantRecord> = tenants.iter().filter(|tenant| self.matches(tenant)).collect();
        if picked.is_empty() {
            return Err(SelectionError::NoMatch(self.to_string()));
        }
        Ok(picked)
    }
}

impl std::fmt::Display for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts: Vec<String> = self.ids.iter().map(|id| format!("'{}'", shorten(id))).collect();
        if self.all {
            parts.push("all".to_owned());
        }
        parts.extend(self.tiers.iter().map(|tier| format!("tier {}", shorten(tier))));
        parts.extend(self.labels.iter().map(|(key, value)| format!("{}={}", shorten(key), shorten(value))));
        parts.extend(self.exclude.iter().map(|id| format!("except '{}'", shorten(id))));
        f.write_str(&parts.join(", "))
    }
}

/// Reads `key=value`. The key is 1 to 63 characters, the value at most 255; neither holds a control character.
pub fn parse_label(text: &str) -> Result<(String, String), SelectionError> {
    let wrong = || SelectionError::Label(shorten(text));
    let (key, value) = text.split_once('=').ok_or_else(wrong)?;
    let fits = (1..=63).contains(&key.chars().count()) && value.chars().count() <= 255;
    if !fits || text.chars().any(char::is_control) {
        return Err(wrong());
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// The candidate that looks most like what was typed, if any is close enough to be meant.
pub fn closest<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let typed: String = typed.chars().take(100).collect();
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&typed, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// Whether an id fits a pattern, in which `*` stands for anything.
pub fn glob_matches(pattern: &str, id: &str) -> bool {
    if is_glob(pattern) { WildMatch::new(pattern).matches(id) } else { pattern == id }
}

fn shorten(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().count() > 60 {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Namespace, TenantStatus};

    fn tenant(id: &str, tier: &str, region: &str) -> TenantRecord {
        let id: TenantId = id.parse().unwrap();
        TenantRecord {
            namespace: Namespace::of(&id),
            id,
            placement: "main".into(),
            pack: "demo".into(),
            version: "1.0.0".into(),
            tier: tier.into(),
            status: TenantStatus::Active,
            labels: [("region".to_owned(), region.to_owned())].into(),
            admin_email: None,
            adopted: false,
            fingerprint: String::new(),
            quotas: BTreeMap::new(),
            integrations: serde_json::Value::Null,
            created_at: String::new(),
            updated_at: String::new(),
        }
    }

    fn tenants() -> Vec<TenantRecord> {
        vec![
            tenant("acme", "starter", "eu"),
            tenant("acme-2", "enterprise", "us"),
            tenant("globex", "enterprise", "eu"),
        ]
    }

    fn ids(selection: &Selection) -> Vec<String> {
        selection.pick(&tenants()).unwrap().iter().map(|tenant| tenant.id.to_string()).collect()
    }

    fn by_id(ids: &[&str]) -> Selection {
        Selection { ids: ids.iter().map(|id| (*id).to_owned()).collect(), ..Selection::default() }
    }

    #[test]
    fn ids_globs_tiers_labels_and_exclusions_combine() {
        assert_eq!(ids(&by_id(&["acme"])), ["acme"]);
        assert_eq!(ids(&by_id(&["acme*"])), ["acme", "acme-2"]);
        assert_eq!(ids(&by_id(&["acme?2", "globex"])), ["acme-2", "globex"]);
        assert_eq!(ids(&Selection { all: true, exclude: vec!["acme*".into()], ..Selection::default() }), ["globex"]);
        assert_eq!(ids(&Selection { tiers: vec!["enterprise".into()], ..Selection::default() }), ["acme-2", "globex"]);
        let eu = Selection { labels: [("region".into(), "eu".into())].into(), ..Selection::default() };
        assert_eq!(ids(&eu), ["acme", "globex"]);
        assert_eq!(ids(&Selection { tiers: vec!["starter".into()], ..eu }), ["acme"]);
    }

    #[test]
    fn what_matches_nothing_is_an_error_with_a_guess() {
        assert_eq!(Selection::default().pick(&tenants()), Err(SelectionError::Empty));
        let excluded_only = Selection { exclude: vec!["acme".into()], ..Selection::default() };
        assert_eq!(excluded_only.pick(&tenants()), Err(SelectionError::Empty));
        let error = by_id(&["acmee"]).pick(&tenants()).unwrap_err();
        assert_eq!(error, SelectionError::Unknown { id: "acmee".into(), guess: Some("acme".into()) });
        assert_eq!(error.to_string(), "there is no tenant 'acmee'; did you mean 'acme'?");
        let far = by_id(&["zzzzzzzz"]).pick(&tenants()).unwrap_err();
        assert_eq!(far, SelectionError::Unknown { id: "zzzzzzzz".into(), guess: None });
        assert!(matches!(by_id(&["acme", "x*"]).pick(&tenants()), Err(SelectionError::NoMatch(_))));
        let narrowed = Selection { tiers: vec!["professional".into()], ..by_id(&["acme*"]) };
        assert_eq!(narrowed.pick(&tenants()).unwrap_err().to_string(), "no tenant matches 'acme*', tier professional");
    }

    #[test]
    fn one_named_in_full_is_single() {
        assert_eq!(by_id(&["acme"]).single(), Some("acme"));
        assert_eq!(by_id(&["acme*"]).single(), None);
        assert_eq!(by_id(&["acme", "globex"]).single(), None);
        assert_eq!(Selection { all: true, ..by_id(&["acme"]) }.single(), None);
    }

    #[test]
    fn ids_without_patterns_say_where_to_look() {
        assert_eq!(by_id(&["acme", "globex"]).named().map(<[String]>::len), Some(2));
        assert_eq!(by_id(&["acme", "glo*"]).named(), None);
        assert_eq!(by_id(&[]).named(), None);
        assert_eq!(Selection { all: true, ..by_id(&["acme"]) }.named(), None);
    }

    #[test]
    fn labels_are_bounded() {
        assert_eq!(parse_label("region=eu=1").unwrap(), ("region".to_owned(), "eu=1".to_owned()));
        let long = format!("{}=1", "k".repeat(64));
        for bad in ["region", "=eu", "a=b\nc", long.as_str()] {
            assert!(parse_label(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_matched_without_trouble() {
        let pattern = "*a".repeat(5_000);
        assert!(by_id(&[&pattern]).pick(&tenants()).is_err());
    }
}
