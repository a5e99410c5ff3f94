//! Consent: from flags, from a saved plan, or from an answer on a terminal. Off a terminal nothing
//! ever asks.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use super::RunFlags;
use crate::cli::fault::Fault;
use crate::console::Console;
use crate::console::prompt::Answer;
use crate::engine::{Consent, Effect, Failure, FailureKind};

/// The user was asked and said no.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("nobody agreed to the plan, so nothing was changed")]
#[diagnostic(code(fixtool::consent::declined), help("'--dry-run' shows the plan without asking"))]
pub struct Declined;

impl Failure for Declined {
    fn kind(&self) -> FailureKind {
        FailureKind::Refused
    }
}

/// What consent came to.
#[derive(Debug)]
pub enum Agreed {
    /// To this.
    To(Consent, Asked),
    /// The user stopped the program instead of answering.
    Interrupted,
}

/// Whether time passed over a question, in which things may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The user was asked.
    Yes,
    /// Flags said enough.
    No,
}

/// What flags and a saved plan say without a question.
pub fn given(flags: &RunFlags) -> Consent {
    let consent = match (&flags.plan.plan, flags.plan.yes) {
        (Some(_), _) => Consent::given(),
        (None, true) => Consent::yes(flags.target_named),
        (None, false) => Consent::none(),
    };
    consent.confirming(flags.plan.confirm.iter().cloned())
}

/// Finds out whether the user agrees to plans of these effects on these targets; asks where flags
/// do not say and someone can answer.
pub async fn obtain(
    console: &Console,
    flags: &RunFlags,
    needs: &[(Effect, String)],
    cancel: &CancellationToken,
) -> Result<Agreed, Fault> {
    let consent = given(flags);
    let missing: Vec<&(Effect, String)> =
        needs.iter().filter(|(e, target)| consent.missing(*e, target).is_some()).collect();
    // The gravest is told first: what destroys wants more than a yes.
    let Some((effect, target)) = missing.iter().max_by_key(|(effect, _)| *effect) else {
        return Ok(Agreed::To(consent, Asked::No));
    };
    // A plan from a file was looked at before and is carried out by scripts: it never asks.
    if !console.look.may_ask || flags.plan.plan.is_some() {
        return match consent.missing(*effect, target) {
            Some(refusal) => Err(refusal.into()),
            None => Ok(Agreed::To(consent, Asked::No)),
        };
    }
    let destroyed: BTreeSet<String> =
        missing.iter().filter(|(e, _)| *e == Effect::Destroys).map(|(_, t)| t.clone()).collect();
    let changed = missing.iter().filter(|(e, _)| *e == Effect::Changes).count();
    let asking = console.clone();
    let names = destroyed.clone();
    let answer = tokio::task::spawn_blocking(move || ask(&asking, &names, changed, &mut std::io::stdin().lock()));
    tokio::select! {
        () = cancel.cancelled() => Ok(Agreed::Interrupted),
        answered = answer => match answered {
            Ok(Answer::Yes) => {
                let agreed = if changed > 0 { Consent::given() } else { consent };
                let confirmed = flags.plan.confirm.iter().cloned().chain(destroyed);
                Ok(Agreed::To(agreed.confirming(confirmed), Asked::Yes))
            }
            Ok(Answer::No) | Err(_) => Err(Declined.into()),
        },
    }
}

fn ask(console: &Console, destroyed: &BTreeSet<String>, changed: usize, answers: &mut dyn std::io::BufRead) -> Answer {
    for name in destroyed {
        let question = format!("This destroys what is in {name}.");
        if console.ask_for_name(&question, name, answers) == Answer::No {
            return Answer::No;
        }
    }
    match changed {
        0 => Answer::Yes,
        1 => console.ask("Carry out this plan?", answers),
        many => console.ask(&format!("Carry out these plans for {many} tenants?"), answers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::flags::{FleetFlags, PlanFlags};
    use crate::console::Look;
    use crate::console::gate::tests::captured;

    fn flags(plan: PlanFlags, target_named: bool) -> RunFlags {
        RunFlags { plan, fleet: FleetFlags::default(), target_named }
    }

    fn needs(effect: Effect) -> Vec<(Effect, String)> {
        vec![(effect, "acme".to_owned())]
    }

    async fn off_terminal(flags: &RunFlags, effect: Effect) -> Result<Agreed, String> {
        let (console, _, _) = captured(Look::PLAIN);
        let agreed = obtain(&console, flags, &needs(effect), &CancellationToken::new()).await;
        agreed.map_err(|fault| crate::console::diagnostic::code_of(fault.failure()))
    }

    #[tokio::test]
    async fn off_a_terminal_the_missing_flag_is_named() {
        let nothing = flags(PlanFlags::default(), true);
        assert!(off_terminal(&nothing, Effect::Adds).await.is_ok());
        assert_eq!(off_terminal(&nothing, Effect::Changes).await.unwrap_err(), "fixtool::consent::missing");
        let yes = PlanFlags { yes: true, ..PlanFlags::default() };
        assert!(off_terminal(&flags(yes.clone(), true), Effect::Changes).await.is_ok());
        let by_default = off_terminal(&flags(yes.clone(), false), Effect::Changes).await;
        assert_eq!(by_default.unwrap_err(), "fixtool::consent::target_not_named");
        let destroys = off_terminal(&flags(yes, true), Effect::Destroys).await;
        assert_eq!(destroys.unwrap_err(), "fixtool::consent::confirmation_missing");
        let confirmed = PlanFlags { confirm: vec!["acme".into()], ..PlanFlags::default() };
        assert!(off_terminal(&flags(confirmed, true), Effect::Destroys).await.is_ok());
    }

    #[tokio::test]
    async fn a_saved_plan_is_consent_to_changes_but_not_to_destruction() {
        let saved = flags(PlanFlags { plan: Some("p.json".into()), ..PlanFlags::default() }, true);
        assert!(off_terminal(&saved, Effect::Changes).await.is_ok());
        assert!(off_terminal(&saved, Effect::Destroys).await.is_err());
    }

    #[test]
    fn every_destroyed_tenant_is_typed_and_the_rest_is_one_question() {
        let (console, _, err) = captured(Look::PLAIN);
        let destroyed = ["acme".to_owned(), "beta".to_owned()].into_iter().collect();
        assert_eq!(ask(&console, &destroyed, 3, &mut "acme\nbeta\ny\n".as_bytes()), Answer::Yes);
        assert!(err.text().contains("for 3 tenants"));
        assert_eq!(ask(&console, &destroyed, 3, &mut "acme\nacme\ny\n".as_bytes()), Answer::No);
        assert_eq!(ask(&console, &BTreeSet::new(), 1, &mut "n\n".as_bytes()), Answer::No);
    }
}
