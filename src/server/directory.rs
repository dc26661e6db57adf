//! Reads the staff of OneTrust's tenants now and then, where the settings have a `directory`.
//!
//! What cannot be read is said once and tried again; nothing else waits for it. Whoever was gone for long enough
//! is forgotten on the way.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::shelf::Shelf;
use crate::clock::{Clock, SystemClock};
use crate::directory::DirectoryError;
use crate::host::{Host, HostError, Talk, approvers_of_nobody, staff_profiles};

/// How often is looked whether a sync is due.
const LOOK: Duration = Duration::from_secs(60);
/// How long after one that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(15 * 60);

/// Reads until `stop`.
pub(super) async fn keep_synced(host: Arc<Host>, shelf: Arc<Shelf>, stop: CancellationToken) {
    let Some(rules) = host.clients().settings().directory.clone() else { return };
    let (mut was_told, mut is_first) = (false, true);
    loop {
        let mut pause = LOOK.min(rules.every);
        let mut is_new = std::mem::replace(&mut is_first, false);
        for profile in due(&host, rules.every) {
            // Nobody listens to single words.
            let (sender, _) = tokio::sync::mpsc::unbounded_channel();
            match host.sync_directory(std::slice::from_ref(&profile), &Talk::to(sender), &stop).await {
                Ok(all) => {
                    (was_told, is_new) = (false, true);
                    for synced in all {
                        let counts = synced.told.counts;
                        tracing::info!(
                            profile,
                            users = counts.users,
                            "the directory of {profile} was read: {} users, {} new, {} changed, {} gone",
                            counts.users,
                            counts.new,
                            counts.changed,
                            counts.gone
                        );
                    }
                }
                Err(HostError::Directory(DirectoryError::Interrupted)) => return,
                Err(error) => {
                    pause = AFTER_FAILURE;
                    if !std::mem::replace(&mut was_told, true) {
                        tracing::warn!(
                            profile,
                            "the directory of {profile} could not be read, which is tried again: {error}"
                        );
                    }
                }
            }
        }
        if is_new {
            warn_of_approvers(&host, &shelf);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Says which enabled workflows ask people of OneTrust of whom nobody could answer. No name is logged: it may be
/// somebody's address.
fn warn_of_approvers(host: &Host, shelf: &Shelf) {
    let now = jiff::Timestamp::from_millisecond(SystemClock.now_ms()).unwrap_or_default();
    for workflow in shelf.enabled() {
        let nobody = approvers_of_nobody(host.store().reader(), host.clients().settings(), &workflow, now);
        match nobody {
            Ok(names) if names.is_empty() => {}
            Ok(names) => tracing::warn!(
                workflow = workflow.name,
                "workflow {} asks {} of OneTrust by which nobody is meant who may sign in: `privaflow directory review` shows them",
                workflow.name,
                names.len()
            ),
            Err(error) => tracing::warn!("who may approve is not known: {error}"),
        }
    }
}

/// The profiles whose last sync is not over, or ended long enough ago.
fn due(host: &Host, every: Duration) -> Vec<String> {
    let every_ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
    let now_ms = SystemClock.now_ms();
    let is_due = |tenant: &str| match host.store().staff_sync(tenant) {
        Ok(Some(sync)) => {
            let ended_ms = sync.finished_ms.filter(|_| sync.cursor.is_none());
            ended_ms.is_none_or(|ended_ms| now_ms.saturating_sub(ended_ms) >= every_ms)
        }
        Ok(None) | Err(_) => true,
    };
    let profiles = staff_profiles(host.clients().settings(), &[]);
    let due = profiles.into_iter().filter(|profile| is_due(&profile.workspace));
    due.map(|profile| profile.name.clone()).collect()
}
