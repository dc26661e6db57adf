//! The look-alike's own pages under `/sandbox/onetrust/`: what it holds, what was changed, what it does.
//!
//! They need no token: the listener is on loopback, and there is nothing real to protect.

use axum::http::request::Parts;
use serde_json::{Map, Value, json};

use super::moment;
use super::options::Manner;
use super::reply::{ErrorBody, Refusal, Reply, decoded};
use super::shared::Shared;
use super::world::{
    Comment, ConsentChange, NewRequest, Results, StaffChange, Subject, Subtask, TaskType, World,
};
use crate::sandbox::Faults;

/// Answers one request.
pub(super) fn answer(shared: &Shared, parts: &Parts, body: &[u8]) -> Reply {
    let path = parts.uri.path().strip_prefix("/sandbox/onetrust").unwrap_or_default();
    let done = || Reply::json(200, &json!({ "message": "success" }));
    let answer = match (parts.method.as_str(), path) {
        ("GET", "/requests") => Ok(Reply::lines(requests(&shared.world()).into_iter())),
        ("POST", "/requests") => add(shared, body),
        ("GET", "/consents") => Ok(Reply::lines(consents(&shared.world()).into_iter())),
        ("POST", "/consents") => decoded::<ConsentChange>(body).and_then(|change| {
            if shared.world().consent(change, shared.clock.now_ms()) {
                Ok(done())
            } else {
                Err(Refusal::bad("identifier, purpose and transaction are required"))
            }
        }),
        ("POST", "/staff") => decoded::<StaffChange>(body).and_then(|change| {
            if shared.world().staff.change(change, shared.clock.now_ms()) {
                Ok(done())
            } else {
                Err(Refusal::bad("email is required"))
            }
        }),
        ("GET", "/changes") => {
            Ok(Reply::lines(shared.world().changes.iter().map(super::world::Change::to_json)))
        }
        ("GET", "/calls") => Ok(Reply::json(200, &calls(shared))),
        ("POST", "/faults") => decoded::<Faults>(body).map(|faults| {
            shared.set_faults(faults);
            done()
        }),
        ("POST", "/manner") => decoded::<Manner>(body).map(|manner| {
            shared.set_manner(manner);
            done()
        }),
        ("POST", "/tokens/revoke") => {
            shared.tokens().revoke();
            Ok(done())
        }
        _ => Err(Refusal::unknown("The page")),
    };
    answer.unwrap_or_else(|refusal| refusal.shown(ErrorBody::Object, false))
}

fn add(shared: &Shared, body: &[u8]) -> Result<Reply, Refusal> {
    let new: NewRequest = decoded(body)?;
    let now_ms = shared.clock.now_ms();
    let mut world = shared.world();
    let reference = world.add(new, now_ms).map_err(|error| Refusal::new(409, error.to_string()))?;
    let added = requests(&world).pop();
    Ok(Reply::json(201, &added.unwrap_or_else(|| json!({ "ref": reference }))))
}

fn calls(shared: &Shared) -> Value {
    let calls = shared.counts.read();
    let paths: Map<String, Value> =
        calls.paths.iter().map(|(path, count)| ((*path).to_owned(), json!(count))).collect();
    json!({ "total": calls.total, "too_many_requests": calls.too_many_requests, "paths": paths })
}

/// Every request with its subtasks, in the order in which they came.
pub(super) fn requests(world: &World) -> Vec<Value> {
    let shown = |request: &super::world::Request| {
        let subtasks = request.subtasks.iter().filter_map(|place| world.subtasks.get(*place));
        let results = |results: &Results| json!({ "system": results.system, "body": results.body });
        json!({
            "ref": request.reference,
            "id": request.id,
            "first_name": request.first_name,
            "last_name": request.last_name,
            "email": request.email,
            "organization": request.organization,
            "stage": request.stage,
            "request_types": request.request_types,
            "created_at": moment::shown(request.created_ms),
            "updated_at": moment::shown(request.updated_ms),
            "deadline": moment::shown(request.deadline_ms),
            "paused": request.paused_ms.is_some(),
            "test": request.is_test,
            "resolution": request.resolution,
            "fields": request.fields,
            "comments": request.comments.iter().map(comment).collect::<Value>(),
            "results": request.results.iter().map(results).collect::<Value>(),
            "subtasks": subtasks.map(subtask).collect::<Value>(),
        })
    };
    world.requests.iter().map(shown).collect()
}

fn subtask(subtask: &Subtask) -> Value {
    json!({
        "id": subtask.id,
        "name": subtask.name,
        "type": if subtask.kind == TaskType::System { "system" } else { "manual" },
        "status": subtask.status.code(),
        "resolution": subtask.resolution,
        "updated_at": moment::shown(subtask.updated_ms),
        "comments": subtask.comments.iter().map(comment).collect::<Value>(),
    })
}

fn comment(comment: &Comment) -> Value {
    json!({ "text": comment.text, "by": comment.author, "internal": comment.is_internal,
            "files": comment.attachments.len() })
}

/// Every person with what they said last, in the order in which they came.
pub(super) fn consents(world: &World) -> Vec<Value> {
    let shown = |person: &Subject| {
        let purposes: Map<String, Value> = person
            .profiles
            .iter()
            .map(|profile| {
                let name = world.purposes.get(&profile.purpose).map_or("", |purpose| &purpose.name);
                (name.to_owned(), json!(profile.status))
            })
            .collect();
        json!({ "identifier": person.identifier, "updated_at": moment::shown(person.updated_ms),
                "test": person.is_test, "data_elements": person.elements, "purposes": purposes })
    };
    world.people.iter().map(shown).collect()
}
