//! A closer look at one subtask: it and its request are read, now, and judged together.
//!
//! A list may be minutes old, and somebody may have closed the subtask since. So what starts a workflow is
//! what the single answers say.

use super::{FeedError, ask};
use crate::onetrust::{self, Api, ApiError, Judged, Reason, Subtask};
use crate::workflow::SubtaskRules;

/// Reads a subtask and its request, and judges them. `listed` needs only an id; what else it says
/// counts where the answers are silent.
pub async fn look(api: &Api, rules: &SubtaskRules, listed: Subtask) -> Result<Judged, FeedError> {
    let (subtask, request) = match listed.request_ref.clone() {
        Some(request_ref) => {
            // Both are asked at once: a look costs two answers and the time of one.
            let subtask = api.call(ask::subtask(&listed.id));
            let request = api.call(ask::request(&request_ref, &rules.language));
            let (subtask, request) = tokio::join!(subtask, request);
            (subtask, Some(request))
        }
        None => (api.call(ask::subtask(&listed.id)).await, None),
    };
    let Some(subtask) = found(subtask)? else { return Ok(Judged::Skip(Reason::Gone)) };
    let id = listed.id.clone();
    let Some(subtask) = Subtask::read(&subtask).filter(|subtask| subtask.id.eq_ignore_ascii_case(&id)) else {
        return Ok(Judged::Skip(Reason::Unreadable));
    };
    let subtask = subtask.or_else(listed);
    let request = match (request, &subtask.request_ref) {
        (Some(request), _) => request,
        (None, Some(request_ref)) => api.call(ask::request(request_ref, &rules.language)).await,
        (None, None) => return Ok(Judged::Skip(Reason::Unreadable)),
    };
    Ok(match found(request)? {
        Some(request) => onetrust::judge(rules, &subtask, &request),
        None => Judged::Skip(Reason::Gone),
    })
}

/// `None` for what is not there any more.
fn found<T>(answer: Result<T, ApiError>) -> Result<Option<T>, FeedError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(ApiError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether an error is of the one thing that was asked for, so that the others can go on.
pub(super) fn is_of_one(error: &FeedError) -> bool {
    match error {
        FeedError::Api(error) => matches!(
            error,
            ApiError::Refused { .. }
                | ApiError::Failed { .. }
                | ApiError::Unknown { .. }
                | ApiError::Unreadable { .. }
                | ApiError::Unwritable { .. }
        ),
        _ => false,
    }
}
