//! A `with` made ready to become calls: its text is written once, and a person only fills the gaps.
//!
//! Most steps address one person in one item, and all that differs between two people is a few
//! values. A [`Mold`] knows beforehand what the rules of the catalogue say about everything else, so it
//! asks only whether each value fits its place and writes it where it belongs. It takes no decision of
//! its own: whatever it did not expect it leaves to [`Call::new`], which says what is wrong.

use serde_json::Value;

use super::call::{Call, Few, Item};
use super::mold_parts::{Filling, ItemForm, Part, Single, filled, object_form, parts};
use super::reach::Reach;
use super::split::{frame_bytes, member};
use super::target::{self, Target};
use super::{Envelope, PersonKey};
use crate::catalogue::{Action, Method, Targets, check};
use crate::request::Order;
use crate::template::{Extra, Node, Scope};

/// A `with` made ready to become calls.
#[derive(Debug)]
pub struct Mold {
    action: &'static Action,
    /// Members that are not gathered.
    rest: Vec<Part>,
    /// The envelope, if no person changes it.
    envelope: Option<Envelope>,
    array: u8,
    items: Vec<ItemForm>,
    repeatable: bool,
    mergeable: bool,
}

impl Mold {
    /// Looks through a `with` once. `None` if its shape is not one that can be prepared.
    pub fn of(action: &'static Action, with: &Node) -> Option<Mold> {
        let batch = action.batch.as_ref().filter(|batch| batch.groups.is_none())?;
        let Node::Map(members) = with else { return None };
        if action.method != Method::Post || !check(action, with).is_empty() {
            return None;
        }
        let mut used = members.iter().filter(|(name, _)| batch.arrays.contains_key(name));
        let ((name, node), None) = (used.next()?, used.next()) else { return None };
        let (index, _, array) = batch.arrays.get_full(name)?;
        let field = action.fields.get(name)?;
        let Node::List(nodes) = node else { return None };
        if !array.needs.is_empty() || !array.also.is_empty() || nodes.is_empty() {
            return None;
        }
        let items = nodes
            .iter()
            .map(|node| match (node, array.identifier) {
                (Node::Leaf(_), Some(kind)) if !matches!(action.targets, Some(Targets::Members(_))) => {
                    Some(ItemForm::Single(Single::of(node, field, kind)?))
                }
                (Node::Map(members), None) => {
                    Some(ItemForm::Object(object_form(action, array, name, field, members)?))
                }
                _ => None,
            })
            .collect::<Option<Vec<_>>>()?;
        let others = || members.iter().filter(|(other, _)| other != name);
        let rest = parts(others(), &action.fields, false, |_| false)?;
        let is_fixed = rest.iter().all(Part::is_fixed);
        let repeatable =
            action.repeatable && !action.once.iter().any(|once| members.iter().any(|(name, _)| name == once));
        let mut mold = Mold {
            action,
            rest,
            envelope: None,
            array: u8::try_from(index).ok()?,
            items,
            repeatable,
            mergeable: !members.iter().any(|(name, _)| batch.not_with.contains(name)),
        };
        if is_fixed {
            mold.envelope = mold.envelope(&[]);
        }
        Some(mold)
    }

    /// The call for one person. `None` if anything is not as it should be: then make the call the
    /// long way, which knows the words for it.
    pub fn cast(&self, scope: &Scope, extra: &Extra) -> Option<Call> {
        let rest = self.rest.iter().map(|part| filled(part, self.action, scope, extra));
        let rest = rest.collect::<Option<Vec<_>>>()?;
        let envelope = match &self.envelope {
            Some(envelope) => envelope.clone(),
            None => self.envelope(&rest.iter().map(Option::as_deref).collect::<Vec<_>>())?,
        };
        let (mut text, mut items) = (Vec::with_capacity(160), Few::new());
        let mut people: Few<PersonKey> = Few::new();
        let mut targets: Few<Target> = Few::new();
        let sets = self.action.targets.as_ref();
        // What is sent once is not replaced by what is sent later.
        let mut keeps_turn = sets.is_none() || !self.repeatable;
        let mut own_bytes = 0;
        for form in &self.items {
            let start = text.len();
            let person = match form {
                ItemForm::Object(form) => {
                    let wants = sets.is_some().then_some(&mut targets);
                    let (person, besides) = form.write(self.action, scope, extra, &mut text, wants)?;
                    keeps_turn |= besides;
                    person
                }
                ItemForm::Single(single) => single.write(self.action, scope, extra, &mut text)?,
            };
            own_bytes += text.len() - start + 1;
            let at = u32::try_from(start).ok()?..u32::try_from(text.len()).ok()?;
            items.push(Item { array: self.array, group: 0, at });
            if let (Some(Targets::State(state)), ItemForm::Single(_)) = (sets, form) {
                let value = |name: &str| {
                    let at = self.rest.iter().position(|part| part.name == name)?;
                    rest.get(at)?.as_deref()
                };
                let name = match &state.named_by {
                    Some(member) => value(member).and_then(Value::as_str),
                    None => state.named.as_deref(),
                };
                let see = &mut |target: Target, _: &Value| targets.push(target);
                target::of_named(name, value(&state.value), person, false, see);
            }
            if !people.contains(&person) {
                people.push(person);
            }
        }
        let frame_bytes = frame_bytes(&envelope);
        let is_small = frame_bytes + own_bytes <= self.action.max_bytes;
        is_small.then_some(Call {
            envelope,
            text,
            items,
            groups: Vec::new(),
            people,
            reach: Reach::default(),
            targets,
            keeps_turn,
            order: Order::placed(0, 0),
            mergeable: self.mergeable,
            frame_bytes,
            own_bytes,
        })
    }

    /// The same for everybody for whom all but the person's own members comes to what it comes to in
    /// this scope: that is written already. `None` if it cannot be told apart, or does not fit its place.
    pub fn settled(&self, scope: &Scope, extra: &Extra, is_of_person: &dyn Fn(&str) -> bool) -> Option<Mold> {
        let settle = |part: &Part| part.settled(self.action, scope, extra, is_of_person);
        let mut rest = Vec::with_capacity(self.rest.len());
        for part in &self.rest {
            rest.extend(settle(part)?);
        }
        let items = self.items.iter().map(|form| match form {
            ItemForm::Object(form) => Some(ItemForm::Object(form.settled(settle)?)),
            ItemForm::Single(single) => {
                single.is_of_person(is_of_person).then(|| ItemForm::Single(single.clone()))
            }
        });
        let mut mold = Mold {
            action: self.action,
            rest,
            envelope: None,
            array: self.array,
            items: items.collect::<Option<_>>()?,
            repeatable: self.repeatable,
            mergeable: self.mergeable,
        };
        if mold.rest.iter().all(Part::is_fixed) {
            mold.envelope = mold.envelope(&[]);
        }
        Some(mold)
    }

    /// The envelope around what the other members came to; the fixed ones are known.
    fn envelope(&self, rest: &[Option<&Value>]) -> Option<Envelope> {
        let mut text = Vec::new();
        for (at, part) in self.rest.iter().enumerate() {
            match (&part.filling, rest.get(at).copied().flatten()) {
                (Filling::Fixed { value, .. }, _) => member(&mut text, &part.name, value).ok()?,
                (Filling::Leaf { .. }, value) => member(&mut text, &part.name, value?).ok()?,
            }
        }
        Some(Envelope::new(self.action, text, 1 << self.array, self.repeatable))
    }
}
