//! Open subtasks that start a workflow, found by the search of version 3, or request by request where that
//! is refused.
//!
//! Most looks ask only for what changed since the last one. A change that no date shows, such as the stage
//! of a request, is found by a sweep of everything that is open, now and then: so something that is
//! skipped today starts its workflow when it may.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::inbox::Inbox;
use super::look::{is_of_one, look};
use super::place::{Place, before, lived_through};
use super::poller::Polled;
use super::{FeedError, requests, search};
use crate::clock::SharedClock;
use crate::journal::Cursor;
use crate::onetrust::page::{self, Page};
use crate::onetrust::{Api, ApiError, Judged, Reason, Record, Request, Subtask, judge_listed};
use crate::workflow::SubtaskTrigger;

/// Between two looks at everything that is open.
const SWEEP: Duration = Duration::from_secs(15 * 60);
/// How long the search is not tried again after it was refused: scopes are seldom given.
const REFUSED: Duration = Duration::from_secs(60 * 60);
/// Closer looks at a time: the limits pace them, this only keeps one from waiting for another.
const AT_ONCE: usize = 4;
/// What is kept in memory to save requests; more is forgotten and asked again.
const MOST_KEPT: usize = 100_000;

/// Looks for open subtasks.
pub(super) struct Subtasks {
    pub(super) trigger: SubtaskTrigger,
    api: Api,
    inbox: Inbox,
    clock: SharedClock,
    /// Names of the cursors of both ways.
    names: [String; 2],
    /// Of both ways, as in the store.
    places: [Option<Place>; 2],
    is_read: bool,
    /// When everything that is open was looked at, in steady milliseconds; of both ways.
    swept_ms: [Option<i64>; 2],
    /// The search is not tried before this, in steady milliseconds.
    refused_until_ms: Option<i64>,
    /// Keys of what the inbox has.
    taken: HashSet<[u8; 32]>,
    /// What was looked at and left: when it had changed last, and why it was left.
    left: HashMap<[u8; 32], (Option<Timestamp>, Reason)>,
    /// Requests whose subtasks were read, and when they had changed last.
    pub(super) requests: HashMap<String, Timestamp>,
}

/// Two ways to find subtasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Search,
    Requests,
}

/// One reading of everything that a window has, over all its pages.
pub(super) struct Pass {
    pub(super) way: Way,
    /// Where the window begins; `None`: everything that is open.
    pub(super) from: Option<Timestamp>,
    pub(super) polled: Polled,
    /// By OneTrust's clock, when its first page came.
    pub(super) date: Option<Timestamp>,
    newest: Option<Timestamp>,
    /// Keys of subtasks that were on a page already.
    seen: HashSet<[u8; 32]>,
    /// Records that wait for the cursor to move with them.
    held: Vec<Record>,
}

impl Subtasks {
    pub(super) fn new(
        workflow: &str,
        trigger: SubtaskTrigger,
        api: Api,
        inbox: Inbox,
        clock: SharedClock,
    ) -> Subtasks {
        let name = |way: &str| format!("{way}:{workflow}:{}", trigger.profile);
        Subtasks {
            names: [name("subtasks"), name("requests")],
            trigger,
            api,
            inbox,
            clock,
            places: [None, None],
            is_read: false,
            swept_ms: [None, None],
            refused_until_ms: None,
            taken: HashSet::new(),
            left: HashMap::new(),
            requests: HashMap::new(),
        }
    }

    pub(super) async fn poll_once(&mut self) -> Result<Polled, FeedError> {
        if !self.is_read {
            for (place, name) in self.places.iter_mut().zip(&self.names) {
                *place = self.inbox.cursor(name).await?.map(|value| Place::read(name, &value)).transpose()?;
            }
            self.is_read = true;
        }
        let now_ms = self.clock.steady_ms();
        let refused_until = Some(now_ms.saturating_add(milliseconds(REFUSED)));
        if self.refused_until_ms.is_none_or(|until| now_ms >= until) {
            match self.pass(Way::Search).await {
                Err(FeedError::Api(ApiError::Forbidden { endpoint } | ApiError::NotFound { endpoint }))
                    if endpoint == search::ENDPOINT =>
                {
                    self.refused_until_ms = refused_until;
                }
                // OneTrust answers a path that it does not know with a page for people, and so does another
                // system. The other way tells which it is.
                Err(FeedError::Api(ApiError::NotTheService { .. })) if self.trigger.systems.is_empty() => {
                    let polled = self.pass(Way::Requests).await?;
                    self.refused_until_ms = refused_until;
                    return Ok(polled);
                }
                result => {
                    self.refused_until_ms = None;
                    return result;
                }
            }
        }
        if !self.trigger.systems.is_empty() {
            return Err(FeedError::SystemsNeedSearch);
        }
        self.pass(Way::Requests).await
    }

    async fn pass(&mut self, way: Way) -> Result<Polled, FeedError> {
        let now_ms = self.clock.steady_ms();
        let index = way as usize;
        let place = self.places.get(index).cloned().flatten();
        let is_fresh = |swept: &i64| now_ms.saturating_sub(*swept) < milliseconds(SWEEP);
        let since = place.map(|place| place.since);
        let is_swept = self.swept_ms.get(index).copied().flatten().as_ref().is_some_and(is_fresh);
        let from = since.filter(|_| is_swept).map(|since| before(since, self.trigger.overlap));
        let mut pass = Pass {
            way,
            from,
            polled: Polled::default(),
            date: None,
            newest: None,
            seen: HashSet::new(),
            held: Vec::new(),
        };
        match way {
            Way::Search => search::read(self, &mut pass).await?,
            Way::Requests => requests::read(self, &mut pass).await?,
        }
        self.over(since, pass, now_ms).await
    }

    /// The end of a pass: its last records and the cursor go together.
    async fn over(
        &mut self,
        since: Option<Timestamp>,
        mut pass: Pass,
        began_ms: i64,
    ) -> Result<Polled, FeedError> {
        let index = pass.way as usize;
        let ours = self.now();
        let now = pass.date.unwrap_or(ours);
        let newest = pass.newest.filter(|newest| *newest <= now);
        let began = since.or(newest).or(pass.date.map(|date| date.min(ours)));
        // What could not be read is found again only from where the window began.
        let place = began
            .filter(|_| pass.polled.postponed == 0)
            .map(|began| Place { since: lived_through(began, pass.date, ours, newest), reading: None });
        let moves: Option<Cursor> = match self.places.get(index) {
            Some(known) if *known != place => {
                self.names.get(index).zip(place.as_ref()).map(|(name, place)| place.cursor(name))
            }
            _ => None,
        };
        self.flush(&mut pass, moves).await?;
        if let (Some(known), Some(place)) = (self.places.get_mut(index), place) {
            *known = Some(place);
        }
        if let Some(swept) =
            self.swept_ms.get_mut(index).filter(|_| pass.from.is_none() && pass.polled.postponed == 0)
        {
            *swept = Some(began_ms);
        }
        Ok(pass.polled)
    }

    /// Asks for a page of one of the lists.
    pub(super) async fn page(
        &self,
        pass: &mut Pass,
        request: Request,
        endpoint: &'static str,
    ) -> Result<Page, FeedError> {
        let told = self.api.ask(request).await?;
        pass.date = pass.date.or(told.date);
        page::read(told.value, super::ask::MOST_SUBTASKS).map_err(|why| FeedError::Page { endpoint, why })
    }

    /// Looks at the subtasks of a page. Says whether one of them was not seen in this pass.
    pub(super) async fn consider(
        &mut self,
        pass: &mut Pass,
        listed: Vec<Subtask>,
    ) -> Result<bool, FeedError> {
        self.flush(pass, None).await?;
        let mut skipped = Vec::new();
        let mut candidates = Vec::new();
        let mut is_new = false;
        for subtask in listed {
            let key = self.inbox.key(&subtask.record_id());
            if pass.way == Way::Search {
                pass.newest = pass.newest.max(subtask.updated);
            }
            if !pass.seen.insert(key) {
                continue;
            }
            is_new = true;
            if self.taken.contains(&key) {
                continue;
            }
            if let Some(reason) = judge_listed(&self.trigger.rules, &subtask) {
                // Every subtask of the account has another name but a few: those are not noted.
                if reason != Reason::WrongName && self.leave(key, subtask.updated, reason) {
                    skipped.push((key, reason));
                }
                continue;
            }
            let is_known =
                |(updated, _): &(Option<Timestamp>, Reason)| updated.is_some() && *updated == subtask.updated;
            if pass.from.is_none() || !self.left.get(&key).is_some_and(is_known) {
                candidates.push((key, subtask));
            }
        }
        self.look_at(pass, candidates, &mut skipped).await?;
        self.inbox.skip(skipped, &mut pass.polled).await?;
        Ok(is_new)
    }

    /// Reads and judges candidates, some at a time.
    async fn look_at(
        &mut self,
        pass: &mut Pass,
        candidates: Vec<([u8; 32], Subtask)>,
        skipped: &mut Vec<([u8; 32], Reason)>,
    ) -> Result<(), FeedError> {
        let mut waiting = candidates.into_iter();
        let mut looks = JoinSet::new();
        loop {
            while looks.len() < AT_ONCE
                && let Some((key, subtask)) = waiting.next()
            {
                let (api, rules) = (self.api.clone(), self.trigger.rules.clone());
                let updated = subtask.updated;
                let subtask = Subtask { profile: Some(self.trigger.profile.clone()), ..subtask };
                looks.spawn(async move { (key, updated, look(&api, &rules, subtask).await) });
            }
            let Some(looked) = looks.join_next().await else { return Ok(()) };
            let (key, updated, judged) = looked.map_err(|_| FeedError::Stopped)?;
            match judged {
                Ok(Judged::Start(record)) => pass.held.push(record),
                Ok(Judged::Skip(reason)) => {
                    if self.leave(key, updated, reason) {
                        skipped.push((key, reason));
                    }
                }
                Err(error) if is_of_one(&error) => {
                    pass.polled.postponed += 1;
                    tracing::warn!("a subtask could not be read and is looked at again: {error}");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Remembers why something was left; says whether that is news.
    fn leave(&mut self, key: [u8; 32], updated: Option<Timestamp>, reason: Reason) -> bool {
        if self.left.len() >= MOST_KEPT {
            self.left.clear();
        }
        self.left.insert(key, (updated, reason)).is_none_or(|(_, before)| before != reason)
    }

    /// Brings what was found into the inbox.
    async fn flush(&mut self, pass: &mut Pass, moves: Option<Cursor>) -> Result<(), FeedError> {
        let records = std::mem::take(&mut pass.held);
        let keys: Vec<[u8; 32]> = records.iter().map(|record| self.inbox.key(record.id())).collect();
        self.inbox.take(records, moves, &mut pass.polled).await?;
        if self.taken.len() >= MOST_KEPT {
            self.taken.clear();
        }
        self.taken.extend(keys);
        Ok(())
    }

    /// By our clock.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or(Timestamp::MIN)
    }

    /// Notes the date of a request.
    pub(super) fn saw(&self, pass: &mut Pass, changed: Option<Timestamp>) {
        pass.newest = pass.newest.max(changed);
    }

    /// Remembers that the subtasks of a request were read as it stood.
    pub(super) fn remember(&mut self, request: String, changed: Timestamp) {
        if self.requests.len() >= MOST_KEPT {
            self.requests.clear();
        }
        self.requests.insert(request, changed);
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
