//! Calls of one envelope become one body, or one address.
//!
//! The bytes of the items are copied in the order of the calls, arrays in the order of the catalogue;
//! [`owner`] finds a call again by that order, so both must change together.

use bytes::Bytes;

use super::call::{Call, Item};
use super::query;
use crate::catalogue::{Action, Alone, Array, Batch, Groups};

/// The body of calls that share an envelope; empty for no calls, or when their method has none.
pub fn body(calls: &[&Call]) -> Bytes {
    let Some(first) = calls.first() else { return Bytes::new() };
    let action = first.action();
    if !action.method.has_body() {
        return Bytes::new();
    }
    if first.envelope.own_parts().is_some() {
        return Bytes::copy_from_slice(first.envelope.text());
    }
    let size = first.frame_bytes + calls.iter().map(|call| call.own_bytes).sum::<usize>();
    let mut out = Vec::with_capacity(size);
    out.push(b'{');
    out.extend_from_slice(first.envelope.text());
    match action.batch.as_ref().map(|batch| (batch, &batch.groups)) {
        Some((batch, Some(groups))) => object_list(&mut out, batch, groups, calls),
        Some((batch, None)) => {
            let arrays = batch.arrays.iter().enumerate();
            for (index, (name, array)) in arrays.filter(|(index, _)| first.envelope.uses(*index)) {
                named(&mut out, name);
                items(&mut out, array, gathered(calls, index));
            }
        }
        None => {}
    }
    out.push(b'}');
    Bytes::from(out)
}

/// Path and query of calls that share an envelope.
pub fn path_and_query(calls: &[&Call]) -> String {
    let Some(first) = calls.first() else { return String::new() };
    let action = first.action();
    if let Some(own) = first.envelope.own_parts() {
        return own.address.clone();
    }
    if action.method.has_body() {
        return action.path.clone();
    }
    let mut out = Vec::from(action.path.as_bytes());
    out.push(b'?');
    out.extend_from_slice(first.envelope.text());
    for (index, name) in arrays(action).filter(|(index, _)| first.envelope.uses(*index)) {
        let values: Vec<&[u8]> = gathered(calls, index).map(|(call, item)| item.text(call)).collect();
        query::pairs(&mut out, name, values.into_iter());
    }
    String::from_utf8(out).unwrap_or_default()
}

/// What the body of calls that share an envelope is, where that is not JSON.
pub fn content_type(calls: &[&Call]) -> Option<String> {
    calls.first()?.envelope.own_parts()?.content_type.clone()
}

/// Whose item stands at an index of an array of the merged body; none for actions with groups, whose
/// order is another.
pub fn owner(calls: &[&Call], array: &str, index: usize) -> Option<usize> {
    let batch = calls.first()?.action().batch.as_ref().filter(|batch| batch.groups.is_none())?;
    let array = batch.arrays.get_index_of(array)?;
    let owners = calls.iter().enumerate().flat_map(|(position, call)| {
        call.items.iter().filter(move |item| item.array() == array).map(move |_| position)
    });
    owners.into_iter().nth(index)
}

fn arrays(action: &Action) -> impl Iterator<Item = (usize, &String)> {
    action.batch.iter().flat_map(|batch| batch.arrays.keys()).enumerate()
}

/// The items of one array, in the order of the calls.
fn gathered<'c>(calls: &'c [&'c Call], array: usize) -> impl Iterator<Item = (&'c Call, &'c Item)> + Clone {
    let items = calls.iter().flat_map(|call| call.items.iter().map(move |item| (*call, item)));
    items.filter(move |(_, item)| item.array() == array)
}

/// Appends `"name":`, after a comma unless it is the first member.
fn named(out: &mut Vec<u8>, name: &str) {
    if !out.ends_with(b"{") {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn items<'c>(out: &mut Vec<u8>, array: &Array, items: impl Iterator<Item = (&'c Call, &'c Item)> + Clone) {
    let mut few = items.clone();
    if array.alone == Alone::String
        && let (Some((call, only)), None) = (few.next(), few.next())
    {
        out.extend_from_slice(only.text(call));
        return;
    }
    list(out, items.map(|(call, item)| item.text(call)));
}

fn list<'t>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'t [u8]>) {
    out.push(b'[');
    for (index, text) in texts.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(text);
    }
    out.push(b']');
}

/// An object of a merged list.
struct Object<'c> {
    head: &'c [u8],
    array: usize,
    items: Vec<&'c [u8]>,
}

/// One object for each head and array, in the order of their first item; a full one is followed by
/// another of the same head.
fn object_list(out: &mut Vec<u8>, batch: &Batch, groups: &Groups, calls: &[&Call]) {
    let mut objects: Vec<Object> = Vec::new();
    for call in calls {
        for item in &call.items {
            let head = call.groups.get(usize::from(item.group)).map(|head| &**head).unwrap_or_default();
            let array = item.array();
            let most = batch.arrays.get_index(array).map_or(1, |(_, array)| array.at_most);
            let has_room = |object: &&mut Object| {
                object.array == array && object.head == head && object.items.len() < most
            };
            match objects.iter_mut().find(has_room) {
                Some(object) => object.items.push(item.text(call)),
                None => objects.push(Object { head, array, items: vec![item.text(call)] }),
            }
        }
    }
    named(out, &groups.list);
    out.push(b'[');
    for (index, object) in objects.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.push(b'{');
        out.extend_from_slice(object.head);
        if let Some((name, _)) = batch.arrays.get_index(object.array) {
            named(out, name);
            list(out, object.items.into_iter());
        }
        out.push(b'}');
    }
    out.push(b']');
}
