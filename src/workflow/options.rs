//! Reads what may stand on any step beside what it does: tries, times and whose credentials.

use std::time::Duration;

use super::names::Place;
use super::reader::Reader;
use super::{Repeat, Retry, StepKind, action, retry};
use crate::catalogue::Action;
use crate::source::Node;
use crate::template::Leaf;

/// The options of one step.
#[derive(Debug)]
pub(super) struct Options {
    pub repeat: Option<Repeat>,
    pub retry: Retry,
    pub timeout: Option<Duration>,
    pub continue_on_error: bool,
    pub profile: Option<Leaf>,
}

/// Reads the options of a step; `kind` is what it does, if that could be read.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node, kind: Option<&StepKind>, label: &str) -> Options {
    let is_action = node.get("uses").is_some();
    let is_loop = node.get("for_each").is_some();
    let is_asked = node.get("approve").is_some();
    for key in ["retry", "timeout", "repeat", "profile"] {
        let entry = node.as_map().and_then(|entries| entries.iter().find(|entry| entry.key == key));
        // Steps that never call are done at once: a time-out or profile changes nothing there.
        if let Some(entry) = entry.filter(|_| !is_action && (is_loop || is_asked || key == "repeat")) {
            reader.not_available(entry.key_at.clone(), &format!("`{key}` on a step that is no action"));
        }
    }
    let is_composed = matches!(kind, Some(StepKind::Composed(_)));
    if let Some(entry) = node.as_map().and_then(|entries| entries.iter().find(|entry| entry.key == "repeat"))
        && is_composed
    {
        reader.not_available(entry.key_at.clone(), "`repeat` on an action that is made of others");
    }
    let action = match kind {
        Some(StepKind::Action { action, .. }) => Some(*action),
        Some(StepKind::Composed(composed)) => composed.action.first(),
        _ => None,
    };
    let options = Options {
        repeat: node
            .get("repeat")
            .filter(|_| !is_composed)
            .and_then(|node| repeat(reader, node, label, action)),
        retry: node.get("retry").and_then(|node| retry::read(reader, node)).unwrap_or_default(),
        timeout: node.get("timeout").and_then(|node| reader.pause("timeout", node)),
        continue_on_error: node
            .get("continue_on_error")
            .and_then(|node| reader.boolean("continue_on_error", node))
            .unwrap_or_default(),
        profile: node.get("profile").and_then(|node| reader.leaf("profile", node)),
    };
    let Some(action) = action else { return options };
    match (node.get("profile"), node.get("uses")) {
        (Some(node), _) => {
            if let Some(name) = options.profile.as_ref().and_then(Leaf::literal) {
                action::check_profile(reader, name, &action.system, node);
            }
        }
        (None, Some(uses)) => action::check_default_profile(reader, &action.system, uses),
        (None, None) => {}
    }
    options
}

fn repeat(
    reader: &mut Reader<'_>,
    node: &Node,
    label: &str,
    action: Option<&'static Action>,
) -> Option<Repeat> {
    reader.map("repeat", node, &["every", "at_most", "until"])?;
    let every = reader.required("repeat", "every", node).and_then(|node| reader.pause("repeat.every", node));
    let at_most =
        reader.required("repeat", "at_most", node).and_then(|node| reader.pause("repeat.at_most", node));
    let until = reader.required("repeat", "until", node).and_then(|node| {
        let place = Place::Reply(label.to_owned(), action);
        reader.at_place(place, |reader| reader.question("repeat.until", node))
    });
    Some(Repeat { every: every?, at_most: at_most?, until: until? })
}
