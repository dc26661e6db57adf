//! A located tree: what a YAML text says, with the place of every key and value.
//!
//! Aliases are already followed (their nodes point at the anchor), duplicate keys are already
//! reported and left out, scalars already mean what YAML 1.2 says. A part that was reported as
//! wrong is [`Content::Broken`]; whoever meets it stays quiet, so that one mistake is told once.

use serde_json::{Map, Number, Value};

use super::Span;

/// One value of a file and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// First to last byte; for a block list or map from its first to its last child.
    pub at: Span,
    /// What it holds.
    pub content: Content,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`; `yes` and `on` are texts.
    Bool(bool),
    /// A number JSON can carry exactly.
    Number(Number),
    /// A text, and how it is written in the file.
    Text(String, Style),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file; keys are texts and occur once.
    Map(Vec<Entry>),
    /// Something that was reported as a mistake.
    Broken,
}

/// One key of a map and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Place of the key.
    pub key_at: Span,
    /// The value.
    pub value: Node,
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In `'…'`.
    SingleQuoted,
    /// In `"…"`.
    DoubleQuoted,
    /// After `|`.
    Literal,
    /// After `>`.
    Folded,
}

impl Node {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text, _) => Some(text),
            _ => None,
        }
    }

    /// The entries, if it is a map.
    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Whether this or anything in it was reported as a mistake.
    pub fn is_broken(&self) -> bool {
        match &self.content {
            Content::Broken => true,
            Content::List(items) => items.iter().any(Node::is_broken),
            Content::Map(entries) => entries.iter().any(|entry| entry.value.is_broken()),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(..) => false,
        }
    }

    /// A short place for the whole: the first key of a block map, else the node itself.
    pub fn head(&self) -> Span {
        match &self.content {
            Content::Map(entries) => match entries.first() {
                Some(first) if first.key_at.start == self.at.start => first.key_at.clone(),
                _ => self.at.clone(),
            },
            _ => self.at.clone(),
        }
    }

    /// What the node is, for "expected … but this is …".
    pub fn shape(&self) -> &'static str {
        match &self.content {
            Content::Null => "empty",
            Content::Bool(_) => "true or false",
            Content::Number(_) => "a number",
            Content::Text(..) => "a string",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
            Content::Broken => "not readable",
        }
    }

    /// The node as JSON, places forgotten. What is broken becomes `null`.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null | Content::Broken => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(value) => Value::Number(value.clone()),
            Content::Text(value, _) => Value::String(value.clone()),
            Content::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Content::Map(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// The file's bytes for bytes `within` of this node's text: exact where the text stands in the
    /// file as it is (or behind simple escapes and line breaks), else the whole node.
    pub fn place(&self, text: &str, within: &Span) -> Span {
        let Content::Text(value, style) = &self.content else { return self.at.clone() };
        match super::scalar::bytes_of(text, &self.at, value, *style) {
            Some(bytes) => super::scalar::place(text, &self.at, &bytes, within),
            None => self.at.clone(),
        }
    }
}
