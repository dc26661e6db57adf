//! What users did: sign-ins, folded to counts and last times, and changes of their profiles.
//!
//! Sign-ins are read in windows that never overlap, each page once: its counts are written with the cursor. Where
//! somebody signed in from is not kept. Changes are read of those only whose record changed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ask::{self, ACTIVITIES, MOST, SIGN_INS};
use super::capability::Capability;
use super::cursor::{Phase, Told};
use super::error::DirectoryError;
use super::read::{ChangesOf, OfUser};
use super::sync::{UnderWay, record};
use super::users::{is_not_found, paged};
use crate::journal::{StaffKind, StaffRecord, Store};
use crate::onetrust::staff::{Activity, SignIn, User};

/// Days of sign-ins that are asked for at once, so that no answer is very long.
const WINDOW: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// A day less than OneTrust tells, so that no clock makes it refuse.
const LONGEST: Duration = Duration::from_secs(364 * 24 * 60 * 60);
/// Changes that are kept of one profile, the newest.
const MOST_ACTIVITIES: usize = 100;

/// When and how often somebody signed in, as far as was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SignIns {
    /// The last time they came in, as RFC 3339.
    pub last_success: Option<String>,
    /// The last time they did not.
    pub last_failure: Option<String>,
    /// How often they came in.
    pub successes: u64,
    /// How often they did not.
    pub failures: u64,
}

impl SignIns {
    fn add(&mut self, sign_in: &SignIn) {
        let (count, last) = if sign_in.success {
            (&mut self.successes, &mut self.last_success)
        } else {
            (&mut self.failures, &mut self.last_failure)
        };
        *count += 1;
        let was = last.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
        if was.is_none_or(|was| sign_in.moment().is_some_and(|at| at > was)) {
            *last = Some(sign_in.at.clone());
        }
    }
}

impl UnderWay<'_> {
    /// Where reading of sign-ins begins: where the last sync ended.
    pub(super) fn first_sign_ins(&self, told: &str) -> Phase {
        if !self.may(Capability::SignIns) {
            return Phase::Activities { done: 0 };
        }
        let now_ms = self.cursor.now_ms;
        let before = |duration: Duration| {
            now_ms.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
        };
        let told: Option<Told> = serde_json::from_str(told).ok();
        let since_ms = told.and_then(|told| told.sign_ins_until_ms);
        let from_ms = since_ms.unwrap_or_else(|| before(self.sync.rules.sign_ins)).max(before(LONGEST));
        Phase::SignIns { from_ms, until_ms: self.window(from_ms), page: 0 }
    }

    /// Where a window ends that begins at a moment.
    fn window(&self, from_ms: i64) -> i64 {
        let length_ms = i64::try_from(WINDOW.as_millis()).unwrap_or(i64::MAX);
        // Questions are in whole seconds, so every window ends on one.
        let now_ms = self.cursor.now_ms - self.cursor.now_ms.rem_euclid(1000);
        from_ms.saturating_add(length_ms).min(now_ms)
    }

    /// Reads one page of a window.
    pub async fn sign_ins(&mut self, from_ms: i64, until_ms: i64, page: u64) -> Result<(), DirectoryError> {
        if until_ms <= from_ms {
            return self.turn_to(Phase::Activities { done: 0 }).await;
        }
        let sync = self.sync;
        let moment = |at_ms: i64| Timestamp::from_millisecond(at_ms).unwrap_or_default();
        let (from, until) = (moment(from_ms), moment(until_ms));
        let answer = sync.ask(ask::sign_ins(from, until, page, MOST)).await?;
        let listed = paged(answer, page, SIGN_INS)?;
        let mut by_user: BTreeMap<String, Vec<SignIn>> = BTreeMap::new();
        for sign_in in listed.items.iter().filter_map(SignIn::read) {
            // The end of the window before is not counted twice.
            let is_within = sign_in.moment().is_some_and(|at| from < at && at <= until);
            if let (true, Some(user)) = (is_within, sign_in.user_id.clone()) {
                by_user.entry(user).or_default().push(sign_in);
            }
        }
        let known = self.known_sign_ins(by_user.keys().cloned().collect()).await?;
        let mut rows = Vec::with_capacity(known.len());
        for mut of_user in known {
            let list = by_user.remove(&of_user.user).unwrap_or_default();
            list.iter().for_each(|sign_in| of_user.sign_ins.add(sign_in));
            self.cursor.counts.sign_ins += list.len() as u64;
            rows.push(record(StaffKind::SignIns, &of_user.user, &of_user)?);
        }
        self.cursor.phase = match listed.next {
            Some(page) => Phase::SignIns { from_ms, until_ms, page },
            None => Phase::SignIns { from_ms: until_ms, until_ms: self.window(until_ms), page: 0 },
        };
        self.put(rows).await?;
        (sync.say)(&format!("{} sign-ins", self.cursor.counts.sign_ins));
        Ok(())
    }

    /// What is known of the sign-ins of users. Of whom nothing else is known nothing is kept.
    async fn known_sign_ins(&self, users: Vec<String>) -> Result<Vec<OfUser>, DirectoryError> {
        let tenant = self.sync.tenant.clone();
        let read = move |store: &Store| {
            let mut known = Vec::with_capacity(users.len());
            for user in users {
                if store.staff_record(&tenant, StaffKind::User, &user)?.is_some() {
                    let row = store.staff_record(&tenant, StaffKind::SignIns, &user)?;
                    known.push((user, row));
                }
            }
            Ok(known)
        };
        let known = self.sync.blocking(read).await?.into_iter();
        let of_user = |(user, row): (String, Option<StaffRecord>)| match row {
            None => Ok(OfUser { user, sign_ins: SignIns::default() }),
            Some(row) => serde_json::from_slice(&row.plain).map_err(|_| DirectoryError::Record),
        };
        known.map(of_user).collect()
    }

    /// Reads what was changed of users whose record changed since the sync before; true when all is read. At the
    /// first sync everybody is new, and what was changed of one user can be asked for at any time.
    pub async fn activities(&mut self, done: u64) -> Result<bool, DirectoryError> {
        let sync = self.sync;
        if self.number == 1 || !self.may(Capability::Activities) {
            return Ok(true);
        }
        let rows = sync.store.staff(&sync.tenant, StaffKind::User)?;
        let is_meant = |changed_ms: i64, gone: Option<i64>| changed_ms >= self.started_ms && gone.is_none();
        let mut ids = Vec::new();
        for row in rows.into_iter().filter(|row| is_meant(row.changed_ms, row.gone_ms)) {
            let user: User = serde_json::from_slice(&row.plain).map_err(|_| DirectoryError::Record)?;
            ids.push(user.id);
        }
        ids.sort();
        for id in ids.iter().skip(usize::try_from(done).unwrap_or(usize::MAX)) {
            let rows = match sync.ask(ask::activities(id, 0, MOST_ACTIVITIES)).await {
                Ok(answer) => {
                    let listed = paged(answer, 0, ACTIVITIES)?;
                    let changes: Vec<Activity> = listed.items.iter().filter_map(Activity::read).collect();
                    vec![record(StaffKind::Activities, id, &ChangesOf { user: id.clone(), changes })?]
                }
                // They went meanwhile.
                Err(error) if is_not_found(&error) => Vec::new(),
                Err(error) => return Err(error),
            };
            self.cursor.counts.activities += rows.len() as u64;
            let Phase::Activities { done } = self.cursor.phase else { return Ok(true) };
            self.cursor.phase = Phase::Activities { done: done + 1 };
            self.put(rows).await?;
        }
        Ok(true)
    }
}
