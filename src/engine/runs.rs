//! The runs that are open in this process, each in a numbered slot.
//!
//! A slot is given away again only when everything that names it is written down, so that a lane or a
//! batch never means another run.

use super::batches::Member;
use super::lanes::Slot;
use super::thin::Carried;
use crate::job::{Failure, IdEntry, Position};
use crate::ledger::Received;
use crate::plan::{Call, PersonKey};
use crate::run::Sought;

/// An open run and what the engine knows of it.
#[derive(Debug)]
pub(super) struct Live {
    /// The machine, or how it ends.
    pub run: Carried,
    /// Nothing of the person is kept: the next accepted answer ends the run.
    pub is_thin: bool,
    /// The record.
    pub about: About,
    /// The first call may have been sent by an earlier process.
    pub again: bool,
    /// A call that waits in its lane.
    pub blocked: Option<Blocked>,
}

/// What is known of a record besides what the run needs.
#[derive(Debug)]
pub(super) struct About {
    /// Where it stands.
    pub position: Position,
    /// Its line, from 1.
    pub line: u64,
    /// Its id as given. May be personal: shown only through `safe_id`.
    pub request: Option<String>,
    /// For the index of ids.
    pub id: IdEntry,
    /// Whom it names, where nobody was found who could be erased.
    pub nobody: Box<[PersonKey]>,
    /// What the ledger is to know of it, until it was told.
    pub received: Option<Box<Received>>,
    /// What looks are to ask for once it is done.
    pub sought: Option<Box<Sought>>,
}

impl About {
    /// Of a record of which no more is known.
    pub(super) fn of(position: Position, line: u64, request: Option<String>, id: IdEntry) -> About {
        About { position, line, request, id, received: None, sought: None, nobody: Box::default() }
    }

    /// Why this record failed or waits, for the failures file.
    pub(super) fn failure(&self, step: Option<String>, code: &str, message: String) -> Failure {
        let request = self.request.as_deref().map(|id| crate::source::safe_id(id).into_owned());
        Failure { request, line: self.line, step, code: code.to_owned(), message }
    }
}

/// A call that may not leave yet.
#[derive(Debug)]
pub(super) struct Blocked {
    /// Where it goes.
    pub service: usize,
    /// The step it belongs to.
    pub step: u32,
    /// The call.
    pub call: Box<Call>,
}

#[derive(Debug)]
enum Place {
    Free,
    /// The run is with a worker, or ended and not yet written down, or does not wait for the call that the
    /// slot stands for.
    Away(Position),
    Here(Box<Live>),
}

/// The table of open runs.
#[derive(Debug, Default)]
pub(super) struct Runs {
    places: Vec<Place>,
    free: Vec<Slot>,
    waiting: usize,
    /// By slot: whether the run was to make several calls when it began.
    of_several_calls: Vec<bool>,
    several_calls: usize,
}

impl Runs {
    /// Puts a run into a free slot.
    pub(super) fn insert(&mut self, live: Box<Live>) -> Slot {
        let has_several = !live.is_thin;
        self.several_calls += usize::from(has_several);
        if let Some(slot) = self.free.pop() {
            if let Some(mark) = self.of_several_calls.get_mut(slot as usize) {
                *mark = has_several;
            }
            self.put(slot, live);
            return slot;
        }
        self.places.push(Place::Here(live));
        self.of_several_calls.push(has_several);
        Slot::try_from(self.places.len() - 1).unwrap_or(Slot::MAX)
    }

    /// A slot for a call of a record that no run waits for.
    pub(super) fn reserve(&mut self, position: Position) -> Slot {
        let place = Place::Away(position);
        if let Some(slot) = self.free.pop() {
            if let Some(free) = self.places.get_mut(slot as usize) {
                *free = place;
            }
            return slot;
        }
        self.places.push(place);
        self.of_several_calls.push(false);
        Slot::try_from(self.places.len() - 1).unwrap_or(Slot::MAX)
    }

    /// Puts a run back into its slot.
    pub(super) fn put(&mut self, slot: Slot, live: Box<Live>) {
        if let Some(place) = self.places.get_mut(slot as usize) {
            *place = Place::Here(live);
        }
    }

    /// Takes a run out; its slot stays its own until [`Runs::free`].
    pub(super) fn take(&mut self, slot: Slot) -> Option<Box<Live>> {
        let place = self.places.get_mut(slot as usize)?;
        match std::mem::replace(place, Place::Free) {
            Place::Here(live) => {
                *place = Place::Away(live.about.position);
                Some(live)
            }
            other => {
                *place = other;
                None
            }
        }
    }

    /// The run in a slot, to read it.
    pub(super) fn get(&self, slot: Slot) -> Option<&Live> {
        match self.places.get(slot as usize)? {
            Place::Here(live) => Some(live),
            Place::Away(_) | Place::Free => None,
        }
    }

    /// The run in a slot.
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Live> {
        match self.places.get_mut(slot as usize)? {
            Place::Here(live) => Some(live),
            Place::Away(_) | Place::Free => None,
        }
    }

    /// Gives a slot away again.
    pub(super) fn free(&mut self, slot: Slot) {
        if let Some(place) = self.places.get_mut(slot as usize)
            && !matches!(place, Place::Free)
        {
            *place = Place::Free;
            self.free.push(slot);
            if let Some(mark) = self.of_several_calls.get_mut(slot as usize) {
                self.several_calls -= usize::from(std::mem::take(mark));
            }
        }
    }

    /// How many runs are open.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// How many of them keep their person, because they began with several calls before them.
    pub(super) fn of_several_calls(&self) -> usize {
        self.several_calls
    }

    /// How many of them wait for a moment.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Notes that a run began or ended to wait for a moment.
    pub(super) fn note_waiting(&mut self, begins: isize) {
        self.waiting = self.waiting.saturating_add_signed(begins);
    }

    /// Whether a run is open whose first call may have been sent by an earlier process and has no answer.
    pub(super) fn any_again(&self) -> bool {
        self.places.iter().any(|place| matches!(place, Place::Here(live) if live.again))
    }

    /// The records of a batch's calls.
    pub(super) fn positions(&self, members: &[Member]) -> Vec<Position> {
        members.iter().filter_map(|member| self.position(member.slot)).collect()
    }

    /// The record of a run.
    pub(super) fn position(&self, slot: Slot) -> Option<Position> {
        match self.places.get(slot as usize)? {
            Place::Here(live) => Some(live.about.position),
            Place::Away(position) => Some(*position),
            Place::Free => None,
        }
    }

    /// Every run that is still open, when the process stops.
    pub(super) fn drain(&mut self) -> Vec<(Slot, Box<Live>)> {
        let places = std::mem::take(&mut self.places);
        self.free.clear();
        places
            .into_iter()
            .enumerate()
            .filter_map(|(slot, place)| match place {
                Place::Here(live) => Some((Slot::try_from(slot).unwrap_or(Slot::MAX), live)),
                Place::Away(_) | Place::Free => None,
            })
            .collect()
    }
}
