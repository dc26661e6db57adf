//! What will be late, told before it is.
//!
//! The queue of a workflow is carried out by deadline, with a quarter of every window for what waits
//! longest; how fast is known from what was finished lately. A deadline that comes before its turn is told
//! in the log, and so is one that is near while its run waits for something. Told once an hour, or when it
//! gets worse.

use std::collections::{HashMap, VecDeque};

use crate::journal::{Queued, Reader, StoreError};

/// How far back the pace is looked at.
const PACE_MS: i64 = 6 * 3_600_000;

/// How long before its deadline a request is told of whose end nobody can know.
const NEAR_MS: i64 = 24 * 3_600_000;

/// How often the same is told.
const AGAIN_MS: i64 = 3_600_000;

/// Deadlines of one workflow that are looked at: the earliest.
const MOST_DEADLINES: u32 = 50_000;

/// How many requests of each workflow were finished lately.
#[derive(Debug, Default)]
pub(super) struct Pace {
    finished: HashMap<String, VecDeque<(i64, u64)>>,
}

impl Pace {
    /// Requests are over.
    pub(super) fn note(&mut self, workflow: &str, requests: u64, now_ms: i64) {
        let finished = self.finished.entry(workflow.to_owned()).or_default();
        finished.push_back((now_ms, requests));
        while finished.front().is_some_and(|(at_ms, _)| *at_ms < now_ms - PACE_MS) {
            finished.pop_front();
        }
    }

    /// How long one request takes, in milliseconds; `None` when too few were finished to know.
    fn each_ms(&self, workflow: &str, now_ms: i64) -> Option<f64> {
        let finished = self.finished.get(workflow)?;
        let lately = finished.iter().filter(|(at_ms, _)| *at_ms >= now_ms - PACE_MS);
        let (mut first_ms, mut count) = (now_ms, 0);
        for (at_ms, requests) in lately {
            first_ms = first_ms.min(*at_ms);
            count += requests;
        }
        // The first window says when counting began.
        let span_ms = now_ms.saturating_sub(first_ms);
        (count > 1 && span_ms > 0).then(|| span_ms as f64 / count as f64)
    }
}

/// Deadlines of a workflow that will be missed, or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    /// Its name.
    pub workflow: String,
    /// How many.
    pub requests: u64,
    /// How many of them are over already.
    pub overdue: u64,
    /// The first of them, in Unix milliseconds.
    pub due_ms: i64,
    /// When the last of them is expected to be carried out, in Unix milliseconds; `None` when nobody knows.
    pub expected_ms: Option<i64>,
}

/// Which of a queue's deadlines, in order, come before their turn.
fn late(workflow: &str, deadlines: &[i64], each_ms: Option<f64>, now_ms: i64) -> Option<Late> {
    let mut late: Option<Late> = None;
    for (place, due_ms) in (1_u32..).zip(deadlines) {
        // Of every four places three go by deadline.
        let expected_ms = each_ms.map(|each_ms| {
            let turn_ms = (f64::from(place) * each_ms * 4.0 / 3.0).min(1e15);
            now_ms.saturating_add(turn_ms as i64)
        });
        let is_late = match expected_ms {
            Some(expected_ms) => expected_ms > *due_ms,
            None => now_ms.saturating_add(NEAR_MS) > *due_ms,
        };
        if is_late {
            let late = late.get_or_insert_with(|| Late {
                workflow: workflow.to_owned(),
                requests: 0,
                overdue: 0,
                due_ms: *due_ms,
                expected_ms,
            });
            late.requests += 1;
            late.overdue += u64::from(*due_ms < now_ms);
            late.expected_ms = expected_ms;
        }
    }
    late
}

/// What was told of deadlines, and when.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    told: HashMap<(String, &'static str), (i64, u64)>,
}

impl Outlook {
    /// Looks at every deadline, and tells those that are in danger.
    pub(super) fn look(
        &mut self,
        reader: &Reader,
        queue: &[Queued],
        pace: &Pace,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        for queued in queue.iter().filter(|queued| queued.due_ms.is_some()) {
            let name = &queued.workflow;
            let deadlines = reader.queued_deadlines(name, MOST_DEADLINES)?;
            if let Some(late) = late(name, &deadlines, pace.each_ms(name, now_ms), now_ms) {
                self.tell(&late, "queued", now_ms);
            }
        }
        for (name, deadlines) in reader.open_deadlines(now_ms.saturating_add(NEAR_MS))? {
            if let Some(late) = late(&name, &deadlines, None, now_ms) {
                self.tell(&late, "begun", now_ms);
            }
        }
        Ok(())
    }

    fn tell(&mut self, late: &Late, which: &'static str, now_ms: i64) {
        let told = self.told.entry((late.workflow.clone(), which)).or_insert((i64::MIN, 0));
        if late.requests <= told.1 && now_ms.saturating_sub(told.0) < AGAIN_MS {
            return;
        }
        *told = (now_ms, late.requests);
        let Late { workflow, requests, overdue, due_ms, expected_ms } = late;
        let moment = |ms: i64| jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
        let due = moment(*due_ms);
        let expected = match expected_ms {
            Some(ms) => format!("at this pace the last of them is carried out at {}", moment(*ms)),
            None => "nobody knows when they are carried out".to_owned(),
        };
        tracing::warn!(
            workflow,
            requests,
            overdue,
            due,
            "deadlines are in danger: {requests} requests of workflow {workflow} that are {which} ({overdue} overdue, the first due {due}); {expected}; `privaflow runs list --due 3d` shows them"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_deadline_before_its_turn_is_late_and_one_behind_it_is_not() {
        let now = 100 * HOUR;
        // An hour each, and four turns for three by deadline.
        let each = Some(HOUR as f64);

        let none = late("w", &[now + 2 * HOUR, now + 3 * HOUR], each, now);
        let some = late("w", &[now - HOUR, now + 2 * HOUR, now + 100 * HOUR], each, now).unwrap();

        assert_eq!(none, None);
        assert_eq!((some.requests, some.overdue, some.due_ms), (2, 1, now - HOUR));
        assert_eq!(some.expected_ms, Some(now + 2 * HOUR * 4 / 3));
    }

    #[test]
    fn without_a_pace_only_what_is_near_is_told() {
        let now = 100 * HOUR;

        let told = late("w", &[now + HOUR, now + 23 * HOUR, now + 25 * HOUR], None, now).unwrap();

        assert_eq!((told.requests, told.overdue, told.expected_ms), (2, 0, None));
    }

    #[test]
    fn the_pace_is_what_was_finished_lately() {
        let mut pace = Pace::default();
        assert_eq!(pace.each_ms("w", 0), None);
        pace.note("w", 1_000_000, 0);
        (1..=10).for_each(|hour| pace.note("w", 60, PACE_MS * 2 + hour * HOUR / 10));

        let each = pace.each_ms("w", PACE_MS * 2 + HOUR).unwrap();

        assert_eq!(each, (HOUR * 9 / 10) as f64 / 600.0);
        assert_eq!(pace.each_ms("other", HOUR), None);
    }
}
