//! `POST /api/datasubject/v3/subtasks`: subtasks of all requests, by filters and windows.
//!
//! The casing of the filters is mixed, and a date has one form (OneTrust's OpenAPI,
//! SubTaskV3RequestDto). Both ends of a window belong to it, which the document leaves open.
//! `SystemName` looks at system subtasks only.

use std::cmp::Ordering;

use serde::Deserialize;

use super::asked::Asked;
use super::moment;
use super::page::Page;
use super::reply::{Answer, Refusal, Reply};
use super::shared::Shared;
use super::subtasks;
use super::world::{Request, Status, Subtask, TaskType, World, folded};

/// The filters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(rename = "RequestType")]
    request_type: Option<String>,
    #[serde(rename = "SubjectType")]
    subject_type: Option<String>,
    #[serde(rename = "Organization")]
    organization: Option<String>,
    #[serde(rename = "IncludeChildOrgs")]
    include_child_orgs: Option<bool>,
    #[serde(rename = "SystemName")]
    system_name: Option<String>,
    #[serde(rename = "ExactSystemNameMatch", default)]
    exact_system_name: bool,
    #[serde(rename = "SubtaskStatus")]
    statuses: Option<Vec<String>>,
    #[serde(rename = "SubtaskType")]
    kind: Option<TaskType>,
    #[serde(rename = "OpenRequests", default)]
    open_requests: bool,
    #[serde(rename = "SubtaskDateCreated")]
    created: Option<Window>,
    #[serde(rename = "SubtaskDateUpdated")]
    updated: Option<Window>,
    #[serde(rename = "RequestDeadline")]
    deadline: Option<Window>,
    #[serde(rename = "RequestDateCreated")]
    request_created: Option<Window>,
    #[serde(rename = "currentRequestStage")]
    current_stages: Option<Vec<String>>,
    #[serde(rename = "subtaskCreatedStage")]
    created_stages: Option<Vec<String>>,
    /// Everything is in English here.
    #[serde(rename = "language")]
    _language: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    #[serde(rename = "StartDate")]
    start: Option<String>,
    #[serde(rename = "EndDate")]
    end: Option<String>,
}

/// A window whose dates were read.
#[derive(Clone, Copy)]
struct Span {
    from_ms: i64,
    to_ms: i64,
}

/// Answers one request.
pub(super) fn answer(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let body: Body = asked.json()?;
    let filter = Filter::new(&body, asked)?;
    let world = shared.world();
    let manner = shared.manner();
    let mut found: Vec<(&Subtask, &Request)> = world
        .subtasks
        .iter()
        .filter_map(|subtask| Some((subtask, world.requests.get(subtask.request)?)))
        .filter(|(subtask, request)| filter.wants(&world, subtask, request))
        .collect();
    if let Some((property, is_down)) = asked.sort() {
        found.sort_by(|a, b| {
            let order = ordered(property, a, b);
            if is_down { order.reverse() } else { order }
        });
    }
    let show = |(subtask, request): &(&Subtask, &Request)| subtasks::found(subtask, request, manner.statuses);
    Ok(Reply::json(200, &Page::cut(&found, asked.page(), show).wrapped(manner.envelope)))
}

fn ordered(property: &str, a: &(&Subtask, &Request), b: &(&Subtask, &Request)) -> Ordering {
    match property {
        "requestTypeName" => a.1.request_types.cmp(&b.1.request_types),
        "subjectTypeName" => a.1.subject_types.cmp(&b.1.subject_types),
        "taskName" => a.0.name.cmp(&b.0.name),
        "subtaskDateCreated" => a.0.created_ms.cmp(&b.0.created_ms),
        "subtaskDateUpdated" => a.0.updated_ms.cmp(&b.0.updated_ms),
        "requestDeadline" => a.1.deadline_ms.cmp(&b.1.deadline_ms),
        _ => a.1.created_ms.cmp(&b.1.created_ms),
    }
}

/// The filters, checked.
struct Filter<'a> {
    body: &'a Body,
    statuses: Option<Vec<Status>>,
    with_closed: bool,
    active_only: bool,
    created: Option<Span>,
    updated: Option<Span>,
    deadline: Option<Span>,
    request_created: Option<Span>,
    current_stages: Option<Vec<String>>,
    created_stages: Option<Vec<String>>,
}

impl<'a> Filter<'a> {
    fn new(body: &'a Body, asked: &Asked<'_>) -> Result<Filter<'a>, Refusal> {
        let status = |word: &String| {
            // Filters take the words as they are written, not the codes of answers.
            let known = Status::of(word).filter(|status| status.words() == word);
            known.ok_or_else(|| Refusal::bad("SubtaskStatus has a word that is not documented"))
        };
        let statuses = body.statuses.as_ref().map(|words| words.iter().map(status).collect());
        let stages = |list: &Option<Vec<String>>| {
            list.as_ref().map(|list| list.iter().map(|stage| folded(stage)).collect::<Vec<_>>())
        };
        Ok(Filter {
            body,
            statuses: statuses.transpose()?,
            with_closed: asked.flag("includeClosedSubtasks"),
            active_only: asked.flag("onlyActivatedSubtasks"),
            created: span("SubtaskDateCreated", &body.created)?,
            updated: span("SubtaskDateUpdated", &body.updated)?,
            deadline: span("RequestDeadline", &body.deadline)?,
            request_created: span("RequestDateCreated", &body.request_created)?,
            current_stages: stages(&body.current_stages),
            created_stages: stages(&body.created_stages),
        })
    }

    fn wants(&self, world: &World, subtask: &Subtask, request: &Request) -> bool {
        let body = self.body;
        let has = |wanted: &Option<String>, held: &[String]| {
            wanted.as_ref().is_none_or(|wanted| held.iter().any(|one| one == wanted))
        };
        let within = |span: Option<Span>, at_ms: i64| {
            span.is_none_or(|span| (span.from_ms..=span.to_ms).contains(&at_ms))
        };
        let in_stage = |wanted: &Option<Vec<String>>, stage: &str| {
            wanted.as_ref().is_none_or(|stages| stages.contains(&folded(stage)))
        };
        let of_organization = body.organization.as_ref().is_none_or(|wanted| {
            world.organization.covers(&request.organization, wanted, body.include_child_orgs.unwrap_or(true))
        });
        (self.with_closed || !subtask.status.is_closed())
            && (!self.active_only || subtask.is_active)
            && (!body.open_requests || !request.is_closed())
            && self.statuses.as_ref().is_none_or(|statuses| statuses.contains(&subtask.status))
            && body.kind.is_none_or(|kind| kind == subtask.kind)
            && body.system_name.as_ref().is_none_or(|name| self.is_of_system(subtask, name))
            && has(&body.request_type, &request.request_types)
            && has(&body.subject_type, &request.subject_types)
            && of_organization
            && within(self.created, subtask.created_ms)
            && within(self.updated, subtask.updated_ms)
            && within(self.deadline, request.deadline_ms)
            && within(self.request_created, request.created_ms)
            && in_stage(&self.current_stages, &request.stage)
            && in_stage(&self.created_stages, &subtask.stage)
    }

    fn is_of_system(&self, subtask: &Subtask, name: &str) -> bool {
        subtask.kind == TaskType::System
            && subtask.system_name.as_deref().is_some_and(|system| {
                if self.body.exact_system_name { system == name } else { system.contains(name) }
            })
    }
}

fn span(name: &str, window: &Option<Window>) -> Result<Option<Span>, Refusal> {
    let Some(window) = window else { return Ok(None) };
    let read = |date: &Option<String>, open: i64| match date {
        None => Ok(open),
        Some(date) => moment::with_millis(date)
            .ok_or_else(|| Refusal::bad(format!("{name} takes dates as yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"))),
    };
    Ok(Some(Span { from_ms: read(&window.start, i64::MIN)?, to_ms: read(&window.end, i64::MAX)? }))
}
