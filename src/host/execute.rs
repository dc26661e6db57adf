//! Commands, done here: what each of them means for the owner of the store.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::canary::Act;
use super::command::{Answer, Command, Talk};
use super::error::HostError;
use super::owner::Host;
use super::prepare;
use super::report::{Ending, Report};
use crate::engine::Patience;
use crate::job::Status;
use crate::source::Source;

impl Host {
    /// Does what was asked; what is told meanwhile goes to `talk`.
    pub async fn execute(
        &self,
        command: Command,
        talk: &Talk,
        stop: CancellationToken,
    ) -> Result<Answer, HostError> {
        match command {
            Command::Run(run) => {
                let job = self.prepare(run, stop).await?;
                Ok(Answer::Job(Box::new(self.carry_out(job, talk).await?)))
            }
            Command::Resume(resume) => {
                let record = self.store().reader().job(resume.job)?;
                let ending = match record.status {
                    Status::Held => return Err(HostError::Held(record.id)),
                    Status::Finished => Some(Ending::WasFinished),
                    Status::Cancelled => Some(Ending::WasCancelled),
                    Status::Open => None,
                };
                if let Some(ending) = ending {
                    let report = Report::of_closed(self.summary(record.id)?, ending);
                    return Ok(Answer::Job(Box::new(report)));
                }
                let job = self.prepare_again(resume, talk, stop).await?;
                Ok(Answer::Job(Box::new(self.carry_out(job, talk).await?)))
            }
            Command::Cancel { job, folder, by } => {
                Ok(Answer::Summary(Box::new(self.cancel(job, folder, by, talk).await?)))
            }
            Command::Approve { job, by } => Ok(Answer::Summary(Box::new(self.approve(job, by).await?))),
            Command::Reopen { job, positions, even_if_sent, by } => {
                Ok(Answer::Summary(Box::new(self.reopen(job, positions, even_if_sent, by, talk).await?)))
            }
            Command::GiveUp { job, positions, folder, by } => {
                Ok(Answer::Summary(Box::new(self.give_up(job, positions, folder, by, talk).await?)))
            }
            Command::Decide { job, positions, answer, by, reason } => {
                let summary = self.decide(job, positions, answer, by, reason, talk).await?;
                Ok(Answer::Summary(Box::new(summary)))
            }
            Command::Gate(command) => Ok(Answer::Result(self.gate(command).await?)),
            Command::Hold(command) => Ok(Answer::Result(self.hold(command, talk).await?)),
            Command::Canary { workflow_name, workflow_text } => {
                let Some(canary) = self.settings().canary.clone() else { return Err(HostError::NoCanary) };
                let source = Source::new(workflow_name, workflow_text);
                let workflow = prepare::workflow(source, self.known(), talk)?;
                let beat = Box::pin(self.canary(&canary, &workflow, Act::Here, &stop)).await?;
                Ok(Answer::Result(beat.json()))
            }
            Command::Watch { jobs, is_early, wait_ms } => {
                let patience = Patience::Until(Duration::from_millis(wait_ms));
                Ok(Answer::Result(self.watch(&jobs, is_early, patience, talk, stop).await?))
            }
            Command::Prune { before_ms } => Ok(Answer::Result(self.prune(before_ms).await?)),
            Command::ApproveWorkflows { workflows, by } => {
                let approved = self.approve_workflows(workflows, &by)?;
                Ok(Answer::Result(serde_json::json!({ "approved": approved })))
            }
            Command::SyncDirectory { profiles } => {
                let synced = self.sync_directory(&profiles, talk, &stop).await?;
                Ok(Answer::Result(super::directory::answer(&synced)))
            }
            Command::AcknowledgeRestore { by } => {
                let was_there = self.store().acknowledge_restore()?;
                let let_go = match was_there {
                    true => {
                        let (reason, now_ms) = (Some("the restore was acknowledged"), self.now_ms());
                        self.let_go_all(&by, reason, now_ms, talk).await?
                    }
                    false => Vec::new(),
                };
                Ok(Answer::Result(serde_json::json!({ "acknowledged": was_there, "let_go": let_go })))
            }
            Command::Forget { like, by } => {
                let digests = like.iter().filter_map(|digest| u128::from_str_radix(digest, 16).ok());
                Ok(Answer::Result(self.forget(digests.collect(), by, talk).await?))
            }
            Command::RotateKeys => Ok(Answer::Result(self.rotate_keys().await?)),
            Command::Look => {
                self.brake().look();
                Ok(Answer::Result(serde_json::Value::Null))
            }
        }
    }
}
