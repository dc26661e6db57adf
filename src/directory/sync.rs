//! One sync of one tenant, from where the last one stopped.
//!
//! Every page is written with how far was read, in one transaction; what follows is asked only then. A sync that
//! was begun more than a day ago is begun anew: too much may have moved meanwhile.

use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::capability::{Capability, Held, Standing, standing};
use super::cursor::{Counts, Cursor, Gap, Phase, Told, Users};
use super::error::DirectoryError;
use super::read::Own;
use crate::clock::SharedClock;
use crate::config;
use crate::feeds::{FeedError, Patience, ask_patiently};
use crate::journal::{StaffKind, StaffRecord, StaffRow, StaffSync, Store};
use crate::onetrust::{Api, Request, granted};
use crate::workflow::Policy;

/// A sync that is older begins anew.
const OLDEST_MS: i64 = 24 * 60 * 60 * 1000;

/// What a sync came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// The tenant.
    pub tenant: String,
    /// What was read and what could not be.
    pub told: Told,
    /// It went on where another one had stopped.
    pub is_resumed: bool,
    /// Who was forgotten, because they were gone for long enough.
    pub forgotten: u64,
}

/// A sync of one tenant.
pub struct Sync<'a> {
    /// Asks OneTrust.
    pub api: Api,
    /// Where everything is kept.
    pub store: Arc<Store>,
    /// What time it is.
    pub clock: SharedClock,
    /// How often and how long is asked again.
    pub policy: Policy,
    /// The account: the workspace of the profile.
    pub tenant: String,
    /// The profile.
    pub profile: String,
    /// How it is read and kept.
    pub rules: &'a config::Directory,
    /// Told to people meanwhile; names nobody.
    pub say: &'a (dyn Fn(&str) + Send + std::marker::Sync),
}

/// A sync that is under way.
pub(super) struct UnderWay<'a> {
    pub sync: &'a Sync<'a>,
    pub cursor: Cursor,
    pub number: i64,
    pub started_ms: i64,
}

impl Sync<'_> {
    /// Reads everything that the credential may read. Whatever ends it, the next one goes on from there.
    pub async fn run(&self) -> Result<Synced, DirectoryError> {
        let standing = self.standing().await?;
        let (state, cursor, is_resumed) = self.begin(&standing).await?;
        let (number, started_ms) = (state.number, state.started_ms);
        let mut way = UnderWay { sync: self, cursor, number, started_ms };
        way.put(vec![self.own(&standing).await?]).await?;
        loop {
            match way.cursor.phase {
                Phase::Users { at, pass } => way.users(at, pass).await?,
                Phase::Unseen => way.unseen_users().await?,
                Phase::Groups { at } => way.groups(at).await?,
                Phase::UnseenGroups => way.unseen_groups().await?,
                Phase::Organizations => way.organizations(&state).await?,
                Phase::SignIns { from_ms, until_ms, page } => way.sign_ins(from_ms, until_ms, page).await?,
                Phase::Activities { done } => {
                    if way.activities(done).await? {
                        break;
                    }
                }
            }
        }
        let may_read = way.cursor.allowed.contains(&Capability::SignIns);
        let told = Told {
            profile: self.profile.clone(),
            users: way.cursor.users,
            counts: way.counts().await?,
            gaps: way.cursor.gaps,
            sign_ins_until_ms: may_read.then_some(way.cursor.now_ms),
        };
        let forgotten = self.end(&told).await?;
        Ok(Synced { tenant: self.tenant.clone(), told, is_resumed, forgotten })
    }

    async fn standing(&self) -> Result<Standing, DirectoryError> {
        let mut patience = Patience::new(self.policy, &*self.clock);
        loop {
            match standing(&self.api, self.now()).await {
                Ok(standing) => return Ok(standing),
                Err(error) => patience.wait(FeedError::Api(error), &*self.clock).await?,
            }
        }
    }

    /// Goes on with the sync that is under way, if it reads what may still be read, or begins one.
    async fn begin(&self, standing: &Standing) -> Result<(StaffSync, Cursor, bool), DirectoryError> {
        let wanted = self.rules.users;
        let users = Users::choose(wanted, standing).ok_or_else(|| DirectoryError::NoUsers {
            profile: self.profile.clone(),
            is_chosen: wanted != config::UserSource::Auto,
        })?;
        let allowed: Vec<Capability> =
            Capability::ALL.into_iter().filter(|capability| standing.allows(*capability)).collect();
        let before = self.store.staff_sync(&self.tenant)?;
        let is_young = |sync: &&StaffSync| self.clock.now_ms() - sync.started_ms < OLDEST_MS;
        if let Some(sync) = before.as_ref().filter(is_young)
            && let Some(cursor) = sync.cursor.as_deref().and_then(Cursor::read)
            && cursor.users == users
            && cursor.allowed == allowed
        {
            (self.say)("going on where the last sync stopped");
            return Ok((sync.clone(), cursor, true));
        }
        let now_ms = standing.date.map_or(self.clock.now_ms(), Timestamp::as_millisecond);
        let first = if users == Users::Access { 0 } else { 1 };
        let cursor = Cursor {
            users,
            phase: Phase::Users { at: first, pass: 1 },
            allowed,
            now_ms,
            counts: Counts::default(),
            gaps: gaps(users, standing),
        };
        let (tenant, text, now_ms) = (self.tenant.clone(), cursor.text(), self.clock.now_ms());
        let state = self.blocking(move |store| store.begin_staff(&tenant, text, now_ms)).await?;
        Ok((state, cursor, false))
    }

    /// What is known of our own credential.
    async fn own(&self, standing: &Standing) -> Result<StaffRow, DirectoryError> {
        // What it may ask is known already; this is only for people to read.
        let told = self.api.client().granted().await.unwrap_or_default();
        let member = |name: &str| {
            let told = told.as_ref()?.members.get(name)?;
            told.as_str().map(str::to_owned)
        };
        let own = Own {
            profile: self.profile.clone(),
            is_client: told.is_some(),
            who: member("user_name"),
            role: member("role"),
            scopes: told.as_ref().and_then(|told| granted(&told.members)),
            held: standing.all().to_vec(),
        };
        record(StaffKind::Credential, &self.profile, &own)
    }

    async fn end(&self, told: &Told) -> Result<u64, DirectoryError> {
        let text = serde_json::to_string(told).unwrap_or_default();
        let (tenant, now_ms) = (self.tenant.clone(), self.clock.now_ms());
        let keep_ms = i64::try_from(self.rules.keep.as_millis()).unwrap_or(i64::MAX);
        let ended = move |store: &Store| {
            store.finish_staff(&tenant, text, now_ms)?;
            store.forget_staff(now_ms.saturating_sub(keep_ms))
        };
        Ok(self.blocking(ended).await?.rows)
    }

    /// Asks until there is an answer, or no use in asking.
    pub(super) async fn ask(&self, request: Request) -> Result<serde_json::Value, DirectoryError> {
        Ok(ask_patiently(&self.api, &*self.clock, self.policy, &request).await?)
    }

    /// Does something with the store, off the threads that serve sockets.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, crate::journal::StoreError> + Send + 'static,
    ) -> Result<T, DirectoryError> {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        Ok(done.map_err(|_| DirectoryError::Stopped)??)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or_default()
    }
}

impl UnderWay<'_> {
    /// Writes rows with how far was read.
    pub async fn put(&self, rows: Vec<StaffRow>) -> Result<(), DirectoryError> {
        let (tenant, text) = (self.sync.tenant.clone(), self.cursor.text());
        let now_ms = self.sync.clock.now_ms();
        self.sync.blocking(move |store| store.put_staff(&tenant, rows, text, now_ms)).await?;
        Ok(())
    }

    /// Goes on with something else.
    pub async fn turn_to(&mut self, phase: Phase) -> Result<(), DirectoryError> {
        self.cursor.phase = phase;
        let (tenant, text) = (self.sync.tenant.clone(), self.cursor.text());
        self.sync.blocking(move |store| store.move_staff(&tenant, text)).await
    }

    /// What came of the whole sync, however often it was interrupted: the store knows.
    async fn counts(&self) -> Result<Counts, DirectoryError> {
        let (tenant, number, started_ms) = (self.sync.tenant.clone(), self.number, self.started_ms);
        let count = move |store: &Store| {
            let users = store.staff(&tenant, StaffKind::User)?;
            let there = |row: &&StaffRecord| row.gone_ms.is_none();
            let all =
                |is_it: &dyn Fn(&StaffRecord) -> bool| users.iter().filter(|row| is_it(row)).count() as u64;
            let changed = |row: &StaffRecord| row.first_ms < started_ms && row.changed_ms >= started_ms;
            Ok(Counts {
                users: users.iter().filter(there).count() as u64,
                new: all(&|row| row.first_ms >= started_ms),
                changed: all(&|row| row.gone_ms.is_none() && changed(row)),
                gone: all(&|row| row.gone_ms.is_some_and(|gone_ms| gone_ms >= started_ms)),
                groups: store.seen_staff(&tenant, StaffKind::Group, number)?,
                ..Counts::default()
            })
        };
        let Counts { users, new, changed, gone, groups, .. } = self.sync.blocking(count).await?;
        Ok(Counts { users, new, changed, gone, groups, ..self.cursor.counts })
    }

    /// Something is no longer there.
    pub async fn is_gone(&self, kind: StaffKind, id: String) -> Result<(), DirectoryError> {
        let (tenant, now_ms) = (self.sync.tenant.clone(), self.sync.clock.now_ms());
        self.sync.blocking(move |store| store.staff_is_gone(&tenant, kind, &id, now_ms)).await
    }

    /// Whether something may be asked; if not, it is noted.
    pub fn may(&self, capability: Capability) -> bool {
        self.cursor.allowed.contains(&capability)
    }
}

/// What a sync that reads users in one way will not learn.
fn gaps(users: Users, standing: &Standing) -> Vec<Gap> {
    let mut gaps = Vec::new();
    if users != Users::Access {
        for what in ["roles", "last sign-in, end of access, and who disabled somebody"] {
            let any_of = vec!["USER".to_owned()];
            gaps.push(Gap { what: what.to_owned(), why: Held::Forbidden, any_of });
        }
    }
    let others = [users.groups(), Capability::Organizations, Capability::SignIns, Capability::Activities];
    for capability in others.into_iter().filter(|capability| !standing.allows(*capability)) {
        gaps.push(Gap::of(capability, standing.of(capability)));
    }
    gaps
}

/// Something as the store takes it.
pub(super) fn record(
    kind: StaffKind,
    id: &str,
    value: &impl serde::Serialize,
) -> Result<StaffRow, DirectoryError> {
    let plain = Zeroizing::new(serde_json::to_vec(value).map_err(|_| DirectoryError::Record)?);
    Ok(StaffRow { kind, id: id.to_owned(), plain })
}
