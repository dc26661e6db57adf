//! Identifiers of people as the journal may keep them: digests under the secret of the store.
//!
//! Whoever has the digest but not the store learns nothing from it; whoever has both can only ask
//! whether it is that of an identifier they already know.

use sha2::{Digest, Sha256};

use super::marks::Secret;

/// Sets these digests apart from marks, which are made with the same secret.
const DOMAIN: &[u8] = b"privaflow pseudonym 1";

/// Makes the digests of a store.
#[derive(Clone)]
pub struct Pseudonyms {
    secret: Secret,
}

impl Pseudonyms {
    pub(super) fn new(secret: Secret) -> Pseudonyms {
        Pseudonyms { secret }
    }

    /// What the journal keeps of an identifier, by its plain digest (`request::identifiers`).
    pub fn of(&self, identifier: u128) -> [u8; 16] {
        let hasher = Sha256::new().chain_update(DOMAIN).chain_update(self.secret.as_slice());
        let digest: [u8; 32] = hasher.chain_update(identifier.to_be_bytes()).finalize().into();
        *digest.first_chunk().unwrap_or(&[0; 16])
    }
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pseudonyms").finish_non_exhaustive()
    }
}
