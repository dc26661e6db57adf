//! The words a workflow knows: what its tables and expressions spell out.
//!
//! A purpose or status of a record that is not among them is counted as unmapped, so that an
//! opt-out nobody mapped is seen. Only `vars` and expressions count; what stands in a body is sent,
//! not compared.

use std::collections::HashSet;

use crate::source::{Content, Node};

/// Gathers every key of a map and every string without a template, at any depth.
pub(super) fn collect(node: &Node, words: &mut HashSet<String>) {
    match &node.content {
        Content::Text(text, _) if !text.contains("{{") => {
            words.insert(text.clone());
        }
        Content::List(items) => items.iter().for_each(|item| collect(item, words)),
        Content::Map(entries) => {
            for entry in entries {
                words.insert(entry.key.clone());
                collect(&entry.value, words);
            }
        }
        Content::Text(..) | Content::Null | Content::Bool(_) | Content::Number(_) | Content::Broken => {}
    }
}
