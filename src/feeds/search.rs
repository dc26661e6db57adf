//! Finds open subtasks by the search of version 3.
//!
//! Pages are cut anew for each request. A subtask that is closed while they are read leaves the list and
//! pulls another over the edge of a page that was read already; so a list of several pages is read until
//! one reading shows nothing new.

use super::ask;
use super::subtasks::{Pass, Subtasks};
use super::{FeedError, place};
use crate::onetrust::Subtask;

/// As limits and messages name it.
pub(super) const ENDPOINT: &str = "POST /api/datasubject/v3/subtasks";

/// Readings of one list: each finds what moved during the one before.
const MOST_READINGS: usize = 4;
/// A window ends so long after now: its end is there because the filter has one, not to leave anything out.
const AHEAD: std::time::Duration = std::time::Duration::from_secs(2 * 24 * 60 * 60);

/// Reads every page of what a pass asks for.
pub(super) async fn read(feed: &mut Subtasks, pass: &mut Pass) -> Result<(), FeedError> {
    let systems: Vec<Option<String>> = match feed.trigger.systems.as_slice() {
        [] => vec![None],
        systems => systems.iter().cloned().map(Some).collect(),
    };
    for system in systems {
        for _ in 0..MOST_READINGS {
            if !read_all(feed, pass, system.as_deref()).await? {
                break;
            }
        }
    }
    Ok(())
}

/// Reads the list once. Says whether it must be read again: it has several pages, and one of them showed
/// something new.
async fn read_all(feed: &mut Subtasks, pass: &mut Pass, system: Option<&str>) -> Result<bool, FeedError> {
    let mut is_new = false;
    let mut page_before = Vec::new();
    for number in 0.. {
        let window = pass.from.map(|from| (from, place::after(feed.now().max(from), AHEAD)));
        let request = ask::search(&feed.trigger.rules.language, system, window, number);
        let page = feed.page(pass, request, ENDPOINT).await?;
        let listed: Vec<Subtask> = page.items.iter().filter_map(Subtask::read).collect();
        // A list that does not know pages answers the same one for ever.
        let ids: Vec<String> = listed.iter().map(|subtask| subtask.id.clone()).collect();
        let is_same = number > 0 && ids == page_before;
        page_before = ids;
        is_new |= feed.consider(pass, listed).await?;
        if page.next.is_none() || is_same {
            return Ok(is_new && number > 0 && !is_same);
        }
    }
    Ok(false)
}
