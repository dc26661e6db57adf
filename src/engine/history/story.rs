//! The story of one run: every event of its job that concerns it, in the order it happened.

use std::collections::HashMap;

use crate::job::{Answer, Event, RunId, StepAnswer, Verdict};
use crate::journal::{Reader, StoreError};

/// Something that happened to a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Happened {
    /// When it was written down, in Unix milliseconds.
    pub at_ms: i64,
    /// `planned`, `intent`, `answer`, `passed`, `waiting`, `parked`, `ended`, `reopened`,
    /// `presumed_erased`, `held`, `approved`, `cancelled`.
    pub event: &'static str,
    /// Path of the step.
    pub step: Option<String>,
    /// Number of the batch in its job.
    pub batch: Option<u64>,
    /// 0 for the first attempt.
    pub attempt: Option<u32>,
    /// HTTP status; 0 when no answer came.
    pub status: Option<u16>,
    /// The service's own id of the exchange.
    pub request_id: Option<String>,
    /// Whether the service accepted the step.
    pub accepted: Option<bool>,
    /// Until when it waits, in Unix milliseconds.
    pub until_ms: Option<i64>,
    /// What it came to: state and reason.
    pub verdict: Option<Verdict>,
    /// Who decided.
    pub by: Option<String>,
    /// What else there is to say, free of personal data.
    pub text: Option<String>,
}

/// What the journal has of a run. Outputs of steps are sealed and stay so.
pub fn story(reader: &Reader, run: RunId) -> Result<Vec<Happened>, StoreError> {
    let mut teller = Teller { run, batches: HashMap::new(), told: Vec::new() };
    for recorded in reader.events(run.job) {
        let recorded = recorded?;
        teller.hear(recorded.at_ms, recorded.event);
    }
    Ok(teller.told)
}

struct Teller {
    run: RunId,
    /// Batches that carry the run, with their last attempt.
    batches: HashMap<u64, u32>,
    told: Vec<Happened>,
}

impl Teller {
    fn hear(&mut self, at_ms: i64, event: Event) {
        let position = self.run.position;
        let of = |event| Happened { at_ms, event, ..Happened::default() };
        match event {
            Event::Opened { .. } if self.told.is_empty() => self.told.push(of("planned")),
            Event::Intended(intended) => {
                // A later attempt carries what the first one did.
                let carries = match intended.positions.is_empty() {
                    true => self.batches.contains_key(&intended.batch),
                    false => intended.positions.contains(&position),
                };
                if carries {
                    self.batches.insert(intended.batch, intended.attempt);
                    let (batch, attempt) = (Some(intended.batch), Some(intended.attempt));
                    let text = Some(match intended.repeatable {
                        true => "may be repeated".to_owned(),
                        false => "must not be repeated".to_owned(),
                    });
                    self.told.push(Happened { batch, attempt, text, ..of("intent") });
                } else {
                    self.batches.remove(&intended.batch);
                }
            }
            Event::Answered(answered) => {
                let own = answered.steps.iter().find(|step| step.position == position);
                let ended = answered.ended.into_iter().find(|ended| ended.position == position);
                let attempt = self.batches.get(&answered.batch).copied();
                if attempt.is_some() || own.is_some() || ended.is_some() {
                    self.told.push(Happened {
                        batch: Some(answered.batch),
                        attempt,
                        status: Some(answered.status),
                        request_id: answered.request_id,
                        step: own.map(|step| step.step.clone()),
                        accepted: own.map(|step| step.accepted),
                        ..of("answer")
                    });
                }
                self.told.extend(ended.map(|ended| Teller::end(at_ms, ended)));
            }
            Event::Ended { ended } => {
                let own = ended.into_iter().find(|ended| ended.position == position);
                self.told.extend(own.map(|ended| Teller::end(at_ms, ended)));
            }
            Event::Passed { steps } => {
                let own = steps.into_iter().filter(|step| step.position == position);
                let passed = |step: StepAnswer| Happened { step: Some(step.step), ..of("passed") };
                self.told.extend(own.map(passed));
            }
            Event::Waiting { position: waits, step, until_ms } if waits == position => {
                self.told.push(Happened { step: Some(step), until_ms: Some(until_ms), ..of("waiting") });
            }
            Event::Reopened(reopened) if reopened.positions.contains(&position) => {
                let text = reopened.even_if_sent.then(|| "also if its call was sent before".to_owned());
                self.told.push(Happened { by: Some(reopened.by), text, ..of("reopened") });
            }
            Event::Decided(decision) if decision.positions.contains(&position) => {
                let event = match decision.answer {
                    Answer::Approved => "approved",
                    Answer::Rejected => "rejected",
                    Answer::LetGo => "let_go",
                };
                self.told.push(Happened { by: Some(decision.by), text: decision.reason, ..of(event) });
            }
            Event::Presumed(presumed) if presumed.positions.contains(&position) => {
                let text = "nobody knows whether it erased: the gate counts it as if it had".to_owned();
                self.told.push(Happened { text: Some(text), ..of("presumed_erased") });
            }
            Event::Held { .. } => self.told.push(of("held")),
            Event::Approved { by, .. } => self.told.push(Happened { by: Some(by), ..of("approved") }),
            Event::Cancelled { by, .. } => self.told.push(Happened { by: Some(by), ..of("cancelled") }),
            Event::Opened { .. }
            | Event::Waiting { .. }
            | Event::Reopened(_)
            | Event::Decided(_)
            | Event::Identified { .. }
            | Event::Erased { .. }
            | Event::Attempted(_)
            | Event::Presumed(_)
            | Event::Stopped(_) => {}
        }
    }

    fn end(at_ms: i64, ended: crate::job::Ended) -> Happened {
        let event = if matches!(ended.verdict, Verdict::Waiting(_)) { "parked" } else { "ended" };
        let (step, text) = match ended.failure {
            Some(failure) => (failure.step, Some(format!("{}: {}", failure.code, failure.message))),
            None => (None, None),
        };
        let (verdict, accepted) = (Some(ended.verdict), Some(ended.accepted));
        Happened { at_ms, event, step, verdict, accepted, text, ..Happened::default() }
    }
}
