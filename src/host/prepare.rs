//! From what somebody asks for to a job that is ready: the workflow checked, the input open.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::command::{InputOrder, Resume, Run, Talk};
use super::error::HostError;
use super::owner::{Host, Job};
use crate::engine::{EngineError, JobError, Patience, looked_at};
use crate::intake::{Input, InputError, Reading};
use crate::journal::{JobRecord, Reader};
use crate::source::{Colour, Source, render};
use crate::workflow::{FileTrigger, IDLE_TRIGGER, Known, Workflow, load};

/// How the files begin in which others spool their input, in the store; each is locked for as long as the process
/// is there that made it.
pub const SPOOLED: &str = "input-";

/// Opens a job's input as its workflow says; `name` is the path as it was given.
pub fn open_input(workflow: &Workflow, path: &Path, name: &str) -> Result<Input, HostError> {
    if let Ok(window) = name.parse() {
        return Err(HostError::Window(window));
    }
    let Some(trigger) = &workflow.on.file else {
        return Err(HostError::NotOnFiles(workflow.name.clone()));
    };
    let input = Input::open_as(path, name, &Reading::of(trigger))?;
    check_columns(trigger, &input)?;
    Ok(input)
}

/// Opens the input of a job that began before: a file, or a window of what came in; of a look only what it
/// looks at.
pub(super) fn open_again(
    reader: &Reader,
    record: &JobRecord,
    workflow: &Workflow,
    path: &Path,
    name: &str,
) -> Result<Input, HostError> {
    let input = match name.parse() {
        Ok(window) => {
            let digest = reader.window_digest(window)?;
            Input::of_window(window, reader.window_text(window)?).known_as(digest)
        }
        Err(_) => open_input(workflow, path, name)?,
    };
    Ok(looked_at(reader, record, input)?)
}

/// A word about an input without a record.
pub fn warn_if_empty(input: &Input) -> Result<Option<String>, HostError> {
    let is_empty = input.records()?.next_chunk(1, 1)?.is_none();
    let warning =
        || format!("warning: {} is empty: it has no record, and there is nothing to do", input.name());
    Ok(is_empty.then(warning))
}

/// A table without a column that the workflow's map reads, or that no record can do without, is
/// refused before anything is done.
fn check_columns(trigger: &FileTrigger, input: &Input) -> Result<(), InputError> {
    let records = input.records()?;
    let Some(columns) = records.columns() else { return Ok(()) };
    let Some(map) = &trigger.map else { return columns.require_record() };
    let leaves = map.leaves();
    let names = leaves.iter().flat_map(|(_, leaf)| leaf.names());
    let read =
        names.filter(|name| !name.optional && name.segments.first().is_some_and(|first| first == "row"));
    let columns_read: Vec<&str> = read.filter_map(|name| name.segments.get(1)).map(String::as_str).collect();
    columns.require(columns_read)
}

/// A workflow from its text; what somebody should look at goes to who asked. What else would start it does
/// not matter here.
pub(super) fn workflow(source: Source, known: &Known, talk: &Talk) -> Result<Arc<Workflow>, HostError> {
    let (workflow, mut mistakes) = load(&source, known);
    let Some(workflow) = workflow else {
        return Err(HostError::Mistakes { file: Box::new(source), mistakes });
    };
    mistakes.retain(|mistake| mistake.code != IDLE_TRIGGER);
    let warnings = render(&mistakes, &source, Colour::Plain);
    if !warnings.is_empty() {
        talk.say(warnings.trim_end());
    }
    Ok(Arc::new(workflow))
}

impl Host {
    /// A job that another process asks for. Whoever asks has shown its warnings.
    pub(super) async fn prepare(&self, run: Run, stop: CancellationToken) -> Result<Job, HostError> {
        let source = Source::new(run.workflow_name, run.workflow_text);
        let (loaded, mistakes) = load(&source, self.known());
        let Some(workflow) = loaded.map(Arc::new) else {
            return Err(HostError::Mistakes { file: Box::new(source), mistakes });
        };
        let input = open(None, Arc::clone(&workflow), run.input).await?;
        if input.digest() != run.input_digest {
            return Err(HostError::Input(InputError::Changed { name: input.name() }));
        }
        self.ready(workflow, input, run.wait_ms, stop).await
    }

    /// A job that is open already, with the workflow as it was when it began.
    pub(super) async fn prepare_again(
        &self,
        resume: Resume,
        talk: &Talk,
        stop: CancellationToken,
    ) -> Result<Job, HostError> {
        let record = self.store().reader().job(resume.job)?;
        let name = format!("{} as it was when {} began", record.workflow_name, record.id);
        let workflow = workflow(Source::new(name, record.workflow_text.clone()), self.known(), talk)?;
        let before = Some((self.store().reader().clone(), record.clone()));
        let input = open(before, Arc::clone(&workflow), resume.input).await?;
        if input.digest() != record.input_digest {
            let (workflow, job) = (record.workflow_name, record.id);
            return Err(HostError::Job(match input.path() {
                "-" => JobError::OtherStandardInput { workflow, job, is_empty: input.size_bytes() == 0 },
                _ => JobError::EditedInput { workflow, job },
            }));
        }
        if let Some(warning) = warn_if_empty(&input)? {
            talk.say(warning);
        }
        let ready = self.ready(workflow, input, resume.wait_ms, stop).await?;
        Ok(Job { goes_on_with: Some(resume.job), ..ready })
    }

    async fn ready(
        &self,
        workflow: Arc<Workflow>,
        input: Input,
        wait_ms: u64,
        stop: CancellationToken,
    ) -> Result<Job, HostError> {
        let services = self.clients().services(&workflow).await?;
        let patience = Patience::Until(Duration::from_millis(wait_ms));
        Ok(Job { workflow, input, services, patience, virtual_clock: None, stop, goes_on_with: None })
    }
}

/// Opens an input where reading a large one holds nobody up.
async fn open(
    began_before: Option<(Reader, JobRecord)>,
    workflow: Arc<Workflow>,
    order: InputOrder,
) -> Result<Input, HostError> {
    let opened = tokio::task::spawn_blocking(move || {
        let input = match began_before {
            Some((reader, record)) => open_again(&reader, &record, &workflow, &order.path, &order.name),
            None => open_input(&workflow, &order.path, &order.name),
        };
        if order.is_spooled
            && let Err(error) = std::fs::remove_file(&order.path)
        {
            // Whoever made it removes it, too.
            tracing::debug!(%error, "a spooled input was not removed");
        }
        input
    });
    opened.await.map_err(|_| EngineError::Stopped("opening the input"))?
}
