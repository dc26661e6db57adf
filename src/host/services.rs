//! Which profiles a workflow may use.

use crate::config::{Profile, Settings, System};
use crate::workflow::{Step, StepKind, Workflow};

/// The profiles a workflow may use: those it names, or all of the systems it calls. One that calls no
/// service at all is held to be for Braze.
pub fn profiles<'s>(settings: &'s Settings, workflow: &'s Workflow) -> impl Iterator<Item = &'s Profile> {
    let named: Vec<&String> = workflow.profiles.values().collect();
    let any = named.is_empty() || workflow.lists().any(names_profiles);
    let called = called(workflow);
    let of_systems = settings.profiles.values().filter(move |profile| called.contains(&profile.system));
    of_systems.filter(move |profile| {
        any || named.contains(&&profile.name) || !workflow.profiles.contains_key(profile.system.word())
    })
}

/// Whether a profile is there only so that a run can report about the subtask that it came from. A file
/// has none, so its credential need not be there.
pub(super) fn is_for_reports(profile: &Profile, workflow: &Workflow) -> bool {
    let steps = [&workflow.steps, &workflow.on_failure];
    profile.system == System::OneTrust && !steps.iter().any(|steps| calls(steps, profile.system))
}

/// The systems a workflow calls.
fn called(workflow: &Workflow) -> Vec<System> {
    let is_called = |system: &System| workflow.lists().any(|steps| calls(steps, *system));
    let called: Vec<System> = System::ALL.into_iter().filter(is_called).collect();
    if called.is_empty() { vec![System::Braze] } else { called }
}

/// Whether some step calls a system.
fn calls(steps: &[Step], system: System) -> bool {
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
