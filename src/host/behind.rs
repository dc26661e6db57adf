//! Waiting behind another job: nothing newer leaves for its people before it is done with them.
//!
//! A job that has waited as long as it may, or behind somebody who does not move, ends with those requests waiting.
//! Who asked for it is told which job that is and what helps. While somebody decides about that job nobody knows yet
//! whether it still holds anybody up: that is waited for, and then asked anew.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use super::command::Talk;
use super::error::{HostError, StillInTheAir, Unanswered};
use super::owner::Host;
use crate::job::JobId;

impl Host {
    /// Whether a job that ended behind these is worth another try: somebody decided about one of them, or one holds
    /// nobody up any more.
    pub(super) async fn makes_way(&self, behind: &BTreeSet<JobId>, stop: &CancellationToken) -> bool {
        let mut makes_way = false;
        for job in behind.iter().copied() {
            if self.is_decided_about(job) {
                tokio::select! {
                    () = self.decided(job) => makes_way = true,
                    () = stop.cancelled() => return false,
                }
            }
            makes_way |= !self.shared().is_at_work(job) && !self.shared().has_left(job);
        }
        makes_way
    }

    /// Says why requests of a job wait that ended: `left` are others that have no answer, and `behind` those that have
    /// its people's lanes.
    pub(super) fn say_behind(&self, left: &[HostError], behind: &BTreeSet<JobId>, talk: &Talk) {
        left.iter().for_each(|left| talk.say(left.to_string()));
        let is_said = |job: JobId| {
            left.iter().any(|left| matches!(left, HostError::InTheAir { job: other, .. } if *other == job))
        };
        for job in behind.iter().copied().filter(|job| !is_said(*job)) {
            talk.say(match self.shared().is_at_work(job) {
                true => at_work(job),
                false => {
                    let why = StillInTheAir::Left(Unanswered::NoAnswer);
                    HostError::InTheAir { job, why }.to_string()
                }
            });
        }
    }
}

fn at_work(job: JobId) -> String {
    format!(
        "{job} is at work for the same people, and until it is done with them nothing newer may leave for them: \
         `privaflow jobs resume {job}` waits longer for it; then run the same command again, or give {job} up with \
         `privaflow jobs cancel {job}`"
    )
}
