//! The parts of a mold: what is written already, and where a person's values go.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde_json::Value;

use super::PersonKey;
use super::call::Few;
use super::split::{holds, key, write};
use super::target::{self, Target};
use crate::catalogue::{Action, Array, Field, Identifier, Members, Targets, fits, fits_in_list};
use crate::template::{Extra, Leaf, Node, Scope};

/// A member of an object.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) name: String,
    /// `"name":`
    written: Box<[u8]>,
    pub(super) filling: Filling,
}

/// What stands in a member.
#[derive(Debug, Clone)]
pub(super) enum Filling {
    /// The same for everybody.
    Fixed { value: Value, written: Box<[u8]> },
    /// Another value for each person; without a field, any value goes.
    Leaf { leaf: Leaf, field: Option<&'static Field> },
}

/// One item of an array.
#[derive(Debug)]
pub(super) enum ItemForm {
    /// An object with members.
    Object(ObjectForm),
    /// The identifier itself.
    Single(Single),
}

/// An item that is an object.
#[derive(Debug)]
pub(super) struct ObjectForm {
    parts: Vec<Part>,
    /// Which of them names the person, and how.
    person: (usize, Identifier),
    sets: Option<Sets>,
}

/// An item that is an identifier.
#[derive(Debug, Clone)]
pub(super) struct Single {
    leaf: Leaf,
    field: &'static Field,
    kind: Identifier,
}

/// What the members of an item set.
#[derive(Debug, Clone)]
pub(super) struct Sets {
    rules: &'static Members,
    makes_profile: bool,
}

/// The members of an object, in their order; `None` if one of them cannot be prepared. `is_ruled`
/// says which members the rules between members look at: those may not be left out.
pub(super) fn parts<'n>(
    members: impl Iterator<Item = &'n (String, Node)>,
    fields: &'static IndexMap<String, Field>,
    open: bool,
    is_ruled: impl Fn(&str) -> bool,
) -> Option<Vec<Part>> {
    let part = |(name, node): &(String, Node)| {
        let field = fields.get(name);
        if field.is_none() && !open {
            return None;
        }
        let filling = match (node, node.literal()) {
            (_, Some(value)) => {
                let mut written = Vec::new();
                write(&mut written, &value).ok()?;
                Filling::Fixed { value, written: written.into_boxed_slice() }
            }
            (Node::Leaf(leaf), None) if leaf.is_plain() => {
                if may_be_absent(leaf) && (is_ruled(name) || !open) {
                    return None;
                }
                Filling::Leaf { leaf: leaf.clone(), field }
            }
            _ => return None,
        };
        let mut written = Vec::new();
        write(&mut written, name).ok()?;
        written.push(b':');
        Some(Part { name: name.clone(), written: written.into_boxed_slice(), filling })
    };
    members.map(part).collect()
}

/// An item of an array of objects.
pub(super) fn object_form(
    action: &'static Action,
    array: &Array,
    array_name: &str,
    field: &'static Field,
    members: &[(String, Node)],
) -> Option<ObjectForm> {
    if !field.not_together_in_list.is_empty() {
        return None;
    }
    let is_ruled = |name: &str| {
        let named = |names: &[String]| names.iter().any(|ruled| ruled == name);
        named(&field.at_least_one_of)
            || field.not_together.iter().any(|pair| named(pair))
            || field.fields.get(name).is_some_and(|field| field.required)
    };
    let parts = parts(members.iter(), &field.fields, field.open, is_ruled)?;
    let stands = |name: &str| parts.iter().position(|part| part.name == name);
    let person = array.person.iter().find_map(|kind| Some((stands(kind.member())?, *kind)))?;
    if parts.get(person.0).is_some_and(Part::may_be_absent) {
        return None;
    }
    let is_once = |part: &Part| match &part.filling {
        Filling::Fixed { value, .. } => holds(&action.once_inside, value),
        Filling::Leaf { .. } => false,
    };
    if parts.iter().any(is_once) {
        return None;
    }
    let sets = match &action.targets {
        None => None,
        Some(Targets::Members(rules)) if rules.array == array_name => {
            let existing_only = match stands(&rules.existing_only).and_then(|at| parts.get(at)) {
                None => None,
                Some(Part { filling: Filling::Fixed { value, .. }, .. }) => Some(value),
                Some(Part { filling: Filling::Leaf { .. }, .. }) => return None,
            };
            let makes_profile = target::makes_profile(person.1, existing_only);
            Some(Sets { rules, makes_profile })
        }
        Some(Targets::Members(_) | Targets::State(_)) => return None,
    };
    Some(ObjectForm { parts, person, sets })
}

fn may_be_absent(leaf: &Leaf) -> bool {
    leaf.names().iter().any(|name| name.optional)
}

/// Whether a leaf reads nothing but the person's own names (`true`) or none of them (`false`).
fn reads_person(leaf: &Leaf, is_of_person: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut reads =
        leaf.names().iter().map(|name| name.segments.first().is_some_and(|first| is_of_person(first)));
    let first = reads.next().unwrap_or(false);
    reads.all(|other| other == first).then_some(first)
}

impl Part {
    /// Whether it is the same for everybody.
    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.filling, Filling::Fixed { .. })
    }

    /// The member with what it comes to, unless that is the person's own; `Some(None)` if it is left out.
    pub(super) fn settled(
        &self,
        action: &Action,
        scope: &Scope,
        extra: &Extra,
        is_of_person: &dyn Fn(&str) -> bool,
    ) -> Option<Option<Part>> {
        match &self.filling {
            Filling::Leaf { leaf, .. } if !reads_person(leaf, is_of_person)? => {
                let Some(value) = filled(self, action, scope, extra)? else { return Some(None) };
                let value = value.into_owned();
                let mut text = Vec::new();
                write(&mut text, &value).ok()?;
                let filling = Filling::Fixed { value, written: text.into_boxed_slice() };
                Some(Some(Part { name: self.name.clone(), written: self.written.clone(), filling }))
            }
            Filling::Leaf { .. } | Filling::Fixed { .. } => Some(Some(self.clone())),
        }
    }

    fn may_be_absent(&self) -> bool {
        matches!(&self.filling, Filling::Leaf { leaf, .. } if may_be_absent(leaf))
    }
}

impl Single {
    /// An item that is one expression.
    pub(super) fn of(node: &Node, field: &'static Field, kind: Identifier) -> Option<Single> {
        let Node::Leaf(leaf) = node else { return None };
        let is_ruled = !field.words_not_together.is_empty();
        (leaf.is_plain() && !may_be_absent(leaf) && !is_ruled).then(|| Single {
            leaf: leaf.clone(),
            field,
            kind,
        })
    }

    /// Whether it is the person's own.
    pub(super) fn is_of_person(&self, is_of_person: &dyn Fn(&str) -> bool) -> bool {
        reads_person(&self.leaf, is_of_person) == Some(true)
    }

    /// Writes the item, and says who it is.
    pub(super) fn write(
        &self,
        action: &Action,
        scope: &Scope,
        extra: &Extra,
        text: &mut Vec<u8>,
    ) -> Option<PersonKey> {
        let value = self.leaf.find(scope, extra).ok()??;
        if !fits_in_list(action, self.field, &value) {
            return None;
        }
        write(text, value.as_ref()).ok()?;
        key(self.kind, &value)
    }
}

/// What a member comes to: `None` if it must be looked at the long way, `Some(None)` if it is left out.
pub(super) fn filled<'v>(
    part: &'v Part,
    action: &Action,
    scope: &'v Scope,
    extra: &'v Extra,
) -> Option<Option<Cow<'v, Value>>> {
    match &part.filling {
        Filling::Fixed { value, .. } => Some(Some(Cow::Borrowed(value))),
        Filling::Leaf { leaf, field } => {
            let Some(value) = leaf.find(scope, extra).ok()? else { return Some(None) };
            let is_nested = matches!(*value, Value::Object(_) | Value::Array(_));
            let is_right = field.is_none_or(|field| fits(action, field, &value))
                && !(is_nested && holds(&action.once_inside, &value));
            is_right.then_some(Some(value))
        }
    }
}

impl ObjectForm {
    /// The item with each of its members settled.
    pub(super) fn settled(&self, settle: impl Fn(&Part) -> Option<Option<Part>>) -> Option<ObjectForm> {
        let (mut parts, mut person) = (Vec::with_capacity(self.parts.len()), None);
        for (at, part) in self.parts.iter().enumerate() {
            if let Some(part) = settle(part)? {
                if at == self.person.0 {
                    person = Some((parts.len(), self.person.1));
                }
                parts.push(part);
            }
        }
        Some(ObjectForm { parts, person: person?, sets: self.sets.clone() })
    }

    /// Writes the item. Gives who it is about, and whether it holds more than states.
    pub(super) fn write(
        &self,
        action: &Action,
        scope: &Scope,
        extra: &Extra,
        text: &mut Vec<u8>,
        mut targets: Option<&mut Few<Target>>,
    ) -> Option<(PersonKey, bool)> {
        let (at, kind) = self.person;
        let person = key(kind, filled(self.parts.get(at)?, action, scope, extra)??.as_ref())?;
        let (mut keeps_turn, mut is_empty) = (false, true);
        text.push(b'{');
        let open = text.len();
        for part in &self.parts {
            let Some(value) = filled(part, action, scope, extra)? else { continue };
            if text.len() > open {
                text.push(b',');
            }
            text.extend_from_slice(&part.written);
            match &part.filling {
                Filling::Fixed { written, .. } => text.extend_from_slice(written),
                Filling::Leaf { .. } => write(text, value.as_ref()).ok()?,
            }
            let Some((sets, targets)) = self.sets.as_ref().zip(targets.as_deref_mut()) else { continue };
            if !target::sets_nothing(sets.rules, kind, &part.name) {
                is_empty = false;
                let see = &mut |target: Target, _: &Value| targets.push(target);
                keeps_turn |=
                    target::of_member(sets.rules, &part.name, &value, person, sets.makes_profile, see);
            }
        }
        text.push(b'}');
        Some((person, keeps_turn || is_empty))
    }
}
