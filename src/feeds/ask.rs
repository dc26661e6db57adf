//! The requests that feeds make, and nothing else: paths, filters, how dates are written.
//!
//! Sources: OneTrust's OpenAPI, Data Subject Request Automation (`getAllSubtasksV3UsingPost`,
//! `getAllRequestQueuesV2UsingGET`, `getAllSubTaskByRefIdUsingGET`, `getRequestByIdUsingGET`,
//! `getSubtaskByIDUsingGET`) and Universal Consent & Preference Management
//! (`getDataSubjectProfileUsingGET`, `getDataSubjectProfilesUnorderedV4`, `getTransactionsUsingPOST`); Platform,
//! Bulk Export (`startExportRunPost`, `getExportRunsGET`, `getExportRunDetailsGet`, `getCreditsInformationGET`,
//! `getPaginatedAttachmentDownloadCommandsGET`).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::onetrust::Request;
use crate::onetrust::page::Next;
use crate::onetrust::words::OPEN_STATUSES;
use crate::workflow::Feed;

pub(super) const SEARCH: &str = "/api/datasubject/v3/subtasks";
pub(super) const REQUESTS: &str = "/api/datasubject/v2/requestqueues/{language}";
pub(super) const SUBTASKS: &str = "/api/datasubject/v2/requestqueues/{requestQueueRefId}/subtasks";
const REQUEST: &str = "/api/datasubject/v2/requestqueues/{requestQueueRefId}/language/{language}";
const SUBTASK: &str = "/api/datasubject/v2/subtasks/{subtaskID}";
const PROFILES: &str = "/api/consentmanager/v1/datasubjects/profiles";
const UNORDERED: &str = "/rest/api/consent/v4/datasubjects/profiles/unordered";
const TRANSACTIONS: &str = "/api/consent/v2/transactions";

const EXPORTS: &str = "/api/ot-insights/v1/bulk-export-jobs";
const EXPORT: &str = "/api/ot-insights/v1/bulk-export-jobs/{id}";
const EXPORT_FILES: &str = "/api/ot-insights/v1/bulk-export-jobs/{id}/download/pages";
const EXPORT_CREDITS: &str = "/api/ot-insights/v1/bulk-export-jobs/credits";

/// Items a page of the lists of requests and subtasks may have.
pub(super) const MOST_SUBTASKS: usize = 500;
/// Items a page of the lists of consents may have.
pub(super) const MOST_CONSENTS: usize = 50;

/// Open subtasks of all requests, changed in a window; the newest change first, so that a change while
/// pages are read moves a subtask to where it was read already and hides none.
pub(super) fn search(
    language: &str,
    system: Option<&str>,
    changed: Option<(Timestamp, Timestamp)>,
    page: u64,
) -> Request {
    let mut body = Map::new();
    body.insert("SubtaskStatus".to_owned(), json!(OPEN_STATUSES));
    body.insert("language".to_owned(), language.into());
    if let Some(system) = system {
        body.insert("SystemName".to_owned(), system.into());
        body.insert("ExactSystemNameMatch".to_owned(), Value::Bool(true));
    }
    if let Some((from, until)) = changed {
        let window = json!({ "StartDate": milliseconds(from), "EndDate": milliseconds(until) });
        body.insert("SubtaskDateUpdated".to_owned(), window);
    }
    Request::post(SEARCH)
        .query("page", page.to_string())
        .query("size", MOST_SUBTASKS.to_string())
        .query("sort", "subtaskDateUpdated,desc".to_owned())
        .json(Value::Object(body))
}

/// Requests changed on a day or later; `None`: all.
pub(super) fn requests(language: &str, since: Option<Timestamp>, page: u64) -> Request {
    let day = since.map(|since| since.to_zoned(TimeZone::UTC).strftime("%Y%m%d").to_string());
    Request::get(REQUESTS)
        .value("language", language)
        .query("modifieddate", day)
        .query("page", page.to_string())
        .query("size", MOST_SUBTASKS.to_string())
        .query("sort", "createdDate,desc".to_owned())
}

/// Subtasks of one request.
pub(super) fn subtasks_of(request_ref: &str, page: u64) -> Request {
    Request::get(SUBTASKS)
        .value("requestQueueRefId", request_ref)
        .query("page", page.to_string())
        .query("size", MOST_SUBTASKS.to_string())
}

/// One request.
pub(super) fn request(request_ref: &str, language: &str) -> Request {
    Request::get(REQUEST).value("requestQueueRefId", request_ref).value("language", language)
}

/// One subtask.
pub(super) fn subtask(id: &str) -> Request {
    Request::get(SUBTASK).value("subtaskID", id)
}

/// A bulk export to be made.
pub(super) fn export_ordered(body: Value) -> Request {
    Request::post(EXPORTS).json(body)
}

/// The latest bulk exports: more than an account may ask for while one lives.
pub(super) fn exports() -> Request {
    let sort = "createdDate,desc".to_owned();
    Request::get(EXPORTS).query("page", "0".to_owned()).query("size", "200".to_owned()).query("sort", sort)
}

/// How a bulk export stands.
pub(super) fn export(id: &str) -> Request {
    Request::get(EXPORT).value("id", id)
}

/// A page of the files of a bulk export.
pub(super) fn export_files(id: &str, token: Option<String>) -> Request {
    Request::get(EXPORT_FILES)
        .value("id", id)
        .query("continuationToken", token)
        .query("size", "100".to_owned())
}

/// How many bulk exports the account may ask for.
pub(super) fn export_credits() -> Request {
    Request::get(EXPORT_CREDITS)
}

/// A page of a list of consents.
pub(super) struct Consents<'a> {
    pub feed: Feed,
    pub all_preferences: bool,
    pub from: Timestamp,
    /// The list of profiles needs none: without an end no change while pages are read hides a row.
    pub until: Option<Timestamp>,
    pub size: usize,
    /// Used when there is no token.
    pub page: u64,
    pub next: &'a Next,
}

impl Consents<'_> {
    /// The request for it.
    pub fn request(&self) -> Request {
        let Consents { feed, from, until, next, .. } = *self;
        let has_token = next.token.is_some() || next.marker.is_some();
        let page = (!has_token).then(|| self.page.to_string());
        let paged = |request: Request| request.query("page", page).query("size", self.size.to_string());
        match feed {
            Feed::Profiles => {
                let properties =
                    if self.all_preferences { "ignoreCount,includeAllPreferences" } else { "ignoreCount" };
                let request = Request::get(PROFILES)
                    .query("updatedSince", seconds(from))
                    .query("toDate", until.map(seconds))
                    .query("properties", properties.to_owned())
                    .query("sort", "lastModifiedDate,desc".to_owned());
                with_token(paged(request), next)
            }
            Feed::Unordered => {
                let request = Request::get(UNORDERED)
                    .query("updatedSince", milliseconds(from))
                    .query("updatedUntil", until.map(milliseconds));
                with_token(paged(request), next)
            }
            Feed::Transactions => {
                let mut body = Map::new();
                for (name, token) in [("requestContinuation", &next.token), ("nextMarker", &next.marker)] {
                    body.extend(token.as_ref().map(|token| (name.to_owned(), token.as_str().into())));
                }
                let request = Request::post(TRANSACTIONS)
                    .query("fromDate", seconds(from))
                    .query("toDate", until.map(seconds))
                    .query("sort", "consentCreationDate,asc".to_owned());
                paged(request).json(Value::Object(body))
            }
        }
    }

    /// Which list it is, for messages.
    pub fn endpoint(feed: Feed) -> &'static str {
        match feed {
            Feed::Profiles => "GET /api/consentmanager/v1/datasubjects/profiles",
            Feed::Unordered => "GET /rest/api/consent/v4/datasubjects/profiles/unordered",
            Feed::Transactions => "POST /api/consent/v2/transactions",
        }
    }
}

fn with_token(request: Request, next: &Next) -> Request {
    match &next.token {
        Some(token) => request.header("requestContinuation", token.clone()),
        None => request,
    }
}

/// `yyyy-MM-dd'T'HH:mm:ss.SSS'Z'`.
fn milliseconds(moment: Timestamp) -> String {
    format!("{moment:.3}")
}

/// `yyyy-MM-ddTHH:mm:ss`, without a zone; taken as UTC.
fn seconds(moment: Timestamp) -> String {
    moment.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
