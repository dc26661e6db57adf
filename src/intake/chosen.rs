//! Some records of an input, as an input of their own.
//!
//! Its records are numbered anew, without gaps; their lines stay those of the whole. Its digest is another one
//! than that of the whole, so whoever opens the whole for a job on a part of it is refused.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::job::{Finished, JobId, Position};

/// Records of the input of a job, chosen by what became of them.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The job that carried them out.
    pub of: JobId,
    /// What became of them was written down behind this event,
    pub from_event: i64,
    /// and up to this one.
    pub to_event: i64,
    /// The records, by their place in the whole input.
    pub records: Arc<Finished>,
}

impl Chosen {
    /// The digest of the part, by that of the whole.
    pub(super) fn digest(&self, whole: &[u8; 32]) -> [u8; 32] {
        let hasher = Sha256::new().chain_update(b"chosen of ").chain_update(self.of.0.to_be_bytes());
        let hasher =
            hasher.chain_update(self.from_event.to_be_bytes()).chain_update(self.to_event.to_be_bytes());
        hasher.chain_update(whole).finalize().into()
    }

    /// Whether a record of the whole is in it.
    pub(super) fn has(&self, position: Position) -> bool {
        self.records.contains(position)
    }
}
