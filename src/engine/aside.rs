//! Requests for a profile that was stopped: put aside, so that those for other profiles go on.
//!
//! They would fill the memory that is kept for open runs, and the rest of the file would not be read.
//! Nothing is written about them: they stay unfinished, and whoever goes on with the job reads them
//! again. Where other profiles of the same workspace are at work nothing is put aside, since a later
//! write to a person could then overtake an earlier one; and where a job only settles what is in the air,
//! nothing else is read. What may have been made is never put aside: it keeps its people's lanes until it is
//! answered, against this job and every other one.

use super::batches::{Batch, Member};
use super::driver::Driver;
use super::runs::Runs;
use crate::job::State;

impl Driver {
    /// Puts aside what waits to leave for profiles that were stopped, unless all were.
    pub(super) fn put_aside(&mut self) {
        if self.settles_only() || !self.services.any_stopped() || self.services.all_stopped() {
            return;
        }
        for service in self.services.stopped_alone() {
            let (runs, state) = (&self.runs, &self.state);
            let stays = |batch: &Batch| batch.is_abandoned || may_be_made(batch, runs, state);
            let mut members = self.batches.withdraw(service, stays);
            let retrying = self.retrying.extract_if(|_, batch| batch.service == service && !stays(batch));
            members.extend(retrying.flat_map(|(_, batch)| batch.members));
            self.put_members_aside(service, members);
        }
    }

    /// Whether some attempt of a call of a batch has no answer, of this process or of an earlier one, and may have
    /// been made.
    pub(super) fn may_be_made(&self, batch: &Batch) -> bool {
        may_be_made(batch, &self.runs, &self.state)
    }

    fn put_members_aside(&mut self, service: usize, members: Vec<Member>) {
        let writes = members.iter().filter(|member| member.call.action().effect.writes());
        self.leave_lanes(service, writes.map(|member| member.call.reaches()));
        for Member { slot, .. } in members {
            if let Some(live) = self.runs.take(slot) {
                self.shared.in_hand().give_back([&live.about.id.key]);
                self.aside += 1;
            }
            self.free(slot);
        }
    }
}

fn may_be_made(batch: &Batch, runs: &Runs, state: &State) -> bool {
    let mut positions = batch.members.iter().filter_map(|member| runs.position(member.slot));
    batch.may_be_made || positions.any(|position| state.may_have_been_made(position))
}
