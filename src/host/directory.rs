//! Reading the staff of OneTrust's tenants, as the owner of the store.
//!
//! One sync at a time in a process: who asks while one is under way waits for it, and then hears what a new one
//! came to. Each tenant is read by the first of its profiles; a pause of a profile holds its sync back, too.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::command::Talk;
use super::error::HostError;
use super::owner::Host;
use crate::clock::{SharedClock, SystemClock};
use crate::config::{Profile, Settings, System};
use crate::directory::{DirectoryError, Sync, Synced};
use crate::journal::Pauses;
use crate::workflow::Retry;

/// The profiles that read the staff: those named, or those of the settings, or all of OneTrust; of several of
/// one account the first.
pub fn staff_profiles<'s>(settings: &'s Settings, named: &[String]) -> Vec<&'s Profile> {
    let of_settings = settings.directory.as_ref().map(|directory| directory.profiles.as_slice());
    let wanted = if named.is_empty() { of_settings.unwrap_or_default() } else { named };
    let all = settings.profiles.values().filter(|profile| profile.system == System::OneTrust);
    let mut accounts = HashSet::new();
    let is_wanted = |profile: &&Profile| wanted.is_empty() || wanted.contains(&profile.name);
    // The order of the list says which of an account comes first.
    let mut chosen: Vec<&Profile> = all.filter(is_wanted).collect();
    chosen.sort_by_key(|profile| wanted.iter().position(|name| *name == profile.name));
    chosen.retain(|profile| accounts.insert(profile.workspace.as_str()));
    chosen
}

impl Host {
    /// Reads the staff by these profiles; none: as the settings say. What was read before an error is kept, and
    /// the next call goes on with it.
    pub async fn sync_directory(
        &self,
        named: &[String],
        talk: &Talk,
        stop: &CancellationToken,
    ) -> Result<Vec<Synced>, HostError> {
        let settings = self.settings().clone();
        let rules = settings.directory.clone().unwrap_or_default();
        let _one_at_a_time = tokio::select! {
            () = stop.cancelled() => return Err(DirectoryError::Interrupted.into()),
            guard = self.syncing().lock() => guard,
        };
        let mut all = Vec::new();
        for profile in staff_profiles(&settings, named) {
            if Pauses::of(self.store().path()).of_profile(&profile.name).is_some() {
                return Err(DirectoryError::Paused { profile: profile.name.clone() }.into());
            }
            profile.check().await?;
            let clock: SharedClock = Arc::new(SystemClock);
            let (name, talk) = (profile.name.clone(), talk.clone());
            let sync = Sync {
                api: self.clients().api(profile, Arc::clone(&clock))?,
                store: Arc::clone(self.store()),
                clock,
                policy: settings.retries.policy(&Retry::default()),
                tenant: profile.workspace.clone(),
                profile: profile.name.clone(),
                rules: &rules,
                say: &move |word| talk.say(format!("{name}: {word}")),
            };
            all.push(tokio::select! {
                () = stop.cancelled() => return Err(DirectoryError::Interrupted.into()),
                synced = Box::pin(sync.run()) => synced?,
            });
        }
        Ok(all)
    }
}

/// What syncs came to, as another process is told.
pub(super) fn answer(all: &[Synced]) -> Value {
    let one = |synced: &Synced| {
        json!({ "tenant": synced.tenant, "told": synced.told, "resumed": synced.is_resumed,
                "forgotten": synced.forgotten })
    };
    all.iter().map(one).collect()
}
