//! From a file's text to a workflow that may be carried out, or to everything that is wrong with it.
//!
//! The file is read once from top to bottom, in the order in which its names come into being:
//! profiles, triggers, variables, steps. A workflow comes out only if no error was found.

use std::collections::{BTreeSet, HashSet};

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use super::names::Place;
use super::outline::Outline;
use super::reader::Reader;
use super::report::Around;
use super::steps::Effects;
use super::{Step, Workflow, action, notify, report, steps, triggers, triggers_onetrust, watch, words};
use crate::source::{Content, Entry, Mistake, Node, Severity, Source, yaml};
use crate::template::Tree;

const KEYS: [&str; 14] = [
    "workflow",
    "description",
    "enabled",
    "on",
    "profiles",
    "guard",
    "notify",
    "vars",
    "steps",
    "on_failure",
    "report",
    "certificate",
    "watch",
    "retention",
];
/// Words of the language that a later version runs.
const LATER: [&str; 1] = ["tests"];

/// What exists outside the file.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Name and system of each profile of the settings; `None` accepts any name, as the sandbox does.
    pub profiles: Option<Vec<(String, String)>>,
    /// Names of the retry policies of the settings; `None` accepts any name, as the sandbox does.
    pub retries: Option<Vec<String>>,
    /// Names of the hooks of the settings; `None` accepts any name.
    pub hooks: Option<Vec<String>>,
    /// Those of the hooks whose requests do not say by which profile they came: their shape is `record`, and
    /// they name none.
    pub hooks_of_any_profile: Vec<String>,
    /// Names of the channels under `notify` of the settings; `None` accepts any name.
    pub channels: Option<Vec<String>>,
}

/// Everything wrong with a workflow file, in the order of the file.
pub fn validate_text(name: &str, text: &str, known: &Known) -> Vec<Mistake> {
    load(&Source::new(name, text), known).1
}

/// Reads a workflow; all mistakes of the file come out together, in the order of the file. There is
/// a workflow if none of them is an error.
pub fn load(source: &Source, known: &Known) -> (Option<Workflow>, Vec<Mistake>) {
    let (root, mut mistakes) = yaml::read(&source.text);
    let outline = Outline::of(&root, &source.text, &mut mistakes);
    let mut reader = Reader::new(&source.text, known, outline, mistakes);
    let workflow = read(&mut reader, &root);
    if workflow.as_ref().is_some_and(|workflow| workflow.watch.is_some()) && !reader.has_errors() {
        watch::check(&mut reader, &root, &source.name);
    }
    let mut mistakes = reader.mistakes;
    mistakes.sort_by_key(|mistake| (mistake.at.start, mistake.at.end));
    // An alias shows the same mistake again.
    mistakes.dedup();
    let is_refused = mistakes.iter().any(|mistake| mistake.severity == Severity::Error);
    (workflow.filter(|_| !is_refused), mistakes)
}

fn read(reader: &mut Reader<'_>, root: &Node) -> Option<Workflow> {
    let entries = match &root.content {
        Content::Map(entries) => entries,
        Content::Broken => return None,
        Content::Null => {
            reader.add(
                Mistake::error("missing_key", root.at.clone(), "the file is empty")
                    .help("begin with `workflow: <name>`"),
            );
            return None;
        }
        Content::Bool(_) | Content::Number(_) | Content::Text(..) | Content::List(_) => {
            reader.add(
                Mistake::error("wrong_type", root.head(), "a workflow must be a map")
                    .label(format!("this is {}", root.shape()))
                    .help("begin with `workflow: <name>`"),
            );
            return None;
        }
    };
    keys(reader, entries);
    let name = name(reader, root);
    let profiles = root.get("profiles").map(|node| action::profiles(reader, node)).unwrap_or_default();
    reader.profiles = profiles.clone();
    let on = triggers::on(reader, root);
    let guard = root.get("guard").map(|node| triggers::guard(reader, node)).unwrap_or_default();
    let notify = root.get("notify").and_then(|node| notify::notify(reader, node));
    let vars = root.get("vars").map(|node| vars(reader, node)).unwrap_or_default();
    let mut effects = Effects::default();
    let steps = match root.get("steps") {
        Some(node) => steps::list(reader, node, "steps", &mut effects),
        None => {
            reader.missing_key("steps", root.head(), "a workflow");
            Vec::new()
        }
    };
    let mut count = effects.count;
    let on_failure =
        root.get("on_failure").map(|node| on_failure(reader, node, &mut count)).unwrap_or_default();
    let around = Around {
        steps: &steps,
        on_failure: &on_failure,
        writes: effects.writes,
        count,
        is_asked_for: root.get("report").is_some(),
    };
    let report = report::read(reader, root, &around);
    if effects.irreversible {
        triggers::warn_of_broad_kinds(reader, root, on.file.as_ref());
        triggers_onetrust::warn_of_unclear_kind(reader, root, &on);
    }
    let watch = root.get("watch").and_then(|node| watch::read(reader, node, effects.irreversible));
    let description =
        root.get("description").and_then(|node| reader.string("description", node)).map(str::to_owned);
    let enabled = root.get("enabled").and_then(|node| reader.boolean("enabled", node)).unwrap_or(true);
    let certificate =
        root.get("certificate").and_then(|node| reader.boolean("certificate", node)).unwrap_or(false);
    let retention = root.get("retention").and_then(|node| reader.duration("retention", node));
    let spelled = std::mem::take(&mut reader.spelled);
    Some(Workflow {
        name: name?,
        description,
        enabled,
        on,
        profiles,
        guard,
        certificate,
        notify,
        words: reader.reads_consents.then(|| known_words(root, spelled)),
        vars,
        steps,
        on_failure,
        report,
        watch,
        retention,
        text: reader.text.to_owned(),
        digest: Sha256::digest(reader.text.as_bytes()).into(),
        writes: effects.writes,
        irreversible: effects.irreversible,
    })
}

/// What is carried out when a run failed for good; it may read what any step came to.
fn on_failure(reader: &mut Reader<'_>, node: &Node, count: &mut u32) -> Vec<Step> {
    let mut effects = Effects { count: *count, ..Effects::default() };
    reader.names.is_in_failure = true;
    let steps = steps::list(reader, node, "on_failure", &mut effects);
    reader.names.is_in_failure = false;
    if effects.irreversible {
        let mistake =
            Mistake::error("bad_value", node.head(), "`on_failure` takes no action that cannot be undone");
        reader.add(mistake.help("the guard counts only what `steps` do: move it there"));
    }
    *count = effects.count;
    steps
}

fn keys(reader: &mut Reader<'_>, entries: &[Entry]) {
    for entry in entries {
        let key = entry.key.as_str();
        if LATER.contains(&key) {
            reader.not_available(entry.key_at.clone(), &format!("`{key}`"));
        } else if !KEYS.contains(&key) {
            reader.unknown_key(entry, "of a workflow", &KEYS);
        }
    }
}

fn name(reader: &mut Reader<'_>, root: &Node) -> Option<String> {
    let Some(node) = root.get("workflow") else {
        reader.missing_key("workflow", root.head(), "a workflow");
        return None;
    };
    let name = reader.string("workflow", node)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
        reader.add(
            Mistake::error("bad_name", node.at.clone(), format!("`{name}` is no name for a workflow"))
                .help("use lower-case letters, digits and `-`, at most 100 of them"),
        );
        return None;
    }
    Some(name.to_owned())
}

/// Variables, in the order of the file: one may read those before it.
fn vars(reader: &mut Reader<'_>, node: &Node) -> Vec<(String, Tree)> {
    let mut vars = Vec::new();
    for entry in reader.open_map("vars", node).unwrap_or_default() {
        let tree = reader.at_place(Place::Vars, |reader| reader.tree(&entry.value));
        let members = entry
            .value
            .as_map()
            .map(|members| members.iter().map(|member| member.key.clone()).collect::<BTreeSet<_>>());
        reader.names.vars.insert(entry.key.clone(), members);
        vars.extend(tree.map(|tree| (entry.key.clone(), tree)));
    }
    vars
}

fn known_words(root: &Node, spelled: HashSet<String>) -> HashSet<String> {
    let mut found = spelled;
    if let Some(vars) = root.get("vars").and_then(Node::as_map) {
        for entry in vars {
            words::collect(&entry.value, &mut found);
        }
    }
    found
}

/// Systems and profile names by system.
pub(super) type Profiles = IndexMap<String, String>;
