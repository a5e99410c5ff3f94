//! What `backup key add` does: a pure function from what was seen to steps.

use super::{Action, Request, Snapshot};
use crate::engine::{Draft, Step};
use crate::operations::backup::BackupError;

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Result<Draft<Action>, BackupError> {
    let mut draft = Draft { steps: Vec::new(), notes: seen.notes.clone() };
    if seen.newest_by_keys()?.is_none() {
        draft.notes.push(seen.no_key());
        return Ok(draft);
    }
    for one in &seen.generations {
        let mut all = one.administrators.clone();
        all.extend(request.administrators.iter().filter(|new| !one.administrators.contains(new)).cloned());
        all.sort();
        if !one.opens {
            draft.notes.push(one.left());
        } else if all.len() > one.administrators.len()
            || request.administrators.iter().any(|new| one.removed.contains(new))
        {
            let action = Action::Reseal { generation: one.number, administrators: all };
            draft.steps.push(Step { stage: 0, action });
        }
    }
    for new in request.administrators.iter().filter(|new| !seen.configured.contains(new)) {
        draft.notes.push(format!(
            "backup.recipients does not name {new}: keys that are made later, of other tenants and machines, leave them out"
        ));
    }
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::super::super::key::Generation;
    use super::*;

    #[test]
    fn every_generation_that_opens_here_is_sealed_for_one_more() {
        let generation = |number, opens| Generation {
            number,
            administrators: vec!["age1ann".to_owned()],
            removed: Vec::new(),
            supersedes: false,
            opens,
            problem: None,
        };
        let seen = Snapshot {
            tenant: "acme".parse().unwrap(),
            location: "here".to_owned(),
            generations: vec![generation(1, true), generation(2, false), generation(3, true)],
            configured: vec!["age1ann".to_owned()],
            notes: Vec::new(),
        };
        let request = |who: &str| Request { id: seen.tenant.clone(), administrators: vec![who.to_owned()] };
        let draft = decide(&request("age1bob"), &seen).unwrap();
        let both = vec!["age1ann".to_owned(), "age1bob".to_owned()];
        let reseal = |generation| Action::Reseal { generation, administrators: both.clone() };
        let actions: Vec<Action> = draft.steps.into_iter().map(|step| step.action).collect();
        assert_eq!(actions, [reseal(1), reseal(3)]);
        assert!(draft.notes.iter().any(|note| note.contains("generation 2")), "{:?}", draft.notes);
        assert!(draft.notes.iter().any(|note| note.contains("backup.recipients")), "{:?}", draft.notes);
        assert!(decide(&request("age1ann"), &seen).unwrap().steps.is_empty());
        let closed = Snapshot { generations: vec![generation(1, true), generation(2, false)], ..seen.clone() };
        assert!(decide(&request("age1bob"), &closed).is_err());
    }
}
