//! Whose turn it is: a request of a person begins when the earlier ones of the same person are over.
//!
//! Lanes keep single writes in the order in which they are ready to leave. A run that makes several
//! calls is ready with its last one long after a later record of the same person, so an older choice
//! could overtake a newer one. A record whose first call is its last is only kept behind others, and
//! a job in which no run makes several calls pays for none of this, nor does one that only sets states.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value};

use super::driver::Driver;
use super::lanes::{Lanes, Rank, Slot, Ticket};
use crate::catalogue::{Action, Effect, Members, Targets};
use crate::plan::{KnownBy, PersonKey};
use crate::run::Next;
use crate::template::{Node, Tree};
use crate::workflow::{Step, StepKind, Workflow};

/// Order is kept over all profiles: which ones a run will use is not known when it begins.
const ALL: u32 = 0;

/// Turns are those of one engine.
fn ticket(slot: Slot) -> Ticket {
    Ticket { engine: 0, slot }
}

/// Which runs take part, and which of them may begin.
#[derive(Debug, Default)]
pub(super) struct Turns {
    lanes: Lanes,
    runs: HashMap<Slot, Turn>,
    ready: VecDeque<(Slot, Next)>,
}

#[derive(Debug)]
struct Turn {
    people: Box<[PersonKey]>,
    /// What the run needs first, until its turn comes.
    next: Option<Next>,
}

impl Turns {
    /// Takes a run in, in the order of the file. Gives back what it needs first if it may begin.
    pub(super) fn enter(
        &mut self,
        slot: Slot,
        people: Box<[PersonKey]>,
        is_last_call: bool,
        next: Next,
    ) -> Option<Next> {
        if people.is_empty() || (is_last_call && self.lanes.are_free(ALL, &people)) {
            return Some(next);
        }
        let may_begin = self.lanes.enter(ALL, &people, ticket(slot), Rank::InTurn);
        let (now, later) = if may_begin { (Some(next), None) } else { (None, Some(next)) };
        self.runs.insert(slot, Turn { people, next: later });
        now
    }

    /// A run is over: others may begin.
    pub(super) fn leave(&mut self, slot: Slot) {
        let Some(Turn { people, .. }) = self.runs.remove(&slot) else { return };
        let mut granted = Vec::new();
        self.lanes.leave(ALL, &people, &mut granted);
        for Ticket { engine: _, slot } in granted {
            if let Some(next) = self.runs.get_mut(&slot).and_then(|turn| turn.next.take()) {
                self.ready.push_back((slot, next));
            }
        }
    }
}

impl Driver {
    /// Lets runs begin whose turn has come.
    pub(super) fn begin_turns(&mut self) {
        while let Some((slot, next)) = self.turns.ready.pop_front() {
            self.follow(slot, next);
        }
    }

    /// Gives the slot of a run away that is over, and its turn to the next.
    pub(super) fn free(&mut self, slot: Slot) {
        self.runs.free(slot);
        self.turns.leave(slot);
    }
}

/// Everybody a record names, as a call would address them, each once.
pub(super) fn people(request: &Map<String, Value>) -> Box<[PersonKey]> {
    let Some(subject) = request.get("subject") else { return Box::default() };
    let mut people: Vec<PersonKey> = KnownBy::read(subject).all().collect();
    people.sort_unstable();
    people.dedup();
    people.into_boxed_slice()
}

/// Whether a run of this workflow can write, and come to a call later than its first.
pub(super) fn are_needed(workflow: &Workflow) -> bool {
    fn pauses(steps: &[Step]) -> usize {
        let of_step = |step: &Step| match &step.kind {
            StepKind::Action { .. } => 1 + usize::from(step.repeat.is_some()),
            StepKind::Composed(_) => 2,
            StepKind::Wait(_) | StepKind::Approve(_) => 1,
            StepKind::ForEach { steps, .. } => 2 * pauses(steps),
            StepKind::Set(_)
            | StepKind::Assert { .. }
            | StepKind::Fail(_)
            | StepKind::Stop(_)
            | StepKind::Log(_) => 0,
        };
        steps.iter().map(of_step).sum()
    }
    workflow.writes && workflow.lists().map(pauses).sum::<usize>() > 1 && workflow.lists().any(keep_turns)
}

/// Whether anything is set that a newer change replaces.
pub(super) fn sets_states(steps: &[Step]) -> bool {
    steps.iter().any(|step| match &step.kind {
        StepKind::Action { action, .. } => action.effect == Effect::Set,
        StepKind::ForEach { steps, .. } => sets_states(steps),
        _ => false,
    })
}

/// Whether any write does more than set states: of states the newest stays, in whatever order their
/// calls are ready to leave.
fn keep_turns(steps: &[Step]) -> bool {
    steps.iter().any(|step| match &step.kind {
        StepKind::ForEach { steps, .. } => keep_turns(steps),
        StepKind::Composed(composed) => composed.writes(),
        StepKind::Action { action, with, .. } if action.effect.writes() => match &action.targets {
            Some(Targets::State(_)) => false,
            Some(Targets::Members(rules)) => !are_all_states(action, rules, with),
            None => true,
        },
        _ => false,
    })
}

/// Whether a `with` can hold nothing but states, as far as its text tells.
fn are_all_states(action: &Action, rules: &Members, with: &Tree) -> bool {
    let Node::Map(members) = with.root() else { return false };
    let identifiers =
        action.batch.as_ref().and_then(|batch| batch.arrays.get(&rules.array)).map(|array| &array.person);
    let is_identifier =
        |name: &str| identifiers.is_some_and(|kinds| kinds.iter().any(|kind| kind.member() == name));
    let known = |name: &str| action.batch.as_ref().is_some_and(|batch| batch.arrays.contains_key(name));
    // An object adds to what is there, or changes a part of it.
    let has_object = |item: &Node| match item {
        Node::Map(all) => {
            all.iter().any(|(name, value)| matches!(value, Node::Map(_)) && !is_identifier(name))
        }
        Node::Literal(_) | Node::Leaf(_) | Node::List(_) => false,
    };
    members.iter().all(|(name, value)| match value {
        Node::List(items) if *name == rules.array => !items.iter().any(has_object),
        _ => *name == rules.array || !known(name),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(subject: Value) -> Box<[PersonKey]> {
        people(json!({ "subject": subject }).as_object().unwrap_or(&Map::new()))
    }

    fn next() -> Next {
        Next::Wait { until_ms: 0 }
    }

    #[test]
    fn a_later_record_of_a_person_begins_when_the_earlier_one_is_over() {
        let mut turns = Turns::default();
        let person = || of(json!({"external_id": "u-1"}));
        assert!(turns.enter(1, person(), false, next()).is_some());
        assert!(turns.enter(2, person(), true, next()).is_none());
        assert!(turns.enter(3, of(json!({"external_id": "u-2"})), false, next()).is_some());

        turns.leave(1);

        assert_eq!(turns.ready.pop_front().map(|(slot, _)| slot), Some(2));
        assert!(turns.ready.is_empty());
    }

    #[test]
    fn a_record_that_shares_one_identifier_with_an_earlier_one_waits_for_it() {
        let mut turns = Turns::default();
        assert!(
            turns
                .enter(1, of(json!({"external_id": "u-1", "email": "a@example.com"})), false, next())
                .is_some()
        );

        assert!(turns.enter(2, of(json!({"email": "A@example.com"})), false, next()).is_none());
    }

    #[test]
    fn nothing_is_kept_of_a_record_with_one_call_and_nobody_before_it() {
        let mut turns = Turns::default();

        assert!(turns.enter(1, of(json!({"external_id": "u-1"})), true, next()).is_some());

        assert!(turns.runs.is_empty());
    }

    #[test]
    fn a_record_that_names_a_person_twice_waits_for_nobody() {
        let alias = json!({"alias_name": "n", "alias_label": "l"});
        let mut turns = Turns::default();

        assert!(turns.enter(1, of(json!({"aliases": [alias, alias]})), false, next()).is_some());

        turns.leave(1);
        assert!(turns.enter(2, of(json!({"aliases": [alias]})), false, next()).is_some());
    }
}
