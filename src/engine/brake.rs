//! The emergency stop as the engine sees it: what may not leave now.
//!
//! The file in the store is the truth; this looks at it again and again, and at once when it is told
//! that something changed. Asking costs no look at the disk, so that it can be done for every batch.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use crate::journal::Pauses;

/// How often the file is looked at: far below the second in which everything must be held.
const EVERY: Duration = Duration::from_millis(100);

/// Holds back what the emergency stop holds.
#[derive(Debug)]
pub struct Brake {
    store: PathBuf,
    seen: Mutex<Option<Stamp>>,
    now: watch::Sender<Arc<Pauses>>,
}

/// Tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    written: Option<SystemTime>,
    size_bytes: u64,
    inode: u64,
}

impl Brake {
    /// The brake of the store in a directory, as it stands now.
    pub fn of(store: &Path) -> Brake {
        let now = watch::Sender::new(Arc::default());
        let brake = Brake { store: store.to_owned(), seen: Mutex::new(None), now };
        brake.look();
        brake
    }

    /// Looks at the file, and reads it if it changed.
    pub fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken before the file is read: a change in between is seen the next time.
        let stamp = stamp(&Pauses::path(&self.store));
        if *seen == stamp {
            return;
        }
        *seen = stamp;
        let pauses = Pauses::of(&self.store);
        self.now.send_if_modified(|now| {
            let is_new = **now != pauses;
            *now = Arc::new(pauses);
            is_new
        });
    }

    /// Looks at the file for as long as it is polled.
    pub async fn watch(&self) {
        loop {
            self.look();
            tokio::time::sleep(EVERY).await;
        }
    }

    /// What is held now.
    pub fn now(&self) -> Arc<Pauses> {
        Arc::clone(&self.now.borrow())
    }

    /// Tells of every change.
    pub fn changes(&self) -> watch::Receiver<Arc<Pauses>> {
        self.now.subscribe()
    }

    /// Whether nothing may leave for a profile.
    pub(super) fn holds(&self, profile: &str) -> bool {
        self.now.borrow().of_profile(profile).is_some()
    }
}

/// `None` when there is no file.
fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Some(Stamp { written: metadata.modified().ok(), size_bytes: metadata.len(), inode })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Pause, Scope, Switch};

    #[test]
    fn a_change_in_the_store_holds_and_lets_go_at_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let pause = Pause { by: "ana".to_owned(), since: jiff::Timestamp::UNIX_EPOCH, reason: None };
        let scope = Scope::Profile("eu".to_owned());
        let brake = Brake::of(folder.path());
        assert!(!brake.holds("eu"));

        Pauses::change(folder.path(), Switch::Hold, &scope, &pause).unwrap();
        brake.look();
        assert_eq!([brake.holds("eu"), brake.holds("us")], [true, false]);

        Pauses::change(folder.path(), Switch::LetGo, &scope, &pause).unwrap();
        brake.look();
        assert!(!brake.holds("eu"));
    }
}
