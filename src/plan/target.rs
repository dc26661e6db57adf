//! The states that a call sets, each with how new it is.
//!
//! A target is a person as the call addresses them and the name of an attribute or a group. What a
//! call holds besides (events, values that add to what is there) is no state: it keeps its turn and
//! is never left out. Which states are older than what is there is the work of `engine`.

use serde_json::{Map, Value};

use super::PersonKey;
use super::call::Few;
use super::split::key;
use crate::catalogue::{Action, Batch, Identifier, Members, OPTS_OUT, State, Targets};
use crate::request::Order;

/// One state that a call sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Whose it is, as the call addresses them.
    pub person: PersonKey,
    /// How new it is, and whether it takes a permission away.
    pub order: Order,
    /// Under which it is marked once it is accepted; see [`super::Call::key`].
    pub key: [u8; 16],
    /// Whether setting it can make a profile that is not there.
    pub makes_profile: bool,
    /// Digest of the name of the attribute or group.
    name: u64,
}

impl Target {
    pub(super) fn new(person: PersonKey, name: &str, opts_out: bool, makes_profile: bool) -> Target {
        // How new it is says the run, which knows the record.
        let order = Order::placed(0, 0).opting(opts_out);
        Target { person, order, key: [0; 16], makes_profile, name: fnv(name) }
    }

    /// The same state of a person under another key of theirs.
    pub fn under(&self, person: PersonKey) -> Target {
        Target { person, key: [0; 16], ..*self }
    }

    /// A digest of person and name, without a secret: for keyed digests, never to be stored.
    pub fn digest(&self) -> u128 {
        // An odd factor keeps names apart; people are apart by their own digest.
        self.person
            .digest()
            .wrapping_add(u128::from(self.name).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
    }
}

/// FNV-1a: the same in every release, as what is stored needs it. Names come from workflows.
fn fnv(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What a checked `with` sets, and whether it holds anything besides.
pub(super) fn find(action: &Action, with: &Map<String, Value>) -> (Few<Target>, bool) {
    let mut targets = Few::new();
    let keeps_turn = walk(action, with, &mut |target, _| targets.push(target));
    (targets, keeps_turn)
}

/// Calls `see` with each state and its value; true when there is anything besides.
pub(super) fn walk(action: &Action, with: &Map<String, Value>, see: &mut dyn FnMut(Target, &Value)) -> bool {
    match &action.targets {
        Some(Targets::Members(rules)) => of_members(action, rules, with, see),
        Some(Targets::State(state)) => of_state(action, state, with, see),
        None => true,
    }
}

fn of_members(
    action: &Action,
    rules: &Members,
    with: &Map<String, Value>,
    see: &mut dyn FnMut(Target, &Value),
) -> bool {
    let Some(batch) = &action.batch else { return true };
    let mut keeps_turn = batch.arrays.keys().any(|name| *name != rules.array && with.contains_key(name));
    let Some(array) = batch.arrays.get(&rules.array) else { return true };
    for item in with.get(&rules.array).and_then(Value::as_array).into_iter().flatten() {
        let (Some(members), Some((identifier, person))) = (item.as_object(), addressed(&array.person, item))
        else {
            keeps_turn = true;
            continue;
        };
        let makes_profile = makes_profile(identifier, members.get(&rules.existing_only));
        let mut is_empty = true;
        for (name, value) in members.iter().filter(|(name, _)| !sets_nothing(rules, identifier, name)) {
            is_empty = false;
            keeps_turn |= of_member(rules, name, value, person, makes_profile, see);
        }
        keeps_turn |= is_empty;
    }
    keeps_turn
}

/// Whether an item makes a profile where it finds none: unless it says otherwise, by anything but an alias (Braze docs,
/// "Track users").
pub(super) fn makes_profile(identifier: Identifier, existing_only: Option<&Value>) -> bool {
    match existing_only {
        Some(Value::Bool(existing_only)) => !existing_only,
        Some(_) | None => identifier != Identifier::UserAlias,
    }
}

/// What one member of an item sets; true when it is no state.
pub(super) fn of_member(
    rules: &Members,
    name: &str,
    value: &Value,
    person: PersonKey,
    makes_profile: bool,
    see: &mut dyn FnMut(Target, &Value),
) -> bool {
    match (rules.lists.get(name), value) {
        (Some(state), Value::Array(listed)) => {
            for one in listed.iter().filter_map(Value::as_object) {
                of_object(state, one, person, makes_profile, see);
            }
        }
        // An object adds to what is there, or changes a part of it.
        (_, Value::Object(_)) => return true,
        (_, value) => {
            let opts_out = value == OPTS_OUT && rules.states.iter().any(|state| state == name);
            see(Target::new(person, name, opts_out, makes_profile), value);
        }
    }
    false
}

/// By what an item addresses its person.
pub(super) fn addressed(kinds: &[Identifier], item: &Value) -> Option<(Identifier, PersonKey)> {
    kinds.iter().find_map(|kind| Some((*kind, key(*kind, item.get(kind.member())?)?)))
}

pub(super) fn sets_nothing(rules: &Members, identifier: Identifier, name: &str) -> bool {
    name == identifier.member() || rules.switches.iter().any(|switch| switch == name)
}

/// The name of the state that an object sets.
pub(super) fn name_of<'o>(state: &'o State, object: &'o Map<String, Value>) -> Option<&'o str> {
    match &state.named_by {
        Some(member) => object.get(member)?.as_str(),
        None => state.named.as_deref(),
    }
}

fn of_object(
    state: &State,
    object: &Map<String, Value>,
    person: PersonKey,
    makes_profile: bool,
    see: &mut dyn FnMut(Target, &Value),
) {
    of_named(name_of(state, object), object.get(&state.value), person, makes_profile, see);
}

/// The state of a name, if there is one.
pub(super) fn of_named(
    name: Option<&str>,
    value: Option<&Value>,
    person: PersonKey,
    makes_profile: bool,
    see: &mut dyn FnMut(Target, &Value),
) {
    let Some(name) = name else { return };
    let value = value.unwrap_or(&Value::Null);
    see(Target::new(person, name, value == OPTS_OUT, makes_profile), value);
}

fn of_state(
    action: &Action,
    state: &State,
    with: &Map<String, Value>,
    see: &mut dyn FnMut(Target, &Value),
) -> bool {
    let Some(batch) = &action.batch else { return true };
    let mut is_empty = true;
    let mut of = |object: &Map<String, Value>| {
        for (name, array) in &batch.arrays {
            let Some((value, kind)) = object.get(name).zip(array.identifier) else { continue };
            let people = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            for person in people.iter().filter_map(|person| key(kind, person)) {
                is_empty = false;
                of_object(state, object, person, false, see);
            }
        }
    };
    match &batch.groups {
        None => of(with),
        Some(groups) => {
            let list = with.get(&groups.list).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(Value::as_object).for_each(of);
        }
    }
    is_empty
}

/// Takes the states out of a `with` that `is_dropped` names by their digests; `None` when nothing is
/// left to be sent.
pub(super) fn without(
    action: &Action,
    mut with: Map<String, Value>,
    is_dropped: &dyn Fn(u128) -> bool,
) -> Option<Map<String, Value>> {
    let batch = action.batch.as_ref()?;
    match action.targets.as_ref()? {
        Targets::Members(rules) => {
            let kinds = batch.arrays.get(&rules.array).map_or(&[][..], |array| array.person.as_slice());
            if let Some(Value::Array(items)) = with.get_mut(&rules.array) {
                items.retain_mut(|item| keep_members(rules, kinds, item, is_dropped));
                if items.is_empty() {
                    with.shift_remove(&rules.array);
                }
            }
            batch.arrays.keys().any(|name| with.contains_key(name)).then_some(with)
        }
        Targets::State(state) => match &batch.groups {
            None => keep_people(batch, state, &mut with, is_dropped).then_some(with),
            Some(groups) => {
                let Some(Value::Array(list)) = with.get_mut(&groups.list) else { return Some(with) };
                list.retain_mut(|object| {
                    object.as_object_mut().is_none_or(|object| keep_people(batch, state, object, is_dropped))
                });
                (!list.is_empty()).then_some(with)
            }
        },
    }
}

/// Takes states of one item out; false when nothing is left of it.
fn keep_members(
    rules: &Members,
    kinds: &[Identifier],
    item: &mut Value,
    is_dropped: &dyn Fn(u128) -> bool,
) -> bool {
    let Some((identifier, person)) = addressed(kinds, item) else { return true };
    let Some(members) = item.as_object_mut() else { return true };
    let is_stale = |name: &str| is_dropped(Target::new(person, name, false, false).digest());
    members.retain(|name, value| match (rules.lists.get(name), value) {
        _ if sets_nothing(rules, identifier, name) => true,
        (Some(state), Value::Array(listed)) => {
            listed.retain(|one| !one.as_object().and_then(|one| name_of(state, one)).is_some_and(is_stale));
            !listed.is_empty()
        }
        (_, Value::Object(_)) => true,
        _ => !is_stale(name),
    });
    members.keys().any(|name| !sets_nothing(rules, identifier, name))
}

/// Takes people out of an object that sets one state; false when nobody is left.
fn keep_people(
    batch: &Batch,
    state: &State,
    object: &mut Map<String, Value>,
    is_dropped: &dyn Fn(u128) -> bool,
) -> bool {
    let Some(name) = name_of(state, object).map(str::to_owned) else { return true };
    for (array, kind) in batch.arrays.iter().filter_map(|(array, rules)| Some((array, rules.identifier?))) {
        let is_stale = |value: &Value| {
            key(kind, value)
                .is_some_and(|person| is_dropped(Target::new(person, &name, false, false).digest()))
        };
        let is_empty = match object.get_mut(array) {
            Some(Value::Array(people)) => {
                people.retain(|value| !is_stale(value));
                people.is_empty()
            }
            Some(value) => is_stale(value),
            None => false,
        };
        if is_empty {
            object.shift_remove(array);
        }
    }
    batch.arrays.keys().any(|array| object.contains_key(array))
}
