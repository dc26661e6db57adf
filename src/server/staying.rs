//! Looks whether erased people are still gone, carried out when they are due.
//!
//! What is due stands in the store, so a start after days catches up, and a look that a kill interrupted goes
//! on. A look that waits for a person is left until somebody decided something about it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::board::PATIENCE;
use super::carry::{Carrier, Ways};
use crate::clock::{Clock, SystemClock};
use crate::engine::Patience;
use crate::host::{HostError, Looked, Talk, Through, said};
use crate::journal::{StoreError, Watch};

/// How often is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Looks at a time: each is a job, and others wait for places, too.
const MOST_AT_ONCE: usize = 4;
/// When a look is tried again that could not be carried out.
const AGAIN_MS: i64 = 10 * 60_000;

/// A look that is not over.
#[derive(Debug, Clone, Copy)]
struct Resting {
    /// When it goes on by itself, in Unix milliseconds.
    wake_ms: Option<i64>,
    /// The newest event of its job: with another one somebody decided something.
    event: i64,
}

/// Carries looks out.
pub(super) struct Staying {
    carrier: Carrier,
    resting: HashMap<i64, Resting>,
    under_way: HashSet<i64>,
    tasks: JoinSet<(Watch, Result<Looked, HostError>)>,
    /// Why looks are not over, so that the same is said only once.
    told: HashMap<i64, String>,
}

impl Staying {
    pub(super) fn of(carrier: Carrier) -> Staying {
        Staying {
            carrier,
            resting: HashMap::new(),
            under_way: HashSet::new(),
            tasks: JoinSet::new(),
            told: HashMap::new(),
        }
    }

    /// Looks until `stop`.
    pub(super) async fn keep_looking(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.begin_what_is_due(&stop) {
                tracing::error!(%error, "what people are to be looked for again cannot be read: {error}");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = self.tasks.join_next() => self.on_ended(ended),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    fn now_ms(&self) -> i64 {
        match &self.carrier.ways {
            Ways::Settings => SystemClock.now_ms(),
            Ways::Sandbox { clock, .. } => clock.now_ms(),
        }
    }

    fn begin_what_is_due(&mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        let due = self.carrier.host.due_looks(now_ms)?;
        for watch in due {
            if self.under_way.len() >= MOST_AT_ONCE {
                break;
            }
            if self.under_way.contains(&watch.id) || self.rests(&watch, now_ms)? {
                continue;
            }
            self.under_way.insert(watch.id);
            let (carrier, stop) = (self.carrier.clone(), stop.child_token());
            self.tasks.spawn(async move {
                let looked = carrier.look_again(&watch, stop).await;
                (watch, looked)
            });
        }
        Ok(())
    }

    fn rests(&self, watch: &Watch, now_ms: i64) -> Result<bool, StoreError> {
        let Some(resting) = self.resting.get(&watch.id) else { return Ok(false) };
        if resting.wake_ms.is_some_and(|wake_ms| wake_ms <= now_ms) {
            return Ok(false);
        }
        Ok(self.newest_event(watch)? == resting.event)
    }

    /// Has people told how a look stands now.
    fn note(&self, watch: &Watch) -> Result<(), StoreError> {
        let store = self.carrier.host.store();
        let now = store.watches(Some(watch.job))?.into_iter().find(|known| known.id == watch.id);
        now.map_or(Ok(()), |watch| self.carrier.teller.note_look(store, &watch))
    }

    fn newest_event(&self, watch: &Watch) -> Result<i64, StoreError> {
        let store = self.carrier.host.store();
        let look = store.watches(Some(watch.job))?.into_iter().find(|known| known.id == watch.id);
        match look.and_then(|watch| watch.look) {
            Some(look) => store.newest_event(look),
            None => Ok(0),
        }
    }

    fn on_ended(&mut self, ended: Result<(Watch, Result<Looked, HostError>), tokio::task::JoinError>) {
        // A task that panicked has said so; its look is not tried again before the next start.
        let Ok((watch, looked)) = ended else { return };
        self.under_way.remove(&watch.id);
        let job = watch.job;
        if let Err(error) = self.note(&watch) {
            tracing::error!(%job, %error, "what was found of the people whom {job} erased cannot be read: {error}");
        }
        let who = format!("a look of {job}");
        let why = match looked {
            Ok(looked @ Looked::Over(_)) => {
                self.carrier.in_the_way.passes(&who);
                self.resting.remove(&watch.id);
                self.told.remove(&watch.id);
                return tell(&watch, &looked);
            }
            Ok(Looked::Open { wake_ms, why }) => {
                self.carrier.in_the_way.passes(&who);
                let event = self.newest_event(&watch).unwrap_or_default();
                self.resting.insert(watch.id, Resting { wake_ms, event });
                why
            }
            Err(error) => {
                if let Ok(record) = self.carrier.host.store().job(job) {
                    self.carrier.is_stopped(&who, &record.workflow_name, &error);
                }
                let (wake_ms, event) = (Some(self.now_ms().saturating_add(AGAIN_MS)), 0);
                self.resting.insert(watch.id, Resting { wake_ms, event });
                error.refusal().text
            }
        };
        if self.told.insert(watch.id, why.clone()).as_ref() != Some(&why) {
            tracing::warn!(%job, "the people whom {job} erased cannot be looked for yet: {why}");
        }
    }
}

impl Carrier {
    /// Carries a look out as far as it goes.
    async fn look_again(&self, watch: &Watch, stop: CancellationToken) -> Result<Looked, HostError> {
        let (through, patience) = match &self.ways {
            Ways::Settings => (Through::Settings, Patience::Until(PATIENCE)),
            Ways::Sandbox { services, clock, .. } => {
                (Through::Sandbox(services.clone(), Arc::clone(clock)), Patience::Endless)
            }
        };
        // Nobody watches how far it is.
        let (talk, _) = tokio::sync::mpsc::unbounded_channel();
        self.host.look_again(watch, through, patience, stop, &Talk::to(talk)).await
    }
}

fn tell(watch: &Watch, looked: &Looked) {
    let (job, said) = (watch.job, said(watch, looked));
    let Looked::Over(found) = looked else { return };
    let is_all_well = found.gone == found.people && found.why.is_none();
    match is_all_well {
        true => tracing::info!(%job, "{said}"),
        false => tracing::warn!(%job, "{said}; `privaflow watch list --job {job}`"),
    }
}
