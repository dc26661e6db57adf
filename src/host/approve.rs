//! Answers of people to runs that wait for one.
//!
//! Whoever may answer is said by the workflow as it was when the job began; the names are those that the
//! system knows them by, or OneTrust's, so the rule binds people who may write the store and hinders nobody else. An answer
//! is written down beside a job that is under way: the job is left first, and goes on with the answer.

use super::command::Talk;
use super::decide::chosen;
use super::deciding::GivesUp;
use super::error::HostError;
use super::owner::Host;
use crate::engine::{self, Fates, Summary, may_be_answered};
use crate::job::{Answer, Decision, JobId, Position, Reason, RunId};
use crate::source::Source;
use crate::workflow::{Known, Step, StepKind, Workflow, load};

impl Host {
    /// Answers runs, if each of them waits for that and whoever answers may; going on with the job then
    /// does what was said.
    pub(super) async fn decide(
        &self,
        job: JobId,
        positions: Vec<Position>,
        answer: Answer,
        by: String,
        reason: Option<Reason>,
        talk: &Talk,
    ) -> Result<Summary, HostError> {
        let stopped = self.stop_job(job, GivesUp::Nothing, talk).await?;
        let fates = Fates::of(self.store().reader(), self.store().reader().job(job)?)?;
        let found = chosen(&fates, &positions, may_be_answered)?;
        let record = fates.record();
        let name = format!("{} as it was when {} began", record.workflow_name, record.id);
        let (workflow, _) = load(&Source::new(name, record.workflow_text.clone()), &Known::default());
        let mut asked = None;
        for fate in &found {
            let approvers = workflow.as_ref().and_then(|workflow| approvers(workflow, fate.step()?));
            let Some(approvers) = approvers.filter(|approvers| asked.as_ref() != Some(approvers)) else {
                continue;
            };
            if let Err(why) = self.may_answer(&approvers, &by).await? {
                let run = RunId { job, position: fate.position };
                return Err(HostError::MayNotAnswer { run, by, why });
            }
            // Most runs of a job wait at the same step.
            asked = Some(approvers);
        }
        let reason = reason.map(|reason| reason.as_str().to_owned());
        let decision = Decision { at_ms: self.now_ms(), by, positions, answer, reason };
        engine::answer(self.store(), job, decision).await?;
        let summary = self.summary(job);
        drop(stopped);
        summary
    }
}

/// Who may answer at a step, by its path; `None` when everybody may.
fn approvers(workflow: &Workflow, path: &str) -> Option<Vec<String>> {
    let label = path.rsplit('.').next().unwrap_or(path);
    let approvers = workflow.lists().find_map(|steps| of_label(steps, label))?;
    (!approvers.is_empty()).then(|| approvers.to_vec())
}

fn of_label<'w>(steps: &'w [Step], label: &str) -> Option<&'w [String]> {
    steps.iter().find_map(|step| match &step.kind {
        StepKind::Approve(approve) if step.label == label => Some(approve.approvers.as_slice()),
        StepKind::ForEach { steps, .. } => of_label(steps, label),
        _ => None,
    })
}
