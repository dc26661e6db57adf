//! Takes a rendered `with` apart: items that are gathered, and the envelope around them.
//!
//! Each member is written as JSON (or percent-encoded) here and never again. The value was checked
//! against the catalogue before; a shape that the check lets through and this file does not expect
//! stays in the envelope, where it changes nothing but what merges.

use serde_json::{Map, Value};

use super::call::{Call, Few, Item};
use super::reach::Reach;
use super::{Envelope, PersonKey, query, target};
use crate::catalogue::{Action, Array, Batch, Groups, Identifier, Method, Refusal};
use crate::request::Order;

/// Takes a checked `with` apart.
pub(super) fn split(action: &'static Action, with: &Value) -> Result<Call, Refusal> {
    let empty = Map::new();
    let members = with.as_object().unwrap_or(&empty);
    let mut parts = Parts::new(action);
    for (name, value) in members {
        match action.batch.as_ref().map(|batch| (batch, &batch.groups)) {
            Some((batch, Some(groups))) if *name == groups.list => parts.groups(batch, groups, value)?,
            Some((batch, None)) => match batch.arrays.get_full(name) {
                Some((index, _, array)) => parts.array(index, array, value)?,
                None => parts.rest(name, value)?,
            },
            Some((_, Some(_))) | None => parts.rest(name, value)?,
        }
    }
    Ok(parts.finish(members))
}

struct Parts {
    action: &'static Action,
    rest: Vec<u8>,
    text: Vec<u8>,
    items: Few<Item>,
    groups: Vec<Box<[u8]>>,
    people: Few<PersonKey>,
    arrays: u32,
    own_bytes: usize,
    repeatable: bool,
}

impl Parts {
    fn new(action: &'static Action) -> Parts {
        Parts {
            action,
            rest: Vec::new(),
            text: Vec::with_capacity(160),
            items: Few::new(),
            groups: Vec::new(),
            people: Few::new(),
            arrays: 0,
            own_bytes: 0,
            repeatable: action.repeatable,
        }
    }

    /// A member that is not gathered.
    fn rest(&mut self, name: &str, value: &Value) -> Result<(), Refusal> {
        match self.action.method {
            Method::Get | Method::Delete => query::append(&mut self.rest, name, value),
            Method::Post | Method::Put => member(&mut self.rest, name, value)?,
        }
        Ok(())
    }

    /// A member whose items are gathered; one item may stand without a list.
    fn array(&mut self, index: usize, array: &Array, value: &Value) -> Result<(), Refusal> {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for item in items {
            self.item(index, 0, item)?;
            self.person(array, item);
        }
        Ok(())
    }

    /// A list of objects that merge: each becomes its head and the items of its arrays.
    fn groups(&mut self, batch: &Batch, groups: &Groups, list: &Value) -> Result<(), Refusal> {
        for object in list.as_array().into_iter().flatten().filter_map(Value::as_object) {
            let mut head = Vec::new();
            for (name, value) in object.iter().filter(|(name, _)| !batch.arrays.contains_key(*name)) {
                member(&mut head, name, value)?;
            }
            for (index, (name, array)) in batch.arrays.iter().enumerate() {
                let Some(items) = object.get(name).and_then(Value::as_array) else { continue };
                let group = u16::try_from(self.groups.len()).map_err(|_| {
                    Refusal::new("too_many_items", format!("`{}` has too many items", groups.list))
                })?;
                for item in items {
                    self.item(index, group, item)?;
                    self.person(array, item);
                }
                // `{HEAD,"NAME":[ITEMS]},`
                self.own_bytes += head.len() + name.len() + 9;
                self.groups.push(head.clone().into_boxed_slice());
            }
        }
        Ok(())
    }

    fn item(&mut self, array: usize, group: u16, item: &Value) -> Result<(), Refusal> {
        let start = self.text.len();
        match self.action.method {
            Method::Get | Method::Delete => {
                self.text.extend_from_slice(query::text(item).as_bytes());
                // `NAME[]=` and `&`
                let name = self.action.batch.as_ref().and_then(|batch| batch.arrays.get_index(array));
                self.own_bytes += name.map_or(0, |(name, _)| name.len()) + 4;
            }
            Method::Post | Method::Put => {
                write(&mut self.text, item)?;
                self.own_bytes += 1;
            }
        }
        self.own_bytes += self.text.len() - start;
        let position = |at: usize| u32::try_from(at).map_err(|_| too_large());
        let at = position(start)?..position(self.text.len())?;
        self.items.push(Item { array: u8::try_from(array).map_err(|_| too_large())?, group, at });
        self.arrays |= 1 << array;
        self.repeatable &= !holds_once(&self.action.once_inside, item);
        Ok(())
    }

    /// Everyone an item is about.
    fn person(&mut self, array: &Array, item: &Value) {
        let main = match array.identifier {
            Some(kind) => key(kind, item),
            None => array.person.iter().find_map(|kind| key(*kind, item.get(kind.member())?)),
        };
        let also = array.also.iter().filter_map(|kind| key(*kind, item.get(kind.member())?));
        for person in main.into_iter().chain(also) {
            if !self.people.contains(&person) {
                self.people.push(person);
            }
        }
    }

    fn finish(self, members: &Map<String, Value>) -> Call {
        let action = self.action;
        let repeatable = self.repeatable && !action.once.iter().any(|name| members.contains_key(name));
        let mergeable = !self.items.is_empty()
            && action.batch.as_ref().is_some_and(|batch| may_merge(batch, self.arrays, members));
        let (targets, besides) = target::find(action, members);
        // What is sent once is not replaced by what is sent later.
        let keeps_turn = besides || !repeatable;
        let envelope = Envelope::new(action, self.rest, self.arrays, repeatable);
        Call {
            frame_bytes: frame_bytes(&envelope),
            own_bytes: self.own_bytes,
            envelope,
            text: self.text,
            items: self.items,
            groups: self.groups,
            people: self.people,
            reach: Reach::default(),
            targets,
            keeps_turn,
            order: Order::placed(0, 0),
            mergeable,
        }
    }
}

/// Whether the answer to a merged body could be taken apart for this call.
fn may_merge(batch: &Batch, arrays: u32, members: &Map<String, Value>) -> bool {
    let lists = |(name, word): (&String, &String)| {
        let words = members.get(name).and_then(Value::as_array);
        words.is_some_and(|words| words.iter().any(|given| given == word.as_str()))
    };
    let mut used = batch.arrays.values().enumerate().filter(|(index, _)| arrays & (1 << index) != 0);
    used.all(|(_, array)| array.needs.iter().all(lists))
        && !batch.not_with.iter().any(|name| members.contains_key(name))
}

/// Bytes of a body or an address around the gathered items, commas and brackets included.
pub(super) fn frame_bytes(envelope: &Envelope) -> usize {
    let action = envelope.action();
    let around = match action.method {
        Method::Get | Method::Delete => action.path.len() + 1,
        Method::Post | Method::Put => 3,
    };
    let batch = action.batch.as_ref();
    let names: usize = match batch.and_then(|batch| batch.groups.as_ref()) {
        Some(groups) => groups.list.len() + 6,
        None => {
            let arrays = batch.into_iter().flat_map(|batch| batch.arrays.keys()).enumerate();
            arrays.filter(|(index, _)| envelope.uses(*index)).map(|(_, name)| name.len() + 6).sum()
        }
    };
    around + envelope.text().len() + names
}

pub(super) fn key(kind: Identifier, value: &Value) -> Option<PersonKey> {
    match kind {
        Identifier::UserAlias => {
            let label = value.get("alias_label")?.as_str()?;
            Some(PersonKey::alias(label, value.get("alias_name")?.as_str()?))
        }
        Identifier::ExternalId | Identifier::BrazeId | Identifier::Email | Identifier::Phone => {
            Some(PersonKey::of(kind, value.as_str()?))
        }
    }
}

/// Whether a value of an item is an operation that adds each time. The members of the item itself
/// are names of attributes.
fn holds_once(operations: &[String], item: &Value) -> bool {
    let members = item.as_object().filter(|_| !operations.is_empty());
    members.is_some_and(|members| members.values().any(|value| holds(operations, value)))
}

/// Whether one of these operations stands anywhere in the value of an attribute.
pub(super) fn holds(operations: &[String], value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let operation = |name: &String| operations.contains(name);
            members.iter().any(|(name, value)| operation(name) || holds(operations, value))
        }
        Value::Array(items) => items.iter().any(|item| holds(operations, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Appends `"name":value`, with a comma before it if something stands there.
pub(super) fn member(out: &mut Vec<u8>, name: &str, value: &Value) -> Result<(), Refusal> {
    if !out.is_empty() {
        out.push(b',');
    }
    write(out, name)?;
    out.push(b':');
    write(out, value)
}

pub(super) fn write<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), Refusal> {
    serde_json::to_writer(out, value)
        .map_err(|_| Refusal::new("bad_value", "the call cannot be written as JSON"))
}

fn too_large() -> Refusal {
    Refusal::new("too_large", "the call is larger than any endpoint takes")
}
