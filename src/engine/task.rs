//! What every part of one job's engine knows: the program, the past, the settings of this process.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::catalogue::Refusal;
use crate::intake::{InputError, RawRecord};
use crate::job::{Abandoned, Decided, JobId, Pause, Position, Skip, State, StepAnswer};
use crate::journal::{Sealer, StoreError};
use crate::request::{BadRecord, Kind, Request, Spare, Warnings};
use crate::run::{Answer, Program, Sought};
use crate::template::RenderError;
use crate::wire::Backoff;
use crate::workflow::{Policies, Policy, Step, StepKind, Workflow};

/// Why a job cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal cannot be written; nothing is done that it does not say.
    #[error("nothing more is done: {cause}{then}", cause = .0, then = then(.0))]
    Journal(std::sync::Arc<StoreError>),
    /// The input can no longer be read.
    #[error(transparent)]
    Input(InputError),
    /// A part of the engine stopped.
    #[error("{0} stopped unexpectedly; run the same command again")]
    Stopped(&'static str),
    /// The file of failed requests cannot be written; the journal has them all.
    #[error(
        "the failures file {path} cannot be written; the journal has every failure, run the same command again to have the file"
    )]
    Failures {
        /// The file.
        path: std::path::PathBuf,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// No thread could be started.
    #[error("no thread can be started")]
    Thread(#[source] std::io::Error),
}

/// What to do then, unless the store has said it.
fn then(error: &StoreError) -> &'static str {
    match error {
        StoreError::Full { .. } => "",
        _ => "; run the same command again when that is mended",
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> EngineError {
        EngineError::Journal(std::sync::Arc::new(error))
    }
}

/// How long a process stays when only pauses are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// For as long as it takes; time is virtual.
    Endless,
    /// This long.
    Until(Duration),
}

/// Why a line cannot become a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// It is no record.
    #[error(transparent)]
    Record(#[from] BadRecord),
    /// What came in was destroyed.
    #[error("{}", super::history::FORGOTTEN)]
    Forgotten,
    /// `on.file.map` cannot be rendered for it.
    #[error("in `on.file.map`: {0}")]
    Map(#[source] RenderError),
}

/// One job, as its workers and its driver see it.
#[derive(Debug)]
pub(super) struct Task {
    pub job: JobId,
    pub program: Program,
    /// `None`: any kind.
    pub kinds: Option<Vec<Kind>>,
    /// Its person does not exist, and counts nowhere.
    pub is_canary: bool,
    /// It looks whether erased people are still gone: whoever gave a newer consent since is let alone.
    pub is_look: bool,
    /// It leaves looks at whom it erases.
    pub is_watched: bool,
    /// What it looks for besides, if it is a look.
    pub seeks: Option<super::seeks::Seeks>,
    pub input_digest: [u8; 32],
    /// When the job began, in Unix milliseconds.
    pub started_ms: i64,
    /// When this process took it on.
    pub opened_ms: i64,
    pub past: Past,
    pub sealer: Option<Sealer>,
    pub warnings: std::sync::Mutex<Warnings>,
    pub budgets: Vec<Budget>,
    /// Whether anything is set that a newer change replaces.
    pub sets_states: bool,
    /// Whether a record waits for the earlier ones of the same person.
    pub takes_turns: bool,
    /// What was finished and set before, to be asked for many records at once.
    pub indexes: Option<super::looked::Indexes>,
    /// How many ways to end the workers told of.
    pub endings: std::sync::atomic::AtomicU32,
}

/// What the journal keeps of a step that is over.
pub(super) enum Kept<'k> {
    /// What its call came to.
    Answer(&'k Answer),
    /// Its call was not made.
    Passed(Skip),
}

/// What was kept of a step.
pub(super) enum Opened {
    /// What its call came to.
    Answer(Answer),
    /// Its call was not made.
    Passed(Skip),
}

/// How often and how long a step's call is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    pub attempts: u32,
    pub at_most_ms: i64,
    pub timeout_ms: Option<i64>,
    pub backoff: Backoff,
    /// The run goes on without it: that the service cannot be reached says nothing of other steps.
    pub is_minor: bool,
    /// The first step that is tried as often and as long; calls of both may share a body.
    pub like: u32,
}

impl Budget {
    fn of(policy: Policy, timeout: Option<Duration>, like: u32) -> Budget {
        let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let Policy { attempts, at_most, base, cap } = policy;
        let backoff = Backoff { base, cap };
        Budget {
            attempts,
            at_most_ms: ms(at_most),
            timeout_ms: timeout.map(ms),
            backoff,
            is_minor: false,
            like,
        }
    }

    fn is_like(&self, other: &Budget) -> bool {
        Budget { like: other.like, ..*self } == *other
    }
}

/// What earlier processes did, as far as it matters to this one.
#[derive(Debug, Default)]
pub(super) struct Past {
    state: State,
    held: HashSet<Position>,
    again: HashSet<Position>,
}

impl Past {
    /// From the folded journal.
    pub(super) fn of(state: State) -> Past {
        let (mut held, mut again) = (HashSet::new(), HashSet::new());
        for exchange in state.unresolved() {
            let positions = if exchange.repeatable { &mut again } else { &mut held };
            positions.extend(exchange.positions.iter().copied());
        }
        again.retain(|position| !held.contains(position) && !state.is_finished(*position));
        Past { state, held, again }
    }

    pub(super) fn is_finished(&self, position: Position) -> bool {
        self.state.is_finished(position)
    }

    /// A call of this record that must not be repeated was sent, and its outcome is not known.
    pub(super) fn is_held(&self, position: Position) -> bool {
        let waits = self.state.pause_of(position) == Some(Pause::NeedsAttention);
        let is_asked_again = self.state.is_ahead(position) || self.state.is_on_hold(position);
        self.held.contains(&position) || (waits && !is_asked_again)
    }

    /// An earlier process left this record waiting for an answer, and none was given.
    pub(super) fn is_asked(&self, position: Position) -> bool {
        self.state.asked(position).is_some()
    }

    /// What was answered to an `approve` step of this record.
    pub(super) fn decision(&self, position: Position, step: &str) -> Option<&Decided> {
        self.state.decision(position, step)
    }

    /// An earlier process left this record waiting because its time lay ahead.
    pub(super) fn was_ahead(&self, position: Position) -> bool {
        self.state.is_ahead(position)
    }

    /// When a person asked for this record to be tried again, in Unix milliseconds.
    pub(super) fn asked_again_ms(&self, position: Position) -> Option<i64> {
        self.state.reopened(position).map(|again| again.at_ms)
    }

    /// An earlier process may have sent a call of this record that may be repeated: it is answered
    /// before anything newer leaves.
    pub(super) fn is_again(&self, position: Position) -> bool {
        self.again.contains(&position)
    }

    /// Whether an earlier process left anything in the air.
    pub(super) fn is_any_in_the_air(&self) -> bool {
        self.in_the_air() > 0 || self.abandoned().next().is_some()
    }

    /// How many records wait for a call in the air that an earlier process sent, whether it may be repeated
    /// or not.
    pub(super) fn in_the_air(&self) -> usize {
        self.again.len() + self.held.len()
    }

    /// Exchanges that an earlier process abandoned without an answer, by number.
    pub(super) fn abandoned(&self) -> impl Iterator<Item = (u64, &[Abandoned])> {
        self.state.abandoned()
    }

    /// Nothing is written down yet of why this record waits for a person.
    pub(super) fn is_unexplained(&self, position: Position) -> bool {
        self.held.contains(&position)
    }

    /// A person asked for this record to be tried again.
    pub(super) fn is_reopened(&self, position: Position) -> bool {
        self.state.reopened(position).is_some()
    }

    pub(super) fn answers(&self, position: Position) -> &[StepAnswer] {
        self.state.answers_of(position)
    }

    /// When the pause of a record at this step ends, if the record was in it.
    pub(super) fn waits_until(&self, position: Position, step: &str) -> Option<i64> {
        self.state.waits().get(&position).filter(|wait| wait.step == step).map(|wait| wait.until_ms)
    }
}

impl Task {
    /// Decodes and checks a record; a mapped row is rendered first.
    pub(super) fn request_of(&self, record: RawRecord<'_>, spare: &mut Spare) -> Result<Request, Unusable> {
        let mut warnings = Warnings::default();
        let request = super::look::request_of(&self.program, record, &mut warnings, spare);
        if !warnings.is_empty() {
            self.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner).merge(warnings);
        }
        request
    }

    /// What a record of a look asks for besides what it names; of anything else nothing.
    pub(super) fn sought(&self, position: Position) -> Result<Option<Sought>, super::seeks::Destroyed> {
        self.seeks.as_ref().map(|seeks| seeks.of(position)).transpose()
    }

    /// How often and how long a step's call is tried.
    pub(super) fn budget(&self, step: u32) -> Budget {
        self.budgets.get(step as usize).copied().unwrap_or_else(|| Budget::of(Policy::default(), None, step))
    }

    /// Seals what an answer gave, so that a run can go on after a crash.
    pub(super) fn seal(&self, position: Position, step: &str, kept: &Kept<'_>) -> Vec<u8> {
        let kept = match kept {
            Kept::Passed(why) => json!({ "passed": why.word() }),
            Kept::Answer(Answer { result: Ok(output), status, .. }) => {
                json!({ "status": status, "output": output })
            }
            Kept::Answer(Answer { result: Err(refusal), status, .. }) => {
                json!({ "status": status, "code": refusal.code, "message": refusal.message })
            }
        };
        let Some(sealer) = &self.sealer else { return Vec::new() };
        match sealer.seal(position, step, kept.to_string().as_bytes()) {
            Ok(sealed) => sealed,
            Err(error) => {
                tracing::error!(position, "the answer of step {step} cannot be kept: {error}");
                Vec::new()
            }
        }
    }

    /// Opens what [`Task::seal`] sealed.
    pub(super) fn open(&self, kept: &StepAnswer) -> Result<Opened, String> {
        let lost =
            || format!("the answer of step {} cannot be opened; the step is carried out again", kept.step);
        let sealer = self.sealer.as_ref().ok_or_else(lost)?;
        let opened = sealer.open(kept.position, &kept.step, &kept.output).map_err(|_| lost())?;
        let mut value: Value = serde_json::from_slice(&opened).map_err(|_| lost())?;
        if let Some(word) = value.get("passed").and_then(Value::as_str) {
            let why = Skip::ALL.iter().find(|skip| skip.word() == word).copied();
            return why.map(Opened::Passed).ok_or_else(lost);
        }
        let status =
            value.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        let result = match value.get_mut("output") {
            Some(output) => Ok(output.take()),
            None => {
                let text = |member: &str| value.get(member).and_then(Value::as_str).unwrap_or("refused");
                Err(Refusal::kept(text("code"), text("message").to_owned()))
            }
        };
        // One that came later than now came by a calendar that was set back since.
        let at_ms = kept.at_ms.min(self.opened_ms);
        Ok(Opened::Answer(Answer { result, status: status.unwrap_or_default(), at_ms }))
    }
}

/// The budgets of a workflow's steps, by step number.
pub(super) fn budgets(workflow: &Workflow, policies: &Policies) -> Vec<Budget> {
    fn walk(steps: &[Step], policies: &Policies, budgets: &mut Vec<Budget>) {
        for step in steps {
            let budget = Budget::of(policies.policy(&step.retry), step.timeout, step.number);
            let is_minor = step.continue_on_error && step.timeout.is_some();
            let budget = Budget { is_minor, ..budget };
            let place = step.number as usize;
            if budgets.len() <= place {
                budgets.resize(place + 1, budget);
            }
            if let Some(slot) = budgets.get_mut(place) {
                *slot = budget;
            }
            if let StepKind::ForEach { steps, .. } = &step.kind {
                walk(steps, policies, budgets);
            }
        }
    }
    let mut budgets = Vec::new();
    workflow.lists().for_each(|steps| walk(steps, policies, &mut budgets));
    let first_of =
        |budget: &Budget| budgets.iter().find(|first| first.is_like(budget)).unwrap_or(budget).like;
    let firsts: Vec<u32> = budgets.iter().map(first_of).collect();
    for (budget, first) in budgets.iter_mut().zip(firsts) {
        budget.like = first;
    }
    budgets
}

/// The kinds a workflow takes from a file; `None` for any.
pub fn kinds_taken(workflow: &Workflow) -> Option<Vec<Kind>> {
    let named = workflow.on.file.as_ref().and_then(|file| file.kinds.clone());
    named.or_else(|| workflow.irreversible.then(|| vec![Kind::Deletion]))
}
