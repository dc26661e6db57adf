//! Consents that changed, read page by page from one of OneTrust's lists.
//!
//! Each page goes into the inbox together with the place of the next one, so a kill costs at most a page
//! that is read again. A pass begins a little before where the last one ended, and runs to where OneTrust's
//! clock stands, in windows that are no longer than its list allows.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::FeedError;
use super::ask::{self, MOST_CONSENTS};
use super::inbox::Inbox;
use super::look_back::LookBack;
use super::place::{Place, Reading, after, before, lived_through};
use super::poller::Polled;
use crate::clock::SharedClock;
use crate::onetrust::page::{self, Next, Page};
use crate::onetrust::{Api, ApiError, Judged, Reason, Record, consent_v1, consent_v4, transaction};
use crate::workflow::{ConsentTrigger, Feed};

/// Pages of one look; then others get their turn.
const MOST_PAGES: usize = 200;
/// A day long ago: what OneTrust answers about it tells its clock and nobody's data.
const LONG_AGO: (Timestamp, Timestamp) =
    (Timestamp::constant(946_684_800, 0), Timestamp::constant(946_771_200, 0));

/// Looks for consents that changed.
pub(super) struct Consents {
    trigger: ConsentTrigger,
    api: Api,
    inbox: Inbox,
    clock: SharedClock,
    name: String,
    /// As in the store; `None` until it was read.
    place: Option<Place>,
    /// As in the store; `None` until it was read.
    look_back: Option<LookBack>,
    /// The pass that is under way began further back than usual.
    is_wide: bool,
    /// The digest of the last page, to notice a list that answers the same one for ever.
    page_before: Option<[u8; 32]>,
}

impl Consents {
    pub(super) fn new(
        workflow: &str,
        trigger: ConsentTrigger,
        api: Api,
        inbox: Inbox,
        clock: SharedClock,
    ) -> Consents {
        let name = format!("consents:{workflow}:{}:{}", trigger.profile, trigger.feed.word());
        let (place, look_back, is_wide, page_before) = (None, None, false, None);
        Consents { trigger, api, inbox, clock, name, place, look_back, is_wide, page_before }
    }

    pub(super) async fn poll_once(&mut self) -> Result<Polled, FeedError> {
        let mut polled = Polled::default();
        let mut place = match self.place.clone() {
            Some(place) => place,
            None => self.begin(&mut polled).await?,
        };
        self.page_before = None;
        if place.reading.is_none() {
            self.is_wide = self.looks_back(place.since, &mut polled).await?;
        }
        for _ in 0..MOST_PAGES {
            place = self.page(place, &mut polled).await?;
            self.place = Some(place.clone());
            if place.reading.is_none() {
                self.looked_back(&mut polled).await?;
                return Ok(polled);
            }
        }
        polled.is_behind = true;
        Ok(polled)
    }

    /// The place in the store, or the first one.
    async fn begin(&mut self, polled: &mut Polled) -> Result<Place, FeedError> {
        if let Some(value) = self.inbox.cursor(&self.name).await? {
            return Place::read(&self.name, &value);
        }
        let since = match self.trigger.start {
            Some(start) => start,
            None => {
                let ours = self.now();
                self.ask(LONG_AGO.0, Some(LONG_AGO.1), 1, 0, &Next::default()).await?.0.unwrap_or(ours)
            }
        };
        let place = Place { since, reading: None };
        // From here on everything is promised, so the promise is written down first.
        self.inbox.take(Vec::new(), Some(place.cursor(&self.name)), polled).await?;
        self.place = Some(place.clone());
        Ok(place)
    }

    /// Whether the pass that begins now begins further back than usual.
    async fn looks_back(&mut self, since: Timestamp, polled: &mut Polled) -> Result<bool, FeedError> {
        let now = self.now();
        if self.look_back.is_none() {
            let kept = self.inbox.cursor(&self.name_of_look_back()).await?;
            let is_new = kept.is_none();
            let look_back =
                kept.map_or_else(|| LookBack::new(since, now), |kept| LookBack::read(&kept, since));
            if is_new {
                self.inbox.take(Vec::new(), Some(look_back.cursor(self.name_of_look_back())), polled).await?;
            }
            self.look_back = Some(look_back);
        }
        let is_due = self.look_back.as_ref().is_some_and(|look_back| look_back.is_due(now));
        Ok(is_due && self.trigger.look_back > self.trigger.overlap)
    }

    /// Notes that a pass is over, if it began further back.
    async fn looked_back(&mut self, polled: &mut Polled) -> Result<(), FeedError> {
        if let Some(look_back) = self.look_back.as_ref().filter(|_| self.is_wide) {
            let done = look_back.done(self.now());
            self.inbox.take(Vec::new(), Some(done.cursor(self.name_of_look_back())), polled).await?;
            (self.look_back, self.is_wide) = (Some(done), false);
        }
        Ok(())
    }

    fn name_of_look_back(&self) -> String {
        format!("{}:look_back", self.name)
    }

    /// Reads one page, brings it into the inbox, and says where to go on.
    async fn page(&mut self, place: Place, polled: &mut Polled) -> Result<Place, FeedError> {
        let is_begun = place.reading.is_some();
        let mut reading = place.reading.unwrap_or_else(|| self.first_window(place.since));
        let asked = self.ask(reading.from, reading.until, MOST_CONSENTS, reading.page, &reading.next()).await;
        let (date, page) = match asked {
            // A token may have expired since it was written down: the window is read again.
            Err(FeedError::Api(ApiError::Refused { .. })) if reading.next() != Next::default() => {
                reading.begin_again();
                self.ask(reading.from, reading.until, MOST_CONSENTS, 0, &Next::default()).await?
            }
            asked => asked?,
        };
        if !is_begun {
            reading = Consents::reaching(reading, date);
        }
        let Page { items, next } = page;
        let is_same = self.is_same(&items, next.as_ref());
        if is_same {
            return Err(FeedError::SamePage { endpoint: ask::Consents::endpoint(self.trigger.feed) });
        }
        let (records, skipped) = self.judge(&items, &mut reading);
        self.inbox.skip(skipped, polled).await?;
        let place = self.next_place(place.since, reading, next);
        self.inbox.take(records, Some(place.cursor(&self.name)), polled).await?;
        Ok(place)
    }

    /// Where to go on after a page.
    fn next_place(&mut self, since: Timestamp, mut reading: Reading, next: Option<Next>) -> Place {
        if let Some(next) = next {
            reading.turn(next);
            return Place { since, reading: Some(reading) };
        }
        self.page_before = None;
        if let (Some(until), Some(goal)) = (reading.until, reading.goal)
            && until < goal
        {
            let (lived, newest) = (reading.lived, reading.newest);
            let window = Reading { lived, newest, ..self.window(until, goal) };
            return Place { since, reading: Some(window) };
        }
        let since = lived_through(since, reading.lived, self.now(), reading.newest);
        Place { since, reading: None }
    }

    /// A window from a moment on, as long as the list allows, to a goal at most.
    fn window(&self, from: Timestamp, goal: Timestamp) -> Reading {
        let days = |days: u64| Some(after(from, Duration::from_secs(days * 24 * 60 * 60)).min(goal));
        let until = match self.trigger.feed {
            Feed::Profiles => None,
            Feed::Unordered => days(30),
            Feed::Transactions => days(1),
        };
        let goal = until.map(|_| goal);
        Reading { from, until, goal, lived: None, newest: None, page: 0, token: None, marker: None }
    }

    /// The first window of a pass.
    fn first_window(&self, since: Timestamp) -> Reading {
        // Lists that know whole seconds begin at the one before, and end at the one behind.
        let usual = before(since, self.trigger.overlap);
        let from = match self.look_back.as_ref().filter(|_| self.is_wide) {
            Some(look_back) => look_back.from(since, self.trigger.look_back, usual),
            None => usual,
        };
        let from = Timestamp::from_second(from.as_second()).unwrap_or(from);
        self.window(from, next_second(self.now().max(from)))
    }

    /// The first window, once it is known what time it is at OneTrust: the pass goes that far, and to where
    /// our clock stands only if OneTrust does not say.
    fn reaching(reading: Reading, date: Option<Timestamp>) -> Reading {
        let goal = reading.goal.map(|goal| date.map_or(goal, next_second));
        Reading { goal, lived: date, ..reading }
    }

    fn judge(&self, rows: &[Value], reading: &mut Reading) -> (Vec<Record>, Vec<([u8; 32], Reason)>) {
        let rules = &self.trigger.rules;
        let (mut records, mut skipped) = (Vec::new(), Vec::new());
        for row in rows {
            let (judged, updated) = match self.trigger.feed {
                Feed::Profiles => (consent_v1::judge(rules, row), consent_v1::updated(row)),
                Feed::Unordered => (consent_v4::judge(rules, row), consent_v4::updated(row)),
                Feed::Transactions => (transaction::judge(rules, row), transaction::updated(row)),
            };
            reading.saw(updated);
            match judged {
                Judged::Start(record) => records.push(record),
                // Most rows are of other purposes where the trigger names its own.
                Judged::Skip(Reason::NoPurpose) if !rules.purposes.is_empty() => {}
                Judged::Skip(reason) => {
                    skipped.push((Sha256::digest(row.to_string().as_bytes()).into(), reason));
                }
            }
        }
        (records, skipped)
    }

    /// Asks for a page; comes with what time it is at OneTrust.
    async fn ask(
        &self,
        from: Timestamp,
        until: Option<Timestamp>,
        size: usize,
        page: u64,
        next: &Next,
    ) -> Result<(Option<Timestamp>, Page), FeedError> {
        let ConsentTrigger { feed, all_preferences, .. } = self.trigger;
        let request = ask::Consents { feed, all_preferences, from, until, size, page, next }.request();
        let told = self.api.ask(request).await.map_err(|error| match error {
            ApiError::Forbidden { .. } | ApiError::NotFound { .. } if feed == Feed::Unordered => {
                FeedError::NotEnabled
            }
            error => error.into(),
        })?;
        let endpoint = ask::Consents::endpoint(feed);
        let page = page::read(told.value, size).map_err(|why| FeedError::Page { endpoint, why })?;
        Ok((told.date, page))
    }

    /// Whether a page is the one before once more, so that there is no way on.
    fn is_same(&mut self, items: &[Value], next: Option<&Next>) -> bool {
        let mut digest = Sha256::new();
        for item in items {
            digest.update(item.to_string().as_bytes());
        }
        for token in next.into_iter().flat_map(|next| [&next.token, &next.marker]).flatten() {
            digest.update(token.as_bytes());
        }
        let digest = digest.finalize().into();
        next.is_some() && self.page_before.replace(digest) == Some(digest)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or(Timestamp::MIN)
    }
}

/// The whole second behind a moment.
fn next_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second().saturating_add(1)).unwrap_or(moment)
}
