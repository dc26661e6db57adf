//! Whom an erasure reaches beyond those that its call names.
//!
//! A call that deletes a profile by one identifier takes all the others with it: what is known of them
//! by then is given to the call, so that no write to the same person is on its way beside it, and so
//! that the gate keeps all of them afterwards. Which identifiers these are is the work of `run`.

use std::fmt;

use super::{Call, PersonKey, Target};
use crate::catalogue::{self, Identifier, Targets};

/// Identifiers of erased people; nothing of a call that erases nobody, or nobody but whom it names.
#[derive(Clone, Default)]
pub(super) struct Reach {
    /// First what is only waited for, then the others that are also somebody else's, then who is erased.
    lanes: Box<[PersonKey]>,
    waited: u32,
    /// With what is waited for.
    shared: u32,
    in_doubt: Box<[SharedWith]>,
    /// Some of them were erased before, and what is left of the call is newer.
    returns: bool,
    /// They were erased before by the same request.
    again: bool,
}

/// An address or a number of whom a call erases, and of profiles that stayed when they were last seen.
#[derive(Clone)]
pub struct SharedWith {
    /// It.
    pub key: PersonKey,
    /// The Braze ids of those profiles: nobody else ever has one of them.
    pub staying: Vec<PersonKey>,
}

impl Reach {
    /// What is only waited for, what is also somebody else's, and who is erased.
    fn of(waited: Vec<PersonKey>, shared: Vec<PersonKey>, erased: Vec<PersonKey>) -> Reach {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Reach {
            waited: count(waited.len()),
            shared: count(waited.len() + shared.len()),
            lanes: waited.into_iter().chain(shared).chain(erased).collect(),
            in_doubt: Box::default(),
            returns: false,
            again: false,
        }
    }
}

impl Call {
    /// Says what else the people are known by whom the call erases, and which identifiers that it names
    /// are also those of people who stay. Nobody writes to what is in doubt meanwhile.
    pub fn cover(
        &mut self,
        covered: &[PersonKey],
        is_shared: impl Fn(&PersonKey) -> bool,
        in_doubt: Vec<SharedWith>,
    ) {
        let (shared, mut erased): (Vec<_>, Vec<_>) = self.people.iter().copied().partition(is_shared);
        let others = covered.iter().filter(|person| !self.people.contains(person));
        erased.extend(others);
        let is_plain = shared.is_empty() && in_doubt.is_empty() && erased.len() == self.people.len();
        let is_new = |key: &PersonKey| !shared.contains(key) && !erased.contains(key);
        let waited = in_doubt.iter().map(|one| one.key).filter(is_new).collect();
        self.reach = match is_plain {
            true => Reach::default(),
            false => Reach { in_doubt: in_doubt.into(), ..Reach::of(waited, shared, erased) },
        };
    }

    /// Whether it has what only those share who may be erased by now.
    pub fn is_in_doubt(&self) -> bool {
        !self.reach.in_doubt.is_empty()
    }

    /// Erases also what was somebody else's of whom nobody is left: whoever was to stay was erased since.
    pub fn settle_doubt<E>(
        &mut self,
        mut is_erased: impl FnMut(PersonKey) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut gone = Vec::new();
        for SharedWith { key, staying } in &self.reach.in_doubt {
            let mut stays = false;
            for profile in staying {
                stays = stays || !is_erased(*profile)?;
            }
            if !stays {
                gone.push(*key);
            }
        }
        if !gone.is_empty() {
            let in_doubt = std::mem::take(&mut self.reach.in_doubt);
            let [waited, shared, erased] = self.parts();
            let left = |keys: &[PersonKey]| keys.iter().filter(|key| !gone.contains(key)).copied().collect();
            let (waited, shared, mut erased) = (left(waited), left(shared), erased.to_vec());
            erased.extend(gone.iter().filter(|key| !erased.contains(key)).copied().collect::<Vec<_>>());
            self.replace(Reach { in_doubt, ..Reach::of(waited, shared, erased) });
        }
        Ok(())
    }

    fn parts(&self) -> [&[PersonKey]; 3] {
        let (shared, erased) = self.reaches().split_at(self.reach.shared as usize);
        let (waited, shared) = shared.split_at(self.reach.waited as usize);
        [waited, shared, erased]
    }

    /// Says by what else the people may be known elsewhere whom the call erases: nobody writes to them meanwhile, a
    /// hold on them keeps the call, and the gate keeps nothing of them.
    pub fn reach_also(&mut self, others: impl Iterator<Item = PersonKey>) {
        let mut elsewhere: Vec<PersonKey> = Vec::new();
        for other in others {
            if !self.may_be_held().contains(&other) && !elsewhere.contains(&other) {
                elsewhere.push(other);
            }
        }
        if elsewhere.is_empty() {
            return;
        }
        let in_doubt = std::mem::take(&mut self.reach.in_doubt);
        let [waited, shared, erased] = self.parts();
        let waited = waited.iter().filter(|key| !elsewhere.contains(key)).copied().collect();
        let erased = erased.to_vec();
        elsewhere.extend(shared);
        self.replace(Reach { in_doubt, ..Reach::of(waited, elsewhere, erased) });
    }

    /// Takes other identifiers; what else is known of the call stays.
    fn replace(&mut self, reach: Reach) {
        let Reach { returns, again, .. } = self.reach;
        self.reach = Reach { returns, again, ..reach };
    }

    /// Everyone it changes something of, each once: nobody else writes to them at the same time.
    pub fn reaches(&self) -> &[PersonKey] {
        if self.reach.lanes.is_empty() { &self.people } else { &self.reach.lanes }
    }

    /// Of a call that erases: under what somebody may be held, so that it is not made.
    pub fn may_be_held(&self) -> &[PersonKey] {
        self.reaches().get(self.reach.waited as usize..).unwrap_or_default()
    }

    /// Of a call that erases: everything that only people are known by who are gone once it is accepted.
    pub fn erases(&self) -> &[PersonKey] {
        self.reaches().get(self.reach.shared as usize..).unwrap_or_default()
    }

    /// Notes that it erases whoever is still there, or there again, after an erasure of the same request: whoever
    /// gave a newer consent since is not meant.
    pub fn note_again(&mut self) {
        self.reach.again = true;
    }

    /// Whether it erases again whom its request erased before.
    pub fn erases_again(&self) -> bool {
        self.reach.again
    }

    /// Notes that some whom it names were erased before, and that it was let pass all the same.
    pub fn note_return(&mut self) {
        self.reach.returns = true;
    }

    /// States that say that people who were erased before are there again by their own choice: what is left of a
    /// call that passed the gate, opt-outs aside.
    pub fn returns(&self) -> impl Iterator<Item = &Target> {
        let targets = if self.reach.returns { self.targets() } else { &[] };
        targets.iter().filter(|target| !target.order.opts_out())
    }

    /// Under what the choices of a person are marked whose names are known without a workflow: those of a channel.
    pub fn choices_of(person: PersonKey) -> Vec<u128> {
        let mut names: Vec<&str> = Vec::new();
        for targets in catalogue::all().iter().filter_map(|action| action.targets.as_ref()) {
            match targets {
                Targets::Members(rules) => names.extend(rules.states.iter().map(String::as_str)),
                Targets::State(state) => names.extend(state.named.as_deref()),
            }
        }
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(|name| Target::new(person, name, false, false).digest()).collect()
    }

    /// Under what it is marked that a person came back by their own choice. No attribute is called so.
    pub fn return_of(person: PersonKey) -> u128 {
        Target::new(person, "\u{0}returned", false, false).digest()
    }
}

impl Call {
    /// The identifiers by which a look-up asks for people; `None` where one of them cannot be read.
    pub fn asks_by(&self) -> Option<Vec<(Identifier, PersonKey)>> {
        let (with, mut all) = (self.with(), Vec::new());
        for (name, kind) in &self.action().reply.asks {
            let Some(value) = with.get(name) else { continue };
            for one in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
                all.push((*kind, PersonKey::read(*kind, one)?));
            }
        }
        Some(all)
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach").field("identifiers", &self.lanes.len()).finish_non_exhaustive()
    }
}
