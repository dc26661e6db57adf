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
    /// Whom the call names, then the others. The first so many of them are also somebody else's.
    lanes: Box<[PersonKey]>,
    shared: u32,
    /// Some of them were erased before, and what is left of the call is newer.
    returns: bool,
    /// They were erased before by the same request.
    again: bool,
}

impl Call {
    /// Says what else the people are known by whom the call erases, and which identifiers that it names
    /// are also those of people who stay.
    pub fn cover(&mut self, covered: &[PersonKey], is_shared: impl Fn(&PersonKey) -> bool) {
        let (shared, mut lanes): (Vec<_>, Vec<_>) = self.people.iter().copied().partition(is_shared);
        let others = covered.iter().filter(|person| !self.people.contains(person));
        lanes.extend(others);
        let is_plain = shared.is_empty() && lanes.len() == self.people.len();
        self.reach = match is_plain {
            true => Reach::default(),
            false => Reach {
                shared: u32::try_from(shared.len()).unwrap_or(u32::MAX),
                lanes: shared.into_iter().chain(lanes).collect(),
                returns: false,
                again: false,
            },
        };
    }

    /// Says by what else the people may be known elsewhere whom the call erases: nobody writes to them meanwhile, a
    /// hold on them keeps the call, and the gate keeps nothing of them.
    pub fn reach_also(&mut self, others: impl Iterator<Item = PersonKey>) {
        let mut lanes: Vec<PersonKey> = Vec::new();
        for other in others {
            if !self.reaches().contains(&other) && !lanes.contains(&other) {
                lanes.push(other);
            }
        }
        if lanes.is_empty() {
            return;
        }
        let shared = self.reach.shared as usize + lanes.len();
        lanes.extend(self.reaches());
        self.reach.lanes = lanes.into();
        self.reach.shared = u32::try_from(shared).unwrap_or(u32::MAX);
    }

    /// Everyone it changes something of, each once: nobody else writes to them at the same time.
    pub fn reaches(&self) -> &[PersonKey] {
        if self.reach.lanes.is_empty() { &self.people } else { &self.reach.lanes }
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
    /// The identifier by which a look-up asks for people, if it is only one.
    pub fn only_asks_by(&self) -> Option<(Identifier, PersonKey)> {
        let (with, mut only) = (self.with(), None);
        for (name, kind) in &self.action().reply.asks {
            let Some(value) = with.get(name) else { continue };
            for one in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
                let asked = PersonKey::read(*kind, one)?;
                if only.replace((*kind, asked)).is_some() {
                    return None;
                }
            }
        }
        only
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach").field("identifiers", &self.lanes.len()).finish_non_exhaustive()
    }
}
