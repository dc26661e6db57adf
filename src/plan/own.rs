//! A call that is an exchange of its own: its address and its body, with the names of the wire.
//!
//! A workflow writes `subtask_id`; OneTrust has it in the path, and `resolution_id` in the body as
//! `resolutionId`. What the catalogue says of that is done here, once, when the call is made. Nothing a
//! person's data holds can change where a call goes: what stands in a path is an id and encoded.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::call::{Call, Few};
use super::look::Look;
use super::reach::Reach;
use super::split::{member, write};
use super::{Envelope, query};
use crate::catalogue::{Action, Field, Place, Refusal, Shape};
use crate::form::{Form, Part};
use crate::request::Order;

/// Where a call goes that shares its exchange with no other.
#[derive(Clone)]
pub(super) struct Own {
    /// Path and query.
    pub(super) address: String,
    /// What the body is, where that is not JSON.
    pub(super) content_type: Option<String>,
    /// How to find out whether it took effect.
    pub(super) look: Option<Box<Look>>,
}

/// Makes a checked `with` of an action that merges with nothing into a call.
pub(super) fn own(action: &'static Action, with: &Value) -> Result<Call, Refusal> {
    let empty = Map::new();
    let members = with.as_object().unwrap_or(&empty);
    let mut parts = Parts::default();
    let mut address = action.path.clone();
    for (name, field) in &action.fields {
        let Some(value) = members.get(name).or(field.default.as_ref()) else { continue };
        match field.place {
            Place::Path => {
                let text = value.as_str().unwrap_or_default();
                address = address.replace(&format!("{{{name}}}"), &query::encode(text));
            }
            Place::Query => query::append(&mut parts.query, wire_name(name, field), value),
            Place::Body => write(&mut parts.whole, &on_wire(field, value))?,
            Place::Arguments if !action.method.has_body() => {
                query::append(&mut parts.query, wire_name(name, field), value);
            }
            Place::Arguments if action.multipart.as_ref().is_some_and(|form| form.is_of_file(name)) => {}
            Place::Arguments => member(&mut parts.members, wire_name(name, field), &on_wire(field, value))?,
        }
    }
    for (name, value) in &action.fixed {
        member(&mut parts.members, name, value)?;
    }
    if !parts.query.is_empty() {
        address.push('?');
        address.push_str(&String::from_utf8_lossy(&parts.query));
    }
    let mut content_type = None;
    let body = match &action.multipart {
        _ if !action.method.has_body() => Vec::new(),
        Some(form) => {
            let given = |name: &String| {
                let default = || action.fields.get(name).and_then(|field| field.default.as_ref());
                members.get(name).or_else(default).and_then(Value::as_str).unwrap_or_default()
            };
            let json = Part {
                name: form.json.clone(),
                file_name: None,
                content_type: Some("application/json".into()),
                bytes: braced(parts.members).into(),
            };
            let file = Part {
                name: form.file.clone(),
                file_name: Some(given(&form.file_name).to_owned()),
                content_type: Some(given(&form.content_type).to_owned().into()),
                bytes: given(&form.content).to_owned().into(),
            };
            let form = Form::of(&[json, file]);
            content_type = Some(form.content_type);
            form.body.into()
        }
        None if !parts.whole.is_empty() => parts.whole,
        None => braced(parts.members),
    };
    let look = Look::of(action, members)?.map(Box::new);
    let (frame_bytes, own_bytes) =
        if action.method.has_body() { (0, body.len()) } else { (address.len(), 0) };
    Ok(Call {
        envelope: Envelope::own(action, body, Own { address, content_type, look }),
        text: Vec::new(),
        items: Few::new(),
        groups: Vec::new(),
        people: Few::new(),
        reach: Reach::default(),
        targets: Few::new(),
        keeps_turn: true,
        order: Order::placed(0, 0),
        mergeable: false,
        frame_bytes,
        own_bytes,
    })
}

#[derive(Default)]
struct Parts {
    query: Vec<u8>,
    /// Members of the body, without the braces.
    members: Vec<u8>,
    /// A body that is the value of one member.
    whole: Vec<u8>,
}

fn braced(members: Vec<u8>) -> Vec<u8> {
    let mut body = Vec::with_capacity(members.len() + 2);
    body.push(b'{');
    body.extend_from_slice(&members);
    body.push(b'}');
    body
}

fn wire_name<'n>(name: &'n str, field: &'n Field) -> &'n str {
    field.wire.as_deref().unwrap_or(name)
}

/// A value with the names and in the form of the wire.
pub(super) fn on_wire<'v>(field: &Field, value: &'v Value) -> Cow<'v, Value> {
    match (field.shape, value) {
        (Shape::String, Value::String(text)) if field.comment => Cow::Owned(Value::String(as_html(text))),
        (Shape::Object | Shape::Objects, _) if field.fields.is_empty() => Cow::Borrowed(value),
        (Shape::Object, Value::Object(members)) => Cow::Owned(renamed(field, members)),
        (Shape::Objects, Value::Array(items)) => {
            let item = |item: &Value| item.as_object().map_or_else(|| json!({}), |item| renamed(field, item));
            Cow::Owned(Value::Array(items.iter().map(item).collect()))
        }
        _ => Cow::Borrowed(value),
    }
}

fn renamed(of: &Field, members: &Map<String, Value>) -> Value {
    let member = |(name, value): (&String, &Value)| match of.fields.get(name) {
        Some(field) => (wire_name(name, field).to_owned(), on_wire(field, value).into_owned()),
        None => (name.clone(), value.clone()),
    };
    Value::Object(members.iter().map(member).collect())
}

/// A text as it must stand where HTML is shown, so that it says there what it says here.
fn as_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '\n' => html.push_str("<br>"),
            '\r' => {}
            other => html.push(other),
        }
    }
    html
}
