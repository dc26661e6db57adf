//! Whom workflows ask, where they name users, groups or roles of OneTrust.
//!
//! Without `directory` in the settings every name is that by which the system knows somebody. With it, a name with
//! `@` or with `user:`, `group:` or `role:` in front is OneTrust's, and a bare one may be either. Who somebody of
//! this machine is in OneTrust say the settings (`identities`) and nobody else; how they stand there says what the
//! last sync read, and no older than three times `every`. What is not known is never a yes.

use jiff::{SignedDuration, Timestamp};

use super::directory::staff_profiles;
use super::owner::Host;
use crate::config::{self, Settings};
use crate::directory::{Approvers, Denied, Directory, DirectoryError};
use crate::journal::Reader;
use crate::workflow::{Step, StepKind, Workflow};

/// Why somebody may not answer. Nothing of a person of OneTrust is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MayNot {
    /// The system knows somebody else by the names that are asked.
    #[error("its workflow asks {0}")]
    NotNamed(String),
    /// Nobody says who they are in OneTrust.
    #[error(
        "its workflow asks people of OneTrust, and `directory.identities` of the settings does not say who this is there"
    )]
    NoIdentity,
    /// They may not by what OneTrust says.
    #[error(transparent)]
    Denied(#[from] Denied),
}

/// Everybody whom the steps of a workflow ask, each name once.
pub fn approvers_of(workflow: &Workflow) -> Vec<String> {
    let mut names = Vec::new();
    workflow.lists().for_each(|steps| gather(steps, &mut names));
    names
}

fn gather(steps: &[Step], names: &mut Vec<String>) {
    for step in steps {
        match &step.kind {
            StepKind::Approve(approve) => {
                let new = approve.approvers.iter().filter(|name| !names.contains(name));
                let new: Vec<String> = new.cloned().collect();
                names.extend(new);
            }
            StepKind::ForEach { steps, .. } => gather(steps, names),
            _ => {}
        }
    }
}

/// Of the names that a workflow asks those that are OneTrust's and let nobody approve now, as far as is known;
/// without a directory in the settings, or before the first sync, nothing is.
pub fn approvers_of_nobody(
    reader: &Reader,
    settings: &Settings,
    workflow: &Workflow,
    now: Timestamp,
) -> Result<Vec<String>, DirectoryError> {
    let Some(rules) = &settings.directory else { return Ok(Vec::new()) };
    let mut names: Vec<String> =
        approvers_of(workflow).into_iter().filter(|name| Approvers::is_of_onetrust(name)).collect();
    if names.is_empty() {
        return Ok(names);
    }
    let directories = directories(reader, settings, rules)?;
    if directories.iter().all(|directory| directory.synced.is_none()) {
        return Ok(Vec::new());
    }
    names.retain(|name| {
        let approvers = Approvers::of(&[name]);
        let able = |directory: &Directory| {
            approvers.meant(directory, now).iter().any(|meant| !meant.able.is_empty())
        };
        !directories.iter().any(able)
    });
    Ok(names)
}

fn directories(
    reader: &Reader,
    settings: &Settings,
    rules: &config::Directory,
) -> Result<Vec<Directory>, DirectoryError> {
    let profiles = staff_profiles(settings, &[]).into_iter();
    profiles.map(|profile| Directory::read(reader, &profile.workspace, rules)).collect()
}

impl Host {
    /// Whether somebody whom the system knows by a name may answer where these are asked.
    pub(super) async fn may_answer(
        &self,
        approvers: &[String],
        by: &str,
    ) -> Result<Result<(), MayNot>, DirectoryError> {
        let settings = self.settings();
        let Some(rules) = settings.directory.clone() else {
            let is_named = approvers.iter().any(|name| name == by);
            return Ok(is_named.then_some(()).ok_or_else(|| MayNot::NotNamed(approvers.join(", "))));
        };
        let (of_onetrust, bare): (Vec<&String>, Vec<&String>) =
            approvers.iter().partition(|name| Approvers::is_of_onetrust(name));
        if bare.iter().any(|name| *name == by) {
            return Ok(Ok(()));
        }
        let Some(who) = rules.identities.get(by).cloned() else {
            let names: Vec<&str> = bare.iter().map(|name| name.as_str()).collect();
            let why =
                if of_onetrust.is_empty() { MayNot::NotNamed(names.join(", ")) } else { MayNot::NoIdentity };
            return Ok(Err(why));
        };
        let (reader, settings) = (self.store().reader().clone(), settings.clone());
        let read = move || directories(&reader, &settings, &rules).map(|all| (all, rules));
        let read = tokio::task::spawn_blocking(read).await.map_err(|_| DirectoryError::Stopped)?;
        let (directories, rules) = read?;
        let (list, now) = (Approvers::of(approvers), self.now());
        let fresh = SignedDuration::try_from(rules.every.saturating_mul(3)).unwrap_or(SignedDuration::MAX);
        let mut why = Denied::NotSynced;
        for directory in &directories {
            match list.check(directory, &who, fresh, now) {
                Ok(()) => return Ok(Ok(())),
                // Of several tenants the one that knows them says the most.
                Err(denied) => {
                    why = if why == Denied::NotSynced || denied != Denied::Unknown { denied } else { why }
                }
            }
        }
        Ok(Err(why.into()))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms()).unwrap_or_default()
    }
}
