//! What several jobs of one process must know together: the limits of each workspace, and which
//! profiles were stopped.
//!
//! A service counts all requests of a workspace, whichever job of ours they serve; so there is one
//! limiter for each pool of a workspace in a process. A profile that is refused in one job is stopped in all that were open then; a job that is
//! opened later may try it again. All moments are steady time. No lock is held while anything waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fair::Fair;
use super::service::Service;
use crate::catalogue::{self, Limit};
use crate::wire::{Grant, Limiter};

/// How much the clock of a service may differ from ours where only the length of its window is asked.
const CLOCKS_DIFFER_MS: i64 = 2_000;

/// The limits and the stopped profiles of one process.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pools: Mutex<HashMap<PoolName, Arc<Pool>>>,
    profiles: Mutex<HashMap<String, Arc<Standing>>>,
    jobs: AtomicU64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PoolName {
    system: String,
    workspace: String,
    pool: &'static str,
}

impl Limits {
    /// The pool that these profiles of one workspace share. The lowest limit that any profile of any
    /// job has stated for it holds.
    pub(super) fn pool<'s>(
        &self,
        of_workspace: impl Iterator<Item = &'s Service>,
        pool: &'static str,
    ) -> Option<Arc<Pool>> {
        let profiles: Vec<&Service> = of_workspace.collect();
        let first = profiles.first()?;
        let (system, workspace) = (first.system.clone(), first.workspace.clone());
        let stated = |variant| lowest(&profiles, pool, variant);
        let mut pools = locked(&self.pools);
        let known = pools.entry(PoolName { system, workspace, pool }).or_default();
        locked(&known.limiter).lower_to(stated(None));
        Some(Arc::clone(known))
    }

    /// A number for a job that takes places here.
    pub(super) fn join(&self) -> u64 {
        self.jobs.fetch_add(1, Ordering::Relaxed)
    }

    /// What is known of a profile, by its name.
    pub(super) fn standing(&self, profile: &str) -> Arc<Standing> {
        Arc::clone(locked(&self.profiles).entry(profile.to_owned()).or_default())
    }
}

/// Requests of one workspace that share a limit.
#[derive(Debug)]
pub(super) struct Pool {
    limiter: Mutex<Limiter>,
    turns: Mutex<Fair>,
    /// An answer told that another documented limit holds.
    is_variant: AtomicBool,
}

impl Default for Pool {
    fn default() -> Pool {
        let limiter = Mutex::new(Limiter::unlimited());
        Pool { limiter, turns: Mutex::default(), is_variant: AtomicBool::new(false) }
    }
}

impl Pool {
    /// Takes a place for a job: `None` when a request may leave now, else when to ask again.
    pub(super) fn reserve(&self, job: u64, now_ms: i64) -> Option<i64> {
        let mut turns = locked(&self.turns);
        if let Some(again_ms) = turns.yields_until(job, now_ms) {
            return Some(again_ms);
        }
        match locked(&self.limiter).reserve(since_zero(now_ms)) {
            Grant::Now => {
                turns.took(job, now_ms);
                None
            }
            Grant::At(at) => {
                let at_ms = i64::try_from(at.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
                turns.waits(job, at_ms);
                Some(at_ms)
            }
        }
    }

    /// A request ended that left at `left_ms`.
    pub(super) fn settle(&self, left_ms: i64, now_ms: i64) {
        locked(&self.limiter).settle(since_zero(left_ms), since_zero(now_ms));
    }

    /// What the service said of the pool when it answered a request that left at `left_ms`.
    pub(super) fn observe(&self, said: &super::send::Said, left_ms: i64, now_ms: i64) {
        let mut limiter = locked(&self.limiter);
        if let (Some(limit), Some(remaining)) = (said.limit, said.remaining) {
            limiter.observe(limit, remaining, said.reset_ms.map(since_zero), since_zero(now_ms));
        }
        match said.rest_until_ms {
            Some(until_ms) if said.is_untold => {
                limiter.refuse(since_zero(left_ms), since_zero(until_ms), since_zero(now_ms));
            }
            Some(until_ms) => limiter.penalise(since_zero(until_ms)),
            None => {}
        }
    }

    /// A limit counts for a window, and an answer tells only the count: 40 is more than 250 when it is 40
    /// a second. So a count that is documented with another window brings that window, when the end of
    /// the window that the service names is that near.
    pub(super) fn take_variant<'s>(
        &self,
        of_workspace: impl Iterator<Item = &'s Service>,
        pool: &'static str,
        limit: u32,
        ends_in_ms: Option<i64>,
    ) {
        let mut actions = catalogue::all().iter().filter(|action| action.pool == pool);
        let Some(action) = actions.find(|action| !action.limit_variants.is_empty()) else { return };
        let Some(variant) = action.limit_variants.iter().find(|variant| variant.requests == limit) else {
            return;
        };
        let longest_ms = i64::from(variant.per_seconds) * 1000 + CLOCKS_DIFFER_MS;
        if ends_in_ms.is_none_or(|ms| ms > longest_ms) || self.is_variant.swap(true, Ordering::Relaxed) {
            return;
        }
        let profiles: Vec<&Service> = of_workspace.collect();
        locked(&self.limiter).turn_into(lowest(&profiles, pool, Some(*variant)));
    }
}

/// What is known of one profile.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// How often it was stopped.
    stops: AtomicU64,
    why: Mutex<String>,
    answered: AtomicBool,
}

impl Standing {
    /// How often it was stopped; whoever begins now is concerned only by what comes after.
    pub(super) fn stops(&self) -> u64 {
        self.stops.load(Ordering::Acquire)
    }

    /// Nothing more is sent to it, by nobody who is at work.
    pub(super) fn stop(&self, why: String) {
        *locked(&self.why) = why;
        self.stops.fetch_add(1, Ordering::Release);
    }

    /// Why it was stopped last.
    pub(super) fn why(&self) -> String {
        locked(&self.why).clone()
    }

    /// The service answered.
    pub(super) fn note_answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Whether it answered ever.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }
}

/// Profiles of one workspace share its limits; the lowest that any of them states holds.
fn lowest(profiles: &[&Service], pool: &str, variant: Option<Limit>) -> Limiter {
    profiles.iter().fold(Limiter::unlimited(), |mut limiter, service| {
        limiter.lower_to(limiter_for(service, pool, variant));
        limiter
    })
}

/// The limiter of a pool: as documented, unless the profile says otherwise for any action of the pool.
fn limiter_for(service: &Service, pool: &str, variant: Option<Limit>) -> Limiter {
    let mut documented = None;
    for action in
        catalogue::all().iter().filter(|action| action.pool == pool && action.system == service.system)
    {
        if let Some((requests, window)) = service.limits.get(&action.id) {
            return Limiter::new(*requests, *window, service.share);
        }
        documented = Some(variant.unwrap_or(action.limit));
    }
    match documented {
        Some(limit) => Limiter::new(limit.requests, limit.window(), service.share),
        None => Limiter::unlimited(),
    }
}

fn since_zero(ms: i64) -> Duration {
    Duration::from_millis(ms.max(0).unsigned_abs())
}

/// A counter that somebody panicked over is still a counter.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
