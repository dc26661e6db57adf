//! Bodies that name a subtask of a data-subject request.
//!
//! Such a call says only where to look: what the request asks for is read in OneTrust itself, with our
//! own credentials, before anything is done. The id becomes a part of an address there, so it holds
//! letters, digits and `-` and nothing else. The spellings are those of OneTrust's API and of what
//! people write into the steps of its integration workflows; the real body of "System Subtask Created"
//! is not documented.

use serde_json::{Map, Value};

use super::Call;
use super::answer::Refusal;
use super::intake::Look;
use super::record::not_json;
use super::taken::Taken;

/// How the id is called, letters of any case and without `_` and `-`.
const SPELLINGS: [&str; 4] = ["subtaskid", "subtaskguid", "taskid", "subtask"];
/// Members of which the id may be a member.
const WITHIN: [&str; 5] = ["payload", "data", "event", "subtask", "task"];
/// Longest id: that of a UUID and a half.
const MOST_CHARS: usize = 64;

/// What a body that names a subtask comes to.
pub(super) fn take(call: &Call<'_>, body: &[u8]) -> Result<(Taken, usize), Refusal> {
    let body: Value = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    let Value::Object(members) = &body else {
        return Err(Refusal::Shape("the body must be an object with `subTaskId`".to_owned()));
    };
    let Some(found) = named(members, 2) else {
        return Err(Refusal::Shape("`subTaskId` is missing".to_owned()));
    };
    let Some(id) = found.as_str() else {
        return Err(Refusal::Shape("`subTaskId` must be a string".to_owned()));
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if id.is_empty() || id.len() > MOST_CHARS || !id.bytes().all(fits) {
        return Err(Refusal::Shape("`subTaskId` is no id of a subtask".to_owned()));
    }
    // The settings refuse a hook of this shape without a profile.
    let Some(profile) = &call.hook.profile else { return Err(Refusal::Unavailable) };
    let look = Look {
        hook: call.hook.name.clone(),
        profile: profile.clone(),
        subtask: id.to_owned(),
        since_ms: call.now_ms,
    };
    Ok((Taken { looks: vec![look], ..Taken::default() }, 1))
}

/// The id, in the object itself or in one of the members that wrap it.
fn named(members: &Map<String, Value>, depth: usize) -> Option<&Value> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
    let is_id = |(name, value): &(&String, &Value)| {
        SPELLINGS.contains(&plain(name).as_str()) && !value.is_object() && !value.is_null()
    };
    if let Some((_, value)) = members.iter().find(is_id) {
        return Some(value);
    }
    if depth == 0 {
        return None;
    }
    let wrapped = members.iter().filter(|(name, _)| WITHIN.contains(&plain(name).as_str()));
    wrapped.filter_map(|(_, value)| value.as_object()).find_map(|inner| {
        // A subtask that stands as an object calls its id just so.
        named(inner, depth - 1).or_else(|| inner.get("id").filter(|id| id.is_string()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_id_is_found_in_every_spelling_and_wrapping() {
        for body in [
            json!({"subTaskId": "a-1"}),
            json!({"subtaskId": "a-1", "requestId": "b"}),
            json!({"sub_task_id": "a-1"}),
            json!({"subTaskGuid": "a-1"}),
            json!({"taskId": "a-1"}),
            json!({"payload": {"subTaskId": "a-1"}}),
            json!({"event": {"payload": {"subtask_id": "a-1"}}}),
            json!({"subtask": {"id": "a-1"}}),
            json!({"data": {"subTask": {"id": "a-1", "name": "x"}}}),
        ] {
            let found = named(body.as_object().unwrap(), 2).unwrap();
            assert_eq!(found, "a-1", "{body}");
        }
        for body in
            [json!({}), json!({"id": "a-1"}), json!({"subTaskId": null}), json!({"x": {"subTaskId": "a"}})]
        {
            assert_eq!(named(body.as_object().unwrap(), 2), None, "{body}");
        }
    }
}
