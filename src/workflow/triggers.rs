//! Reads `on` and `guard`: what starts a workflow and how far it may go unasked.
//!
//! Triggers that only `serve` acts on have files of their own; here is which there are.

use super::names::Place;
use super::reader::Reader;
use super::{FileTrigger, Format, Guard, On, map, triggers_onetrust, triggers_schedule};
use crate::request::Kind;
use crate::source::{Content, Mistake, Node};

const TRIGGERS: [&str; 5] = ["file", "onetrust_subtask", "onetrust_consent", "schedule", "webhook"];

/// What starts a workflow.
pub(super) fn on(reader: &mut Reader<'_>, root: &Node) -> On {
    let mut on = On::default();
    let node = root.get("on");
    let Some(node) = node.filter(|node| !node.as_map().is_some_and(<[_]>::is_empty)) else {
        let at = node.map_or(root.head(), |node| node.at.clone());
        reader.add(
            Mistake::warning("no_trigger", at, "nothing starts this workflow")
                .help("write `on: { file: {} }` to run it on files of requests"),
        );
        return on;
    };
    if let Some(word) = node.as_text().filter(|word| TRIGGERS.contains(word)) {
        let inside = if word == "file" { "{}" } else { "{ … }" };
        reader.wrong_type("on", node, "a map", Some(&format!("write `on: {{ {word}: {inside} }}`")));
        return on;
    }
    for entry in reader.map("on", node, &TRIGGERS).unwrap_or_default() {
        match entry.key.as_str() {
            "file" => on.file = Some(file(reader, &entry.value)),
            "onetrust_subtask" => on.onetrust_subtask = triggers_onetrust::subtask(reader, &entry.value),
            "onetrust_consent" => on.onetrust_consent = triggers_onetrust::consent(reader, &entry.value),
            "schedule" => on.schedule = triggers_schedule::schedule(reader, &entry.value),
            "webhook" => on.webhook = triggers_onetrust::webhook(reader, &entry.value),
            _ => {}
        }
    }
    on
}

fn file(reader: &mut Reader<'_>, node: &Node) -> FileTrigger {
    let mut trigger = FileTrigger::default();
    if matches!(node.content, Content::Null) {
        return trigger;
    }
    for entry in reader.map("on.file", node, &["kinds", "format", "encoding", "map"]).unwrap_or_default() {
        match entry.key.as_str() {
            "kinds" => trigger.kinds = kinds(reader, &entry.value),
            "format" => trigger.format = format(reader, &entry.value),
            "encoding" => trigger.encoding = encoding(reader, &entry.value),
            "map" => {
                map::check(reader, &entry.value);
                trigger.map = reader.at_place(Place::Map, |reader| reader.tree(&entry.value));
            }
            _ => {}
        }
    }
    trigger
}

fn kinds(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Kind>> {
    let items = reader.list("on.file.kinds", node)?;
    if items.is_empty() {
        reader.add(
            Mistake::error("bad_value", node.at.clone(), "`on.file.kinds` takes no request at all")
                .help("name the kinds it takes, or leave `kinds` out"),
        );
    }
    let mut kinds = Vec::new();
    for item in items {
        let Some(word) = reader.string("on.file.kinds[…]", item) else { continue };
        match Kind::of(word) {
            Some(kind) => kinds.push(kind),
            None => bad_word(reader, item, word, "kind of request", &Kind::ALL.map(Kind::word)),
        }
    }
    Some(kinds)
}

fn format(reader: &mut Reader<'_>, node: &Node) -> Option<Format> {
    match reader.string("on.file.format", node)? {
        "ndjson" => Some(Format::Ndjson),
        "csv" => Some(Format::Csv),
        word => {
            bad_word(reader, node, word, "format of request files", &["ndjson", "csv"]);
            None
        }
    }
}

fn encoding(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let label = reader.string("on.file.encoding", node)?;
    if encoding_rs::Encoding::for_label(label.as_bytes()).is_none() {
        reader.add(
            Mistake::error("bad_value", node.at.clone(), format!("`{label}` is no character encoding"))
                .help("write `utf-8`, `windows-1252` or another label of the Encoding standard"),
        );
        return None;
    }
    Some(label.to_owned())
}

/// Notes a word that is none of those a value may be.
pub(super) fn bad_word(reader: &mut Reader<'_>, node: &Node, word: &str, what: &str, words: &[&str]) {
    let mistake = Mistake::error("bad_value", node.at.clone(), format!("`{word}` is no {what}"));
    let suggested = mistake.clone().suggest(word, words.iter().copied());
    reader.add(if suggested.help.is_some() {
        suggested
    } else {
        let listed = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        mistake.help(format!("write one of {listed}"))
    });
}

/// How far a job may go unasked.
pub(super) fn guard(reader: &mut Reader<'_>, node: &Node) -> Guard {
    let mut guard = Guard::default();
    for entry in reader.map("guard", node, &["max_subjects", "max_change"]).unwrap_or_default() {
        match entry.key.as_str() {
            "max_subjects" => max_subjects(reader, &entry.value, &mut guard),
            "max_change" => guard.max_change = percentage(reader, "guard.max_change", &entry.value),
            _ => {}
        }
    }
    guard
}

fn max_subjects(reader: &mut Reader<'_>, node: &Node, guard: &mut Guard) {
    for limit in reader.map("guard.max_subjects", node, &["per_job", "per_hour"]).unwrap_or_default() {
        let what = format!("guard.max_subjects.{}", limit.key);
        match limit.key.as_str() {
            "per_job" => guard.per_job = reader.count(&what, &limit.value),
            "per_hour" => guard.per_hour = reader.count(&what, &limit.value),
            _ => {}
        }
    }
}

/// A whole number of percent: `20%`.
fn percentage(reader: &mut Reader<'_>, what: &str, node: &Node) -> Option<u64> {
    let help = "write a whole number and `%`, such as `20%`";
    let Some(text) = node.as_text() else {
        reader.wrong_type(what, node, "a percentage", Some(help));
        return None;
    };
    let is_number = |digits: &&str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let percent = text.strip_suffix('%').filter(is_number).and_then(|digits| digits.parse().ok());
    if percent.is_none() {
        let message = format!("`{text}` is no percentage");
        reader.add(Mistake::error("bad_value", node.at.clone(), message).help(help));
    }
    percent
}

/// Warns when a workflow that cannot be undone takes requests that ask for something else.
pub(super) fn warn_of_broad_kinds(reader: &mut Reader<'_>, root: &Node, file: Option<&FileTrigger>) {
    let kinds = file.and_then(|file| file.kinds.as_deref()).unwrap_or_default();
    let others: Vec<_> = kinds
        .iter()
        .filter(|kind| **kind != Kind::Deletion)
        .map(|kind| format!("`{}`", kind.word()))
        .collect();
    let node = root.get("on").and_then(|on| on.get("file")).and_then(|file| file.get("kinds"));
    if let (Some(node), false) = (node, others.is_empty()) {
        reader.add(
            Mistake::warning("broad_kinds", node.at.clone(), "a step of this workflow cannot be undone")
                .label(format!("yet it takes {}", others.join(", ")))
                .help("leave `kinds` out to take only `deletion`"),
        );
    }
}
