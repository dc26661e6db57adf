//! What requests remember of what their steps were answered, opened again to look for a person in it.
//!
//! Only what can still be opened is given: what is over was destroyed. Nothing of it is kept by whoever looks.

use zeroize::Zeroizing;

use super::Store;
use super::error::StoreError;
use crate::job::{Event, JobId, Position, StepAnswer};

impl Store {
    /// Calls `see` with every answer that requests of a job remember and that is wanted, by record and path of the
    /// step, in the order in which they came.
    pub fn each_remembered(
        &self,
        job: JobId,
        is_wanted: impl Fn(Position, &str) -> bool,
        mut see: impl FnMut(Position, Zeroizing<Vec<u8>>),
    ) -> Result<(), StoreError> {
        let (sealer, openable) = (self.sealer(job)?, self.ring().outputs(job)?);
        for recorded in self.reader().events(job) {
            let answers: Vec<StepAnswer> = match recorded?.event {
                Event::Answered(answered) => answered.steps,
                Event::Passed { steps } => steps,
                _ => continue,
            };
            for StepAnswer { position, step, output, .. } in answers {
                if output.is_empty() || !is_wanted(position, &step) || !openable.has(&output) {
                    continue;
                }
                match sealer.open(position, &step, &output) {
                    Ok(plain) => see(position, plain),
                    Err(StoreError::Sealed { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}
