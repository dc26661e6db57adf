//! One trigger of one workflow that is looked after.

use std::sync::Arc;
use std::time::Duration;

use super::FeedError;
use super::consents::Consents;
use super::inbox::Inbox;
use super::subtasks::Subtasks;
use crate::clock::SharedClock;
use crate::journal::Store;
use crate::onetrust::Api;
use crate::workflow::{ConsentTrigger, SubtaskTrigger, Workflow};

/// What one look came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Polled {
    /// Records that are in the inbox now.
    pub new: u64,
    /// Records that were there, or went through, before.
    pub repeated: u64,
    /// Things that start nothing; the store knows why.
    pub skipped: u64,
    /// Subtasks that could not be read this time and are looked at again.
    pub postponed: u64,
    /// There is more to read now: look again without a pause.
    pub is_behind: bool,
}

/// Looks for work for one trigger. Between looks it keeps in memory only what saves requests; everything
/// that must not be lost is in the store, so one can be dropped at any moment and made anew.
pub struct Poller {
    workflow: String,
    origin: String,
    every: Duration,
    what: What,
}

enum What {
    Subtasks(Box<Subtasks>),
    Consents(Box<Consents>),
}

impl Poller {
    /// The pollers of a workflow; `api_of` gives what asks the account of a profile. A profile that it
    /// does not know has none.
    pub fn of(
        workflow: &Workflow,
        api_of: impl Fn(&str) -> Option<Api>,
        store: &Arc<Store>,
        clock: &SharedClock,
    ) -> Vec<Poller> {
        let of = |profile: &str| Some((api_of(profile)?, Arc::clone(store), Arc::clone(clock)));
        let subtasks = workflow.on.onetrust_subtask.as_ref().and_then(|trigger| {
            let (api, store, clock) = of(&trigger.profile)?;
            Some(Poller::subtasks(&workflow.name, trigger, api, store, clock))
        });
        let consents = workflow.on.onetrust_consent.as_ref().and_then(|trigger| {
            let (api, store, clock) = of(&trigger.profile)?;
            Some(Poller::consents(&workflow.name, trigger, api, store, clock))
        });
        subtasks.into_iter().chain(consents).collect()
    }

    /// Looks for open subtasks.
    pub fn subtasks(
        workflow: &str,
        trigger: &SubtaskTrigger,
        api: Api,
        store: Arc<Store>,
        clock: SharedClock,
    ) -> Poller {
        let origin = format!("subtask:{}", trigger.profile);
        let inbox = Inbox::new(store, Arc::clone(&clock), workflow, &origin);
        let what = Subtasks::new(workflow, trigger.clone(), api, inbox, clock);
        Poller {
            workflow: workflow.to_owned(),
            origin,
            every: trigger.every,
            what: What::Subtasks(Box::new(what)),
        }
    }

    /// Looks for consents that changed.
    pub fn consents(
        workflow: &str,
        trigger: &ConsentTrigger,
        api: Api,
        store: Arc<Store>,
        clock: SharedClock,
    ) -> Poller {
        let origin = format!("consent:{}", trigger.profile);
        let inbox = Inbox::new(store, Arc::clone(&clock), workflow, &origin);
        let what = Consents::new(workflow, trigger.clone(), api, inbox, clock);
        Poller {
            workflow: workflow.to_owned(),
            origin,
            every: trigger.every,
            what: What::Consents(Box::new(what)),
        }
    }

    /// Looks once. What was found is in the inbox, durable, when this returns, also what was found before
    /// an error.
    pub async fn poll_once(&mut self) -> Result<Polled, FeedError> {
        match &mut self.what {
            What::Subtasks(subtasks) => subtasks.poll_once().await,
            What::Consents(consents) => consents.poll_once().await,
        }
    }

    /// The workflow that it looks for.
    pub fn workflow(&self) -> &str {
        &self.workflow
    }

    /// `subtask:PROFILE` or `consent:PROFILE`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How long after one look the next begins.
    pub fn every(&self) -> Duration {
        self.every
    }
}

impl std::fmt::Debug for Poller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Poller({} {})", self.workflow, self.origin)
    }
}
