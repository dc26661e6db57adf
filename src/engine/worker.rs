//! Planning on every core: records into runs and calls, answers into the next calls.
//!
//! Workers are threads that take work from one queue and send what they made to the driver. They
//! decide with the rules and touch nothing outside: no journal, no network.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use tokio::sync::mpsc::UnboundedSender;

use super::driver::Message;
use super::lanes::Slot;
use super::looked::Looked;
use super::plan_record::Planner;
use super::runs::{About, Live};
use super::task::Task;
use super::thin::Carried;
use crate::intake::Chunk;
use crate::job::{Ended, Skip, StepAnswer};
use crate::plan::PersonKey;
use crate::run::{Answer, Deserted, Ending, Finish, Next};

/// Something for a worker to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Records to be planned. Chunks are numbered so that the driver can put them in order again.
    Plan { number: u64, chunk: Chunk },
    /// Runs to be taken on: answered calls of one batch, or pauses that are over.
    Advance { batch: Option<u64>, runs: Vec<Going>, now_ms: i64 },
}

/// A run that goes on.
#[derive(Debug)]
pub(super) struct Going {
    /// Its slot.
    pub slot: Slot,
    /// The run.
    pub live: Box<Live>,
    /// What it is told.
    pub heard: Heard,
}

/// What a run is told.
#[derive(Debug)]
pub(super) enum Heard {
    /// Its pause is over.
    Nothing,
    /// What its call came to.
    Answer(Answer),
    /// Its call is not made.
    Passed(Skip),
}

/// What a worker made.
#[derive(Debug)]
pub(super) enum Made {
    /// A chunk of records.
    Planned(PlannedChunk),
    /// Runs taken on.
    Advanced(Advanced),
}

/// Runs that were taken on together.
#[derive(Debug)]
pub(super) struct Advanced {
    /// The batch that was answered; `None` after pauses.
    pub batch: Option<u64>,
    /// The runs.
    pub runs: Vec<Gone>,
}

/// The records of a chunk, planned.
#[derive(Debug)]
pub(super) struct PlannedChunk {
    /// Its number, from 0.
    pub number: u64,
    /// In the order of the file.
    pub records: Vec<Planned>,
    /// How runs end that are carried by number, as far as it was not said before.
    pub endings: Vec<(u32, Ending)>,
    /// What the indexes hold of them, if they could be asked.
    pub looked: Option<Looked>,
    /// Purposes and statuses that no table maps.
    pub unmapped: BTreeMap<String, u64>,
    /// How far into the input it reaches, in bytes.
    pub input_bytes: u64,
}

/// A record and what it needs first.
#[derive(Debug)]
pub(super) struct Planned {
    /// The record.
    pub about: About,
    /// What comes of it.
    pub first: First,
}

/// What a record needs first.
#[derive(Debug)]
pub(super) enum First {
    /// It was finished by an earlier process.
    Finished,
    /// It waits for a person: since an earlier process, or for this reason.
    Held(Option<Box<Ended>>),
    /// It waits for somebody's answer, since an earlier process.
    Asked,
    /// It is over before any call.
    Ended(Finish),
    /// It goes on with a call or a pause.
    Goes { run: Carried, is_thin: bool, again: bool, people: Box<[PersonKey]>, next: Next },
}

/// A run that was taken on.
#[derive(Debug)]
pub(super) struct Gone {
    /// Its slot.
    pub slot: Slot,
    /// The run.
    pub live: Box<Live>,
    /// What the journal must remember of the answer.
    pub step: Option<StepAnswer>,
    /// How many profiles the answer holds, if it is a list of them.
    pub found: Option<u64>,
    /// What the answer proved to lead to nobody since an erasure.
    pub deserted: Option<Box<Deserted>>,
    /// What it needs next.
    pub next: Next,
}

/// The workers of one job.
#[derive(Debug)]
pub(super) struct Workers {
    queue: Option<mpsc::Sender<Work>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Workers {
    /// Starts a worker for each core.
    pub(super) fn start(task: &Arc<Task>, made: &UnboundedSender<Message>) -> std::io::Result<Workers> {
        let (queue, work) = mpsc::channel();
        let work = Arc::new(Mutex::new(work));
        let cores = thread::available_parallelism().map_or(2, usize::from).min(16);
        let mut threads = Vec::with_capacity(cores);
        for number in 0..cores {
            let (task, work, made) = (Arc::clone(task), Arc::clone(&work), made.clone());
            let body = move || {
                let mut planner = Planner::new(&task);
                while let Some(work) = take(&work) {
                    if made.send(Message::Made(planner.carry_out(work))).is_err() {
                        return;
                    }
                }
            };
            threads.push(thread::Builder::new().name(format!("plan-{number}")).spawn(body)?);
        }
        Ok(Workers { queue: Some(queue), threads })
    }

    /// A way to give the workers something to do.
    pub(super) fn queue(&self) -> Option<mpsc::Sender<Work>> {
        self.queue.clone()
    }

    /// Gives the workers something to do.
    pub(super) fn give(&self, work: Work) {
        if let Some(queue) = &self.queue
            && queue.send(work).is_err()
        {
            tracing::error!("a worker stopped unexpectedly");
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker stopped unexpectedly");
            }
        }
    }
}

fn take(work: &Mutex<mpsc::Receiver<Work>>) -> Option<Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
