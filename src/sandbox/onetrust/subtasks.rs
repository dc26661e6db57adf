//! Subtasks as they are read: those of a request, and one by its id.
//!
//! The same subtask has two spellings: `subTaskName` in lists, `taskName` and a number in the single
//! answer, `MANUAL` in lists and `USER_TASK` alone (OneTrust's OpenAPI, SubTaskV3Dto and
//! getSubtaskByIDUsingGET). Empty values are left out.

use serde_json::{Value, json};

use super::asked::Asked;
use super::moment;
use super::options::Spelling;
use super::page::Page;
use super::reply::{Answer, Refusal, Reply};
use super::shared::Shared;
use super::world::{Comment, Request, Subtask, TaskType};

/// `GET /api/datasubject/v2/requestqueues/{requestQueueRefId}/subtasks`.
pub(super) fn of_request(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let manner = shared.manner();
    let request = world.request(asked.value(0)).ok_or_else(|| Refusal::unknown("The request"))?;
    let subtasks: Vec<&Subtask> =
        request.subtasks.iter().filter_map(|place| world.subtasks.get(*place)).collect();
    let page = Page::cut(&subtasks, asked.page(), |subtask| listed(subtask, request, manner.statuses));
    Ok(Reply::json(200, &page.wrapped(manner.envelope)))
}

/// `GET /api/datasubject/v2/subtasks/{subtaskID}`.
pub(super) fn one(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let world = shared.world();
    let id = asked.uuid(0)?;
    let (subtask, request) = world.subtask(id).ok_or_else(|| Refusal::unknown("The subtask"))?;
    let mut shown = json!({
        "subTaskId": subtask.id,
        "requestQueueRefId": request.reference,
        "requestQueueId": request.id,
        "taskName": subtask.name,
        "taskDescription": subtask.description,
        "statusCode": subtask.status.number(),
        "status": subtask.status.code(),
        "type": match subtask.kind {
            TaskType::Manual => "USER_TASK",
            TaskType::System => "SYSTEM_TASK",
        },
        "isGroup": false,
        "isManualRun": false,
        "required": subtask.is_required,
        "assignee": subtask.assignee,
        "workflowStage": subtask.stage,
    });
    if let Some(deadline_ms) = subtask.deadline_ms {
        shown["deadline"] = json!(moment::shown(deadline_ms));
    }
    if let Some(resolution) = &subtask.resolution {
        shown["subTaskResolution"] = json!(resolution);
    }
    if asked.flag("includeComments") {
        shown["subTaskV2CommentsDtoList"] = subtask.comments.iter().map(commented).collect();
    }
    Ok(Reply::json(200, &shown))
}

/// A subtask as the lists of version 2 show it.
pub(super) fn listed(subtask: &Subtask, request: &Request, spelling: Spelling) -> Value {
    let mut shown = json!({
        "requestQueueId": request.id,
        "requestQueueRefId": request.reference,
        "requestApprover": "Robin Approver",
        "requestOrgName": request.organization,
        "requestQueueDateCreated": moment::shown(request.created_ms),
        "requestTypes": request.request_types,
        "subjectTypes": request.subject_types,
        "subTaskId": subtask.id,
        "subTaskName": subtask.name,
        "subTaskDescription": subtask.description,
        "subTaskStatus": match spelling {
            Spelling::Codes => subtask.status.code(),
            Spelling::Words => subtask.status.words(),
        },
        "subTaskType": match subtask.kind {
            TaskType::Manual => "MANUAL",
            TaskType::System => "SYSTEM_TASK",
        },
        "subTaskRequired": subtask.is_required,
        "subTaskAssignee": subtask.assignee,
        "assignedToGroup": false,
        "subTaskCreatedDate": moment::shown(subtask.created_ms),
        "subTaskLastUpdatedDate": moment::shown(subtask.updated_ms),
    });
    // The deadline is gone while it is paused.
    if request.paused_ms.is_none() {
        shown["requestQueueDeadline"] = json!(moment::shown(request.deadline_ms));
    }
    if let Some(deadline_ms) = subtask.deadline_ms {
        shown["subTaskDeadline"] = json!(moment::shown(deadline_ms));
    }
    if let Some(resolution) = &subtask.resolution {
        shown["subTaskResolution"] = json!(resolution);
    }
    shown
}

/// A subtask as version 3 shows it: with the requester and the stages.
pub(super) fn found(subtask: &Subtask, request: &Request, spelling: Spelling) -> Value {
    let mut shown = listed(subtask, request, spelling);
    shown["requesterEmail"] = json!(request.email);
    shown["currentRequestStage"] = json!(request.stage.to_uppercase());
    shown["subtaskCreatedStage"] = json!(subtask.stage.to_uppercase());
    shown
}

fn commented(comment: &Comment) -> Value {
    let attachment = |(name, id): &(String, String)| json!({ "fileName": name, "fileId": id });
    json!({
        "commentId": comment.id,
        "comment": comment.text,
        "commenterName": comment.author,
        "isInternal": comment.is_internal,
        "isEditable": false,
        "isEdited": false,
        "attachments": comment.attachments.iter().map(attachment).collect::<Value>(),
    })
}
