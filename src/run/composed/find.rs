//! `privaflow/find_profiles`: every profile of a person, and what led to each.
//!
//! First everything that the request names is asked for, then what the profiles of the person reveal, until
//! nothing new appears. External ids and aliases have one profile each, which is seen by then; e-mail
//! addresses, phones and devices can be shared, so only they lead on. The rule that keeps it from harm: a
//! profile with an external id of its own that nothing but a revealed identifier led to may be somebody
//! else's. It is told apart, and what it reveals is not followed.
//!
//! A look at people who were erased also asks for what their erasure covered besides in the same workspace
//! (`sought`). Years may lie between: an address, a number, an alias may be another's by now, whoever named it then. So somebody with an
//! external id that was not erased is told (`seen`), and never the person's; and so is a profile without one
//! that only an identifier led to which the erasure did not ask for. Who was left on purpose is neither.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use serde_json::{Value, json};

use super::identifier::{How, Identifier, Look, by_kind};
use super::{Asks, Failed};
use crate::catalogue;
use crate::job::Fail;
use crate::run::sought::{Here, NamedHere};
use crate::workflow::{FindRules, Kind, Others};

/// Most requests of one search. Fifty profiles reveal so many addresses and phones, and some devices; more
/// belong to a kiosk or a test, not to a person.
const MOST_LOOKS: u32 = 200;

/// A search under way.
pub(crate) struct Find {
    fields: Vec<&'static str>,
    follow: Vec<Kind>,
    trust: Vec<Kind>,
    takes_others: bool,
    looks_again: Option<LooksAgain>,
    at_most: usize,
    queue: VecDeque<Look>,
    known: HashSet<Identifier>,
    profiles: Vec<Profile>,
    looks: u32,
    /// An answer showed a profile without its braze_id, so that nobody could erase it.
    is_nameless_there: bool,
}

/// A look at somebody who was erased.
struct LooksAgain {
    /// It looks beside the steps that erased, which may not have asked for all of this.
    is_beside: bool,
    /// Braze ids of those who were left on purpose.
    left: HashSet<String>,
}

/// A profile that was found.
struct Profile {
    braze_id: String,
    external_id: Option<Identifier>,
    aliases: Vec<Identifier>,
    email: Option<Identifier>,
    phone: Option<Identifier>,
    devices: Vec<Identifier>,
    /// What led to it, and how that was known.
    led_by: Vec<(Identifier, How)>,
    is_followed: bool,
}

impl Find {
    /// Begins a search for a subject, and a device beside it; a look at people who were erased also asks for
    /// what is sought `here`, in the workspace of the search.
    pub fn begin(
        rules: &FindRules,
        subject: &Value,
        device: Option<&Value>,
        here: Option<Here>,
    ) -> Result<Find, Failed> {
        let given = given(subject, device)?;
        if given.is_empty() && here.is_none() {
            let message = "the request has no identifier that a profile could be found by";
            return Err(Failed::template("no_identifier", message));
        }
        let mut fields = vec!["braze_id", "external_id", "user_aliases", "email", "phone"];
        if rules.follow.contains(&Kind::DeviceId) {
            fields.push("devices");
        }
        let is_look = here.is_some();
        let Here { own, unsure, left, named } = here.unwrap_or_default();
        let looks_again = is_look.then_some(LooksAgain { is_beside: rules.is_beside, left });
        let given = match named {
            NamedHere::Own => Some((given, How::Given)),
            NamedHere::Unsure => Some((given, How::Elsewhere)),
            NamedHere::Not => None,
        };
        let (mut known, mut queue) = (HashSet::new(), VecDeque::new());
        for (mut identifiers, how) in given.into_iter().chain([(own, How::Sought), (unsure, How::Elsewhere)])
        {
            identifiers.retain(|identifier| known.insert(identifier.clone()));
            queue.extend(Look::all(identifiers, how));
        }
        Ok(Find {
            fields,
            follow: rules.follow.clone(),
            trust: rules.trust.clone(),
            takes_others: rules.others == Others::Take,
            at_most: rules.at_most,
            looks_again,
            known,
            queue,
            profiles: Vec::new(),
            looks: 0,
            is_nameless_there: false,
        })
    }

    /// The bodies of all calls that are known now, in order.
    pub fn known_bodies(&self) -> impl Iterator<Item = Value> {
        self.queue.iter().map(|look| look.body(&self.fields))
    }

    /// Whether an answer can lead to further calls.
    pub fn may_lead_on(&self) -> bool {
        !self.follow.is_empty()
    }

    /// What it needs next.
    pub fn next(&self) -> Asks {
        if self.is_nameless_there {
            let message = "an answer shows a profile without its `braze_id`; is the host right?".to_owned();
            return Asks::Fails(Failed { reason: Fail::Refused, code: "bad_answer", message });
        }
        if self.profiles.len() > self.at_most {
            let message = format!(
                "more than {} profiles match this request: check that its identifiers belong to one person",
                self.at_most
            );
            return Asks::Fails(Failed { reason: Fail::Assert, code: "too_many_profiles", message });
        }
        let Some(look) = self.queue.front() else {
            return Asks::Done { output: self.output(), proves: false };
        };
        if self.looks >= MOST_LOOKS {
            let message = format!(
                "the profiles of this request led to more than {MOST_LOOKS} look-ups: they are not one person's"
            );
            return Asks::Fails(Failed { reason: Fail::Assert, code: "too_many_profiles", message });
        }
        match catalogue::find("braze/users.export.ids") {
            Some(action) => Asks::Call(action, look.body(&self.fields)),
            None => Asks::Done { output: self.output(), proves: false },
        }
    }

    /// Takes in who was found by the look that was asked last.
    pub fn hear(&mut self, output: &Value) {
        let Some(look) = self.queue.pop_front() else { return };
        self.looks += 1;
        for user in output.get("users").and_then(Value::as_array).into_iter().flatten() {
            self.take(&look, user);
        }
        self.follow();
    }

    fn take(&mut self, look: &Look, user: &Value) {
        let Some(Identifier::Plain(_, braze_id)) = Identifier::of(Kind::BrazeId, user.get("braze_id")) else {
            self.is_nameless_there = true;
            return;
        };
        let at = match self.profiles.iter().position(|known| known.braze_id == braze_id) {
            Some(at) => at,
            None => {
                self.profiles.push(Profile::of(braze_id, user));
                self.profiles.len() - 1
            }
        };
        let Some(profile) = self.profiles.get_mut(at) else { return };
        for identifier in profile.which_of(&look.identifiers) {
            // The address as the profile has it is the one that was just asked for.
            if let Some(same) = profile.shared().find(|own| own.is_like(&identifier)).cloned() {
                self.queue.retain(|later| later.how != How::Revealed || !later.identifiers.contains(&same));
                self.known.insert(same);
            }
            if !profile.led_by.iter().any(|(known, _)| *known == identifier) {
                profile.led_by.push((identifier, look.how));
            }
        }
    }

    /// Queues what the person's profiles reveal and nobody asked for yet.
    fn follow(&mut self) {
        let mut revealed = Vec::new();
        let is_own: Vec<bool> = self.profiles.iter().map(|profile| self.is_own(profile)).collect();
        let own = self.profiles.iter_mut().zip(is_own).filter(|(_, is_own)| *is_own);
        for (profile, _) in own.filter(|(profile, _)| !profile.is_followed) {
            profile.is_followed = true;
            let shared = profile.shared().filter(|identifier| self.follow.contains(&identifier.kind()));
            revealed.extend(shared.cloned());
        }
        revealed.retain(|identifier| self.known.insert(identifier.clone()));
        self.queue.extend(Look::all(revealed, How::Revealed));
    }

    /// Whether a profile is the person's.
    fn is_own(&self, profile: &Profile) -> bool {
        match &self.looks_again {
            Some(look) => profile.is_own_again(look, &self.follow),
            None => self.takes_others || profile.is_own(&self.trust),
        }
    }

    fn output(&self) -> Value {
        let is_taken = |profile: &&Profile| self.is_own(profile);
        let (own, others): (Vec<&Profile>, Vec<&Profile>) = self.profiles.iter().partition(is_taken);
        let ids = |of: &[&Profile]| of.iter().map(|profile| json!(profile.braze_id)).collect::<Value>();
        let shown = |profile: &Profile| profile.shown(!is_taken(&profile));
        let mut identifiers: Vec<Identifier> = Vec::new();
        for profile in &own {
            let unique = profile.external_id.iter().chain(&profile.aliases).cloned();
            for identifier in profile.led_by.iter().map(|(identifier, _)| identifier.clone()).chain(unique) {
                if !identifiers.contains(&identifier) {
                    identifiers.push(identifier);
                }
            }
        }
        let is_seen = |other: &&Profile| self.looks_again.as_ref().is_some_and(|look| other.is_seen(look));
        let seen: Vec<&Profile> = others.iter().copied().filter(is_seen).collect();
        json!({
            "braze_ids": ids(&own),
            "profiles": self.profiles.iter().map(shown).collect::<Value>(),
            "others": ids(&others),
            "identifiers": by_kind(&identifiers),
            "seen": ids(&seen),
            "looks": self.looks,
        })
    }
}

/// What a request names its subject by; nothing when that is of no use.
pub(in crate::run) fn named(subject: &Value) -> Vec<Identifier> {
    given(subject, None).unwrap_or_default()
}

/// What a request names its subject by, the surest first. Nothing that it names is passed over: what cannot be
/// looked up fails.
fn given(subject: &Value, device: Option<&Value>) -> Result<Vec<Identifier>, Failed> {
    let mut given = Vec::new();
    given.extend(plain(Kind::ExternalId, subject.get("external_id"))?);
    given.extend(aliases(subject.get("aliases"))?);
    for kind in [Kind::BrazeId, Kind::Email, Kind::Phone] {
        given.extend(plain(kind, subject.get(kind.word()))?);
    }
    given.extend(plain(Kind::DeviceId, device)?);
    let mut seen = HashSet::new();
    given.retain(|identifier| seen.insert(identifier.clone()));
    Ok(given)
}

/// A text, or nothing.
fn plain(kind: Kind, value: Option<&Value>) -> Result<Option<Identifier>, Failed> {
    match value {
        None | Some(Value::Null | Value::String(_)) => Ok(Identifier::of(kind, value)),
        Some(_) => Err(wrong_type(format!("`{}` must be a string", kind.word()))),
    }
}

fn aliases(value: Option<&Value>) -> Result<Vec<Identifier>, Failed> {
    let aliases = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(aliases)) => aliases,
        Some(_) => return Err(wrong_type("`aliases` must be a list".to_owned())),
    };
    let lacking = |at: usize, alias: &Value| {
        let is_there = |member: &&str| alias.get(*member).is_some_and(Value::is_string);
        let member = ["alias_name", "alias_label"].into_iter().find(|member| !is_there(member))?;
        let message = format!("`{member}` is missing in `aliases[{at}]`");
        Some(Failed { reason: Fail::Refused, code: "missing_field", message })
    };
    match aliases.iter().enumerate().find_map(|(at, alias)| lacking(at, alias)) {
        Some(failed) => Err(failed),
        None => Ok(aliases.iter().filter_map(Identifier::alias).collect()),
    }
}

fn wrong_type(message: String) -> Failed {
    Failed { reason: Fail::WrongType, code: Fail::WrongType.word(), message }
}

impl Profile {
    fn of(braze_id: String, user: &Value) -> Profile {
        let list = |member: &str| user.get(member).and_then(Value::as_array).into_iter().flatten();
        let device = |device: &Value| Identifier::of(Kind::DeviceId, device.get("device_id"));
        Profile {
            braze_id,
            external_id: Identifier::of(Kind::ExternalId, user.get("external_id")),
            aliases: list("user_aliases").filter_map(Identifier::alias).collect(),
            email: Identifier::of(Kind::Email, user.get("email")),
            phone: Identifier::of(Kind::Phone, user.get("phone")),
            devices: list("devices").filter_map(device).collect(),
            led_by: Vec::new(),
            is_followed: false,
        }
    }

    /// Which of the identifiers that were asked for together led to it. A renamed external id leads to a
    /// profile that shows another one: then each external id may have.
    fn which_of(&self, asked: &[Identifier]) -> Vec<Identifier> {
        if let [only] = asked {
            return vec![only.clone()];
        }
        let has = |identifier: &&Identifier| {
            self.external_id.as_ref() == Some(*identifier) || self.aliases.contains(identifier)
        };
        let is_id = |identifier: &&Identifier| identifier.kind() == Kind::ExternalId;
        let led: Vec<Identifier> = asked.iter().filter(has).cloned().collect();
        let renamed: Vec<Identifier> = asked.iter().filter(is_id).cloned().collect();
        match (led.is_empty(), renamed.is_empty()) {
            (false, _) => led,
            (true, false) => renamed,
            (true, true) => asked.to_vec(),
        }
    }

    /// Identifiers that other profiles can have, too.
    fn shared(&self) -> impl Iterator<Item = &Identifier> {
        self.email.iter().chain(&self.phone).chain(&self.devices)
    }

    /// Whether it is the person's: nobody else's id stands on it, or the request names it.
    fn is_own(&self, trust: &[Kind]) -> bool {
        let is_named =
            |(identifier, how): &(Identifier, How)| *how == How::Given && trust.contains(&identifier.kind());
        self.external_id.is_none() || self.led_by.iter().any(is_named)
    }

    /// Whether it is that of somebody who was erased: with an external id only where that was erased, or its
    /// Braze id was; without one where the erasure asked for what led to it.
    fn is_own_again(&self, look: &LooksAgain, follow: &[Kind]) -> bool {
        let is_of_one = |(identifier, _): &&(Identifier, How)| {
            matches!(identifier.kind(), Kind::ExternalId | Kind::BrazeId)
        };
        let was_asked = |(identifier, how): &&(Identifier, How)| {
            let kind = identifier.kind();
            kind == Kind::UserAlias || (!look.is_beside && (*how == How::Given || follow.contains(&kind)))
        };
        let has_no_name = self.external_id.is_none();
        let mut here = self.led_by.iter().filter(|(_, how)| *how != How::Elsewhere);
        here.any(|led| is_of_one(&led) || (has_no_name && was_asked(&led)))
    }

    /// Whether it is told of one that is not the person's that somebody may be there again.
    fn is_seen(&self, look: &LooksAgain) -> bool {
        let is_of_them = self.led_by.iter().any(|(_, how)| *how != How::Revealed);
        is_of_them && !look.left.contains(&self.braze_id)
    }

    fn shown(&self, is_other: bool) -> Value {
        let mut led_by: Vec<Value> = Vec::new();
        for (identifier, how) in &self.led_by {
            let led = json!({ "kind": identifier.kind().word(), "how": how.word() });
            if !led_by.contains(&led) {
                led_by.push(led);
            }
        }
        let values = |of: &[Identifier]| of.iter().map(Identifier::value).collect::<Value>();
        json!({
            "braze_id": self.braze_id,
            "external_id": self.external_id.as_ref().map(Identifier::value),
            "user_aliases": values(&self.aliases),
            "email": self.email.as_ref().map(Identifier::value),
            "phone": self.phone.as_ref().map(Identifier::value),
            "device_ids": values(&self.devices),
            "led_by": led_by,
            "other": is_other,
        })
    }
}

impl fmt::Debug for Find {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (looks, profiles) = (self.looks, self.profiles.len());
        f.debug_struct("Find").field("looks", &looks).field("profiles", &profiles).finish_non_exhaustive()
    }
}
