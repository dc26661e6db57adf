//! What a workflow needs of the profiles it uses.
//!
//! A step that a switch keeps off needs nothing: its condition is false whatever the data, since it reads a variable
//! that the workflow spells out and never sets. What any other condition decides is needed, and said to be.

use std::collections::HashSet;

use serde_json::Value;

use crate::catalogue::Action;
use crate::condition::Condition;
use crate::config::{Hook, Profile, Settings, Shape, System};
use crate::onetrust::Need;
use crate::workflow::{Step, StepKind, Workflow};

/// What is needed of one profile.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Of OneTrust.
    pub onetrust: Vec<Need>,
    /// Of Braze: what the workflow calls.
    pub braze: Vec<Calls>,
}

/// An action that a workflow calls.
#[derive(Debug, Clone)]
pub struct Calls {
    /// Which.
    pub action: &'static Action,
    /// The step on whose condition it depends whether it is called, where no other calls it.
    pub only_when: Option<String>,
}

impl Calls {
    /// For people.
    pub(super) fn words(&self) -> String {
        let action = format!("the action `{}`", self.action.name());
        match &self.only_when {
            Some(step) => format!("{action} (only when the condition of the step `{step}` holds)"),
            None => action,
        }
    }
}

impl Needs {
    /// What a workflow needs of a profile that it uses with these settings.
    pub fn of(workflow: &Workflow, profile: &Profile, settings: &Settings) -> Needs {
        let mut calls = Gathered { switches: switches(workflow), system: profile.system, calls: Vec::new() };
        workflow.lists().for_each(|steps| calls.gather(steps, None));
        let actions = calls.calls;
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
                onetrust.extend(
                    actions.iter().map(|calls| Need { what: calls.words(), ..Need::of_action(calls.action) }),
                );
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

/// What always stands in the variables that a workflow spells out and no step of it sets.
fn switches(workflow: &Workflow) -> Vec<(&str, Value)> {
    fn walk<'w>(steps: &'w [Step], set: &mut HashSet<&'w str>) {
        for step in steps {
            match &step.kind {
                StepKind::Set(settings) => set.extend(settings.iter().map(|(name, _)| name.as_str())),
                StepKind::ForEach { steps, .. } => walk(steps, set),
                _ => {}
            }
        }
    }
    let mut set = HashSet::new();
    workflow.lists().for_each(|steps| walk(steps, &mut set));
    let fixed = workflow.vars.iter().filter(|(name, _)| !set.contains(name.as_str()));
    fixed.filter_map(|(name, tree)| Some((name.as_str(), tree.root().literal()?))).collect()
}

/// The actions of a system that steps call, each once.
struct Gathered<'w> {
    switches: Vec<(&'w str, Value)>,
    system: System,
    calls: Vec<Calls>,
}

impl Gathered<'_> {
    fn gather(&mut self, steps: &[Step], around: Option<&str>) {
        for step in steps {
            if step.condition.as_ref().is_some_and(|condition| self.is_never(condition)) {
                continue;
            }
            let only_when = around.or(step.condition.as_ref().map(|_| step.label.as_str()));
            match &step.kind {
                StepKind::Action { action, .. } => self.add(action, only_when),
                StepKind::Composed(composed) => {
                    composed.actions().for_each(|action| self.add(action, only_when));
                }
                StepKind::ForEach { steps, .. } => self.gather(steps, only_when),
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

    fn is_never(&self, condition: &Condition) -> bool {
        condition.is_never(&|path| match path {
            ["vars", name, rest @ ..] => {
                let value = self.switches.iter().find(|(known, _)| known == name).map(|(_, value)| value)?;
                rest.iter().try_fold(value, |value, member| value.get(member)).cloned()
            }
            _ => None,
        })
    }

    fn add(&mut self, action: &'static Action, only_when: Option<&str>) {
        if action.system != self.system.word() {
            return;
        }
        match self.calls.iter_mut().find(|known| known.action.id == action.id) {
            // Of two steps each on a condition of its own the first is named.
            Some(known) if only_when.is_none() => known.only_when = None,
            Some(_) => {}
            None => self.calls.push(Calls { action, only_when: only_when.map(str::to_owned) }),
        }
    }
}
