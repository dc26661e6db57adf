//! Which names exist at a point of a workflow, and what is wrong with one that does not.
//!
//! The file is read from top to bottom and this is what has been read so far: the variables that are
//! set, the steps that have run, the loops around. A name is checked at the moment its text is read.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::outline::Outline;
use super::record::{ALIAS, CONSENT, REQUEST, SUBJECT};
use crate::catalogue::{Action, Composed};
use crate::source::{Mistake, closest};
use crate::template::Name;

const RUN: [&str; 3] = ["id", "started_at", "workflow"];
const STEP: [&str; 2] = ["status", "output"];
/// Of `failure`, which stands in `on_failure`.
const FAILURE: [&str; 3] = ["reason", "code", "step"];
/// Names of the first level that stand in every run.
const ALWAYS: [&str; 8] = ["request", "subject", "consents", "fields", "vars", "steps", "run", "now"];

/// Whether a name of the first level is taken, so that no loop may call its items so.
pub(super) fn is_taken(name: &str) -> bool {
    ALWAYS.contains(&name) || ["row", "output", "response", "failure"].contains(&name)
}

/// Where the text that is being read stands.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// In `vars`, before any step.
    Vars,
    /// In `on.file.map`, where only `row` exists.
    Map,
    /// In a step of this label.
    Step(String),
    /// In `until` or `success_when` of a step of this label, which read the reply of its action.
    Reply(String, Option<&'static Action>),
}

impl Place {
    fn words(&self) -> String {
        match self {
            Place::Vars => "`vars`".to_owned(),
            Place::Map => "`on.file.map`".to_owned(),
            Place::Step(label) | Place::Reply(label, _) => format!("step `{label}`"),
        }
    }
}

/// What has been read of a file so far.
#[derive(Debug)]
pub(super) struct Names {
    pub place: Place,
    /// Variables that are set at this point, with the members of those that are plain maps.
    pub vars: IndexMap<String, Option<BTreeSet<String>>>,
    /// Ids of the steps that have run at this point.
    pub ran: BTreeSet<String>,
    /// What the loops around call their items, from the outside.
    pub items: Vec<String>,
    /// Numbers of the loops around, from the outside.
    pub loops: Vec<u32>,
    /// In `on_failure`.
    pub is_in_failure: bool,
    /// All steps of the file, and all variables.
    pub outline: Outline,
}

impl Names {
    pub fn new(outline: Outline) -> Names {
        Names {
            place: Place::Vars,
            vars: IndexMap::new(),
            ran: BTreeSet::new(),
            items: Vec::new(),
            loops: Vec::new(),
            is_in_failure: false,
            outline,
        }
    }

    /// What is wrong with a name, if anything is. The place is that of the name in its text.
    pub fn check(&self, name: &Name) -> Option<Mistake> {
        let path: Vec<&str> = name.segments.iter().map(String::as_str).collect();
        let (root, rest) = path.split_first()?;
        if self.items.iter().any(|item| item == root) {
            return None;
        }
        if matches!(self.place, Place::Map) {
            return (*root != "row").then(|| {
                self.unknown(name, "only `row` exists in `on.file.map`")
                    .help("write `row.…`, with the name of a column")
            });
        }
        match *root {
            "request" => match rest {
                ["source", ..] => None,
                _ => self.members(name, rest, &REQUEST, 1),
            },
            "subject" => match rest {
                ["aliases", index, member, ..] if is_index(index) => self.members(name, &[member], &ALIAS, 3),
                ["aliases", ..] => None,
                _ => self.members(name, rest, &SUBJECT, 1),
            },
            "consents" => match rest {
                [] => None,
                [index] if is_index(index) => None,
                [index, member, ..] if is_index(index) => self.members(name, &[member], &CONSENT, 2),
                _ => Some(
                    self.unknown(name, "`consents` is a list").help("loop over it, or write `consents[0]…`"),
                ),
            },
            "run" => self.members(name, rest, &RUN, 1),
            "failure" if self.is_in_failure => self.members(name, rest, &FAILURE, 1),
            "fields" => None,
            "now" if rest.is_empty() => None,
            "vars" => self.var(name, rest),
            "steps" => self.step(name, rest),
            "output" | "response" => match (&self.place, rest) {
                (Place::Reply(_, action), _) if *root == "output" => reply(name, rest, *action, 1),
                (Place::Reply(_, action), ["body", inner @ ..]) => reply(name, inner, *action, 2),
                (Place::Reply(..), _) => self.members(name, rest, &["status", "body"], 1),
                _ => Some(self.unknown_root(name, root, rest)),
            },
            _ => Some(self.unknown_root(name, root, rest)),
        }
    }

    fn unknown(&self, name: &Name, label: impl Into<String>) -> Mistake {
        Mistake::error("unknown_name", name.at.clone(), format!("unknown name `{}`", name.path()))
            .label(label)
    }

    /// A name whose member after `depth` segments must be one of these, and the last.
    fn members(&self, name: &Name, rest: &[&str], members: &[&str], depth: usize) -> Option<Mistake> {
        let (member, below) = rest.split_first()?;
        if members.contains(member) {
            return (!below.is_empty()).then(|| self.unknown(name, format!("`{member}` has no members")));
        }
        let before = name.segments.get(..depth).unwrap_or_default().join(".");
        let mistake = self.unknown(name, format!("not in the scope of {}", self.place.words()));
        Some(match closest(member, members.iter().copied()) {
            Some(meant) => mistake.help(format!("did you mean `{before}.{meant}`?")),
            None => mistake.help(format!("`{before}` has {}", listed(members.iter().copied()))),
        })
    }

    fn var(&self, name: &Name, rest: &[&str]) -> Option<Mistake> {
        let (var, below) = rest.split_first()?;
        match (self.vars.get(*var), below.first()) {
            (None, _) => {}
            (Some(Some(members)), Some(member)) if !name.optional && !members.contains(*member) => {
                let mistake = self.unknown(name, format!("`vars.{var}` has no `{member}`"));
                return Some(match closest(member, members.iter().map(String::as_str)) {
                    Some(meant) => mistake.help(format!("did you mean `vars.{var}.{meant}`?")),
                    None => mistake,
                });
            }
            (Some(_), _) => return None,
        }
        if let Some(setter) = self.outline.set_by(var) {
            if name.optional {
                return None;
            }
            return Some(
                self.unknown(name, format!("not set yet; step `{setter}` sets it"))
                    .help(format!("give it a first value under `vars`, or write `default vars.{var} …`")),
            );
        }
        if self.outline.is_var(var) {
            return Some(
                self.unknown(name, "stands further down")
                    .help(format!("move `{var}` up: `vars` are made in order")),
            );
        }
        let mistake = self.unknown(name, "nothing sets it");
        Some(match closest(var, self.vars.keys().map(String::as_str)) {
            Some(meant) => mistake.help(format!("did you mean `vars.{meant}`?")),
            None => mistake.help("set it under `vars`, or with a `set` step before"),
        })
    }

    fn step(&self, name: &Name, rest: &[&str]) -> Option<Mistake> {
        let (id, below) = rest.split_first()?;
        let at = || name.at.clone();
        let Some(step) = self.outline.step(id) else {
            let mistake = Mistake::error("unknown_step_id", at(), format!("no step has the id `{id}`"))
                .label("unknown step");
            let suggested = mistake.clone().suggest(id, self.outline.ids());
            return Some(match suggested.help {
                Some(_) => suggested,
                None => mistake.help("give the step that you mean an `id`"),
            });
        };
        if !self.loops.starts_with(&step.loops) {
            let outer =
                step.loops.get(self.loops.iter().zip(&step.loops).take_while(|(a, b)| a == b).count());
            let mistake = Mistake::error(
                "step_in_loop",
                at(),
                format!("step `{id}` runs once for each item of a loop"),
            )
            .label("which item's?");
            return Some(match outer.and_then(|number| self.outline.id_of(*number)) {
                Some(of) => {
                    mistake.help(format!("write `steps.{of}.output[0].{id}`, with the index of an item"))
                }
                None => mistake.help(format!("give the loop an `id`, and write `steps.<id>.output[0].{id}`")),
            });
        }
        if !self.ran.contains(*id) {
            let own = matches!(&self.place, Place::Step(label) | Place::Reply(label, _) if label == id);
            let mistake = Mistake::error("step_not_yet_run", at(), format!("step `{id}` has not run yet"));
            return Some(match (own, &self.place) {
                (true, Place::Reply(..)) => {
                    mistake.label("this is the step itself").help("its own reply is `output` here")
                }
                (true, _) => mistake.label("this is the step itself"),
                (false, Place::Vars) => mistake.label("`vars` are made before any step runs"),
                (false, _) if self.loops.contains(&step.number) => {
                    mistake.label("the loop around is still running")
                }
                (false, _) => mistake.label("runs later").help(format!("move this step behind `{id}`")),
            });
        }
        match below {
            [] => None,
            ["status"] => None,
            ["output", index, inner, ..] if is_index(index) && step.is_loop => {
                let of: Vec<&str> = self.outline.ids_in(step.number).collect();
                (!of.contains(inner)).then(|| {
                    Mistake::error("unknown_step_id", at(), format!("the loop `{id}` has no step `{inner}`"))
                        .label("unknown step")
                        .suggest(inner, of)
                })
            }
            ["output", inner @ ..] => match step.composed {
                Some(composed) => made(name, inner, composed),
                None => reply(name, inner, step.action, 3),
            },
            _ => self.members(name, below, &STEP, 2),
        }
    }

    fn unknown_root(&self, name: &Name, root: &str, rest: &[&str]) -> Mistake {
        let path = name.path();
        match root {
            "row" => return self.unknown(name, "`row` exists only in `on.file.map`"),
            "output" | "response" => {
                return self.unknown(name, format!("`{root}` exists only in `until` and `success_when`"));
            }
            "failure" => return self.unknown(name, "`failure` exists only in `on_failure`"),
            "item" => {
                let mistake = self.unknown(name, "`item` exists only in a loop");
                return match self.items.last() {
                    Some(item) => mistake.help(format!("this loop calls it `{item}`")),
                    None => mistake,
                };
            }
            "env" | "secrets" | "profiles" | "token" => {
                return self
                    .unknown(name, "templates read no environment and no secrets")
                    .help("credentials belong to a profile in the settings");
            }
            _ if self.outline.is_item(root) => {
                return self.unknown(name, format!("`{root}` exists only inside its loop"));
            }
            _ => {}
        }
        let mistake = self.unknown(name, format!("not in the scope of {}", self.place.words()));
        // A member without its owner: `email` for `subject.email`.
        let owner = [("subject", &SUBJECT[..]), ("request", &REQUEST[..])]
            .into_iter()
            .find(|(_, members)| members.contains(&root))
            .map(|(owner, _)| owner)
            .or_else(|| self.vars.contains_key(root).then_some("vars"))
            .or_else(|| self.outline.step(root).map(|_| "steps"));
        if let Some(owner) = owner {
            return mistake.help(format!("did you mean `{owner}.{path}`?"));
        }
        let roots = ALWAYS.into_iter().chain(self.items.iter().map(String::as_str));
        match closest(root, roots.clone()) {
            Some(meant) => {
                let meant: Vec<&str> = std::iter::once(meant).chain(rest.iter().copied()).collect();
                mistake.help(format!("did you mean `{}`?", meant.join(".")))
            }
            None => mistake.help(format!("the names are {}", listed(roots))),
        }
    }
}

/// What is wrong with a member of a reply, which begins after `depth` segments of the name. The answer
/// to a read may have members that nobody listed: there only a slip is told.
fn reply(name: &Name, rest: &[&str], action: Option<&'static Action>, depth: usize) -> Option<Mistake> {
    let (member, action) = (rest.first()?, action?);
    let members = || action.reply.members();
    if members().any(|known| known == *member) {
        return None;
    }
    let near = closest(member, members());
    if near.is_none() && (name.optional || action.reply.has_data()) {
        return None;
    }
    let mistake = Mistake::error("unknown_name", name.at.clone(), format!("unknown name `{}`", name.path()))
        .label(format!("not in the answer of `{}`", action.name()));
    let before = name.segments.get(..depth).unwrap_or_default().join(".");
    Some(match near {
        Some(near) => mistake.help(format!("did you mean `{before}.{near}`?")),
        None => mistake.help(format!("`{before}` has {}", listed(members()))),
    })
}

/// What is wrong with a member of the output of an action made of others.
fn made(name: &Name, rest: &[&str], composed: &'static Composed) -> Option<Mistake> {
    let member = rest.first()?;
    if composed.output.contains(member) {
        return None;
    }
    let mistake = Mistake::error("unknown_name", name.at.clone(), format!("unknown name `{}`", name.path()))
        .label(format!("not in the output of `{}`", composed.name()));
    let before = name.segments.get(..3).unwrap_or_default().join(".");
    Some(match closest(member, composed.output.iter().copied()) {
        Some(near) => mistake.help(format!("did you mean `{before}.{near}`?")),
        None => mistake.help(format!("`{before}` has {}", listed(composed.output.iter().copied()))),
    })
}

fn is_index(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit())
}

fn listed<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
