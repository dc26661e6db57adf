//! Requests as they are read: the list by whole days, and one with its custom fields.
//!
//! Custom fields stand twice in a single request, as a map and as JSON text inside a string, and the
//! legal deadline in an object with its own casing (OneTrust's OpenAPI, RequestQueueV2Dto).

use serde_json::{Value, json};

use super::asked::Asked;
use super::moment::{self, DAY_MS};
use super::options::FieldsIn;
use super::page::Page;
use super::reply::{Answer, Refusal, Reply};
use super::shared::Shared;
use super::world::{Comment, Request, World, folded, stage_number};

/// `GET /api/datasubject/v2/requestqueues/{language}`.
pub(super) fn list(shared: &Shared, asked: &Asked<'_>, now_ms: i64) -> Answer {
    let world = shared.world();
    let since = |name| asked.moment(name, moment::day).unwrap_or(i64::MIN);
    let (created, modified) = (since("createddate"), since("modifieddate"));
    let stage = asked.query("status").map(folded);
    let wanted = |request: &&Request| {
        request.created_ms >= created
            && request.updated_ms >= modified
            && stage.as_ref().is_none_or(|stage| folded(&request.stage) == *stage)
    };
    let mut requests: Vec<&Request> = world.requests.iter().filter(wanted).collect();
    let (property, is_down) = asked.sort().unwrap_or(("createdDate", true));
    let key = |request: &&Request| match property {
        "modifiedDate" => request.updated_ms,
        "deadline" => request.deadline_ms,
        _ => request.created_ms,
    };
    requests.sort_by_key(key);
    if is_down {
        requests.reverse();
    }
    let page = Page::cut(&requests, asked.page(), |request| shown(&world, request, now_ms));
    Ok(Reply::json(200, &page.wrapped(shared.manner().envelope)))
}

/// `GET /api/datasubject/v2/requestqueues/{requestQueueRefId}/language/{language}`.
pub(super) fn one(shared: &Shared, asked: &Asked<'_>, now_ms: i64) -> Answer {
    let world = shared.world();
    let request = world.request(asked.value(0)).ok_or_else(|| Refusal::unknown("The request"))?;
    let mut whole = shown(&world, request, now_ms);
    let text = serde_json::to_string(&request.fields).unwrap_or_default();
    whole["additionalData"] = json!(text);
    if shared.manner().fields == FieldsIn::Both {
        whole["requestAdditionalData"] = json!(request.fields);
    }
    whole["multiselectFields"] = json!(request.multiselect);
    whole["daysToRespond"] = json!((request.deadline_ms - request.created_ms) / DAY_MS);
    whole["hoursWorked"] = json!(0.0);
    whole["requestV2CommentDtos"] = request.comments.iter().map(commented).collect();
    Ok(Reply::json(200, &whole))
}

/// A request as lists and changes show it.
pub(super) fn shown(world: &World, request: &Request, now_ms: i64) -> Value {
    let subtasks: Vec<_> = request.subtasks.iter().filter_map(|place| world.subtasks.get(*place)).collect();
    let completed = subtasks.iter().filter(|subtask| subtask.status.is_closed()).count();
    let days_left = (request.deadline_ms - now_ms).div_euclid(DAY_MS);
    let additional = if request.paused_ms.is_some() { "10" } else { "0" };
    let mut legal = json!({
        "requestQueueId": request.id,
        "requestQueueRefId": request.reference,
        "orgGroupId": world.organization.id,
        "daysLeft": days_left,
        "status": stage_number(&world.stages, &request.stage),
        "dateCreated": moment::shown(request.created_ms),
        "isExtended": false,
        "language": request.language,
        "currentStage": request.stage,
        "requestTypes": request.request_types,
        "subjectTypes": request.subject_types,
        "totalSubtasks": subtasks.len(),
        "completedSubtasks": completed,
        "remainingSubtasks": subtasks.len() - completed,
        "lastUpdated": moment::shown(request.updated_ms),
        "countryCode": request.country_code,
        "additionalStatuses": additional,
        "testRequest": request.is_test,
        "taskMode": false,
    });
    let mut shown = json!({
        "requestQueueRefId": request.reference,
        "requestQueueId": request.id,
        "firstName": request.first_name,
        "lastName": request.last_name,
        "email": request.email,
        "organization": request.organization,
        "status": request.stage,
        "requestTypes": request.request_types,
        "subjectTypes": request.subject_types,
        "isExtended": false,
        "dateCreated": moment::shown(request.created_ms),
        "dateUpdated": moment::shown(request.updated_ms),
        "approver": "Robin Approver",
        "language": request.language,
        "countryCode": request.country_code,
        "workflow": "Default workflow",
        "webform": "Privacy request",
        "assignedToGroup": false,
        "additionalStatuses": additional,
    });
    // The deadline is gone while it is paused.
    match request.paused_ms {
        None => {
            shown["deadline"] = json!(moment::shown(request.deadline_ms));
            legal["deadline"] = json!(moment::shown(request.deadline_ms));
        }
        Some(paused_ms) => legal["daysPaused"] = json!(((now_ms - paused_ms) / DAY_MS) as f64),
    }
    if let Some(completed_ms) = request.completed_ms {
        shown["dateCompleted"] = json!(moment::shown(completed_ms));
        legal["closureDate"] = json!(moment::shown(completed_ms));
    }
    if let Some(resolution) = &request.resolution {
        shown["resolution"] = json!(resolution);
    }
    shown["legalDeadLineInfo"] = legal;
    shown
}

fn commented(comment: &Comment) -> Value {
    let attachment = |(name, id): &(String, String)| json!({ "fileName": name, "fileId": id });
    json!({
        "commentId": comment.id,
        "commentString": comment.text,
        "commentStatus": 10,
        "commentAuthor": comment.author,
        "commentTimeStamp": moment::shown(comment.at_ms),
        "internalComment": comment.is_internal,
        "attachments": comment.attachments.iter().map(attachment).collect::<Value>(),
    })
}
