//! What a call sets, spelled out: whose state, which one, to what.
//!
//! For whoever compares what would be written with what is there. It walks a call as `target` does and
//! gives the words where that gives digests. What holds a call besides states is only said to be there.

use std::fmt;

use serde_json::{Map, Value};

use super::Call;
use super::split::key;
use super::target::{self, Target};
use crate::catalogue::{Action, Identifier, Members, State, Targets};

/// One state that a call sets.
#[derive(Clone, PartialEq)]
pub struct Setting {
    /// Whose it is, as the call addresses them.
    pub who: Who,
    /// Which state.
    pub what: What,
    /// To what it is set; `null` takes it away.
    pub value: Value,
    /// As [`Target::digest`] names it.
    pub target: u128,
}

/// Somebody as a call addresses them.
#[derive(Clone, PartialEq)]
pub struct Who {
    /// By which kind of identifier.
    pub kind: Identifier,
    /// A text, or an alias as Braze writes it.
    pub value: Value,
}

/// A state of a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// An attribute, by its name: `email_subscribe`.
    Attribute(String),
    /// Whether they are in a subscription group, by its id.
    Group(String),
}

impl What {
    /// The name of the attribute or the id of the group.
    pub fn name(&self) -> &str {
        match self {
            What::Attribute(name) | What::Group(name) => name,
        }
    }
}

// Whose state it is, and its value, are personal data.
impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting").field("what", &self.what).finish_non_exhaustive()
    }
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Who").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Call {
    /// Each state that it sets, and whether it holds anything besides: events, operations on attributes.
    pub fn settings(&self) -> (Vec<Setting>, bool) {
        let with = self.with();
        let mut settings = Vec::new();
        match &self.action().targets {
            Some(Targets::Members(rules)) => of_members(self.action(), rules, &with, &mut settings),
            Some(Targets::State(state)) => of_state(self.action(), state, &with, &mut settings),
            None => {}
        }
        (settings, self.keeps_turn())
    }
}

impl Setting {
    fn of(kind: Identifier, who: &Value, what: What, value: Option<&Value>) -> Option<Setting> {
        let person = key(kind, who)?;
        let target = Target::new(person, what.name(), false, false).digest();
        let who = Who { kind, value: who.clone() };
        Some(Setting { who, what, value: value.cloned().unwrap_or_default(), target })
    }
}

fn of_members(action: &Action, rules: &Members, with: &Map<String, Value>, settings: &mut Vec<Setting>) {
    let array = action.batch.as_ref().and_then(|batch| batch.arrays.get(&rules.array));
    let Some(array) = array else { return };
    for item in with.get(&rules.array).and_then(Value::as_array).into_iter().flatten() {
        let mut named = array.person.iter().filter_map(|kind| Some((*kind, item.get(kind.member())?)));
        let addressed = named.find(|(kind, value)| key(*kind, value).is_some());
        let (Some(members), Some((kind, who))) = (item.as_object(), addressed) else { continue };
        for (name, value) in members.iter().filter(|(name, _)| !target::sets_nothing(rules, kind, name)) {
            match (rules.lists.get(name), value) {
                (Some(state), Value::Array(listed)) => {
                    for one in listed.iter().filter_map(Value::as_object) {
                        settings.extend(
                            what(state, one)
                                .and_then(|what| Setting::of(kind, who, what, one.get(&state.value))),
                        );
                    }
                }
                (_, Value::Object(_)) => {}
                (_, value) => {
                    settings.extend(Setting::of(kind, who, What::Attribute(name.clone()), Some(value)));
                }
            }
        }
    }
}

fn of_state(action: &Action, state: &State, with: &Map<String, Value>, settings: &mut Vec<Setting>) {
    let Some(batch) = &action.batch else { return };
    let mut of = |object: &Map<String, Value>| {
        let Some(what) = what(state, object) else { return };
        for (name, array) in &batch.arrays {
            let Some((people, kind)) = object.get(name).zip(array.identifier) else { continue };
            let people = people.as_array().map_or(std::slice::from_ref(people), Vec::as_slice);
            let of = |who| Setting::of(kind, who, what.clone(), object.get(&state.value));
            settings.extend(people.iter().filter_map(of));
        }
    };
    match &batch.groups {
        None => of(with),
        Some(groups) => {
            let list = with.get(&groups.list).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(Value::as_object).for_each(of);
        }
    }
}

/// A state that is named by its object is a group, one with a fixed name an attribute.
fn what(state: &State, object: &Map<String, Value>) -> Option<What> {
    match (&state.named_by, &state.named) {
        (Some(member), _) => Some(What::Group(object.get(member)?.as_str()?.to_owned())),
        (None, named) => named.clone().map(What::Attribute),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(action: &str, with: Value) -> (Vec<(Identifier, String, Value)>, bool) {
        let call = Call::new(crate::catalogue::find(action).unwrap(), &with).unwrap();
        let targets: Vec<u128> = call.targets().iter().map(|target| target.digest()).collect();
        let (settings, besides) = call.settings();
        // Both walks find the same.
        assert_eq!(settings.iter().map(|setting| setting.target).collect::<Vec<_>>(), targets);
        let plain = |setting: Setting| (setting.who.kind, setting.what.name().to_owned(), setting.value);
        (settings.into_iter().map(plain).collect(), besides)
    }

    #[test]
    fn attributes_and_groups_of_a_tracked_person_are_spelled_out() {
        let with = json!({"attributes": [{
            "user_alias": {"alias_name": "n", "alias_label": "l"}, "_update_existing_only": true,
            "push_subscribe": "opted_in",
            "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "unsubscribed"}],
        }]});

        let (settings, besides) = settings("braze/users.track", with);

        let expected = [("push_subscribe", "opted_in"), ("g", "unsubscribed")];
        let expected = expected.map(|(name, value)| (Identifier::UserAlias, name.to_owned(), json!(value)));
        assert_eq!((settings.as_slice(), besides), (expected.as_slice(), false));
    }

    #[test]
    fn groups_of_both_versions_and_the_state_of_an_address_are_spelled_out() {
        let one = json!({"subscription_group_id": "g", "subscription_state": "subscribed", "email": ["a@x.example"]});
        let two = json!({"subscription_groups": [
            {"subscription_group_id": "g", "subscription_state": "subscribed", "emails": ["a@x.example"]}]});
        let address = json!({"email": "a@x.example", "subscription_state": "subscribed"});

        let of_group = [(Identifier::Email, "g".to_owned(), json!("subscribed"))];
        assert_eq!(settings("braze/subscription.status.set", one).0, of_group);
        assert_eq!(settings("braze/v2.subscription.status.set", two).0, of_group);
        let of_address = [(Identifier::Email, "email_subscribe".to_owned(), json!("subscribed"))];
        assert_eq!(settings("braze/email.status", address).0, of_address);
    }

    #[test]
    fn an_operation_on_an_attribute_is_no_state() {
        let with = json!({"attributes": [{"external_id": "u", "visits": {"inc": 1}, "tag": null}]});

        let (settings, besides) = settings("braze/users.track", with);

        assert_eq!(settings, [(Identifier::ExternalId, "tag".to_owned(), Value::Null)]);
        assert!(besides);
    }
}
