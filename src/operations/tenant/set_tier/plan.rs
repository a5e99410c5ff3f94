//! What `tenant set-tier` does: a pure function from what was seen to steps.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Request, SetTierError, Snapshot};
use crate::engine::{Draft, Effect, Size, Step, Undo};
use crate::model::quota::{self, Quotas};
use crate::model::selection::closest;
use crate::model::{TenantId, TenantStatus};
use crate::operations::tenant::settings;

/// What a tier means for one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierState {
    /// The tier's name.
    pub tier: String,
    /// The limits.
    pub quotas: Quotas,
    /// The settings that follow from it.
    pub settings: Map<String, Value>,
}

/// The one thing that `tenant set-tier` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// The tenant gets a tier with its limits and settings.
    SetTier {
        /// The tenant.
        id: TenantId,
        /// What it had.
        from: Box<TierState>,
        /// What it gets.
        to: Box<TierState>,
    },
}

impl crate::engine::Action for Action {
    fn describe(&self) -> String {
        let Self::SetTier { id, from, to } = self;
        format!("change {id} from tier {} to {}", from.tier, to.tier)
    }

    fn effect(&self) -> Effect {
        Effect::Changes
    }

    fn size(&self) -> Size {
        Size::items(1)
    }

    fn undo(&self) -> Undo<Self> {
        let Self::SetTier { id, from, to } = self.clone();
        Undo::Inverse(Self::SetTier { id, from: to, to: from })
    }
}

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Result<Draft<Action>, SetTierError> {
    let (tenant, manifest) = (&seen.tenant, &seen.pack.manifest);
    let tiers = &manifest.tiers;
    let tier = tiers.get(&request.tier).ok_or_else(|| SetTierError::Tier {
        pack: tenant.pack.clone(),
        tier: request.tier.escape_debug().take(60).collect(),
        guess: closest(&request.tier, tiers.keys().map(String::as_str)),
        known: tiers.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
    })?;
    if matches!(tenant.status, TenantStatus::Creating | TenantStatus::Dropping) {
        return Err(SetTierError::State { id: tenant.id.clone(), status: tenant.status });
    }
    let state = |name: &str, tier| {
        let settings = settings::of_tier(manifest, name, tier);
        TierState { tier: name.to_owned(), quotas: quota::of_tier(tier), settings }
    };
    let to = state(&request.tier, tier);
    if tenant.tier == request.tier && tenant.quotas == to.quotas {
        let note = format!("tenant '{}' has the tier '{}' already: nothing to do", tenant.id, tenant.tier);
        return Ok(Draft { steps: Vec::new(), notes: vec![note] });
    }
    let rows = |name: &str| seen.rows.iter().find(|table| table.table == name).map_or(0, |table| table.rows);
    if let Some(exceeded) = quota::exceeded(manifest, &to.quotas, rows) {
        return Err(SetTierError::Quota { id: tenant.id.clone(), tier: request.tier.clone(), exceeded });
    }
    let mut from = tiers.get(&tenant.tier).map_or_else(
        || TierState { tier: tenant.tier.clone(), quotas: Quotas::new(), settings: Map::new() },
        |tier| state(&tenant.tier, tier),
    );
    from.quotas.clone_from(&tenant.quotas);
    let action = Action::SetTier { id: tenant.id.clone(), from: Box::new(from), to: Box::new(to) };
    Ok(Draft::of(vec![Step { stage: 0, action }]))
}
