//! What becomes of a state when a record is over, and when a process stops.

use super::{Proof, State};
use crate::job::{Position, Status, Stopped, Verdict};

impl State {
    pub(super) fn finish(&mut self, position: Position, verdict: Verdict, proof: Proof) {
        if !self.finished.insert(position) {
            return;
        }
        self.totals.add(verdict, 1);
        self.totals.prove(proof);
        self.in_the_air.land(position);
        // Most records of a bulk job leave none of these behind.
        if !self.paused.is_empty() {
            self.paused.remove(&position);
        }
        self.decisions.forget(position);
        if !self.waits.is_empty() {
            self.waits.remove(&position);
        }
        if !self.again.keep(position, verdict, proof) && !self.answers.is_empty() {
            self.answers.remove(&position);
        }
    }

    pub(super) fn stop(&mut self, stopped: &Stopped) {
        if self.status.is_some_and(Status::is_closed) && stopped.finished {
            return;
        }
        self.totals.elapsed_ms += stopped.elapsed_ms;
        self.totals.records = stopped.records.or(self.totals.records);
        // Every process reads the input from its start, so the one that read most knows most.
        for (name, count) in &stopped.unmapped {
            let known = self.totals.unmapped.entry(name.clone()).or_default();
            *known = (*known).max(*count);
        }
        if stopped.finished && self.status.is_none() {
            self.status = Some(Status::Finished);
        }
    }
}
