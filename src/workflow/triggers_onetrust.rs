//! Reads `on.onetrust_subtask`, `on.onetrust_consent` and `on.webhook`.
//!
//! What OneTrust calls its subtasks, stages and purposes is not known here, so those words are taken as
//! they stand.

use std::time::Duration;

use indexmap::IndexMap;

use super::reader::Reader;
use super::trigger_profile::profile;
use super::triggers::bad_word;
use super::{
    ConsentRules, ConsentTrigger, Feed, Identifier, On, SubtaskRules, SubtaskTrigger, WebhookTrigger,
};
use crate::request::Kind;
use crate::source::{Content, Mistake, Node};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(60);
/// OneTrust allows 1,000 requests a minute for all who ask, so nobody looks more often than this.
const MOST_OFTEN: Duration = Duration::from_secs(1);
/// Changes show in lists a little after the time they are dated.
const OVERLAP: Duration = Duration::from_secs(600);
/// Once a day: so that whatever shows within a day of its date is seen, whenever the look before was.
const LOOK_BACK: Duration = Duration::from_secs(2 * 24 * 60 * 60);

const SUBTASK_RULES: [&str; 8] = [
    "names",
    "request_types",
    "stages",
    "kind",
    "language",
    "identifiers",
    "take_test_requests",
    "take_paused_requests",
];
const CONSENT_RULES: [&str; 4] = ["identifier", "data_elements", "purposes", "take_test_subjects"];

/// What stands under `on.onetrust_subtask`.
pub(super) fn subtask(reader: &mut Reader<'_>, node: &Node) -> Option<SubtaskTrigger> {
    let on = "on.onetrust_subtask";
    let keys = [&["profile", "every", "overlap", "systems"], &SUBTASK_RULES[..]].concat();
    reader.map(on, node, &keys)?;
    let profile = profile(reader, on, node);
    let rules = subtask_rules(reader, on, node);
    let systems = names(reader, on, "systems", node);
    if node.get("names").is_none() && node.get("systems").is_none() {
        reader.add(
            Mistake::error("missing_key", node.head(), "neither `names` nor `systems` says which subtasks")
                .label("every subtask of the account would start this workflow")
                .help("write `names: [<name of the subtask>]`"),
        );
    }
    let (every, overlap) = (every(reader, on, node), overlap(reader, on, node));
    Some(SubtaskTrigger {
        profile: profile?,
        every: every?,
        overlap: overlap?,
        systems: systems?,
        rules: rules?,
    })
}

/// What stands under `on.onetrust_consent`.
pub(super) fn consent(reader: &mut Reader<'_>, node: &Node) -> Option<ConsentTrigger> {
    let on = "on.onetrust_consent";
    let keys = [
        &["profile", "feed", "every", "overlap", "look_back", "start", "all_preferences"],
        &CONSENT_RULES[..],
    ]
    .concat();
    reader.map(on, node, &keys)?;
    let profile = profile(reader, on, node);
    let feed = match node.get("feed") {
        Some(feed) => word(reader, &format!("{on}.feed"), feed, "list of changes", &Feed::ALL, Feed::word),
        None => Some(Feed::Profiles),
    };
    let start = match node.get("start") {
        Some(start) => moment(reader, &format!("{on}.start"), start).map(Some),
        None => Some(None),
    };
    let rules = consent_rules(reader, on, node);
    if let Some(feed) = feed.filter(|feed| *feed != Feed::Profiles) {
        let told =
            [("data_elements", "data elements"), ("all_preferences", "topics and options that were refused")];
        for (key, what) in told {
            if let Some(only) = node.get(key) {
                let message = format!("the feed `{}` does not carry {what}", feed.word());
                reader.add(
                    Mistake::error("bad_value", only.head(), message)
                        .help(format!("write `feed: profiles`, or leave `{key}` out")),
                );
            }
        }
    }
    if let (Some(Feed::Unordered), Some(key)) = (feed, node.get("take_test_subjects")) {
        reader.add(
            Mistake::error("bad_value", key.head(), "the feed `unordered` does not say who is a test")
                .help("write `feed: profiles`, or leave `take_test_subjects` out"),
        );
    }
    let all_preferences = flag(reader, on, "all_preferences", node);
    let look_back = match node.get("look_back") {
        Some(look_back) => reader.duration(&format!("{on}.look_back"), look_back),
        None => Some(LOOK_BACK),
    };
    let (every, overlap) = (every(reader, on, node), overlap(reader, on, node));
    Some(ConsentTrigger {
        profile: profile?,
        feed: feed?,
        every: every?,
        overlap: overlap?,
        look_back: look_back?,
        start: start?,
        all_preferences: all_preferences?,
        rules: rules?,
    })
}

/// What stands under `on.webhook`.
pub(super) fn webhook(reader: &mut Reader<'_>, node: &Node) -> Option<WebhookTrigger> {
    let on = "on.webhook";
    let keys = [&["hook"], &SUBTASK_RULES[..], &CONSENT_RULES[..]].concat();
    reader.map(on, node, &keys)?;
    let subtask = subtask_rules(reader, on, node);
    let consent = consent_rules(reader, on, node);
    let hook = reader.required(on, "hook", node)?;
    let name = reader.string("on.webhook.hook", hook)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
        reader.add(
            Mistake::error("bad_name", hook.at.clone(), format!("`{name}` is no name for a hook"))
                .help("use lower-case letters, digits and `-`, at most 100 of them"),
        );
        return None;
    }
    if let Some(known) = &reader.known.hooks
        && !known.iter().any(|known| known == name)
    {
        let message = format!("there is no hook `{name}` in the settings");
        let mistake = Mistake::error("unknown_hook", hook.at.clone(), message);
        let suggested = mistake.clone().suggest(name, known.iter().map(String::as_str));
        reader.add(match suggested.help {
            Some(_) => suggested,
            None => mistake.help("add it under `hooks` of `privaflow.yaml`"),
        });
        return None;
    }
    Some(WebhookTrigger { hook: name.to_owned(), subtask: subtask?, consent: consent? })
}

/// Warns when nothing in a workflow that cannot be undone says that its subtasks ask for a deletion.
pub(super) fn warn_of_unclear_kind(reader: &mut Reader<'_>, root: &Node, on: &On) {
    let unclear = |rules: &SubtaskRules| rules.kind.is_none() && rules.request_types.is_empty();
    if !on.onetrust_subtask.as_ref().is_some_and(|trigger| unclear(&trigger.rules)) {
        return;
    }
    if let Some(node) = root.get("on").and_then(|on| on.get("onetrust_subtask")) {
        reader.add(
            Mistake::warning("broad_kinds", node.head(), "a step of this workflow cannot be undone")
                .label("yet a subtask of any type of request starts it")
                .help("name the `request_types` that ask for a deletion, or write `kind: deletion`"),
        );
    }
}

fn subtask_rules(reader: &mut Reader<'_>, on: &str, node: &Node) -> Option<SubtaskRules> {
    let kind = match node.get("kind") {
        Some(kind) => {
            word(reader, &format!("{on}.kind"), kind, "kind of request", &Kind::ALL, Kind::word).map(Some)
        }
        None => Some(None),
    };
    let language = match node.get("language") {
        Some(language) => filled(reader, &format!("{on}.language"), language),
        None => Some(SubtaskRules::default().language),
    };
    let (subtasks, request_types) =
        (names(reader, on, "names", node), names(reader, on, "request_types", node));
    let stages = names(reader, on, "stages", node);
    let identifiers = fields(reader, on, "identifiers", node);
    let take_test_requests = flag(reader, on, "take_test_requests", node);
    let take_paused_requests = flag(reader, on, "take_paused_requests", node);
    Some(SubtaskRules {
        names: subtasks?,
        request_types: request_types?,
        stages: stages?,
        kind: kind?,
        language: language?,
        identifiers: identifiers?,
        take_test_requests: take_test_requests?,
        take_paused_requests: take_paused_requests?,
    })
}

fn consent_rules(reader: &mut Reader<'_>, on: &str, node: &Node) -> Option<ConsentRules> {
    let identifier = match node.get("identifier") {
        Some(identifier) => identifier_of(reader, &format!("{on}.identifier"), identifier),
        None => Some(Identifier::Email),
    };
    let data_elements = fields(reader, on, "data_elements", node);
    let purposes = names(reader, on, "purposes", node);
    let take_test_subjects = flag(reader, on, "take_test_subjects", node);
    Some(ConsentRules {
        identifier: identifier?,
        data_elements: data_elements?,
        purposes: purposes?,
        take_test_subjects: take_test_subjects?,
    })
}

fn every(reader: &mut Reader<'_>, on: &str, node: &Node) -> Option<Duration> {
    let Some(every) = node.get("every") else { return Some(EVERY) };
    let what = format!("{on}.every");
    let pause = reader.pause(&what, every)?;
    if pause < MOST_OFTEN {
        let message = format!("`{what}` must be at least one second");
        reader.add(
            Mistake::error("bad_duration", every.head(), message)
                .help("OneTrust counts every look against the limits of the account; `1m` serves most"),
        );
        return None;
    }
    Some(pause)
}

fn overlap(reader: &mut Reader<'_>, on: &str, node: &Node) -> Option<Duration> {
    match node.get("overlap") {
        Some(overlap) => reader.duration(&format!("{on}.overlap"), overlap),
        None => Some(OVERLAP),
    }
}

fn flag(reader: &mut Reader<'_>, on: &str, key: &str, node: &Node) -> Option<bool> {
    node.get(key).map_or(Some(false), |flag| reader.boolean(&format!("{on}.{key}"), flag))
}

/// A list of names; when the key is there, it names something.
fn names(reader: &mut Reader<'_>, on: &str, key: &str, node: &Node) -> Option<Vec<String>> {
    let Some(list) = node.get(key) else { return Some(Vec::new()) };
    let what = format!("{on}.{key}");
    let texts = reader.strings(&what, list)?;
    let is_blank = |text: &String| text.trim().is_empty();
    if texts.is_empty() || texts.iter().any(is_blank) {
        let message = format!("`{what}` names nothing, so nothing would start this workflow");
        let message = if texts.is_empty() { message } else { format!("a name in `{what}` is empty") };
        reader.add(
            Mistake::error("bad_value", list.at.clone(), message)
                .help(format!("name at least one, or leave `{key}` out")),
        );
        return None;
    }
    Some(texts.iter().map(|text| text.trim().to_owned()).collect())
}

/// A string that holds more than spaces, without those around it.
fn filled(reader: &mut Reader<'_>, what: &str, node: &Node) -> Option<String> {
    let text = reader.string(what, node)?.trim();
    if text.is_empty() {
        reader.add(Mistake::error("bad_value", node.at.clone(), format!("`{what}` is empty")));
        return None;
    }
    Some(text.to_owned())
}

/// For identifiers, the names of the fields that hold them.
fn fields(reader: &mut Reader<'_>, on: &str, key: &str, node: &Node) -> Option<IndexMap<Identifier, String>> {
    let Some(map) = node.get(key) else { return Some(IndexMap::new()) };
    let what = format!("{on}.{key}");
    if matches!(map.content, Content::Null) {
        return Some(IndexMap::new());
    }
    let entries = reader.map(&what, map, &Identifier::ALL.map(Identifier::word))?;
    let mut found = IndexMap::new();
    for entry in entries {
        let field = filled(reader, &format!("{what}.{}", entry.key), &entry.value);
        if let (Some(identifier), Some(field)) = (Identifier::of(&entry.key), field) {
            found.insert(identifier, field);
        }
    }
    (found.len() == entries.len()).then_some(found)
}

fn identifier_of(reader: &mut Reader<'_>, what: &str, node: &Node) -> Option<Identifier> {
    word(reader, what, node, "identifier of a person", &Identifier::ALL, Identifier::word)
}

/// One of some words.
fn word<T: Copy>(
    reader: &mut Reader<'_>,
    what: &str,
    node: &Node,
    noun: &str,
    all: &[T],
    word_of: fn(T) -> &'static str,
) -> Option<T> {
    let written = reader.string(what, node)?;
    let found = all.iter().copied().find(|one| word_of(*one) == written);
    if found.is_none() {
        let words: Vec<_> = all.iter().copied().map(word_of).collect();
        bad_word(reader, node, written, noun, &words);
    }
    found
}

/// A moment as RFC 3339 writes it.
fn moment(reader: &mut Reader<'_>, what: &str, node: &Node) -> Option<jiff::Timestamp> {
    let found = reader.string(what, node)?.parse().ok();
    if found.is_none() {
        reader.add(
            Mistake::error("bad_value", node.at.clone(), format!("`{what}` must be a moment"))
                .help("write it with its zone, such as `2026-11-20T10:00:00Z`"),
        );
    }
    found
}
