//! Asks until there is an answer, or no use in asking.

use std::time::Duration;

use super::FeedError;
use crate::clock::Clock;
use crate::onetrust::ApiError;
use crate::wire::Backoff;
use crate::workflow::Policy;

/// Asks again, as a policy says, what failed in a way that may pass; never earlier than told. A limit that is
/// used up is no attempt.
pub(super) async fn patiently<T>(
    clock: &dyn Clock,
    policy: Policy,
    mut ask: impl AsyncFnMut() -> Result<T, FeedError>,
) -> Result<T, FeedError> {
    let (began_ms, mut tries) = (clock.steady_ms(), 0_u32);
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
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
        let now_ms = clock.steady_ms();
        let until = |at_ms: i64| Duration::from_millis((at_ms - now_ms).max(0).unsigned_abs());
        let backoff = Backoff { base: policy.base, cap: policy.cap };
        // Nobody else asks at the same moment, so there is nothing to draw lots for.
        let pause = backoff.wait(tries.saturating_sub(1), u64::MAX, error.not_before_ms().map(until));
        let spent = Duration::from_millis((now_ms - began_ms).max(0).unsigned_abs());
        let is_over = tries >= policy.attempts || tries > 0 && spent + pause > policy.at_most;
        if !may_pass || is_over {
            return Err(error);
        }
        tracing::warn!("OneTrust is asked again in {pause:?}: {error}");
        tokio::time::sleep(pause).await;
    }
}
