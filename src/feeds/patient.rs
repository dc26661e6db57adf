//! Asks until there is an answer, or no use in asking.

use std::time::Duration;

use serde_json::Value;

use super::FeedError;
use crate::clock::Clock;
use crate::onetrust::{Api, ApiError, Request};
use crate::wire::Backoff;
use crate::workflow::Policy;

/// Asks again, as a policy says, what failed in a way that may pass; never earlier than told. A limit that is
/// used up is no attempt.
pub(super) async fn patiently<T>(
    clock: &dyn Clock,
    policy: Policy,
    mut ask: impl AsyncFnMut() -> Result<T, FeedError>,
) -> Result<T, FeedError> {
    let mut patience = Patience::new(policy, clock);
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => patience.wait(error, clock).await?,
        }
    }
}

/// Makes one request in that way. What it reads may be read twice.
pub async fn ask_patiently(
    api: &Api,
    clock: &dyn Clock,
    policy: Policy,
    request: &Request,
) -> Result<Value, FeedError> {
    let mut patience = Patience::new(policy, clock);
    loop {
        match api.call(request.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => patience.wait(FeedError::Api(error), clock).await?,
        }
    }
}

/// How long something was tried.
#[derive(Debug)]
pub struct Patience {
    policy: Policy,
    began_ms: i64,
    tries: u32,
}

impl Patience {
    /// Begins now.
    pub fn new(policy: Policy, clock: &dyn Clock) -> Patience {
        Patience { policy, began_ms: clock.steady_ms(), tries: 0 }
    }

    /// Waits until it may be tried again; gives the error back when that is no use.
    pub async fn wait(&mut self, error: FeedError, clock: &dyn Clock) -> Result<(), FeedError> {
        let may_pass = match &error {
            FeedError::Api(ApiError::Limited { .. }) => true,
            FeedError::Api(ApiError::Refused { .. } | ApiError::Unwritable { .. }) => false,
            FeedError::Api(_) => {
                self.tries += 1;
                !error.needs_a_person()
            }
            _ => false,
        };
        let now_ms = clock.steady_ms();
        let until = |at_ms: i64| Duration::from_millis((at_ms - now_ms).max(0).unsigned_abs());
        let backoff = Backoff { base: self.policy.base, cap: self.policy.cap };
        // Nobody else asks at the same moment, so there is nothing to draw lots for.
        let pause = backoff.wait(self.tries.saturating_sub(1), u64::MAX, error.not_before_ms().map(until));
        let spent = Duration::from_millis((now_ms - self.began_ms).max(0).unsigned_abs());
        let is_over =
            self.tries >= self.policy.attempts || self.tries > 0 && spent + pause > self.policy.at_most;
        if !may_pass || is_over {
            return Err(error);
        }
        tracing::warn!("OneTrust is asked again in {pause:?}: {error}");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
