//! Which outputs of a job's steps somebody could still open: those whose keys are there.

use std::collections::HashSet;

use super::super::error::StoreError;
use super::{Ring, number_of};
use crate::job::JobId;

/// Which outputs of a job's steps are still of use.
pub(in crate::journal) enum Outputs {
    /// None: the job needs no keys.
    None,
    /// Those that are sealed with keys of these numbers, and what an earlier release sealed with the key of the
    /// job.
    Of(HashSet<i64>),
    /// It is not known which are not.
    All,
}

impl Outputs {
    /// Whether an output is one of them.
    pub(in crate::journal) fn has(&self, output: &[u8]) -> bool {
        match self {
            Outputs::None => false,
            Outputs::Of(numbers) => number_of(output).is_none_or(|number| numbers.contains(&number)),
            Outputs::All => true,
        }
    }
}

impl Ring {
    /// Which outputs of a job that is over can be opened still. Where there is no file of keys, none counts as
    /// gone: it may only not be there yet.
    pub(in crate::journal) fn outputs(&self, job: JobId) -> Result<Outputs, StoreError> {
        Ok(self.numbers(job)?.map_or(Outputs::All, Outputs::Of))
    }
}
