//! What every part of one job's engine knows: the program, the past, the settings of this process.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::catalogue::Refusal;
use crate::intake::{InputError, Record, Source};
use crate::job::{JobId, Position, State, StepAnswer};
use crate::journal::Sealer;
use crate::request::{BadRecord, Kind, Request, Warnings};
use crate::run::{Answer, Program};
use crate::template::{Extra, Scope};
use crate::workflow::{Step, StepKind, Workflow};

/// Why a job cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal cannot be written; nothing is done that it does not say.
    #[error("the journal cannot be written: {why}; free the disk or check its rights, then run the same command again")]
    Journal {
        /// The store's word.
        why: String,
    },
    /// The input can no longer be read.
    #[error(transparent)]
    Input(InputError),
    /// A part of the engine stopped.
    #[error("{0} stopped unexpectedly; run the same command again")]
    Stopped(&'static str),
    /// No thread could be started.
    #[error("no thread can be started")]
    Thread(#[source] std::io::Error),
}

/// How long a process stays when only pauses are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// For as long as it takes; time is virtual.
    Endless,
    /// This long.
    Until(Duration),
}

/// One job, as its workers and its driver see it.
#[derive(Debug)]
pub(super) struct Task {
    pub job: JobId,
    pub program: Program,
    /// `None`: any kind.
    pub kinds: Option<Vec<Kind>>,
    pub input_digest: [u8; 32],
    /// When the job began, in Unix milliseconds.
    pub started_ms: i64,
    /// When this process took it on.
    pub opened_ms: i64,
    pub past: Past,
    pub sealer: Option<Sealer>,
    pub warnings: std::sync::Mutex<Warnings>,
    pub budgets: Vec<Budget>,
}

/// How often and how long a step's call is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub attempts: u32,
    pub at_most_ms: i64,
    pub timeout_ms: Option<i64>,
}

/// What earlier processes did, as far as it matters to this one.
#[derive(Debug, Default)]
pub(super) struct Past {
    finished: Option<State>,
    held: std::collections::HashSet<Position>,
    answers: HashMap<Position, Vec<StepAnswer>>,
    waits: HashMap<Position, i64>,
}

impl Past {
    /// From the folded journal.
    pub(super) fn of(state: State) -> Past {
        let mut past = Past::default();
        for intended in state.unresolved().filter(|intended| !intended.repeatable) {
            past.held.extend(intended.positions.iter().copied());
        }
        for (position, answers) in state.open_answers() {
            past.answers.insert(position, answers.to_vec());
        }
        past.waits.extend(state.waits());
        past.finished = Some(state);
        past
    }

    pub(super) fn is_finished(&self, position: Position) -> bool {
        self.finished.as_ref().is_some_and(|state| state.is_finished(position))
    }

    /// A call of this record that must not be repeated was sent, and its outcome is not known.
    pub(super) fn is_held(&self, position: Position) -> bool {
        self.held.contains(&position)
    }

    pub(super) fn answers(&self, position: Position) -> Option<&[StepAnswer]> {
        self.answers.get(&position).map(Vec::as_slice)
    }

    pub(super) fn waits_until(&self, position: Position) -> Option<i64> {
        self.waits.get(&position).copied()
    }
}

impl Task {
    /// Decodes and checks a record; a mapped row is rendered first.
    pub(super) fn request_of(&self, record: &Record<'_>) -> Result<Request, BadRecord> {
        let mut warnings = Warnings::default();
        let request = match &record.source {
            Source::Json(line) => match self.map() {
                None => Request::parse(line, &mut warnings),
                Some(_) => {
                    let row = serde_json::from_slice(line).map_err(|_| BadRecord::not_json())?;
                    self.mapped(row, record.position, &mut warnings)
                }
            },
            Source::Row(row) => match self.map() {
                None => Request::from_value(row.clone(), &mut warnings),
                Some(_) => self.mapped(row.clone(), record.position, &mut warnings),
            },
            Source::Bad(bad) => Err(bad.clone()),
        };
        if !warnings.is_empty() {
            self.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner).merge(warnings);
        }
        request
    }

    fn map(&self) -> Option<&crate::template::Tree> {
        self.program.workflow.on.file.as_ref().and_then(|file| file.map.as_ref())
    }

    fn mapped(
        &self,
        row: Value,
        position: Position,
        warnings: &mut Warnings,
    ) -> Result<Request, BadRecord> {
        let Some(map) = self.map() else { return Err(BadRecord::not_json()) };
        let mut data = serde_json::Map::new();
        data.insert("row".into(), row);
        let extra = Extra::new(self.program.facts().seed_of(position));
        match map.render(&Scope::new(data), &extra) {
            Ok(value) => Request::from_value(value.unwrap_or_else(|| json!({})), warnings),
            Err(error) => Err(BadRecord::unmapped(&error.to_string())),
        }
    }

    /// How often and how long a step's call is tried.
    pub(super) fn budget(&self, step: u32) -> Budget {
        let none = Budget { attempts: u32::MAX, at_most_ms: 3_600_000, timeout_ms: None };
        self.budgets.get(step as usize).copied().unwrap_or(none)
    }

    /// Seals what an answer gave, so that a run can go on after a crash.
    pub(super) fn seal(&self, position: Position, step: &str, answer: &Answer) -> Vec<u8> {
        let kept = match &answer.result {
            Ok(output) => json!({ "status": answer.status, "output": output }),
            Err(refusal) => {
                json!({ "status": answer.status, "code": refusal.code, "message": refusal.message })
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
    pub(super) fn open(&self, kept: &StepAnswer) -> Result<Answer, String> {
        let lost = || format!("the answer of step {} cannot be opened; the step is carried out again", kept.step);
        let sealer = self.sealer.as_ref().ok_or_else(lost)?;
        let opened = sealer.open(kept.position, &kept.step, &kept.output).map_err(|_| lost())?;
        let mut value: Value = serde_json::from_slice(&opened).map_err(|_| lost())?;
        let status = value.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        let result = match value.get_mut("output") {
            Some(output) => Ok(output.take()),
            None => {
                let text = |member: &str| {
                    value.get(member).and_then(Value::as_str).unwrap_or("refused").to_owned()
                };
                Err(Refusal::new("refused", text("message")))
            }
        };
        Ok(Answer { result, status: status.unwrap_or_default(), at_ms: kept.at_ms })
    }
}

/// The budgets of a workflow's steps, by step number.
pub(super) fn budgets(workflow: &Workflow) -> Vec<Budget> {
    fn ms(duration: Duration) -> i64 {
        i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
    }
    fn walk(steps: &[Step], budgets: &mut Vec<Budget>) {
        for step in steps {
            let budget = Budget {
                attempts: step.retry.attempts,
                at_most_ms: ms(step.retry.at_most),
                timeout_ms: step.timeout.map(ms),
            };
            let place = step.number as usize;
            if budgets.len() <= place {
                budgets.resize(place + 1, budget);
            }
            if let Some(slot) = budgets.get_mut(place) {
                *slot = budget;
            }
            if let StepKind::ForEach { steps, .. } = &step.kind {
                walk(steps, budgets);
            }
        }
    }
    let mut budgets = Vec::new();
    walk(&workflow.steps, &mut budgets);
    budgets
}

/// The kinds a workflow takes from a file; `None` for any.
pub fn kinds_taken(workflow: &Workflow) -> Option<Vec<Kind>> {
    let named = workflow.on.file.as_ref().and_then(|file| file.kinds.clone());
    named.or_else(|| workflow.irreversible.then(|| vec![Kind::Deletion]))
}
