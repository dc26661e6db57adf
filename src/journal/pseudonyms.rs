//! Identifiers of people as the journal may keep them: digests under the secret of the store.
//!
//! Whoever has the digest but not the store learns nothing from it; whoever has both can only ask
//! whether it is that of an identifier they already know.

use sha2::{Digest, Sha256};

use crate::ledger::{Digests, to_hex};

use super::marks::Secret;

/// Sets these digests apart from marks, which are made with the same secret.
const DOMAIN: &[u8] = b"privaflow pseudonym 1";
/// The same for requests.
const REQUESTS: &[u8] = b"privaflow request 1";

/// Makes the digests of a store.
#[derive(Clone)]
pub struct Pseudonyms {
    secret: Secret,
}

impl Pseudonyms {
    pub(super) fn new(secret: Secret) -> Pseudonyms {
        Pseudonyms { secret }
    }

    /// What the ledger calls a request, by the digest of its workflow's name and id.
    pub fn of_request(&self, key: &[u8; 16]) -> [u8; 16] {
        let hasher = Sha256::new().chain_update(REQUESTS).chain_update(self.secret.as_slice());
        let digest: [u8; 32] = hasher.chain_update(key).finalize().into();
        *digest.first_chunk().unwrap_or(&[0; 16])
    }

    /// What the journal keeps of an identifier, by its plain digest (`request::identifiers`).
    pub fn of(&self, identifier: u128) -> [u8; 16] {
        let hasher = Sha256::new().chain_update(DOMAIN).chain_update(self.secret.as_slice());
        let digest: [u8; 32] = hasher.chain_update(identifier.to_be_bytes()).finalize().into();
        *digest.first_chunk().unwrap_or(&[0; 16])
    }
}

impl Digests for Pseudonyms {
    fn request(&self, key: &[u8; 16]) -> String {
        to_hex(&self.of_request(key))
    }

    fn subject(&self, identifier: u128) -> String {
        to_hex(&self.of(identifier))
    }
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pseudonyms").finish_non_exhaustive()
    }
}
