//! The chain: every hash covers an entry and the hash before it.

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// Where a chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Chain {
    /// Number of the last entry; 0 before the first.
    pub seq: u64,
    /// Its hash; zeros before the first.
    pub hash: Hash,
}

impl Chain {
    /// Where it stands behind one more entry.
    #[must_use]
    pub fn with(self, entry: &[u8]) -> Chain {
        let hash = Sha256::new().chain_update(self.hash).chain_update(entry).finalize().into();
        Chain { seq: self.seq + 1, hash }
    }
}
