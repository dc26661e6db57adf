//! Does a `with` fit its action? Asked of the text when a workflow is loaded, and of every call.
//!
//! What the text leaves open is asked again of the rendered value, so a call that reaches `plan`
//! breaks no rule of the catalogue.

use serde_json::Value;

use super::findings::{At, Findings, Want};
use super::rules::{self, Object, listed, object};
use super::shown::{Look, Members, Shown};
use super::{Action, Field, Refusal};
use crate::source::Mistake;
use crate::template::{Node, PathSeg};

/// Everything that is certainly wrong with a compiled `with`, with its place in it. The place of an
/// unknown or exclusive field is that field's, of a missing one the map that lacks it; the mistakes
/// carry no place in the file.
pub fn check(action: &Action, with: &Node) -> Vec<(Vec<PathSeg>, Mistake)> {
    let mut findings = Findings::new(action, Want::All);
    whole(action, Shown::Node(with), &mut findings);
    findings.found
}

/// Refuses a rendered `with` that the service would not take.
pub fn check_rendered(action: &Action, with: &Value) -> Result<(), Refusal> {
    let mut findings = Findings::new(action, Want::First);
    whole(action, Shown::Value(with), &mut findings);
    match findings.found.pop() {
        None => Ok(()),
        Some((_, mistake)) => Err(Refusal::new(mistake.code, mistake.message)),
    }
}

/// Whether a value may stand in a field, whatever stands beside it.
pub fn fits(action: &Action, field: &Field, value: &Value) -> bool {
    let mut findings = Findings::new(action, Want::First);
    rules::value(field, Shown::Value(value), At::ROOT, &mut findings);
    findings.found.is_empty()
}

/// Whether a value may stand in a field that is a list of strings, whatever stands beside it.
pub fn fits_in_list(action: &Action, field: &Field, value: &Value) -> bool {
    let Value::String(text) = value else { return false };
    let mut findings = Findings::new(action, Want::First);
    rules::string(field, text, At::ROOT, &mut findings);
    findings.found.is_empty()
}

fn whole(action: &Action, with: Shown, findings: &mut Findings) {
    let members = match with.look() {
        Look::Map(members) => members,
        Look::Unknown => return,
        Look::Null | Look::Boolean | Look::Number(_) | Look::Text(_) | Look::SomeText | Look::List(_) => {
            findings.add("wrong_type", At::ROOT, |_| {
                (
                    "`with` must be a map".to_owned(),
                    "write the fields of the action as `name: value`".to_owned(),
                )
            });
            return;
        }
    };
    let rules = Object {
        fields: &action.fields,
        open: false,
        identifiers: &[],
        exactly_one_of: &action.exactly_one_of,
        at_least_one_of: &action.at_least_one_of,
        not_together: &action.not_together,
    };
    object(&rules, members, At::ROOT, findings);
    total(action, members, findings);
}

/// Each list may be short enough and all of them together too long.
fn total(action: &Action, members: Members, findings: &mut Findings) {
    let Some(batch) = action.batch.as_ref().filter(|batch| batch.groups.is_none()) else { return };
    let lists = || {
        let given = batch.arrays.keys().filter_map(|name| Some((name, members.get(name)?)));
        given.filter_map(|(name, shown)| match shown.look() {
            Look::List(items) => Some((name, items.iter().filter(|item| !item.may_be_absent()).count())),
            _ => None,
        })
    };
    let items: usize = lists().map(|(_, count)| count).sum();
    let one_is_too_long =
        lists().any(|(name, count)| batch.arrays.get(name).is_some_and(|array| count > array.at_most));
    if items > batch.total && !one_is_too_long {
        findings.add("too_many_items", At::ROOT, |_| {
            let lists = listed(batch.arrays.keys(), "and");
            let message =
                format!("{lists} have {items} items together, but the endpoint takes {}", batch.total);
            (message, "make several steps".to_owned())
        });
    }
}
