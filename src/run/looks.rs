//! What the workflow looks at in a record before its first call, and a key of what it finds there.
//!
//! Two records with the same key take the same course up to that call. The key is the values
//! themselves, so that no two courses are ever taken for one. It is kept, while a person's values are
//! not: a workflow that looks at anything but statuses, purposes, and whether something is there at all
//! has no key.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::condition::{Asks, Condition, Look};
use crate::template::member;
use crate::workflow::{Setting, Step, StepKind, Workflow};

/// Names of the first level that a record fills.
const OF_RECORD: [&str; 4] = ["request", "subject", "consents", "fields"];
/// Names of the first level that come from what the record says, or are the same for a whole job.
const DERIVED: [&str; 3] = ["vars", "steps", "now"];
/// Single values that say nothing about who somebody is.
const OF_NOBODY: [[&str; 2]; 3] = [["request", "kind"], ["subject", "country"], ["subject", "language"]];
/// Members of a consent of which the same holds.
const OF_CONSENTS: [&str; 3] = ["purpose_id", "purpose", "status"];

/// Whether a name of the first level is one that a record fills.
pub(super) fn is_of_record(name: &str) -> bool {
    OF_RECORD.contains(&name)
}

/// What a workflow looks at.
#[derive(Debug, Default)]
pub(super) struct Looks {
    single: Vec<Single>,
    lists: Vec<List>,
}

#[derive(Debug)]
struct Single {
    path: Vec<String>,
    /// The member that is asked for; without one, the value is.
    has: Option<String>,
}

#[derive(Debug)]
struct List {
    path: Vec<String>,
    /// Members of an item of which the value counts.
    each: Vec<String>,
    /// Members of which only counts whether they are there.
    has: Vec<String>,
}

impl Looks {
    /// What a workflow looks at; `None` if records cannot be told alike by that.
    pub fn of(workflow: &Workflow) -> Option<Looks> {
        let mut names = BTreeSet::new();
        let mut looks = BTreeSet::new();
        gather(&workflow.steps, &mut names, &mut |condition| looks.extend(condition.looks()));
        if workflow.words.is_some() {
            // What is counted as unmapped.
            let each = |name: &str| Look { path: vec!["consents".into()], asks: Asks::Each(name.into()) };
            looks.extend(OF_CONSENTS.iter().map(|name| each(name)));
        }
        let is_templated = workflow.vars.iter().any(|(_, tree)| tree.root().literal().is_none());
        let hides = |name: &String| is_of_record(name) || DERIVED.contains(&name.as_str()) || name == "run";
        if is_templated || names.iter().any(hides) {
            return None;
        }
        let mut all = Looks::default();
        for Look { path, asks } in looks {
            let first = path.first()?;
            if DERIVED.contains(&first.as_str()) || names.contains(first) {
                continue;
            }
            if !is_of_record(first) {
                return None;
            }
            all.add(path, asks)?;
        }
        Some(all)
    }

    /// `None` if a key must not hold what is asked for.
    fn add(&mut self, path: Vec<String>, asks: Asks) -> Option<()> {
        let is_consents = path == ["consents"];
        match asks {
            Asks::Whole => {
                OF_NOBODY.iter().any(|known| path == known).then_some(())?;
                self.single.push(Single { path, has: None });
            }
            Asks::Has(name) => self.single.push(Single { path, has: Some(name) }),
            Asks::Count => drop(self.list(path)?),
            Asks::Each(name) => {
                (is_consents && OF_CONSENTS.contains(&name.as_str())).then_some(())?;
                self.list(path)?.each.push(name);
            }
            Asks::EachHas(name) => {
                let list = self.list(path)?;
                // Values come first, and say it too.
                if !list.each.contains(&name) {
                    list.has.push(name);
                }
            }
        }
        Some(())
    }

    fn list(&mut self, path: Vec<String>) -> Option<&mut List> {
        match self.lists.iter().position(|list| list.path == path) {
            Some(at) => self.lists.get_mut(at),
            None => {
                self.lists.push(List { path, each: Vec::new(), has: Vec::new() });
                self.lists.last_mut()
            }
        }
    }

    /// Appends what is found in a record; `None` if something is of another kind than records have.
    pub fn key(&self, members: &Map<String, Value>, key: &mut Vec<u8>) -> Option<()> {
        for single in &self.single {
            match (find(members, &single.path)?, &single.has) {
                (Err(depth), _) => key.extend([b'-', depth]),
                (Ok(value), None) => text(value, key)?,
                (Ok(Value::Object(map)), Some(name)) => key.push(u8::from(member(map, name).is_some())),
                (Ok(_), Some(_)) => return None,
            }
        }
        for list in &self.lists {
            let items = match find(members, &list.path)? {
                Ok(Value::Array(items)) => items,
                Ok(_) => return None,
                Err(depth) => {
                    key.extend([b'-', depth]);
                    continue;
                }
            };
            key.push(b'[');
            length(items.len(), key)?;
            if list.each.is_empty() && list.has.is_empty() {
                continue;
            }
            for item in items {
                let item = item.as_object()?;
                for name in &list.each {
                    match member(item, name) {
                        Some(value) => text(value, key)?,
                        None => key.push(b'-'),
                    }
                }
                key.extend(list.has.iter().map(|name| u8::from(member(item, name).is_some())));
            }
        }
        Some(())
    }
}

/// What stands at a path, or how deep nothing stands any more; `None` where something else than a map is
/// in the way.
fn find<'m>(members: &'m Map<String, Value>, path: &[String]) -> Option<Result<&'m Value, u8>> {
    let (first, rest) = path.split_first()?;
    let Some(mut value) = member(members, first) else { return Some(Err(0)) };
    for (depth, name) in (1..).zip(rest) {
        match member(value.as_object()?, name) {
            Some(inner) => value = inner,
            None => return Some(Err(depth)),
        }
    }
    Some(Ok(value))
}

fn text(value: &Value, key: &mut Vec<u8>) -> Option<()> {
    let text = value.as_str()?;
    key.push(b'=');
    length(text.len(), key)?;
    key.extend_from_slice(text.as_bytes());
    Some(())
}

fn length(length: usize, key: &mut Vec<u8>) -> Option<()> {
    key.extend(u32::try_from(length).ok()?.to_le_bytes());
    Some(())
}

/// Every condition and value that decides what a run does before its first answer, and the names of loops.
fn gather(steps: &[Step], names: &mut BTreeSet<String>, see: &mut impl FnMut(&Condition)) {
    for step in steps {
        step.condition.iter().for_each(&mut *see);
        match &step.kind {
            StepKind::Set(settings) => {
                for (_, setting) in settings {
                    if let Setting::Expression(expression) = setting {
                        see(expression);
                    }
                }
            }
            StepKind::ForEach { list, name, steps } => {
                see(list);
                names.insert(name.clone());
                gather(steps, names, see);
            }
            StepKind::Assert { that, .. } => see(that),
            StepKind::Action { .. }
            | StepKind::Composed(_)
            | StepKind::Wait(_)
            | StepKind::Approve(_)
            | StepKind::Fail(_)
            | StepKind::Stop(_)
            | StepKind::Log(_) => {}
        }
    }
}
