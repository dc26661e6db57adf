//! Checks the shape of `on.file.map`: a request record whose values are templates over `row`.
//!
//! Only keys and plain words are looked at; values are checked for each row when it is read.

use super::reader::Reader;
use super::record::{ALIAS, CONSENT, RECORD, SUBJECT};
use super::triggers::bad_word;
use crate::request::Kind;
use crate::source::{Content, Node};

/// Tells every key that no record has, and a kind that does not exist.
pub(super) fn check(reader: &mut Reader<'_>, node: &Node) {
    for entry in reader.map("on.file.map", node, &RECORD).unwrap_or_default() {
        match entry.key.as_str() {
            "kind" => {
                if let Some(word) = entry.value.as_text().filter(|word| !word.contains("{{"))
                    && Kind::of(word).is_none()
                {
                    bad_word(reader, &entry.value, word, "kind of request", &Kind::ALL.map(Kind::word));
                }
            }
            "subject" => {
                for member in reader.map("on.file.map.subject", &entry.value, &SUBJECT).unwrap_or_default() {
                    if member.key == "aliases" {
                        items(reader, "on.file.map.subject.aliases[…]", &member.value, &ALIAS);
                    }
                }
            }
            "consents" => items(reader, "on.file.map.consents[…]", &entry.value, &CONSENT),
            // A whole row may be taken as it stands.
            "fields" if entry.value.as_text().is_none() => {
                reader.open_map("on.file.map.fields", &entry.value);
            }
            _ => {}
        }
    }
}

fn items(reader: &mut Reader<'_>, what: &str, node: &Node, keys: &[&str]) {
    let Content::List(items) = &node.content else { return };
    for item in items {
        if item.as_text().is_none() {
            reader.map(what, item, keys);
        }
    }
}
