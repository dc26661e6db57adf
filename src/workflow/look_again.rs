//! What a look asks besides the steps of its file: every identifier that the request names and the erasure
//! covered.
//!
//! A file that finds people with `privaflow/find_profiles` asks for them all by itself: that action knows, in a
//! look, what the erasure covered. To any other file steps are added that do, one set for each profile of the
//! settings that it erases in. Whoever bears an external id of their own and shares no more than an address
//! with who was erased is told, and never erased again.

use serde_json::{Map, Value, json};

use super::look::CAME_BACK;
use crate::catalogue::{self, Effect};
use crate::source::{Content, Node};

const FIND: &str = "privaflow/find_profiles";
const VERIFY: &str = "privaflow/verify_erased";
const THERE_AGAIN: &str = "Somebody is there again who has an identifier of this person.";

/// Steps beside those of the file.
#[derive(Default)]
pub(super) struct Beside {
    /// Before them.
    pub first: Vec<Value>,
    /// Behind them.
    pub last: Vec<Value>,
    /// Behind the file's own searches, by their id.
    pub behind: Vec<(String, Value)>,
}

/// The steps for a file with these.
pub(super) fn beside(steps: &Node, erases_again: bool) -> Beside {
    let mut seen = Seen::default();
    seen.walk(steps, true);
    let mut beside = Beside::default();
    let (mut told, mut number) = (Vec::new(), 0);
    for profile in &seen.erases_in {
        let own = seen.searches.iter().find(|(_, of)| of == profile);
        let name = |word: &str| unused(&seen.ids, word, number);
        let fails = |find: &str, condition: &str| {
            let id = name(&format!("{CAME_BACK}_again"));
            json!({ "id": id, "if": condition.replace("FIND", find), "fail": THERE_AGAIN })
        };
        match own {
            Some((find, _)) => {
                let fail = fails(find, "size(steps.FIND.output.seen) > 0");
                match erases_again {
                    true => told.push(fail),
                    false => beside.behind.push((find.clone(), fail)),
                }
            }
            None => {
                let find = name("again");
                let mut added = vec![json!({ "id": find.as_str(), "uses": "privaflow/find_again" })];
                let is_found = format!("size(steps.{find}.output.braze_ids) > 0");
                if erases_again {
                    if seen.approves {
                        let question = "Somebody whom {{ request.id }} erased is there again; erase them?";
                        added.push(
                            json!({ "id": name("again_approve"), "if": is_found, "approve": question }),
                        );
                    }
                    let (erase, ids) =
                        (name("again_erase"), format!("{{{{ steps.{find}.output.braze_ids }}}}"));
                    added.push(json!({ "id": erase.as_str(), "if": is_found, "uses": "braze/users.delete",
                                       "with": { "braze_ids": ids } }));
                    if let Some(verify) = &seen.verify {
                        let mut with = verify.clone();
                        with.insert("found".to_owned(), format!("{{{{ steps.{find}.output }}}}").into());
                        let condition = format!("steps.{erase}.status == \"done\"");
                        added.push(json!({ "id": name("again_verify"), "if": condition, "uses": VERIFY, "with": with }));
                    }
                    told.push(fails(&find, "size(steps.FIND.output.seen) > 0"));
                } else {
                    let condition =
                        "size(steps.FIND.output.braze_ids) > 0 || size(steps.FIND.output.seen) > 0";
                    added.push(fails(&find, condition));
                }
                for step in
                    added.iter_mut().filter_map(Value::as_object_mut).filter(|step| step.contains_key("uses"))
                {
                    step.extend(profile.clone().map(|profile| ("profile".to_owned(), profile)));
                }
                // A step that stops ends the run before what stands behind it.
                match seen.stops {
                    true => beside.first.append(&mut added),
                    false => beside.last.append(&mut added),
                }
            }
        }
        number += 1;
    }
    beside.last.append(&mut told);
    beside
}

/// What a file does, as far as it matters here.
#[derive(Default)]
struct Seen {
    ids: Vec<String>,
    /// Profiles of the settings in which it erases.
    erases_in: Vec<Option<Value>>,
    /// Its own searches for the request's subject, and where.
    searches: Vec<(String, Option<Value>)>,
    /// The options of the first step that verifies.
    verify: Option<Map<String, Value>>,
    approves: bool,
    stops: bool,
}

impl Seen {
    fn walk(&mut self, steps: &Node, is_outermost: bool) {
        let Content::List(steps) = &steps.content else { return };
        for step in steps {
            let id = step.get("id").and_then(Node::as_text);
            self.ids.extend(id.map(str::to_owned));
            self.approves |= step.get("approve").is_some();
            self.stops |= step.get("stop").is_some();
            if let Some(inner) = step.get("steps") {
                self.walk(inner, false);
            }
            let Some(uses) = step.get("uses").and_then(Node::as_text) else { continue };
            let profile = step.get("profile").map(Node::to_json);
            // What a profile is called that depends on the request is known only at that step.
            let is_fixed = !profile.as_ref().and_then(Value::as_str).is_some_and(|text| text.contains("{{"));
            let is_erasure =
                catalogue::find(uses).is_some_and(|action| action.effect == Effect::Irreversible);
            if is_erasure && uses.starts_with("braze/") && is_fixed && !self.erases_in.contains(&profile) {
                self.erases_in.push(profile.clone());
            }
            if uses == VERIFY && self.verify.is_none() {
                self.verify = step.get("with").and_then(|with| with.to_json().as_object().cloned());
            }
            let asks_always = ["if", "continue_on_error"].iter().all(|key| step.get(key).is_none());
            let names_nobody = step.get("with").is_none_or(|with| with.get("subject").is_none());
            if let Some(id) = id.filter(|_| uses == FIND && is_outermost && asks_always && names_nobody)
                && !self.stops
            {
                self.searches.push((id.to_owned(), profile));
            }
        }
    }
}

/// An id that no step of the file has.
fn unused(ids: &[String], word: &str, number: usize) -> String {
    let mut id = if number == 0 { word.to_owned() } else { format!("{word}_{}", number + 1) };
    while ids.contains(&id) {
        id.push('_');
    }
    id
}
