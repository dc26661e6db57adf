//! What a look asks besides the steps of its file, or instead of them: every identifier that the request names
//! and the erasure covered.
//!
//! A file that finds people with `privaflow/find_profiles` asks for them all by itself: that action knows, in a
//! look, what the erasure covered. To any other file steps are added that do, one set for each profile of the
//! settings that it erases in. Whoever bears an external id of their own and shares no more than an address
//! with who was erased is told, and never erased again. No other step knows that rule: years later an address
//! is somebody else's. So a look that erases carries out the erasing steps of its file only where each deletes
//! just what such a search found; of any other file it carries out no step, and only what is added erases.

use serde_json::{Map, Value, json};

use super::look::{CAME_BACK, NoLook};
use crate::catalogue::{self, Effect};
use crate::source::{Content, Node, Span, duration};

const FIND: &str = "privaflow/find_profiles";
const VERIFY: &str = "privaflow/verify_erased";
const THERE_AGAIN: &str = "Somebody is there again who has an identifier of this person.";
const UNKNOWN: &str = "Nothing is known by which this person could be looked for again.";

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
    let seen = Seen::of(steps);
    let mut beside = Beside::default();
    let mut told = Vec::new();
    for (number, profile) in seen.erases_in.iter().enumerate() {
        match seen.searches.iter().find(|(_, of)| of == profile) {
            Some((find, _)) => {
                let fail = seen.fails(number, find, SEEN);
                match erases_again {
                    true => told.push(fail),
                    false => beside.behind.push((find.clone(), fail)),
                }
            }
            None => {
                let (mut added, fail) = seen.set(number, profile.as_ref(), erases_again);
                match erases_again {
                    true => told.push(fail),
                    false => added.push(fail),
                }
                // A step that stops ends the run before what stands behind it.
                match seen.stops {
                    true => beside.first.append(&mut added),
                    false => beside.last.append(&mut added),
                }
            }
        }
    }
    beside.last.append(&mut told);
    beside
}

/// The steps of a look that erases, for a file whose own steps could erase somebody else by then; `None` when
/// they cannot.
pub(super) fn instead(steps: &Node) -> Result<Option<Vec<Value>>, NoLook> {
    let seen = Seen::of(steps);
    if seen.erasures.iter().all(|erasure| erasure.is_of_a_search(&seen.finds)) {
        return Ok(None);
    }
    if let Some(Erasure { at, .. }) = seen.erasures.iter().find(|erasure| !erasure.is_in_a_known_place) {
        let what = "whom this step erases by now, and where, nobody can tell";
        return Err(NoLook::Again { at: at.clone(), what });
    }
    let (mut made, mut told, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    for (number, profile) in seen.erases_in.iter().enumerate() {
        let (mut added, fail) = seen.set(number, profile.as_ref(), true);
        made.append(&mut added);
        told.push(fail);
        asked.push(format!("steps.{}.output.looks > 0", seen.name("again", number)));
    }
    made.append(&mut told);
    // Of whom nothing was asked nobody says that they are gone.
    let asked = json!({ "that": asked.join(" || "), "message": UNKNOWN });
    made.push(json!({ "id": seen.name("again_asked", 0), "assert": asked }));
    Ok(Some(made))
}

/// Somebody was found who may be somebody else.
const SEEN: &str = "size(steps.FIND.output.seen) > 0";
/// Anybody was found.
const ANYBODY: &str = "size(steps.FIND.output.braze_ids) > 0 || size(steps.FIND.output.seen) > 0";

/// What a file does, as far as it matters here.
#[derive(Default)]
struct Seen {
    ids: Vec<String>,
    /// Profiles of the settings in which it erases.
    erases_in: Vec<Option<Value>>,
    erasures: Vec<Erasure>,
    /// All its searches, and where.
    finds: Vec<(String, Option<Value>)>,
    /// Its own searches for the request's subject that it always makes, and where.
    searches: Vec<(String, Option<Value>)>,
    /// The options of the first step that verifies.
    verify: Option<Map<String, Value>>,
    approves: bool,
    stops: bool,
}

/// A step that erases.
struct Erasure {
    at: Span,
    profile: Option<Value>,
    /// What it deletes, if that is a template of Braze ids alone.
    found: Option<String>,
    /// It deletes in Braze, by a profile that does not depend on the request.
    is_in_a_known_place: bool,
}

impl Erasure {
    /// Whether it deletes just what one of these searches found where it deletes.
    fn is_of_a_search(&self, finds: &[(String, Option<Value>)]) -> bool {
        let Some(found) = &self.found else { return false };
        finds.iter().any(|(id, of)| *of == self.profile && *found == format!("steps.{id}.output.braze_ids"))
    }
}

impl Seen {
    fn of(steps: &Node) -> Seen {
        let mut seen = Seen::default();
        seen.walk(steps, true);
        seen
    }

    /// What looks for people in one place, and with `erases` erases whoever is theirs; and what tells of others, or
    /// of everybody.
    fn set(&self, number: usize, profile: Option<&Value>, erases: bool) -> (Vec<Value>, Value) {
        let find = self.name("again", number);
        let mut added = vec![json!({ "id": find.as_str(), "uses": "privaflow/find_again" })];
        let is_found = format!("size(steps.{find}.output.braze_ids) > 0");
        if erases {
            if self.approves {
                let question = "Somebody whom {{ request.id }} erased is there again; erase them?";
                let id = self.name("again_approve", number);
                added.push(json!({ "id": id, "if": is_found, "approve": question }));
            }
            let (erase, ids) =
                (self.name("again_erase", number), format!("{{{{ steps.{find}.output.braze_ids }}}}"));
            added.push(json!({ "id": erase.as_str(), "if": is_found, "uses": "braze/users.delete",
                               "with": { "braze_ids": ids } }));
            if let Some(verify) = &self.verify {
                let mut with = verify.clone();
                with.insert("found".to_owned(), format!("{{{{ steps.{find}.output }}}}").into());
                let (id, condition) =
                    (self.name("again_verify", number), format!("steps.{erase}.status == \"done\""));
                added.push(json!({ "id": id, "if": condition, "uses": VERIFY, "with": with }));
            }
        }
        let calls =
            added.iter_mut().filter_map(Value::as_object_mut).filter(|step| step.contains_key("uses"));
        calls.for_each(|step| step.extend(profile.map(|profile| ("profile".to_owned(), profile.clone()))));
        let fail = self.fails(number, &find, if erases { SEEN } else { ANYBODY });
        (added, fail)
    }

    fn fails(&self, number: usize, find: &str, condition: &str) -> Value {
        let id = self.name(&format!("{CAME_BACK}_again"), number);
        json!({ "id": id, "if": condition.replace("FIND", find), "fail": THERE_AGAIN })
    }

    /// An id that no step of the file has.
    fn name(&self, word: &str, number: usize) -> String {
        let mut id = if number == 0 { word.to_owned() } else { format!("{word}_{}", number + 1) };
        while self.ids.contains(&id) {
            id.push('_');
        }
        id
    }

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
            if catalogue::find(uses).is_some_and(|action| action.effect == Effect::Irreversible) {
                self.note_erasure(step, uses, &profile);
            }
            if uses == VERIFY && !self.verify.as_ref().is_some_and(|with| with.contains_key("found")) {
                self.verify = step.get("with").and_then(|with| with.to_json().as_object().cloned());
            } else if self.verify.is_none() && !self.erasures.is_empty() {
                self.verify = own_verification(step);
            }
            let asks_always = ["if", "continue_on_error"].iter().all(|key| step.get(key).is_none());
            let names_nobody = step.get("with").is_none_or(|with| with.get("subject").is_none());
            if let Some(id) = id.filter(|_| uses == FIND) {
                self.finds.push((id.to_owned(), profile.clone()));
                if is_outermost && asks_always && names_nobody && !self.stops {
                    self.searches.push((id.to_owned(), profile));
                }
            }
        }
    }

    fn note_erasure(&mut self, step: &Node, uses: &str, profile: &Option<Value>) {
        // What a profile is called that depends on the request is known only at that step.
        let is_fixed = !profile.as_ref().and_then(Value::as_str).is_some_and(|text| text.contains("{{"));
        let is_in_a_known_place = uses.starts_with("braze/") && is_fixed;
        let found = step.get("with").and_then(|with| with.get("braze_ids")).and_then(Node::as_text);
        let found = found.and_then(|text| text.trim().strip_prefix("{{")?.strip_suffix("}}"));
        self.erasures.push(Erasure {
            at: step.head(),
            profile: profile.clone(),
            found: found.map(|found| found.trim().to_owned()),
            is_in_a_known_place,
        });
        if is_in_a_known_place && !self.erases_in.contains(profile) {
            self.erases_in.push(profile.clone());
        }
    }
}

/// How a file looks until those are gone whom it erased, if this step does, in the words of the action that does.
fn own_verification(step: &Node) -> Option<Map<String, Value>> {
    let repeat = step.get("repeat")?;
    let pause = |key: &str| repeat.get(key).and_then(Node::as_text);
    let (every, at_most) = (pause("every")?, pause("at_most")?);
    (duration(every)? <= duration(at_most)?).then_some(())?;
    json!({ "first_after": every, "at_most": at_most, "erase_again": false }).as_object().cloned()
}

#[cfg(test)]
mod tests;
