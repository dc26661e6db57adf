//! Which profiles a workflow may use.

use crate::config::{Profile, Settings, System};
use crate::template::Leaf;
use crate::workflow::{Report, Step, StepKind, Workflow};

/// The profiles a workflow may use: those it names, or all of the systems it calls. One that calls no
/// service at all is held to be for Braze.
pub fn profiles<'s>(settings: &'s Settings, workflow: &'s Workflow) -> impl Iterator<Item = &'s Profile> {
    let named: Vec<&String> = workflow.profiles.values().collect();
    let any = named.is_empty()
        || [&workflow.steps, &workflow.on_failure].into_iter().any(|own| names_profiles(own));
    // What a run reports goes where the subtask came from.
    let reports = workflow.report.iter().flat_map(Report::lists).flatten();
    let reports: Vec<&str> =
        reports.filter_map(|step| step.profile.as_ref().and_then(Leaf::literal)).collect();
    let systems: Vec<System> = System::ALL
        .into_iter()
        .filter(|system| workflow.lists().any(|steps| calls(steps, *system)))
        .collect();
    let is_called = move |profile: &Profile| match systems.as_slice() {
        [] => profile.system == System::Braze,
        called => called.contains(&profile.system),
    };
    let of_systems = settings.profiles.values().filter(move |profile| is_called(profile));
    of_systems.filter(move |profile| {
        let is_named = named.contains(&&profile.name) || reports.contains(&profile.name.as_str());
        any || is_named || !workflow.profiles.contains_key(profile.system.word())
    })
}

/// Whether some step calls a system.
pub(super) fn calls(steps: &[Step], system: System) -> bool {
    steps.iter().any(|step| match &step.kind {
        StepKind::Action { action, .. } => action.system == system.word(),
        StepKind::ForEach { steps, .. } => calls(steps, system),
        StepKind::Set(_)
        | StepKind::Wait(_)
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
