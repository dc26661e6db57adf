//! `privaflow/verify_erased`: looks until nothing leads to a profile any more.
//!
//! The first look comes when the deletion has had time to reach every cache, and each pause is twice as long
//! as the one before. A look asks first for what led to somebody at the look before. Once none of that does, it
//! asks for everything else again: somebody may have come back meanwhile under what led to nobody. Only when all
//! of it leads to nobody in one look they are gone. What is still there at a later
//! look is deleted again, twice at most. At the deadline a person must look: accepted is not verified, and
//! nothing is called gone that is not. The rule that keeps it from harm: nothing is deleted again that bears
//! an external id which was not erased, since it may be somebody else's.
//!
//! An earlier release asked for nothing again that had led to nobody, and not by Braze ids: what it was answered
//! is what a look asks for first, in the same order, so what it began goes on here.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use serde_json::{Value, json};

use super::identifier::{How, Identifier, Look, of_kinds};
use super::inside::{Asks, Failed, STILL_THERE, millis};
use crate::catalogue;
use crate::job::Fail;
use crate::workflow::{ErasedRules, Kind};

/// How often what is still there is deleted again. A third time would not help either.
const MOST_AGAIN: u32 = 2;
/// Most braze_ids of one deletion.
const TOGETHER: usize = 50;
/// What a look needs to know of a profile.
const FIELDS: [&str; 3] = ["braze_id", "external_id", "user_aliases"];

/// A verification under way.
pub(crate) struct Erased {
    first_after_ms: i64,
    deadline_ms: i64,
    may_erase: bool,
    /// The braze_ids that were erased, and the external ids that stood on them.
    erased: HashSet<String>,
    external_ids: HashSet<String>,
    /// The braze_ids that were left on purpose.
    left: HashSet<String>,
    /// What must lead to nobody.
    all: Vec<Look>,
    round: Round,
    rounds: u32,
    /// In one look all of it led to nobody.
    is_gone: bool,
    looks: u32,
    erased_again: u32,
}

/// Where it stands.
struct Round {
    /// Nothing is asked before.
    from_ms: i64,
    /// What is asked for, by its place in all.
    asks: Vec<usize>,
    /// What is asked for as well once none of that leads to anybody.
    then: Vec<usize>,
    /// The next of what is asked for.
    at: usize,
    /// What led to somebody.
    still: Vec<usize>,
    /// What of it may be deleted again.
    again: BTreeSet<String>,
    /// The deletion of that is the next call.
    erases: bool,
}

impl Round {
    fn from(from_ms: i64, asks: Vec<usize>, then: Vec<usize>) -> Round {
        Round { from_ms, asks, then, at: 0, still: Vec::new(), again: BTreeSet::new(), erases: false }
    }
}

impl Erased {
    /// Begins a verification of what a search found. `written_ms` is when the deletion was accepted; without
    /// one there is nothing to wait for. All its time counts from `since_ms`.
    pub fn begin(
        rules: &ErasedRules,
        found: &Value,
        written_ms: Option<i64>,
        since_ms: i64,
    ) -> Result<Erased, Failed> {
        let wrong = || Failed::template("template", "`found` is not the output of privaflow/find_profiles");
        let identifiers = found.get("identifiers").and_then(of_kinds).ok_or_else(wrong)?;
        let texts = |member: &str| {
            let list = found.get(member)?.as_array()?;
            list.iter().map(|id| id.as_str().map(str::to_owned)).collect::<Option<HashSet<String>>>()
        };
        let erased = texts("braze_ids").ok_or_else(wrong)?;
        let left = texts("others").ok_or_else(wrong)?;
        let nameless = nameless(found, &identifiers);
        let is_id = |identifier: &&Identifier| identifier.kind() == Kind::ExternalId;
        let external_ids = identifiers.iter().filter(is_id).filter_map(|id| match id {
            Identifier::Plain(_, text) => Some(text.clone()),
            Identifier::Alias(..) => None,
        });
        let external_ids = external_ids.collect();
        let first_after_ms = millis(rules.first_after);
        let from_ms = written_ms.map_or(since_ms, |at_ms| at_ms.saturating_add(first_after_ms));
        let mut all = Look::all(identifiers, How::Given);
        let first = all.len();
        all.extend(Look::all(nameless, How::Given));
        Ok(Erased {
            first_after_ms,
            deadline_ms: since_ms.saturating_add(millis(rules.at_most)),
            may_erase: rules.erase_again,
            external_ids,
            erased,
            left,
            round: Round::from(from_ms, (0..first).collect(), (first..all.len()).collect()),
            is_gone: all.is_empty(),
            all,
            rounds: 0,
            looks: 0,
            erased_again: 0,
        })
    }

    /// What it needs next.
    pub fn next(&mut self, now_ms: i64) -> Asks {
        if self.is_gone {
            let output = json!({ "gone": true, "looks": self.looks, "erased_again": self.erased_again });
            return Asks::Done { output, proves: true };
        }
        if self.round.from_ms > self.deadline_ms {
            let message = "a profile is still found after the deletion was accepted: look whether an app or another tool makes it anew, then `privaflow runs retry` looks again".to_owned();
            return Asks::Fails(Failed { reason: Fail::Timeout, code: STILL_THERE, message });
        }
        if now_ms < self.round.from_ms {
            return Asks::Pause { until_ms: self.round.from_ms };
        }
        let asked = self.round.asks.get(self.round.at).and_then(|place| self.all.get(*place));
        let (name, body) = match asked.filter(|_| !self.round.erases) {
            Some(look) => ("braze/users.export.ids", look.body(&FIELDS)),
            None => {
                let again: Vec<&String> = self.round.again.iter().take(TOGETHER).collect();
                ("braze/users.delete", json!({ "braze_ids": again }))
            }
        };
        match catalogue::find(name) {
            Some(action) => Asks::Call(action, body),
            None => Asks::Done { output: Value::Null, proves: false },
        }
    }

    /// Why it ends when whoever is still there may not be deleted again.
    pub fn chose_anew() -> Failed {
        let message = "a profile is found after the deletion was accepted, and the person gave a newer consent since: nothing is deleted again. Look whether all that is there is from after that consent, then `privaflow runs cancel` ends this request; if they are to be erased all the same, erase them by a new request".to_owned();
        Failed { reason: Fail::Timeout, code: STILL_THERE, message }
    }

    /// Whether a profile was left on purpose.
    pub fn was_left(&self, user: &Value) -> bool {
        let braze_id = user.get("braze_id").and_then(Value::as_str);
        braze_id.is_some_and(|braze_id| self.left.contains(braze_id))
    }

    /// Takes in what the call came to that was asked last.
    pub fn hear(&mut self, output: &Value, at_ms: i64) {
        if self.round.erases {
            self.erased_again += 1;
            return self.end_round(at_ms);
        }
        self.looks += 1;
        let users = output.get("users").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let text = |user: &Value, member: &str| user.get(member).and_then(Value::as_str).map(str::to_owned);
        let mut is_there = false;
        for user in users {
            if self.was_left(user) {
                continue;
            }
            let braze_id = text(user, "braze_id").unwrap_or_default();
            is_there = true;
            let is_own = self.erased.contains(&braze_id)
                || text(user, "external_id").is_none_or(|id| self.external_ids.contains(&id));
            if is_own && !braze_id.is_empty() {
                self.round.again.insert(braze_id);
            }
        }
        if is_there {
            self.round.still.extend(self.round.asks.get(self.round.at));
        }
        self.round.at += 1;
        if self.round.at == self.round.asks.len() && self.round.still.is_empty() {
            self.round.asks.append(&mut self.round.then);
        }
        if self.round.at < self.round.asks.len() {
            return;
        }
        // At the first look it may still be on its way through the caches.
        let is_too_early = self.rounds == 0;
        // Nobody would look again at what is deleted at the deadline.
        let is_too_late = at_ms >= self.deadline_ms;
        let may_erase = self.may_erase && !is_too_early && !is_too_late && self.erased_again < MOST_AGAIN;
        if may_erase && !self.round.again.is_empty() {
            self.round.erases = true;
        } else {
            self.end_round(at_ms);
        }
    }

    /// Goes on with what still leads to somebody, or is over.
    fn end_round(&mut self, at_ms: i64) {
        let still = std::mem::take(&mut self.round.still);
        self.is_gone = still.is_empty();
        self.rounds += 1;
        let pause_ms = self.first_after_ms.saturating_mul(1_i64 << self.rounds.min(32));
        let next_ms = at_ms.saturating_add(pause_ms);
        // The last look is at the deadline itself, not one pause before it.
        let is_over = at_ms >= self.deadline_ms;
        let from_ms = if is_over { i64::MAX } else { next_ms.min(self.deadline_ms) };
        let then = (0..self.all.len()).filter(|place| !still.contains(place)).collect();
        self.round = Round::from(from_ms, still, then);
    }

    /// The pause before a round is over, whatever time it is.
    pub fn end_pause(&mut self, now_ms: i64) {
        self.round.from_ms = self.round.from_ms.min(now_ms);
    }
}

/// The Braze ids of what was erased without an external id, as far as nothing led there by them. Everything else
/// that such a profile is known by can change, or move to another one, while its deletion does nothing. An external
/// id stays, and many of them go into one request; of Braze ids one does.
fn nameless(found: &Value, identifiers: &[Identifier]) -> Vec<Identifier> {
    let list = |member: &str| found.get(member).and_then(Value::as_array).into_iter().flatten();
    let named: HashSet<&str> = list("profiles")
        .filter(|profile| profile.get("external_id").is_some_and(Value::is_string))
        .filter_map(|profile| profile.get("braze_id").and_then(Value::as_str))
        .collect();
    let ids = list("braze_ids").filter(|id| id.as_str().is_some_and(|id| !named.contains(id)));
    let ids = ids.filter_map(|id| Identifier::of(Kind::BrazeId, Some(id)));
    ids.filter(|id| !identifiers.contains(id)).collect()
}

impl fmt::Debug for Erased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, rounds, looks) = (self.round.asks.len(), self.rounds, self.looks);
        f.debug_struct("Erased")
            .field("open", &open)
            .field("rounds", &rounds)
            .field("looks", &looks)
            .finish_non_exhaustive()
    }
}
