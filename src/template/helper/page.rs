//! A value as a page for people: maps and lists as tables, everything else as text, all of it escaped.
//!
//! No script and nothing fetched, so that it opens the same everywhere and in twenty years. Data never
//! becomes markup.

use serde_json::Value;

use super::given::{Given, append};
use crate::template::RenderError;

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">";
const STYLE: &str = "<style>body{font:11pt/1.4 sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2em .5em;text-align:left;vertical-align:top;overflow-wrap:anywhere}th{font-weight:normal;color:#444}</style>";

/// How deep maps and lists are shown as tables; below that as JSON.
const DEEPEST: usize = 16;

/// The title, then the value.
pub(super) fn page(given: &Given<'_>) -> Result<Value, RenderError> {
    let title = given.text(0)?;
    let mut out = String::new();
    append(&mut out, HEAD)?;
    append(&mut out, "<title>")?;
    text(&mut out, &title)?;
    append(&mut out, "</title>")?;
    append(&mut out, STYLE)?;
    append(&mut out, "<body><h1>")?;
    text(&mut out, &title)?;
    append(&mut out, "</h1>")?;
    shown(&mut out, given.value(1), 0)?;
    append(&mut out, "</body></html>")?;
    Ok(out.into())
}

fn shown(out: &mut String, value: &Value, depth: usize) -> Result<(), RenderError> {
    match value {
        Value::Object(members) if members.is_empty() => append(out, "\u{2013}"),
        Value::Array(items) if items.is_empty() => append(out, "\u{2013}"),
        Value::Object(_) | Value::Array(_) if depth == DEEPEST => text(out, &value.to_string()),
        Value::Object(members) => {
            append(out, "<table>")?;
            for (name, value) in members {
                append(out, "<tr><th scope=\"row\">")?;
                text(out, name)?;
                append(out, "</th><td>")?;
                shown(out, value, depth + 1)?;
                append(out, "</td></tr>")?;
            }
            append(out, "</table>")
        }
        Value::Array(items) => {
            append(out, "<table>")?;
            for value in items {
                append(out, "<tr><td>")?;
                shown(out, value, depth + 1)?;
                append(out, "</td></tr>")?;
            }
            append(out, "</table>")
        }
        Value::Null => append(out, "\u{2013}"),
        Value::Bool(true) => append(out, "yes"),
        Value::Bool(false) => append(out, "no"),
        Value::Number(number) => append(out, &number.to_string()),
        Value::String(given) => text(out, given),
    }
}

/// A text as HTML shows it as it stands.
fn text(out: &mut String, given: &str) -> Result<(), RenderError> {
    let mut rest = given;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'', '\n']) {
        let (plain, from) = rest.split_at(at);
        append(out, plain)?;
        let mut letters = from.chars();
        append(
            out,
            match letters.next() {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('"') => "&quot;",
                Some('\'') => "&#39;",
                Some(_) | None => "<br>",
            },
        )?;
        rest = letters.as_str();
    }
    append(out, rest)
}
