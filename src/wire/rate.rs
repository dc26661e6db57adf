//! The places of one limit: who holds one, until when, and when the next request is due.
//!
//! The reasons stand in `limiter`, the only user. Moments never go back here.

use std::collections::VecDeque;
use std::time::Duration;

use super::limiter::Grant;

/// A window is cut into this many slices; places become free at the end of a slice. It costs a
/// thousandth of the limit and bounds the memory of any limit to a few kilobytes.
const SLICES: u32 = 1000;

/// A place is held for this part of the window more, against what the quickest answer cannot tell:
/// that one request was counted sooner after it left than another.
const GUARD: f64 = 0.01;

/// Part of the window's requests that may leave at once after a pause. What is gained is that a
/// short job, or a caller that woke late, is not spread out; a restart in the middle of a window
/// can add no more than this.
const BURST: f64 = 0.05;

/// Part of the window's requests that is made up for when nothing could leave for a while, at most
/// [`HASTE`] times as fast as evenly. The places say that no window holds more for it.
const CATCH_UP: f64 = 0.5;

/// See [`CATCH_UP`].
const HASTE: u32 = 2;

/// The service may have counted this part of the limit that we no longer count, before we believe
/// that somebody else uses the pool: our view and its view are of different moments.
const DOUBT: f64 = 0.02;

/// The quickest answer excuses at most this part of the window, so that an error of that guess has
/// a bound.
const EXCUSE: f64 = 0.1;

/// The places of one limit.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    /// Requests in a window as configured, before `share`.
    configured: u32,
    share: f64,
    /// Requests in a window that may be used: `share` of the lower of configured and observed.
    places: u32,
    /// How long a settled request holds its place.
    span: Duration,
    slice: Duration,
    /// Left, and not yet ended.
    in_flight: u32,
    /// Requests that still hold a place by the slice in which they ended; the first is `front`.
    slices: VecDeque<u32>,
    /// Number of the first slice, counted from moment zero.
    front: u128,
    settled: u32,
    /// When the next request is due if all leave evenly; `None` before the first.
    due: Option<Duration>,
    /// When it is due in haste.
    due_in_haste: Duration,
    quickest: Quickest,
    shared: Option<Shared>,
}

/// Somebody else uses the pool: what is left of the service's current window.
#[derive(Debug, Clone, Copy)]
struct Shared {
    left: u32,
    until: Duration,
    next: Duration,
}

impl Rate {
    pub fn new(requests: u32, per: Duration, share: f64) -> Rate {
        let span = per.mul_f64(1.0 + GUARD).max(Duration::from_millis(1));
        Rate {
            configured: requests,
            share,
            places: places(requests, share),
            span,
            slice: (per / SLICES).max(Duration::from_micros(100)),
            in_flight: 0,
            slices: VecDeque::new(),
            front: 0,
            settled: 0,
            due: None,
            due_in_haste: Duration::ZERO,
            quickest: Quickest::new(span),
            shared: None,
        }
    }

    pub fn per_second(&self) -> f64 {
        f64::from(self.places) / self.span.as_secs_f64()
    }

    /// Time between two requests that leave evenly.
    fn interval(&self) -> Duration {
        self.span / self.places
    }

    /// So many requests as this part of the window's, one at least.
    fn part(&self, part: f64) -> u32 {
        // The product is far below 2^32 and not negative.
        ((f64::from(self.places) * part) as u32).max(1)
    }

    /// What another process of ours sent just before we started is unknown: at first only the part of
    /// the limit that `share` leaves free may leave at once, up to a burst. The rest is held back.
    fn held_back(&self) -> u32 {
        let free = self.configured.saturating_sub(self.places);
        self.part(CATCH_UP) - 1 - free.min(self.part(BURST) - 1)
    }

    fn held(&self) -> u32 {
        self.settled + self.in_flight
    }

    pub fn reserve(&mut self, now: Duration) -> Grant {
        if let Some(grant) = self.wait_for_others(now) {
            return grant;
        }
        if self.held() >= self.places {
            return Grant::At(self.next_free(now));
        }
        let interval = self.interval();
        let due = self.due.unwrap_or_else(|| now + interval * self.held_back());
        let evenly = due.saturating_sub(interval * (self.part(CATCH_UP) - 1));
        let in_haste = self.due_in_haste.saturating_sub(interval / HASTE * (self.part(BURST) - 1));
        if evenly.max(in_haste) > now {
            return Grant::At(evenly.max(in_haste));
        }
        self.due = Some(due.max(now) + interval);
        self.due_in_haste = self.due_in_haste.max(now) + interval / HASTE;
        self.in_flight += 1;
        if let Some(shared) = &mut self.shared {
            shared.left = shared.left.saturating_sub(1);
            shared.next = now + shared.until.saturating_sub(now) / (shared.left + 1);
        }
        Grant::Now
    }

    /// Only what others leave, spread over the rest of the window.
    fn wait_for_others(&mut self, now: Duration) -> Option<Grant> {
        let shared = self.shared?;
        if now >= shared.until {
            self.shared = None;
            return None;
        }
        if shared.left == 0 {
            return Some(Grant::At(shared.until));
        }
        (now < shared.next).then_some(Grant::At(shared.next.min(shared.until)))
    }

    pub fn settle(&mut self, left: Duration, now: Duration) {
        if self.in_flight == 0 {
            return;
        }
        self.in_flight -= 1;
        self.quickest.saw(now.saturating_sub(left), now);
        self.count(1, now);
    }

    /// So many requests ended now.
    fn count(&mut self, requests: u32, now: Duration) {
        if requests == 0 {
            return;
        }
        let slice = now.as_nanos() / self.slice.as_nanos();
        if self.slices.is_empty() {
            self.front = slice;
        }
        // Slices older than a span are gone, so the index is little more than their number.
        let index = usize::try_from(slice.saturating_sub(self.front)).unwrap_or(usize::MAX);
        let index = index.min(2 * SLICES as usize);
        if self.slices.len() <= index {
            self.slices.resize(index + 1, 0);
        }
        if let Some(count) = self.slices.get_mut(index) {
            *count += requests;
            self.settled += requests;
        }
    }

    /// This limit, where another was thought to hold until now: what held a place there holds one here.
    pub fn after(mut self, other: &Rate, now: Duration) -> Rate {
        self.in_flight = other.in_flight;
        self.quickest.remember(&other.quickest, now);
        self.count(other.settled, now);
        self
    }

    /// How long after its end a request may still be in the service's window.
    fn held_after_end(&self) -> Duration {
        self.span.saturating_sub(self.quickest.time().min(self.span.mul_f64(EXCUSE)))
    }

    /// When the places of a slice become free.
    fn frees(&self, slice: u128) -> Duration {
        let end = self.slice.as_nanos() * (slice + 1);
        Duration::from_nanos(u64::try_from(end).unwrap_or(u64::MAX)) + self.held_after_end()
    }

    /// Frees the places of every slice that lies far enough back.
    pub fn free_until(&mut self, now: Duration) {
        while !self.slices.is_empty() && self.frees(self.front) <= now {
            self.settled -= self.slices.pop_front().unwrap_or(0);
            self.front += 1;
        }
    }

    /// When the next place becomes free, as far as is known.
    fn next_free(&self, now: Duration) -> Duration {
        match self.slices.iter().position(|count| *count > 0) {
            Some(ahead) => self.frees(self.front + ahead as u128),
            // Every place is held by a request under way, and is held for a while after its end.
            None => now + self.slice.max(Duration::from_millis(1)),
        }
    }

    pub fn observe(&mut self, limit: u32, remaining: u32, reset: Option<Duration>, now: Duration) {
        if limit == 0 {
            return;
        }
        self.places = places(self.configured.min(limit), self.share);
        let used = limit.saturating_sub(remaining);
        let doubt = 1 + (f64::from(limit) * DOUBT) as u32;
        if used <= self.held().saturating_add(doubt) {
            return;
        }
        let until =
            reset.filter(|reset| *reset > now && *reset <= now + self.span * 2).unwrap_or(now + self.span);
        let left = remaining.saturating_sub(self.in_flight);
        self.shared = Some(match self.shared {
            Some(known) if known.until > now => {
                let left = left.min(known.left);
                Shared { left, until: known.until.min(until), next: known.next }
            }
            Some(_) | None => Shared { left, until, next: now + until.saturating_sub(now) / (left + 1) },
        });
    }
}

/// The share of a limit, one at least.
fn places(requests: u32, share: f64) -> u32 {
    // A little is added so that 0.8 of 3,000 is 2,400 and not one less.
    ((f64::from(requests) * share + 1e-6) as u32).max(1)
}

/// The quickest exchange of the last one to two windows.
#[derive(Debug, Clone)]
struct Quickest {
    span: Duration,
    since: Duration,
    /// Of this window first, then of the ones before it.
    windows: [Duration; REMEMBERED],
}

/// Windows over which the quickest answer is remembered. A quick answer that is forgotten too soon makes
/// slow ones look certain.
const REMEMBERED: usize = 16;

impl Quickest {
    fn new(span: Duration) -> Quickest {
        Quickest { span, since: Duration::ZERO, windows: [Duration::MAX; REMEMBERED] }
    }

    /// Takes in how long an exchange took.
    fn saw(&mut self, took: Duration, now: Duration) {
        if now >= self.since + self.span {
            self.windows.rotate_right(1);
            if let Some(current) = self.windows.first_mut() {
                *current = Duration::MAX;
            }
            self.since = now;
        }
        if let Some(current) = self.windows.first_mut() {
            *current = took.min(*current);
        }
    }

    /// Takes in what another knows.
    fn remember(&mut self, other: &Quickest, now: Duration) {
        if !other.time().is_zero() {
            self.saw(other.time(), now);
        }
    }

    /// The quickest; zero before any ended.
    fn time(&self) -> Duration {
        match self.windows.iter().min() {
            None | Some(&Duration::MAX) => Duration::ZERO,
            Some(time) => *time,
        }
    }
}
