//! Which windows are open and when the next one may begin. Knows no clock and no store.
//!
//! A window takes a place while its job is driven, but only for its first [`BUSY_MS`]: a run that pauses
//! for hours holds up nobody. A pause that is longer than a job stays for ([`PATIENCE`]) takes no place at
//! all: the job is left, and driven again when the pause is over. Among workflows the earliest deadline
//! comes first, and every fourth window is of the workflow that waits longest.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::job::WindowId;
use crate::journal::{Most, Queued};

/// How much one window takes at most: a job of a few seconds, so that what is urgent never waits long.
pub(super) const MOST: Most = Most { records: 2000, bytes: 8 << 20 };

/// Windows in their first moments, of all workflows and of one. A few keep every core and every limit
/// busy; what comes meanwhile goes into the next one together.
pub(super) const PLACES: usize = 8;
const PLACES_OF_ONE: usize = 4;

/// How long a window takes a place.
pub(super) const BUSY_MS: i64 = 60_000;

/// Jobs that are driven at once at most, however old: each has threads of its own.
pub(super) const MOST_DRIVEN: usize = 48;

/// How long a job stays through a pause before it is left until the pause is over.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// How long what comes first waits for more to come with it, while another window of its workflow is at
/// work; and how long when none is: of a single request no more than 200 ms may pass before its first call.
const LINGER_MS: i64 = 300;
pub(super) const SHORT_LINGER_MS: i64 = 100;

/// When something went wrong: the first and the longest time until it is tried again.
const FIRST_AGAIN_MS: i64 = 5_000;
const LAST_AGAIN_MS: i64 = 15 * 60_000;

/// One of so many windows is of the workflow that waits longest.
const FAIRNESS: u64 = 4;

/// When a window that was left is driven again. Whatever else: at once when something was written down
/// about its job, since a person decided something then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    /// At a moment in Unix milliseconds: a pause is over then.
    At(i64),
    /// After a while, which grows: a service or the store could not do it.
    Later,
    /// When a person decided.
    Person,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Driven {
        since_ms: i64,
    },
    /// Left when the newest event of its job had this number.
    Left {
        wake: Wake,
        at_ms: i64,
        event: i64,
    },
}

#[derive(Debug, Clone)]
struct Open {
    workflow: String,
    place: Place,
    /// How often in a row it could not be done.
    failures: u32,
}

/// The windows that are open.
#[derive(Debug, Default)]
pub(super) struct Board {
    open: BTreeMap<WindowId, Open>,
    /// Windows that were begun anew.
    begun: u64,
}

impl Board {
    /// A window is driven from now on.
    pub(super) fn begin(&mut self, window: WindowId, workflow: &str, now_ms: i64) {
        let place = Place::Driven { since_ms: now_ms };
        let open = Open { workflow: workflow.to_owned(), place, failures: 0 };
        self.open.entry(window).or_insert(open).place = place;
    }

    /// A window is not over, and is left until it wakes. `event` is the newest of its job.
    pub(super) fn leave(&mut self, window: WindowId, wake: Wake, event: i64, now_ms: i64) {
        let Some(open) = self.open.get_mut(&window) else { return };
        open.failures = if wake == Wake::Later { open.failures.saturating_add(1) } else { 0 };
        let after_ms = FIRST_AGAIN_MS << open.failures.saturating_sub(1).min(16);
        let at_ms = match wake {
            Wake::At(at_ms) => at_ms,
            Wake::Later => now_ms.saturating_add(after_ms.min(LAST_AGAIN_MS)),
            Wake::Person => i64::MAX,
        };
        open.place = Place::Left { wake, at_ms, event };
    }

    /// A window is over.
    pub(super) fn remove(&mut self, window: WindowId) {
        self.open.remove(&window);
    }

    /// Forgets windows that others ended; `events` has the newest event of each that is open.
    pub(super) fn agree(&mut self, events: &BTreeMap<WindowId, i64>) {
        self.open.retain(|window, open| {
            let newest = events.get(window).copied();
            if let Place::Left { at_ms, event, .. } = &mut open.place {
                if newest.is_some_and(|newest| newest > *event) {
                    *at_ms = 0;
                }
                return newest.is_some();
            }
            true
        });
    }

    /// What waits for a service is tried now.
    pub(super) fn wake_all(&mut self) {
        for open in self.open.values_mut() {
            if let Place::Left { wake: Wake::Later, at_ms, .. } = &mut open.place {
                *at_ms = 0;
            }
        }
    }

    /// Whether a window is among those that are open.
    pub(super) fn has(&self, window: WindowId) -> bool {
        self.open.contains_key(&window)
    }

    /// Windows that were left and wake now, as many as may be driven.
    pub(super) fn due(&self, now_ms: i64) -> Vec<WindowId> {
        let is_due = |open: &Open| matches!(open.place, Place::Left { at_ms, .. } if at_ms <= now_ms);
        let due = self.open.iter().filter(|(_, open)| is_due(open)).map(|(window, _)| *window);
        due.take(MOST_DRIVEN.saturating_sub(self.driven())).collect()
    }

    /// When the next window wakes, in Unix milliseconds.
    pub(super) fn next_wake_ms(&self) -> Option<i64> {
        let moments = self.open.values().filter_map(|open| match open.place {
            Place::Left { at_ms, .. } if at_ms != i64::MAX => Some(at_ms),
            Place::Left { .. } | Place::Driven { .. } => None,
        });
        moments.min()
    }

    /// The workflow of which a window begins next, if one may begin: of those in `queue` that are ready.
    pub(super) fn next<'q>(
        &self,
        queue: &'q [Queued],
        is_ready: impl Fn(&str) -> bool,
        now_ms: i64,
    ) -> Option<&'q str> {
        if self.driven() >= MOST_DRIVEN || self.busy(None, now_ms) >= PLACES {
            return None;
        }
        let may_begin = |queued: &&Queued| {
            self.is_gathered(queued, now_ms)
                && self.busy(Some(&queued.workflow), now_ms) < PLACES_OF_ONE
                && is_ready(&queued.workflow)
        };
        let ready = queue.iter().filter(may_begin);
        let by_deadline = |queued: &&Queued| (queued.due_ms.unwrap_or(i64::MAX), queued.oldest_ms);
        let chosen = match self.begun % FAIRNESS == FAIRNESS - 1 {
            true => ready.min_by_key(|queued| queued.oldest_ms),
            false => ready.min_by_key(by_deadline),
        };
        chosen.map(|queued| queued.workflow.as_str())
    }

    /// Whether what waits has waited long enough for more to come with it. What comes from ahead of our clock
    /// does not wait for that.
    pub(super) fn is_gathered(&self, queued: &Queued, now_ms: i64) -> bool {
        let waited_ms = now_ms.saturating_sub(queued.oldest_ms);
        let linger_ms = match self.busy(Some(&queued.workflow), now_ms) {
            0 => SHORT_LINGER_MS,
            _ => LINGER_MS,
        };
        queued.rows >= MOST.records as u64 || !(0..linger_ms).contains(&waited_ms)
    }

    /// A window was made.
    pub(super) fn note_begun(&mut self) {
        self.begun += 1;
    }

    fn driven(&self) -> usize {
        self.open.values().filter(|open| matches!(open.place, Place::Driven { .. })).count()
    }

    /// Windows that take a place, of one workflow or of all.
    fn busy(&self, workflow: Option<&str>, now_ms: i64) -> usize {
        let takes_a_place = |open: &&Open| match open.place {
            Place::Driven { since_ms } => now_ms.saturating_sub(since_ms) < BUSY_MS,
            Place::Left { .. } => false,
        };
        let is_of = |open: &&Open| workflow.is_none_or(|workflow| open.workflow == workflow);
        self.open.values().filter(takes_a_place).filter(is_of).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(workflow: &str, due_ms: Option<i64>, oldest_ms: i64) -> Queued {
        Queued { workflow: workflow.to_owned(), rows: 1, due_ms, oldest_ms }
    }

    #[test]
    fn the_earliest_deadline_comes_first_and_every_fourth_window_is_of_who_waits_longest() {
        let queue =
            [queued("consent", None, 0), queued("late", Some(9_000), 500), queued("soon", Some(8_000), 900)];
        let mut board = Board::default();

        let mut order = Vec::new();
        for number in 0..5 {
            order.push(board.next(&queue, |_| true, 10_000).unwrap());
            board.begin(WindowId(number), "other", 10_000);
            board.note_begun();
        }

        assert_eq!(order, ["soon", "soon", "soon", "consent", "soon"]);
        assert_eq!(board.next(&queue, |name| name == "late", 10_000), Some("late"));
        assert_eq!(board.next(&queue, |_| false, 10_000), None);
    }

    #[test]
    fn a_window_that_stays_long_or_pauses_gives_its_place_up() {
        let queue = [queued("consent", None, 0)];
        let mut board = Board::default();
        (0..PLACES_OF_ONE as i64).for_each(|number| board.begin(WindowId(number), "consent", 1_000));

        assert_eq!(board.next(&queue, |_| true, 2_000), None);
        assert_eq!(board.next(&queue, |_| true, 1_000 + BUSY_MS), Some("consent"));
        board.leave(WindowId(0), Wake::At(900_000), 7, 2_000);
        assert_eq!(board.next(&queue, |_| true, 2_000), Some("consent"));
        assert_eq!((board.due(899_999), board.due(900_000)), (vec![], vec![WindowId(0)]));
        assert_eq!((board.next_wake_ms(), board.driven()), (Some(900_000), 3));
    }

    #[test]
    fn what_comes_first_waits_a_moment_for_more_but_a_full_window_does_not() {
        let mut board = Board::default();
        let full = Queued { rows: MOST.records as u64, ..queued("consent", None, 1_000) };

        for linger_ms in [SHORT_LINGER_MS, LINGER_MS] {
            let came = [queued("consent", None, 1_000)];
            assert_eq!(board.next(&came, |_| true, 1_000 + linger_ms - 1), None);
            assert!(board.next(&came, |_| true, 1_000 + linger_ms).is_some());
            board.begin(WindowId(1), "consent", 0);
        }
        assert!(
            board.next(&[queued("consent", None, 9_000)], |_| true, 1_000).is_some(),
            "a clock was set back"
        );
        assert!(board.next(&[full], |_| true, 1_000).is_some());
    }

    #[test]
    fn what_cannot_be_done_is_tried_again_less_and_less_often_and_a_decision_wakes_at_once() {
        let mut board = Board::default();
        board.begin(WindowId(1), "consent", 0);
        board.begin(WindowId(2), "consent", 0);
        let mut waited = Vec::new();
        for _ in 0..10 {
            board.leave(WindowId(1), Wake::Later, 1, 0);
            waited.push(board.next_wake_ms().unwrap());
        }
        board.leave(WindowId(2), Wake::Person, 5, 0);

        assert_eq!(&waited[..3], [5_000, 10_000, 20_000]);
        assert_eq!(waited[9], LAST_AGAIN_MS);
        assert_eq!(board.due(i64::MAX - 1), [WindowId(1)]);
        board.agree(&BTreeMap::from([(WindowId(1), 1), (WindowId(2), 6)]));
        assert_eq!(board.due(0), [WindowId(2)]);
        board.wake_all();
        assert_eq!(board.due(0), [WindowId(1), WindowId(2)]);
        board.agree(&BTreeMap::from([(WindowId(2), 6)]));
        assert!(!board.has(WindowId(1)) && board.has(WindowId(2)));
    }
}
