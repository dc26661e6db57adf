//! Reads of many people without a job: in full batches, under the same limits, tried again like any call.
//!
//! A read changes nothing, so nothing is written down before it leaves. What could not be read is told as
//! such and never as an empty answer. One asker is shared by all who ask at the same time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::batches::Gate;
use super::brake::Brake;
use super::limits::Limits;
use super::send::{self, Reply, Round};
use super::service::{self, Service, Services, Stopped};
use crate::clock::{Clock, VirtualClock};
use crate::plan::{Call, Room};
use crate::reply::Item;
use crate::wire::Backoff;
use crate::workflow::Policy;

/// How often the emergency stop is looked at while it holds.
const HELD: Duration = Duration::from_millis(200);

/// Asks services.
pub struct Asker {
    list: Vec<Arc<Service>>,
    services: Mutex<Services>,
    clock: Arc<dyn Clock>,
    /// Time of its own, against the sandbox: waiting moves it on.
    virtual_clock: Option<Arc<VirtualClock>>,
    policy: Policy,
    /// The emergency stop.
    brake: Option<Arc<Brake>>,
    random: AtomicU64,
    requests: AtomicU64,
    retries: AtomicU64,
}

/// What became of one read.
#[derive(Clone, PartialEq)]
pub enum Told {
    /// The service answered.
    Answer(Value),
    /// It did not, or not with what was asked for: why, free of anybody.
    Nothing(String),
}

// An answer names people.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Answer(_) => f.write_str("Answer(redacted)"),
            Told::Nothing(why) => f.debug_tuple("Nothing").field(why).finish(),
        }
    }
}

/// Calls that share a body, by their places in what was asked.
struct Batch {
    places: Vec<usize>,
    tries: u32,
    /// When it was sent first, in steady time.
    began_ms: Option<i64>,
}

impl Asker {
    /// Asks these profiles; `policy` says how often a read is tried again.
    pub fn new(
        list: Vec<Arc<Service>>,
        clock: Arc<dyn Clock>,
        virtual_clock: Option<Arc<VirtualClock>>,
        policy: Policy,
    ) -> Asker {
        let seed = clock.now_ms().unsigned_abs() | 1;
        let services = Services::new(list.clone(), Arc::new(Limits::default()), seed);
        Asker {
            list,
            services: Mutex::new(services),
            clock,
            virtual_clock,
            policy,
            brake: None,
            random: AtomicU64::new(seed),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
        }
    }

    /// The same, held back by the emergency stop of a store.
    #[must_use]
    pub fn held_by(self, brake: Brake) -> Asker {
        Asker { brake: Some(Arc::new(brake)), ..self }
    }

    /// The profile that a call goes to: by name, or the only one of its system.
    pub fn find(&self, system: &str, name: Option<&str>) -> Result<usize, String> {
        service::find(&self.list, system, name).map_err(|refusal| refusal.message.into_owned())
    }

    /// HTTP requests that were made, and how many of them were made again.
    pub fn counts(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.retries.load(Ordering::Relaxed))
    }

    /// Asks a profile; one answer for each call, in their order. An error when the profile refuses the
    /// credentials or cannot be reached: then nothing more is worth asking.
    pub async fn ask(&self, service: usize, calls: &[Call]) -> Result<Vec<Told>, Stopped> {
        let mut told: Vec<Option<Told>> = calls.iter().map(|_| None).collect();
        let mut open: VecDeque<Batch> = batches(calls);
        while let Some(batch) = open.pop_front() {
            if batch.tries > 0 || batch.began_ms.is_some() {
                self.retries.fetch_add(1, Ordering::Relaxed);
            }
            let of_batch: Vec<&Call> = batch.places.iter().filter_map(|place| calls.get(*place)).collect();
            let round = self.send(service, &of_batch).await?;
            for (place, answer) in self.taken(service, batch, round, &mut open).await? {
                if let Some(slot) = told.get_mut(place) {
                    *slot = Some(answer);
                }
            }
        }
        let nothing = || Told::Nothing("nothing was said of it".to_owned());
        Ok(told.into_iter().map(|told| told.unwrap_or_else(nothing)).collect())
    }

    /// Waits for a place under the limit and makes one exchange.
    async fn send(&self, service: usize, calls: &[&Call]) -> Result<Round, Stopped> {
        let (Some(profile), Some(first)) = (self.list.get(service), calls.first()) else {
            return Err(Stopped { profile: String::new(), why: "there is no such profile".to_owned() });
        };
        let gate = Gate { service, pool: &first.action().pool };
        let left_ms = loop {
            self.check(service)?;
            self.wait_for_brake(&profile.name).await;
            let now_ms = self.clock.steady_ms();
            let at_ms = self.services().reserve(gate, now_ms);
            match at_ms {
                None => break now_ms,
                Some(at_ms) => self.wait_until(at_ms).await,
            }
        };
        self.requests.fetch_add(1, Ordering::Relaxed);
        let round = send::once(profile, calls, &*self.clock).await;
        let now_ms = self.clock.steady_ms();
        let mut services = self.services();
        services.settle(gate, left_ms, now_ms);
        // Nobody answered: nothing was said of the limit, nor is it known that somebody is there.
        if round.status != 0 {
            services.observe(gate, &round.said, left_ms, now_ms);
        }
        Ok(round)
    }

    /// What an exchange came to; what is to be asked again goes to the front.
    async fn taken(
        &self,
        service: usize,
        mut batch: Batch,
        round: Round,
        open: &mut VecDeque<Batch>,
    ) -> Result<Vec<(usize, Told)>, Stopped> {
        let again = |places: Vec<usize>| Batch { places, tries: 0, began_ms: None };
        let (not_before_ms, why) = match round.reply {
            Reply::Items(items) => {
                let mut told = Vec::with_capacity(items.len());
                for (place, item) in batch.places.into_iter().zip(items) {
                    match item {
                        Item::Accepted { output } => told.push((place, Told::Answer(output))),
                        Item::Written => told.push((place, Told::Answer(Value::Null))),
                        Item::Refused(refusal) => {
                            told.push((place, Told::Nothing(refusal.message.into_owned())))
                        }
                        Item::Again | Item::AskAlone => open.push_front(again(vec![place])),
                    }
                }
                return Ok(told);
            }
            Reply::Split if batch.places.len() > 1 => {
                let half = batch.places.split_off(batch.places.len() / 2);
                open.push_front(again(half));
                open.push_front(again(batch.places));
                return Ok(Vec::new());
            }
            Reply::Split => (None, "the service does not take the question".to_owned()),
            Reply::Stop { why } => {
                self.services().stop(service, why);
                self.check(service)?;
                return Ok(Vec::new());
            }
            Reply::NotReached { why } => {
                self.services().note_not_reached(service, batch.tries, &why);
                self.check(service)?;
                batch.tries += 1;
                (None, why)
            }
            Reply::NotApplied { not_before_ms, counts } => {
                batch.tries += u32::from(counts);
                (not_before_ms, "the service cannot answer now".to_owned())
            }
            Reply::Declined { not_before_ms } => {
                batch.tries += 1;
                (not_before_ms, "the service cannot answer now".to_owned())
            }
            Reply::Unknown { why } => {
                batch.tries += 1;
                (None, why)
            }
            Reply::Unreadable { by: _ } => {
                batch.tries += 1;
                (None, "the answer cannot be read".to_owned())
            }
        };
        let now_ms = self.clock.steady_ms();
        let began_ms = *batch.began_ms.get_or_insert(now_ms);
        let at_ms = self.next_try(batch.tries, not_before_ms, now_ms);
        let most_ms = i64::try_from(self.policy.at_most.as_millis()).unwrap_or(i64::MAX);
        if batch.tries >= self.policy.attempts || at_ms > began_ms.saturating_add(most_ms) {
            return Ok(batch.places.into_iter().map(|place| (place, Told::Nothing(why.clone()))).collect());
        }
        self.wait_until(at_ms).await;
        open.push_front(batch);
        Ok(Vec::new())
    }

    fn next_try(&self, tries: u32, not_before_ms: Option<i64>, now_ms: i64) -> i64 {
        let told = not_before_ms.map(|at| Duration::from_millis((at - now_ms).max(0).unsigned_abs()));
        let backoff = Backoff { base: self.policy.base, cap: self.policy.cap };
        // Knuth's multiplier; the high bits are the good ones.
        let random = self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        let random = (random ^ (random >> 33)).wrapping_mul(6_364_136_223_846_793_005);
        let wait = backoff.wait(tries.saturating_sub(1), random, told);
        now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX).max(1))
    }

    async fn wait_for_brake(&self, profile: &str) {
        let Some(brake) = &self.brake else { return };
        loop {
            brake.look();
            if !brake.holds(profile) {
                return;
            }
            tokio::time::sleep(HELD).await;
        }
    }

    async fn wait_until(&self, at_ms: i64) {
        match &self.virtual_clock {
            Some(clock) => {
                clock.advance_to(at_ms);
                tokio::task::yield_now().await;
            }
            None => {
                let left_ms = at_ms.saturating_sub(self.clock.steady_ms()).max(1);
                tokio::time::sleep(Duration::from_millis(left_ms.unsigned_abs())).await;
            }
        }
    }

    /// Nothing more is asked of a profile that was stopped.
    fn check(&self, service: usize) -> Result<(), Stopped> {
        let services = self.services();
        if !services.is_stopped(service) {
            return Ok(());
        }
        let name = services.get(service).map(|service| service.name.clone()).unwrap_or_default();
        let stopped = services.stopped().into_iter().find(|stopped| stopped.profile == name);
        Err(stopped.unwrap_or(Stopped { profile: name, why: "it is stopped".to_owned() }))
    }

    /// Never held while anything waits.
    fn services(&self) -> MutexGuard<'_, Services> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// Calls gathered into as few bodies as the catalogue allows.
fn batches(calls: &[Call]) -> VecDeque<Batch> {
    let mut rooms: Vec<(Room, Vec<usize>)> = Vec::new();
    for (place, call) in calls.iter().enumerate() {
        match rooms.iter_mut().find(|(room, _)| room.can_take(call)) {
            Some((room, places)) => {
                room.take(call);
                places.push(place);
            }
            None => {
                let mut room = Room::new(call.action());
                room.take(call);
                rooms.push((room, vec![place]));
            }
        }
    }
    rooms.into_iter().map(|(_, places)| Batch { places, tries: 0, began_ms: None }).collect()
}
