//! The input of an earlier job, read again for what the journal does not keep: lines and ids.
//!
//! A bulk job copies no records, so what is known of a run that ended well beyond its verdict is known
//! only while the file is still there, byte for byte.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::watched::looked_at;
use crate::engine::job::facts;
use crate::engine::look::request_of;
use crate::engine::recall::Recall;
use crate::engine::task::EngineError;
use crate::intake::{Input, Reading};
use crate::job::Position;
use crate::journal::{JobRecord, Reader, Sealed};
use crate::request::{Identity, Request, Spare, Warnings, identity};
use crate::run::Program;
use crate::source::{Source, safe_id};
use crate::workflow::{Known as Names, Workflow, load};

/// Records looked at together.
const TOGETHER: usize = 512;

/// Why the records of a job cannot be looked at any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// It was standard input, which is kept nowhere.
    #[error("its input was standard input")]
    StandardInput,
    /// It came in from outside, and such records are kept only as long as their job may need them.
    #[error("what came in from outside is kept no longer than its job needs it")]
    CarriedOut,
    /// The file is not there or cannot be read.
    #[error("its input is not there any more")]
    Missing,
    /// The file is another one now.
    #[error("its input was edited since")]
    Changed,
    /// This release does not take the workflow text that the job keeps.
    #[error("its workflow cannot be read by this release")]
    Workflow,
}

/// What a record says of itself, fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its id, or a digest of it when it is not plain; `None` without one, or when the line is no record.
    pub request: Option<String>,
    /// Its line, from 1.
    pub line: u64,
    /// Its entry in the index of ids.
    pub key: [u8; 16],
    /// The digest of its content there.
    pub content: u64,
}

/// The records of a job, still there.
#[derive(Debug)]
pub struct Kept {
    record: JobRecord,
    program: Program,
    input: Input,
}

impl Kept {
    /// Opens the input of a job, if it is still what the job was given.
    pub fn open(reader: &Reader, record: &JobRecord) -> Result<Kept, Gone> {
        if record.input_path == "-" {
            return Err(Gone::StandardInput);
        }
        let source = Source::new(record.workflow_name.clone(), record.workflow_text.clone());
        let workflow = Arc::new(load(&source, &Names::default()).0.ok_or(Gone::Workflow)?);
        let input = match record.input_path.parse() {
            Ok(window) => {
                let read = reader.window_digest(window).and_then(|digest| {
                    Ok(Input::of_window(window, reader.window_text(window)?).known_as(digest))
                });
                read.map_err(|_| Gone::CarriedOut)?
            }
            Err(_) => {
                let reading = workflow.on.file.as_ref().map(Reading::of).ok_or(Gone::Workflow)?;
                Input::open(&record.input_at(), &reading).map_err(|_| Gone::Missing)?
            }
        };
        let input = looked_at(reader, record, input).map_err(|_| Gone::Missing)?;
        if input.digest() != record.input_digest {
            return Err(Gone::Changed);
        }
        let program = Program::new(workflow, facts(record));
        Ok(Kept { record: record.clone(), program, input })
    }

    /// The same over an input that a running job holds open.
    pub(in crate::engine) fn of(record: &JobRecord, workflow: Arc<Workflow>, input: Input) -> Kept {
        Kept { record: record.clone(), program: Program::new(workflow, facts(record)), input }
    }

    /// The job.
    pub(super) fn record(&self) -> &JobRecord {
        &self.record
    }

    /// What some records say of themselves.
    pub fn look_up(&self, wanted: &BTreeSet<Position>) -> Result<HashMap<Position, Known>, EngineError> {
        let mut found = HashMap::with_capacity(wanted.len());
        let Some(last) = wanted.last() else { return Ok(found) };
        self.each(
            *last,
            |position| wanted.contains(&position),
            |position, known, _| {
                found.insert(position, known);
            },
        )?;
        Ok(found)
    }

    /// What some records say of themselves, and what they leave for looks at their people.
    pub fn look_up_and_seal(
        &self,
        wanted: &BTreeSet<Position>,
        recall: Option<&Recall>,
    ) -> Result<(HashMap<Position, Known>, Sealed), EngineError> {
        let (mut found, mut sealed) = (HashMap::with_capacity(wanted.len()), Sealed::new());
        self.each(
            wanted.last().copied().unwrap_or_default(),
            |position| wanted.contains(&position),
            |position, known, request| {
                recall.into_iter().for_each(|recall| recall.seal(position, request, &mut sealed));
                found.insert(position, known);
            },
        )?;
        Ok((found, sealed))
    }

    /// The deadlines of records that are wanted and have one, in Unix milliseconds.
    pub fn deadlines(
        &self,
        is_wanted: impl Fn(Position) -> bool,
    ) -> Result<Vec<(Position, Known, i64)>, EngineError> {
        let mut found = Vec::new();
        self.each(Position::MAX, is_wanted, |position, known, request| {
            let due_at = request.and_then(|request| request.scope.get("request")?.get("due_at")?.as_str());
            let due_at = due_at.and_then(|due_at| due_at.parse::<jiff::Timestamp>().ok());
            found.extend(due_at.map(|due_at| (position, known, due_at.as_millisecond())));
        })?;
        Ok(found)
    }

    /// Calls `see` with the records up to one that are wanted; a line that is no record has no request.
    pub(super) fn each(
        &self,
        last: Position,
        is_wanted: impl Fn(Position) -> bool,
        mut see: impl FnMut(Position, Known, Option<&Request>),
    ) -> Result<(), EngineError> {
        let workflow = &self.program.workflow.name;
        let mut records = self.input.records().map_err(EngineError::Input)?;
        while let Some(chunk) = records.next_chunk(TOGETHER, 1 << 20).map_err(EngineError::Input)? {
            for raw in chunk.records().filter(|raw| is_wanted(raw.position())) {
                let (position, line) = (raw.position(), raw.line());
                let request =
                    request_of(&self.program, raw, &mut Warnings::default(), &mut Spare::default()).ok();
                let id = request.as_ref().and_then(|request| request.id.as_deref());
                let place = Identity::Place { input: &self.record.input_digest, position };
                let known = Known {
                    request: id.map(|id| safe_id(id).into_owned()),
                    line,
                    key: identity(workflow, id.map_or(place, Identity::Id)),
                    content: request.as_ref().map_or(0, |request| request.digest.0),
                };
                see(position, known, request.as_ref());
            }
            if chunk.first_position() + chunk.len() as u64 > last {
                break;
            }
        }
        Ok(())
    }
}
