//! The three shapes of a Braze answer to a write, read without trust.
//!
//! `{"message": …}`, the same with `errors`, and `{"error": …}` for a body that is no JSON (Braze docs,
//! "Errors and responses"). Any member may be missing or of another type: it is then as if it were
//! not there.

use serde_json::{Map, Value};

use crate::plan::{Call, owner};

/// Answers beyond this are not read; the largest page of people is far below.
pub(super) const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What stands in an answer to a write.
#[derive(Default)]
pub(super) struct Parsed {
    members: Map<String, Value>,
}

/// One entry of `errors`, and the call it is about if it says.
pub(super) struct Fault<'a> {
    /// A code or a sentence.
    pub(super) text: &'a str,
    /// Position of the call.
    pub(super) owner: Option<usize>,
}

impl Parsed {
    /// `None` when the body is no JSON object.
    pub(super) fn read(body: &[u8]) -> Option<Parsed> {
        if body.len() > MOST_BYTES {
            return None;
        }
        Some(Parsed { members: serde_json::from_slice(body).ok()? })
    }

    /// The verdict on the request, or what is wrong with its JSON.
    pub(super) fn message(&self) -> &str {
        let text = |name| self.members.get(name).and_then(Value::as_str);
        text("message").or_else(|| text("error")).unwrap_or_default()
    }

    /// Whether the request was accepted; `queued` is said while the service is being maintained.
    pub(super) fn is_accepted(&self) -> bool {
        matches!(self.members.get("message").and_then(Value::as_str), Some("success" | "queued"))
    }

    /// The entries of `errors`.
    pub(super) fn faults<'a>(&'a self, calls: &[&Call]) -> Vec<Fault<'a>> {
        let entries =
            self.members.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        entries.iter().map(|entry| Fault { text: text(entry), owner: owner_of(entry, calls) }).collect()
    }
}

fn text(entry: &Value) -> &str {
    let member = || entry.get("type").or_else(|| entry.get("message")).and_then(Value::as_str);
    entry.as_str().or_else(member).unwrap_or_default()
}

/// The call whose item an entry names by array and index. The index counts within its array, so
/// without an array it says something only if the request has just one.
fn owner_of(entry: &Value, calls: &[&Call]) -> Option<usize> {
    let index = usize::try_from(entry.get("index")?.as_u64()?).ok()?;
    let first = *calls.first()?;
    let array = match entry.get("input_array").and_then(Value::as_str) {
        Some(name) => name,
        None => {
            let used = first.items().first()?.array();
            if first.items().iter().any(|item| item.array() != used) {
                return None;
            }
            first.action().batch.as_ref()?.arrays.get_index(used)?.0
        }
    };
    owner(calls, array, index)
}
