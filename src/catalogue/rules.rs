//! The rules of an action, applied to a value or to the text it will be rendered from.
//!
//! A template that is not rendered yet breaks no rule: it may turn out to be anything. Findings name
//! members and rules, never a value.

use indexmap::IndexMap;

use super::field::{Field, Format, Shape};
use super::findings::{At, Findings};
use super::shown::{List, Look, Members, Shown};
use crate::source::closest;

/// What is said about the members of one object.
pub(super) struct Object<'r> {
    pub(super) fields: &'r IndexMap<String, Field>,
    pub(super) open: bool,
    pub(super) identifiers: &'r [String],
    pub(super) exactly_one_of: &'r [String],
    pub(super) at_least_one_of: &'r [String],
    pub(super) not_together: &'r [[String; 2]],
}

impl<'r> Object<'r> {
    fn of(field: &'r Field) -> Object<'r> {
        Object {
            fields: &field.fields,
            open: field.open,
            identifiers: &field.identifiers,
            exactly_one_of: &[],
            at_least_one_of: &field.at_least_one_of,
            not_together: &field.not_together,
        }
    }
}

/// How surely a member stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    No,
    Maybe,
    Yes,
}

fn stands(members: Members, name: &str) -> Stands {
    match members.get(name) {
        None => Stands::No,
        Some(shown) if shown.may_be_absent() => Stands::Maybe,
        Some(_) => Stands::Yes,
    }
}

/// Checks one object with all its members.
pub(super) fn object(rules: &Object, members: Members, at: At, findings: &mut Findings) {
    for (name, shown) in members.iter() {
        match rules.fields.get(name) {
            Some(field) => value(field, shown, at.key(name), findings),
            None if rules.open => {}
            None => unknown(rules, name, at.key(name), findings),
        }
    }
    for (name, _) in rules.fields.iter().filter(|(_, field)| field.required) {
        if stands(members, name) == Stands::No && !is_misspelt(rules, members, name) {
            findings.add("missing_field", at, |path| {
                let place = if path.is_empty() { String::new() } else { format!(" in {path}") };
                (format!("`{name}` is missing{place}"), format!("add `{name}`"))
            });
        }
    }
    alternatives(rules, members, at, findings);
}

fn unknown(rules: &Object, name: &str, at: At, findings: &mut Findings) {
    let action = findings.action;
    findings.add("unknown_field", at, |path| {
        let help = match closest(name, rules.fields.keys().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it takes {}", listed(rules.fields.keys(), "and")),
        };
        (format!("{path} is not a field of `{}`", action.name()), help)
    });
}

/// Whether an unknown field stands where this one was meant: one slip is one mistake.
fn is_misspelt(rules: &Object, members: Members, name: &str) -> bool {
    let known = || rules.fields.keys().map(String::as_str);
    let mut given = members.iter().filter(|(given, _)| !rules.open && !rules.fields.contains_key(*given));
    given.any(|(given, _)| closest(given, known()) == Some(name))
}

fn alternatives(rules: &Object, members: Members, at: At, findings: &mut Findings) {
    let is_missing =
        |name: &String| stands(members, name) == Stands::No && !is_misspelt(rules, members, name);
    let none_stands = |names: &[String]| names.iter().all(is_missing);
    for names in [rules.exactly_one_of, rules.at_least_one_of] {
        if !names.is_empty() && none_stands(names) {
            findings.add("missing_field", at, |path| {
                let place = if path.is_empty() { String::new() } else { format!(" in {path}") };
                (format!("{} is missing{place}", listed(names, "or")), "add one of them".to_owned())
            });
        }
    }
    if !rules.identifiers.is_empty() && !names_somebody(rules.identifiers, members) {
        findings.add("no_identifier", at, |path| {
            (format!("{path} names nobody"), format!("add {}", listed(rules.identifiers, "or")))
        });
    }
    let mut sure = rules.exactly_one_of.iter().filter(|name| stands(members, name) == Stands::Yes);
    if let (Some(first), Some(second)) = (sure.next(), sure.next()) {
        exclusive(first, second, at.key(second), findings);
    }
    for [first, second] in rules.not_together {
        if stands(members, first) == Stands::Yes && stands(members, second) == Stands::Yes {
            exclusive(first, second, at.key(second), findings);
        }
    }
}

/// A member that is `null` says that something is removed, not whose it is.
fn names_somebody(identifiers: &[String], members: Members) -> bool {
    let mut given = identifiers.iter().filter_map(|name| members.get(name));
    given.any(|shown| !matches!(shown.look(), Look::Null))
}

fn exclusive(first: &str, second: &str, at: At, findings: &mut Findings) {
    findings.add("exclusive_fields", at, |_| {
        let message = format!("`{first}` and `{second}` exclude each other");
        (message, "keep one of them, or make two steps".to_owned())
    });
}

pub(super) fn value(field: &Field, shown: Shown, at: At, findings: &mut Findings) {
    match (field.shape, shown.look()) {
        (_, Look::Unknown)
        | (Shape::Any, _)
        | (Shape::Boolean, Look::Boolean)
        | (Shape::String | Shape::StringOrStrings, Look::SomeText) => {}
        (_, Look::Null) if field.nullable => {}
        (Shape::String | Shape::StringOrStrings, Look::Text(text)) => string(field, text, at, findings),
        (Shape::Integer, Look::Number(number)) if !number.is_f64() => whole(field, number, at, findings),
        (Shape::Number, Look::Number(_)) => {}
        (Shape::Strings | Shape::StringOrStrings, Look::List(items)) => {
            length(field, items, at, findings);
            strings(field, items, at, findings);
        }
        (Shape::Object, Look::Map(members)) => object(&Object::of(field), members, at, findings),
        (Shape::Objects, Look::List(items)) => {
            length(field, items, at, findings);
            objects(field, items, at, findings);
        }
        (shape, look) => wrong_type(shape, &look, at, findings),
    }
}

fn wrong_type(wanted: Shape, look: &Look, at: At, findings: &mut Findings) {
    let is = match look {
        Look::Unknown => return,
        Look::Null => "null",
        Look::Boolean => "true or false",
        Look::Number(_) => "a number",
        Look::Text(_) | Look::SomeText => "a string",
        Look::List(_) => "a list",
        Look::Map(_) => "a map",
    };
    findings.add("wrong_type", at, |path| {
        let help = match (wanted, look) {
            (Shape::Strings | Shape::Objects, Look::Text(_) | Look::SomeText | Look::Map(_)) => {
                "write it as a list: `[…]`"
            }
            (Shape::String, Look::Number(_)) => "put it in quotes, here or where the data comes from",
            _ => "give it the type that the endpoint takes",
        };
        (format!("{path} is {is}, but must be {}", wanted.phrase()), help.to_owned())
    });
}

fn length(field: &Field, items: List, at: At, findings: &mut Findings) {
    if items.len() == 0 {
        findings.add("missing_field", at, |path| {
            (format!("{path} is empty"), "put an `if` on the step that asks for its size".to_owned())
        });
    }
    let Some(most) = field.at_most else { return };
    let sure = items.iter().filter(|item| !item.may_be_absent()).count();
    if sure > most {
        findings.add("too_many_items", at, |path| {
            (
                format!("{path} has {sure} items, but the endpoint takes {most}"),
                "make several steps".to_owned(),
            )
        });
    }
}

fn strings(field: &Field, items: List, at: At, findings: &mut Findings) {
    for (index, item) in items.iter().enumerate() {
        match item.look() {
            Look::Unknown | Look::SomeText => {}
            Look::Text(text) => string(field, text, at.index(index), findings),
            look => wrong_type(Shape::String, &look, at.index(index), findings),
        }
    }
    let has = |word: &str| items.iter().any(|item| matches!(item.look(), Look::Text(text) if text == word));
    for [first, second] in &field.words_not_together {
        if has(first) && has(second) {
            exclusive(first, second, at, findings);
        }
    }
}

fn objects(field: &Field, items: List, at: At, findings: &mut Findings) {
    let rules = Object::of(field);
    for (index, item) in items.iter().enumerate() {
        match item.look() {
            Look::Unknown => {}
            Look::Map(members) => object(&rules, members, at.index(index), findings),
            look => wrong_type(Shape::Object, &look, at.index(index), findings),
        }
    }
    let stands_somewhere = |name: &str| {
        let mut items = items.iter();
        items.any(|item| matches!(item.look(), Look::Map(all) if stands(all, name) == Stands::Yes))
    };
    for [first, second] in &field.not_together_in_list {
        let together = |members: Members| {
            stands(members, first) == Stands::Yes && stands(members, second) == Stands::Yes
        };
        let told = items.iter().any(|item| matches!(item.look(), Look::Map(all) if together(all)));
        if !told && stands_somewhere(first) && stands_somewhere(second) {
            exclusive(first, second, at, findings);
        }
    }
}

pub(super) fn string(field: &Field, text: &str, at: At, findings: &mut Findings) {
    if text.trim().is_empty() {
        findings.add("bad_value", at, |path| (format!("{path} is empty"), "give it a value".to_owned()));
    } else if !field.one_of.is_empty() && !field.one_of.iter().any(|word| word == text) {
        findings.add("bad_value", at, |path| {
            let help = match closest(text, field.one_of.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "write one of these words".to_owned(),
            };
            (format!("{path} must be {}", listed(&field.one_of, "or")), help)
        });
    }
    match field.max_bytes {
        Some(most) if text.len() > most => findings.add("bad_value", at, |path| {
            let message = format!("{path} is {} bytes long, but the endpoint takes {most}", text.len());
            (message, "send a shorter one".to_owned())
        }),
        _ => {}
    }
    match field.format {
        Some(Format::E164) if !is_e164(text) => findings.add("bad_value", at, |path| {
            let message = format!("{path} must be a phone number as `+` and digits");
            (message, "use the helper `e164`".to_owned())
        }),
        Some(Format::Id) if !is_id(text) => findings.add("bad_value", at, |path| {
            let message = format!("{path} must be an id: letters, digits, `-` and `_`");
            (message, "give the id alone, as the service shows it".to_owned())
        }),
        _ => {}
    }
}

fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=100).contains(&text.len()) && text.bytes().all(fits)
}

fn whole(field: &Field, number: &serde_json::Number, at: At, findings: &mut Findings) {
    let given = number.as_i64().unwrap_or(i64::MAX);
    let (least, most) = (field.at_least.unwrap_or(i64::MIN), field.no_more_than.unwrap_or(i64::MAX));
    if given < least || given > most {
        findings.add("bad_value", at, |path| {
            let message = match field.no_more_than {
                Some(most) => format!("{path} must be from {least} to {most}"),
                None => format!("{path} must be at least {least}"),
            };
            (message, "give it a value that the endpoint takes".to_owned())
        });
    }
}

/// `a`, `b` or `c`, each in backticks.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n String>, last: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}
