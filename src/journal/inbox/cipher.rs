//! The seal on records that wait, and the one place that knows their key.
//!
//! One random key for the inbox of a store, in a file beside the keys of jobs, outside the database and
//! what is backed up with it. A sealed record opens only for the workflow and event it came with.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::super::error::StoreError;
use super::super::seal::{Keys, Seal};

/// Seals and opens the records of an inbox. Clone it freely.
#[derive(Clone)]
pub(in crate::journal) struct Cipher {
    seal: Seal,
}

impl Cipher {
    pub(super) fn seal(&self, workflow: &str, key: &[u8; 32], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.seal.close(&place(workflow, key), plain)
    }

    pub(super) fn open(
        &self,
        workflow: &str,
        key: &[u8; 32],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.seal.open(&place(workflow, key), sealed).ok_or(StoreError::InboxSealed)
    }
}

/// What a seal is bound to. The part of fixed size is first, so that no two places read alike.
fn place(workflow: &str, key: &[u8; 32]) -> Vec<u8> {
    [key.as_slice(), workflow.as_bytes()].concat()
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher").finish_non_exhaustive()
    }
}

/// Has the cipher once somebody needed it. Clone it freely.
#[derive(Debug, Clone)]
pub(in crate::journal) struct Lock {
    keys: Keys,
    cipher: Arc<Mutex<Option<Cipher>>>,
}

impl Lock {
    pub(in crate::journal) fn new(keys: Keys) -> Lock {
        Lock { keys, cipher: Arc::default() }
    }

    /// The keys of the store.
    pub(in crate::journal) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The cipher, of a key that is made now if there is none.
    pub(super) fn made(&self) -> Result<Cipher, StoreError> {
        self.cipher_of(Keys::inbox_or_new)
    }

    /// The cipher, of a key that must be there.
    pub(super) fn known(&self) -> Result<Cipher, StoreError> {
        self.cipher_of(Keys::inbox)
    }

    fn cipher_of(&self, find: fn(&Keys) -> Result<Seal, StoreError>) -> Result<Cipher, StoreError> {
        let mut known = self.cipher.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(cipher) => Ok(cipher.clone()),
            None => Ok(known.insert(Cipher { seal: find(&self.keys)? }).clone()),
        }
    }
}
