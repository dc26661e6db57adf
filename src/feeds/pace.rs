//! Looks again and again, at the pace that the trigger asks for and OneTrust allows.
//!
//! A poller that fails never holds another one up: each has its own pace. Where only a person can help it
//! says so and comes back seldom, so that given credentials are noticed without a restart.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{FeedError, Polled, Poller};
use crate::clock::Clock;

/// The longest pause after failures that may pass by themselves.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);
/// The pause after a failure that needs a person.
const PAUSE_FOR_A_PERSON: Duration = Duration::from_secs(15 * 60);

/// How a poller stands after a look.
#[derive(Debug)]
pub enum Standing {
    /// It looked.
    Fine(Polled),
    /// It could not, and looks again by itself.
    Waits {
        /// What stood in the way.
        why: FeedError,
        /// When it looks again.
        pause: Duration,
    },
    /// It cannot until a person changes what the error says.
    Stopped {
        /// What stands in the way.
        why: FeedError,
    },
}

/// Looks until told to stop, and tells after each look how it stands.
pub async fn keep_looking(
    mut poller: Poller,
    clock: &dyn Clock,
    stop: CancellationToken,
    mut heard: impl FnMut(&Poller, Standing),
) {
    let mut failures = 0_u32;
    loop {
        // A look that is cut off leaves nothing half done: what it found is in the inbox.
        let looked = tokio::select! {
            () = stop.cancelled() => return,
            looked = poller.poll_once() => looked,
        };
        failures = if looked.is_ok() { 0 } else { failures.saturating_add(1) };
        let pause = pause(&looked, poller.every(), failures, clock.steady_ms());
        heard(&poller, standing(looked, pause));
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn standing(looked: Result<Polled, FeedError>, pause: Duration) -> Standing {
    match looked {
        Ok(polled) => Standing::Fine(polled),
        Err(why) if why.needs_a_person() => Standing::Stopped { why },
        Err(why) => Standing::Waits { why, pause },
    }
}

/// How long to wait after a look; `failures` counts those in a row.
fn pause(looked: &Result<Polled, FeedError>, every: Duration, failures: u32, now_ms: i64) -> Duration {
    match looked {
        Ok(polled) if polled.is_behind => Duration::ZERO,
        Ok(_) => every,
        Err(why) if why.needs_a_person() => PAUSE_FOR_A_PERSON.max(every),
        Err(why) => {
            let doubled = every.saturating_mul(1 << failures.saturating_sub(1).min(10));
            let told = why.not_before_ms().map_or(0, |at| at.saturating_sub(now_ms).max(0).unsigned_abs());
            doubled.min(LONGEST_PAUSE.max(every)).max(Duration::from_millis(told))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onetrust::{ApiError, Period};

    fn pause_after(error: ApiError, failures: u32) -> Duration {
        pause(&Err(error.into()), Duration::from_secs(60), failures, 1_000)
    }

    fn failed() -> ApiError {
        ApiError::Failed { endpoint: "GET /x".to_owned(), status: 503 }
    }

    #[test]
    fn the_pause_doubles_with_each_failure_up_to_ten_minutes() {
        let seconds = |failures| pause_after(failed(), failures).as_secs();

        assert_eq!((seconds(1), seconds(2), seconds(3), seconds(30)), (60, 120, 240, 600));
    }

    #[test]
    fn nobody_looks_before_onetrust_allows_it() {
        let limited = ApiError::Limited { not_before_ms: 3_601_000, period: Period::Hour };

        assert_eq!(pause_after(limited, 1).as_secs(), 3600);
    }

    #[test]
    fn what_needs_a_person_is_looked_at_seldom_and_said_to_have_stopped() {
        let error = || ApiError::Forbidden { endpoint: "GET /x".to_owned() };

        assert_eq!(pause_after(error(), 1), PAUSE_FOR_A_PERSON);
        assert!(matches!(standing(Err(error().into()), Duration::ZERO), Standing::Stopped { .. }));
        assert!(matches!(standing(Err(failed().into()), Duration::ZERO), Standing::Waits { .. }));
    }

    #[test]
    fn what_is_behind_goes_on_at_once() {
        let behind = Polled { is_behind: true, ..Polled::default() };

        assert_eq!(pause(&Ok(behind), Duration::from_secs(60), 0, 0), Duration::ZERO);
    }
}
