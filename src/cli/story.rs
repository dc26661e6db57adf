//! What people ask of the sandbox's OneTrust while `serve --sandbox` is watched: for each trigger of the
//! workflows, requests and consents that it takes.

use std::sync::Arc;
use std::time::Duration;

use crate::request::Kind;
use crate::sandbox::{Identity, Statement, Story, Task};
use crate::workflow::{ConsentTrigger, Identifier, SubtaskTrigger, Workflow};

/// How many of each kind happen at once, so that something is seen within seconds.
const AT_START: usize = 2;

/// How long until the next; the sandbox's own time may run ahead of it.
const EVERY: Duration = Duration::from_secs(5);

/// A purpose of the shipped workflows.
const PURPOSE: (&str, &str) = ("Newsletter", "a4e8b3d5-1c72-4f69-b0e7-92d3f6a1c833");

/// The field in which somebody tells the shipped workflow what is right.
const CORRECTED: &str = "New first name";

/// What starts these workflows.
pub(super) fn of(workflows: &[Arc<Workflow>]) -> Story {
    let triggers = || workflows.iter().map(|workflow| &workflow.on);
    Story {
        tasks: triggers().filter_map(|on| on.onetrust_subtask.as_ref()).flat_map(tasks).collect(),
        statements: triggers().filter_map(|on| on.onetrust_consent.as_ref()).map(statement).collect(),
        at_start: AT_START,
        every: EVERY,
    }
}

/// One kind of request for each name that the trigger takes.
fn tasks(trigger: &SubtaskTrigger) -> Vec<Task> {
    let rules = &trigger.rules;
    let request_type = rules.request_types.first().cloned().unwrap_or_else(|| type_of(rules.kind).to_owned());
    let mut fields = named(rules.identifiers.iter());
    if rules.kind == Some(Kind::Rectification) {
        fields.push((CORRECTED.to_owned(), Identity::ExternalId));
    }
    let task = Task {
        system: trigger.systems.first().cloned(),
        request_type,
        stage: rules.stages.first().cloned(),
        fields,
        ..Task::default()
    };
    if rules.names.is_empty() {
        return vec![task];
    }
    rules.names.iter().map(|name| Task { name: name.clone(), ..task.clone() }).collect()
}

/// A request type that is read as a kind.
fn type_of(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::Access) => "Access",
        Some(Kind::Rectification) => "Rectification",
        Some(Kind::OptOut) => "Opt Out",
        Some(Kind::Deletion | Kind::Consent | Kind::Other) | None => "Erasure",
    }
}

pub(super) fn statement(trigger: &ConsentTrigger) -> Statement {
    let rules = &trigger.rules;
    let (purpose, id) = match rules.purposes.first() {
        Some(id) => (id.as_str(), id.as_str()),
        None => PURPOSE,
    };
    Statement {
        purpose: purpose.to_owned(),
        purpose_id: Some(id.to_owned()),
        identifier: identity(rules.identifier),
        elements: named(rules.data_elements.iter()),
    }
}

fn named<'a>(fields: impl Iterator<Item = (&'a Identifier, &'a String)>) -> Vec<(String, Identity)> {
    fields.map(|(identifier, label)| (label.clone(), identity(*identifier))).collect()
}

fn identity(identifier: Identifier) -> Identity {
    match identifier {
        Identifier::ExternalId => Identity::ExternalId,
        Identifier::Email => Identity::Email,
        Identifier::Phone => Identity::Phone,
        Identifier::BrazeId => Identity::BrazeId,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::workflow::{Known, load};

    #[test]
    fn people_ask_for_what_the_triggers_of_workflows_take() {
        let text = "workflow: w\nprofiles: { onetrust: o }\non:\n  onetrust_subtask: { profile: o, names: [Erase, Forget], \
                    request_types: [Deletion], identifiers: { external_id: Customer number } }\n  \
                    onetrust_consent: { profile: o, feed: profiles }\nsteps:\n  - log: hello\n";
        let (workflow, mistakes) = load(&Source::new("w.yaml", text), &Known::default());
        let workflow = workflow.unwrap_or_else(|| panic!("{mistakes:?}"));

        let story = of(&[Arc::new(workflow)]);

        let tasks: Vec<_> =
            story.tasks.iter().map(|task| (task.name.as_str(), task.request_type.as_str())).collect();
        assert_eq!(tasks, [("Erase", "Deletion"), ("Forget", "Deletion")]);
        assert_eq!(story.tasks[0].fields, [("Customer number".to_owned(), Identity::ExternalId)]);
        assert_eq!((story.statements.len(), story.statements[0].identifier), (1, Identity::Email));
    }
}
