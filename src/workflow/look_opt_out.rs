//! Opt-outs that a workflow sets after an erasure, in a look that erases again.
//!
//! Braze forgets the state of an address with its last profile, also with one that a look erases. So a look keeps
//! the steps that do nothing but unsubscribe addresses, of all that write, behind the step that erases. The rule
//! that keeps it right: they are carried out only where somebody was erased again, and whoever chose anew since is
//! past them, as ever. Where a look cannot have such a step, `validate` says so.

use serde_json::Value;

use super::watch::Again;
use crate::source::{Content, Node, Source, yaml};

/// Whether a step keeps addresses unsubscribed, and can do nothing else.
pub(super) fn opts_out(step: &Node) -> bool {
    let state = step.get("with").and_then(|with| with.get("subscription_state")).and_then(Node::as_text);
    step.get("uses").and_then(Node::as_text) == Some("braze/email.status") && state == Some("unsubscribed")
}

/// Such a step in a look: only where somebody was erased again. Nobody else's choice is touched.
pub(super) fn opted_out_again(step: &Node, erased: &str) -> Value {
    let mut whole = step.to_json();
    let condition = format!("steps.{erased}.status == \"done\"");
    let condition = match step.get("if").and_then(Node::as_text) {
        Some(own) => format!("{condition} && ({own})"),
        None => condition,
    };
    whole
        .as_object_mut()
        .into_iter()
        .for_each(|step| drop(step.insert("if".to_owned(), condition.clone().into())));
    whole
}

/// Whether a look that erases leaves out a step that keeps addresses unsubscribed.
pub(super) fn loses_opt_outs(root: &Node, look: &Source) -> bool {
    let count = |root: &Node| root.get("steps").map_or(0, opt_outs);
    let again = root.get("watch").and_then(|watch| watch.get("again")).and_then(Node::as_text);
    again == Some(Again::Erase.word()) && count(&yaml::read(&look.text).0) < count(root)
}

fn opt_outs(steps: &Node) -> usize {
    let Content::List(steps) = &steps.content else { return 0 };
    let of = |step: &Node| step.get("steps").map_or_else(|| usize::from(opts_out(step)), opt_outs);
    steps.iter().map(of).sum()
}
