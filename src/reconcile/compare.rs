//! The comparison itself: chunk by chunk, several at once, counted as they come back.
//!
//! A chunk whose answers did not come before the comparison ended is not counted at all, so that the
//! counts are of records that were looked at to the end.

use std::sync::Arc;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::holds::holds;
use super::people::Listed;
use super::repeats::Repeats;
use super::{People, ReconcileError};
use crate::catalogue::Effect;
use crate::drift::{self, Direction, Finding, Held, Look, Repairs, Tally, Uncompared, Want};
use crate::engine::{Asker, Stopped, nowhere, taken};
use crate::intake::Input;
use crate::request::{Kind, Request};
use crate::run::{Program, count_unmapped};
use crate::workflow::{Step, StepKind, Workflow};

/// Chunks that are asked about at the same time: with answers in a quarter of a second, 50 people in a
/// chunk and two questions for each, more than Braze's limits let through.
const AT_ONCE: usize = 16;

/// A workflow whose states are compared.
#[derive(Debug)]
pub struct Comparison {
    program: Arc<Program>,
    kinds: Option<Vec<Kind>>,
    look: Look,
}

/// What a comparison came to.
#[derive(Debug, Default)]
pub struct Compared {
    /// The counts.
    pub tally: Tally,
    /// Records of which something was lost that cannot be written again alone.
    pub impossible: u64,
    /// It was asked to stop before the end.
    pub is_interrupted: bool,
    /// A profile refused the credentials or could not be reached: the rest was not compared.
    pub stopped: Option<Stopped>,
}

/// What every chunk is compared with.
struct Means {
    program: Arc<Program>,
    asker: Arc<Asker>,
    repeats: Option<Repeats>,
    look: Look,
}

/// One record, compared.
struct Outcome {
    request: Result<Request, String>,
    found: Vec<(Want, Finding, bool)>,
    uncompared: Vec<Uncompared>,
    superseded: u64,
    repairs: Repairs,
}

impl Comparison {
    /// Of a workflow that sets states and does nothing that cannot be undone.
    pub fn of(
        workflow: &Arc<Workflow>,
        kinds: Option<Vec<Kind>>,
        look: Look,
    ) -> Result<Comparison, ReconcileError> {
        if workflow.irreversible {
            return Err(ReconcileError::Irreversible(workflow.name.clone()));
        }
        if !sets_states(&workflow.steps) {
            return Err(ReconcileError::SetsNothing(workflow.name.clone()));
        }
        let program = Arc::new(Program::new(Arc::clone(workflow), nowhere()));
        Ok(Comparison { program, kinds, look })
    }

    /// The workflow, made ready to be planned.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The kinds of requests that the workflow takes.
    pub fn kinds(&self) -> Option<Vec<Kind>> {
        self.kinds.clone()
    }

    /// Looks for states that a file sets more than once; reads it once, or twice if there are any.
    pub async fn repeats(&self, input: &Input) -> Result<Repeated, ReconcileError> {
        let (program, kinds, input) = (Arc::clone(&self.program), self.kinds.clone(), input.clone());
        let look = move || repeated(&program, kinds.as_deref(), &input).map(Repeated);
        tokio::task::spawn_blocking(look).await.map_err(|_| ReconcileError::Stopped)?
    }

    /// Compares everybody. What was lost goes to `keep` as records that repair it; `see` hears the counts
    /// as they grow.
    pub async fn run(
        &self,
        asker: Arc<Asker>,
        people: &mut People,
        repeated: Option<Repeated>,
        stop: &CancellationToken,
        mut keep: impl FnMut(Direction, &Value) -> Result<(), ReconcileError>,
        mut see: impl FnMut(&Tally),
    ) -> Result<Compared, ReconcileError> {
        let repeats = repeated.and_then(|repeated| repeated.0);
        let (program, look) = (Arc::clone(&self.program), self.look.clone());
        let means = Arc::new(Means { program, asker, repeats, look });
        let mut compared = Compared::default();
        let mut tasks: JoinSet<Result<Vec<Outcome>, Ended>> = JoinSet::new();
        let mut is_over = false;
        loop {
            if stop.is_cancelled() {
                compared.is_interrupted = true;
                break;
            }
            if !is_over && tasks.len() < AT_ONCE {
                let chunk = tokio::select! {
                    chunk = people.next() => chunk,
                    () = stop.cancelled() => continue,
                };
                match chunk {
                    Err(ReconcileError::Feed(error)) => {
                        let why = format!("the list of people cannot be read on: {error}");
                        compared.stopped = Some(Stopped { profile: people.profile(), why });
                        is_over = true;
                    }
                    Err(error) => return Err(error),
                    Ok(Some(chunk)) => {
                        let means = Arc::clone(&means);
                        tasks.spawn(async move { means.compare(chunk).await });
                    }
                    Ok(None) => is_over = true,
                }
                continue;
            }
            let joined = tokio::select! {
                joined = tasks.join_next() => joined,
                () = stop.cancelled() => continue,
            };
            match joined {
                None => break,
                Some(Ok(Ok(outcomes))) => {
                    for outcome in outcomes {
                        compared.count(&self.program, outcome, &mut keep)?;
                    }
                    see(&compared.tally);
                }
                Some(Ok(Err(Ended::Stopped(stopped)))) => {
                    compared.stopped = Some(stopped);
                    break;
                }
                Some(Ok(Err(Ended::Profile(why)))) => return Err(ReconcileError::Profile(why)),
                Some(Err(_)) => return Err(ReconcileError::Stopped),
            }
        }
        tasks.shutdown().await;
        Ok(compared)
    }
}

/// The states that a file sets more than once.
pub struct Repeated(Option<Repeats>);

impl std::fmt::Debug for Repeated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Repeated").field(&self.0.is_some()).finish()
    }
}

/// Why a chunk could not be compared.
enum Ended {
    Stopped(Stopped),
    Profile(String),
}

impl Compared {
    fn count(
        &mut self,
        program: &Program,
        outcome: Outcome,
        keep: &mut impl FnMut(Direction, &Value) -> Result<(), ReconcileError>,
    ) -> Result<(), ReconcileError> {
        let tally = &mut self.tally;
        tally.records += 1;
        let request = match &outcome.request {
            Ok(request) => request,
            Err(code) => {
                *tally.would_fail.entry(code.clone()).or_default() += 1;
                return Ok(());
            }
        };
        if let Some(words) = &program.workflow.words {
            count_unmapped(&request.scope, words, &mut tally.unmapped);
        }
        tally.superseded += outcome.superseded;
        let is_nothing = outcome.found.is_empty() && outcome.uncompared.is_empty() && outcome.superseded == 0;
        tally.nothing_to_compare += u64::from(is_nothing);
        for (want, finding, is_silenced) in &outcome.found {
            tally.add(&request.scope, want, *finding, *is_silenced);
        }
        outcome.uncompared.iter().for_each(|why| tally.add_uncompared(*why));
        self.impossible += u64::from(!outcome.repairs.impossible.is_empty());
        outcome.repairs.records.iter().try_for_each(|(direction, record)| keep(*direction, record))
    }
}

impl Means {
    async fn compare(&self, chunk: Vec<Listed>) -> Result<Vec<Outcome>, Ended> {
        let mut outcomes: Vec<(u64, Outcome, Vec<Want>)> =
            chunk.into_iter().map(|one| self.wanted(one)).collect();
        let mut questions: Vec<(usize, &Want)> = Vec::new();
        for want in outcomes.iter().flat_map(|(_, _, wants)| wants) {
            let service = self.asker.find("braze", want.profile.as_deref()).map_err(Ended::Profile)?;
            questions.push((service, want));
        }
        let mut held = holds(&self.asker, &questions).await.map_err(Ended::Stopped)?.into_iter();
        drop(questions);
        for (position, outcome, wants) in &mut outcomes {
            for want in std::mem::take(wants) {
                let held = held.next().unwrap_or(Held::Unread(Uncompared::Unread));
                let is_silenced = match &held {
                    Held::Profiles(profiles) => profiles.iter().any(drift::Holding::is_silenced),
                    Held::Unread(_) => false,
                };
                let finding = drift::judge(&want, &held);
                outcome.found.push((want, finding, is_silenced));
            }
            let is_drift = outcome.found.iter().any(|(_, finding, _)| finding.is_drift());
            if let (Ok(request), true) = (&outcome.request, is_drift) {
                let found: Vec<(Want, Finding)> =
                    outcome.found.iter().map(|(want, finding, _)| (want.clone(), *finding)).collect();
                outcome.repairs = drift::repair(&self.program, *position, request, &found, &self.look);
            }
        }
        Ok(outcomes.into_iter().map(|(_, outcome, _)| outcome).collect())
    }

    /// What the workflow would write for a record, before Braze is asked.
    fn wanted(&self, listed: Listed) -> (u64, Outcome, Vec<Want>) {
        let Listed { position, mut request } = listed;
        let mut wanted = drift::Wanted::default();
        if let Ok(record) = &request {
            wanted = drift::wanted(&self.program, position, &record.scope);
            if let Some(code) = wanted.trouble.take() {
                request = Err(code);
                wanted = drift::Wanted::default();
            }
        }
        let mut superseded = 0;
        if let Some(repeats) = &self.repeats {
            let before = wanted.wants.len();
            wanted.wants.retain(|want| !repeats.is_superseded(want.setting.target, position));
            superseded = (before - wanted.wants.len()) as u64;
        }
        let (uncompared, found, repairs) = (wanted.uncompared, Vec::new(), Repairs::default());
        (position, Outcome { request, found, uncompared, superseded, repairs }, wanted.wants)
    }
}

fn repeated(
    program: &Program,
    kinds: Option<&[Kind]>,
    input: &Input,
) -> Result<Option<Repeats>, ReconcileError> {
    let mut repeats = Repeats::new();
    each(program, kinds, input, |request, position| {
        drift::targets(program, position, &request.scope).into_iter().for_each(|target| repeats.saw(target));
    })?;
    if !repeats.is_any() {
        return Ok(None);
    }
    each(program, kinds, input, |request, position| {
        let wanted = drift::wanted(program, position, &request.scope);
        let wants = wanted.wants.iter().filter(|_| wanted.trouble.is_none());
        wants.for_each(|want| repeats.date(want.setting.target, want.order, position));
    })?;
    Ok(Some(repeats))
}

fn each(
    program: &Program,
    kinds: Option<&[Kind]>,
    input: &Input,
    mut see: impl FnMut(&Request, u64),
) -> Result<(), ReconcileError> {
    let mut records = input.records()?;
    while let Some(chunk) = records.next_chunk(512, 1 << 20)? {
        for record in chunk.records() {
            if let Ok(request) = taken(program, kinds, record) {
                see(&request, record.position());
            }
        }
    }
    Ok(())
}

/// Whether some step sets states of a service.
fn sets_states(steps: &[Step]) -> bool {
    steps.iter().any(|step| match &step.kind {
        StepKind::Action { action, .. } => action.effect == Effect::Set && action.targets.is_some(),
        StepKind::ForEach { steps, .. } => sets_states(steps),
        StepKind::Composed(_)
        | StepKind::Set(_)
        | StepKind::Wait(_)
        | StepKind::Approve(_)
        | StepKind::Assert { .. }
        | StepKind::Fail(_)
        | StepKind::Stop(_)
        | StepKind::Log(_) => false,
    })
}
