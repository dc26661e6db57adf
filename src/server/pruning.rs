//! Keeps the store small while it is served: every look outside that finds something makes a job, and a job
//! that was over long enough is needed by nobody. What failed requests remember goes before that, where their
//! workflow says so.
//!
//! What makes the next job right stays for ever; see `journal`. Removing goes in slices between the writes
//! of others.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, SystemClock};
use crate::journal::{Store, StoreError};

/// How often it is looked whether something was kept long enough.
const EVERY: Duration = Duration::from_secs(10 * 60);
/// Every so many looks old jobs are removed: six hours.
const LOOKS: u32 = 36;

/// Removes what ended longer ago than `keep`, now and then, until `stop`.
pub(super) async fn keep_small(store: Arc<Store>, keep: Duration, stop: CancellationToken) {
    let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    for look in (0..LOOKS).cycle() {
        let (of, now_ms) = (Arc::clone(&store), SystemClock.now_ms());
        let prunes = look == 0;
        let looked = tokio::task::spawn_blocking(move || match prunes {
            true => prune(&of, now_ms.saturating_sub(keep_ms)),
            false => of.end_retention(now_ms).map(drop),
        });
        match looked.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "old jobs could not be removed, which is tried again: {error}");
            }
            Err(error) => tracing::error!(%error, "removing old jobs ended in a defect"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

fn prune(store: &Store, before_ms: i64) -> Result<(), StoreError> {
    let pruned = store.prune(before_ms)?;
    if !pruned.jobs.is_empty() {
        tracing::info!(
            jobs = pruned.jobs.len(),
            "{} jobs were removed that ended long ago; the store was {} kB and is {} kB",
            pruned.jobs.len(),
            pruned.bytes_before / 1000,
            pruned.bytes_after / 1000
        );
    }
    Ok(())
}
