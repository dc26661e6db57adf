//! The profiles a job uses: their clients, their limits, and whether they were stopped.
//!
//! A profile stops when the service refuses its credentials or cannot be reached; nothing more is sent
//! to it, and what waited for it stays waiting. Limits and stops are those of the whole process, see
//! `limits`; what is said here of moments is steady time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::batches::{Batch, Gate};
use super::limits::{Limits, Pool, Standing};
use super::timers::Now;
use crate::catalogue::Refusal;
use crate::journal::Rest;
use crate::onetrust;
use crate::run::{NO_PROFILE, Spaces, UNKNOWN_PROFILE};
use crate::wire::{Backoff, Client};

/// How often a service that never answered is tried before it counts as not reachable.
const TRIES_TO_REACH: u32 = 4;

/// How often the pause doubles while a service says no and not until when: to eight seconds, since a
/// limit that was used up comes back in one piece.
const MOST_DOUBLED: u32 = 5;

/// A rest below this is over before another process could ask.
const SHORTEST_REST_MS: i64 = 200;

/// A profile ready to be used.
#[derive(Debug)]
pub struct Service {
    /// As the settings name it.
    pub name: String,
    /// `braze`, …
    pub system: String,
    /// Owns limits and lanes.
    pub workspace: String,
    /// Sends.
    pub client: Client,
    /// Part of each limit that may be used.
    pub share: f64,
    /// Limits that replace documented ones, by action id: requests and window.
    pub limits: HashMap<String, (u32, Duration)>,
    /// The limits of an account of OneTrust, which others than the engine use, too; in real time only.
    pub account: Option<Arc<onetrust::Limits>>,
    /// The sandbox accepts any profile name for its system.
    pub any_name: bool,
}

/// Why a profile was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The profile.
    pub profile: String,
    /// For people: what is wrong and what to do.
    pub why: String,
}

/// The profiles of one job.
#[derive(Debug)]
pub(super) struct Services {
    list: Vec<Arc<Service>>,
    workspaces: Vec<u32>,
    limits: Arc<Limits>,
    /// Who it is that takes places.
    job: u64,
    pools: HashMap<(u32, &'static str), Arc<Pool>>,
    /// What the process knows of each profile, and how often it had been stopped when this job began.
    standings: Vec<(Arc<Standing>, u64)>,
    /// Until when pools rest, as far as that was noted.
    noted: HashMap<(u32, &'static str), i64>,
    random: u64,
}

impl Services {
    /// The profiles, under the limits of this process.
    pub(super) fn new(list: Vec<Arc<Service>>, limits: Arc<Limits>, seed: u64) -> Services {
        let mut names: Vec<(&str, &str)> = Vec::new();
        let workspaces = list
            .iter()
            .map(|service| {
                let workspace = (service.system.as_str(), service.workspace.as_str());
                let place = names.iter().position(|name| *name == workspace).unwrap_or_else(|| {
                    names.push(workspace);
                    names.len() - 1
                });
                u32::try_from(place).unwrap_or(u32::MAX)
            })
            .collect();
        let standing = |service: &Arc<Service>| {
            let standing = limits.standing(&service.name);
            let stops = standing.stops();
            (standing, stops)
        };
        let standings = list.iter().map(standing).collect();
        let (job, pools, noted) = (limits.join(), HashMap::new(), HashMap::new());
        Services { list, workspaces, limits, job, pools, standings, noted, random: seed | 1 }
    }

    /// The profile a call goes to: by name, or the only one of its system.
    pub(super) fn find(&self, system: &str, name: Option<&str>) -> Result<usize, Refusal> {
        find(&self.list, system, name)
    }

    /// The profile itself.
    pub(super) fn get(&self, service: usize) -> Option<&Arc<Service>> {
        self.list.get(service)
    }

    /// Takes a place under the limit: `None` when a request may leave now, else when to ask again.
    pub(super) fn reserve(&mut self, gate: Gate, now_ms: i64) -> Option<i64> {
        self.pool(gate)?.reserve(self.job, now_ms)
    }

    /// A request ended that left at `left_ms`.
    pub(super) fn settle(&mut self, gate: Gate, left_ms: i64, now_ms: i64) {
        if let Some(pool) = self.pool(gate) {
            pool.settle(left_ms, now_ms);
        }
    }

    /// What the service said of its limit when it answered a request that left at `left_ms`.
    pub(super) fn observe(&mut self, gate: Gate, said: &super::send::Said, left_ms: i64, now_ms: i64) {
        if let Some((standing, _)) = self.standings.get(gate.service) {
            standing.note_answered();
        }
        let Some(pool) = self.pool(gate) else { return };
        if let Some(limit) = said.limit {
            let ends_in_ms = said.reset_ms.map(|reset_ms| reset_ms - now_ms);
            pool.take_variant(self.of_workspace(gate.service), gate.pool, limit, ends_in_ms);
        }
        pool.observe(said, left_ms, now_ms);
    }

    /// What is to be noted for processes that come after this one: the service said until when a pool is to rest, and
    /// that is worth it.
    pub(super) fn rest(&mut self, gate: Gate, said: &super::send::Said, now: Now) -> Option<Rest> {
        let until_ms = said.rest_until_ms.filter(|_| said.says_when)?;
        let left_ms = until_ms.saturating_sub(now.steady_ms);
        let workspace = *self.workspaces.get(gate.service)?;
        let profile = self.list.get(gate.service)?;
        let noted_ms = self.noted.entry((workspace, gate.pool)).or_insert(i64::MIN);
        if left_ms < SHORTEST_REST_MS || until_ms < noted_ms.saturating_add(SHORTEST_REST_MS) {
            return None;
        }
        *noted_ms = until_ms;
        Some(Rest {
            system: profile.system.clone(),
            workspace: profile.workspace.clone(),
            pool: gate.pool.to_owned(),
            account: said.rests_account,
            told_ms: now.wall_ms,
            until_ms: now.wall_ms.saturating_add(left_ms),
        })
    }

    /// When a batch may be tried again.
    pub(super) fn next_try(
        &mut self,
        batch: &Batch,
        backoff: Backoff,
        not_before_ms: Option<i64>,
        now_ms: i64,
    ) -> i64 {
        let told = not_before_ms.map(|at| Duration::from_millis((at - now_ms).max(0).unsigned_abs()));
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = self.random ^ (self.random >> 33);
        // A service that says when to come back is believed; one that only says no is asked ever later.
        let asked = if told.is_some() { 0 } else { batch.attempt.min(MOST_DOUBLED) };
        let failed = batch.tries.max(asked);
        let wait = backoff.wait(failed.saturating_sub(1), mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15), told);
        now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
    }

    /// No connection could be made; a service that never answered is given up soon.
    pub(super) fn note_not_reached(&mut self, service: usize, tries: u32, why: &str) {
        let answered = self.standings.get(service).is_some_and(|(standing, _)| standing.has_answered());
        if !answered && tries + 1 >= TRIES_TO_REACH {
            self.stop(service, why.to_owned());
        }
    }

    /// An exchange was accepted.
    pub(super) fn note_accepted(&self, service: usize, at_ms: i64) {
        if let Some((standing, _)) = self.standings.get(service) {
            standing.note_accepted(at_ms);
        }
    }

    /// Whether a profile accepted an exchange of any job at a moment or later.
    pub(super) fn accepted_since(&self, service: usize, moment_ms: Option<i64>) -> bool {
        let accepted_ms = self.standings.get(service).map(|(standing, _)| standing.accepted_ms());
        accepted_ms.zip(moment_ms).is_some_and(|(accepted, moment)| accepted >= moment)
    }

    /// Sends nothing more to a profile, in no job that is at work.
    pub(super) fn stop(&mut self, service: usize, why: String) {
        if self.is_stopped(service) {
            return;
        }
        if let (Some(profile), Some((standing, _))) = (self.list.get(service), self.standings.get(service)) {
            let profile = &profile.name;
            tracing::error!(profile, "profile {profile} is stopped: {why}");
            standing.stop(why);
        }
    }

    /// Whether nothing more is sent to a profile.
    pub(super) fn is_stopped(&self, service: usize) -> bool {
        self.standings.get(service).is_some_and(|(standing, before)| standing.stops() > *before)
    }

    /// Whether some profile was stopped.
    pub(super) fn any_stopped(&self) -> bool {
        (0..self.list.len()).any(|service| self.is_stopped(service))
    }

    /// Whether nothing can be sent at all.
    pub(super) fn all_stopped(&self) -> bool {
        !self.list.is_empty() && (0..self.list.len()).all(|service| self.is_stopped(service))
    }

    /// Stopped profiles that no other profile shares the workspace with.
    pub(super) fn stopped_alone(&self) -> Vec<usize> {
        let is_alone = |service: &usize| self.of_workspace(*service).nth(1).is_none();
        (0..self.list.len()).filter(|service| self.is_stopped(*service)).filter(is_alone).collect()
    }

    /// Names of the profiles.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|service| service.name.as_str())
    }

    /// Names of the workspaces.
    pub(super) fn workspaces(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|service| service.workspace.as_str())
    }

    /// Every profile that was stopped.
    pub(super) fn stopped(&self) -> Vec<Stopped> {
        let all = self.list.iter().zip(&self.standings).enumerate();
        let stopped = all.filter(|(service, _)| self.is_stopped(*service));
        stopped
            .map(|(_, (profile, (standing, _)))| Stopped {
                profile: profile.name.clone(),
                why: standing.why(),
            })
            .collect()
    }

    fn of_workspace(&self, service: usize) -> impl Iterator<Item = &Service> {
        let workspace = self.workspaces.get(service).copied();
        let all = self.list.iter().zip(&self.workspaces);
        all.filter(move |(_, theirs)| Some(**theirs) == workspace).map(|(service, _)| &**service)
    }

    /// The pool of a gate, looked up when first needed.
    fn pool(&mut self, gate: Gate) -> Option<Arc<Pool>> {
        let workspace = self.workspaces.get(gate.service).copied()?;
        if let Some(pool) = self.pools.get(&(workspace, gate.pool)) {
            return Some(Arc::clone(pool));
        }
        let pool = self.limits.pool(self.of_workspace(gate.service), gate.pool)?;
        self.pools.insert((workspace, gate.pool), Arc::clone(&pool));
        Some(pool)
    }
}

/// The workspaces of a list of profiles, for runs that know them by name.
pub(super) fn spaces_of(list: &[Arc<Service>]) -> Spaces {
    let mut spaces = Spaces::default();
    for service in list {
        spaces.add(&service.system, &service.name, &service.workspace, service.any_name);
    }
    spaces
}

/// The profile of a list that a call goes to: by name, or the only one of its system.
pub(super) fn find(list: &[Arc<Service>], system: &str, name: Option<&str>) -> Result<usize, Refusal> {
    let of_system = || list.iter().enumerate().filter(|(_, service)| service.system == system);
    if of_system().next().is_none() {
        return Err(Refusal::new(NO_PROFILE, format!("the settings have no {system} profile")));
    }
    let unknown = |message: String| Refusal::new(UNKNOWN_PROFILE, message);
    let named = |name: &str| {
        of_system().find(|(_, service)| service.any_name || service.name == name).map(|(index, _)| index)
    };
    match name {
        Some(name) => named(name).ok_or_else(|| {
            let known: Vec<_> = of_system().map(|(_, service)| format!("`{}`", service.name)).collect();
            unknown(format!(
                "there is no {system} profile of that name; the settings have {}",
                known.join(", ")
            ))
        }),
        None => {
            let mut all = of_system();
            match (all.next(), all.next()) {
                (Some((index, _)), None) => Ok(index),
                (None, _) | (Some(_), Some(_)) => Err(unknown(format!(
                    "the settings have several {system} profiles: say which one in the workflow's `profiles`"
                ))),
            }
        }
    }
}

#[cfg(test)]
mod tests;
