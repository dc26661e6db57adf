//! The seal on records that wait.
//!
//! Every record has a key of its own, which is destroyed with its row. A sealed record opens only for the
//! workflow and event it came with. What an earlier release took in opens with the one key of its inbox.

use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::super::error::StoreError;
use super::super::keys::{Ring, number_of, open_with, seal_with};
use super::super::seal::{Keys, Seal};

/// Seals and opens the records of an inbox. Clone it freely.
#[derive(Debug, Clone)]
pub(in crate::journal) struct Lock {
    keys: Keys,
    ring: Ring,
    /// The one key of an earlier release, once somebody needed it.
    one: Arc<Mutex<Option<Seal>>>,
}

impl Lock {
    pub(in crate::journal) fn new(keys: Keys, ring: Ring) -> Lock {
        Lock { keys, ring, one: Arc::default() }
    }

    /// The keys of what waits.
    pub(in crate::journal) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The keys of the store that stand in files of their own.
    pub(in crate::journal) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Seals a record with a new key; gives the number of that.
    pub(super) fn seal(
        &self,
        workflow: &str,
        event: &[u8; 32],
        plain: &[u8],
    ) -> Result<(i64, Vec<u8>), StoreError> {
        let (number, key) = self.ring.new_key()?;
        Ok((number, seal_with((number, &key), &place(workflow, event), plain)?))
    }

    /// Opens a record.
    pub(super) fn open(
        &self,
        workflow: &str,
        event: &[u8; 32],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let place = place(workflow, event);
        let opened = match number_of(sealed) {
            Some(number) => {
                let key = self.ring.key(number)?;
                key.and_then(|key| open_with(&key, &place, sealed))
            }
            None => self.one()?.open(&place, sealed),
        };
        opened.ok_or(StoreError::InboxSealed)
    }

    fn one(&self) -> Result<Seal, StoreError> {
        let mut known = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(seal) => Ok(seal.clone()),
            None => Ok(known.insert(self.keys.inbox()?).clone()),
        }
    }
}

/// What a seal is bound to. The part of fixed size is first, so that no two places read alike.
fn place(workflow: &str, event: &[u8; 32]) -> Vec<u8> {
    [event.as_slice(), workflow.as_bytes()].concat()
}
