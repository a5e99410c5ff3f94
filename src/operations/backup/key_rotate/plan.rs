//! What `backup key rotate` does: a pure function from what was seen to steps.

use super::{Action, Snapshot};
use crate::backends::sealing::PASSPHRASE;
use crate::engine::{Draft, Step};
use crate::operations::backup::BackupError;
use crate::snapshots::SnapshotError;

pub(super) fn decide(seen: &Snapshot) -> Result<Draft<Action>, BackupError> {
    let mut draft = Draft { steps: Vec::new(), notes: seen.notes.clone() };
    let Some(newest) = seen.newest()? else {
        draft.notes.push(seen.no_key());
        return Ok(draft);
    };
    let new = &seen.configured;
    if new.is_empty() {
        return Err(SnapshotError::NobodyToSealFor.into());
    }
    let mut removed = seen.removed();
    let back: Vec<String> = new.iter().filter(|one| removed.contains(one)).cloned().collect();
    if !back.is_empty() {
        return Err(SnapshotError::Removed { tenant: seen.tenant.to_string(), shown: back }.into());
    }
    for one in new.iter().filter(|one| !newest.administrators.contains(one)) {
        draft.notes.push(format!("{one} could not open the backups, and can from now on"));
    }
    for one in newest.administrators.iter().filter(|one| !new.contains(one) && *one != PASSPHRASE) {
        draft.notes.push(format!("{one} is not in the configuration, and opens nothing new from now on"));
        removed.push(one.clone());
    }
    removed.sort();
    let action = Action::Supersede { generation: seen.next(), administrators: new.clone(), removed };
    draft.steps.push(Step { stage: 0, action });
    for one in &seen.generations {
        if one.opens {
            let action = Action::Reseal { generation: one.number, administrators: new.clone() };
            draft.steps.push(Step { stage: 1, action });
        } else {
            draft.notes.push(one.left());
        }
    }
    draft.notes.push("the next backup of each machine stores everything once again".to_owned());
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::super::super::key::Generation;
    use super::*;

    #[test]
    fn the_configuration_says_who_opens_everything_and_lets_nobody_back_in() {
        let names = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
        let old = Generation {
            number: 1,
            administrators: names(&["ann", "eve"]),
            removed: names(&["mallory"]),
            supersedes: true,
            opens: true,
            problem: None,
        };
        let seen = Snapshot {
            tenant: "acme".parse().unwrap(),
            location: "here".to_owned(),
            generations: vec![old],
            configured: names(&["ann", "bob"]),
            notes: Vec::new(),
        };
        let actions: Vec<Action> = decide(&seen).unwrap().steps.into_iter().map(|step| step.action).collect();
        let both = names(&["ann", "bob"]);
        let wanted = [
            Action::Supersede { generation: 2, administrators: both.clone(), removed: names(&["eve", "mallory"]) },
            Action::Reseal { generation: 1, administrators: both },
        ];
        assert_eq!(actions, wanted);
        let back = Snapshot { configured: names(&["ann", "mallory"]), ..seen.clone() };
        assert!(decide(&back).unwrap_err().to_string().contains("mallory"));
        assert!(decide(&Snapshot { configured: Vec::new(), ..seen }).is_err());
    }
}
