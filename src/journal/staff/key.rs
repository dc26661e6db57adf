//! The key that seals what is kept of staff, and which one counts.
//!
//! The database says the number of the one that counts, in the transaction that sealed with it. One that does not
//! count is left over from a crash, and is destroyed as those of requests are.

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::super::error::{Doing, StoreError};
use super::super::keys::{Key, Ring, open_with, seal_with};
use super::super::marks;
use super::StaffKind;

/// The note that says which key counts.
const NOTE: &str = "staff_key";

/// Seals and opens records, and makes the digests that stand beside them.
#[derive(Clone)]
pub(super) struct Lock {
    number: i64,
    key: Key,
    secret: marks::Secret,
}

impl Lock {
    /// The lock whose key counts; `None` when nothing was ever sealed. A key that is gone is an error.
    pub(super) fn known(connection: &Connection, ring: &Ring) -> Result<Option<Lock>, StoreError> {
        let Some(number) = number(connection)? else { return Ok(None) };
        let key = ring.key(number)?.ok_or(StoreError::StaffKey)?;
        Ok(Some(Lock { number, key, secret: marks::secret(connection)? }))
    }

    /// A new lock, whose key is on the disk. It counts once the caller commits; the one before is then over.
    pub(super) fn next(connection: &Connection, ring: &Ring, last_event: i64) -> Result<Lock, StoreError> {
        let (number, key) = ring.new_key()?;
        if ring.write(last_event)? {
            ring.note_identity(connection)?;
        }
        let sql = "INSERT OR REPLACE INTO notes (name, value) VALUES (?1, ?2)";
        connection.execute(sql, (NOTE, number.to_string())).doing("write which key counts")?;
        Ok(Lock { number, key, secret: marks::secret(connection)? })
    }

    /// Nothing is sealed any more, so no key counts.
    pub(super) fn none(connection: &Connection) -> Result<(), StoreError> {
        connection.execute("DELETE FROM notes WHERE name = ?1", [NOTE]).doing("write which key counts")?;
        Ok(())
    }

    pub(super) fn close(&self, tenant: &str, kind: StaffKind, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        seal_with((self.number, &self.key), &place(tenant, kind), plain)
    }

    pub(super) fn open(
        &self,
        tenant: &str,
        kind: StaffKind,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        open_with(&self.key, &place(tenant, kind), sealed).ok_or(StoreError::StaffKey)
    }

    /// What stands for OneTrust's id.
    pub(super) fn id(&self, tenant: &str, id: &str) -> [u8; 16] {
        self.digest(b"privaflow staff id 1", tenant, id.as_bytes())
    }

    /// What tells one record from another.
    pub(super) fn content(&self, tenant: &str, plain: &[u8]) -> [u8; 16] {
        self.digest(b"privaflow staff record 1", tenant, plain)
    }

    fn digest(&self, domain: &[u8], tenant: &str, bytes: &[u8]) -> [u8; 16] {
        let tenant_bytes = (tenant.len() as u64).to_le_bytes();
        let hasher = Sha256::new().chain_update(domain).chain_update(self.secret.as_slice());
        let hasher = hasher.chain_update(tenant_bytes).chain_update(tenant).chain_update(bytes);
        let digest: [u8; 32] = hasher.finalize().into();
        *digest.first_chunk().unwrap_or(&[0; 16])
    }
}

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

/// What a seal is bound to; the part of fixed size is first.
fn place(tenant: &str, kind: StaffKind) -> Vec<u8> {
    [b"staff".as_slice(), &[kind.number()], tenant.as_bytes()].concat()
}

/// The number of the key that counts.
pub(in crate::journal) fn number(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT value FROM notes WHERE name = ?1";
    let found: Option<String> =
        connection.query_row(sql, [NOTE], |row| row.get(0)).optional().doing("read which key counts")?;
    match found {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(StoreError::Damaged { what: "the number of a key is no number" }),
        },
    }
}
