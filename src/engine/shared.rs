//! What the jobs of one process have in common: the lanes of everybody they write to, the limits
//! under which they do, and the brake that holds them.
//!
//! Each job is driven by an engine of its own. A person is written to by one of them at a time, so
//! the lanes are shared; a call that may leave is told to the engine it belongs to. A job that leaves
//! requests in the air keeps the lanes of their people, until somebody goes on with it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::brake::Brake;
use super::driver::Message;
use super::in_hand::InHand;
use super::lanes::{Lanes, Ticket};
use super::limits::Limits;
use crate::config::QUIET;
use crate::job::JobId;
use crate::plan::PersonKey;

/// What the jobs of one process have in common.
#[derive(Debug)]
pub struct Shared {
    /// How long after an erasure a change counts as made before it.
    quiet: Duration,
    lanes: Mutex<Lanes>,
    engines: Mutex<Engines>,
    spaces: Mutex<Vec<String>>,
    brake: Option<Arc<Brake>>,
    in_hand: InHand,
    limits: Arc<Limits>,
}

#[derive(Debug, Default)]
struct Engines {
    next: u32,
    senders: HashMap<u32, UnboundedSender<Message>>,
    /// The jobs of those that have lanes.
    jobs: HashMap<u32, JobId>,
    /// Jobs whose engine has its lanes.
    at_work: HashSet<JobId>,
    /// Engines that are gone and left lanes behind, by their jobs.
    left: HashMap<JobId, Vec<u32>>,
}

/// For whom an engine waits whose calls do not move.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// The jobs that have the lanes.
    pub jobs: BTreeSet<JobId>,
    /// One of them is at work here. Behind one that was left in the air nobody moves.
    pub is_at_work: bool,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared {
            quiet: QUIET,
            lanes: Mutex::default(),
            engines: Mutex::default(),
            spaces: Mutex::default(),
            brake: None,
            in_hand: InHand::default(),
            limits: Arc::default(),
        }
    }
}

impl Shared {
    /// For jobs of a store that the emergency stop can hold. `quiet` is how long after an erasure a change
    /// counts as made before it.
    pub fn new(brake: Arc<Brake>, quiet: Duration) -> Shared {
        Shared { brake: Some(brake), quiet, ..Shared::default() }
    }

    /// How long after an erasure a change counts as made before it, in milliseconds.
    pub(super) fn quiet_ms(&self) -> i64 {
        i64::try_from(self.quiet.as_millis()).unwrap_or(i64::MAX)
    }

    /// Whether the emergency stop holds a profile.
    pub(super) fn holds(&self, profile: &str) -> bool {
        self.brake.as_ref().is_some_and(|brake| brake.holds(profile))
    }

    /// The requests that are worked on.
    pub(super) fn in_hand(&self) -> &InHand {
        &self.in_hand
    }

    /// The lanes; never held over an `.await`.
    pub(super) fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The jobs that have the lanes in which calls of an engine wait.
    pub(super) fn behind(&self, engine: u32) -> Behind {
        let others = self.lanes().waits_for(engine);
        let engines = self.engines();
        let is_at_work = others.iter().any(|other| engines.senders.contains_key(other));
        Behind {
            jobs: others.iter().filter_map(|other| engines.jobs.get(other).copied()).collect(),
            is_at_work,
        }
    }

    /// The limits of every workspace, and the profiles that were stopped.
    pub(super) fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits)
    }

    /// A number for a workspace, the same for all engines.
    pub(super) fn space(&self, workspace: &str) -> u32 {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        let place = spaces.iter().position(|name| name == workspace).unwrap_or_else(|| {
            spaces.push(workspace.to_owned());
            spaces.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// Takes an engine of a job in; gives it its number.
    pub(super) fn join(&self, sender: UnboundedSender<Message>, job: JobId) -> u32 {
        let mut engines = self.engines();
        let number = engines.next;
        engines.next += 1;
        engines.senders.insert(number, sender);
        engines.jobs.insert(number, job);
        number
    }

    /// Whether an engine has the lanes of everybody whom this job left in the air.
    pub fn is_at_work(&self, job: JobId) -> bool {
        self.engines().at_work.contains(&job)
    }

    /// An engine of a job has in its lanes whom earlier ones left in the air.
    pub(super) fn begin(&self, job: JobId) {
        self.engines().at_work.insert(job);
        self.give_up(job);
    }

    /// Whether a job left lanes behind that it holds for whom it left in the air.
    pub fn has_left(&self, job: JobId) -> bool {
        self.engines().left.contains_key(&job)
    }

    /// A person gave a job up: what it left in the air holds nobody up any more.
    pub fn give_up(&self, job: JobId) {
        let left = self.engines().left.remove(&job).unwrap_or_default();
        for engine in left {
            self.forget(engine, &HashSet::new());
            self.engines().jobs.remove(&engine);
        }
    }

    /// An engine is gone, and with it what it had in the lanes, but for the people of requests that it left
    /// in the air.
    pub(super) fn part(&self, engine: u32, job: JobId, in_the_air: &HashSet<(u32, PersonKey)>) {
        self.engines().senders.remove(&engine);
        self.in_hand.forget(engine);
        self.forget(engine, in_the_air);
        let mut engines = self.engines();
        match in_the_air.is_empty() {
            true => drop(engines.jobs.remove(&engine)),
            false => engines.left.entry(job).or_default().push(engine),
        }
        engines.at_work.remove(&job);
    }

    fn forget(&self, engine: u32, but: &HashSet<(u32, PersonKey)>) {
        let granted = self.lanes().forget(engine, but);
        granted.into_iter().for_each(|ticket| self.tell(ticket));
    }

    /// Tells an engine that a call of it may leave.
    pub(super) fn tell(&self, ticket: Ticket) {
        if let Some(sender) = self.engines().senders.get(&ticket.engine) {
            // An engine that is gone has taken its calls out of the lanes.
            drop(sender.send(Message::Granted(ticket.slot)));
        }
    }

    fn engines(&self) -> MutexGuard<'_, Engines> {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
