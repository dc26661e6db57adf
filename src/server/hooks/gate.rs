//! One hook while the server runs: its secret, its rate, and how often its refusals are logged.
//!
//! A secret that was exchanged is noticed when somebody is refused: it is read again, but not more than
//! once a minute, as anybody can be refused as often as they like and a command may ask a person. For
//! the same reason refusals are logged only now and then, with how many there were.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;

use super::answer::Refusal;
use super::proof::{self, Unproved};
use super::rate::Rate;
use crate::config::{Auth, Hook, TokenError};
use crate::secret::Secret;

/// How long a secret is not read again after it was.
const RENEW_EVERY_MS: i64 = 60_000;
/// How long refusals for the same reason are only counted after one was logged.
const LOG_EVERY_MS: i64 = 10_000;

/// A hook and what it remembers.
#[derive(Debug)]
pub(super) struct Gate {
    pub hook: Hook,
    rate: Mutex<Rate>,
    renewed_ms: Mutex<Option<i64>>,
    logged: Mutex<HashMap<&'static str, (i64, u64)>>,
}

/// What a proof is checked against: headers alone, or the body as well.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown<'c> {
    /// Before the body is read.
    Headers(&'c HeaderMap),
    /// With the body, and the wall clock in milliseconds.
    Body(&'c HeaderMap, &'c [u8], i64),
}

impl Gate {
    pub fn new(hook: Hook) -> Gate {
        let rate = Mutex::new(Rate::new(hook.per_minute));
        Gate { hook, rate, renewed_ms: Mutex::new(None), logged: Mutex::default() }
    }

    /// Reads the secret now, so that a missing one is told before anybody calls.
    pub async fn check(&self) -> Result<(), TokenError> {
        match self.hook.auth.secret() {
            Some(secret) => secret.check().await,
            None => Ok(()),
        }
    }

    /// Whether the caller has shown who it is; `now_ms` is steady time. A secret that cannot be read is
    /// not the caller's fault.
    pub async fn prove(&self, shown: Shown<'_>, now_ms: i64) -> Result<Result<(), Unproved>, TokenError> {
        let Some(token) = self.hook.auth.secret() else { return Ok(Ok(())) };
        let (generation, secret) = token.read().await?;
        let first = self.compare(shown, &secret);
        if first != Err(Unproved::Wrong) || !self.may_renew(now_ms) {
            return Ok(first);
        }
        match token.renew(generation).await {
            Ok((renewed, secret)) if renewed != generation => Ok(self.compare(shown, &secret)),
            Ok(_) => Ok(first),
            Err(error) => {
                let hook = &self.hook.name;
                tracing::warn!(hook.name = hook, %error, "the secret of hook {hook} could not be read again");
                Ok(first)
            }
        }
    }

    fn compare(&self, shown: Shown<'_>, secret: &Secret) -> Result<(), Unproved> {
        match (shown, &self.hook.auth) {
            (Shown::Headers(headers), auth) => proof::shown(auth, headers, secret),
            (Shown::Body(headers, body, now_ms), Auth::Hmac(hmac)) => {
                proof::signed(hmac, headers, body, secret, now_ms)
            }
            (Shown::Body(..), Auth::Nobody | Auth::Bearer(_) | Auth::Header { .. } | Auth::Basic { .. }) => {
                Ok(())
            }
        }
    }

    fn may_renew(&self, now_ms: i64) -> bool {
        let mut renewed = self.renewed_ms.lock().unwrap_or_else(PoisonError::into_inner);
        let may = renewed.is_none_or(|last| now_ms.saturating_sub(last) >= RENEW_EVERY_MS);
        if may {
            *renewed = Some(now_ms);
        }
        may
    }

    /// Counts a call that showed who makes it.
    pub fn take(&self, now_ms: i64) -> Result<(), Refusal> {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        rate.take(now_ms).map_err(|after_s| Refusal::TooMany { after_s })
    }

    /// Says in the log that calls are refused, and since when how many.
    pub fn log(&self, refusal: &Refusal, why: Option<Unproved>, now_ms: i64) {
        let word = refusal.word();
        let others = {
            let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
            let (last_ms, others) = logged.entry(word).or_insert((i64::MIN, 0));
            if now_ms.saturating_sub(*last_ms) < LOG_EVERY_MS {
                *others += 1;
                return;
            }
            *last_ms = now_ms;
            std::mem::take(others)
        };
        let hook = &self.hook.name;
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        if *refusal == Refusal::NoWorkflow {
            tracing::error!(
                hook.name = hook,
                others,
                "hook {hook} was called, but no enabled workflow names it in `on.webhook`, so nothing was taken"
            );
            return;
        }
        tracing::warn!(
            hook.name = hook,
            refusal = word,
            others,
            "a call of hook {hook} was refused as {word}{why} ({others} more since the last line)"
        );
    }
}
