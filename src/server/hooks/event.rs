//! Bodies that are events pushed by OneTrust: code 3010, a changed data subject profile.
//!
//! What an event says is read by `onetrust`; here it becomes arrivals. Events of one person are told
//! apart by the purposes they speak of: an older one is discarded only for a newer one about the same,
//! so that no opt-out of another purpose goes with it. Where they overlap, the engine takes the newest
//! choice of each purpose.

use serde_json::Value;

use super::Call;
use super::answer::Refusal;
use super::intake::Intake;
use super::record::not_json;
use super::taken::{Taken, key};
use crate::journal::{Arrival, MOST_RECORD_BYTES, Skipped, Turn};
use crate::onetrust::event::{self, EventError};
use crate::onetrust::{self, Judged};

/// What an event comes to.
pub(super) fn take(call: &Call<'_>, body: &[u8], intake: &dyn Intake) -> Result<(Taken, usize), Refusal> {
    let event: Value = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    let mut taken = Taken::default();
    for workflow in &call.workflows {
        let Some(trigger) = &workflow.on.webhook else { continue };
        let read = event::read(&trigger.consent, &event).map_err(|error| call.no_event(&error))?;
        match read.judged {
            Judged::Start(record) => {
                if record.line().len() > MOST_RECORD_BYTES {
                    return Err(Refusal::Unprocessable("the event makes a record longer than a megabyte"));
                }
                let turn = match read.turn {
                    None => None,
                    Some(turn) => {
                        let purposes = purposes(&event);
                        let purposes: Vec<&[u8]> = purposes.iter().map(|id| id.as_bytes()).collect();
                        let parts = [&[b"lane".as_slice(), &turn.lane], purposes.as_slice()].concat();
                        let lane = key(intake, &parts).map_err(|error| call.unavailable(&error))?;
                        Some(Turn { lane, number: turn.number })
                    }
                };
                taken.items.push(0);
                taken.arrivals.push(Arrival {
                    workflow: workflow.name.clone(),
                    origin: call.origin.clone(),
                    key: record.key(&workflow.name),
                    turn,
                    due_ms: record.due().map(jiff::Timestamp::as_millisecond),
                    received_ms: call.now_ms,
                    record: record.into_line(),
                });
            }
            Judged::Skip(reason) => {
                let id = event.get("eventId").and_then(Value::as_str).unwrap_or_default();
                taken.skipped.push(Skipped {
                    workflow: workflow.name.clone(),
                    origin: call.origin.clone(),
                    key: onetrust::key(&workflow.name, id),
                    reason: reason.word(),
                    at_ms: call.now_ms,
                });
            }
        }
    }
    Ok((taken, 1))
}

/// The ids of the purposes that an event speaks of, each once and in order.
fn purposes(event: &Value) -> Vec<&str> {
    let profiles = event.pointer("/payload/profiles").and_then(Value::as_array);
    let ids = profiles.into_iter().flatten().filter_map(|profile| profile.get("purposeId")?.as_str());
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Call<'_> {
    /// Whoever sends what can never be carried out must hear of it, and so must whoever reads the log.
    fn no_event(&self, error: &EventError) -> Refusal {
        let hook = &self.hook.name;
        let refusal = match error {
            EventError::NotAnObject => return Refusal::Shape("the body must be an object".to_owned()),
            EventError::NoPayload => return Refusal::Shape("the event has no `payload`".to_owned()),
            EventError::ByReference => {
                "the event is sent by reference and holds no change; send the event itself"
            }
            EventError::Compressed => "the event is compressed; send it as plain JSON",
            EventError::OtherType(_) => "only events of type 3010 are taken",
        };
        tracing::error!(
            hook.name = hook,
            "hook {hook} was sent an event that cannot be carried out, so a change may be lost: {error}"
        );
        Refusal::Unprocessable(refusal)
    }
}
