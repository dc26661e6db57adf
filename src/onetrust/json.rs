//! Looks into JSON whose shape nobody promises.
//!
//! OneTrust spells the same member differently in different answers and leaves empty ones out, so every
//! look names all spellings and takes what is absent, null or of another type as absent.

use serde_json::Value;

/// The first of these members that is a string with more than spaces in it, as it stands.
pub(super) fn text<'v>(value: &'v Value, names: &[&str]) -> Option<&'v str> {
    names
        .iter()
        .filter_map(|name| value.get(name)?.as_str())
        .find(|text| text.contains(|c: char| !c.is_whitespace()))
}

/// The first of these members that is true or false; the words `true` and `false` count.
pub(super) fn flag(value: &Value, names: &[&str]) -> Option<bool> {
    names.iter().find_map(|name| match value.get(name)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(word) if word.eq_ignore_ascii_case("true") => Some(true),
        Value::String(word) if word.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    })
}

/// The items of the first of these members that is a list; a single string counts as a list of it.
pub(super) fn items<'v>(value: &'v Value, names: &[&str]) -> &'v [Value] {
    names
        .iter()
        .find_map(|name| match value.get(name)? {
            Value::Array(items) => Some(items.as_slice()),
            text @ Value::String(_) => Some(std::slice::from_ref(text)),
            _ => None,
        })
        .unwrap_or_default()
}

/// The strings of the first of these members that is a list.
pub(super) fn texts(value: &Value, names: &[&str]) -> Vec<String> {
    items(value, names).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
