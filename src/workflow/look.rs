//! The workflow that looks whether erased people are still gone, made of the one that erased them.
//!
//! It finds people as the file itself does: its steps are those of the file, without what writes and what
//! only tells, and where the file would erase it says that somebody came back, or erases again. It is a text
//! like any other: plans, journal, limits, guard and hold know nothing special of it. What it asks besides, so
//! that nobody comes back unseen under another identifier, and what it does instead where the file's own steps
//! could erase somebody else, is the work of `look_again`.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::look_again::{beside, instead};
use super::look_opt_out::{opted_out_again, opts_out};
use super::watch::Again;
use crate::catalogue::{self, Effect};
use crate::source::{Content, Node, Source, Span, duration, duration_word, yaml};

/// Begins the id of the step at which a look ends that found somebody and only reports.
pub const CAME_BACK: &str = "came_back";

/// Begins the ids of steps that are added to look for whom a step erases without having looked.
const STILL: &str = "still";

/// Kinds of steps that only tell, or ask a person before something is written.
const TELLING: [&str; 2] = ["log", "notify"];

/// Why no look can be made of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoLook {
    /// It has no such look, or is no workflow.
    Nothing,
    /// This step erases whomever it is given, and nothing tells whether they are there.
    Step {
        /// Where it stands.
        at: Span,
        /// Why, as a fragment.
        what: &'static str,
    },
    /// It can be told that somebody came back, and not whether this step would erase only them again.
    Again {
        /// Where it stands.
        at: Span,
        /// Why, as a fragment.
        what: &'static str,
    },
}

/// The text of the look of this number, from 0, of a workflow that was loaded without a mistake.
///
/// Its name is the workflow's with the time of the look, such as `user-deletion-watch-7d`: requests are known
/// by (workflow, id), and every look is one of its own.
pub fn look(file: &str, text: &str, number: usize) -> Result<Source, NoLook> {
    let (root, _) = yaml::read(text);
    let erases_again = root.get("watch").and_then(|watch| watch.get("again")).and_then(Node::as_text)
        == Some(Again::Erase.word());
    of(file, &root, number, erases_again)
}

/// The same of requests that a person gave up: whoever is there is told, and never erased, whatever the workflow says.
pub fn look_and_tell(file: &str, text: &str, number: usize) -> Result<Source, NoLook> {
    of(file, &yaml::read(text).0, number, false)
}

fn of(file: &str, root: &Node, number: usize, erases_again: bool) -> Result<Source, NoLook> {
    let after = moments(root);
    let after = after.get(number).copied().ok_or(NoLook::Nothing)?;
    let name = root.get("workflow").and_then(Node::as_text).ok_or(NoLook::Nothing)?;
    let mut made = Map::new();
    made.insert("workflow".into(), format!("{name}-watch-{}", duration_word(after)).into());
    let file_trigger = root.get("on").and_then(|on| on.get("file")).map_or_else(|| json!({}), Node::to_json);
    made.insert("on".into(), json!({ "file": file_trigger }));
    let steps = root.get("steps").ok_or(NoLook::Nothing)?;
    let only = if erases_again { instead(steps)? } else { None };
    let kept = if only.is_some() { &["profiles"][..] } else { &["profiles", "vars"] };
    made.extend(kept.iter().filter_map(|kept| Some(((*kept).to_owned(), root.get(kept)?.to_json()))));
    let most = root.get("guard").and_then(|guard| guard.get("max_subjects"));
    made.extend(most.map(|most| ("guard".to_owned(), json!({ "max_subjects": most.to_json() }))));
    made.insert("report".into(), "none".into());
    let list = match only {
        Some(only) => only,
        None => {
            let beside = beside(steps, erases_again);
            let left = erasures(steps);
            let mut maker = Maker { erases_again, erasures: 0, left, behind: beside.behind, erased: None };
            let mut list = beside.first;
            list.extend(maker.list(steps)?);
            list.extend(beside.last);
            list
        }
    };
    made.insert("steps".into(), list.into());
    // A map of names and values always serializes.
    let text = serde_json::to_string_pretty(&Value::Object(made)).unwrap_or_default();
    Ok(Source::new(format!("{file}, its look after {}", duration_word(after)), text))
}

/// When the looks are, as the file says or leaves open.
fn moments(root: &Node) -> Vec<Duration> {
    let Some(watch) = root.get("watch") else { return Vec::new() };
    let Content::List(items) = (match watch.get("after") {
        Some(after) => &after.content,
        None => return super::watch::AFTER.to_vec(),
    }) else {
        return Vec::new();
    };
    items.iter().filter_map(|item| item.as_text().and_then(duration)).collect()
}

/// How many steps erase.
fn erasures(steps: &Node) -> usize {
    let Content::List(steps) = &steps.content else { return 0 };
    let of = |step: &Node| match step.get("steps") {
        Some(inner) => erasures(inner),
        None => usize::from(effect(step) == Some(Effect::Irreversible)),
    };
    steps.iter().map(of).sum()
}

fn effect(step: &Node) -> Option<Effect> {
    let uses = step.get("uses").and_then(Node::as_text)?;
    catalogue::find(uses).map(|action| action.effect)
}

/// Makes the steps.
struct Maker {
    erases_again: bool,
    /// Steps that erase, made so far and still to come: a look that only reports ends behind the last one.
    erasures: usize,
    left: usize,
    /// Steps to be put behind others, by the id of these.
    behind: Vec<(String, Value)>,
    /// The last step that erases, by its id, unless it stands in a loop.
    erased: Option<String>,
}

impl Maker {
    fn list(&mut self, node: &Node) -> Result<Vec<Value>, NoLook> {
        let Content::List(steps) = &node.content else { return Err(NoLook::Nothing) };
        let mut made = Vec::with_capacity(steps.len());
        for step in steps {
            if self.left == 0 && !self.erases_again {
                break;
            }
            self.step(step, &mut made)?;
        }
        Ok(made)
    }

    fn step(&mut self, step: &Node, made: &mut Vec<Value>) -> Result<(), NoLook> {
        if TELLING.iter().any(|kind| step.get(kind).is_some()) {
            return Ok(());
        }
        if step.get("approve").is_some() && !self.erases_again {
            return Ok(());
        }
        if let Some(inner) = step.get("steps") {
            let mut whole = step.to_json();
            let before = self.erased.take();
            let inner = self.list(inner)?;
            self.erased = before;
            if inner.is_empty() {
                return Ok(());
            }
            if let Some(steps) = whole.get_mut("steps") {
                *steps = inner.into();
            }
            made.push(whole);
            return Ok(());
        }
        let erases_itself = step.get("uses").and_then(Node::as_text) == Some("privaflow/verify_erased");
        if erases_itself && !self.erases_again {
            return Ok(());
        }
        match effect(step) {
            Some(Effect::Irreversible) => self.erasure(step, made),
            Some(Effect::Set) if self.erases_again && opts_out(step) => {
                made.extend(self.erased.as_ref().map(|erased| opted_out_again(step, erased)));
                Ok(())
            }
            Some(Effect::Set | Effect::Report) => Ok(()),
            Some(Effect::Read) | None => {
                made.push(step.to_json());
                let id = step.get("id").and_then(Node::as_text);
                let behind = self.behind.iter().find(|(find, _)| Some(find.as_str()) == id);
                made.extend(behind.map(|(_, step)| step.clone()));
                Ok(())
            }
        }
    }

    /// Where the file erases.
    fn erasure(&mut self, step: &Node, made: &mut Vec<Value>) -> Result<(), NoLook> {
        let cannot = |what| NoLook::Step { at: step.head(), what };
        self.left = self.left.saturating_sub(1);
        self.erasures += 1;
        let mut whole = step.to_json();
        let Some(members) = whole.as_object_mut() else { return Err(NoLook::Nothing) };
        let condition = match self.asks_for(step)? {
            // What the file found itself: it says when there is nobody.
            None if step.get("if").is_none() => {
                return Err(cannot("this step erases without a condition whomever it is given"));
            }
            None => None,
            Some(ask) => {
                let id = step.get("id").and_then(Node::as_text).unwrap_or("erase");
                let look = format!("{STILL}_{id}");
                let mut asked = Map::from_iter([("id".to_owned(), Value::from(look.as_str()))]);
                let kept = ["if", "profile"].map(|key| Some((key.to_owned(), members.get(key)?.clone())));
                asked.extend(kept.into_iter().flatten());
                asked.insert("uses".into(), "braze/users.export.ids".into());
                asked.insert("with".into(), ask);
                made.push(Value::Object(asked));
                Some(format!("steps.{look}.status == \"done\" && size(steps.{look}.output.users) > 0"))
            }
        };
        if let Some(condition) = condition {
            members.insert("if".into(), condition.into());
        }
        // A failure that is tolerated would look like somebody who is gone.
        members.shift_remove("continue_on_error");
        if !self.erases_again {
            let condition = members.shift_remove("if");
            let id = if self.erasures == 1 {
                CAME_BACK.to_owned()
            } else {
                format!("{CAME_BACK}_{}", self.erasures)
            };
            *members = Map::from_iter([("id".to_owned(), Value::from(id))]);
            members.extend(condition.map(|condition| ("if".to_owned(), condition)));
            members.insert("fail".into(), "A profile of this person is there again.".into());
        }
        self.erased = step.get("id").and_then(Node::as_text).map(str::to_owned);
        made.push(whole);
        Ok(())
    }

    /// What is asked to know whether those are there whom a step names by their own identifiers; `None` when it
    /// names what was found before.
    fn asks_for(&self, step: &Node) -> Result<Option<Value>, NoLook> {
        let cannot = |what| NoLook::Step { at: step.head(), what };
        if step.get("uses").and_then(Node::as_text) != Some("braze/users.delete") {
            return Ok(None);
        }
        let Some(with) = step.get("with").and_then(Node::as_map) else { return Ok(None) };
        let Some(named) = with.first() else { return Ok(None) };
        let value = named.value.to_json();
        let only = |member: &str| match value.as_array().map(Vec::as_slice) {
            Some([one]) => one.get(member).cloned(),
            _ => None,
        };
        let several = "this step erases several by what is not theirs alone";
        match named.key.as_str() {
            "external_ids" => {
                Ok(Some(json!({ "external_ids": value, "fields_to_export": ["braze_id", "external_id"] })))
            }
            "user_aliases" => {
                Ok(Some(json!({ "user_aliases": value, "fields_to_export": ["braze_id", "user_aliases"] })))
            }
            "email_addresses" => {
                let email = only("email").ok_or(cannot(several))?;
                Ok(Some(json!({ "email_address": email, "fields_to_export": ["braze_id"] })))
            }
            "phone_numbers" => {
                let phone = only("phone").ok_or(cannot(several))?;
                Ok(Some(json!({ "phone": phone, "fields_to_export": ["braze_id"] })))
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::{Known, load};

    /// The steps of a look, as the workflow of it has them.
    fn steps(text: &str) -> Vec<String> {
        let source = look("w.yaml", text, 0).unwrap();
        let (workflow, mistakes) = load(&source, &Known::default());
        let workflow = workflow.unwrap_or_else(|| panic!("{mistakes:?}\n{}", source.text));
        workflow.steps.iter().map(|step| step.label.clone()).collect()
    }

    fn file(again: &str, steps: &str) -> String {
        format!(
            "workflow: erase\non: {{ file: {{ kinds: [deletion] }} }}\nsteps:\n{steps}\nwatch: {{ after: [36h], again: {again} }}\n"
        )
    }

    const FOUND: &str = r#"
  - log: hello
  - id: find
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id] }
  - id: tag
    uses: braze/users.track
    with: { attributes: [{ email: "{{ subject.email }}", tag: x }] }
  - id: erase
    if: size(steps.find.output.users) > 0
    uses: braze/users.delete
    with: { braze_ids: ["{{ steps.find.output.users.0.braze_id }}"] }
  - id: verify
    if: steps.erase.status == "done"
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id] }
    repeat: { every: 1m, at_most: 30m, until: size(output.users) == 0 }"#;

    const BY_ID: &str = r#"
  - id: erase
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }"#;

    #[test]
    fn a_look_at_requests_that_were_given_up_erases_nobody() {
        let loaded =
            |source: &Source| crate::workflow::load(source, &crate::workflow::Known::default()).0.unwrap();
        let text = file("erase", BY_ID);

        let (erases, tells) = (look("w.yaml", &text, 0).unwrap(), look_and_tell("w.yaml", &text, 0).unwrap());

        assert_eq!((loaded(&erases).irreversible, loaded(&tells).irreversible), (true, false));
        assert_eq!(loaded(&erases).name, loaded(&tells).name);
        assert_eq!(tells.text, look("w.yaml", &file("report", BY_ID), 0).unwrap().text);
    }

    #[test]
    fn a_look_keeps_what_finds_people_and_leaves_out_what_writes() {
        assert_eq!(steps(&file("report", FOUND)), ["find", CAME_BACK, "again", "came_back_again"]);
    }

    #[test]
    fn whom_a_workflow_erases_without_looking_is_looked_for_by_the_same_identifier() {
        let reports = ["still_erase", CAME_BACK, "again", "came_back_again"];
        assert_eq!(steps(&file("report", BY_ID)), reports);
        let source = look("w.yaml", &file("erase", BY_ID), 0).unwrap();
        assert!(source.text.contains(r#""workflow": "erase-watch-36h""#), "{}", source.text);
        assert_eq!(look("w.yaml", &file("erase", BY_ID), 1).unwrap_err(), NoLook::Nothing);
    }

    #[test]
    fn a_file_that_searches_itself_asks_for_everybody_by_itself_in_each_place_it_erases_in() {
        let search = |place: &str| {
            format!(
                r#"
  - {{ id: find{place}, uses: privaflow/find_profiles{profile} }}
  - {{ id: erase{place}, uses: braze/users.delete{profile}, if: size(steps.find{place}.output.braze_ids) > 0, with: {{ braze_ids: "{{{{ steps.find{place}.output.braze_ids }}}}" }} }}"#,
                profile = if place.is_empty() { String::new() } else { format!(", profile: {place}") }
            )
        };
        assert_eq!(steps(&file("report", &search(""))), ["find", "came_back_again", CAME_BACK]);
        assert_eq!(steps(&file("erase", &search(""))), ["find", "erase", "came_back_again"]);
        let both = steps(&file("report", &(search("") + &search("us"))));
        let all = ["find", "came_back_again", CAME_BACK, "findus", "came_back_again_2", "came_back_2"];
        assert_eq!(both, all);
    }

    #[test]
    fn what_could_end_a_look_before_anybody_is_asked_for_comes_behind_that() {
        let stops = "\n  - stop: nothing\n    if: size(subject.aliases) > 0";
        let reports = steps(&file("report", &(stops.to_owned() + FOUND)));
        assert_eq!(reports[..2], ["again", "came_back_again"]);
        assert_eq!(reports.last().unwrap(), CAME_BACK);
    }

    #[test]
    fn the_shipped_deletion_can_be_watched() {
        let shipped = include_str!("../../workflows/user-deletion.yaml");
        for again in ["report", "erase"] {
            let text = shipped.replace("again: report", &format!("again: {again}"));
            let (workflow, mistakes) = load(&Source::new("w.yaml", text), &Known::default());
            let after = workflow.unwrap_or_else(|| panic!("{mistakes:?}")).watch.unwrap().after;
            assert_eq!(
                after.iter().map(|after| duration_word(*after)).collect::<Vec<_>>(),
                ["1d", "7d", "30d"]
            );
        }
    }
}
