//! Events of the journal as facts.
//!
//! Whatever an event says about few requests stands in its entry; of a bulk batch there is one entry for
//! its answer and none for its intent, which says nothing that the answer does not prove.

use std::collections::BTreeMap;

use super::entry::moment;
use super::fact::{FEW, Fact};
use super::hex::to_hex;
use super::leaf::{Blinds, Words, said, words};
use super::outcome::{Answered, Asked, Grouped, Outcome};
use super::tree::Tree;
use super::witness::{Digests, Received, Witness};
use crate::catalogue::Effect;
use crate::job::{self, Event, Intended, JobId, NEVER_LEFT, NOT_SENT, Position, RunId};

/// The fact that an event is, if the ledger has it: that a job is taken on is told with its job, and who the
/// people of failed requests are is told with their requests. `event` is its number in the store; `digests`
/// makes what a request and its subject are known by.
pub fn of_event(
    job: JobId,
    event: (i64, &Event),
    witness: Option<&Witness>,
    blinds: impl Fn() -> Blinds,
    digests: &dyn Digests,
) -> Option<Fact> {
    let (number, event) = event;
    let name = job.to_string();
    let run = |position: Position| RunId { job, position }.to_string();
    let about = |blinds: &dyn Fn() -> Blinds| match said(event).count() {
        0..=FEW => (outcomes(job, event, witness, digests), None),
        _ => (Vec::new(), Some(grouped(event, &blinds()))),
    };
    Some(match event {
        Event::Intended(intended) => planned(job, intended, witness?, digests)?,
        Event::Answered(answered) => {
            let (outcomes, tree) = about(&blinds);
            let missing = missing(answered.status);
            Fact::Answered(Answered {
                job: name,
                event: number,
                batch: answered.batch,
                action: witness.map(|witness| witness.action.clone()),
                effect: witness.map(|witness| effect(witness.effect).to_owned()),
                workspace: witness.map(|witness| witness.workspace.clone()),
                status: missing.is_none().then_some(answered.status),
                missing: missing.map(str::to_owned),
                // Of what was not sent, the journal has the action there.
                request_id: answered.request_id.clone().filter(|_| missing.is_none()),
                calls: witness.map(|witness| witness.calls),
                outcomes,
                tree,
            })
        }
        Event::Ended { ended } if ended.is_empty() => return None,
        Event::Ended { .. } => {
            let (outcomes, tree) = about(&blinds);
            let asked = witness.map(|witness| asked(job, witness, digests)).unwrap_or_default();
            Fact::Ended { job: name, event: number, outcomes, asked, tree }
        }
        Event::Passed { .. } => {
            let (outcomes, tree) = about(&blinds);
            Fact::Passed { job: name, event: number, outcomes, tree }
        }
        Event::Waiting { position, step, until_ms } => {
            Fact::Waiting { job: name, run: run(*position), step: step.clone(), until: moment(*until_ms) }
        }
        Event::Held { subjects, limit, max_change: _ } => {
            Fact::Held { job: name, counted: *subjects, allowed: *limit }
        }
        Event::Approved { by, .. } => Fact::Approved { job: name, by: by.clone() },
        Event::Cancelled { by, .. } => Fact::Cancelled { job: name, by: by.clone() },
        Event::Reopened(reopened) => Fact::Reopened {
            job: name,
            by: reopened.by.clone(),
            requests: reopened.positions.len() as u64,
            runs: reopened.positions.iter().take(FEW).map(|position| run(*position)).collect(),
            even_if_sent: reopened.even_if_sent,
        },
        Event::Decided(decision) => Fact::Decided {
            job: name,
            by: decision.by.clone(),
            answer: match decision.answer {
                job::Answer::Approved => "approved".to_owned(),
                job::Answer::Rejected => "rejected".to_owned(),
                job::Answer::LetGo => "let_go".to_owned(),
            },
            requests: decision.positions.len() as u64,
            runs: decision.positions.iter().take(FEW).map(|position| run(*position)).collect(),
            reason: decision.reason.clone(),
        },
        Event::Stopped(stopped) => {
            Fact::Stopped { job: name, finished: stopped.finished, requests: stopped.records }
        }
        Event::Presumed(presumed) => Fact::Presumed {
            job: name,
            outcome: "unknown".to_owned(),
            requests: presumed.positions.len() as u64,
            runs: presumed.positions.iter().take(FEW).map(|position| run(*position)).collect(),
            identifiers: presumed.marks.len() as u64,
        },
        Event::Opened { .. } | Event::Identified { .. } | Event::Erased { .. } | Event::Attempted(_) => {
            return None;
        }
    })
}

fn planned(job: JobId, intended: &Intended, witness: &Witness, digests: &dyn Digests) -> Option<Fact> {
    // A question to a service is told by its answer; asking changes nothing.
    let says_something = witness.effect != Effect::Read || !witness.received.is_empty();
    if witness.calls as usize > FEW || !says_something {
        return None;
    }
    let run = |position: &Position| RunId { job, position: *position }.to_string();
    Some(Fact::Planned {
        job: job.to_string(),
        batch: intended.batch,
        attempt: intended.attempt,
        action: witness.action.clone(),
        workspace: witness.workspace.clone(),
        runs: intended.positions.iter().map(run).collect(),
        asked: asked(job, witness, digests),
    })
}

/// Whose requests these are.
fn asked(job: JobId, witness: &Witness, digests: &dyn Digests) -> Vec<Asked> {
    let asked = |received: &Received| Asked {
        run: RunId { job, position: received.position }.to_string(),
        request: digests.request(&received.request),
        subject: received.identifiers.iter().map(|identifier| digests.subject(*identifier)).collect(),
        kind: received.kind.to_owned(),
        received_at: received.received_at.clone(),
        due_at: received.due_at.clone(),
    };
    witness.received.iter().map(asked).collect()
}

/// What an event meant for each of few requests.
fn outcomes(job: JobId, event: &Event, witness: Option<&Witness>, digests: &dyn Digests) -> Vec<Outcome> {
    let told = |position: Position| {
        witness.and_then(|witness| witness.answers.iter().find(|answer| answer.position == position))
    };
    let run = |position| RunId { job, position }.to_string();
    let ended = |ended: &job::Ended| {
        let (state, reason) = words(ended.verdict);
        let told = told(ended.position);
        let failed_at = ended.failure.as_ref().and_then(|failure| failure.step.clone());
        Outcome {
            run: run(ended.position),
            request: (!ended.id.is_forgotten()).then(|| digests.request(&ended.id.key)),
            step: told.map(|told| told.step.clone()).or(failed_at),
            accepted: ended.accepted,
            found: told.and_then(|told| told.found),
            result: Some(state.to_owned()),
            reason: reason.map(str::to_owned),
            verified: ended.verified,
        }
    };
    let has_ended = |position| event.ends().iter().any(|ended| ended.position == position);
    // What a request that ended was told last stands with its end.
    let steps = said(event).filter(|said| !has_ended(said.position)).filter_map(|said| match said.words {
        Words::Result(..) => None,
        Words::Step(step) => Some(Outcome {
            run: run(said.position),
            found: told(said.position).and_then(|told| told.found),
            step: Some(step),
            accepted: said.accepted,
            ..Outcome::default()
        }),
    });
    steps.chain(event.ends().iter().map(ended)).collect()
}

/// What an event meant for many.
fn grouped(event: &Event, blinds: &Blinds) -> Grouped {
    let mut counts: Vec<(&'static str, u64)> = Vec::new();
    let mut tree = Tree::default();
    for (said, leaf) in blinds.leaves(event) {
        let word = match said.words {
            Words::Result(state, _) => state,
            Words::Step(_) => "goes_on",
        };
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
        tree.push(leaf);
    }
    let results: BTreeMap<_, _> = counts.into_iter().map(|(word, count)| (word.to_owned(), count)).collect();
    Grouped { root: to_hex(&tree.root()), leaves: tree.leaves(), results }
}

fn missing(status: u16) -> Option<&'static str> {
    match status {
        0 => Some("no_answer"),
        NEVER_LEFT => Some("never_left"),
        NOT_SENT => Some("not_sent"),
        _ => None,
    }
}

pub(super) fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Report => "report",
        Effect::Set => "set",
        Effect::Irreversible => "irreversible",
    }
}
