//! Everybody whom OneTrust knows, with what they consent to now: its list of people from the beginning.
//!
//! Nothing is kept of how far it was read: it is read once, page after page, and whoever reads it begins
//! anew. The newest change comes first, so a change meanwhile moves people to where was read already, and at
//! most shows somebody twice. Whichever list of changes a workflow follows, this one says how things stand,
//! and every account has it.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::FeedError;
use super::ask::{self, MOST_CONSENTS};
use crate::clock::SharedClock;
use crate::onetrust::page::{self, Next, Page};
use crate::onetrust::{Api, ApiError, Judged, consent_v1};
use crate::wire::Backoff;
use crate::workflow::{ConsentTrigger, Feed, Policy};

/// Where the list begins unless somebody says otherwise: long before there was OneTrust.
pub const BEGINNING: Timestamp = Timestamp::constant(946_684_800, 0);

/// Reads the list of people.
pub struct Everyone {
    trigger: ConsentTrigger,
    api: Api,
    clock: SharedClock,
    policy: Policy,
    since: Timestamp,
    page: u64,
    /// How to ask for the next page; `None` after the last one.
    next: Option<Next>,
    /// The digest of the last page, to notice a list that answers the same one for ever.
    page_before: Option<[u8; 32]>,
}

impl Everyone {
    /// Everybody who changed since a moment; a page is tried again as a policy says.
    pub fn new(
        trigger: &ConsentTrigger,
        api: Api,
        clock: SharedClock,
        since: Timestamp,
        policy: Policy,
    ) -> Everyone {
        let (trigger, next) = (trigger.clone(), Some(Next::default()));
        Everyone { trigger, api, clock, policy, since, page: 0, next, page_before: None }
    }

    /// The profile whose list it is.
    pub fn profile(&self) -> &str {
        &self.trigger.profile
    }

    /// What the rows of the next page come to; `None` after the last page.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Judged>>, FeedError> {
        let Some(next) = self.next.clone() else { return Ok(None) };
        let page = match self.asked(&next).await {
            // A token may be too old by now; the number of the page still says where we are.
            Err(FeedError::Api(ApiError::Refused { .. })) if next != Next::default() => {
                self.asked(&Next::default()).await?
            }
            asked => asked?,
        };
        let mut digest = Sha256::new();
        page.items.iter().for_each(|item| digest.update(item.to_string()));
        let digest = digest.finalize().into();
        if page.next.is_some() && self.page_before.replace(digest) == Some(digest) {
            return Err(FeedError::SamePage { endpoint: ask::Consents::endpoint(Feed::Profiles) });
        }
        self.page += 1;
        self.next = page.next;
        Ok(Some(page.items.iter().map(|row| consent_v1::judge(&self.trigger.rules, row)).collect()))
    }

    /// Asks until there is an answer, or no use in asking.
    async fn asked(&self, next: &Next) -> Result<Page, FeedError> {
        let (began_ms, mut tries) = (self.clock.steady_ms(), 0_u32);
        loop {
            let error = match self.ask(next).await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            let may_pass = match &error {
                FeedError::Api(ApiError::Limited { .. }) => true,
                FeedError::Api(ApiError::Refused { .. } | ApiError::Unwritable { .. }) => false,
                FeedError::Api(_) => {
                    tries += 1;
                    !error.needs_a_person()
                }
                _ => false,
            };
            let now_ms = self.clock.steady_ms();
            let told = error
                .not_before_ms()
                .map(|at_ms| Duration::from_millis((at_ms - now_ms).max(0).unsigned_abs()));
            let backoff = Backoff { base: self.policy.base, cap: self.policy.cap };
            // Nobody else asks at the same moment, so there is nothing to draw lots for.
            let pause = backoff.wait(tries.saturating_sub(1), u64::MAX, told);
            let spent = Duration::from_millis((now_ms - began_ms).max(0).unsigned_abs());
            let is_over = tries >= self.policy.attempts || tries > 0 && spent + pause > self.policy.at_most;
            if !may_pass || is_over {
                return Err(error);
            }
            tracing::warn!("OneTrust's list of people is asked again in {pause:?}: {error}");
            tokio::time::sleep(pause).await;
        }
    }

    async fn ask(&self, next: &Next) -> Result<Page, FeedError> {
        let request = ask::Consents {
            feed: Feed::Profiles,
            all_preferences: self.trigger.all_preferences,
            from: self.since,
            until: None,
            size: MOST_CONSENTS,
            page: self.page,
            next,
        };
        let value = self.api.call(request.request()).await?;
        let endpoint = ask::Consents::endpoint(Feed::Profiles);
        page::read(value, MOST_CONSENTS).map_err(|why| FeedError::Page { endpoint, why })
    }
}

impl std::fmt::Debug for Everyone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Everyone").field("page", &self.page).finish_non_exhaustive()
    }
}
