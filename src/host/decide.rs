//! Decisions of people about a job: give it up, or let it begin.
//!
//! A job that is under way here is stopped in order before it is given up, and nobody begins one
//! meanwhile; so the decision is the last thing in its journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command::Talk;
use super::error::HostError;
use super::owner::Host;
use super::prepare;
use crate::engine::{self, EngineError, Summary};
use crate::job::{Event, JobId, Status};
use crate::journal::{JobRecord, Store, Writer};
use crate::source::Source;
use crate::workflow::Known;

impl Host {
    /// Gives a job up for good; what is not finished counts as failed.
    pub(super) async fn cancel(
        &self,
        job: JobId,
        folder: PathBuf,
        by: String,
        talk: &Talk,
    ) -> Result<Summary, HostError> {
        let _nobody_begins = self.opening().await;
        let stopped = self.stop_job(job).await;
        let record = self.store().reader().job(job)?;
        if record.status.is_closed() {
            return Err(HostError::NothingToDecide { job, status: record.status });
        }
        let (store, talk, of) = (Arc::clone(self.store()), talk.clone(), record.clone());
        let (sender, durable) = tokio::sync::mpsc::unbounded_channel();
        let mut writer = self.store().writer(job, sender);
        let listed = tokio::task::spawn_blocking(move || {
            end_the_rest(&store, &of, &folder, &mut writer, &talk);
            writer
        });
        let mut writer = listed.await.map_err(|_| EngineError::Stopped("listing what is cancelled"))?;
        let last = writer.append(Event::Cancelled { at_ms: self.now_ms(), by });
        written(job, durable, last).await?;
        drop(stopped);
        self.summary(job)
    }

    /// Lets a job begin that its guard holds.
    pub(super) async fn approve(&self, job: JobId, by: String) -> Result<Summary, HostError> {
        let _nobody_begins = self.opening().await;
        let record = self.store().reader().job(job)?;
        if record.status != Status::Held {
            return Err(HostError::NothingToDecide { job, status: record.status });
        }
        let (sender, durable) = tokio::sync::mpsc::unbounded_channel();
        let mut writer = self.store().writer(job, sender);
        let last = writer.append(Event::Approved { at_ms: self.now_ms(), by });
        written(job, durable, last).await?;
        self.summary(job)
    }

    /// What a job came to so far.
    pub(super) fn summary(&self, job: JobId) -> Result<Summary, HostError> {
        let reader = self.store().reader();
        let record = reader.job(job)?;
        let state = reader.state(job)?;
        Ok(engine::summary(reader, &record, &state, None, self.failures())?)
    }
}

/// Waits until an event is on the disk.
async fn written(
    job: JobId,
    mut durable: tokio::sync::mpsc::UnboundedReceiver<u64>,
    last: u64,
) -> Result<(), HostError> {
    loop {
        match durable.recv().await {
            Some(number) if number >= last => return Ok(()),
            Some(_) => {}
            None => return Err(HostError::NotWritten(job)),
        }
    }
}

/// Ends every request of a job that is not over, so that the failures file lists it.
fn end_the_rest(store: &Store, record: &JobRecord, folder: &Path, writer: &mut Writer, talk: &Talk) {
    let warn = |why: &str| {
        talk.say(format!("warning: what is cancelled cannot be listed request by request: {why}"));
    };
    let mut end = || -> Result<(), HostError> {
        if record.input_path == "-" {
            warn("the input was standard input");
            return Ok(());
        }
        let name = format!("{} as it was when {} began", record.workflow_name, record.id);
        let source = Source::new(name, record.workflow_text.clone());
        let workflow = prepare::workflow(source, &Known::default(), talk)?;
        let path = folder.join(&record.input_path);
        let input = prepare::open_input(&workflow, &path, &record.input_path)?;
        if input.digest() != record.input_digest {
            warn("the input is not what it was");
            return Ok(());
        }
        let state = store.reader().state(record.id)?;
        engine::cancelled(record, &state, &workflow, input.records()?, |ended| {
            writer.append(Event::Ended { ended });
        })?;
        Ok(())
    };
    if let Err(error) = end() {
        warn(&error.refusal().text);
    }
}
