//! What the ledger is told besides events: which action a batch calls and where, whose requests few calls
//! are of, and how many profiles an answer to few holds.
//!
//! Of a bulk batch nothing is gathered person by person.

use serde_json::{Map, Value};

use super::batches::{Batch, Member};
use super::driver::{After, Driver};
use crate::job::{Event, Position};
use crate::ledger::{Answer, FEW, Received, Witness};
use crate::request::{Kind, identifiers};
use crate::run;

/// A request whose run makes several calls, or is one of few, as the ledger knows it.
pub(super) fn received(
    position: Position,
    key: [u8; 16],
    kind: Kind,
    scope: &Map<String, Value>,
) -> Option<Box<Received>> {
    let request = scope.get("request");
    let time = |name: &str| request?.get(name)?.as_str().map(str::to_owned);
    Some(Box::new(Received {
        position,
        request: key,
        identifiers: identifiers(scope),
        kind: kind.word(),
        received_at: time("received_at"),
        due_at: time("due_at"),
    }))
}

/// How many profiles an answer holds, if it is a list of them; those that were left on purpose are not what a
/// run looks for.
pub(super) fn found(run: &run::Run, answer: &run::Answer) -> Option<u64> {
    let users = answer.result.as_ref().ok()?.get("users")?.as_array()?;
    Some(users.iter().filter(|user| !run.was_left(user)).count() as u64)
}

impl Driver {
    /// As [`Driver::write`], with what the ledger is to know besides.
    pub(super) fn write_witnessed(
        &mut self,
        event: Event,
        after: Option<After>,
        witness: Option<Box<Witness>>,
    ) -> u64 {
        self.state.apply(&event);
        let number = self.writer.append_with(event, None, witness);
        if let Some(after) = after {
            self.after.push_back((number, after));
        }
        number
    }

    /// What the calls of an exchange are.
    pub(super) fn witness(
        &self,
        service: usize,
        members: &[Member],
        answers: Vec<Answer>,
    ) -> Option<Box<Witness>> {
        let action = members.first()?.call.action();
        let workspace = self.services.get(service).map(|service| service.workspace.clone());
        Some(Box::new(Witness {
            action: format!("{}/{}", action.system, action.id),
            effect: action.effect,
            workspace: workspace.unwrap_or_default(),
            calls: u32::try_from(members.len()).unwrap_or(u32::MAX),
            received: Vec::new(),
            answers,
        }))
    }

    /// Whose requests these are that ended before any call, where they are few.
    pub(super) fn witness_end(&mut self, records: usize) -> Option<Box<Witness>> {
        let received = std::mem::take(&mut self.ended_unasked);
        (records <= FEW && !received.is_empty()).then(|| Box::new(Witness::of_no_call(received)))
    }

    /// What few calls are that are about to leave; each request is told once.
    pub(super) fn witness_intent(&mut self, batch: &Batch) -> Option<Box<Witness>> {
        if batch.members.len() > FEW {
            return None;
        }
        let mut witness = self.witness(batch.service, &batch.members, Vec::new())?;
        for Member { slot, .. } in &batch.members {
            let live = self.runs.get_mut(*slot);
            witness
                .received
                .extend(live.and_then(|live| live.about.received.take()).map(|received| *received));
        }
        Some(witness)
    }
}
