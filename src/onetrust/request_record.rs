//! A subtask and its request become a request record, or a reason why not.
//!
//! Nothing here asks or remembers anything: the same answers give the same record. What may change later
//! (a stage, a pause) is a reason now and may be a start at the next look. Sources: OneTrust's OpenAPI,
//! `getRequestByIdUsingGET` and `getSubtaskByIDUsingGET`.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::record::{Judged, Reason, Record};
use super::subtask::Subtask;
use super::words::{self, Stage, Status};
use super::{dates, json};
use crate::request::Kind;
use crate::workflow::{Identifier, SubtaskRules};

/// What the subtask alone says against starting; `None`: its request must be read.
pub fn judge_listed(rules: &SubtaskRules, subtask: &Subtask) -> Option<Reason> {
    let is_named = |name: &String| rules.names.iter().any(|wanted| wanted == name);
    if !rules.names.is_empty() && !subtask.name.as_ref().is_some_and(is_named) {
        return Some(Reason::WrongName);
    }
    if !subtask.request_types.is_empty() && of_wanted_types(rules, &subtask.request_types).is_empty() {
        return Some(Reason::WrongType);
    }
    match words::status(subtask.status.as_deref().unwrap_or_default()) {
        Status::Open => None,
        Status::InReview => Some(Reason::InReview),
        Status::Failed => Some(Reason::Failed),
        Status::Closed => Some(Reason::AlreadyClosed),
        Status::Unknown => Some(Reason::UnknownStatus),
    }
}

/// What a subtask and its request come to.
pub fn judge(rules: &SubtaskRules, subtask: &Subtask, request: &Value) -> Judged {
    if let Some(reason) = judge_listed(rules, subtask) {
        return Judged::Skip(reason);
    }
    let types = match json::texts(request, &["requestTypes"]) {
        types if types.is_empty() => subtask.request_types.clone(),
        types => types,
    };
    let wanted = of_wanted_types(rules, &types);
    if wanted.is_empty() && !rules.request_types.is_empty() {
        return Judged::Skip(Reason::WrongType);
    }
    if let Some(reason) = against(rules, subtask, request) {
        return Judged::Skip(reason);
    }
    let kind = rules.kind.unwrap_or_else(|| words::kind(wanted.iter().copied()));
    Judged::Start(record(rules, subtask, request, kind))
}

/// What the request says against starting.
fn against(rules: &SubtaskRules, subtask: &Subtask, request: &Value) -> Option<Reason> {
    let legal = request.get("legalDeadLineInfo").unwrap_or(&Value::Null);
    let closed_at = [json::text(request, &["dateCompleted"]), json::text(legal, &["closureDate"])];
    if closed_at.into_iter().flatten().any(|text| dates::moment(text).is_some()) {
        return Some(Reason::AlreadyClosed);
    }
    let is_test = |value: &Value| json::flag(value, &["testRequest"]).unwrap_or(false);
    if !rules.take_test_requests && (is_test(legal) || is_test(request)) {
        return Some(Reason::TestRequest);
    }
    let named = json::text(request, &["status"]).or_else(|| json::text(legal, &["currentStage"]));
    if let Some(reason) = against_stage(rules, named.or(subtask.stage.as_deref())) {
        return Some(reason);
    }
    let is_paused =
        |value: &Value| json::texts(value, &["additionalStatuses"]).iter().any(|word| words::is_paused(word));
    (!rules.take_paused_requests && (is_paused(request) || is_paused(legal)))
        .then_some(Reason::DeadlinePaused)
}

fn against_stage(rules: &SubtaskRules, stage: Option<&str>) -> Option<Reason> {
    let Some(stage) = stage else { return Some(Reason::WrongStage) };
    let is_named = rules.stages.iter().any(|wanted| words::same(wanted, stage));
    match words::stage(stage) {
        Stage::Closed => Some(Reason::AlreadyClosed),
        _ if is_named => None,
        Stage::Unverified => Some(Reason::NotVerified),
        Stage::New => Some(Reason::WrongStage),
        Stage::Working => (!rules.stages.is_empty()).then_some(Reason::WrongStage),
    }
}

/// The request types that count: all, or those that the trigger names. Several may stand in one string.
fn of_wanted_types<'t>(rules: &SubtaskRules, types: &'t [String]) -> Vec<&'t str> {
    let is_wanted =
        |name: &str| rules.request_types.is_empty() || rules.request_types.iter().any(|one| one == name);
    types
        .iter()
        .flat_map(|text| match text.trim() {
            whole if !rules.request_types.is_empty() && is_wanted(whole) => vec![whole],
            whole => whole.split(',').map(str::trim).collect(),
        })
        .filter(|name| !name.is_empty() && is_wanted(name))
        .collect()
}

fn record(rules: &SubtaskRules, subtask: &Subtask, request: &Value, kind: Kind) -> Record {
    let due = due(subtask, request);
    let fields = fields(request);
    let mut members = Map::new();
    members.insert("kind".to_owned(), kind.word().into());
    let received = dates::of(request, &["dateCreated"]);
    members.extend(received.map(|at| ("received_at".to_owned(), at.into())));
    members.extend(due.map(|at| ("due_at".to_owned(), at.to_string().into())));
    members.insert("subject".to_owned(), Value::Object(subject(rules, request, &fields)));
    members.insert("fields".to_owned(), Value::Object(fields));
    members.insert("source".to_owned(), Value::Object(source(subtask, request)));
    Record::new(subtask.record_id(), due, members)
}

/// The earlier of the two deadlines that bind.
fn due(subtask: &Subtask, request: &Value) -> Option<Timestamp> {
    let of_request = json::text(request, &["deadline"]).and_then(dates::moment);
    [subtask.deadline, of_request.or(subtask.request_deadline)].into_iter().flatten().min()
}

/// The custom fields: strings as they came, lists where several may be chosen.
fn fields(request: &Value) -> Map<String, Value> {
    let mut fields = match request.get("requestAdditionalData") {
        Some(Value::Object(fields)) if !fields.is_empty() => fields.clone(),
        _ => json::text(request, &["additionalData"])
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default(),
    };
    fields.retain(|_, value| !value.is_null());
    if let Some(Value::Object(lists)) = request.get("multiselectFields") {
        for (name, value) in lists {
            if let Value::Array(_) = value {
                fields.insert(name.clone(), value.clone());
            }
        }
    }
    fields
}

fn subject(rules: &SubtaskRules, request: &Value, fields: &Map<String, Value>) -> Map<String, Value> {
    let mut subject = Map::new();
    for identifier in Identifier::ALL {
        let found = match rules.identifiers.get(&identifier) {
            Some(field) => fields.get(field).and_then(identifier_of),
            None if identifier == Identifier::Email => text(request, "email"),
            None => None,
        };
        subject.extend(found.map(|found| (identifier.word().to_owned(), found)));
    }
    let named = [
        ("first_name", "firstName"),
        ("last_name", "lastName"),
        ("country", "countryCode"),
        ("language", "language"),
    ];
    for (member, of) in named {
        subject.extend(text(request, of).map(|found| (member.to_owned(), found)));
    }
    subject
}

fn text(value: &Value, name: &str) -> Option<Value> {
    json::text(value, &[name]).map(|text| Value::String(text.to_owned()))
}

/// The value of a field that names a person, byte for byte. One that is no string stays what it is: the
/// request then fails and says so, because a number may have lost digits already.
fn identifier_of(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => (!text.trim().is_empty()).then(|| value.clone()),
        Value::Array(items) => match items.as_slice() {
            [one @ Value::String(_)] => identifier_of(one),
            [] => None,
            _ => Some(value.clone()),
        },
        other => Some(other.clone()),
    }
}

fn source(subtask: &Subtask, request: &Value) -> Map<String, Value> {
    let of_request =
        |name: &str, or: &Option<String>| json::text(request, &[name]).map(str::to_owned).or(or.clone());
    let known = [
        ("system", Some("onetrust".to_owned())),
        ("ref", of_request("requestQueueRefId", &subtask.request_ref)),
        ("subtask_id", Some(subtask.id.clone())),
        ("request_id", of_request("requestQueueId", &subtask.request_id)),
        ("subtask_name", subtask.name.clone()),
        ("subtask_type", subtask.kind.clone()),
        ("profile", subtask.profile.clone()),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
}
