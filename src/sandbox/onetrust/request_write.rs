//! Requests as they are changed: stage, comments, custom fields, the deadline.
//!
//! A request does not leave its stage while required subtasks of that stage are open, except to be
//! rejected; a closed request takes no other stage (OneTrust's OpenAPI,
//! moveStatusByRequestRefIdUsingPUT; the exception and the last rule are inferred).

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::json;

use super::asked::Asked;
use super::attachments::{Attached, named};
use super::reply::{Answer, Refusal, Reply};
use super::request_read;
use super::shared::Shared;
use super::world::{Comment, Request, World, stage_number};

fn find<'a>(world: &'a mut World, asked: &Asked<'_>) -> Result<&'a mut Request, Refusal> {
    world.request_mut(asked.value(0)).ok_or_else(|| Refusal::unknown("The request"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    #[serde(rename = "nextStage")]
    next_stage: String,
    #[serde(rename = "resolutionTitle")]
    resolution_title: Option<String>,
    comments: Option<String>,
    #[serde(rename = "isInternalComment", default)]
    is_internal_comment: bool,
}

/// `PUT /api/datasubject/v2/requestqueues/{requestQueueRefId}/movestages/{language}`.
pub(super) fn move_stage(shared: &Shared, asked: &Asked<'_>, by: (i64, &str)) -> Answer {
    let body: Move = asked.json()?;
    let mut world = shared.world();
    let stage = world.stage(&body.next_stage).ok_or_else(|| Refusal::bad("nextStage names no stage"))?;
    let number = stage_number(&world.stages, &stage);
    let comment_id = world.draw_id();
    let request = world.request(asked.value(0)).ok_or_else(|| Refusal::unknown("The request"))?;
    let is_rejected = stage == "Rejected";
    if request.is_closed() {
        return Err(Refusal::bad("The request is closed"));
    }
    if !is_rejected && world.open_and_required(request).next().is_some() {
        return Err(Refusal::bad("Required subtasks of the current stage are not completed"));
    }
    let request = find(&mut world, asked)?;
    request.stage.clone_from(&stage);
    request.updated_ms = by.0;
    if request.is_closed() {
        request.completed_ms = Some(by.0);
    }
    // Only a rejection takes notice of these.
    if is_rejected {
        request.resolution = body.resolution_title;
        if let Some(text) = &body.comments {
            request.comments.push(comment_of(comment_id, text, body.is_internal_comment, by));
        }
    }
    let current = stage.to_uppercase().replace(' ', "_");
    let reply = json!({ "requestQueueId": request.id, "currentStage": current, "statusCode": number });
    let about = (Some(request.reference.clone()), None);
    world.note(by, "request.stage", about, &current, body.comments.filter(|_| is_rejected));
    Ok(Reply::json(200, &reply))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewComment {
    comment: String,
    #[serde(rename = "internalComment")]
    internal_comment: bool,
    /// Known to the schema beside the member above; what it means there is not said.
    #[serde(rename = "isInternalComment")]
    _is_internal_comment: Option<bool>,
    #[serde(rename = "language")]
    _language: Option<String>,
    #[serde(default)]
    attachments: Vec<Attached>,
}

/// `PUT /api/datasubject/v2/requestqueues/{requestQueueRefId}/comments`.
pub(super) fn comment(shared: &Shared, asked: &Asked<'_>, by: (i64, &str)) -> Answer {
    let body: NewComment = asked.json()?;
    let mut world = shared.world();
    let attachments = named(&world, body.attachments)?;
    let id = world.draw_id();
    let request = find(&mut world, asked)?;
    let comment = comment_of(id, &body.comment, body.internal_comment, by);
    request.comments.push(Comment { attachments, ..comment });
    request.updated_ms = by.0;
    let about = (Some(request.reference.clone()), None);
    let seen_by = if body.internal_comment { "internal" } else { "public" };
    world.note(by, "request.comment", about, seen_by, Some(body.comment));
    Ok(Reply::nothing())
}

fn comment_of(id: String, text: &str, is_internal: bool, (at_ms, author): (i64, &str)) -> Comment {
    let (text, author) = (text.to_owned(), author.to_owned());
    Comment { id, text, author, at_ms, is_internal, attachments: Vec::new() }
}

/// `PUT /api/datasubject/v2/requestqueues/{requestQueueRefId}/customfields/{language}`.
pub(super) fn fields(shared: &Shared, asked: &Asked<'_>, by: (i64, &str)) -> Answer {
    let body: IndexMap<String, String> = asked.json()?;
    let mut world = shared.world();
    let names = body.keys().cloned().collect::<Vec<_>>().join(", ");
    let request = find(&mut world, asked)?;
    request.fields.extend(body);
    request.updated_ms = by.0;
    let reference = request.reference.clone();
    world.note(by, "request.fields", (Some(reference.clone()), None), &names, None);
    let request = world.request(&reference).ok_or_else(|| Refusal::unknown("The request"))?;
    Ok(Reply::json(200, &request_read::shown(&world, request, by.0)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    #[serde(rename = "pauseDeadline")]
    pause_deadline: bool,
    comment: Option<String>,
    #[serde(rename = "language")]
    _language: Option<String>,
}

/// `PUT /api/datasubject/v2/requestqueues/{requestQueueRefId}/pausedeadline`. After a pause the
/// deadline is later by as long as the pause was.
pub(super) fn pause(shared: &Shared, asked: &Asked<'_>, by: (i64, &str)) -> Answer {
    let body: Pause = asked.json()?;
    if body.comment.as_deref() == Some("") {
        return Err(Refusal::bad("comment must not be empty"));
    }
    let mut world = shared.world();
    let request = find(&mut world, asked)?;
    match (body.pause_deadline, request.paused_ms) {
        (true, None) => request.paused_ms = Some(by.0),
        (false, Some(paused_ms)) => {
            request.deadline_ms = request.deadline_ms.saturating_add(by.0 - paused_ms);
            request.paused_ms = None;
        }
        (true, Some(_)) => return Err(Refusal::bad("The deadline is already paused")),
        (false, None) => return Err(Refusal::bad("The deadline is not paused")),
    }
    request.updated_ms = by.0;
    let about = (Some(request.reference.clone()), None);
    let value = if body.pause_deadline { "paused" } else { "resumed" };
    world.note(by, "request.deadline", about, value, body.comment);
    Ok(Reply::nothing())
}
