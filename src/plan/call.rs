//! One rendered action for one request.
//!
//! It was checked against the catalogue when it was made, so everything that holds a call may rely
//! on its shape. It owns the personal data that it will send and shows none of it.

use std::fmt;
use std::ops::Range;

use serde_json::{Map, Value};

use super::own::own;
use super::reach::Reach;
use super::split::split;
use super::{Envelope, Look, PersonKey, Target, body, path_and_query, target};
use crate::catalogue::{Action, Refusal, check_rendered};
use crate::request::Order;

/// Mostly one of them: no list beside the call.
pub(super) type Few<T> = smallvec::SmallVec<[T; 1]>;

/// One rendered action for one request, ready to be merged and sent.
#[derive(Clone)]
pub struct Call {
    pub(super) envelope: Envelope,
    /// The items, written one after another.
    pub(super) text: Vec<u8>,
    pub(super) items: Few<Item>,
    /// Of an action with groups: the members by which objects merge, as JSON without the braces.
    pub(super) groups: Vec<Box<[u8]>>,
    pub(super) people: Few<PersonKey>,
    pub(super) reach: Reach,
    pub(super) targets: Few<Target>,
    pub(super) keeps_turn: bool,
    /// How new the record is.
    pub(super) order: Order,
    pub(super) mergeable: bool,
    /// Bytes of a body around the items, or of an address around the gathered arguments.
    pub(super) frame_bytes: usize,
    /// Most bytes that it adds to a body or an address of others.
    pub(super) own_bytes: usize,
}

/// One item of a call, somewhere in its text.
#[derive(Debug, Clone)]
pub struct Item {
    /// Index of its array in the catalogue's batch.
    pub(super) array: u8,
    /// Index of its object in the call; 0 for actions without groups.
    pub(super) group: u16,
    pub(super) at: Range<u32>,
}

impl Call {
    /// Checks what was rendered and takes it apart.
    pub fn new(action: &'static Action, with: &Value) -> Result<Call, Refusal> {
        check_rendered(action, with)?;
        let call = if action.batch.is_some() { split(action, with)? } else { own(action, with)? };
        if let Some(batch) = action.batch.as_ref().filter(|batch| batch.groups.is_some())
            && call.people.len() > batch.total
        {
            let (people, most) = (call.people.len(), batch.total);
            let message = format!("the call is about {people} people, but the endpoint takes {most}");
            return Err(Refusal::new("too_many_items", message));
        }
        if call.bytes() > action.max_bytes {
            let message =
                format!("the call is {} bytes, but the endpoint takes {}", call.bytes(), action.max_bytes);
            return Err(Refusal::new("too_large", message));
        }
        Ok(call)
    }

    /// What is called.
    pub fn action(&self) -> &'static Action {
        self.envelope.action()
    }

    /// What must be equal for another call to share its body.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Everyone it addresses, each once.
    pub fn people(&self) -> &[PersonKey] {
        &self.people
    }

    /// The states that it sets.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// How new the change is that it carries out.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Says how new the change is, and each of its states.
    pub fn date(&mut self, newest: Order, order: impl Fn(&Target) -> Order) {
        self.order = newest;
        for target in &mut self.targets {
            target.order = order(target).opting(target.order.opts_out());
        }
    }

    /// Dates what it takes away no earlier than a moment in Unix milliseconds.
    pub fn date_opt_outs_at_least(&mut self, ms: i64) {
        for target in self.targets.iter_mut().filter(|target| target.order.opts_out()) {
            target.order = target.order.at_least(ms);
        }
    }

    /// Gives each of its states the key under which it is marked, made of its digest.
    pub fn key(&mut self, key: impl Fn(u128) -> [u8; 16]) {
        for target in &mut self.targets {
            target.key = key(target.digest());
        }
    }

    /// Whether each of its states has its key.
    pub fn is_keyed(&self) -> bool {
        self.targets.iter().all(|target| target.key != [0; 16])
    }

    /// Whether it holds more than states, so that nothing may overtake it.
    pub fn keeps_turn(&self) -> bool {
        self.keeps_turn
    }

    /// The same call without some of its states, named by their digests; `None` when nothing is left
    /// to be sent.
    pub fn without(&self, dropped: &[u128]) -> Option<Call> {
        let left = target::without(self.action(), self.with(), &|digest| dropped.contains(&digest))?;
        self.of_left(left)
    }

    /// The call that is left of this one. What was left out can break no rule but that something must
    /// stand, which does.
    pub(super) fn of_left(&self, left: Map<String, Value>) -> Option<Call> {
        let mut call = split(self.action(), &Value::Object(left)).ok()?;
        call.order = self.order;
        for target in &mut call.targets {
            let digest = target.digest();
            let known = self.targets.iter().find(|known| known.digest() == digest);
            if let Some(known) = known {
                (target.order, target.key) = (known.order, known.key);
            }
        }
        Some(call)
    }

    /// Each state that it sets, by its digest, with its value.
    pub fn states(&self) -> Vec<(u128, Value)> {
        let mut states = Vec::with_capacity(self.targets.len());
        target::walk(self.action(), &self.with(), &mut |target, value| {
            states.push((target.digest(), value.clone()))
        });
        states
    }

    /// What it was made of, as its body has it.
    pub(super) fn with(&self) -> Map<String, Value> {
        // The body was written as JSON by this module.
        serde_json::from_slice(&self.body()).unwrap_or_default()
    }

    /// The items that are gathered, in the order of the call.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Whether it may be sent again after an unknown outcome.
    pub fn repeatable(&self) -> bool {
        self.envelope.repeatable()
    }

    /// Whether it may share a body with others at all.
    pub fn mergeable(&self) -> bool {
        self.mergeable
    }

    /// How to find out whether it took effect; `None` when nobody can be asked.
    pub fn look(&self) -> Option<&Look> {
        self.envelope.own_parts()?.look.as_deref()
    }

    /// Size of its own body, or of its address if it has none; never less than what is sent.
    pub fn bytes(&self) -> usize {
        self.frame_bytes + self.own_bytes
    }

    /// Its address without host, if it is sent alone.
    pub fn path_and_query(&self) -> String {
        path_and_query(&[self])
    }

    /// Its body, if it is sent alone; empty if its method has none.
    pub fn body(&self) -> bytes::Bytes {
        body(&[self])
    }
}

impl Item {
    /// Index of its array in the catalogue's batch.
    pub fn array(&self) -> usize {
        usize::from(self.array)
    }

    /// As it is written: JSON, or percent-encoded if the call is a GET.
    pub fn text<'c>(&self, call: &'c Call) -> &'c [u8] {
        call.text.get(self.at.start as usize..self.at.end as usize).unwrap_or_default()
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Call");
        debug.field("action", &self.action().id).field("items", &self.items.len()).finish_non_exhaustive()
    }
}
