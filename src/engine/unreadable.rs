//! Writes that were answered with 2xx and something that cannot be read: cut off, nested too deep, or a page of
//! somebody on the way.
//!
//! Whether such a write was made nobody knows, so it is repeated as any write without an answer is, where it may be.
//! But not for an hour: an answer did come, and the next one is likely to be no better. What is to blame tells who else
//! is answered. Where others are, it is something in this body: the body is halved, and whoever is left waits with the
//! reason, in their lanes, while the others go on. As nobody else may have been asked, some bodies are halved to see.
//! Where nobody is answered, and it is a page, nobody's request is to blame, and the profile is stopped. The rule that
//! keeps it right: none of that says anything of whether the write was made.

use super::again::Outcome;
use super::batches::Batch;
use super::driver::Driver;
use super::relay::parked;
use crate::job::{Ended, Event, Pause, Verdict};
use crate::reply::{Answerer, Stop};

/// How often the same write is answered so before it is left waiting, where its step does not say fewer attempts: some
/// seconds, in which a proxy that is being restarted comes back.
const MOST_UNREADABLE: u32 = 5;

/// How many bodies of a job are halved although nobody is known to be answered: the first half that is answered tells
/// that others are, and a service of which nothing can be read is not asked for everybody one by one.
const MOST_BLIND: u32 = 8;

/// Code of a request whose write was answered so.
const UNREADABLE: &str = "unreadable";

impl Driver {
    /// A write that may be repeated was answered with 2xx, and nobody can read with what.
    pub(super) fn on_unreadable(&mut self, mut batch: Batch, by: Answerer, status: u16, now_ms: i64) {
        batch.unreadable += 1;
        let number = batch.number;
        let is_last = batch.tries + 1 >= self.task.budget(batch.step).attempts;
        if batch.unreadable < MOST_UNREADABLE && !is_last {
            tracing::warn!(
                batch = number,
                "batch {number} was answered with HTTP {status}, and the answer cannot be read; it is repeated"
            );
            return self.try_again(batch, None, Outcome::Unknown, true, now_ms);
        }
        batch.may_be_made = true;
        if !is_last && batch.members.len() > 1 && self.blind_halvings < MOST_BLIND {
            self.blind_halvings += 1;
            tracing::warn!(batch = number, "batch {number} is halved to see whom such answers are about");
            let at_ms = self.clock.now_ms();
            self.resolve(&batch, 0, None, at_ms);
            return self.batches.close_halves(batch);
        }
        batch.attempt += 1;
        if by == Answerer::Other && !self.services.accepted_since(batch.service, batch.first_ms) {
            self.services.stop(batch.service, Stop::NotTheService.to_string());
            return self.batches.put_back(batch);
        }
        self.leave_unread(batch, status);
    }

    /// Leaves a batch as it is: nobody else writes to its people, and whoever goes on with the job begins with it.
    fn leave_unread(&mut self, batch: Batch, status: u16) {
        let number = batch.number;
        tracing::error!(
            batch = number,
            "batch {number} was answered with HTTP {status} again and again, and the answers cannot be read; its requests wait"
        );
        let times = if batch.unreadable == 1 { "attempt" } else { "attempts" };
        let message = format!(
            "the write was answered with HTTP {status}, and the answer cannot be read, after {} {times}: whether it was made is not known; look at what stands between here and the service, then `privaflow jobs resume {}` makes it again",
            batch.unreadable, self.task.job
        );
        let mut ended = Vec::with_capacity(batch.members.len());
        for member in &batch.members {
            let Some(live) = self.runs.take(member.slot) else { continue };
            // Whoever asks for it again has nothing new to say of it.
            if self.state.pause_of(live.about.position) != Some(Pause::Retry) {
                let step = Some(self.path_of(&live.run));
                let parked = parked(&live.about, step, UNREADABLE, message.clone());
                let accepted = self.endings.has_written(&live.run);
                ended.push(Ended { verdict: Verdict::Waiting(Pause::Retry), accepted, ..parked });
            }
            self.runs.put(member.slot, live);
        }
        if !ended.is_empty() {
            self.write(Event::Ended { ended }, None);
        }
        self.retrying.insert(number, batch);
    }
}
