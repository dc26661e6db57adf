//! What a rendering needs beside its scope, without a clock and without randomness.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// The seed of one run. Rendering the same run again, in the same order, gives the same.
#[derive(Debug, Default)]
pub struct Extra {
    seed: [u8; 16],
    made: AtomicU64,
}

impl Extra {
    /// Nothing is made yet. The seed must be the same whenever the same run is carried out again.
    pub fn new(seed: [u8; 16]) -> Extra {
        Extra { seed, made: AtomicU64::new(0) }
    }

    /// The next identifier of the run: version 5, of the seed and the count.
    pub(crate) fn next_uuid(&self) -> Uuid {
        let count = self.made.fetch_add(1, Ordering::Relaxed);
        Uuid::new_v5(&Uuid::from_bytes(self.seed), &count.to_be_bytes())
    }
}
