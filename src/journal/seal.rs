//! The seal on what must not be read, and the keys that stand in files of their own.
//!
//! A sealed value opens only for the place it was sealed for. The keys of requests are the work of `keys`;
//! here are the one that signs the ledger and those of earlier releases, one a job and one for what came in,
//! which open until their jobs are over and are never made again.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::job::JobId;
use crate::ledger::Signer;

use super::directory::{file, hand_over, sync};
use super::error::StoreError;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// First byte of what is sealed: XChaCha20-Poly1305, nonce, then ciphertext with its tag.
const FORMAT: u8 = 1;

/// Seals with one key. Clone it freely.
#[derive(Clone)]
pub(super) struct Seal {
    cipher: Arc<XChaCha20Poly1305>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").finish_non_exhaustive()
    }
}

impl Seal {
    /// With a key that is random or derived of one.
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Seal {
        Seal { cipher: Arc::new(XChaCha20Poly1305::new(&Key::from(*key))) }
    }

    /// Seals a text for a place; fails when the system gives no random numbers.
    pub(super) fn close(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(StoreError::Random)?;
        let payload = Payload { msg: plain, aad: place };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        // It refuses only texts of hundreds of gigabytes.
        let sealed = sealed.map_err(|_| StoreError::Damaged { what: "a text is too long to be sealed" })?;
        Ok([&[FORMAT], nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for the same place with the same key; `None` when it was not.
    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (&FORMAT, rest) = sealed.split_first()? else { return None };
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: place };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }
}

/// The directory with the keys.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    path: PathBuf,
}

impl Keys {
    pub(super) fn new(path: PathBuf) -> Keys {
        Keys { path }
    }

    /// The key of what came in.
    pub(super) fn inbox(&self) -> Result<Seal, StoreError> {
        let path = self.path.join("inbox.key");
        read(&path)?.ok_or(StoreError::InboxKey { path })
    }

    /// Destroys the key of what came in: nothing is sealed with it any more.
    pub(super) fn destroy_inbox(&self) -> Result<(), StoreError> {
        destroy(&self.path.join("inbox.key"))
    }

    /// The key that signs the ledger; it is made and brought to the disk if there is none.
    pub(super) fn ledger_or_new(&self) -> Result<Signer, StoreError> {
        let path = self.path.join("ledger.key");
        // An earlier release could be killed between making the file and filling it.
        if !fs::metadata(&path).is_ok_and(|found| found.len() > 0) {
            self.write(&path)?;
        }
        self.ledger()
    }

    /// The key that signs the ledger.
    pub(super) fn ledger(&self) -> Result<Signer, StoreError> {
        let path = self.path.join("ledger.key");
        let key = read_key(&path)?;
        key.map(|key| Signer::new(&key)).ok_or(StoreError::LedgerKey { path })
    }

    /// Writes a new key, in place of what may be there: the file is there whole, or not at all.
    fn write(&self, path: &Path) -> Result<(), StoreError> {
        let next = path.with_extension("key.next");
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(key.as_mut_slice()).map_err(StoreError::Random)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&next).and_then(|mut file| {
            file.write_all(key.as_slice())?;
            file.sync_all()?;
            hand_over(&next, &self.path);
            fs::rename(&next, path)?;
            sync(&self.path)
        });
        written.map_err(file("write the key", path))
    }

    /// The key of a job that an earlier release made; `None` when there is none.
    pub(super) fn of_job(&self, job: JobId) -> Result<Option<Seal>, StoreError> {
        read(&self.of(job))
    }

    /// Destroys the job's key. One that is not there is destroyed already.
    pub(super) fn destroy(&self, job: JobId) -> Result<(), StoreError> {
        destroy(&self.of(job))
    }

    /// The jobs that have a key.
    pub(super) fn jobs(&self) -> Result<Vec<JobId>, StoreError> {
        let entries = fs::read_dir(&self.path).map_err(file("look into", &self.path))?;
        let number = |name: &str| name.strip_prefix("job-")?.strip_suffix(".key")?.parse().ok().map(JobId);
        Ok(entries.filter_map(|entry| number(entry.ok()?.file_name().to_str()?)).collect())
    }

    fn of(&self, job: JobId) -> PathBuf {
        self.path.join(format!("{job}.key"))
    }
}

fn destroy(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(file("destroy the key", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Reads a key; `None` when it is not there or not whole.
fn read(path: &Path) -> Result<Option<Seal>, StoreError> {
    Ok(read_key(path)?.map(|key| Seal::new(&key)))
}

fn read_key(path: &Path) -> Result<Option<Zeroizing<[u8; KEY_BYTES]>>, StoreError> {
    let key = match fs::read(path) {
        Ok(key) => Zeroizing::new(key),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file("read the key", path)(error)),
    };
    Ok(<[u8; KEY_BYTES]>::try_from(key.as_slice()).map(Zeroizing::new).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_opens_only_where_it_belongs_and_whole() {
        let (one, two) = (Seal::new(&[1; KEY_BYTES]), Seal::new(&[2; KEY_BYTES]));

        let sealed = one.close(b"here", b"[\"b-1\"]").unwrap();

        assert_eq!(one.open(b"here", &sealed).unwrap().as_slice(), b"[\"b-1\"]");
        assert!(one.open(b"there", &sealed).is_none() && two.open(b"here", &sealed).is_none());
        assert!((0..sealed.len()).all(|cut| one.open(b"here", &sealed[..cut]).is_none()));
        assert_ne!(one.close(b"here", b"x").unwrap(), one.close(b"here", b"x").unwrap());
    }

    #[test]
    fn the_key_of_a_job_that_an_earlier_release_made_is_read_until_it_is_destroyed() {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::new(directory.path().to_owned());
        fs::write(directory.path().join("job-3.key"), [7; KEY_BYTES]).unwrap();
        fs::write(directory.path().join("job-4.key"), b"short").unwrap();
        let sealed = Seal::new(&[7; KEY_BYTES]).close(b"", b"x").unwrap();

        let opened = keys.of_job(JobId(3)).unwrap().and_then(|seal| seal.open(b"", &sealed)).is_some();
        keys.destroy(JobId(3)).unwrap();
        keys.destroy(JobId(3)).unwrap();

        assert!(opened && keys.of_job(JobId(3)).unwrap().is_none());
        assert!(keys.of_job(JobId(4)).unwrap().is_none());
        assert_eq!(keys.jobs().unwrap(), [JobId(4)]);
    }

    #[test]
    fn a_key_of_which_only_the_name_was_written_is_made_anew_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::new(directory.path().to_owned());
        fs::write(directory.path().join("ledger.key"), b"").unwrap();

        let made = keys.ledger_or_new().unwrap().public();
        let again = keys.ledger_or_new().unwrap().public();
        fs::write(directory.path().join("ledger.key"), b"half").unwrap();

        assert_eq!(made, again);
        assert!(matches!(keys.ledger_or_new(), Err(StoreError::LedgerKey { .. })));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_a_key() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::new(directory.path().to_owned());

        keys.ledger_or_new().unwrap();

        let mode = fs::metadata(directory.path().join("ledger.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
