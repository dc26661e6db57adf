//! Looking through an input without a job: for plans, and for whoever must know its people.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::plan_record::unusable;
use super::task::{EngineError, Unusable};
use crate::intake::{RawRecord, Records};
use crate::request::{Kind, Request, Warnings};
use crate::run::{Facts, Previewed, Program, preview};
use crate::template::{Extra, Scope};
use crate::workflow::Workflow;

/// Records looked at together.
const TOGETHER: usize = 512;

/// Decodes a record; a row is taken through `on.file.map` first.
pub(super) fn request_of(
    program: &Program,
    record: RawRecord<'_>,
    warnings: &mut Warnings,
) -> Result<Request, Unusable> {
    let Some(map) = program.workflow.on.file.as_ref().and_then(|file| file.map.as_ref()) else {
        return record.request(warnings).map_err(Unusable::Record);
    };
    let data = Map::from_iter([("row".to_owned(), Value::Object(record.row()?))]);
    let extra = Extra::new(program.facts().seed_of(record.position()));
    let value = map.render(&Scope::new(data), &extra).map_err(Unusable::Map)?;
    Request::from_value(value.unwrap_or_else(|| json!({})), warnings).map_err(Unusable::Record)
}

/// Calls `see` with every record of an input that is a request.
pub fn each_request(
    workflow: &Arc<Workflow>,
    mut records: Records,
    mut see: impl FnMut(&Request),
) -> Result<(), EngineError> {
    let program = Program::new(Arc::clone(workflow), nowhere());
    while let Some(chunk) = records.next_chunk(TOGETHER, 1 << 20).map_err(EngineError::Input)? {
        for record in chunk.records() {
            if let Ok(request) = request_of(&program, record, &mut Warnings::default()) {
                see(&request);
            }
        }
    }
    Ok(())
}

/// A record of a plan.
#[derive(Debug)]
pub struct Planned {
    /// Its id as given.
    pub request: Option<String>,
    /// Its line, from 1.
    pub line: u64,
}

/// Calls `see` with every record of an input and the calls it would make.
pub fn planned_calls<E: From<EngineError>>(
    workflow: &Arc<Workflow>,
    kinds: Option<&[Kind]>,
    mut records: Records,
    mut see: impl FnMut(&Planned, Previewed) -> Result<(), E>,
) -> Result<(), E> {
    let program = Program::new(Arc::clone(workflow), nowhere());
    while let Some(chunk) = records.next_chunk(TOGETHER, 1 << 20).map_err(EngineError::Input)? {
        for record in chunk.records() {
            let line = record.line();
            let (request, previewed) = match request_of(&program, record, &mut Warnings::default()) {
                Ok(request) if kinds.is_some_and(|kinds| !kinds.contains(&request.kind)) => {
                    let trouble = super::plan_record::kind_mismatch(request.kind, kinds.unwrap_or_default());
                    (request.id, Previewed { calls: Vec::new(), trouble: Some(trouble) })
                }
                Ok(request) => (request.id, preview(&program, record.position(), request.scope)),
                Err(error) => {
                    let trouble = unusable(&error).failure;
                    (None, Previewed { calls: Vec::new(), trouble })
                }
            };
            see(&Planned { request, line }, previewed)?;
        }
    }
    Ok(())
}

/// Facts of no job: a plan's `now` is its own moment.
fn nowhere() -> Facts {
    let started_at = jiff::Timestamp::now().to_string();
    Facts { job: "plan".to_owned(), started_at, seed: [0; 16] }
}
