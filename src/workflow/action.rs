//! Reads a step that calls a service: its action, its body and whose credentials it uses.
//!
//! What the catalogue says of an action is the catalogue's to check; here its findings get their
//! places in the file.

use super::load::Profiles;
use super::names::Place;
use super::reader::Reader;
use super::texts::inside;
use super::{StepKind, composed};
use crate::catalogue::{self, Action};
use crate::source::{Content, Mistake, Node, Span};
use crate::template::{Node as Part, PathSeg, Tree};

/// Systems that profiles can belong to.
const SYSTEMS: [&str; 3] = ["braze", "onetrust", "folder"];

/// The action of a step, with its body.
pub(super) fn kind(reader: &mut Reader<'_>, step: &Node, uses: &Node, label: &str) -> Option<StepKind> {
    if let Some(made_of_others) = uses.as_text().and_then(catalogue::find_composed) {
        return composed::kind(reader, step, uses, made_of_others);
    }
    let action = find(reader, uses);
    let success_when = step.get("success_when").and_then(|node| {
        reader
            .at_place(Place::Reply(label.to_owned(), action), |reader| reader.question("success_when", node))
    });
    let with_entry = step.as_map()?.iter().find(|entry| entry.key == "with");
    let tree = match with_entry.map(|entry| &entry.value) {
        None => Tree::compile(&serde_json::json!({}), &mut |_, _| {}),
        Some(node) if matches!(node.content, Content::Null) => {
            Tree::compile(&serde_json::json!({}), &mut |_, _| {})
        }
        Some(node) if node.as_map().is_some() => reader.tree(node),
        Some(node) => {
            reader.wrong_type("with", node, "a map", None);
            None
        }
    };
    let (action, with) = (action?, tree?);
    let place = with_entry.map_or(&uses.at, |entry| &entry.key_at);
    fits(reader, action, with.root(), with_entry.map(|entry| &entry.value), place);
    let with = shown_to_people(action, with);
    Some(StepKind::Action { action, with, success_when })
}

/// What people read in a portal shows no more of a person than a log line does.
pub(super) fn shown_to_people(action: &Action, with: Tree) -> Tree {
    let comments = action.fields.iter().filter(|(_, field)| field.comment);
    comments.fold(with, |with, (name, _)| with.redacting(name))
}

/// Asks the catalogue whether a body fits its action.
fn fits(reader: &mut Reader<'_>, action: &Action, with: &Part, node: Option<&Node>, outer: &Span) {
    let found = catalogue::check(action, with);
    // A slip in the name of a field is told once, not again as the field that is missing.
    let slips: Vec<(&[PathSeg], &str)> = found
        .iter()
        .filter(|(_, mistake)| mistake.code == "unknown_field")
        .filter_map(|(path, mistake)| {
            let meant = mistake.help.as_deref()?.strip_prefix("did you mean ")?.strip_suffix('?')?;
            Some((path.split_last()?.1, meant))
        })
        .collect();
    let is_slip = |path: &[PathSeg], mistake: &Mistake| {
        mistake.code == "missing_field"
            && slips.iter().any(|(of, meant)| *of == path && mistake.message.contains(meant))
    };
    for (path, mistake) in found.iter().filter(|(path, mistake)| !is_slip(path, mistake)) {
        let mut mistake = mistake.clone();
        let found = node.and_then(|node| inside(node, path));
        mistake.at = match (found, mistake.code) {
            (Some((Some(entry), _)), "unknown_field" | "exclusive_fields") => entry.key_at.clone(),
            (Some(_), _) if path.is_empty() => outer.clone(),
            (Some((Some(entry), _)), "too_many_items") => entry.key_at.clone(),
            (Some((_, inner)), _) => inner.head(),
            (None, _) => outer.clone(),
        };
        if mistake.label.is_empty() && !mistake.message.contains(&action.name()) {
            mistake.label = format!("of `{}`", action.name());
        }
        reader.add(mistake);
    }
}

fn find(reader: &mut Reader<'_>, uses: &Node) -> Option<&'static Action> {
    let name = reader.string("uses", uses)?;
    let found = catalogue::find(name);
    if found.is_some() {
        return found;
    }
    if name == "http" {
        reader.not_available(uses.at.clone(), &format!("`uses: {name}`"));
        return None;
    }
    let made_of_others = catalogue::composed().iter().map(catalogue::Composed::name);
    let names: Vec<String> = catalogue::all().iter().map(Action::name).chain(made_of_others).collect();
    let mistake = Mistake::error("unknown_action", uses.at.clone(), format!("unknown action `{name}`"));
    let bare = names.iter().find(|known| known.split_once('/').is_some_and(|(_, id)| id == name));
    reader.add(match bare {
        Some(known) => mistake.help(format!("did you mean `{known}`?")),
        None if name.contains("{{") => mistake.help("an action is named, never made by a template"),
        None => {
            let suggested = mistake.clone().suggest(name, names.iter().map(String::as_str));
            if suggested.help.is_some() {
                suggested
            } else {
                mistake.help("`privaflow actions list` shows the actions that exist")
            }
        }
    });
    None
}

/// The `profiles` of a workflow.
pub(super) fn profiles(reader: &mut Reader<'_>, node: &Node) -> Profiles {
    let mut profiles = Profiles::new();
    for entry in reader.map("profiles", node, &SYSTEMS).unwrap_or_default() {
        let Some(name) = reader.string(&format!("profiles.{}", entry.key), &entry.value) else { continue };
        if name.contains("{{") {
            reader.add(
                Mistake::error("bad_value", entry.value.at.clone(), "`profiles` takes names, not templates")
                    .help("a template can stand in `profile` of a step"),
            );
        } else if SYSTEMS.contains(&entry.key.as_str()) {
            check_profile(reader, name, &entry.key, &entry.value);
        }
        profiles.insert(entry.key.clone(), name.to_owned());
    }
    profiles
}

/// Tells a profile that the settings do not have, or that belongs to another system.
pub(super) fn check_profile(reader: &mut Reader<'_>, name: &str, system: &str, node: &Node) {
    let Some(known) = &reader.known.profiles else { return };
    let at = node.at.clone();
    let mistake = match known.iter().find(|(profile, _)| profile == name) {
        Some((_, of)) if of == system => return,
        Some((_, of)) => {
            Mistake::error("wrong_system", at, format!("profile `{name}` is of `{of}`, not of `{system}`"))
                .label(format!("a profile of `{system}` is needed"))
        }
        None => {
            let fitting = || known.iter().filter(|(_, of)| of == system).map(|(profile, _)| profile.as_str());
            let mistake = Mistake::error("unknown_profile", at, format!("unknown profile `{name}`"))
                .label("not in the settings");
            let suggested = mistake.clone().suggest(name, fitting());
            match (suggested.help.is_some(), fitting().next()) {
                (true, _) => suggested,
                (false, Some(_)) => mistake.help(format!(
                    "the profiles of `{system}` are {}",
                    fitting().map(|profile| format!("`{profile}`")).collect::<Vec<_>>().join(", ")
                )),
                (false, None) => mistake.help("add it under `profiles` of `privaflow.yaml`"),
            }
        }
    };
    reader.add(mistake);
}

/// Tells a step for whose system nothing says which profile to use; once for each system.
pub(super) fn check_default_profile(reader: &mut Reader<'_>, system: &str, uses: &Node) {
    let Some(known) = &reader.known.profiles else { return };
    if reader.profiles.contains_key(system) {
        return;
    }
    let count = known.iter().filter(|(_, of)| of == system).count();
    if count == 1 || !reader.told.insert(system.to_owned()) {
        return;
    }
    let message = match count {
        0 => format!("the settings have no profile of `{system}`"),
        _ => format!("the settings have {count} profiles of `{system}`"),
    };
    let help = match count {
        0 => "add one under `profiles` of `privaflow.yaml`".to_owned(),
        _ => format!("say which: `profiles: {{ {system}: <name> }}` at the top of the workflow"),
    };
    reader.add(
        Mistake::error("no_profile", uses.at.clone(), message)
            .label(format!("needs a profile of `{system}`"))
            .help(help),
    );
}
