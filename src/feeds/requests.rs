//! Finds open subtasks request by request, where the search of version 3 is refused.
//!
//! The list of requests filters by whole days, so a window begins a day early, and what did not change
//! since its subtasks were read is passed over. Requests that are over are not looked into. One that cannot
//! be read keeps nobody from those behind it: it is read again, and only it.

use std::time::Duration;

use super::look::is_of_one;
use super::subtasks::{Pass, Subtasks};
use super::{FeedError, ask, place};
use crate::onetrust::words::{self, Stage};
use crate::onetrust::{ApiError, Subtask, moment};

const ENDPOINT: &str = "GET /api/datasubject/v2/requestqueues/{}";
const ENDPOINT_OF_ONE: &str = "GET /api/datasubject/v2/requestqueues/{}/subtasks";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// So many requests one after another that cannot be read are no accident of each.
const MOST_UNREAD: usize = 5;

/// Reads every page of what a pass asks for.
pub(super) async fn read(feed: &mut Subtasks, pass: &mut Pass) -> Result<(), FeedError> {
    let since = pass.from.map(|from| place::before(from, DAY));
    let mut page_before = Vec::new();
    let (mut is_any_read, mut unread, mut trouble) = (false, 0, None);
    for number in 0.. {
        let request = ask::requests(&feed.trigger.rules.language, since, number);
        let page = feed.page(pass, request, ENDPOINT).await?;
        let refs: Vec<String> =
            page.items.iter().filter_map(|item| text(item, "requestQueueRefId")).map(str::to_owned).collect();
        let is_same = number > 0 && refs == page_before;
        for item in &page.items {
            let changed = text(item, "dateUpdated").and_then(moment);
            feed.saw(pass, changed);
            let Some(request_ref) = text(item, "requestQueueRefId") else { continue };
            if text(item, "status").is_some_and(|stage| words::stage(stage) == Stage::Closed) {
                continue;
            }
            let is_read = changed.is_some() && feed.requests.get(request_ref) == changed.as_ref();
            if is_read && (pass.from.is_some() || feed.sweep.read.contains(request_ref)) {
                is_any_read = true;
                continue;
            }
            let postponed = pass.polled.postponed;
            match subtasks_of(feed, pass, request_ref).await {
                Err(error) if is_of_the_request(&error) && unread + 1 < MOST_UNREAD => {
                    unread += 1;
                    pass.polled.postponed += 1;
                    tracing::warn!(
                        "subtasks of a request could not be read and are looked for again: {error}"
                    );
                    trouble = Some(error);
                }
                read => {
                    read?;
                    (is_any_read, unread) = (true, 0);
                }
            }
            if let Some(changed) = changed.filter(|_| pass.polled.postponed == postponed) {
                feed.remember(request_ref.to_owned(), changed);
            }
        }
        if page.next.is_none() || is_same {
            break;
        }
        page_before = refs;
    }
    match trouble.filter(|_| !is_any_read) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Whether others may be read all the same: it is gone, it belongs to others, or chance was against it.
fn is_of_the_request(error: &FeedError) -> bool {
    is_of_one(error)
        || matches!(error, FeedError::Api(ApiError::NotFound { .. } | ApiError::Forbidden { .. }))
}

/// Reads the subtasks of one request.
async fn subtasks_of(feed: &mut Subtasks, pass: &mut Pass, request_ref: &str) -> Result<(), FeedError> {
    for number in 0.. {
        let page = feed.page(pass, ask::subtasks_of(request_ref, number), ENDPOINT_OF_ONE).await?;
        let listed: Vec<Subtask> = page
            .items
            .iter()
            .filter_map(Subtask::read)
            .map(|subtask| {
                let of = Subtask { request_ref: Some(request_ref.to_owned()), ..Subtask::default() };
                subtask.or_else(of)
            })
            .collect();
        let is_new = feed.consider(pass, listed).await?;
        if page.next.is_none() || !is_new {
            break;
        }
    }
    Ok(())
}

fn text<'v>(item: &'v serde_json::Value, name: &str) -> Option<&'v str> {
    item.get(name)?.as_str()
}
