//! The gate: whoever was erased stays erased, whatever older changes still come.
//!
//! After an erasure is accepted, changes made before it, and for a quiet period after it, are refused for
//! every identifier that it covered, in every workflow and job of the store. What is left of a call then is
//! said by [`crate::plan::Call::after`]: an opt-out always passes in a form that makes no profile. The rule
//! that keeps it right: it is asked when a call has its people's lanes, and an erasure has those of
//! everybody it covers, so nothing passes that was asked about before the erasure and leaves behind it.

use super::batches::Batch;
use super::driver::Driver;
use super::lanes::Slot;
use super::looked::GateLooked;
use super::runs::About;
use crate::catalogue::Effect;
use crate::job::{Attempted, Event, Mark, MarkKind, Presumed};
use crate::journal::{ErasedBy, Marks, Space, StoreError};
use crate::plan::{Call, LeftOfErased, PersonKey};
use crate::run::Deserted;

/// The gate of one workspace.
pub(super) struct Gate<'g> {
    pub marks: &'g Marks,
    pub space: &'g Space,
    /// How long after an erasure a change still counts as made before it.
    pub quiet_ms: i64,
    /// What a worker found of the people of these calls, if one looked.
    pub looked: Option<&'g GateLooked>,
}

impl Gate<'_> {
    /// Who of the people of a call was erased, each with the moment up to which changes are refused, in Unix
    /// milliseconds.
    pub(super) fn erased(&self, call: &Call) -> Result<Vec<(PersonKey, i64)>, StoreError> {
        let mut erased = self.known(call)?;
        if let Some(until_ms) = self.unknown_until_ms() {
            let is_unknown = |person: &&PersonKey| !erased.iter().any(|(known, _)| known == *person);
            let unknown: Vec<PersonKey> = call.people().iter().filter(is_unknown).copied().collect();
            erased.extend(unknown.into_iter().map(|person| (person, until_ms)));
        }
        Ok(erased)
    }

    /// Whether a call could bring somebody back of whom it is not known whether they were erased: a restored store
    /// may have forgotten it. An opt-out could not, in the form in which it is made.
    pub(super) fn is_in_doubt(&self, call: &Call) -> Result<bool, StoreError> {
        let Some(until_ms) = self.unknown_until_ms() else { return Ok(false) };
        let opts_out = !call.targets().is_empty() && call.targets().iter().all(|it| it.order.opts_out());
        if opts_out && !call.keeps_turn() {
            return Ok(false);
        }
        let known = self.known(call)?;
        let is_unknown = |person: &&PersonKey| !known.iter().any(|(known, _)| known == *person);
        let unknown: Vec<_> = call.people().iter().filter(is_unknown).map(|it| (*it, until_ms)).collect();
        Ok(!matches!(call.after(&unknown), LeftOfErased::All))
    }

    fn unknown_until_ms(&self) -> Option<i64> {
        Some(self.marks.unknown_until_ms()?.saturating_add(self.quiet_ms))
    }

    /// Who of these people was erased, as this release compares them.
    pub(super) fn among(&self, people: &[PersonKey]) -> Result<Vec<(PersonKey, i64)>, StoreError> {
        let mut erased = Vec::new();
        for person in self.perhaps(people) {
            erased.extend(self.until_ms(*person)?.map(|until_ms| (*person, until_ms)));
        }
        Ok(erased)
    }

    /// Whether somebody was erased, and let through by a person since.
    pub(super) fn is_released(&self, person: PersonKey) -> Result<bool, StoreError> {
        let key = self.space.key(MarkKind::Erased, person.digest());
        Ok(self.marks.newest(MarkKind::Erased, key)?.is_some() && self.marks.erased(key)?.is_none())
    }

    /// Who of these people can be known to it at all, by any of their keys: all whom nobody looked for.
    fn perhaps<'p>(&self, people: &'p [PersonKey]) -> impl Iterator<Item = &'p PersonKey> {
        let seen = self.marks.gate_now();
        let looked = self.looked.filter(|looked| looked.seen == seen).map(|looked| &looked.people);
        let people = if seen.is_empty() || looked.is_some_and(Vec::is_empty) { &[] } else { people };
        people.iter().filter(move |person| looked.is_none_or(|known| known.binary_search(person).is_ok()))
    }

    /// The same of the people of a call, also as an earlier release compared them.
    fn known(&self, call: &Call) -> Result<Vec<(PersonKey, i64)>, StoreError> {
        let mut erased = self.among(call.people())?;
        let since = self.marks.earlier().filter(|_| self.perhaps(call.people()).next().is_some());
        if let Some(since) = since {
            for (person, before) in call.known_before(since) {
                let Some(until_ms) = self.until_ms(before)? else { continue };
                match erased.iter_mut().find(|(known, _)| *known == person) {
                    Some((_, known_ms)) => *known_ms = until_ms.max(*known_ms),
                    None => erased.push((person, until_ms)),
                }
            }
        }
        Ok(erased)
    }

    fn until_ms(&self, person: PersonKey) -> Result<Option<i64>, StoreError> {
        let key = self.space.key(MarkKind::Erased, person.digest());
        Ok(self.marks.erased(key)?.map(|erased_ms| erased_ms.saturating_add(self.quiet_ms)))
    }
}

impl Driver {
    /// Writes down whom a batch that is about to leave would erase: when it is given up without an answer, that is
    /// all that is known of them.
    pub(super) fn write_attempted(&mut self, batch: &Batch) {
        let first = batch.members.first();
        let erases = first.is_some_and(|member| member.call.action().effect == Effect::Irreversible);
        // Those of a later attempt are the same.
        if !erases || batch.attempt > 0 || self.is_only_looking(batch) {
            return;
        }
        let Some(space) = self.marks_in.get(batch.service) else { return };
        let mut people = Vec::with_capacity(batch.members.len());
        for member in &batch.members {
            let Some(position) = self.runs.position(member.slot) else { continue };
            let key = |person: &PersonKey| (position, space.key(MarkKind::Erased, person.digest()));
            people.extend(member.call.erases().iter().map(key));
        }
        if !people.is_empty() {
            let attempted = Attempted { batch: batch.number, tag: space.tag(), people };
            self.write(Event::Attempted(attempted), None);
        }
    }

    /// A call that erases has its people's lanes: what it shares with profiles that were to stay is covered, too, when
    /// all of them were erased since. Whoever else erases one of them has that lane, so none of it is under way.
    pub(super) fn settle_doubt(&self, service: usize, call: &mut Call) -> Result<(), StoreError> {
        let Some(space) = self.marks_in.get(service).filter(|_| call.is_in_doubt()) else { return Ok(()) };
        call.settle_doubt(|profile| {
            let key = space.key(MarkKind::Erased, profile.digest());
            Ok(self.marks.erased(key)?.is_some())
        })
    }

    /// A look-up after an erasure proved that identifiers lead to nobody, which the erasure did not cover because
    /// others had them: they are covered from now on, as of the erasure.
    pub(super) fn cover_deserted(
        &self,
        service: usize,
        deserted: &Deserted,
        by: ErasedBy,
        marks: &mut Vec<Mark>,
    ) {
        let Some(space) = self.marks_in.get(service) else { return };
        // A run counts time from when this process took it on.
        let passed_ms = self.run_ms().saturating_sub(deserted.erased_ms);
        let order = space.erasure(self.clock.now_ms().saturating_sub(passed_ms), by);
        let key = |person: &PersonKey| space.key(MarkKind::Erased, person.digest());
        marks.extend(deserted.people.iter().map(|person| Mark {
            kind: MarkKind::Erased,
            key: key(person),
            order,
        }));
    }

    /// A deletion found nobody while a restored store does not know who was erased since its backup: whom it names
    /// counts as erased, so that they stay so when what waits for that knowledge goes on.
    pub(super) fn presume_gone(&mut self, about: &About) {
        if about.nobody.is_empty() || self.is_shadow || self.marks.unknown_until_ms().is_none() {
            return;
        }
        let (position, at_ms) = (about.position, self.clock.now_ms());
        let by = ErasedBy::of(self.task.job, position);
        let is_braze = |service| self.services.get(service).is_some_and(|service| service.system == "braze");
        let spaces = self.marks_in.iter().enumerate().filter(|(service, _)| is_braze(*service));
        let marks: Vec<Mark> = spaces
            .flat_map(|(_, space)| {
                about.nobody.iter().map(move |person| Mark {
                    kind: MarkKind::Erased,
                    key: space.key(MarkKind::Erased, person.digest()),
                    order: space.erasure(at_ms, by),
                })
            })
            .collect();
        if !marks.is_empty() {
            self.write(Event::Presumed(Presumed { at_ms, positions: vec![position], marks }), None);
        }
    }

    /// The request of a slot, as the gate tells it apart.
    pub(super) fn erased_by(&self, slot: Slot) -> ErasedBy {
        ErasedBy::of(self.task.job, self.runs.position(slot).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::store_tests::{as_if_begun_by, keep};
    use super::*;
    use crate::catalogue::{Identifier, find};
    use crate::job::{JobId, Mark, Presumed};
    use crate::journal::Store;

    const ERASED_MS: i64 = 1_800_000_000_000;

    async fn erase(store: &Store, person: PersonKey) {
        let space = store.marks().space("w");
        let order = space.erasure(ERASED_MS, ErasedBy::of(JobId(1), 0));
        let mark = Mark { kind: MarkKind::Erased, key: space.key(MarkKind::Erased, person.digest()), order };
        let presumed = Presumed { at_ms: ERASED_MS, positions: vec![0], marks: vec![mark] };
        keep(store, Event::Presumed(presumed)).await;
    }

    fn is_known(store: &Store, email: &str) -> bool {
        let with = json!({ "attributes": [{ "email": email, "email_subscribe": "opted_in" }] });
        let call = Call::new(find("braze/users.track").unwrap(), &with).unwrap();
        let space = store.marks().space("w");
        let gate = Gate { marks: store.marks(), space: &space, quiet_ms: 7, looked: None };
        let erased = gate.erased(&call).unwrap();
        assert!(
            erased
                .iter()
                .all(|(person, until_ms)| call.people().contains(person) && *until_ms == ERASED_MS + 7)
        );
        !erased.is_empty()
    }

    #[tokio::test]
    async fn who_was_erased_by_an_earlier_release_is_found_as_it_compared_them() {
        let folder = tempfile::tempdir().unwrap();
        let odd = "Ana@Example.com.";
        let store = Store::open(folder.path()).unwrap();
        erase(&store, PersonKey::before(Identifier::Email, odd, 1).next().unwrap()).await;
        erase(&store, PersonKey::of(Identifier::Email, "ben@example.com")).await;
        drop(store);
        let known = |store: &Store| {
            [odd, "ANA@example.com.", "ben@example.com.", "cleo@example.com."].map(|it| is_known(store, it))
        };
        assert_eq!(known(&Store::open(folder.path()).unwrap()), [false, false, true, false]);
        as_if_begun_by(folder.path(), 1);

        let known = known(&Store::open(folder.path()).unwrap());

        assert_eq!(known, [true, true, true, false]);
    }

    /// The version before knew each spelling of an address as another one: whoever has either by now is refused.
    #[tokio::test]
    async fn who_was_erased_with_marks_apart_from_letters_is_found_however_they_are_spelled_since() {
        let folder = tempfile::tempdir().unwrap();
        let (apart, one) = ("rene\u{301}@example.com", "Zo\u{eb}@example.com");
        let store = Store::open(folder.path()).unwrap();
        for spelled in [apart, "zoe\u{308}@example.com"] {
            erase(&store, PersonKey::before(Identifier::Email, spelled, 2).next().unwrap()).await;
        }
        erase(&store, PersonKey::of(Identifier::Email, "No\u{eb}l@example.com")).await;
        drop(store);
        let spellings = [
            apart,
            "Ren\u{c9}@example.com",
            one,
            "ZOE\u{308}@example.com",
            "noe\u{308}l@example.com",
            "no\u{eb}l@example.com",
            "noel@example.com",
        ];
        let known = |store: &Store| spellings.map(|spelled| is_known(store, spelled));
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(known(&store), [false, false, false, false, true, true, false]);
        drop(store);
        as_if_begun_by(folder.path(), 2);

        let known = known(&Store::open(folder.path()).unwrap());

        assert_eq!(known, [true, true, true, true, true, true, false]);
    }
}
