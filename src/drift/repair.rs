//! Records that write again what was lost, and nothing else.
//!
//! A repair is the record itself with those of its consents that ask for what was lost; a plan of it is
//! made to see that it sets nothing else. It keeps the times of the record, so that it loses against
//! everything newer; a record without any time is as new as the moment it was read. It has an id of its own,
//! since the workflow may have carried the record out before.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::wanted::{planned, with_consents};
use super::{Finding, Uncompared, Want};
use crate::job::Position;
use crate::request::{Request, changed_at};
use crate::run::Program;
use crate::template::member;

/// Which way something was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A no that Braze does not hold.
    OptOut,
    /// A yes that Braze does not hold.
    OptIn,
}

impl Direction {
    /// The end of the id of a record that repairs it.
    fn end(self) -> &'static str {
        match self {
            Direction::OptOut => "out",
            Direction::OptIn => "in",
        }
    }

    fn takes(self, finding: Finding) -> bool {
        match self {
            Direction::OptOut => matches!(finding, Finding::LostOptOut | Finding::NotRecorded),
            Direction::OptIn => finding == Finding::LostOptIn,
        }
    }
}

/// The repairs of one record.
#[derive(Default)]
pub struct Repairs {
    /// Request records, one for each way in which something was lost.
    pub records: Vec<(Direction, Value)>,
    /// What was lost and cannot be written alone.
    pub impossible: Vec<Direction>,
}

/// The look at both services that repairs come from.
#[derive(Debug, Clone)]
pub struct Look {
    /// Its own name, for ids.
    pub name: String,
    /// When the records are read, RFC 3339.
    pub read_at: String,
}

/// The records that write again what was lost of one record; `findings` are those of `wants`, in their order.
pub fn repair(
    program: &Program,
    position: Position,
    request: &Request,
    found: &[(Want, Finding)],
    look: &Look,
) -> Repairs {
    let mut repairs = Repairs::default();
    for direction in [Direction::OptOut, Direction::OptIn] {
        let is_lost = |(_, finding): &&(Want, Finding)| direction.takes(*finding);
        let mut lost = found.iter().filter(is_lost).peekable();
        if lost.peek().is_none() {
            continue;
        }
        let mut places: Vec<usize> = lost.clone().flat_map(|(want, _)| want.consents.clone()).collect();
        places.sort_unstable();
        places.dedup();
        let narrow = lost.all(|(want, _)| !want.consents.is_empty());
        let tries = narrow.then(|| with_consents(&request.scope, &places)).into_iter();
        let mut tries = tries.chain([request.scope.clone()]);
        match tries.find(|scope| writes_only(program, position, scope, found, direction)) {
            Some(scope) => repairs.records.push((direction, record(request, scope, direction, look))),
            None => repairs.impossible.push(direction),
        }
    }
    repairs
}

/// Whether the plan of a record sets all that was lost this way and nothing that would undo anything.
fn writes_only(
    program: &Program,
    position: Position,
    scope: &Map<String, Value>,
    found: &[(Want, Finding)],
    direction: Direction,
) -> bool {
    let plan = planned(program, position, scope);
    let is_harmless = |set: &Want| {
        let known = found.iter().find(|(want, _)| want.is_of(set) && want.word == set.word);
        known.is_some_and(|(want, finding)| {
            let changes_nothing = matches!(finding, Finding::Agrees | Finding::NoProfile);
            direction.takes(*finding) || changes_nothing || want.is_opt_out()
        })
    };
    let is_set = |want: &Want| plan.wants.iter().any(|set| set.is_of(want) && set.word == want.word);
    let mut lost = found.iter().filter(|(_, finding)| direction.takes(*finding));
    plan.trouble.is_none()
        && !plan.uncompared.contains(&Uncompared::NoState)
        && plan.wants.iter().all(is_harmless)
        && lost.all(|(want, _)| is_set(want))
}

/// A request record, as a line of a file has it.
fn record(request: &Request, scope: Map<String, Value>, direction: Direction, look: &Look) -> Value {
    let mut members = match member(&scope, "request") {
        Some(Value::Object(members)) => members.clone(),
        _ => Map::new(),
    };
    let consents = member(&scope, "consents").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_undated = |consent: Option<&Value>| changed_at(consent, member(&scope, "request")).is_none();
    if consents.iter().any(|consent| is_undated(Some(consent))) || consents.is_empty() && is_undated(None) {
        members.insert("received_at".to_owned(), look.read_at.clone().into());
    }
    members.insert("id".to_owned(), id(request, direction, look).into());
    // Whatever the record came from, a subtask say, was answered then.
    members.insert("source".to_owned(), json!({ "system": "reconcile" }));
    for name in ["subject", "consents", "fields"] {
        members.extend(member(&scope, name).map(|value| (name.to_owned(), value.clone())));
    }
    Value::Object(members)
}

/// The same record in the same look has the same id; it says nothing of the record or the person.
fn id(request: &Request, direction: Direction, look: &Look) -> String {
    let mut digest = Sha256::new();
    digest.update(request.digest.0.to_be_bytes());
    digest.update(request.id.as_deref().unwrap_or_default());
    let digest: String = digest.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("reconcile:{}:{digest}:{}", look.name, direction.end())
}
