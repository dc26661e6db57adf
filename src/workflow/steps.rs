//! Reads the steps of a workflow, in order, loops included.
//!
//! What a step sets and that it ran becomes known to the names right after it was read, so a text is
//! always checked against what is true when it is rendered.

use super::Step;
use super::kinds::{in_loop, kind};
use super::names::Place;
use super::options::{self, Options};
use super::outline::label;
use super::reader::Reader;
use crate::source::{Content, Entry, Mistake, Node, closest};

/// What makes a step do something; each step has exactly one.
const KINDS: [&str; 9] = ["uses", "set", "for_each", "assert", "fail", "stop", "log", "wait", "approve"];
/// Kinds that a later version runs.
const LATER: [&str; 3] = ["parallel", "call", "notify"];
/// What may stand on any step.
const COMMON: [&str; 8] = ["id", "name", "if", "retry", "timeout", "repeat", "continue_on_error", "profile"];

/// What the steps of a workflow do to people.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Some step writes.
    pub writes: bool,
    /// Some step cannot be undone.
    pub irreversible: bool,
    /// Steps read so far.
    pub count: u32,
}

/// A list of steps.
pub(super) fn list(reader: &mut Reader<'_>, node: &Node, what: &str, effects: &mut Effects) -> Vec<Step> {
    let items = reader.list(what, node).unwrap_or_default();
    if items.is_empty() && matches!(node.content, Content::List(_)) {
        reader.add(
            Mistake::error("bad_value", node.at.clone(), format!("`{what}` is empty")).help("add a step"),
        );
    }
    items.iter().filter_map(|item| step(reader, item, effects)).collect()
}

fn step(reader: &mut Reader<'_>, node: &Node, effects: &mut Effects) -> Option<Step> {
    let number = effects.count;
    effects.count += 1;
    if let Some(word) = node.as_text().filter(|word| KINDS.contains(word)) {
        reader.wrong_type("step", node, "a map", Some(&format!("write `{word}: …`")));
        return None;
    }
    let entries = reader.open_map("step", node)?;
    let id = node.get("id").and_then(|id| self::id(reader, id));
    let label = label(id.as_deref(), number);
    let around = std::mem::replace(&mut reader.names.place, Place::Step(label.clone()));
    let kind_entry = which(reader, node, entries);
    let condition = node.get("if").and_then(|node| reader.question("if", node));
    let kind = match kind_entry {
        Some(entry) => {
            allowed_keys(reader, entries, entry);
            kind(reader, node, entry, number, &label, effects)
        }
        None => {
            // Steps inside one that is no loop are still looked at.
            if let Some(inner) = node.get("steps") {
                in_loop(reader, number, "item", |reader| list(reader, inner, "steps", effects));
            }
            None
        }
    };
    let name = node.get("name").and_then(|node| reader.string("name", node)).map(str::to_owned);
    let options = options::read(reader, node, kind.as_ref(), &label);
    reader.names.place = around;
    reader.names.ran.extend(id.clone());
    let Options { repeat, retry, timeout, continue_on_error, profile } = options;
    let at = node.at.clone();
    Some(Step {
        number,
        id,
        name,
        label,
        condition,
        kind: kind?,
        repeat,
        retry,
        timeout,
        continue_on_error,
        profile,
        at,
    })
}

fn id(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let id = reader.string("id", node)?;
    let mut letters = id.chars();
    let fits = letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && id.len() <= 64;
    if !fits {
        let meant = id.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let meant = meant.trim_start_matches(|c: char| !c.is_ascii_lowercase());
        let mistake = Mistake::error("bad_id", node.at.clone(), format!("`{id}` is no id for a step"));
        reader.add(if meant.is_empty() || meant.len() > 64 {
            mistake.help("use a lower-case letter, then lower-case letters, digits and `_`, at most 64")
        } else {
            mistake.help(format!(
                "write `{meant}`: a lower-case letter, then lower-case letters, digits and `_`"
            ))
        });
    }
    // Even a bad id is what later steps mean.
    Some(id.to_owned())
}

/// The one entry that says what a step does.
fn which<'n>(reader: &mut Reader<'_>, node: &Node, entries: &'n [Entry]) -> Option<&'n Entry> {
    let is_kind = |entry: &&Entry| KINDS.contains(&entry.key.as_str()) || LATER.contains(&entry.key.as_str());
    let mut kinds = entries.iter().filter(is_kind);
    let Some(first) = kinds.next() else {
        no_kind(reader, node, entries);
        return None;
    };
    if let Some(second) = kinds.next() {
        reader.add(
            Mistake::error(
                "several_kinds",
                second.key_at.clone(),
                format!("a step is either `{}` or `{}`", first.key, second.key),
            )
            .label("one too many")
            .help("make two steps"),
        );
    }
    if LATER.contains(&first.key.as_str()) {
        reader.not_available(first.key_at.clone(), &format!("`{}`", first.key));
        return None;
    }
    Some(first)
}

fn no_kind(reader: &mut Reader<'_>, node: &Node, entries: &[Entry]) {
    let listed = KINDS.map(|kind| format!("`{kind}`")).join(", ");
    let belongs = |key: &str| COMMON.contains(&key) || ["with", "steps", "as", "success_when"].contains(&key);
    let mut told = false;
    for entry in entries.iter().filter(|entry| !belongs(&entry.key)) {
        // What is near to a word of any step is a slip in that; else it was meant to be the kind.
        if let Some(meant) = closest(&entry.key, COMMON).filter(|_| closest(&entry.key, KINDS).is_none()) {
            reader.add(
                Mistake::error("unknown_key", entry.key_at.clone(), format!("unknown key `{}`", entry.key))
                    .label("no key of a step")
                    .help(format!("did you mean `{meant}`?")),
            );
            continue;
        }
        let mistake = Mistake::error(
            "unknown_step",
            entry.key_at.clone(),
            format!("unknown kind of step `{}`", entry.key),
        );
        let suggested = mistake.clone().suggest(&entry.key, KINDS);
        reader.add(if suggested.help.is_some() {
            suggested
        } else {
            mistake.help(format!("a step is one of {listed}"))
        });
        told = true;
    }
    if !told {
        let mistake = Mistake::error("unknown_step", node.head(), "this step does nothing");
        reader.add(match (node.get("steps"), node.get("with")) {
            (Some(_), _) => mistake.help("add `for_each` to loop, or put `if` on each of the inner steps"),
            (None, Some(_)) => mistake.help("add `uses`, with the name of an action"),
            (None, None) => mistake.help(format!("a step is one of {listed}")),
        });
    }
}

fn own_keys(kind: &str) -> &'static [&'static str] {
    match kind {
        "uses" => &["with", "success_when"],
        "for_each" => &["steps", "as"],
        _ => &[],
    }
}

fn allowed_keys(reader: &mut Reader<'_>, entries: &[Entry], kind: &Entry) {
    let own = own_keys(&kind.key);
    // A step of two kinds was told already; whose key is whose is not told again.
    let is_own = |key: &str| entries.iter().any(|entry| own_keys(&entry.key).contains(&key));
    for entry in entries {
        let key = entry.key.as_str();
        let is_kind = KINDS.contains(&key) || LATER.contains(&key);
        if is_kind || COMMON.contains(&key) || is_own(key) {
            continue;
        }
        match ["uses", "for_each"].into_iter().find(|other| own_keys(other).contains(&key)) {
            Some(other) => reader.add(
                Mistake::error(
                    "unknown_key",
                    entry.key_at.clone(),
                    format!("`{key}` does not belong to `{}`", kind.key),
                )
                .label(format!("belongs to a `{other}` step")),
            ),
            None => {
                let keys: Vec<&str> = own.iter().chain(&COMMON).copied().collect();
                reader.unknown_key(entry, &format!("of {} `{}` step", article(&kind.key), kind.key), &keys);
            }
        }
    }
}

/// What stands before a word.
pub(super) fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" }
}
