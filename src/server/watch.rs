//! Noticing that workflow files changed.
//!
//! The system's word is waited for a moment, since editors write a file in several steps; and because such
//! words get lost, the files are looked at now and then all the same.

use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::shelf::Shelf;
use crate::journal::Store;

/// How long nothing must change before the files are read.
const QUIET: Duration = Duration::from_millis(300);

/// How often what changes all the time may put reading off.
const MOST_WORDS: u32 = 10;

/// How often they are read without a word of the system.
const LOOK: Duration = Duration::from_secs(20);

/// Reads the files again whenever they change, and rings the bell then.
pub(super) async fn watch(shelf: Arc<Shelf>, store: Arc<Store>, bell: Arc<Notify>, stop: CancellationToken) {
    // One word is enough, however many files change.
    let (sender, mut words) = mpsc::channel::<()>(1);
    let watching = watcher(&shelf, sender);
    if let Err(error) = &watching {
        tracing::warn!(
            "changes of {} are noticed only every {} seconds: {error}",
            shelf.folder().display(),
            LOOK.as_secs()
        );
    }
    loop {
        // Also at first: files may have changed before anybody watched.
        let (read, kept) = (Arc::clone(&shelf), Arc::clone(&store));
        let is_changed = tokio::task::spawn_blocking(move || {
            let is_changed = read.read();
            if let Err(error) = read.keep(&kept) {
                tracing::error!(%error, "the texts of the workflows cannot be kept for the next start: {error}");
            }
            is_changed
        });
        if is_changed.await.unwrap_or(false) {
            bell.notify_one();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            Some(()) = words.recv() => tokio::time::sleep(QUIET).await,
            () = tokio::time::sleep(LOOK) => {}
        }
        for _ in 0..MOST_WORDS {
            match words.try_recv() {
                Ok(()) => tokio::time::sleep(QUIET).await,
                Err(_) => break,
            }
        }
    }
}

fn watcher(shelf: &Shelf, words: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading is no change. A word that finds one waiting adds nothing.
        if event.map_or(true, |event| !event.kind.is_access()) {
            words.try_send(()).unwrap_or_default();
        }
    })?;
    watcher.watch(shelf.folder(), RecursiveMode::Recursive)?;
    Ok(watcher)
}
