//! `privaflow/verify_consent`: reads back what was set, until it is so, and says what it comes to.
//!
//! Braze shows the own state of a group and ignores the global one beside it, so what a person really gets is
//! the two together: a group whose own state is `subscribed` sends nothing to whoever is globally
//! unsubscribed. Only what every profile reads that answers to the identifier is confirmed. At the deadline an
//! opt-out fails that does not hold on each, and anything else that holds on none: an opt-out that silently did
//! nothing must be seen. What only some of them hold, and what cannot be read, is not known, which is neither a
//! failure nor a proof.

use std::fmt;

use serde_json::{Value, json};

use super::identifier::{How, Identifier, Look};
use super::inside::{Asks, Failed, millis};
use crate::catalogue;
use crate::job::Fail;
use crate::source::safe_id;
use crate::workflow::{Kind, StateRules};

/// What a look needs to know of a profile.
const FIELDS: [&str; 5] = ["external_id", "email", "phone", "email_subscribe", "push_subscribe"];
/// The states of a channel, and of a group.
const STATES: [&str; 3] = ["subscribed", "opted_in", "unsubscribed"];
/// The one that must hold everywhere.
const OUT: &str = "unsubscribed";
/// The code of a request whose states are not as they were set.
const NOT_EFFECTIVE: &str = "not_effective";

/// What a workflow wants to be so, rendered.
pub(crate) struct Wanted {
    pub email: Option<Value>,
    pub push: Option<Value>,
    pub groups: Option<Value>,
}

/// A verification under way.
pub(crate) struct Consent {
    person: Identifier,
    email: Option<String>,
    push: Option<String>,
    groups: Vec<(String, String)>,
    first_after_ms: i64,
    deadline_ms: i64,
    from_ms: i64,
    rounds: u32,
    /// What the look of this round showed; `None` before it.
    profiles: Option<Vec<Value>>,
    /// The groups of this round by profile; `None` before they were read.
    read: Option<Vec<Value>>,
}

impl Consent {
    /// Begins to read back what was accepted before `since_ms`; `None` when nothing is wanted.
    pub fn begin(
        rules: &StateRules,
        subject: &Value,
        wanted: Wanted,
        since_ms: i64,
    ) -> Result<Option<Consent>, Failed> {
        let email = state("email_subscribe", wanted.email.as_ref())?;
        let push = state("push_subscribe", wanted.push.as_ref())?;
        let groups = groups(wanted.groups.as_ref())?;
        if email.is_none() && push.is_none() && groups.is_empty() {
            return Ok(None);
        }
        let plain = |kind: Kind| Identifier::of(kind, subject.get(kind.word()));
        let alias = || subject.get("aliases").and_then(|aliases| aliases.get(0)).and_then(Identifier::alias);
        let person = plain(Kind::ExternalId)
            .or_else(|| plain(Kind::BrazeId))
            .or_else(alias)
            .or_else(|| plain(Kind::Email))
            .or_else(|| plain(Kind::Phone));
        let Some(person) = person else {
            let message = "the request has no identifier that a profile could be found by";
            return Err(Failed::template("no_identifier", message));
        };
        let first_after_ms = millis(rules.first_after);
        Ok(Some(Consent {
            person,
            email,
            push,
            groups,
            first_after_ms,
            deadline_ms: since_ms.saturating_add(millis(rules.at_most)),
            from_ms: since_ms.saturating_add(first_after_ms),
            rounds: 0,
            profiles: None,
            read: None,
        }))
    }

    /// What it needs next.
    pub fn next(&self, now_ms: i64) -> Asks {
        let name_and_body = match (&self.profiles, &self.read) {
            (None, _) => {
                if self.from_ms > now_ms {
                    return Asks::Pause { until_ms: self.from_ms };
                }
                let look = Look { identifiers: vec![self.person.clone()], how: How::Given };
                Some(("braze/users.export.ids", look.body(&FIELDS)))
            }
            (Some(profiles), None) => {
                self.asked_for_groups(profiles).map(|body| ("braze/subscription.user.status", body))
            }
            (Some(_), Some(_)) => None,
        };
        let call = name_and_body.and_then(|(name, body)| Some((catalogue::find(name)?, body)));
        match call {
            Some((action, body)) => Asks::Call(action, body),
            None => self.judge(),
        }
    }

    /// The pause before a round is over, whatever time it is.
    pub fn end_pause(&mut self, now_ms: i64) {
        self.from_ms = self.from_ms.min(now_ms);
    }

    /// Takes in what the call came to that was asked last.
    pub fn hear(&mut self, output: &Value, at_ms: i64) {
        let users = output.get("users").and_then(Value::as_array).cloned().unwrap_or_default();
        match &self.profiles {
            None => {
                let is_more = !self.groups.is_empty() && self.asked_for_groups(&users).is_some();
                self.profiles = Some(users);
                if !is_more {
                    self.read = Some(Vec::new());
                }
            }
            Some(_) => self.read = Some(users),
        }
        if self.read.is_none() || self.differing(everywhere).is_empty() || at_ms >= self.deadline_ms {
            return;
        }
        self.rounds += 1;
        let pause_ms = self.first_after_ms.saturating_mul(1_i64 << self.rounds.min(32));
        self.from_ms = at_ms.saturating_add(pause_ms).min(self.deadline_ms);
        (self.profiles, self.read) = (None, None);
    }

    /// Groups are read by external id, e-mail or phone only; of somebody known otherwise by what the
    /// profile shows.
    fn asked_for_groups(&self, profiles: &[Value]) -> Option<Value> {
        let own = Some(&self.person);
        let first = profiles.first()?;
        let shown = |kind: Kind| Identifier::of(kind, first.get(kind.word()));
        let kinds = [Kind::ExternalId, Kind::Email, Kind::Phone];
        let known = own.filter(|own| kinds.contains(&own.kind())).cloned();
        let known = known.or_else(|| kinds.into_iter().find_map(shown))?;
        Some(json!({ known.kind().word(): [known.value()] }))
    }

    /// Whether all of it was read, and is as it was set.
    fn is_so(&self) -> bool {
        let profiles = self.profiles.as_deref().unwrap_or_default();
        let is_read = self.groups.is_empty() || self.asked_for_groups(profiles).is_some();
        self.differing(everywhere).is_empty() && !profiles.is_empty() && is_read
    }

    /// What does not hold as it was set, by name.
    fn differing(&self, holds: fn(&str, &[String]) -> bool) -> Vec<String> {
        let profiles = self.profiles.as_deref().unwrap_or_default();
        if profiles.is_empty() {
            return Vec::new();
        }
        let channel = |name: &str, wanted: &Option<String>| {
            let states: Vec<String> = profiles.iter().map(|profile| text(profile, name)).collect();
            let wanted = wanted.as_ref()?;
            (!holds(wanted, &states)).then(|| name.to_owned())
        };
        let mut differing: Vec<String> = channel("email_subscribe", &self.email).into_iter().collect();
        differing.extend(channel("push_subscribe", &self.push));
        // Of somebody whose groups cannot be read it is not known.
        let is_read = self.asked_for_groups(profiles).is_some();
        for (id, wanted) in self.groups.iter().filter(|_| is_read) {
            if !holds(wanted, &self.states_of(id)) {
                differing.push(format!("group {}", safe_id(id)));
            }
        }
        differing
    }

    /// The own state of a group on each profile.
    fn states_of(&self, id: &str) -> Vec<String> {
        let users = self.read.as_deref().unwrap_or_default();
        users
            .iter()
            .map(|user| group_of(user, id).map_or_else(unknown, |group| text(group, "status")))
            .collect()
    }

    fn judge(&self) -> Asks {
        let profiles = self.profiles.as_deref().unwrap_or_default();
        let differing = self.differing(anywhere_or_out);
        if !differing.is_empty() {
            let message = format!(
                "what was accepted is not so: {}; look whether the person or another tool has changed it since, then `privaflow runs retry`",
                differing.join(", ")
            );
            return Asks::Fails(Failed { reason: Fail::Timeout, code: NOT_EFFECTIVE, message });
        }
        let of = |name: &str| one(profiles.iter().map(|profile| text(profile, name)).collect());
        let groups = self.groups.iter().map(|(id, wanted)| {
            let effective = self.read.iter().flatten().map(|user| self.effective(user, id)).collect();
            json!({
                "subscription_group_id": id, "wanted": wanted, "state": one(self.states_of(id)),
                "effective": one(effective),
            })
        });
        let output = json!({
            "confirmed": self.is_so(), "profiles": profiles.len(), "email_subscribe": of("email_subscribe"),
            "push_subscribe": of("push_subscribe"), "groups": groups.collect::<Value>(),
        });
        Asks::Done { output, proves: self.is_so() }
    }

    /// What a person gets of a group: nothing of one for e-mail when they are globally unsubscribed. Text
    /// messages have no global state.
    fn effective(&self, user: &Value, id: &str) -> String {
        let Some(group) = group_of(user, id) else { return unknown() };
        let is_same = |profile: &&Value| text(profile, "external_id") == text(user, "external_id");
        let mut profiles = self.profiles.iter().flatten().filter(is_same);
        let is_out = profiles.any(|profile| text(profile, "email_subscribe") == OUT);
        let is_mail = text(group, "channel") == "email";
        if is_mail && is_out { OUT.to_owned() } else { text(group, "status") }
    }
}

/// Whether every profile reads a state as it was set.
fn everywhere(wanted: &str, states: &[String]) -> bool {
    !states.is_empty() && states.iter().all(|state| state == wanted)
}

/// Whether a state is not lost: an opt-out everywhere, anything else somewhere.
fn anywhere_or_out(wanted: &str, states: &[String]) -> bool {
    match wanted {
        OUT => everywhere(wanted, states),
        _ => states.iter().any(|state| state == wanted),
    }
}

/// The state of several profiles in a word.
fn one(states: Vec<String>) -> Value {
    match states.split_first() {
        None => json!(unknown()),
        Some((first, rest)) if rest.iter().all(|state| state == first) => json!(first),
        Some(_) => json!("mixed"),
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// A word as Braze shows it, in small letters: its documents and answers differ in that.
fn text(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).map_or_else(unknown, |word| match member {
        "external_id" => word.to_owned(),
        _ => word.to_lowercase(),
    })
}

fn group_of<'v>(user: &'v Value, id: &str) -> Option<&'v Value> {
    let groups = user.get("subscription_groups").and_then(Value::as_array)?;
    groups.iter().find(|group| group.get("id").and_then(Value::as_str) == Some(id))
}

fn state(name: &str, value: Option<&Value>) -> Result<Option<String>, Failed> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if STATES.contains(&word.as_str()) => Ok(Some(word.clone())),
        Some(_) => Err(Failed::template("template", format!("`{name}` is none of {}", STATES.join(", ")))),
    }
}

/// Pairs of group and state, as `users.track` takes them.
fn groups(value: Option<&Value>) -> Result<Vec<(String, String)>, Failed> {
    let wrong = || {
        let message = "`groups` is no list of `subscription_group_id` and `subscription_state`";
        Failed::template("template", message)
    };
    let items = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(value) => value.as_array().ok_or_else(wrong)?,
    };
    let pair = |item: &Value| {
        let member = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
        member("subscription_group_id").zip(member("subscription_state")).ok_or_else(wrong)
    };
    items.iter().map(pair).collect()
}

impl fmt::Debug for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consent").field("rounds", &self.rounds).finish_non_exhaustive()
    }
}
