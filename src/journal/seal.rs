//! The keys of a store, and the seal on what unfinished requests must remember.
//!
//! One random key a job, one for what came in, and one that signs the ledger, each in a file of its own outside the database and
//! what is backed up with it. That of a job is destroyed when the job is over: then nothing that was
//! sealed can be read again, by us either. A sealed value opens only for the place it was sealed for:
//! of an answer that is the job, record and step.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::job::{JobId, Position};
use crate::ledger::Signer;

use super::directory::{file, hand_over, sync};
use super::error::StoreError;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// First byte of what is sealed: XChaCha20-Poly1305, nonce, then ciphertext with its tag.
const FORMAT: u8 = 1;

/// Seals and opens for one job. Clone it freely.
#[derive(Clone)]
pub struct Sealer {
    job: JobId,
    seal: Seal,
}

/// Seals with one key. Clone it freely.
#[derive(Clone)]
pub(super) struct Seal {
    cipher: Arc<XChaCha20Poly1305>,
}

impl Seal {
    fn new(key: &[u8; KEY_BYTES]) -> Seal {
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

impl Sealer {
    /// Seals what a step of a record answered.
    pub fn seal(&self, position: Position, step: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.seal.close(&self.place(position, step), plain)
    }

    /// Opens what [`Sealer::seal`] made for the same job, record and step.
    pub fn open(
        &self,
        position: Position,
        step: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let opened = self.seal.open(&self.place(position, step), sealed);
        opened.ok_or(StoreError::Sealed { job: self.job })
    }

    /// What the seal is bound to: numbers of fixed size, so that no two places read alike.
    fn place(&self, position: Position, step: &str) -> Vec<u8> {
        [&self.job.0.to_le_bytes(), position.to_le_bytes().as_slice(), step.as_bytes()].concat()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("job", &self.job).finish_non_exhaustive()
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

    /// Makes the job's key and brings it to the disk. A key of that name can only be left over from
    /// a job whose creation was never written down, so it is replaced.
    pub(super) fn create(&self, job: JobId) -> Result<(), StoreError> {
        self.write(&self.of(job))
    }

    /// The key of what came in.
    pub(super) fn inbox(&self) -> Result<Seal, StoreError> {
        let path = self.path.join("inbox.key");
        read(&path)?.ok_or(StoreError::InboxKey { path })
    }

    /// The key of what came in; it is made and brought to the disk if there is none.
    pub(super) fn inbox_or_new(&self) -> Result<Seal, StoreError> {
        let path = self.path.join("inbox.key");
        if !path.exists() {
            self.write(&path)?;
        }
        self.inbox()
    }

    /// The key that signs the ledger; it is made and brought to the disk if there is none.
    pub(super) fn ledger_or_new(&self) -> Result<Signer, StoreError> {
        let path = self.path.join("ledger.key");
        if !path.exists() {
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

    /// A key of what is kept of staff, by its number.
    pub(super) fn staff(&self, number: u64) -> Result<Seal, StoreError> {
        let path = self.of_staff(number);
        read(&path)?.ok_or(StoreError::StaffKey { path })
    }

    /// A new key of what is kept of staff, brought to the disk.
    pub(super) fn staff_new(&self, number: u64) -> Result<Seal, StoreError> {
        self.write(&self.of_staff(number))?;
        self.staff(number)
    }

    /// Destroys the keys of what is kept of staff, but for one.
    pub(super) fn destroy_staff_but(&self, kept: Option<u64>) -> Result<(), StoreError> {
        let entries = fs::read_dir(&self.path).map_err(file("look into", &self.path))?;
        let number = |name: &str| name.strip_prefix("staff-")?.strip_suffix(".key")?.parse::<u64>().ok();
        let numbers = entries.filter_map(|entry| number(entry.ok()?.file_name().to_str()?));
        for number in numbers.filter(|number| Some(*number) != kept) {
            let path = self.of_staff(number);
            fs::remove_file(&path).map_err(file("destroy the key", &path))?;
        }
        Ok(())
    }

    fn of_staff(&self, number: u64) -> PathBuf {
        self.path.join(format!("staff-{number}.key"))
    }

    /// Writes a new key, in place of what may be there.
    fn write(&self, path: &Path) -> Result<(), StoreError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(key.as_mut_slice()).map_err(StoreError::Random)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(path).and_then(|mut file| {
            file.write_all(key.as_slice())?;
            file.sync_all()
        });
        written.map_err(file("write the key", path))?;
        hand_over(path, &self.path);
        sync(&self.path).map_err(file("write the key", path))
    }

    /// Reads the job's key.
    pub(super) fn sealer(&self, job: JobId) -> Result<Sealer, StoreError> {
        let path = self.of(job);
        let seal = read(&path)?.ok_or(StoreError::KeyLost { job, path })?;
        Ok(Sealer { job, seal })
    }

    /// Destroys the job's key. One that is not there is destroyed already.
    pub(super) fn destroy(&self, job: JobId) -> Result<(), StoreError> {
        let path = self.of(job);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(file("destroy the key", &path)(error)),
            Ok(()) | Err(_) => Ok(()),
        }
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

    fn sealer(keys: &Keys, job: i64) -> Sealer {
        keys.create(JobId(job)).unwrap();
        keys.sealer(JobId(job)).unwrap()
    }

    #[test]
    fn a_sealed_answer_opens_only_where_it_belongs() {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::new(directory.path().to_owned());
        let (one, two) = (sealer(&keys, 1), sealer(&keys, 2));

        let sealed = one.seal(7, "find", b"[\"b-1\"]").unwrap();

        assert_eq!(one.open(7, "find", &sealed).unwrap().as_slice(), b"[\"b-1\"]");
        assert_eq!(keys.sealer(JobId(1)).unwrap().open(7, "find", &sealed).unwrap().len(), 7);
        assert!(one.open(8, "find", &sealed).is_err());
        assert!(one.open(7, "erase", &sealed).is_err());
        assert!(two.open(7, "find", &sealed).is_err());
        for cut in 0..sealed.len() {
            assert!(one.open(7, "find", &sealed[..cut]).is_err());
        }
        assert_ne!(one.seal(7, "find", b"x").unwrap(), one.seal(7, "find", b"x").unwrap());
    }

    #[test]
    fn a_lost_or_cut_key_is_told_with_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::new(directory.path().to_owned());
        keys.create(JobId(3)).unwrap();

        fs::write(directory.path().join("job-3.key"), b"short").unwrap();
        let cut = keys.sealer(JobId(3)).unwrap_err();
        keys.destroy(JobId(3)).unwrap();
        keys.destroy(JobId(3)).unwrap();
        let lost = keys.sealer(JobId(3)).unwrap_err();

        for error in [cut, lost] {
            assert!(error.to_string().contains("job-3.key"), "{error}");
            assert!(matches!(error, StoreError::KeyLost { job: JobId(3), .. }));
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_a_key() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::new(directory.path().to_owned());

        keys.create(JobId(3)).unwrap();

        let mode = fs::metadata(directory.path().join("job-3.key")).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, keys.jobs().unwrap()), (0o600, vec![JobId(3)]));
    }
}
