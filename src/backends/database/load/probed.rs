//! Which staged rows the keys of their table refuse. An engine answers one question at a time, about all rows at once;
//! what follows from the answers is the same on both.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{LoadSpec, Refused, RefusedReason};
use crate::backends::database::DatabaseError;
use crate::model::ForeignKey;

/// What an engine can say of the rows that it has staged; each row by its position in the source.
#[async_trait]
pub trait Probes: Send {
    /// The load.
    fn spec(&self) -> &LoadSpec;

    /// Rows whose key an earlier batch of the same load has met.
    async fn loaded_before(&mut self) -> Result<Vec<u64>, DatabaseError>;

    /// Rows whose key a row of the table has, where that is not borne.
    async fn existing(&mut self) -> Result<Vec<u64>, DatabaseError>;

    /// Rows whose unique value another row of the table has, and what becomes of that one.
    async fn holders(&mut self, key: &[String]) -> Result<Vec<(u64, Holder)>, DatabaseError>;

    /// New rows whose records leave out what a new row needs, with those columns.
    async fn incomplete(&mut self) -> Result<Vec<(u64, Vec<String>)>, DatabaseError>;

    /// Rows that point at no row of the table, nor, where `beside` is set, at one that is staged.
    async fn orphans(&mut self, key: &ForeignKey, beside: bool) -> Result<Vec<u64>, DatabaseError>;

    /// Rows with a key that an earlier row has, each with the first one.
    async fn duplicates(&mut self, key: &[String]) -> Result<Vec<(u64, u64)>, DatabaseError>;

    /// Rows that this engine alone refuses.
    async fn refused_here(&mut self) -> Result<Vec<Refused>, DatabaseError> {
        Ok(Vec::new())
    }

    /// Stages them no longer.
    async fn take_out(&mut self, refused: &[Refused]) -> Result<(), DatabaseError>;
}

/// Takes rows out that the table's keys would refuse. `last` says that nothing more comes.
pub async fn probe(stage: &mut dyn Probes, last: bool) -> Result<Probed, DatabaseError> {
    let mut probed = Probed::default();
    let found = standing(stage, (&mut probed, last)).await?;
    take_out(stage, found, &mut probed).await?;
    take_out_dependents(stage, (&mut probed, last)).await?;
    loop {
        let mut pairs = Vec::new();
        for key in stage.spec().carried_keys() {
            let found = stage.duplicates(&key).await?.into_iter();
            pairs.extend(found.map(|(row, first)| refuse(row, RefusedReason::Duplicate, &key, Some(first))));
        }
        if pairs.is_empty() {
            return Ok(probed);
        }
        let hanging = if stage.spec().may_wait() { hanging(stage).await? } else { BTreeSet::new() };
        take_out(stage, certain(&pairs, &hanging), &mut probed).await?;
        take_out_dependents(stage, (&mut probed, last)).await?;
    }
}

/// Rows that point at no row, staged ones included.
pub async fn orphans(stage: &mut dyn Probes) -> Result<Vec<Refused>, DatabaseError> {
    let mut found: BTreeMap<u64, Refused> = BTreeMap::new();
    for key in stage.spec().definition.all_foreign_keys() {
        for row in stage.orphans(&key, true).await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Reference, &key.columns, None));
        }
    }
    Ok(found.into_values().collect())
}

/// A row that is refused by some of its columns.
pub fn refuse(ordinal: u64, reason: RefusedReason, columns: &[String], other: Option<u64>) -> Refused {
    Refused { ordinal, reason, columns: columns.to_vec().into(), other, message: None }
}

/// Rows that are refused whatever becomes of the others.
async fn standing(stage: &mut dyn Probes, (probed, last): (&mut Probed, bool)) -> Result<Vec<Refused>, DatabaseError> {
    let mut found: BTreeMap<u64, Refused> = BTreeMap::new();
    let key = stage.spec().key.clone();
    if stage.spec().carries_key() {
        for row in stage.loaded_before().await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Duplicate, &key, None));
        }
        for row in stage.existing().await? {
            found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Exists, &key, None));
        }
    }
    held_by_others(stage, &mut found, (probed, last)).await?;
    for (row, columns) in stage.incomplete().await? {
        found.entry(row).or_insert_with(|| refuse(row, RefusedReason::Incomplete, &columns, None));
    }
    let own: Vec<Vec<String>> = stage.spec().own_references().map(|key| key.columns).collect();
    for refused in orphans(stage).await? {
        probed.waits |= !last && own.iter().any(|columns| columns[..] == refused.columns[..]);
        found.entry(refused.ordinal).or_insert(refused);
    }
    for refused in stage.refused_here().await? {
        found.entry(refused.ordinal).or_insert(refused);
    }
    Ok(found.into_values().collect())
}

/// Rows whose unique value another row of the table has and keeps.
async fn held_by_others(
    stage: &mut dyn Probes,
    found: &mut BTreeMap<u64, Refused>,
    (probed, last): (&mut Probed, bool),
) -> Result<(), DatabaseError> {
    let may_wait = !last && stage.spec().moves_values();
    for key in stage.spec().secondary_keys() {
        for (row, holder) in stage.holders(&key).await? {
            if let Some(reason) = probed.refusal(holder, may_wait) {
                found.entry(row).or_insert_with(|| refuse(row, reason, &key, None));
            }
        }
    }
    Ok(())
}

/// Rows that need another staged one: one that they point at, or one that gives a unique value up.
async fn hanging(stage: &mut dyn Probes) -> Result<BTreeSet<u64>, DatabaseError> {
    let mut found = BTreeSet::new();
    for key in stage.spec().own_references().collect::<Vec<_>>() {
        found.extend(stage.orphans(&key, false).await?);
    }
    for key in stage.spec().secondary_keys() {
        found.extend(stage.holders(&key).await?.into_iter().map(|(row, _)| row));
    }
    Ok(found)
}

/// Rows that rested on one that was taken out go as well, as long as there are any.
async fn take_out_dependents(stage: &mut dyn Probes, (probed, last): (&mut Probed, bool)) -> Result<(), DatabaseError> {
    while stage.spec().may_wait() && !probed.refused.is_empty() {
        let mut found = BTreeMap::new();
        held_by_others(stage, &mut found, (probed, last)).await?;
        if stage.spec().points_at_itself() {
            found.extend(orphans(stage).await?.into_iter().map(|refused| (refused.ordinal, refused)));
        }
        if found.is_empty() {
            return Ok(());
        }
        take_out(stage, found.into_values().collect(), probed).await?;
    }
    Ok(())
}

async fn take_out(stage: &mut dyn Probes, found: Vec<Refused>, probed: &mut Probed) -> Result<(), DatabaseError> {
    stage.take_out(&found).await?;
    probed.refused.extend(found);
    Ok(())
}

/// What becomes of a row of the table that has the unique value of a staged row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// An earlier batch of the same load has written it.
    Loaded,
    /// A record that is staged too gives it another value.
    Moves,
    /// A record that is staged too leaves it the value.
    Stays,
    /// No record that was staged so far meets it.
    Open,
}

impl Holder {
    /// From the word that a query says.
    pub fn parse(word: Option<&str>) -> Self {
        match word {
            Some("loaded") => Self::Loaded,
            Some("moves") => Self::Moves,
            Some("open") => Self::Open,
            _ => Self::Stays,
        }
    }
}

/// What the probes say of staged rows.
#[derive(Debug, Default)]
pub struct Probed {
    /// Rows that the table's keys refuse; they are not staged any more.
    pub refused: Vec<Refused>,
    /// Whether what some of them need may come later in the source.
    pub waits: bool,
    /// Whether unique values go from row to row.
    pub moves: bool,
}

impl Probed {
    /// What a holder of a unique value means for the row that wants it; `None` if it can have it.
    fn refusal(&mut self, holder: Holder, may_wait: bool) -> Option<RefusedReason> {
        match holder {
            Holder::Loaded => Some(RefusedReason::Duplicate),
            Holder::Stays => Some(RefusedReason::Exists),
            Holder::Open => {
                self.waits |= may_wait;
                Some(RefusedReason::Exists)
            }
            Holder::Moves => {
                self.moves = true;
                None
            }
        }
    }
}

/// Duplicates for certain, out of pairs of a row and the first with the same key: only a row that is written can stand in
/// another one's way. Rows that hang on others are looked at last.
fn certain(pairs: &[Refused], hanging: &BTreeSet<u64>) -> Vec<Refused> {
    let twice: BTreeSet<u64> = pairs.iter().map(|pair| pair.ordinal).collect();
    let among = |doubtful: &BTreeSet<u64>| {
        let sure = pairs
            .iter()
            .filter(|pair| pair.other.is_none_or(|first| !twice.contains(&first) && !doubtful.contains(&first)));
        let found: BTreeMap<u64, &Refused> = sure.rev().map(|pair| (pair.ordinal, pair)).collect();
        found.into_values().cloned().collect::<Vec<_>>()
    };
    let found = among(hanging);
    if found.is_empty() { among(&BTreeSet::new()) } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(ordinal: u64, first: u64) -> Refused {
        let columns = ["id".to_owned()].into();
        Refused { ordinal, reason: RefusedReason::Duplicate, columns, other: Some(first), message: None }
    }

    fn found(pairs: &[Refused], hanging: &[u64]) -> Vec<u64> {
        certain(pairs, &hanging.iter().copied().collect()).iter().map(|refused| refused.ordinal).collect()
    }

    #[test]
    fn a_duplicate_of_a_duplicate_waits_for_it() {
        let pairs = [pair(2, 1), pair(3, 2), pair(3, 1)];
        assert_eq!(found(&pairs, &[]), [2, 3]);
        assert_eq!(found(&[pair(2, 1), pair(3, 2)], &[]), [2]);
        assert_eq!(found(&[pair(2, 1), pair(4, 3)], &[1]), [4]);
        assert_eq!(found(&[pair(2, 1)], &[1]), [2]);
    }
}
