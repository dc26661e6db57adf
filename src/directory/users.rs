//! Users, page by page; and those who were not met, one by one.
//!
//! While pages are read somebody may be removed, and everybody behind moves up: who stood on the edge of a page is
//! met by nobody. So who was not met is looked up before they count as gone, and when fewer were met than there
//! are, everybody is read again.

use serde_json::Value;

use super::ask::{self, MOST, Version};
use super::cursor::{Phase, Users};
use super::error::DirectoryError;
use super::sync::{UnderWay, record};
use crate::feeds::FeedError;
use crate::journal::StaffKind;
use crate::onetrust::ApiError;
use crate::onetrust::page;
use crate::onetrust::staff::{self, User};

/// How often everybody is read at most. What moves faster than that is met by the next sync.
const MOST_PASSES: u8 = 3;

/// Where a list ends that never says so: more pages, or places, than any tenant has.
const MOST_PAGES: u64 = 10_000_000;

/// A page of users or groups.
pub(super) struct Listed {
    pub items: Vec<Value>,
    /// How many there are in all.
    pub total: Option<u64>,
    /// The page, or the place, where it goes on.
    pub next: Option<u64>,
}

/// Reads a page of a list that counts pages.
pub(super) fn paged(answer: Value, at: u64, endpoint: &'static str) -> Result<Listed, DirectoryError> {
    let total = answer.get("totalElements").and_then(Value::as_u64);
    let page = page::read(answer, MOST).map_err(|why| FeedError::Page { endpoint, why })?;
    Ok(Listed { items: page.items, total, next: page.next.map(|_| at.saturating_add(1)) })
}

/// Reads a page of a list that counts places.
pub(super) fn placed(answer: Value, at: u64, endpoint: &'static str) -> Result<Listed, DirectoryError> {
    let page = staff::list(answer).map_err(|why| FeedError::Page { endpoint, why })?;
    let next = page.next(at);
    Ok(Listed { items: page.items, total: page.total, next })
}

impl UnderWay<'_> {
    /// Reads one page of users.
    pub async fn users(&mut self, at: u64, pass: u8) -> Result<(), DirectoryError> {
        let (sync, users) = (self.sync, self.cursor.users);
        let page = match version(users) {
            None => paged(sync.ask(ask::users(at, MOST)).await?, at, ask::USERS)?,
            Some(version) => {
                let filter = sync.rules.filter.as_deref();
                let answer = sync.ask(ask::scim_users(version, at, filter)).await?;
                placed(answer, at, version.users())?
            }
        };
        if at > MOST_PAGES {
            return Err(FeedError::SamePage { endpoint: ask::USERS }.into());
        }
        let read = match users {
            Users::Access => User::of_access,
            Users::ScimV3 | Users::ScimV2 => User::of_scim,
        };
        let (count, mut rows) = (page.items.len(), Vec::with_capacity(page.items.len()));
        for user in page.items.iter().filter_map(read) {
            rows.push(record(StaffKind::User, &user.id, &user)?);
        }
        let unreadable = (count - rows.len()) as u64;
        if pass == 1 {
            self.cursor.counts.unreadable += unreadable;
        }
        self.cursor.counts.users += rows.len() as u64;
        let so_far = self.cursor.counts.users;
        let is_over = page.next.is_none();
        // The last page is written with the place where it stands, and the next pass begins from the front.
        self.cursor.phase = Phase::Users { at: page.next.unwrap_or(at), pass };
        self.put(rows).await?;
        (sync.say)(&format!("{so_far} users"));
        if !is_over {
            return Ok(());
        }
        let met = sync.store.seen_staff(&sync.tenant, StaffKind::User, self.number)?;
        let all = page.total.unwrap_or(0).saturating_sub(self.cursor.counts.unreadable);
        if met < all && pass < MOST_PASSES {
            tracing::info!("{met} users were met of {all}: somebody moved meanwhile, so they are read again");
            let first = if users == Users::Access { 0 } else { 1 };
            self.cursor.counts.users = 0;
            return self.turn_to(Phase::Users { at: first, pass: pass + 1 }).await;
        }
        self.turn_to(Phase::Unseen).await
    }

    /// Looks up everybody who was known and not met.
    pub async fn unseen_users(&mut self) -> Result<(), DirectoryError> {
        let sync = self.sync;
        let unseen = sync.store.unseen_staff(&sync.tenant, StaffKind::User, self.number)?;
        for known in unseen {
            let user: User = serde_json::from_slice(&known.plain).map_err(|_| DirectoryError::Record)?;
            let asked = match version(self.cursor.users) {
                None => sync.ask(ask::user(&user.id)).await.map(|answer| User::of_access(&answer)),
                Some(version) => {
                    sync.ask(ask::scim_user(version, &user.id)).await.map(|answer| User::of_scim(&answer))
                }
            };
            match asked {
                Ok(Some(found)) if found.id == user.id => {
                    self.put(vec![record(StaffKind::User, &found.id, &found)?]).await?;
                }
                Ok(_) => {
                    // Neither there nor said to be gone: they stay as they were known.
                    self.cursor.counts.unreadable += 1;
                }
                Err(error) if is_not_found(&error) => {
                    self.is_gone(StaffKind::User, user.id.clone()).await?;
                }
                Err(error) => return Err(error),
            }
        }
        let first = if self.cursor.users == Users::Access { 0 } else { 1 };
        let next = if self.may(self.cursor.users.groups()) {
            Phase::Groups { at: first }
        } else {
            Phase::Organizations
        };
        self.turn_to(next).await
    }
}

/// The version of SCIM by which users are read; `None` for Access Management.
pub(super) fn version(users: Users) -> Option<Version> {
    match users {
        Users::Access => None,
        Users::ScimV3 => Some(Version::Three),
        Users::ScimV2 => Some(Version::Two),
    }
}

/// Whether what was asked for is not there.
pub(super) fn is_not_found(error: &DirectoryError) -> bool {
    matches!(error.api(), Some(ApiError::NotFound { .. }))
}
