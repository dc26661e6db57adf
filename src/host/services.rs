//! Which profiles a workflow may use.

use crate::config::{Profile, Settings, System};
use crate::template::Leaf;
use crate::workflow::{Report, Step, StepKind, Workflow};

/// The profiles a workflow may use: those it names, or all of the systems it calls. What a run reports goes
/// where its request came from, so any profile of OneTrust may be meant then. One that calls no service at
/// all is held to be for Braze.
pub fn profiles<'s>(settings: &'s Settings, workflow: &'s Workflow) -> impl Iterator<Item = &'s Profile> {
    let mut reports = workflow.report.iter().flat_map(Report::lists).flatten();
    let reports = reports.any(|step| step.profile.is_none());
    let named: Vec<&str> = literal_profiles(workflow).collect();
    let systems: Vec<System> = System::ALL
        .into_iter()
        .filter(|system| workflow.lists().any(|steps| calls(steps, *system)))
        .collect();
    let is_called = move |profile: &&Profile| match systems.as_slice() {
        [] => profile.system == System::Braze,
        called => called.contains(&profile.system),
    };
    settings.profiles.values().filter(is_called).filter(move |profile| {
        let may_be_reported_to = reports && profile.system == System::OneTrust;
        may_be_reported_to || named.contains(&profile.name.as_str()) || may_be_meant(workflow, profile)
    })
}

/// Whether the steps that stand in a workflow may call a profile, so that its credentials are needed.
pub(super) fn is_called(workflow: &Workflow, profile: &Profile) -> bool {
    let own = [&workflow.steps, &workflow.on_failure];
    own.into_iter().any(|steps| calls(steps, profile.system)) && may_be_meant(workflow, profile)
}

/// Whether a step that names no profile, or names it by a template, may mean this one.
fn may_be_meant(workflow: &Workflow, profile: &Profile) -> bool {
    let own = [&workflow.steps, &workflow.on_failure];
    match workflow.profiles.get(profile.system.word()) {
        Some(named) => *named == profile.name || own.into_iter().any(|steps| names_profiles(steps)),
        None => true,
    }
}

/// The profiles that a report names.
fn literal_profiles(workflow: &Workflow) -> impl Iterator<Item = &str> {
    let reports = workflow.report.iter().flat_map(Report::lists).flatten();
    reports.filter_map(|step| step.profile.as_ref().and_then(Leaf::literal))
}

/// Whether some step calls a system.
fn calls(steps: &[Step], system: System) -> bool {
    steps.iter().any(|step| match &step.kind {
        StepKind::Action { action, .. } => action.system == system.word(),
        StepKind::Composed(composed) => composed.action.system == system.word(),
        StepKind::ForEach { steps, .. } => calls(steps, system),
        StepKind::Set(_)
        | StepKind::Wait(_)
        | StepKind::Approve(_)
        | StepKind::Assert { .. }
        | StepKind::Fail(_)
        | StepKind::Stop(_)
        | StepKind::Log(_) => false,
    })
}

/// Whether some step says itself which profile it uses.
fn names_profiles(steps: &[Step]) -> bool {
    steps.iter().any(|step| {
        step.profile.is_some()
            || matches!(&step.kind, StepKind::ForEach { steps, .. } if names_profiles(steps))
    })
}
