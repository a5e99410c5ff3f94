//! What `backup key remove` does: a pure function from what was seen to steps.

use super::{Action, Request, Snapshot};
use crate::engine::{Draft, Step};
use crate::operations::backup::BackupError;
use crate::operations::backup::key::Generation;
use crate::snapshots::SnapshotError;

pub(super) fn decide(request: &Request, seen: &Snapshot) -> Result<Draft<Action>, BackupError> {
    let gone = &request.administrators;
    let mut draft = Draft { steps: Vec::new(), notes: seen.notes.clone() };
    let Some(newest) = seen.newest_by_keys()? else {
        draft.notes.push(seen.no_key());
        draft.notes.extend(still_named(gone, seen));
        return Ok(draft);
    };
    let removed_before = seen.removed();
    for one in gone.iter().filter(|one| !removed_before.contains(one)) {
        if seen.generations.iter().any(|generation| generation.administrators.contains(one)) {
            continue;
        }
        if !request.one_of_many {
            return Err(refused(one, "it is no administrator's key"));
        }
        draft.notes.push(format!("{one} is no administrator of {}", seen.tenant));
    }
    let listed = |generation: &Generation| generation.administrators.iter().any(|one| gone.contains(one));
    if seen.generations.iter().any(listed) {
        let rest: Vec<String> = newest.administrators.iter().filter(|one| !gone.contains(one)).cloned().collect();
        if rest.is_empty() {
            let last = newest.administrators.first().map_or("", String::as_str);
            return Err(refused(last, "nobody else could open the backups; add another administrator first"));
        }
        // After an interruption the new generation is there already, and only older ones are left to be sealed anew.
        let superseded = newest.supersedes && !listed(newest) && gone.iter().all(|one| newest.removed.contains(one));
        if !superseded {
            let removed = with(&removed_before, gone);
            let action = Action::Supersede { generation: seen.next(), administrators: rest.clone(), removed };
            draft.steps.push(Step { stage: 0, action });
        }
        draft.notes.push(
            "what was sealed before they can still open from a copy: the old key may have been kept, and it does not change"
                .to_owned(),
        );
        for one in seen.generations.iter().filter(|one| listed(one)) {
            reseal(one, gone, &rest, &mut draft);
        }
    }
    draft.notes.extend(still_named(gone, seen));
    Ok(draft)
}

fn refused(shown: &str, reason: &str) -> BackupError {
    SnapshotError::Administrator { shown: shown.escape_debug().take(80).collect(), reason: reason.to_owned() }.into()
}

fn with(before: &[String], gone: &[String]) -> Vec<String> {
    let mut all: Vec<String> = before.iter().chain(gone).cloned().collect();
    all.sort();
    all.dedup();
    all
}

/// An old generation stays with those who had it; where nobody is left, the administrators of the newest get it.
fn reseal(old: &Generation, gone: &[String], rest: &[String], draft: &mut Draft<Action>) {
    if !old.opens {
        draft.notes.push(format!("{}; who was removed can still open it", old.left()));
        return;
    }
    let own: Vec<String> = old.administrators.iter().filter(|one| !gone.contains(one)).cloned().collect();
    let administrators = if own.is_empty() { rest.to_vec() } else { own };
    draft.steps.push(Step { stage: 1, action: Action::Reseal { generation: old.number, administrators } });
}

/// The keys of this tenant are guarded by its own list; a tenant that gets its first key knows the configuration alone.
fn still_named(gone: &[String], seen: &Snapshot) -> Vec<String> {
    let named = gone.iter().filter(|one| seen.configured.contains(one));
    let told = |one: &String| {
        format!(
            "backup.recipients still names {one}: take it out on every machine that makes backups, or tenants that get \
             their first key are sealed for it"
        )
    };
    named.map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(number: u32, who: &[&str]) -> Generation {
        Generation {
            number,
            administrators: who.iter().map(|&one| one.to_owned()).collect(),
            removed: Vec::new(),
            supersedes: false,
            opens: true,
            problem: None,
        }
    }

    fn seen(generations: Vec<Generation>) -> Snapshot {
        Snapshot {
            tenant: "acme".parse().unwrap(),
            location: "here".to_owned(),
            generations,
            configured: vec!["ann".to_owned(), "eve".to_owned()],
            notes: Vec::new(),
        }
    }

    fn remove(who: &str, seen: &Snapshot) -> Result<Vec<Action>, BackupError> {
        let request = Request { id: seen.tenant.clone(), administrators: vec![who.to_owned()], one_of_many: false };
        Ok(decide(&request, seen)?.steps.into_iter().map(|step| step.action).collect())
    }

    #[test]
    fn a_new_generation_comes_before_older_ones_are_sealed_anew() {
        let seen = seen(vec![generation(1, &["eve"]), generation(2, &["ann", "bob"]), generation(3, &["ann", "eve"])]);
        let ann = vec!["ann".to_owned()];
        let wanted = [
            Action::Supersede { generation: 4, administrators: ann.clone(), removed: vec!["eve".to_owned()] },
            Action::Reseal { generation: 1, administrators: ann.clone() },
            Action::Reseal { generation: 3, administrators: ann },
        ];
        assert_eq!(remove("eve", &seen).unwrap(), wanted);
    }

    #[test]
    fn an_interrupted_removal_makes_no_second_generation() {
        let mut new = generation(2, &["ann"]);
        (new.supersedes, new.removed) = (true, vec!["eve".to_owned()]);
        let half = seen(vec![generation(1, &["ann", "eve"]), new.clone()]);
        let left = Action::Reseal { generation: 1, administrators: vec!["ann".to_owned()] };
        assert_eq!(remove("eve", &half).unwrap(), [left]);
        let done = seen(vec![generation(1, &["ann"]), new]);
        assert!(remove("eve", &done).unwrap().is_empty());
    }

    #[test]
    fn the_last_one_and_a_stranger_cannot_be_removed_and_the_configuration_is_told() {
        let only = seen(vec![generation(1, &["eve"])]);
        assert!(remove("eve", &only).unwrap_err().to_string().contains("nobody else"));
        assert!(remove("stranger", &only).unwrap_err().to_string().contains("no administrator"));
        let many = Request { id: only.tenant.clone(), administrators: vec!["stranger".to_owned()], one_of_many: true };
        assert!(decide(&many, &only).unwrap().steps.is_empty());
        let both = seen(vec![generation(1, &["ann", "eve"])]);
        let request = Request { id: both.tenant.clone(), administrators: vec!["eve".to_owned()], one_of_many: false };
        let notes = decide(&request, &both).unwrap().notes;
        assert!(notes.iter().any(|note| note.contains("backup.recipients still names eve")), "{notes:?}");
    }
}
