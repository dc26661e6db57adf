//! When the next message goes out: a window after the first news, so many an hour, and later each time
//! the channel does not take it.
//!
//! It holds no clock; moments are Unix milliseconds.

use std::collections::VecDeque;
use std::time::Duration;

const HOUR_MS: i64 = 3_600_000;
/// The first and the longest pause after a message was not taken.
const FIRST_PAUSE_MS: i64 = 5_000;
const LAST_PAUSE_MS: i64 = 15 * 60_000;

/// The pace of one channel.
#[derive(Debug)]
pub(super) struct Pace {
    window_ms: i64,
    per_hour: usize,
    first_ms: Option<i64>,
    sent_ms: VecDeque<i64>,
    failures: u32,
    not_before_ms: i64,
}

impl Pace {
    pub fn new(window: Duration, per_hour: u32) -> Pace {
        Pace {
            window_ms: i64::try_from(window.as_millis()).unwrap_or(HOUR_MS),
            per_hour: usize::try_from(per_hour).unwrap_or(usize::MAX).max(1),
            first_ms: None,
            sent_ms: VecDeque::new(),
            failures: 0,
            not_before_ms: i64::MIN,
        }
    }

    /// Whether there are news at a moment; the window begins with the first.
    pub fn has_news(&mut self, has: bool, now_ms: i64) {
        self.first_ms = if has { self.first_ms.or(Some(now_ms)) } else { None };
    }

    /// When the next message may go out; `None` without news.
    pub fn next_ms(&self) -> Option<i64> {
        let window_ends = self.first_ms?.saturating_add(self.window_ms);
        let hour_ends = match self.sent_ms.len() < self.per_hour {
            true => i64::MIN,
            false => self.sent_ms.front().map_or(i64::MIN, |first| first.saturating_add(HOUR_MS)),
        };
        Some(window_ends.max(hour_ends).max(self.not_before_ms))
    }

    /// A message was taken.
    pub fn sent(&mut self, now_ms: i64) {
        self.first_ms = None;
        self.failures = 0;
        self.not_before_ms = i64::MIN;
        self.sent_ms.push_back(now_ms);
        while self.sent_ms.len() > self.per_hour {
            self.sent_ms.pop_front();
        }
    }

    /// A message was not taken; the channel may have said after how long to come again.
    pub fn failed(&mut self, now_ms: i64, after: Option<Duration>) {
        let pause = FIRST_PAUSE_MS.saturating_mul(1 << self.failures.min(16)).min(LAST_PAUSE_MS);
        let after = after.map_or(0, |after| i64::try_from(after.as_millis()).unwrap_or(HOUR_MS));
        self.failures += 1;
        self.not_before_ms = now_ms.saturating_add(pause.max(after.min(HOUR_MS)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    #[test]
    fn news_of_a_window_go_out_together_and_so_many_messages_an_hour() {
        let mut pace = Pace::new(Duration::from_secs(60), 2);
        let mut sent = Vec::new();
        for minute in 0..130 {
            let now = minute * MINUTE_MS;
            pace.has_news(true, now);
            if pace.next_ms().is_some_and(|next| next <= now) {
                pace.sent(now);
                sent.push(minute);
            }
        }

        assert_eq!(sent, [1, 3, 61, 63, 121, 123]);
    }

    #[test]
    fn a_dead_channel_is_asked_less_and_less_and_as_seldom_as_it_says() {
        let mut pace = Pace::new(Duration::ZERO, 100);
        pace.has_news(true, 0);
        let mut pauses = Vec::new();
        for _ in 0..10 {
            pace.failed(0, None);
            pauses.push(pace.next_ms().unwrap() / 1000);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);

        pace.failed(0, Some(Duration::from_secs(1800)));
        assert_eq!(pace.next_ms(), Some(1_800_000));
        pace.sent(2_000_000);
        pace.has_news(true, 2_000_000);
        assert_eq!(pace.next_ms(), Some(2_000_000));
    }
}
