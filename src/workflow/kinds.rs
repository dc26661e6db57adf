//! Reads what a step does: one function for each kind, in the shapes that people write.
//!
//! A kind that takes one text takes it as it stands or in a map: `fail: …` is `fail: { message: … }`.

use super::names::is_taken;
use super::reader::Reader;
use super::steps::{Effects, list};
use super::{Approve, Setting, StepKind, action};
use crate::catalogue::Effect;
use crate::source::{Content, Entry, Mistake, Node};
use crate::template::Leaf;

/// What a step does, by the entry that says so.
pub(super) fn kind(
    reader: &mut Reader<'_>,
    step: &Node,
    entry: &Entry,
    number: u32,
    label: &str,
    effects: &mut Effects,
) -> Option<StepKind> {
    let node = &entry.value;
    match entry.key.as_str() {
        "uses" => {
            let kind = action::kind(reader, step, node, label);
            let actions: Vec<_> = match &kind {
                Some(StepKind::Action { action, .. }) => vec![*action],
                Some(StepKind::Composed(composed)) => composed.actions().collect(),
                _ => Vec::new(),
            };
            effects.writes |= actions.iter().any(|action| action.effect.writes());
            effects.irreversible |= actions.iter().any(|action| action.effect == Effect::Irreversible);
            kind
        }
        "set" => set(reader, node),
        "for_each" => for_each(reader, step, entry, number, effects),
        "assert" => assert(reader, node),
        "fail" => message(reader, "fail", node, "message").map(StepKind::Fail),
        "log" => message(reader, "log", node, "message").map(StepKind::Log),
        "stop" => match &node.content {
            Content::Null | Content::Bool(true) => Some(StepKind::Stop(None)),
            _ => message(reader, "stop", node, "reason").map(|reason| StepKind::Stop(Some(reason))),
        },
        "wait" => wait(reader, node),
        "approve" => approve(reader, node).map(StepKind::Approve),
        _ => None,
    }
}

fn set(reader: &mut Reader<'_>, node: &Node) -> Option<StepKind> {
    let entries = reader.open_map("set", node)?;
    let mut settings = Vec::with_capacity(entries.len());
    for entry in entries {
        variable_name(reader, entry);
        let setting = match &entry.value.content {
            Content::Null | Content::Bool(_) | Content::Number(_) => {
                Some(Setting::Literal(entry.value.to_json()))
            }
            Content::Text(..) => {
                reader.condition(&format!("set.{}", entry.key), &entry.value).map(Setting::Expression)
            }
            Content::List(_) | Content::Map(_) => {
                let help = "write it as one CEL string, such as `\"[1, 2]\"`, or put it under `vars`";
                reader.wrong_type(
                    &format!("set.{}", entry.key),
                    &entry.value,
                    "a CEL expression",
                    Some(help),
                );
                None
            }
            Content::Broken => None,
        };
        settings.extend(setting.map(|setting| (entry.key.clone(), setting)));
        // The next value of the same step may read this one.
        reader.names.vars.insert(entry.key.clone(), None);
    }
    Some(StepKind::Set(settings))
}

/// Tells a name under which no text could read what is set.
fn variable_name(reader: &mut Reader<'_>, entry: &Entry) {
    let mut letters = entry.key.chars();
    let is_first = |c: char| c.is_alphabetic() || c == '_';
    let fits =
        letters.next().is_some_and(is_first) && letters.all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if !fits {
        let message = format!("`{}` cannot be read as a name", entry.key);
        reader.add(
            Mistake::error("bad_name", entry.key_at.clone(), message)
                .label("`vars.…` cannot reach it")
                .help("use letters, digits and `_`, and begin with a letter"),
        );
    }
}

fn for_each(
    reader: &mut Reader<'_>,
    step: &Node,
    entry: &Entry,
    number: u32,
    effects: &mut Effects,
) -> Option<StepKind> {
    let items = reader.condition("for_each", &entry.value);
    let name = step.get("as").map_or(Some("item".to_owned()), |node| item_name(reader, node));
    let steps = match step.get("steps") {
        Some(inner) => in_loop(reader, number, name.as_deref().unwrap_or("item"), |reader| {
            list(reader, inner, "steps", effects)
        }),
        None => {
            reader.missing_key("steps", entry.key_at.clone(), "a loop");
            return None;
        }
    };
    Some(StepKind::ForEach { list: items?, name: name?, steps })
}

fn item_name(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let name = reader.string("as", node)?;
    let mut letters = name.chars();
    let fits = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    let mistake = if !fits {
        Mistake::error("bad_name", node.at.clone(), format!("`{name}` cannot be read as a name"))
            .help("use letters, digits and `_`, and begin with a letter")
    } else if is_taken(name) {
        Mistake::error(
            "bad_name",
            node.at.clone(),
            format!("`{name}` already means something in every workflow"),
        )
        .help("call the item otherwise")
    } else {
        return Some(name.to_owned());
    };
    reader.add(mistake);
    None
}

/// Reads the inside of a loop: what runs and is set there is not known after it.
pub(super) fn in_loop<T>(
    reader: &mut Reader<'_>,
    number: u32,
    item: &str,
    read: impl FnOnce(&mut Reader<'_>) -> T,
) -> T {
    let (vars, ran) = (reader.names.vars.clone(), reader.names.ran.clone());
    reader.names.loops.push(number);
    reader.names.items.push(item.to_owned());
    let result = read(reader);
    reader.names.items.pop();
    reader.names.loops.pop();
    (reader.names.vars, reader.names.ran) = (vars, ran);
    result
}

fn assert(reader: &mut Reader<'_>, node: &Node) -> Option<StepKind> {
    if node.as_map().is_none() {
        return Some(StepKind::Assert { that: reader.question("assert", node)?, message: None });
    }
    reader.map("assert", node, &["that", "message"]);
    let message = node.get("message").and_then(|node| reader.leaf("assert.message", node));
    let that = reader.required("assert", "that", node)?;
    Some(StepKind::Assert { that: reader.question("assert.that", that)?, message })
}

/// A template, or a map whose one member is a template.
fn message(reader: &mut Reader<'_>, what: &str, node: &Node, member: &str) -> Option<Leaf> {
    if node.as_map().is_none() {
        return reader.leaf(what, node);
    }
    reader.map(what, node, &[member]);
    let inner = reader.required(what, member, node)?;
    reader.leaf(&format!("{what}.{member}"), inner)
}

fn wait(reader: &mut Reader<'_>, node: &Node) -> Option<StepKind> {
    if node.as_map().is_none() {
        return reader.duration("wait", node).map(StepKind::Wait);
    }
    if let Some(until) = node.as_map().and_then(|entries| entries.iter().find(|entry| entry.key == "until")) {
        reader.not_available(until.key_at.clone(), "`wait: { until: … }`");
        return None;
    }
    reader.map("wait", node, &["for"]);
    let pause = reader.required("wait", "for", node)?;
    reader.duration("wait.for", pause).map(StepKind::Wait)
}

/// What somebody is asked: nothing, a text, or a map with who may answer.
fn approve(reader: &mut Reader<'_>, node: &Node) -> Option<Approve> {
    match &node.content {
        Content::Null | Content::Bool(true) => return Some(Approve { message: None, approvers: Vec::new() }),
        Content::Text(..) => {
            let message = reader.leaf("approve", node)?;
            return Some(Approve { message: Some(message), approvers: Vec::new() });
        }
        _ => {}
    }
    reader.map("approve", node, &["message", "approvers"])?;
    let message = match node.get("message") {
        Some(node) => Some(reader.leaf("approve.message", node)?),
        None => None,
    };
    let mut approvers = Vec::new();
    if let Some(list) = node.get("approvers") {
        let items = reader.list("approve.approvers", list)?;
        if items.is_empty() {
            let message = "`approve.approvers` is empty, so nobody could ever say yes";
            reader.add(
                Mistake::error("bad_value", list.at.clone(), message)
                    .help("leave it out, or name who may answer, as their system knows them"),
            );
            return None;
        }
        for item in items {
            approvers.push(reader.string("approve.approvers[…]", item)?.to_owned());
        }
    }
    Some(Approve { message, approvers })
}
