//! One view on what a workflow wrote and on what was rendered from it.
//!
//! The rules of an action are written once, against [`Shown`]; a template that is not rendered yet
//! shows only that something will stand there.

use serde_json::{Map, Number, Value};

use crate::template::Node;

/// A value, or the compiled text it will be rendered from.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    Value(&'a Value),
    Node(&'a Node),
}

/// What can be seen of it.
pub(super) enum Look<'a> {
    /// A template: any type, unknown until it is rendered.
    Unknown,
    Null,
    Boolean,
    Number(&'a Number),
    Text(&'a str),
    /// A template that comes to a string.
    SomeText,
    List(List<'a>),
    Map(Members<'a>),
}

impl<'a> Shown<'a> {
    pub(super) fn look(self) -> Look<'a> {
        match self {
            Shown::Value(value) | Shown::Node(Node::Literal(value)) => match value {
                Value::Null => Look::Null,
                Value::Bool(_) => Look::Boolean,
                Value::Number(number) => Look::Number(number),
                Value::String(text) => Look::Text(text),
                Value::Array(items) => Look::List(List::Values(items)),
                Value::Object(members) => Look::Map(Members::Values(members)),
            },
            Shown::Node(Node::Leaf(leaf)) => match leaf.literal() {
                Some(text) => Look::Text(text),
                None if leaf.is_text() => Look::SomeText,
                None => Look::Unknown,
            },
            Shown::Node(Node::List(items)) => Look::List(List::Nodes(items)),
            Shown::Node(Node::Map(members)) => Look::Map(Members::Nodes(members)),
        }
    }

    /// It may be left out when it is rendered (`optional`).
    pub(super) fn may_be_absent(self) -> bool {
        match self {
            Shown::Node(Node::Leaf(leaf)) => leaf.names().iter().any(|name| name.optional),
            Shown::Value(_) | Shown::Node(_) => false,
        }
    }
}

/// Items of a list.
#[derive(Clone, Copy)]
pub(super) enum List<'a> {
    Values(&'a [Value]),
    Nodes(&'a [Node]),
}

impl<'a> List<'a> {
    pub(super) fn len(self) -> usize {
        match self {
            List::Values(items) => items.len(),
            List::Nodes(items) => items.len(),
        }
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Shown<'a>> {
        let (values, nodes): (&[Value], &[Node]) = match self {
            List::Values(values) => (values, &[]),
            List::Nodes(nodes) => (&[], nodes),
        };
        values.iter().map(Shown::Value).chain(nodes.iter().map(Shown::Node))
    }
}

/// Members of a map.
#[derive(Clone, Copy)]
pub(super) enum Members<'a> {
    Values(&'a Map<String, Value>),
    Nodes(&'a [(String, Node)]),
}

impl<'a> Members<'a> {
    pub(super) fn get(self, name: &str) -> Option<Shown<'a>> {
        match self {
            Members::Values(members) => members.get(name).map(Shown::Value),
            Members::Nodes(members) => {
                members.iter().find(|(key, _)| key == name).map(|(_, node)| Shown::Node(node))
            }
        }
    }

    pub(super) fn iter(self) -> impl Iterator<Item = (&'a str, Shown<'a>)> {
        let (values, nodes) = match self {
            Members::Values(values) => (Some(values), [].as_slice()),
            Members::Nodes(nodes) => (None, nodes),
        };
        let values = values.into_iter().flatten().map(|(key, value)| (key.as_str(), Shown::Value(value)));
        values.chain(nodes.iter().map(|(key, node)| (key.as_str(), Shown::Node(node))))
    }
}
