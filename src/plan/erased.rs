//! What is left of a call for people who were erased after the change that it carries out.
//!
//! Whatever could bring an erased person back leaves the call. An opt-out stays: it takes a permission
//! away from whoever is there. Where setting it could make a profile, its item is made to change only one
//! that exists. Who was erased, and until when a change counts as made before that, is the work of
//! `engine`.

use serde_json::{Map, Value};

use super::target::{self, Target, addressed};
use super::{Call, PersonKey};
use crate::catalogue::{Array, Identifier, Members, Targets};
use crate::request::Order;

/// People who were erased, each with the moment in Unix milliseconds up to which changes are refused.
pub type Erased<'e> = &'e [(PersonKey, i64)];

/// What is left of a call.
#[derive(Debug)]
pub enum LeftOfErased {
    /// All of it: whatever it says is newer, or safe as it stands.
    All,
    /// A part, or all of it in a form that makes no profile.
    Part(Box<Call>),
    /// Nothing.
    Nothing,
}

impl Call {
    /// What may still be made of the call after these people were erased.
    pub fn after(&self, erased: Erased<'_>) -> LeftOfErased {
        let rules = Rules { call: self, erased };
        if !rules.concern_any() {
            return LeftOfErased::All;
        }
        let with = self.with();
        let left = rules.left_of(with.clone());
        match left {
            Some(left) if left == with => LeftOfErased::All,
            Some(left) => {
                self.of_left(left).map_or(LeftOfErased::Nothing, |call| LeftOfErased::Part(Box::new(call)))
            }
            None => LeftOfErased::Nothing,
        }
    }
}

/// Whether a change was made before the moment up to which changes are refused, or says nothing of when it was made:
/// that it came later does not say that the person chose later.
fn may_be_before(order: Order, until_ms: i64) -> bool {
    order.at_ms() <= until_ms || !order.is_dated()
}

struct Rules<'c> {
    call: &'c Call,
    erased: Erased<'c>,
}

impl Rules<'_> {
    /// Up to when changes of a person are refused.
    fn until_ms(&self, person: PersonKey) -> Option<i64> {
        self.erased.iter().find(|(erased, _)| *erased == person).map(|(_, until_ms)| *until_ms)
    }

    /// Whether what the call carries out was made before somebody was erased, as a whole.
    fn is_refused(&self, person: PersonKey) -> bool {
        self.until_ms(person).is_some_and(|until_ms| may_be_before(self.call.order(), until_ms))
    }

    fn is_before(&self, target: &Target) -> bool {
        self.until_ms(target.person).is_some_and(|until_ms| may_be_before(target.order, until_ms))
    }

    fn concern_any(&self) -> bool {
        let refuses = |person: &PersonKey| self.is_refused(*person);
        let call = self.call;
        call.targets().iter().any(|target| self.is_before(target))
            || (call.keeps_turn() && call.people().iter().any(refuses))
    }

    fn target(&self, digest: u128) -> Option<&Target> {
        self.call.targets().iter().find(|target| target.digest() == digest)
    }

    /// Whether a state must not be set any more.
    fn is_dropped(&self, digest: u128) -> bool {
        self.target(digest).is_some_and(|target| self.is_before(target) && !target.order.opts_out())
    }

    fn left_of(&self, mut with: Map<String, Value>) -> Option<Map<String, Value>> {
        let action = self.call.action();
        let batch = action.batch.as_ref()?;
        match &action.targets {
            Some(Targets::Members(rules)) => {
                for (name, array) in &batch.arrays {
                    let Some(Value::Array(items)) = with.get_mut(name) else { continue };
                    match *name == rules.array {
                        true => items.retain_mut(|item| self.keep_members(rules, &array.person, item)),
                        false => items.retain(|item| !self.names_erased(array, item)),
                    }
                    if items.is_empty() {
                        with.shift_remove(name);
                    }
                }
            }
            Some(Targets::State(_)) => {
                return target::without(action, with, &|digest| self.is_dropped(digest));
            }
            None => {
                for (name, array) in &batch.arrays {
                    let Some(Value::Array(items)) = with.get_mut(name) else { continue };
                    items.retain(|item| !self.names_erased(array, item));
                    if items.is_empty() {
                        with.shift_remove(name);
                    }
                }
            }
        }
        batch.arrays.keys().any(|name| with.contains_key(name)).then_some(with)
    }

    /// Whether an item is about somebody of whom nothing of this call may be made.
    fn names_erased(&self, array: &Array, item: &Value) -> bool {
        let by = |kind: &Identifier| PersonKey::read(*kind, item.get(kind.member())?);
        let itself = array.identifier.and_then(|kind| PersonKey::read(kind, item));
        let mut people = itself.into_iter().chain(array.person.iter().chain(&array.also).filter_map(by));
        people.any(|person| self.is_refused(person))
    }

    /// Leaves of one item what may be made of it; false when that is nothing.
    fn keep_members(&self, rules: &Members, kinds: &[Identifier], item: &mut Value) -> bool {
        let Some((identifier, person)) = addressed(kinds, item) else { return true };
        let Some(until_ms) = self.until_ms(person) else { return true };
        let is_refused = may_be_before(self.call.order(), until_ms);
        let Some(members) = item.as_object_mut() else { return true };
        let digest = |name: &str| Target::new(person, name, false, false).digest();
        // What is left that need not make way for the erasure.
        let mut is_free = false;
        let mut keeps = |name: &str| {
            is_free |= self.target(digest(name)).is_none_or(|target| !self.is_before(target));
            !self.is_dropped(digest(name))
        };
        let (mut is_empty, mut was_empty) = (true, true);
        members.retain(|name, value| {
            if target::sets_nothing(rules, identifier, name) {
                return true;
            }
            was_empty = false;
            let stays = match (rules.lists.get(name), value) {
                (Some(state), Value::Array(listed)) => {
                    listed.retain(|one| {
                        let name = one.as_object().and_then(|one| target::name_of(state, one));
                        name.is_none_or(&mut keeps)
                    });
                    !listed.is_empty()
                }
                // It adds to what is there: as new as the record.
                (_, Value::Object(_)) => !is_refused,
                _ => keeps(name),
            };
            is_empty &= !stays;
            stays
        });
        if is_empty {
            return was_empty && !is_refused;
        }
        let adds = members.iter().any(|(name, value)| {
            value.is_object()
                && !target::sets_nothing(rules, identifier, name)
                && !rules.lists.contains_key(name)
        });
        if !is_free && !adds && target::makes_profile(identifier, members.get(&rules.existing_only)) {
            members.insert(rules.existing_only.clone(), Value::Bool(true));
        }
        true
    }
}
