//! The master key of a store: what wraps the keys of requests.
//!
//! It is made of a text: that of the settings, from the environment, a file or a command, or that of the file
//! `keys/master.key`, which is made when nobody names another one. A text is used as it stands, without a
//! slow derivation, so a short one is refused.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::super::error::StoreError;
use super::super::seal::Seal;
use super::ring::Key;
use crate::secret::Secret;

/// Characters a master key must have: those of 16 random bytes in hexadecimal digits.
pub(super) const LEAST: usize = 32;

/// Set apart what is made of the same text.
const KEY: &[u8] = b"privaflow master key 1";
const PRINT: &[u8] = b"privaflow master print 1";

/// Reads a master key where the settings say it is; its error says whose it is and never what.
type Read = dyn Fn() -> Result<Secret, Box<dyn std::error::Error + Send + Sync>> + Send + Sync;

/// Where one master key is found.
#[derive(Clone)]
pub struct MasterSource {
    name: String,
    read: Arc<Read>,
}

impl MasterSource {
    /// `name` says in messages where it is: `env PRIVAFLOW_MASTER_KEY`. `read` may take as long as a command.
    pub fn new(
        name: String,
        read: impl Fn() -> Result<Secret, Box<dyn std::error::Error + Send + Sync>> + Send + Sync + 'static,
    ) -> MasterSource {
        MasterSource { name, read: Arc::new(read) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn read(&self) -> Result<Master, StoreError> {
        let secret = (self.read)().map_err(|source| StoreError::MasterUnread { source })?;
        Master::of(secret.expose()).ok_or_else(|| StoreError::MasterShort { from: self.name.clone() })
    }
}

impl fmt::Debug for MasterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterSource").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The master keys that the settings name.
#[derive(Debug, Clone, Default)]
pub struct Masters {
    /// The one to use; none: that of the file in the store.
    pub wanted: Option<MasterSource>,
    /// The one that was used before, until the keys are wrapped anew.
    pub previous: Option<MasterSource>,
}

/// Tells master keys apart, and says nothing of them.
pub(super) type Print = [u8; 8];

/// A master key. Clone it freely.
#[derive(Clone)]
pub(super) struct Master {
    seal: Seal,
    print: Print,
}

impl Master {
    /// Of a text; `None` when it is too short.
    pub(super) fn of(text: &str) -> Option<Master> {
        if text.trim().len() < LEAST {
            return None;
        }
        let derived = |domain: &[u8]| -> Zeroizing<[u8; 32]> {
            Zeroizing::new(Sha256::new().chain_update(domain).chain_update(text.trim()).finalize().into())
        };
        let print = *derived(PRINT).first_chunk()?;
        Some(Master { seal: Seal::new(&derived(KEY)), print })
    }

    pub(super) fn print(&self) -> Print {
        self.print
    }

    /// Wraps the key of a number.
    pub(super) fn wrap(&self, number: i64, key: &Key) -> Result<Vec<u8>, StoreError> {
        self.seal.close(&number.to_le_bytes(), key.bytes())
    }

    /// The key of a number; `None` when it was not wrapped with this master key for that number.
    pub(super) fn unwrap(&self, number: i64, wrapped: &[u8]) -> Option<Key> {
        let plain = self.seal.open(&number.to_le_bytes(), wrapped)?;
        Key::of(plain.as_slice())
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Master").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_only_with_the_master_key_and_the_number_it_was_wrapped_for() {
        let (one, other) = (Master::of(&"a".repeat(32)).unwrap(), Master::of(&"b".repeat(32)).unwrap());
        let key = Key::random().unwrap();

        let wrapped = one.wrap(7, &key).unwrap();

        assert_eq!(one.unwrap(7, &wrapped).unwrap().bytes(), key.bytes());
        assert!(one.unwrap(8, &wrapped).is_none() && other.unwrap(7, &wrapped).is_none());
        assert_ne!(one.print(), other.print());
        assert!(Master::of(&"a".repeat(31)).is_none() && Master::of(&" ".repeat(64)).is_none());
    }
}
