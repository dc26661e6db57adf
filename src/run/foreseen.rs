//! What a preview shows of an action made of others: the calls that are known, and that more may follow.

use std::collections::BTreeSet;

use super::composed::Doing;
use super::facts::Program;
use super::finish::Trouble;
use super::machine::Run;
use super::preview::{Known, Preview};
use crate::workflow::{Composed, Step};

/// The calls of one whose options are known: a search asks first for everything that the request names.
pub(super) fn known(
    run: &mut Run,
    program: &Program,
    step: &Step,
    composed: &Composed,
    at: &str,
) -> Result<Vec<Preview>, Trouble> {
    let Some(action) = composed.action.first() else { return Ok(Vec::new()) };
    let Some(Doing::Find(find)) = run.begin_inside(program, step, composed, 0)? else {
        return Ok(open(run, program, step, composed, at, &BTreeSet::new()));
    };
    let mut calls = Vec::new();
    for (number, body) in find.known_bodies().enumerate() {
        let prepared = run.prepare_inside(program, step, action, &body)?;
        let known = Known::Call(prepared.call);
        calls.push(Preview { step: format!("{at}#{number}"), action, profile: prepared.profile, known });
    }
    if find.may_lead_on() {
        let profile = run.profile(program, step, action)?;
        let known = Known::Needs(vec![step.label.clone()]);
        calls.push(Preview { step: format!("{at}#{}", calls.len()), action, profile, known });
    }
    Ok(calls)
}

/// The calls of one that depends on answers that have not been given: one of each kind that it makes.
pub(super) fn open(
    run: &Run,
    program: &Program,
    step: &Step,
    composed: &Composed,
    at: &str,
    needs: &BTreeSet<String>,
) -> Vec<Preview> {
    let calls = composed.actions().enumerate().map(|(number, action)| {
        // What is done after the first call depends on its answer, too.
        let own = (number > 0 || needs.is_empty()).then(|| step.label.clone());
        let needs: BTreeSet<String> = needs.iter().cloned().chain(own).collect();
        let profile = run.profile(program, step, action).ok().flatten();
        let known = Known::Needs(needs.into_iter().collect());
        Preview { step: at.to_owned(), action, profile, known }
    });
    calls.collect()
}
