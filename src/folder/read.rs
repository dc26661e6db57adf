//! From what a folder answers to what that means for the call.

use serde_json::Value;

use crate::catalogue::Refusal;
use crate::plan::Call;
use crate::reply::{Cause, Item, Reading, Stop};

/// What an answer of a folder means.
pub fn read(calls: &[&Call], status: u16, body: &[u8]) -> Reading {
    let refused = |code: &'static str, message: &'static str| {
        Reading::Items(calls.iter().map(|_| Item::Refused(Refusal::new(code, message))).collect())
    };
    let is_read = calls.iter().all(|call| !call.action().method.has_body());
    match status {
        200..=299 => match serde_json::from_slice::<Value>(body) {
            Ok(output) => Reading::Items(vec![Item::Accepted { output }]),
            Err(_) => Reading::Unknown,
        },
        403 => Reading::Stop(Stop::ClosedFolder),
        404 if is_read => refused("not_found", "the folder has no file of this name"),
        404 => Reading::Stop(Stop::ClosedFolder),
        507 => Reading::Retry { not_before: None, cause: Cause::Unavailable },
        400..=499 => refused("refused", "a file cannot have this name or ending"),
        _ => Reading::Unknown,
    }
}
