//! Seals and opens what the unfinished requests of one job must remember.
//!
//! What is sealed opens only for the job, record and step it was sealed for. What an earlier release sealed
//! with the one key of its job opens as long as that is there.

use std::fmt;

use zeroize::Zeroizing;

use super::super::error::StoreError;
use super::super::seal::Seal;
use super::{Ring, number_of, open_with, seal_with};
use crate::job::{JobId, Position};

/// Seals and opens for one job. Clone it freely.
#[derive(Clone)]
pub struct Sealer {
    job: JobId,
    ring: Ring,
    /// The key of the job, as an earlier release made it.
    of_job: Option<Seal>,
}

impl Sealer {
    pub(in crate::journal) fn new(job: JobId, ring: Ring, of_job: Option<Seal>) -> Sealer {
        Sealer { job, ring, of_job }
    }

    /// Seals what a step of a record answered.
    pub fn seal(&self, position: Position, step: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (number, key) = self.ring.key_of(self.job, position)?;
        seal_with((number, &key), &self.place(position, step), plain)
    }

    /// The same with a new key, which outlives the request.
    pub(in crate::journal) fn seal_anew(
        &self,
        position: Position,
        step: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let (number, key) = self.ring.lasting_key(self.job, position)?;
        seal_with((number, &key), &self.place(position, step), plain)
    }

    /// Opens what [`Sealer::seal`] made for the same job, record and step.
    pub fn open(
        &self,
        position: Position,
        step: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let place = self.place(position, step);
        let opened = match number_of(sealed) {
            Some(number) => {
                let key = self.ring.known(self.job, position, number)?;
                key.and_then(|key| open_with(&key, &place, sealed))
            }
            None => self.of_job.as_ref().and_then(|seal| seal.open(&place, sealed)),
        };
        opened.ok_or(StoreError::Sealed { job: self.job })
    }

    /// Keeps what requests remember beyond their end, until the job is over: calls of theirs are still in the
    /// air.
    pub fn keep_all(&self) -> Result<(), StoreError> {
        self.ring.keep_all(self.job)
    }

    /// What the seal is bound to: numbers of fixed size, so that no two places read alike.
    fn place(&self, position: Position, step: &str) -> Vec<u8> {
        [&self.job.0.to_le_bytes(), position.to_le_bytes().as_slice(), step.as_bytes()].concat()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("job", &self.job).finish_non_exhaustive()
    }
}
