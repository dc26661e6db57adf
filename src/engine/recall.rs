//! By what somebody is looked for whose request is given up after an erasure of theirs was accepted, or left and
//! was never answered.
//!
//! A run that is done leaves that itself. One that is given up is not at work any more: it is told once more what it
//! was told before, up to where it stood, and nothing of it is sent. Whoever cannot be told again is not looked for
//! by half of what they had: then nobody says that they are gone.

use std::sync::Arc;

use super::job::facts;
use super::replay::{kept, replay};
use super::task::{Past, Task};
use crate::job::{Position, ToLookAt};
use crate::journal::{JobRecord, Sealed, Store, StoreError, WATCH};
use crate::request::Request;
use crate::run::{Program, Run, Spaces, Times};
use crate::workflow::Workflow;

/// What the requests of one job remember, as far as looks need it.
#[derive(Debug)]
pub struct Recall {
    task: Task,
    erased: ToLookAt,
}

impl Recall {
    /// Of a job that watches whom it erases, and of any other `None`. `presumed` are requests of which an erasure left
    /// and was not answered.
    pub fn of(
        store: &Store,
        record: &JobRecord,
        (workflow, spaces): (Arc<Workflow>, Spaces),
        presumed: &[Position],
        now_ms: i64,
    ) -> Result<Option<Recall>, StoreError> {
        if record.format.get(WATCH).is_none() || record.sandbox {
            return Ok(None);
        }
        let mut erased = super::history::to_look_at(store.reader(), record.id, (0, i64::MAX))?;
        erased.note_erased(presumed);
        let task = task_of(store, record, (workflow, spaces), now_ms)?;
        Ok(Some(Recall { task, erased }))
    }

    /// The requests that are looked at once they are given up.
    pub fn wanted(&self) -> impl Iterator<Item = Position> {
        self.erased.open()
    }

    /// Whether a request is looked at once it is given up.
    pub fn wants(&self, position: Position) -> bool {
        self.erased.has_erased(position)
    }

    /// Seals what one request leaves for looks; nothing when what it names is all.
    pub(super) fn seal(&self, position: Position, request: Option<&Request>, sealed: &mut Sealed) {
        if !self.wants(position) {
            return;
        }
        match request.and_then(|request| self.recalled(position, request)) {
            Some(None) => {}
            Some(Some(one)) => sealed.push((position, one)),
            None => sealed.push((position, Vec::new())),
        }
    }

    /// `None` when it cannot be told; in it what is kept, if there is anything.
    fn recalled(&self, position: Position, request: &Request) -> Option<Option<Vec<u8>>> {
        let task = &self.task;
        let answers = kept(task, position);
        if answers.iter().any(|answer| task.open(answer).is_err()) {
            tracing::error!(
                position,
                "what record {position} was told cannot be opened: nobody is looked for by it"
            );
            return None;
        }
        let members = request.scope.clone();
        let times = task.sets_states.then(|| Times::of(&members, task.started_ms, position));
        let mut run = Run::start(&task.program, position, members);
        run = run.tried_again(task.past.asked_again_ms(position));
        if let Some(times) = times {
            run = run.dated(times);
        }
        let mut next = run.next(&task.program, task.started_ms);
        replay(task, &mut run, &mut next, &answers);
        let Some(sought) = run.to_be_sought() else { return Some(None) };
        match task.sealer.as_ref()?.seal_sought(position, &sought.to_bytes()) {
            Ok(sealed) => Some(Some(sealed)),
            Err(error) => {
                tracing::error!(position, "by what record {position} is looked for cannot be kept: {error}");
                None
            }
        }
    }
}

/// A job as its workers would see it, of which nothing is sent.
fn task_of(
    store: &Store,
    record: &JobRecord,
    (workflow, spaces): (Arc<Workflow>, Spaces),
    now_ms: i64,
) -> Result<Task, StoreError> {
    let sets_states = workflow.lists().any(super::turns::sets_states);
    Ok(Task {
        job: record.id,
        kinds: None,
        budgets: Vec::new(),
        sets_states,
        takes_turns: false,
        indexes: None,
        endings: Default::default(),
        program: Program::new(workflow, facts(record)).at_work_in(spaces).for_canary(record.is_canary()),
        is_canary: record.is_canary(),
        is_look: false,
        is_watched: true,
        seeks: None,
        input_digest: record.input_digest,
        started_ms: record.started_ms,
        opened_ms: now_ms,
        past: Past::of(store.state(record.id)?),
        sealer: store.sealer(record.id).ok(),
        warnings: std::sync::Mutex::default(),
    })
}
