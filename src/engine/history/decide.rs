//! What a person decides about runs: to try them again, or to give them up.
//!
//! What is done or skipped is never touched, and a call that must not be repeated is sent again only
//! when that was said in so many words; the journal keeps who said it. What is still in the air of other
//! requests is left to the process that goes on with the job.

use super::fate::{FUTURE_TIME, Fate, PARKED_ELSEWHERE, STILL_THERE};
use super::fates::Fates;
use super::input::Known;
use crate::engine::cancel::Writes;
use crate::job::{
    Decision, Ended, Event, FORGETFUL, Fail, Failure, IdEntry, JobId, ON_HOLD, Pause, Position, Presumed,
    Reopened, RunId, State, Stopped, Verdict,
};
use crate::journal::{Sealed, Store, StoreError};
use crate::source::Source;
use crate::workflow::{Known as Names, Workflow, load};

/// Records named in one event.
const TOGETHER: usize = 4096;

/// Why a run cannot be tried again or given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecidable {
    /// It is over and all is well.
    #[error("{run} is {state}: there is nothing to try again or to give up")]
    Over {
        /// The run.
        run: RunId,
        /// `done` or `skipped`.
        state: &'static str,
    },
    /// It failed: it is over.
    #[error("{run} has failed already; `privaflow runs retry {run}` tries it again")]
    Failed {
        /// The run.
        run: RunId,
    },
    /// It goes on with its job.
    #[error("{run} is not over: `privaflow jobs resume {}` goes on with it", run.job)]
    GoesOn {
        /// The run.
        run: RunId,
    },
    /// It waits for somebody to say yes or no.
    #[error("{run} waits for approval: `privaflow runs approve {run}`, or `privaflow runs reject {run}`")]
    Asked {
        /// The run.
        run: RunId,
    },
    /// Nobody was asked.
    #[error(
        "{run} does not wait for approval, it is {state}: `privaflow runs show {run}` says what can be done"
    )]
    NotAsked {
        /// The run.
        run: RunId,
        /// What it came to, or waits for.
        state: &'static str,
    },
    /// The guard holds its job.
    #[error("{run} waits for the guard: `privaflow jobs approve {}`, or `privaflow jobs cancel {}`", run.job, run.job)]
    Held {
        /// The run.
        run: RunId,
    },
    /// What was kept of it is destroyed.
    #[error("{run} was forgotten: what it needs is destroyed; bring its request again")]
    Forgotten {
        /// The run.
        run: RunId,
    },
    /// Its call must not be repeated unasked.
    #[error(
        "a call of {run} may have been sent, and sending it again may do the same twice: look at the service first, then `privaflow runs retry {run} --even-if-sent`, or `privaflow runs cancel {run}`"
    )]
    MayHaveBeenSent {
        /// The run.
        run: RunId,
    },
}

/// Whether a run may be tried again.
pub fn may_be_retried(run: RunId, fate: &Fate, even_if_sent: bool) -> Result<(), Undecidable> {
    match fate.verdict {
        Verdict::Done | Verdict::Skipped(_) => Err(Undecidable::Over { run, state: fate.state() }),
        Verdict::Failed(Fail::Forgotten) => Err(Undecidable::Forgotten { run }),
        Verdict::Failed(_) if fate.is_perhaps_sent && !even_if_sent => {
            Err(Undecidable::MayHaveBeenSent { run })
        }
        Verdict::Failed(_) => Ok(()),
        Verdict::Waiting(Pause::NeedsAttention) => match fate.code() {
            Some(FUTURE_TIME | PARKED_ELSEWHERE | STILL_THERE | ON_HOLD | FORGETFUL) => Ok(()),
            _ if even_if_sent => Ok(()),
            _ => Err(Undecidable::MayHaveBeenSent { run }),
        },
        Verdict::Waiting(Pause::Guard) => Err(Undecidable::Held { run }),
        Verdict::Waiting(Pause::Approval) => Err(Undecidable::Asked { run }),
        Verdict::Waiting(Pause::Wait | Pause::Retry) => Err(Undecidable::GoesOn { run }),
    }
}

/// Whether a run waits for somebody to say yes or no.
pub fn may_be_answered(run: RunId, fate: &Fate) -> Result<(), Undecidable> {
    match fate.verdict {
        Verdict::Waiting(Pause::Approval) => Ok(()),
        Verdict::Done | Verdict::Skipped(_) | Verdict::Failed(_) | Verdict::Waiting(_) => {
            Err(Undecidable::NotAsked { run, state: fate.reason().unwrap_or(fate.state()) })
        }
    }
}

/// Whether a run may be given up.
pub fn may_be_cancelled(run: RunId, fate: &Fate) -> Result<(), Undecidable> {
    match fate.verdict {
        Verdict::Done | Verdict::Skipped(_) => Err(Undecidable::Over { run, state: fate.state() }),
        Verdict::Failed(_) => Err(Undecidable::Failed { run }),
        Verdict::Waiting(_) => Ok(()),
    }
}

/// A person's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Who, as the system knows them.
    pub by: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// Opens runs of a job again that [`may_be_retried`]; carrying on with the job then carries them out.
pub async fn reopen(
    store: &Store,
    fates: &Fates,
    positions: &[Position],
    even_if_sent: bool,
    decided: &Decided,
) -> Result<(), StoreError> {
    let events = positions.chunks(TOGETHER).map(|positions| {
        let (by, positions) = (decided.by.clone(), positions.to_vec());
        Event::Reopened(Reopened { at_ms: decided.at_ms, by, positions, even_if_sent })
    });
    write_down(store, fates.record().id, events.collect()).await
}

/// Writes down what a person said about runs of a job that wait for that.
pub async fn answer(store: &Store, job: JobId, decision: Decision) -> Result<(), StoreError> {
    write_down(store, job, vec![Event::Decided(decision)]).await
}

/// Ends runs of a job that [`may_be_cancelled`], with what their records say of themselves and what they leave for
/// looks at their people; the job is finished when nothing else is left of it. `presumed` are those that may have
/// erased somebody: the gate counts these erasures as accepted.
pub async fn give_up(
    store: &Store,
    fates: &Fates,
    runs: &[(Fate, Option<Known>)],
    (presumed, sealed): (Option<Presumed>, Sealed),
    decided: &Decided,
) -> Result<(), StoreError> {
    let accepted = Accepted::of(fates);
    let ended =
        runs.iter().map(|(fate, known)| cancelled(fate, known.as_ref(), accepted.is_any(fate))).collect();
    let mut events: Vec<(Event, Sealed)> =
        presumed.into_iter().map(|presumed| (Event::Presumed(presumed), Sealed::new())).collect();
    events.push((Event::Ended { ended }, sealed));
    let records = fates.state().totals().records;
    if records.is_some_and(|records| fates.over() + runs.len() as u64 == records) {
        let at_ms = decided.at_ms;
        let (elapsed_ms, finished, unmapped) = (0, true, Vec::new());
        let stopped = Stopped { at_ms, elapsed_ms, finished, records, unmapped };
        events.push((Event::Stopped(stopped), Sealed::new()));
    }
    write_all(store, fates.record().id, events).await
}

/// Whether writes of requests that are given up were accepted: of those that are in the middle of it their last end,
/// if there is one, does not know.
pub(super) struct Accepted<'f> {
    state: &'f State,
    /// None where this release does not take the text any more.
    workflow: Option<Workflow>,
}

impl<'f> Accepted<'f> {
    pub(super) fn of(fates: &'f Fates) -> Accepted<'f> {
        let record = fates.record();
        let source = Source::new(record.workflow_name.clone(), record.workflow_text.clone());
        Accepted { state: fates.state(), workflow: load(&source, &Names::default()).0 }
    }

    pub(super) fn is_any(&self, fate: &Fate) -> bool {
        let answers = self.state.answers_of(fate.position);
        let any = |workflow| Writes::of(workflow).any_accepted(answers);
        fate.accepted || (!answers.is_empty() && self.workflow.as_ref().is_some_and(any))
    }
}

fn cancelled(fate: &Fate, known: Option<&Known>, accepted: bool) -> Ended {
    let reason = Fail::Cancelled;
    let noted = fate.failure.as_ref();
    let key = fate.key.or(known.map(|known| known.key)).unwrap_or([0; 16]);
    let failure = Failure {
        request: noted
            .and_then(|failure| failure.request.clone())
            .or_else(|| known.and_then(|known| known.request.clone())),
        line: noted.map(|failure| failure.line).or(known.map(|known| known.line)).unwrap_or(0),
        step: fate.step().map(str::to_owned),
        code: reason.word().to_owned(),
        message:
            "a person gave the request up before it was finished: `privaflow runs show` says how it is taken up again"
                .to_owned(),
    };
    Ended {
        position: fate.position,
        verdict: Verdict::Failed(reason),
        accepted,
        verified: fate.verified,
        id: IdEntry { key, content: known.map_or(0, |known| known.content) },
        failure: Some(failure),
    }
}

/// Returns once the events are on the disk.
pub(super) async fn write_down(store: &Store, job: JobId, events: Vec<Event>) -> Result<(), StoreError> {
    write_all(store, job, events.into_iter().map(|event| (event, Sealed::new())).collect()).await
}

/// The same, each with what is kept for looks.
async fn write_all(store: &Store, job: JobId, events: Vec<(Event, Sealed)>) -> Result<(), StoreError> {
    let (sender, mut durable) = tokio::sync::mpsc::unbounded_channel();
    let mut writer = store.writer(job, sender);
    let last = writer.append_all(events);
    let mut seen = 0;
    while seen < last {
        match durable.recv().await {
            Some(number) => seen = number,
            None => return Err(StoreError::Stopped(writer.error())),
        }
    }
    Ok(())
}
