//! What a workflow needs of the profiles it uses.

use crate::catalogue::Action;
use crate::config::{Hook, Profile, Settings, Shape, System};
use crate::onetrust::Need;
use crate::workflow::{Step, StepKind, Workflow};

/// What is needed of one profile.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Of OneTrust.
    pub onetrust: Vec<Need>,
    /// Of Braze: what the workflow calls.
    pub braze: Vec<&'static Action>,
}

impl Needs {
    /// What a workflow needs of a profile that it uses with these settings.
    pub fn of(workflow: &Workflow, profile: &Profile, settings: &Settings) -> Needs {
        let mut actions: Vec<&'static Action> = Vec::new();
        for steps in workflow.lists() {
            gather(steps, profile.system, &mut actions);
        }
        match profile.system {
            System::Braze | System::Folder => Needs { onetrust: Vec::new(), braze: actions },
            System::OneTrust => {
                let subtasks = workflow.on.onetrust_subtask.as_ref();
                let consents = workflow.on.onetrust_consent.as_ref();
                let subtasks = subtasks.filter(|trigger| trigger.profile == profile.name);
                let consents = consents.filter(|trigger| trigger.profile == profile.name);
                let mut onetrust: Vec<Need> = subtasks
                    .map(|trigger| Need::of_subtasks(!trigger.systems.is_empty()))
                    .into_iter()
                    .collect();
                onetrust.extend(consents.map(|trigger| Need::of_consents(trigger.feed)));
                let hook =
                    hook(workflow, settings).filter(|hook| hook.profile.as_ref() == Some(&profile.name));
                onetrust.extend(hook.map(|hook| Need {
                    what: format!("the hook `{}`", hook.name),
                    ..Need::of_subtasks(false)
                }));
                onetrust.extend(actions.into_iter().map(Need::of_action));
                Needs { onetrust, braze: Vec::new() }
            }
        }
    }

    /// Whether some trigger of a workflow asks a profile.
    pub fn is_asked(workflow: &Workflow, profile: &Profile, settings: &Settings) -> bool {
        let subtasks = workflow.on.onetrust_subtask.as_ref().map(|trigger| &trigger.profile);
        let consents = workflow.on.onetrust_consent.as_ref().map(|trigger| &trigger.profile);
        let hook = hook(workflow, settings).and_then(|hook| hook.profile.as_ref());
        [subtasks, consents, hook].contains(&Some(&profile.name))
    }
}

/// The hook that starts a workflow, when its calls name subtasks: they are read in OneTrust then.
fn hook<'s>(workflow: &Workflow, settings: &'s Settings) -> Option<&'s Hook> {
    let trigger = workflow.on.webhook.as_ref()?;
    settings.hooks.get(&trigger.hook).filter(|hook| hook.shape == Shape::Subtask)
}

/// The actions of a system that steps call, each once.
fn gather(steps: &[Step], system: System, actions: &mut Vec<&'static Action>) {
    for step in steps {
        match &step.kind {
            StepKind::Action { action, .. } => {
                if action.system == system.word() && !actions.iter().any(|known| known.id == action.id) {
                    actions.push(action);
                }
            }
            StepKind::Composed(composed) => {
                for action in composed.actions().filter(|action| action.system == system.word()) {
                    if !actions.iter().any(|known| known.id == action.id) {
                        actions.push(action);
                    }
                }
            }
            StepKind::ForEach { steps, .. } => gather(steps, system, actions),
            StepKind::Set(_)
            | StepKind::Wait(_)
            | StepKind::Approve(_)
            | StepKind::Assert { .. }
            | StepKind::Fail(_)
            | StepKind::Stop(_)
            | StepKind::Log(_) => {}
        }
    }
}
