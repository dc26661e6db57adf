//! Taking in what was planned: duplicates are told apart in the order of the file, calls are queued.

use super::driver::{After, Driver, is_final};
use super::reader::Read;
use super::runs::{About, Blocked, Live};
use super::task::EngineError;
use super::worker::{First, Heard, Planned, PlannedChunk, Work};
use crate::job::{Ended, Event, Fail, Skip, Verdict};
use crate::journal::{Seen, StoreError};
use crate::ledger::FEW;
use crate::run::{Answer, Finish, Next, Prepared, Run, Trouble};

/// Most open runs that are at work; more would only wait in memory. A workspace at Braze's ceiling for
/// `/users/track` has 6,000 people on the wire when an answer takes 80 ms.
const MOST_RUNS: usize = 8192;
/// Most of them that keep their person for calls to come: three to ten kilobytes each.
const MOST_OF_SEVERAL_CALLS: usize = 6_144;
/// Most open runs that wait for a moment.
const MOST_WAITING: usize = 16_384;
/// Most names of purposes and statuses that are counted one by one.
const MOST_UNMAPPED: usize = 1000;
/// What the others are counted under.
const OTHER_NAMES: &str = "(other names)";
/// Most records that ended while they were planned and wait to be written down: the disk sets the pace of a
/// file that nobody is called for.
const MOST_UNWRITTEN: usize = 16_384;
/// How many ended runs may wait to be written down together.
const ENDED_TOGETHER: usize = 512;
/// Chunks that may be on their way through the reader and the workers.
const MOST_CHUNKS: usize = 4;

impl Driver {
    /// Asks the reader for more, as far as memory and the workers allow.
    pub(super) fn take_in(&mut self) {
        if self.settles_only() {
            return;
        }
        if self.stopping {
            if !self.reader.is_at_end() && self.chunks == 0 {
                self.reader.count_only();
                self.read_on();
            }
            return;
        }
        if self.services.all_stopped() {
            self.stopping = true;
            return self.take_in();
        }
        if self.has_room() && self.unwritten < MOST_UNWRITTEN {
            while self.chunks < MOST_CHUNKS && self.read_on() {}
        }
    }

    /// Whether there is memory for more open runs.
    pub(super) fn has_room(&self) -> bool {
        let at_work = self.runs.len().saturating_sub(self.runs.waiting());
        let keep_people = self.runs.of_several_calls().saturating_sub(self.runs.waiting());
        at_work < MOST_RUNS && keep_people < MOST_OF_SEVERAL_CALLS && self.runs.waiting() < MOST_WAITING
    }

    fn read_on(&mut self) -> bool {
        let asked = self.reader.ask();
        if asked {
            self.chunks += 1;
            self.working += 1;
        }
        asked
    }

    /// A credit was used.
    pub(super) fn on_read(&mut self, read: Read) -> Result<(), EngineError> {
        match read {
            Read::Chunk => {
                self.chunks_read += 1;
                return Ok(());
            }
            Read::End { records } => {
                self.records = Some(records);
                self.reader.note_end();
            }
            Read::Broken(error) => return Err(EngineError::Input(error)),
        }
        // Credits that were given beyond the end come to nothing.
        let planning = self.chunks_read.saturating_sub(self.chunks_planned);
        self.working = self.working.saturating_sub(self.chunks.saturating_sub(planning));
        self.chunks = planning;
        Ok(())
    }

    /// Chunks come back from the workers in any order and are taken in the order of the file.
    pub(super) fn on_planned(&mut self, mut chunk: PlannedChunk) -> Result<(), EngineError> {
        self.chunks = self.chunks.saturating_sub(1);
        self.chunks_planned += 1;
        self.endings.learn(std::mem::take(&mut chunk.endings));
        self.planned.insert(chunk.number, chunk);
        while let Some(chunk) = self.planned.remove(&self.next_chunk) {
            self.next_chunk += 1;
            self.read_bytes = chunk.input_bytes;
            for (name, count) in chunk.unmapped {
                self.count_unmapped(name, count);
            }
            self.looked = chunk.looked;
            for record in chunk.records {
                self.take_record(record)?;
            }
            self.looked = None;
        }
        Ok(())
    }

    pub(super) fn take_record(&mut self, planned: Planned) -> Result<(), EngineError> {
        let Planned { mut about, first } = planned;
        match first {
            First::Finished => return Ok(()),
            First::Held(why) => {
                if let Some(ended) = why {
                    self.ended.push(*ended);
                }
                self.waits.attention += 1;
                // The same request again must not be sent while a person decides about this one.
                self.shared.in_hand().take(self.engine, &about.id);
                return Ok(());
            }
            First::Asked => {
                self.waits.approval += 1;
                self.shared.in_hand().take(self.engine, &about.id);
                return Ok(());
            }
            First::Ended(_) | First::Goes { .. } => {}
        }
        let seen = match self.seen(&about) {
            Ok(seen) => seen,
            Err(error) => return Err(EngineError::Journal(std::sync::Arc::new(error))),
        };
        match seen {
            Seen::New => {
                if let Some(run) = self.elsewhere.get(&about.id.key) {
                    self.ended.push(super::relay::waits_for(&about, *run));
                    self.waits.attention += 1;
                    return Ok(());
                }
            }
            Seen::Duplicate => {
                self.end_at_once(&mut about, skipped(Skip::Duplicate));
                return Ok(());
            }
            Seen::Conflict => {
                self.end_at_once(&mut about, conflict());
                return Ok(());
            }
        }
        match first {
            First::Finished | First::Held(_) | First::Asked => {}
            First::Ended(finish) => self.end_at_once(&mut about, finish),
            First::Goes { run, is_thin, again, people, next } => {
                let live = Box::new(Live { run, is_thin, about, again, blocked: None });
                let slot = self.runs.insert(live);
                if let Some(next) = self.turns.enter(slot, people, is_thin, next) {
                    self.follow(slot, next);
                }
            }
        }
        Ok(())
    }

    /// Whether a request was seen before; from now on this job has a new one in hand.
    fn seen(&self, about: &About) -> Result<Seen, StoreError> {
        match self.shared.in_hand().take(self.engine, &about.id) {
            Seen::New => {}
            taken => return Ok(taken),
        }
        // Its own failure does not hinder a request that is tried again.
        let seen = match self.task.past.is_reopened(about.position) {
            true => self.ids.check_again(&about.id)?,
            false => match &self.looked {
                Some(looked) => self.ids.check_looked(&about.id, self.task.job, &looked.ids)?,
                None => self.ids.check(&about.id, self.task.job)?,
            },
        };
        if seen != Seen::New {
            self.shared.in_hand().give_back([&about.id.key]);
        }
        Ok(seen)
    }

    /// Counts a name that no table maps. Beyond a bound, names are counted together: a file in which
    /// every record has a name of its own must not fill the memory or the summary.
    fn count_unmapped(&mut self, name: String, count: u64) {
        let is_full = self.unmapped.len() >= MOST_UNMAPPED && !self.unmapped.contains_key(&name);
        let name = if is_full { OTHER_NAMES.to_owned() } else { name };
        *self.unmapped.entry(name).or_default() += count;
    }

    /// Does what a run needs next.
    pub(super) fn follow(&mut self, slot: u32, next: Next) {
        match next {
            Next::Call(_) if self.is_answered_here(slot) => self.leave_for_later(slot),
            Next::Call(prepared) => self.queue_call(slot, prepared),
            Next::Wait { until_ms } => {
                let (left_ms, now) = (until_ms.saturating_sub(self.run_ms()), self.now());
                if let Some(live) = self.runs.get_mut(slot)
                    && let Some(run) = live.run.run()
                    && run.is_at_wait_step()
                {
                    let step = run.path(&self.task.program);
                    let position = live.about.position;
                    let until_ms = now.wall_ms.saturating_add(left_ms);
                    self.write(Event::Waiting { position, step, until_ms }, None);
                }
                self.runs.note_waiting(1);
                self.timers.wake_in(left_ms, slot, now);
            }
            Next::Approval { message } => self.ask(slot, message),
            Next::Ended(finish) => {
                if let Some(mut live) = self.runs.take(slot) {
                    self.end_at_once(&mut live.about, finish);
                    self.free(slot);
                }
            }
        }
    }

    /// A pause is over: the run goes to a worker.
    pub(super) fn wake(&mut self, slot: u32) {
        self.runs.note_waiting(-1);
        if let Some(mut live) = self.runs.take(slot) {
            live.run.run_mut().into_iter().for_each(Run::end_pause);
            let going = super::worker::Going { slot, live, heard: Heard::Nothing };
            let now_ms = self.run_ms();
            self.working += 1;
            self.workers.give(Work::Advance { batch: None, runs: vec![going], now_ms });
        }
    }

    /// Queues a call, or leaves it in its lane behind an earlier write to the same person.
    fn queue_call(&mut self, slot: u32, prepared: Prepared) {
        let Prepared { step, profile, call } = prepared;
        // Calls of different steps share a body; only how long they are tried must be the same.
        let step = self.task.budget(step).like;
        let service = match self.services.find(&call.action().system, profile.as_deref()) {
            Ok(service) => service,
            Err(refusal) => {
                // No service is asked: a step that may fail is over, and the run goes on.
                if let Some(mut live) = self.runs.take(slot) {
                    if live.is_thin {
                        let trouble = Trouble {
                            reason: Fail::Template,
                            code: refusal.code.into(),
                            step: Some(self.path_of(&live.run)),
                            message: refusal.message.into_owned(),
                        };
                        self.end_at_once(&mut live.about, failed(trouble));
                        self.free(slot);
                        return;
                    }
                    let now_ms = self.run_ms();
                    let heard = Heard::Answer(Answer { result: Err(refusal), status: 0, at_ms: now_ms });
                    let going = super::worker::Going { slot, live, heard };
                    self.working += 1;
                    self.workers.give(Work::Advance { batch: None, runs: vec![going], now_ms });
                }
                return;
            }
        };
        if call.action().effect.writes() {
            return self.enter_lanes(slot, Blocked { service, step, call });
        }
        let looks = call.look().is_some() && self.may_have_been_sent(slot);
        let now_ms = self.clock.steady_ms();
        self.batches.add(service, step, super::batches::Member { slot, call, looks }, now_ms);
    }

    /// Whether an earlier process, or an earlier try of the request, may have sent the call of a run.
    fn may_have_been_sent(&mut self, slot: u32) -> bool {
        let live = self.runs.get_mut(slot);
        live.is_some_and(|live| live.again || self.task.past.is_reopened(live.about.position))
    }

    /// Writes down runs that ended without an exchange of their own.
    pub(super) fn write_ended(&mut self, all: bool) {
        if self.ended.len() >= ENDED_TOGETHER || (all && !self.ended.is_empty()) {
            let ended = std::mem::take(&mut self.ended);
            // The end of a request that repeats another says nothing about the other, and one that
            // waits for a person is not over.
            let is_own = |ended: &&Ended| !ended.verdict.is_of_a_repeated_id() && is_final(ended.verdict);
            let keys = ended.iter().filter(is_own).map(|ended| ended.id.key).collect();
            let (records, witness) = (ended.len(), self.witness_end(ended.len()));
            self.unwritten += records;
            let (sought, event) = (std::mem::take(&mut self.sought), Event::Ended { ended });
            self.state.apply(&event);
            let number = self.writer.append_sought(event, None, witness, sought);
            self.after.push_back((number, After::Finished { keys, records }));
        }
    }

    /// Notes the end of a request that no answer ends, or that it waits for a person.
    pub(super) fn end_at_once(&mut self, about: &mut About, finish: Finish) {
        self.tolerated += u64::from(finish.tolerated);
        let mut sought = std::mem::take(&mut self.sought);
        self.leave_sought(about, finish.verdict, &mut sought);
        self.sought = sought;
        if self.ended_unasked.len() < FEW {
            self.ended_unasked.extend(about.received.take().map(|received| *received));
        }
        let ended = ended(about, finish);
        self.waits.attention += u64::from(!is_final(ended.verdict));
        self.ended.push(ended);
    }
}

/// The journal's entry for a finished run.
pub(super) fn ended(about: &About, finish: Finish) -> Ended {
    let failure = finish.failure.map(|trouble| about.failure(trouble.step, &trouble.code, trouble.message));
    Ended {
        position: about.position,
        verdict: finish.verdict,
        accepted: finish.accepted,
        verified: finish.verified,
        id: about.id,
        failure,
    }
}

fn skipped(reason: Skip) -> Finish {
    Finish {
        verdict: Verdict::Skipped(reason),
        accepted: false,
        verified: false,
        tolerated: false,
        failure: None,
    }
}

fn failed(trouble: Trouble) -> Finish {
    Finish {
        verdict: Verdict::Failed(trouble.reason),
        accepted: false,
        verified: false,
        tolerated: false,
        failure: Some(trouble),
    }
}

/// How a request ends whose id came before with other content.
pub(super) fn conflict() -> Finish {
    failed(Trouble {
        reason: Fail::IdConflict,
        code: Fail::IdConflict.word().to_owned(),
        step: None,
        message:
            "this id was used before for a request with other content: give each request an id of its own"
                .to_owned(),
    })
}
