//! The loop that drives one job: takes in what was planned, sends what may leave, writes down what
//! came back, and only then lets a run go on.
//!
//! One task owns all of it, so nothing here is shared or locked. It does no work per person that the
//! workers could do, and never waits for anything but the next message. What it may do next depends on
//! what the journal has stored: a batch leaves after its intent is durable, a run goes on after its
//! answer is.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;

use super::answers::Settled;
use super::batches::{Batch, Batches};
use super::lanes::{Slot, Ticket};
use super::progress::Progress;
use super::runs::Runs;
use super::send::Replied;
use super::service::Services;
use super::shared::Shared;
use super::task::{EngineError, Patience, Task};
use super::timers::{Due, Timers};
use super::turns::Turns;
use super::worker::{Made, PlannedChunk, Workers};
use crate::clock::Clock;
use crate::job::{Ended, Event, State, Verdict};
use crate::journal::{Holds, Ids, Marks, Space, Writer};

/// Everything that can wake the driver, but its timers and the journal.
#[derive(Debug)]
pub(super) enum Message {
    /// A worker has planned a chunk or taken runs on.
    Made(Made),
    /// An exchange ended.
    Replied(Replied),
    /// The reader has a chunk ready, or is at the end.
    Read(super::reader::Read),
    /// A call that waited in its lanes may leave.
    Granted(Slot),
}

/// What waits for an event to be durable.
#[derive(Debug)]
pub(super) enum After {
    /// A batch leaves.
    Send(Box<Batch>),
    /// Lanes move up and runs go on.
    Settled(Box<Settled>),
    /// Ids are finished, of so many records that ended without an exchange of their own.
    Finished { keys: Vec<[u8; 16]>, records: usize },
}

/// One job being driven.
pub(super) struct Driver {
    pub(super) task: Arc<Task>,
    pub(super) services: Services,
    pub(super) clock: Arc<dyn Clock>,
    /// Steady time when this process took the job on.
    pub(super) opened_steady_ms: i64,
    pub(super) virtual_clock: Option<Arc<crate::clock::VirtualClock>>,
    pub(super) patience: Patience,
    pub(super) writer: Writer,
    pub(super) durable: UnboundedReceiver<u64>,
    pub(super) ids: Ids,
    pub(super) state: State,
    pub(super) messages: UnboundedReceiver<Message>,
    pub(super) sender: UnboundedSender<Message>,
    /// Before the workers: they end when nobody can give them anything any more.
    pub(super) reader: super::reader::Reader,
    pub(super) workers: Workers,
    pub(super) progress: Progress,
    pub(super) stop: CancellationToken,
    pub(super) cut: super::cut::Cut,
    /// How far the job is carried out.
    pub(super) extent: super::in_the_air::Extent,
    /// No write leaves.
    pub(super) is_shadow: bool,

    pub(super) runs: Runs,
    pub(super) endings: super::thin::Endings,
    /// Of the chunk that is being taken in.
    pub(super) looked: Option<super::looked::Looked>,
    pub(super) shared: Arc<Shared>,
    /// The number of this engine among those that share the lanes.
    pub(super) engine: u32,
    /// By profile: the number of its workspace among all engines.
    pub(super) spaces: Vec<u32>,
    pub(super) marks: Marks,
    pub(super) holds: Holds,
    /// By profile: makes the keys of marks in its workspace.
    pub(super) marks_in: Vec<Space>,
    /// Why the job cannot go on.
    pub(super) broken: Option<EngineError>,
    pub(super) turns: Turns,
    pub(super) batches: Batches,
    pub(super) timers: Timers,
    pub(super) retrying: HashMap<u64, Batch>,
    pub(super) after: VecDeque<(u64, After)>,
    pub(super) ended: Vec<Ended>,
    /// What looks are to ask for of them.
    pub(super) sought: crate::journal::Sealed,
    pub(super) ended_unasked: Vec<crate::ledger::Received>,
    /// Records that ended so and whose end is not durable yet.
    pub(super) unwritten: usize,
    pub(super) advancing: HashMap<u64, super::answers::Pending>,
    pub(super) in_flight: usize,
    /// The places they took under limits, with when they left, by the numbers of their batches.
    pub(super) flights: HashMap<u64, (super::batches::Gate, i64)>,
    /// Ends what is still in flight when nobody is there any more to hear of it.
    pub(super) gone: tokio_util::sync::DropGuard,
    /// Those of them that nobody waits for.
    pub(super) abandoned_in_flight: usize,
    pub(super) abandoned: super::abandoned::Abandoned,
    pub(super) taken_over: super::in_the_air::TakenOver,
    pub(super) kept_back: super::kept_back::KeptBack,
    /// Bodies that were halved although nobody is known to be answered.
    pub(super) blind_halvings: u32,
    pub(super) working: usize,
    pub(super) stopping: bool,
    pub(super) waits: super::relay::Waits,
    /// Requests that wait for a person in other jobs.
    pub(super) elsewhere: HashMap<[u8; 16], crate::job::RunId>,
    /// Requests that wait for a profile that was stopped, and are no longer kept in memory.
    pub(super) aside: u64,
    pub(super) chunks: usize,
    pub(super) chunks_read: usize,
    pub(super) chunks_planned: usize,
    pub(super) planned: BTreeMap<u64, PlannedChunk>,
    pub(super) next_chunk: u64,
    pub(super) unmapped: BTreeMap<String, u64>,
    pub(super) records: Option<u64>,
    /// Requests of which a failure was tolerated.
    pub(super) tolerated: u64,
    pub(super) read_bytes: u64,
    pub(super) outside: super::outside::Outside,
}

/// How many exchanges may be on their way at once, from the intent to the answer. Braze documents no
/// limit of its own; 3,000 requests in 3 s at 80 ms an answer need 80, and as many again where the disk
/// takes as long to keep an intent.
const MOST_IN_FLIGHT: usize = 256;

impl Driver {
    /// Drives the job until nothing is left to do, or nothing can be done now.
    pub(super) async fn drive(&mut self) -> Result<(), EngineError> {
        loop {
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
            self.note_holds();
            self.put_aside();
            self.stopping |= self.has_settled() || self.is_out_of_time();
            self.take_in();
            self.begin_turns();
            self.send_what_may_leave();
            self.write_ended(false);
            if self.is_over() {
                return Ok(());
            }
            if self.is_idle() {
                self.write_ended(true);
                if self.skip_time() {
                    continue;
                }
                if self.after.is_empty() && self.should_leave() {
                    self.stopping = true;
                    continue;
                }
            }
            self.wait().await?;
            while let Some(due) = self.timers.pop(self.now()) {
                self.on_due(due);
            }
            self.progress.show(&self.state, self.runs.len(), self.read_bytes);
        }
    }

    /// Waits for one message and takes what else is there.
    async fn wait(&mut self) -> Result<(), EngineError> {
        let pause = self.pause();
        tokio::select! {
            biased;
            // First, so that a flood of answers never keeps a signal from being heard.
            () = self.stop.cancelled(), if !self.stopping => self.stopping = true,
            message = self.messages.recv() => match message {
                Some(message) => self.on_message(message)?,
                None => return Err(EngineError::Stopped("the workers")),
            },
            durable = self.durable.recv() => match durable {
                Some(number) => self.on_durable(number),
                None => return Err(self.journal_error()),
            },
            () = tokio::time::sleep(pause) => {}
        }
        while let Ok(number) = self.durable.try_recv() {
            self.on_durable(number);
        }
        for _ in 0..256 {
            match self.messages.try_recv() {
                Ok(message) => self.on_message(message)?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn on_message(&mut self, message: Message) -> Result<(), EngineError> {
        match message {
            Message::Read(read) => self.on_read(read),
            Message::Made(Made::Planned(planned)) => {
                self.working -= 1;
                self.on_planned(planned)
            }
            Message::Made(Made::Advanced(advanced)) => {
                self.working -= 1;
                self.on_advanced(advanced);
                Ok(())
            }
            Message::Granted(slot) => {
                self.unblock(slot);
                Ok(())
            }
            Message::Replied(replied) => {
                self.in_flight -= 1;
                self.abandoned_in_flight -= usize::from(replied.batch.is_abandoned);
                self.on_replied(replied);
                Ok(())
            }
        }
    }

    fn on_durable(&mut self, number: u64) {
        while self.after.front().is_some_and(|(first, _)| *first <= number) {
            match self.after.pop_front() {
                Some((_, After::Send(batch))) => self.launch(*batch),
                Some((_, After::Settled(settled))) => self.on_settled(*settled),
                Some((_, After::Finished { keys, records })) => {
                    self.unwritten -= records;
                    self.shared.in_hand().give_back(&keys);
                }
                None => return,
            }
        }
    }

    /// How the lanes know a run.
    pub(super) fn ticket(&self, slot: Slot) -> Ticket {
        Ticket { engine: self.engine, slot }
    }

    /// The number of a profile's workspace among all engines.
    pub(super) fn space(&self, service: usize) -> u32 {
        self.spaces.get(service).copied().unwrap_or(u32::MAX)
    }

    pub(super) fn on_due(&mut self, due: Due) {
        match due {
            Due::Retry(number) => {
                if let Some(batch) = self.retrying.remove(&number) {
                    self.batches.put_back(batch);
                }
            }
            Due::Wake(slot) => self.wake(slot),
        }
    }

    /// Writes an event down; `after` happens once it is durable.
    pub(super) fn write(&mut self, event: Event, after: Option<After>) -> u64 {
        self.write_witnessed(event, after, None)
    }

    /// Lets batches leave as far as places, limits and the emergency stop allow.
    fn send_what_may_leave(&mut self) {
        if self.stopping {
            return;
        }
        self.timers.looked();
        self.outside.begin();
        let quiet = self.working == 0 && self.in_flight == 0;
        let mut blocked = Vec::new();
        while self.in_flight < MOST_IN_FLIGHT {
            let now_ms = self.clock.steady_ms();
            let Some((gate, which)) = self.batches.next(now_ms, quiet, &blocked) else { break };
            if self.services.is_stopped(gate.service) || self.is_braked(gate.service) {
                blocked.push(gate);
                continue;
            }
            match self.services.reserve(gate, now_ms) {
                None => {
                    let Some(batch) = self.batches.take(which) else { break };
                    self.intend(batch, now_ms);
                }
                Some(later_ms) => {
                    self.timers.look_again_at(later_ms);
                    blocked.push(gate);
                }
            }
        }
        if let Some(lingered_ms) = self.batches.lingers_until()
            && blocked.is_empty()
            && self.in_flight < MOST_IN_FLIGHT
        {
            self.timers.look_again_at(lingered_ms);
        }
    }

    fn intend(&mut self, batch: Batch, now_ms: i64) {
        let Some(mut batch) = self.but_for_held(batch, now_ms) else { return };
        batch.first_ms.get_or_insert(now_ms);
        self.in_flight += 1;
        self.outside.note_that_something_left();
        self.abandoned_in_flight += usize::from(batch.is_abandoned);
        batch.left_ms = now_ms;
        self.write_attempted(&batch);
        let (event, witness) = (self.intended(&batch), self.witness_intent(&batch));
        self.write_witnessed(event, Some(After::Send(Box::new(batch))), witness);
    }

    /// That a batch is about to leave, as the journal keeps it.
    pub(super) fn intended(&self, batch: &Batch) -> Event {
        // What was abandoned is in the air under another number, with its records.
        let positions = match batch.is_abandoned {
            true => Vec::new(),
            false => self.runs.positions(&batch.members),
        };
        Event::Intended(crate::job::Intended {
            batch: batch.number,
            attempt: batch.attempt,
            repeatable: batch.is_repeatable() || batch.can_look(),
            step: batch.step,
            positions,
            calls: u32::try_from(batch.members.len()).unwrap_or(u32::MAX),
        })
    }

    /// The intent is durable: the batch leaves, unless its profile was stopped in the meantime, or nobody would
    /// wait for its answer.
    fn launch(&mut self, batch: Batch) {
        let cut = self.cut.of(&batch).clone();
        if self.services.is_stopped(batch.service) || cut.is_cancelled() {
            return self.hold_back(batch);
        }
        if self.is_only_looking(&batch) {
            return self.do_not_send(batch);
        }
        let Some(service) = self.services.get(batch.service).map(Arc::clone) else { return };
        if let Some(first) = batch.members.first() {
            let (job, number, calls) = (self.task.job, batch.number, batch.members.len());
            let (action, attempt, profile) = (&first.call.action().id, batch.attempt, &service.name);
            tracing::debug!(
                %job, batch = number, attempt, calls, action, profile,
                "batch {number} of {job} leaves: {calls} calls of {action} to {profile}"
            );
        }
        self.flights.extend(batch.gate().map(|gate| (batch.number, (gate, batch.left_ms))));
        let (sender, clock) = (self.sender.clone(), Arc::clone(&self.clock));
        let gone = self.gone.token().clone();
        let timeout_ms = self.task.budget(batch.step).timeout_ms.filter(|_| !batch.is_abandoned);
        let at_most = timeout_ms.map(|timeout_ms| {
            let (first_ms, now_ms) = (batch.first_ms.unwrap_or(batch.left_ms), clock.steady_ms());
            let held_ms = self.held_ms(batch.service, first_ms, now_ms);
            let over_ms = first_ms.saturating_add(timeout_ms).saturating_add(held_ms);
            std::time::Duration::from_millis(over_ms.saturating_sub(now_ms).max(1).unsigned_abs())
        });
        tokio::spawn(async move {
            tokio::select! {
                replied = super::send::exchange(service, batch, at_most, cut, clock) => {
                    drop(sender.send(Message::Replied(replied)));
                }
                () = gone.cancelled() => {}
            }
        });
    }

    /// Waits until everything that was handed to the journal is on the disk.
    pub(super) async fn settle_journal(&mut self, last: u64) -> Result<(), EngineError> {
        let mut seen = 0;
        while seen < last {
            match self.durable.recv().await {
                Some(number) => seen = number,
                None => return Err(self.journal_error()),
            }
        }
        Ok(())
    }

    fn journal_error(&self) -> EngineError {
        match self.writer.error() {
            Some(why) => EngineError::Journal(why),
            None => EngineError::Stopped("the journal"),
        }
    }
}

/// Whether a verdict ends a request for good.
pub(super) fn is_final(verdict: Verdict) -> bool {
    !matches!(verdict, Verdict::Waiting(_))
}
