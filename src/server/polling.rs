//! The pollers of the workflows that are enabled: begun, and begun anew when their workflow changed.
//!
//! A workflow that waits for its approval is looked after all the same: what is found for it waits in the
//! inbox. Whether and when a poller looks again is its own to decide.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::carry::Ways;
use super::idle::Idle;
use super::shelf::Shelf;
use crate::clock::{SharedClock, SystemClock};
use crate::config::System;
use crate::feeds::{Poller, Standing, keep_looking};
use crate::host::Host;
use crate::onetrust::Api;

/// How often is looked whether workflows changed: what a poller must not miss it finds the next time.
const LOOK: Duration = Duration::from_secs(2);

/// Looks after the triggers of workflows.
#[derive(Debug)]
pub(super) struct Pollers {
    pub host: Arc<Host>,
    pub shelf: Arc<Shelf>,
    pub bell: Arc<Notify>,
    pub ways: Ways,
}

impl Pollers {
    /// Works until it is to stop.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut looking: HashMap<[u8; 32], CancellationToken> = HashMap::new();
        let mut tasks = JoinSet::new();
        while !stop.is_cancelled() {
            let enabled = self.shelf.enabled();
            looking.retain(|digest, token| {
                let stays = enabled.iter().any(|workflow| workflow.digest == *digest);
                if !stays {
                    token.cancel();
                }
                stays
            });
            for workflow in enabled {
                if looking.contains_key(&workflow.digest) {
                    continue;
                }
                let token = stop.child_token();
                looking.insert(workflow.digest, token.clone());
                let clock: SharedClock = match &self.ways {
                    Ways::Settings => Arc::new(SystemClock),
                    Ways::Sandbox { clock, .. } => Arc::clone(clock) as SharedClock,
                };
                if let Ways::Settings = &self.ways {
                    Idle::of(&workflow, self.host.clients().settings()).iter().for_each(Idle::tell);
                }
                let api = |profile: &str| self.api(profile, &clock);
                for poller in Poller::of(&workflow, api, self.host.store(), &clock) {
                    let (bell, token, clock) = (Arc::clone(&self.bell), token.clone(), Arc::clone(&clock));
                    tasks.spawn(async move {
                        keep_looking(poller, &*clock, token, |poller, standing| {
                            tell(poller, &standing);
                            bell.notify_one();
                        })
                        .await;
                    });
                }
            }
            while tasks.try_join_next().is_some() {}
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// What asks OneTrust by a profile.
    fn api(&self, profile: &str, clock: &SharedClock) -> Option<Api> {
        if let Ways::Sandbox { onetrust, .. } = &self.ways {
            return Some(onetrust.clone());
        }
        let clients = self.host.clients();
        // A trigger without its profile was told of.
        let profile = clients.settings().profiles.get(profile);
        let profile = profile.filter(|profile| profile.system == System::OneTrust)?;
        let api = clients.api(profile, Arc::clone(clock));
        api.map_err(|error| tracing::error!("nothing is looked for by profile {}: {error}", profile.name))
            .ok()
    }
}

/// Says what one look came to.
fn tell(poller: &Poller, standing: &Standing) {
    let (workflow, origin) = (poller.workflow(), poller.origin());
    match standing {
        Standing::Fine(polled) if polled.new > 0 => tracing::info!(
            workflow,
            origin,
            new = polled.new,
            repeated = polled.repeated,
            skipped = polled.skipped,
            "{} new requests for workflow {workflow} from {origin}",
            polled.new
        ),
        Standing::Fine(polled) => tracing::debug!(
            workflow,
            origin,
            repeated = polled.repeated,
            skipped = polled.skipped,
            "nothing new for workflow {workflow} from {origin}"
        ),
        Standing::Waits { why, pause } => tracing::warn!(
            workflow,
            origin,
            "{origin} cannot be read for workflow {workflow}: {why}; it is tried again in {} seconds",
            pause.as_secs()
        ),
        Standing::Stopped { why } => tracing::error!(
            workflow,
            origin,
            "{origin} cannot be read for workflow {workflow} until somebody changes something: {why}"
        ),
    }
}
