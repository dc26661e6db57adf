//! Reads `notify`: of what people are told, and in which channels of the settings.

use std::time::Duration;

use super::reader::Reader;
use super::triggers::bad_word;
use crate::source::{Mistake, Node};

/// How long before a deadline people are told where the workflow does not say: time enough to act.
const BEFORE: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Something that people may want to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Occasion {
    /// Requests failed, finally.
    Failure,
    /// Requests wait for a person.
    Waiting,
    /// A deadline is near and its request is not over.
    Deadline,
    /// People who were erased are there again, or it is not known whether they are.
    CameBack,
}

impl Occasion {
    /// All of them.
    pub const ALL: [Occasion; 4] =
        [Occasion::Failure, Occasion::Waiting, Occasion::Deadline, Occasion::CameBack];

    /// How workflows name it.
    pub fn word(self) -> &'static str {
        match self {
            Occasion::Failure => "failure",
            Occasion::Waiting => "waiting",
            Occasion::Deadline => "deadline",
            Occasion::CameBack => "came_back",
        }
    }
}

/// What people are told of a workflow, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Of what; default everything.
    pub on: Vec<Occasion>,
    /// Channels under `notify` of the settings; at least one.
    pub to: Vec<String>,
    /// How long before a deadline; default three days.
    pub before: Duration,
}

/// Reads `notify`; `None` after a mistake.
pub(super) fn notify(reader: &mut Reader<'_>, node: &Node) -> Option<Notify> {
    reader.map("notify", node, &["on", "to", "before"])?;
    let on = match node.get("on") {
        None => Some(Occasion::ALL.to_vec()),
        Some(node) => occasions(reader, node),
    };
    let to = reader.required("notify", "to", node).and_then(|node| channels(reader, node));
    let before = match node.get("before") {
        None => Some(BEFORE),
        Some(node) => reader.pause("notify.before", node),
    };
    Some(Notify { on: on?, to: to?, before: before? })
}

fn occasions(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Occasion>> {
    let items = some(reader, "notify.on", node)?;
    let mut found = Vec::new();
    for item in items {
        let Some(word) = reader.string("notify.on[…]", item) else { continue };
        match Occasion::ALL.into_iter().find(|occasion| occasion.word() == word) {
            Some(occasion) => found.push(occasion),
            None => bad_word(reader, item, word, "occasion", &Occasion::ALL.map(Occasion::word)),
        }
    }
    (found.len() == items.len()).then_some(found)
}

fn channels(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    let items = some(reader, "notify.to", node)?;
    let mut found = Vec::new();
    for item in items {
        let Some(name) = reader.string("notify.to[…]", item) else { continue };
        if let Some(known) = &reader.known.channels
            && !known.iter().any(|known| known == name)
        {
            let message = format!("there is no channel `{name}` under `notify` of the settings");
            let mistake = Mistake::error("unknown_channel", item.at.clone(), message);
            let suggested = mistake.clone().suggest(name, known.iter().map(String::as_str));
            reader.add(match suggested.help {
                Some(_) => suggested,
                None => mistake.help("add it under `notify` of `privaflow.yaml`"),
            });
            continue;
        }
        found.push(name.to_owned());
    }
    (found.len() == items.len()).then_some(found)
}

/// A list that is not empty.
fn some<'n>(reader: &mut Reader<'_>, what: &str, node: &'n Node) -> Option<&'n [Node]> {
    let items = reader.list(what, node)?;
    if items.is_empty() {
        let message = format!("`{what}` is empty, so nobody would be told");
        reader.add(
            Mistake::error("bad_value", node.at.clone(), message).help("leave `notify` out, or name some"),
        );
        return None;
    }
    Some(items)
}
