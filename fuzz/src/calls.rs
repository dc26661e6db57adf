//! Rendered bodies: any JSON is refused or becomes calls whose bodies are JSON, alone and merged.

use privaflow::catalogue::{Action, all};
use privaflow::plan::{Call, Room, body, content_type, owner, path_and_query};
use serde_json::Value;

/// The first byte names the action; each further line is what one call was rendered to.
pub fn check(data: &[u8]) {
    let Some((which, lines)) = data.split_first() else { return };
    let Some(action) = all().get(usize::from(*which) % all().len()) else { return };
    let calls: Vec<Call> = lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
        .filter_map(|with| Call::new(action, &with).ok())
        .take(20)
        .collect();
    for call in &calls {
        sent(&[call]);
        assert!(call.bytes() <= action.max_bytes);
    }
    let Some(first) = calls.first() else { return };
    let mut room = Room::new(first.action());
    let mut together = Vec::new();
    for call in &calls {
        if room.can_take(call) {
            room.take(call);
            together.push(call);
        }
    }
    assert!(!together.is_empty(), "an empty body takes any call");
    sent(&together);
    assert!(body(&together).len() <= room.bytes(), "a body is larger than was counted");
}

/// Whether an address is the one of an action, with one word for each of its places.
fn is_of(action: &Action, address: &str) -> bool {
    let path = address.split('?').next().unwrap_or_default();
    let (mut wanted, mut given) = (action.path.split('/'), path.split('/'));
    let fits = |wanted: &str, given: &str| wanted == given || wanted.starts_with('{') && !given.is_empty();
    wanted.by_ref().all(|wanted| given.next().is_some_and(|given| fits(wanted, given)))
        && given.next().is_none()
}

/// What leaves is well formed, and every item of it has an owner among the calls.
fn sent(calls: &[&Call]) {
    let Some(action) = calls.first().map(|call| call.action()) else { return };
    let address = path_and_query(calls);
    assert!(is_of(action, &address) && address.is_ascii(), "an address that is none");
    assert!(!address.contains(['\r', '\n', ' ']), "an address that is none");
    let body = body(calls);
    if !action.method.has_body() {
        assert!(body.is_empty());
        return;
    }
    if let Some(kind) = content_type(calls) {
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").expect("a form");
        let text = String::from_utf8_lossy(&body);
        assert_eq!(text.matches(boundary).count(), 3, "a form of other parts");
        return;
    }
    let body: Value = serde_json::from_slice(&body).expect("a body is JSON");
    let Some(batch) = action.batch.as_ref().filter(|batch| batch.groups.is_none()) else { return };
    for name in batch.arrays.keys() {
        let Some(items) = body.get(name).and_then(Value::as_array) else { continue };
        if calls.len() > 1 {
            assert!(items.len() <= batch.total, "{} items of {name}", items.len());
        }
        if calls.iter().all(|call| call.mergeable()) {
            for index in 0..items.len() {
                assert!(
                    owner(calls, name, index).is_some_and(|owner| owner < calls.len()),
                    "{name}[{index}]"
                );
            }
        }
        assert_eq!(owner(calls, name, usize::MAX), None);
    }
}
