//! What several jobs of one process must know together: the limits of each workspace, and which
//! profiles were stopped.
//!
//! A service counts all requests of a workspace, whichever job of ours they serve; so there is one
//! limiter for each pool of a workspace in a process. A profile that is refused in one job is stopped in all that were open then; a job that is
//! opened later may try it again. All moments are steady time. No lock is held while anything waits.
//! What counts for an account of OneTrust is shared with whoever else asks it, and stands there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fair::Fair;
use super::send::Said;
use super::service::Service;
use super::timers::Now;
use crate::catalogue::{self, Limit};
use crate::journal::Rest;
use crate::onetrust::{self, Period};
use crate::wire::{Grant, Limiter};

/// How much the clock of a service may differ from ours where only the length of its window is asked.
const CLOCKS_DIFFER_MS: i64 = 2_000;

/// The limits and the stopped profiles of one process.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pools: Mutex<HashMap<PoolName, Arc<Pool>>>,
    profiles: Mutex<HashMap<String, Arc<Standing>>>,
    jobs: AtomicU64,
    /// What pools were told that nobody asked for yet in this process, with when it ends in steady time.
    told_before: Mutex<Vec<(Rest, i64)>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PoolName {
    system: String,
    workspace: String,
    pool: &'static str,
}

impl PoolName {
    fn is_of(&self, rest: &Rest) -> bool {
        self.system == rest.system && self.workspace == rest.workspace && self.pool == rest.pool
    }
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
        let name = PoolName { system, workspace, pool };
        let told_before = match pools.contains_key(&name) {
            true => None,
            false => locked(&self.told_before).iter().find(|(rest, _)| name.is_of(rest)).cloned(),
        };
        let of_account = || first.account.as_ref().zip(endpoint_of(first, pool));
        let known = pools.entry(name).or_insert_with(|| {
            Arc::new(of_account().map_or_else(Pool::default, |(limits, endpoint)| Pool {
                counted: Counted::ByAccount { limits: Arc::clone(limits), endpoint },
                ..Pool::default()
            }))
        });
        if let Counted::Here(limiter) = &known.counted {
            locked(limiter).lower_to(stated(None));
        }
        if let Some((rest, until_ms)) = told_before {
            let rests_account = rest.account;
            let said =
                Said { rest_until_ms: Some(until_ms), says_when: true, rests_account, ..Said::default() };
            known.observe(&said, 0, 0);
        }
        Some(Arc::clone(known))
    }

    /// Keeps to what services asked for before this process had its store.
    pub(super) fn keep_to(&self, rests: Vec<Rest>, now: Now) {
        let until = |rest: &Rest| Some(now.steady_ms.saturating_add(rest.left_ms(now.wall_ms)?));
        let rests = rests.into_iter().filter_map(|rest| until(&rest).map(|until_ms| (rest, until_ms)));
        *locked(&self.told_before) = rests.collect();
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
    counted: Counted,
    turns: Mutex<Fair>,
    /// An answer told that another documented limit holds.
    is_variant: AtomicBool,
}

/// Where the requests of a pool are counted.
#[derive(Debug)]
enum Counted {
    /// By a limiter of its own.
    Here(Box<Mutex<Limiter>>),
    /// With all others of the account, whoever makes them.
    ByAccount { limits: Arc<onetrust::Limits>, endpoint: String },
}

impl Counted {
    fn reserve(&self, now: Duration) -> Grant {
        match self {
            Counted::Here(limiter) => locked(limiter).reserve(now),
            Counted::ByAccount { limits, endpoint } => limits.reserve(endpoint, now),
        }
    }
}

impl Default for Pool {
    fn default() -> Pool {
        let counted = Counted::Here(Box::new(Mutex::new(Limiter::unlimited())));
        Pool { counted, turns: Mutex::default(), is_variant: AtomicBool::new(false) }
    }
}

impl Pool {
    /// Takes a place for a job: `None` when a request may leave now, else when to ask again.
    pub(super) fn reserve(&self, job: u64, now_ms: i64) -> Option<i64> {
        let mut turns = locked(&self.turns);
        if let Some(again_ms) = turns.yields_until(job, now_ms) {
            return Some(again_ms);
        }
        match self.counted.reserve(since_zero(now_ms)) {
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
        let (left, now) = (since_zero(left_ms), since_zero(now_ms));
        match &self.counted {
            Counted::Here(limiter) => locked(limiter).settle(left, now),
            Counted::ByAccount { limits, endpoint } => limits.settle(endpoint, left, now),
        }
    }

    /// What the service said of the pool when it answered a request that left at `left_ms`.
    pub(super) fn observe(&self, said: &Said, left_ms: i64, now_ms: i64) {
        let rest_until = said.rest_until_ms.map(since_zero);
        match &self.counted {
            Counted::Here(limiter) => {
                let mut limiter = locked(limiter);
                if let (Some(limit), Some(remaining)) = (said.limit, said.remaining) {
                    limiter.observe(limit, remaining, said.reset_ms.map(since_zero), since_zero(now_ms));
                }
                match rest_until {
                    Some(until) if said.is_untold => {
                        if said.says_when {
                            limiter.penalise(until);
                        }
                        limiter.refuse(since_zero(left_ms), until, since_zero(now_ms));
                    }
                    Some(until) => limiter.penalise(until),
                    None => {}
                }
            }
            // OneTrust tells nothing of its limits before one is used up.
            Counted::ByAccount { limits, endpoint } => {
                let period = if said.rests_account { Period::Hour } else { Period::Minute };
                if let Some(until) = rest_until {
                    limits.rest(endpoint, period, until);
                }
            }
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
        if let Counted::Here(limiter) = &self.counted {
            locked(limiter).turn_into(lowest(&profiles, pool, Some(*variant)));
        }
    }
}

/// What is known of one profile.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// How often it was stopped.
    stops: AtomicU64,
    why: Mutex<String>,
    answered: AtomicBool,
    /// When it last accepted an exchange, in steady time from 1; 0 for never.
    accepted_ms: AtomicU64,
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

    /// The service accepted an exchange.
    pub(super) fn note_accepted(&self, at_ms: i64) {
        self.accepted_ms.fetch_max(at_ms.max(0).unsigned_abs().saturating_add(1), Ordering::Relaxed);
    }

    /// When it last accepted one; before all time if it never did.
    pub(super) fn accepted_ms(&self) -> i64 {
        i64::try_from(self.accepted_ms.load(Ordering::Relaxed)).unwrap_or(i64::MAX).saturating_sub(1)
    }

    /// Whether it answered ever.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }
}

/// The endpoint of a pool of OneTrust.
fn endpoint_of(service: &Service, pool: &str) -> Option<String> {
    let mut actions = catalogue::all().iter();
    let action = actions.find(|action| action.pool == pool && action.system == service.system)?;
    Some(onetrust::endpoint(action.method.word(), &action.path))
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
