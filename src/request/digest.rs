//! Digests of what a record says and of who it is.
//!
//! The content digest is taken over the checked record, not over the line, so the order of keys,
//! white space, escapes and the file's format make no difference, and every string counts byte for
//! byte. Everything variable is written with its length, so no two contents have one encoding.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use smallvec::{Array, SmallVec};

/// First eight bytes of the SHA-256 over a record's content in a fixed order of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentDigest(pub u64);

/// What tells two records of one workflow apart.
#[derive(Clone, Copy)]
pub enum Identity<'r> {
    /// The record's own id.
    Id(&'r str),
    /// Where a record without id stands: the digest of its input, and its position in it.
    Place {
        /// SHA-256 of the input as given.
        input: &'r [u8; 32],
        /// From 0; blank lines are not counted.
        position: u64,
    },
}

/// The key under which a record is known to a workflow: the first 16 bytes of SHA-256 over both.
pub fn identity(workflow: &str, of: Identity<'_>) -> [u8; 16] {
    let mut encoded: SmallVec<[u8; 160]> = SmallVec::new();
    text(&mut encoded, workflow);
    match of {
        Identity::Id(id) => {
            encoded.push(b'i');
            text(&mut encoded, id);
        }
        Identity::Place { input, position } => {
            encoded.push(b'p');
            encoded.extend_from_slice(input);
            encoded.extend_from_slice(&position.to_le_bytes());
        }
    }
    first_bytes(&encoded)
}

/// The digest of a checked scope: every member but `request.id`.
pub(super) fn of_scope(scope: &Map<String, Value>) -> ContentDigest {
    // Longer than most records, and none of it is left when the digest is made.
    let mut encoded: SmallVec<[u8; 1024]> = SmallVec::new();
    let encoded = &mut encoded;
    for (name, value) in scope {
        text(encoded, name);
        match (name.as_str(), value) {
            ("fields", _) => any(encoded, value),
            (_, Value::Object(members)) => known(encoded, members),
            _ => known_value(encoded, name, value),
        }
    }
    ContentDigest(u64::from_be_bytes(first_bytes(encoded)))
}

/// An object of known members: the decoder wrote them in the order of its table already.
fn known(encoded: &mut SmallVec<impl Array<Item = u8>>, members: &Map<String, Value>) {
    encoded.push(b'{');
    for (name, value) in members {
        if name != "id" {
            text(encoded, name);
            known_value(encoded, name, value);
        }
    }
    encoded.push(b'}');
}

fn known_value(encoded: &mut SmallVec<impl Array<Item = u8>>, name: &str, value: &Value) {
    match (name, value) {
        ("consents" | "aliases", Value::Array(items)) => {
            length(encoded, items.len());
            for item in items {
                if let Value::Object(members) = item {
                    known(encoded, members);
                }
            }
        }
        ("source", Value::Object(members)) => known(encoded, members),
        _ => any(encoded, value),
    }
}

/// A value of the customer's own: its objects in the order of their names.
fn any(encoded: &mut SmallVec<impl Array<Item = u8>>, value: &Value) {
    match value {
        Value::Null => encoded.push(b'n'),
        Value::Bool(false) => encoded.push(b'f'),
        Value::Bool(true) => encoded.push(b't'),
        Value::Number(number) => {
            encoded.push(b'0');
            text(encoded, &number.to_string());
        }
        Value::String(string) => {
            encoded.push(b's');
            text(encoded, string);
        }
        Value::Array(items) => {
            encoded.push(b'[');
            length(encoded, items.len());
            for item in items {
                any(encoded, item);
            }
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            encoded.push(b'o');
            length(encoded, members.len());
            for (name, value) in members {
                text(encoded, name);
                any(encoded, value);
            }
        }
    }
}

fn text(encoded: &mut SmallVec<impl Array<Item = u8>>, text: &str) {
    length(encoded, text.len());
    encoded.extend_from_slice(text.as_bytes());
}

/// Seven bits a byte, lowest first: most lengths take one byte, and a digest costs by the byte.
fn length(encoded: &mut SmallVec<impl Array<Item = u8>>, mut length: usize) {
    while length > 0x7f {
        encoded.push(length as u8 | 0x80);
        length >>= 7;
    }
    encoded.push(length as u8);
}

fn first_bytes<const N: usize>(encoded: &[u8]) -> [u8; N] {
    let digest = Sha256::digest(encoded);
    std::array::from_fn(|at| digest.get(at).copied().unwrap_or_default())
}
