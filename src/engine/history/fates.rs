//! What the runs of a job came to, one after another, however many they are.
//!
//! The journal is read twice: once for what was tried again and what is still open, once to tell. What
//! is kept of a run that is over is one bit, as in [`State`]; only runs that are not over, or were tried
//! again, take memory of their own. An end counts when it is the first one, or the first one since the
//! run was last tried again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use super::fate::{Fate, MAY_HAVE_BEEN_SENT};
use crate::job::{Ended, Event, Fail, Finished, Pause, Position, State, Status, Verdict};
use crate::journal::{JobRecord, Reader, Recorded, StoreError};

/// The runs of one job.
#[derive(Debug)]
pub struct Fates {
    reader: Reader,
    record: JobRecord,
    state: State,
    /// Over, without having been tried again.
    over: Finished,
    /// Event that last asked for a run to be tried again, by number.
    reopened: HashMap<Position, i64>,
    /// Over since they were tried again.
    over_again: HashSet<Position>,
    /// Not over, with what was written down of them.
    left: BTreeMap<Position, Fate>,
    /// Sent without an answer, and not to be repeated.
    unknown: HashSet<Position>,
    /// Sent without an answer.
    in_the_air: HashSet<Position>,
    /// Of those of which a call that must not be repeated may have been sent: nobody said since that it does not
    /// matter.
    perhaps_sent: HashSet<Position>,
    cancelled_ms: Option<i64>,
}

impl Fates {
    /// Reads what the journal says of a job.
    pub fn of(reader: &Reader, record: JobRecord) -> Result<Fates, StoreError> {
        let mut fates = Fates {
            reader: reader.clone(),
            state: State::default(),
            over: Finished::default(),
            reopened: HashMap::new(),
            over_again: HashSet::new(),
            left: BTreeMap::new(),
            unknown: HashSet::new(),
            in_the_air: HashSet::new(),
            perhaps_sent: HashSet::new(),
            cancelled_ms: None,
            record,
        };
        fates.state = reader.fold(fates.record.id, |recorded| fates.note(recorded))?;
        let unresolved = fates.state.unresolved().filter(|exchange| !exchange.repeatable);
        fates.unknown = unresolved.flat_map(|exchange| exchange.positions.iter().copied()).collect();
        // Those that have just been given up say nothing of it themselves.
        fates.perhaps_sent.extend(fates.state.all_that_may_have_been_sent());
        let in_the_air = fates.state.unresolved();
        fates.in_the_air = in_the_air.flat_map(|exchange| exchange.positions.iter().copied()).collect();
        Ok(fates)
    }

    /// The job.
    pub fn record(&self) -> &JobRecord {
        &self.record
    }

    /// Its events, folded.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether the job has such a run, as far as is known.
    pub fn has(&self, position: Position) -> bool {
        match self.state.totals().records {
            Some(records) => position < records,
            None => self.is_over(position) || self.is_heard_of(position),
        }
    }

    /// A run of an open job that nothing was written about yet: its input was not read to its end, so it may be
    /// there.
    pub fn unheard_of(&self, position: Position) -> Option<Fate> {
        let is_open = self.state.status() == Status::Open && self.state.totals().records.is_none();
        (is_open && !self.has(position)).then(|| self.open_fate(position))
    }

    /// Whether nothing is left to do for a run.
    pub fn is_over(&self, position: Position) -> bool {
        match self.reopened.contains_key(&position) {
            true => self.over_again.contains(&position),
            false => self.over.contains(position),
        }
    }

    /// How many runs are over.
    pub fn over(&self) -> u64 {
        let reopened = self.reopened.keys().filter(|position| self.over.contains(**position)).count();
        self.over.count() + self.over_again.len() as u64 - reopened as u64
    }

    /// Runs that wait for a person, with what was written down of them.
    pub(super) fn parked(&self) -> impl Iterator<Item = Fate> {
        let left = self.left.keys().chain(&self.unknown).copied();
        let open = left.filter(|position| !self.is_over(*position)).map(|position| self.open_fate(position));
        let is_a_persons =
            |fate: &Fate| matches!(fate.verdict, Verdict::Waiting(Pause::NeedsAttention | Pause::Approval));
        open.filter(is_a_persons)
    }

    /// Calls `see` with every run until it has seen enough: first those that are not over, in the order
    /// of the input, then the others, in the order in which they ended.
    pub fn each<E: From<StoreError>>(
        &self,
        mut see: impl FnMut(Fate) -> Result<ControlFlow<()>, E>,
    ) -> Result<ControlFlow<()>, E> {
        for position in self.open() {
            if see(self.open_fate(position))?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let mut told = Finished::default();
        let mut told_again = HashSet::new();
        for recorded in self.reader.events(self.record.id) {
            let Recorded { number, at_ms, event } = recorded?;
            for ended in event.ends().iter().filter(|ended| !is_open(ended)) {
                let counts = match self.reopened.get(&ended.position) {
                    Some(since) => number > *since && told_again.insert(ended.position),
                    None => told.insert(ended.position),
                };
                if counts && see(self.end_fate(ended, at_ms))?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The fates of some runs, as far as the job has them.
    pub fn some(&self, wanted: &BTreeSet<Position>) -> Result<BTreeMap<Position, Fate>, StoreError> {
        let is_open = |position: &&Position| !self.is_over(**position) && self.has(**position);
        let mut found: BTreeMap<Position, Fate> =
            wanted.iter().filter(is_open).map(|position| (*position, self.open_fate(*position))).collect();
        if found.len() == wanted.len() {
            return Ok(found);
        }
        let went = self.each(|fate| {
            if wanted.contains(&fate.position) {
                found.entry(fate.position).or_insert(fate);
            }
            Ok::<_, StoreError>(match found.len() == wanted.len() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        })?;
        debug_assert!(went.is_break() || found.len() < wanted.len());
        Ok(found)
    }

    fn note(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::Answered(_) | Event::Ended { .. } => {
                for ended in recorded.event.ends() {
                    self.note_end(ended, recorded.at_ms);
                }
            }
            Event::Waiting { position, step, until_ms } => {
                let mut fate = Fate::unknown(*position, Verdict::Waiting(Pause::Wait));
                fate.at_ms = Some(recorded.at_ms);
                fate.wait = Some((step.clone(), *until_ms));
                self.left.insert(*position, fate);
            }
            Event::Reopened(reopened) => {
                for position in &reopened.positions {
                    self.reopened.insert(*position, recorded.number);
                    self.over_again.remove(position);
                    self.left.remove(position);
                    if reopened.even_if_sent {
                        self.perhaps_sent.remove(position);
                    }
                }
            }
            Event::Cancelled { at_ms, by: _ } => self.cancelled_ms = Some(*at_ms),
            Event::Decided(decision) => {
                decision.positions.iter().for_each(|position| drop(self.left.remove(position)));
            }
            Event::Opened { .. }
            | Event::Intended(_)
            | Event::Held { .. }
            | Event::Approved { .. }
            | Event::Passed { .. }
            | Event::Identified { .. }
            | Event::Erased { .. }
            | Event::Attempted(_)
            | Event::Presumed(_)
            | Event::Stopped(_) => {}
        }
    }

    fn note_end(&mut self, ended: &Ended, at_ms: i64) {
        let position = ended.position;
        if is_open(ended) {
            if !self.is_over(position) {
                let mut fate = Fate::of(ended, at_ms);
                if let Some(earlier) = self.left.remove(&position).filter(|it| it.verdict == fate.verdict) {
                    fate.key = fate.key.or(earlier.key);
                    fate.failure = fate.failure.or(earlier.failure);
                    fate.wait = earlier.wait;
                }
                if fate.code() == Some(MAY_HAVE_BEEN_SENT) {
                    self.perhaps_sent.insert(position);
                }
                self.left.insert(position, fate);
            }
            return;
        }
        match self.reopened.contains_key(&position) {
            true => drop(self.over_again.insert(position)),
            false => drop(self.over.insert(position)),
        }
        if !self.left.is_empty() {
            self.left.remove(&position);
        }
        if ended.verdict != Verdict::Failed(Fail::Cancelled) && !self.perhaps_sent.is_empty() {
            self.perhaps_sent.remove(&position);
        }
    }

    /// Runs that are not over, in the order of the input.
    fn open(&self) -> Box<dyn Iterator<Item = Position> + '_> {
        match self.state.totals().records {
            Some(records) => Box::new((0..records).filter(|position| !self.is_over(*position))),
            None => Box::new(self.heard_of().into_iter().filter(|position| !self.is_over(*position))),
        }
    }

    /// Runs that something was written about, of a job whose input was not yet read to its end.
    fn heard_of(&self) -> BTreeSet<Position> {
        let left = self.left.keys().chain(self.reopened.keys()).chain(&self.in_the_air);
        left.chain(self.state.waits().keys()).copied().chain(self.state.decided()).collect()
    }

    fn is_heard_of(&self, position: Position) -> bool {
        self.left.contains_key(&position)
            || self.reopened.contains_key(&position)
            || self.in_the_air.contains(&position)
            || self.state.waits().contains_key(&position)
            || self.state.decided().any(|decided| decided == position)
    }

    fn end_fate(&self, ended: &Ended, at_ms: i64) -> Fate {
        let mut fate = Fate::of(ended, at_ms);
        fate.is_perhaps_sent =
            matches!(ended.verdict, Verdict::Failed(_)) && self.perhaps_sent.contains(&ended.position);
        fate
    }

    fn open_fate(&self, position: Position) -> Fate {
        if self.state.status() == Status::Cancelled || self.state.is_given_up(position) {
            let mut fate = Fate::unknown(position, Verdict::Failed(Fail::Cancelled));
            fate.at_ms = self.cancelled_ms;
            fate.is_perhaps_sent = self.perhaps_sent.contains(&position);
            return fate;
        }
        let is_at_wait = self.state.waits().contains_key(&position);
        let is_still_so = |fate: &&Fate| fate.verdict != Verdict::Waiting(Pause::Wait) || is_at_wait;
        let pause = match self.left.get(&position).filter(is_still_so) {
            Some(fate) => return fate.clone(),
            None if self.unknown.contains(&position) => Pause::NeedsAttention,
            None if self.state.hold().is_some() => Pause::Guard,
            None => Pause::Retry,
        };
        Fate::unknown(position, Verdict::Waiting(pause))
    }
}

fn is_open(ended: &Ended) -> bool {
    matches!(ended.verdict, Verdict::Waiting(_))
}
