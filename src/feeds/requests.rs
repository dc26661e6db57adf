//! Finds open subtasks request by request, where the search of version 3 is refused.
//!
//! The list of requests filters by whole days, so a window begins a day early, and what did not change
//! since its subtasks were read is passed over. Requests that are over are not looked into.

use std::time::Duration;

use super::subtasks::{Pass, Subtasks};
use super::{FeedError, ask, place};
use crate::onetrust::words::{self, Stage};
use crate::onetrust::{Subtask, moment};

const ENDPOINT: &str = "GET /api/datasubject/v2/requestqueues/{}";
const ENDPOINT_OF_ONE: &str = "GET /api/datasubject/v2/requestqueues/{}/subtasks";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads every page of what a pass asks for.
pub(super) async fn read(feed: &mut Subtasks, pass: &mut Pass) -> Result<(), FeedError> {
    let since = pass.from.map(|from| place::before(from, DAY));
    let mut page_before = Vec::new();
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
            if is_read && pass.from.is_some() {
                continue;
            }
            let postponed = pass.polled.postponed;
            subtasks_of(feed, pass, request_ref).await?;
            if let Some(changed) = changed.filter(|_| pass.polled.postponed == postponed) {
                feed.remember(request_ref.to_owned(), changed);
            }
        }
        if page.next.is_none() || is_same {
            break;
        }
        page_before = refs;
    }
    Ok(())
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
