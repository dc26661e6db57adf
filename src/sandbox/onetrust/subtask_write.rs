//! Subtasks as they are changed: a status, or completion with the comment that it needs.
//!
//! The traps are OneTrust's own: `complete` without `markAsComplete` only leaves a comment, a
//! resolution goes with COMPLETED and REJECTED only, and a subtask may ask for a comment or a
//! resolution that no list shows. A closed subtask takes neither call, which the documents leave open
//! (OneTrust's OpenAPI, completeSubTaskUsingPUT and updateSubtaskStatusUsingPUT).

use serde::Deserialize;
use serde_json::json;

use super::asked::Asked;
use super::attachments::{Attached, named};
use super::reply::{Answer, Refusal, Reply};
use super::results;
use super::shared::Shared;
use super::world::{Comment, Status, World};

/// The longest comment.
const MAX_COMMENT: usize = 1_500_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Completion {
    comment: String,
    #[serde(rename = "markAsComplete", default)]
    mark_as_complete: bool,
    #[serde(rename = "resolutionId")]
    resolution_id: Option<String>,
    #[serde(default)]
    attachments: Vec<Attached>,
}

/// `PUT /api/datasubject/v2/subtasks/{subtaskID}/complete`.
pub(super) fn complete(shared: &Shared, asked: &Asked<'_>, by: (i64, &str)) -> Answer {
    let id = asked.uuid(0)?;
    let body: Completion = asked.json()?;
    if body.comment.is_empty() || body.comment.chars().count() > MAX_COMMENT {
        return Err(Refusal::bad("comment must have 1 to 1500000 characters"));
    }
    let mut world = shared.world();
    let attachments = named(&world, body.attachments)?;
    let status = body.mark_as_complete.then_some(Status::Completed);
    let said = Said { comment: Some(body.comment), resolution: body.resolution_id, attachments };
    change(&mut world, id, status, said, by)?;
    Ok(Reply::nothing())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    status: Word,
    comment: Option<String>,
    #[serde(rename = "resolutionId")]
    resolution_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Word {
    InProgress,
    Failed,
    Completed,
    Rejected,
}

/// `PUT /api/datasubject/v2/subtasks/{subtaskId}/status`.
pub(super) fn status(shared: &Shared, asked: &Asked<'_>, by: (i64, &str)) -> Answer {
    let id = asked.uuid(0)?;
    let body: NewStatus = asked.json()?;
    if body.comment.as_ref().is_some_and(|comment| comment.chars().count() > MAX_COMMENT) {
        return Err(Refusal::bad("comment must have at most 1500000 characters"));
    }
    let status = match body.status {
        Word::InProgress => Status::InProgress,
        Word::Failed => Status::Failed,
        Word::Completed => Status::Completed,
        Word::Rejected => Status::Rejected,
    };
    let said = Said { comment: body.comment, resolution: body.resolution_id, attachments: Vec::new() };
    change(&mut shared.world(), id, Some(status), said, by)?;
    Ok(Reply::json(200, &json!(true)))
}

/// What comes with a change.
struct Said {
    comment: Option<String>,
    resolution: Option<String>,
    attachments: Vec<(String, String)>,
}

/// Changes a subtask as far as its settings allow; without a status only the comment is added.
fn change(
    world: &mut World,
    id: &str,
    status: Option<Status>,
    said: Said,
    by: (i64, &str),
) -> Result<(), Refusal> {
    let resolution = match &said.resolution {
        Some(id) => Some(results::subtask_resolution(id)?),
        None => None,
    };
    let comment_id = world.draw_id();
    let (subtask, request) = world.subtask_mut(id).ok_or_else(|| Refusal::unknown("The subtask"))?;
    if let Some(status) = status {
        if subtask.status.is_closed() {
            return Err(Refusal::bad("The subtask is already closed"));
        }
        let ends = matches!(status, Status::Completed | Status::Rejected);
        if resolution.is_some() && !ends {
            return Err(Refusal::bad("resolutionId goes with COMPLETED or REJECTED only"));
        }
        if ends && subtask.needs_resolution && resolution.is_none() {
            return Err(Refusal::bad("The subtask requires a resolution"));
        }
        if ends && subtask.needs_comment && said.comment.as_deref().unwrap_or_default().is_empty() {
            return Err(Refusal::bad("The subtask requires a comment"));
        }
        subtask.status = status;
        subtask.resolution = resolution.map(str::to_owned);
    }
    subtask.updated_ms = by.0;
    request.updated_ms = by.0;
    if let Some(text) = &said.comment {
        subtask.comments.push(Comment {
            id: comment_id,
            text: text.clone(),
            author: by.1.to_owned(),
            at_ms: by.0,
            is_internal: true,
            attachments: said.attachments,
        });
    }
    let about = (Some(request.reference.clone()), Some(subtask.id.clone()));
    let (what, value) = match status {
        Some(status) => ("subtask.status", status.code()),
        None => ("subtask.comment", "comment"),
    };
    world.note(by, what, about, value, said.comment);
    Ok(())
}
