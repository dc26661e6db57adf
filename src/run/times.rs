//! How new each state is that a run sets: as new as the consent that it comes from.
//!
//! Mostly all consents of a record are of one moment, and so is everything it sets. Where they are
//! not, a state is as new as the newest consent from which on the record still says the same: the
//! workflow is carried out again for the record without its oldest consents, and for fewer and fewer
//! of them. That holds whatever expressions stand between a consent and a state.

use serde_json::{Map, Value};

use super::facts::Program;
use super::machine::{Answer, Next, Run};
use crate::catalogue::Effect;
use crate::job::Position;
use crate::plan::{Call, Target};
use crate::request::{Order, changed_at};
use crate::template::member;

/// Beginnings that are tried; a record with more consents of different moments is cut into so many
/// pieces.
const MOST_CUTS: usize = 64;
/// Calls of one run that are looked at.
const MOST_CALLS: usize = 1000;

/// How new the changes of one record are.
#[derive(Clone)]
pub struct Times(Kind);

#[derive(Clone)]
enum Kind {
    One(Order),
    Several(Box<Several>),
}

/// A record with consents of different moments.
#[derive(Clone)]
struct Several {
    record: Map<String, Value>,
    orders: Vec<Order>,
    newest: Order,
    /// What the run was told so far, by path.
    heard: Vec<(String, Answer)>,
    /// By cut, the newest first: what the record still sets from there on. Empty until it is needed.
    cuts: Vec<Cut>,
}

#[derive(Clone)]
struct Cut {
    order: Order,
    /// The last moment before the next newer cut.
    until: Order,
    /// The last moment before this cut.
    before: Order,
    states: Vec<(u128, Value)>,
}

impl Times {
    /// The times of a record: of each consent its own, else those of the record, else when its input
    /// was received (Unix milliseconds) and where it stands there.
    pub fn of(members: &Map<String, Value>, received_ms: i64, position: Position) -> Times {
        let record = member(members, "request");
        let order = |consent: Option<&Value>| {
            changed_at(consent, record).map_or_else(|| Order::placed(received_ms, position), Order::of)
        };
        let consents = member(members, "consents").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let Some(first) = consents.first().map(|first| order(Some(first))) else {
            return Times(Kind::One(order(None)));
        };
        if consents.len() == 1 {
            return Times(Kind::One(first));
        }
        let orders: Vec<Order> = consents.iter().map(|consent| order(Some(consent))).collect();
        if orders.iter().all(|order| *order == first) {
            return Times(Kind::One(first));
        }
        let newest =
            orders.iter().fold(first, |newest, order| if order.yields_to(&newest) { newest } else { *order });
        let (heard, cuts) = (Vec::new(), Vec::new());
        Times(Kind::Several(Box::new(Several { record: members.clone(), orders, newest, heard, cuts })))
    }

    /// How new the newest change of the record is.
    pub fn newest(&self) -> Order {
        match &self.0 {
            Kind::One(order) => *order,
            Kind::Several(several) => several.newest,
        }
    }

    /// The same, with nothing newer than a moment in Unix milliseconds.
    #[must_use]
    pub fn at_most(mut self, ms: i64) -> Times {
        match &mut self.0 {
            Kind::One(order) => *order = order.at_most(ms),
            Kind::Several(several) => {
                several.newest = several.newest.at_most(ms);
                several.orders.iter_mut().for_each(|order| *order = order.at_most(ms));
            }
        }
        self
    }

    /// Notes what a run was told, for what depends on it.
    pub(super) fn hear(&mut self, path: impl FnOnce() -> String, answer: &Answer, effect: Effect) {
        let Kind::Several(several) = &mut self.0 else { return };
        // That a write is accepted is taken for granted, and changes nothing that was found.
        if effect == Effect::Read {
            several.cuts.clear();
        }
        several.heard.push((path(), answer.clone()));
    }

    /// Says how new each state of a call is.
    pub(super) fn date(&mut self, program: &Program, position: Position, call: &mut Call) {
        match &mut self.0 {
            Kind::One(order) => {
                let order = *order;
                call.date(order, |_| order);
            }
            Kind::Several(several) => {
                if several.cuts.is_empty() {
                    several.cuts = several.cut(program, position);
                }
                let states = call.states();
                let value = |target: &Target| {
                    let digest = target.digest();
                    states.iter().find(|(known, _)| *known == digest).map(|(_, value)| value)
                };
                call.date(several.newest, |target| several.order_of(target, value(target)));
            }
        }
    }
}

impl Several {
    /// As new as the newest cut from which on the record says the same of it. Where moments between two
    /// cuts were not tried, an opt-out counts as the newest of them and anything else as the oldest.
    fn order_of(&self, target: &Target, value: Option<&Value>) -> Order {
        let digest = target.digest();
        let says_so =
            |cut: &&Cut| cut.states.iter().any(|(known, said)| *known == digest && Some(said) == value);
        let is_out = target.order.opts_out();
        match self.cuts.iter().find(says_so) {
            Some(cut) if is_out => cut.until,
            Some(cut) => cut.order,
            None if is_out => self.cuts.last().map_or(self.newest, |oldest| oldest.before),
            None => self.orders.first().copied().unwrap_or(self.newest),
        }
    }

    fn cut(&self, program: &Program, position: Position) -> Vec<Cut> {
        let mut starts: Vec<usize> =
            (1..self.orders.len()).filter(|at| self.orders.get(*at) != self.orders.get(*at - 1)).collect();
        let step = starts.len().div_ceil(MOST_CUTS).max(1);
        starts.reverse();
        let mut until = self.orders.last().copied().unwrap_or(self.newest);
        let cuts = starts.into_iter().step_by(step).filter_map(|start| {
            let (order, before) = (*self.orders.get(start)?, *self.orders.get(start.checked_sub(1)?)?);
            let until = std::mem::replace(&mut until, before);
            Some(Cut { order, until, before, states: self.states_from(start, program, position) })
        });
        cuts.collect()
    }

    /// What the record sets without its first consents, as far as the answers so far tell.
    fn states_from(&self, start: usize, program: &Program, position: Position) -> Vec<(u128, Value)> {
        let mut record = self.record.clone();
        if let Some(Value::Array(consents)) = record.get_mut("consents") {
            consents.drain(..start.min(consents.len()));
        }
        let mut run = Run::start(program, position, record);
        let mut states = Vec::new();
        for _ in 0..MOST_CALLS {
            match run.next(program, i64::MAX) {
                Next::Ended(_) | Next::Wait { .. } | Next::Approval { .. } => break,
                Next::Call(prepared) => {
                    states.extend(prepared.call.states());
                    let path = run.path(program);
                    let heard =
                        self.heard.iter().find(|(at, _)| *at == path).map(|(_, answer)| answer.clone());
                    match heard {
                        Some(answer) => run.answer(program, answer),
                        None if prepared.call.action().effect == Effect::Read => break,
                        None => {
                            run.answer(program, Answer { result: Ok(Value::Null), status: 201, at_ms: 0 })
                        }
                    }
                }
            }
        }
        states
    }
}

impl std::fmt::Debug for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Times").field("newest", &self.newest()).finish_non_exhaustive()
    }
}
