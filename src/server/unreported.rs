//! Requests of subtasks that ended without a run of theirs coming to its end: somebody gave them up, or they
//! could not even be begun. OneTrust is told, so that no subtask stays in progress for ever.
//!
//! Which these are stands in the journal and is looked up there; what was told of is a cursor. A subtask is
//! read before it is changed, so one that a person or a run closed is left alone, and a call whose answer
//! was lost is not repeated in vain. Nothing here can change a person.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::carry::{Ways, as_it_was};
use crate::clock::SystemClock;
use crate::engine::Fates;
use crate::host::{Host, HostError};
use crate::job::{Fail, JobId, Position, Verdict, WindowId};
use crate::journal::{Cursor, StoreError, Window};
use crate::onetrust::{Api, ApiError, Request, words};
use crate::template::Leaf;
use crate::workflow::Workflow;

/// How often is looked for windows that are over, and how long a look rests that OneTrust did not answer.
const EVERY: Duration = Duration::from_secs(5);
const AFTER_FAILURE: Duration = Duration::from_secs(300);

/// Begins the names of the cursors that say of which windows everything was told.
const PREFIX: &str = "told:";

const SUBTASK: &str = "/api/datasubject/v2/subtasks/{subtask_id}";
const STATUS: &str = "/api/datasubject/v2/subtasks/{subtask_id}/status";
const COMMENTS: &str = "/api/datasubject/v2/requestqueues/{request_ref}/comments";

/// Why nothing could be told.
#[derive(Debug, thiserror::Error)]
enum TellError {
    /// A job that cannot be read, or a profile that cannot be used.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// OneTrust.
    #[error(transparent)]
    OneTrust(#[from] ApiError),
}

/// What is told of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// The subtask failed, for this reason.
    Failed(&'static str),
    /// A comment on the request: its id belongs to another request, whose subtask this may be.
    Comment(&'static str),
}

impl Word {
    /// What is to be told of an end that no run told of; one that a run told of itself may be among them.
    fn of(verdict: Verdict) -> Option<Word> {
        match verdict {
            Verdict::Failed(Fail::Cancelled) => Some(Word::Failed("It was given up before it was finished.")),
            Verdict::Failed(Fail::GuardRejected) => Some(Word::Failed("It was not allowed to begin.")),
            Verdict::Failed(Fail::WrongType) => {
                Some(Word::Failed("The request cannot be read (wrong_type)."))
            }
            Verdict::Failed(Fail::IdConflict) => {
                Some(Word::Comment("Another request has the same id, so this one was not carried out."))
            }
            Verdict::Done | Verdict::Skipped(_) | Verdict::Failed(_) | Verdict::Waiting(_) => None,
        }
    }
}

/// Where something is told.
struct Whom {
    profile: Option<String>,
    subtask: String,
    request: Option<String>,
}

/// Tells OneTrust.
pub(super) struct Unreported {
    pub host: Arc<Host>,
    pub ways: Ways,
    /// The newest event of the job of a window when everything was told of it.
    pub told: HashMap<WindowId, i64>,
}

impl Unreported {
    /// Tells until `stop`.
    pub(super) async fn keep_telling(mut self, stop: CancellationToken) {
        loop {
            let pause = match stop.run_until_cancelled(self.tell()).await {
                None => return,
                Some(Ok(())) => EVERY,
                Some(Err(error)) => {
                    tracing::warn!(%error, "what became of some subtasks cannot be told to OneTrust, which is tried again: {error}");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Tells everything that was not told.
    async fn tell(&mut self) -> Result<(), TellError> {
        let store = Arc::clone(self.host.store());
        let over = tokio::task::spawn_blocking(move || {
            Ok::<_, StoreError>((store.ended_windows()?, store.cursors(PREFIX)?))
        });
        let Ok(over) = over.await else { return Ok(()) };
        let (over, cursors) = over?;
        if self.told.is_empty() {
            let read = |cursor: &Cursor| {
                let window = cursor.name.strip_prefix(PREFIX)?.parse().ok()?;
                Some((window, cursor.value.parse().ok()?))
            };
            self.told = cursors.iter().filter_map(read).collect();
        }
        for (window, event) in over {
            if self.told.get(&window.id) == Some(&event) {
                continue;
            }
            if let Some(job) = window.job {
                self.tell_of(&window, job).await?;
            }
            let (name, value) = (format!("{PREFIX}{}", window.id), event.to_string());
            let store = Arc::clone(self.host.store());
            let written =
                tokio::task::spawn_blocking(move || store.accept(Vec::new(), Some(Cursor { name, value })));
            if let Ok(written) = written.await {
                written?;
            }
            self.told.insert(window.id, event);
        }
        Ok(())
    }

    /// Tells what became of the requests of one window.
    async fn tell_of(&self, window: &Window, job: JobId) -> Result<(), TellError> {
        let workflow = as_it_was(&self.host, job)?;
        if workflow.report.is_none() {
            return Ok(());
        }
        let (store, id, of) = (Arc::clone(self.host.store()), window.id, Arc::clone(&workflow));
        let found = tokio::task::spawn_blocking(move || {
            let fates = Fates::of(store.reader(), store.job(job)?)?;
            let mut words: HashMap<Position, Word> = HashMap::new();
            let looked = fates.each(|fate| {
                words.extend(Word::of(fate.verdict).map(|word| (fate.position, word)));
                Ok::<_, StoreError>(ControlFlow::Continue(()))
            });
            looked.map(|_: ControlFlow<()>| ())?;
            if words.is_empty() {
                return Ok(Vec::new());
            }
            let text = store.window_text(id)?;
            let lines = (0..).zip(text.split(|byte| *byte == b'\n'));
            let whom = lines.filter_map(|(position, line)| {
                let word = *words.get(&position)?;
                Some((position, word, whom(&of, &serde_json::from_slice(line).ok()?)?))
            });
            Ok::<_, StoreError>(whom.collect())
        });
        let Ok(found) = found.await else { return Ok(()) };
        for (position, word, whom) in found? {
            let reference = format!("Reference: {job}:{position}");
            let Some(api) = self.api(whom.profile.as_deref())? else {
                tracing::error!(%job, "nobody knows which profile of OneTrust to tell what became of {job}:{position}");
                continue;
            };
            match tell(&api, word, &whom, &reference).await {
                Ok(()) => {}
                // What OneTrust will never take is said once, and holds nobody up.
                Err(error @ (ApiError::Refused { .. } | ApiError::NotFound { .. })) => tracing::warn!(
                    %job,
                    "OneTrust does not take what became of {job}:{position}: {error}"
                ),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn api(&self, profile: Option<&str>) -> Result<Option<Api>, HostError> {
        if let Ways::Sandbox { onetrust, .. } = &self.ways {
            return Ok(Some(onetrust.clone()));
        }
        let clients = self.host.clients();
        let mut fitting = clients.settings().profiles.values().filter(|known| {
            known.system == crate::config::System::OneTrust && profile.is_none_or(|name| known.name == name)
        });
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => clients.api(only, Arc::new(SystemClock)).map(Some),
            _ => Ok(None),
        }
    }
}

/// Where a record says that it came from; `None` when it is no subtask of OneTrust.
fn whom(workflow: &Workflow, record: &Value) -> Option<Whom> {
    let source = record.get("source")?;
    let text = |member: &str| source.get(member).and_then(Value::as_str).map(str::to_owned);
    let subtask = text("subtask_id").filter(|id| !id.is_empty())?;
    let is_onetrust = text("system").as_deref() == Some("onetrust");
    // As the steps of a report say it, see `workflow`.
    let of_report = workflow.report.iter().flat_map(|report| report.lists()).flatten();
    let mut of_report = of_report.filter_map(|step| step.profile.as_ref().and_then(Leaf::literal));
    let of_trigger = || workflow.on.onetrust_subtask.as_ref().map(|trigger| trigger.profile.clone());
    let profile = of_report.next().map(str::to_owned).or_else(|| text("profile")).or_else(of_trigger);
    let profile = profile.or_else(|| workflow.profiles.get("onetrust").cloned());
    is_onetrust.then(|| Whom { profile, subtask, request: text("ref") })
}

async fn tell(api: &Api, word: Word, whom: &Whom, reference: &str) -> Result<(), ApiError> {
    match word {
        Word::Failed(why) => {
            let subtask = api.call(Request::get(SUBTASK).value("subtask_id", &whom.subtask)).await?;
            let status = subtask.get("status").and_then(Value::as_str).unwrap_or_default();
            if words::status(status) != words::Status::Open {
                return Ok(());
            }
            let body = json!({ "status": "FAILED", "comment": format!("{why} {reference}") });
            api.call(Request::put(STATUS).value("subtask_id", &whom.subtask).json(body)).await.map(drop)
        }
        Word::Comment(why) => {
            let Some(request) = &whom.request else { return Ok(()) };
            let body = json!({ "comment": format!("{why} {reference}"), "internalComment": true });
            api.call(Request::put(COMMENTS).value("request_ref", request).json(body)).await.map(drop)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::workflow::{Known, load};

    #[test]
    fn what_a_run_tells_itself_is_not_told_for_it_and_a_conflict_fails_no_subtask() {
        assert_eq!(Word::of(Verdict::Done), None);
        assert_eq!(Word::of(Verdict::Failed(Fail::Refused)), None);
        assert!(matches!(Word::of(Verdict::Failed(Fail::Cancelled)), Some(Word::Failed(_))));
        assert!(matches!(Word::of(Verdict::Failed(Fail::WrongType)), Some(Word::Failed(_))));
        assert!(matches!(Word::of(Verdict::Failed(Fail::IdConflict)), Some(Word::Comment(_))));
    }

    #[test]
    fn only_a_subtask_of_onetrust_is_told_of_where_it_came_from() {
        let text = "workflow: w\non: { onetrust_subtask: { profile: first, names: [x], kind: other } }\nsteps: [stop: x]\n";
        let (workflow, mistakes) = load(&Source::new("w.yaml", text), &Known::default());
        let workflow = workflow.unwrap_or_else(|| panic!("{mistakes:?}"));
        let of =
            |source: Value| whom(&workflow, &json!({ "source": source })).map(|whom| whom.profile.unwrap());

        assert_eq!(of(json!({"system": "onetrust", "subtask_id": "7f"})).as_deref(), Some("first"));
        let other = of(json!({"system": "onetrust", "subtask_id": "7f", "profile": "second"}));
        assert_eq!(other.as_deref(), Some("second"));
        assert_eq!(of(json!({"system": "schedule", "subtask_id": "7f"})), None);
        assert_eq!(of(json!({"system": "onetrust", "ref": "AB"})), None);
        assert!(whom(&workflow, &json!({})).is_none());
    }
}
