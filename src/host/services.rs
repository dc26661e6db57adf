//! The profiles a workflow may use, ready to be used.

use std::sync::Arc;

use super::error::HostError;
use crate::config::{Credential, Profile, Settings, System};
use crate::engine::Service;
use crate::onetrust;
use crate::wire::{Client, Timeouts};
use crate::workflow::{Step, StepKind, Workflow};

/// The profiles a workflow may use, ready to be used; their credentials are read now. Those that it only
/// reports to are read when a run reports: one that came from a file never does.
pub async fn services(settings: &Settings, workflow: &Workflow) -> Result<Vec<Arc<Service>>, HostError> {
    let mut services = Vec::new();
    let calls_onetrust =
        [&workflow.steps, &workflow.on_failure].into_iter().any(|steps| uses_onetrust(steps));
    for profile in profiles(settings, workflow) {
        if profile.system == System::Braze || calls_onetrust {
            profile.check().await?;
        }
        services.push(Arc::new(service(profile)?));
    }
    if services.is_empty() {
        return Err(HostError::NoProfile);
    }
    Ok(services)
}

/// The profiles a workflow may use.
pub fn profiles<'s>(settings: &'s Settings, workflow: &'s Workflow) -> impl Iterator<Item = &'s Profile> {
    let named: Vec<&String> = workflow.profiles.values().collect();
    let any = named.is_empty()
        || [&workflow.steps, &workflow.on_failure].into_iter().any(|steps| names_profiles(steps));
    let onetrust = workflow.lists().any(uses_onetrust);
    let any_onetrust = any || !workflow.profiles.contains_key(System::OneTrust.word());
    settings.profiles.values().filter(move |profile| match profile.system {
        System::Braze => any || named.contains(&&profile.name),
        System::OneTrust => onetrust && (any_onetrust || named.contains(&&profile.name)),
    })
}

/// Whether some step calls OneTrust.
fn uses_onetrust(steps: &[Step]) -> bool {
    steps.iter().any(|step| match &step.kind {
        StepKind::Action { action, .. } => action.system == System::OneTrust.word(),
        StepKind::ForEach { steps, .. } => uses_onetrust(steps),
        StepKind::Set(_)
        | StepKind::Wait(_)
        | StepKind::Assert { .. }
        | StepKind::Fail(_)
        | StepKind::Stop(_)
        | StepKind::Log(_) => false,
    })
}

/// A profile, ready to be used; its credential is read when it is first needed.
pub fn service(profile: &Profile) -> Result<Service, HostError> {
    let client = match (profile.system, &profile.credential) {
        (System::OneTrust, _) => onetrust::client(profile, Timeouts::default())?,
        (System::Braze, Credential::Token(token)) => {
            Client::new(&profile.connection, token.clone(), Timeouts::default())?
        }
        (System::Braze, Credential::OAuth2 { .. }) => return Err(HostError::NoToken(profile.name.clone())),
    };
    Ok(Service {
        name: profile.name.clone(),
        system: profile.system.word().to_owned(),
        workspace: profile.workspace.clone(),
        client,
        share: profile.share,
        limits: profile.limits.iter().map(|(id, limit)| (id.clone(), (limit.requests, limit.per))).collect(),
        any_name: false,
    })
}

/// Whether some step says itself which profile it uses.
fn names_profiles(steps: &[Step]) -> bool {
    steps.iter().any(|step| {
        step.profile.is_some()
            || matches!(&step.kind, StepKind::ForEach { steps, .. } if names_profiles(steps))
    })
}
