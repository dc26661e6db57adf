//! Looking through an input without a job: for plans, and for whoever must know its people.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::plan_record::unusable;
use super::planned::conflict;
use super::task::{EngineError, Unusable};
use crate::intake::{RawRecord, Records};
use crate::job::Skip;
use crate::request::{ContentDigest, Identity, Kind, Request, Spare, Warnings, identity};
use crate::run::{Facts, Known, Origin, Previewed, Program, Trouble, preview, preview_failing};
use crate::template::{Extra, Scope};
use crate::workflow::Workflow;

/// Records looked at together.
const TOGETHER: usize = 512;

/// Decodes a record; a row of a file is taken through `on.file.map` first.
pub(super) fn request_of(
    program: &Program,
    record: RawRecord<'_>,
    warnings: &mut Warnings,
    spare: &mut Spare,
) -> Result<Request, Unusable> {
    if record.is_request() && record.is(crate::journal::FORGOTTEN) {
        return Err(Unusable::Forgotten);
    }
    let map = program.workflow.on.file.as_ref().and_then(|file| file.map.as_ref());
    let Some(map) = map.filter(|_| !record.is_request()) else {
        return record.request_in(warnings, spare).map_err(Unusable::Record);
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
            if let Ok(request) = request_of(&program, record, &mut Warnings::default(), &mut Spare::default())
            {
                see(&request);
            }
        }
    }
    Ok(())
}

/// A record as the workflow takes it; else the code under which it would fail.
pub fn taken(program: &Program, kinds: Option<&[Kind]>, record: RawRecord<'_>) -> Result<Request, String> {
    let code = |trouble: Option<Trouble>| trouble.map_or_else(|| "wrong_type".to_owned(), |known| known.code);
    let request = request_of(program, record, &mut Warnings::default(), &mut Spare::default())
        .map_err(|error| code(unusable(&error).failure))?;
    match kinds.filter(|kinds| !kinds.contains(&request.kind)) {
        Some(kinds) => Err(code(Some(super::plan_record::kind_mismatch(request.kind, kinds)))),
        None => Ok(request),
    }
}

/// A record of a plan.
#[derive(Debug)]
pub struct Planned {
    /// Its id as given.
    pub request: Option<String>,
    /// Its line, from 1.
    pub line: u64,
    /// Why none of its calls would be made, if that is known.
    pub skipped: Option<Skip>,
}

/// Calls `see` with every record of an input and the calls it would make. Takes memory for the ids of
/// the input, so that a request which stands in it twice is told; what a store remembers is not asked.
pub fn planned_calls<E: From<EngineError>>(
    workflow: &Arc<Workflow>,
    kinds: Option<&[Kind]>,
    mut records: Records,
    mut see: impl FnMut(&Planned, Previewed) -> Result<(), E>,
) -> Result<(), E> {
    let program = Program::new(Arc::clone(workflow), nowhere());
    let mut ids = HashMap::new();
    while let Some(chunk) = records.next_chunk(TOGETHER, 1 << 20).map_err(EngineError::Input)? {
        for record in chunk.records() {
            let line = record.line();
            let request = request_of(&program, record, &mut Warnings::default(), &mut Spare::default());
            let earlier =
                request.as_ref().ok().and_then(|request| earlier(&mut ids, &workflow.name, request));
            let mut skipped = None;
            let (request, mut previewed) = match request {
                Ok(request) if earlier.is_some_and(|content| content != request.digest) => {
                    (request.id, Previewed { calls: Vec::new(), trouble: conflict().failure })
                }
                Ok(request) if earlier.is_some() => {
                    skipped = Some(Skip::Duplicate);
                    (request.id, preview(&program, record.position(), request.scope))
                }
                Ok(request) if kinds.is_some_and(|kinds| !kinds.contains(&request.kind)) => {
                    let trouble = super::plan_record::kind_mismatch(request.kind, kinds.unwrap_or_default());
                    (request.id, preview_failing(&program, record.position(), request.scope, trouble))
                }
                Ok(request) => (request.id, preview(&program, record.position(), request.scope)),
                Err(error) => {
                    let trouble = unusable(&error).failure;
                    (None, Previewed { calls: Vec::new(), trouble })
                }
            };
            if skipped.is_some() {
                previewed.trouble = None;
                previewed.calls.iter_mut().for_each(|call| call.known = Known::Skipped);
            }
            see(&Planned { request, line, skipped }, previewed)?;
        }
    }
    Ok(())
}

/// The content of the first request of the input that had the same id.
fn earlier(
    ids: &mut HashMap<[u8; 16], ContentDigest>,
    workflow: &str,
    request: &Request,
) -> Option<ContentDigest> {
    let key = identity(workflow, Identity::Id(request.id.as_deref()?));
    match ids.entry(key) {
        Entry::Occupied(first) => Some(*first.get()),
        Entry::Vacant(place) => {
            place.insert(request.digest);
            None
        }
    }
}

/// Facts of no job: a plan's `now` is its own moment.
pub fn nowhere() -> Facts {
    let started_at = jiff::Timestamp::now().to_string();
    Facts { job: "plan".to_owned(), started_at, seed: [0; 16], origin: Origin::File }
}
