//! The profiles a workflow may use, ready to be used.

use std::sync::Arc;

use super::error::HostError;
use crate::config::{Credential, Profile, Settings, System};
use crate::engine::Service;
use crate::onetrust;
use crate::wire::{Client, Timeouts};
use crate::workflow::{Step, StepKind, Workflow};

/// The profiles a workflow may use, ready to be used; their credentials are read now.
pub async fn services(settings: &Settings, workflow: &Workflow) -> Result<Vec<Arc<Service>>, HostError> {
    let mut services = Vec::new();
    for profile in profiles(settings, workflow) {
        profile.check().await?;
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
    let any = named.is_empty() || names_profiles(&workflow.steps);
    let of_braze = settings.profiles.values().filter(|profile| profile.system == System::Braze);
    of_braze.filter(move |profile| any || named.contains(&&profile.name))
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
