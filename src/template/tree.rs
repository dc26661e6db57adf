//! A value of a workflow, such as a body: a tree whose strings are templates.
//!
//! Keys are literal and the shape is that of the file: data fills leaves and can never add a key. A
//! leaf that `optional` leaves out takes its key or item with it.

use serde_json::{Map, Value};

use super::leaf::{json_string, json_value};
use super::text::Sink;
use super::{Extra, Leaf, RenderError, Scope};
use crate::source::Mistake;

/// One step from a node of a tree to a node inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSeg {
    /// Member of a map.
    Key(String),
    /// Item of a list, from 0.
    Index(usize),
}

/// A node of a compiled tree.
#[derive(Debug, Clone)]
pub enum Node {
    /// Number, boolean, null, or a string without an expression.
    Literal(Value),
    /// A string with an expression in it.
    Leaf(Leaf),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(String, Node)>),
}

/// A value of a workflow, compiled.
#[derive(Debug, Clone)]
pub struct Tree {
    root: Node,
}

impl Tree {
    /// Compiles a value; every mistake is handed to `mistake` with the path of its place in the
    /// value and placed in bytes of the string (or key) that stands there. `None` if there was one.
    pub fn compile(value: &Value, mistake: &mut dyn FnMut(&[PathSeg], Mistake)) -> Option<Tree> {
        let mut path = Vec::new();
        node(value, &mut path, mistake).map(|root| Tree { root })
    }

    /// The outermost node.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The same where the text of a member is rendered as a log would show it: what cannot be about a
    /// person, and `‹redacted›` for the rest.
    #[must_use]
    pub fn redacting(mut self, member: &str) -> Tree {
        if let Node::Map(members) = &mut self.root
            && let Some((_, node)) = members.iter_mut().find(|(name, _)| name == member)
            && let Node::Leaf(leaf) = node
        {
            *node = Node::Leaf(leaf.clone().redacting());
        }
        self
    }

    /// Every leaf with an expression, with its path, in the order of the file.
    pub fn leaves(&self) -> Vec<(Vec<PathSeg>, &Leaf)> {
        let mut leaves = Vec::new();
        self.root.leaves(&mut Vec::new(), &mut leaves);
        leaves
    }

    /// The value for one record; a left-out leaf takes its key or item with it, `None` when the
    /// whole tree is left out.
    pub fn render(&self, scope: &Scope, extra: &Extra) -> Result<Option<Value>, RenderError> {
        self.root.render(scope, extra)
    }

    /// The same as JSON text, appended to `out` without a value in between; `false` when the whole
    /// tree is left out. After an error, or `false`, `out` is as it was before.
    pub fn write(&self, scope: &Scope, extra: &Extra, out: &mut Vec<u8>) -> Result<bool, RenderError> {
        self.root.write(scope, extra, out)
    }
}

impl Node {
    /// The whole value, if no expression stands in it.
    pub fn literal(&self) -> Option<Value> {
        match self {
            Node::Literal(value) => Some(value.clone()),
            Node::Leaf(_) => None,
            Node::List(items) => items.iter().map(Node::literal).collect::<Option<_>>().map(Value::Array),
            Node::Map(members) => {
                let member = |(key, node): &(String, Node)| Some((key.clone(), node.literal()?));
                members.iter().map(member).collect::<Option<_>>().map(Value::Object)
            }
        }
    }

    /// The value for one record; `None` when it is left out.
    pub fn render(&self, scope: &Scope, extra: &Extra) -> Result<Option<Value>, RenderError> {
        match self {
            Node::Literal(value) => Ok(Some(value.clone())),
            Node::Leaf(leaf) => leaf.render(scope, extra),
            Node::List(nodes) => {
                let mut list = Vec::with_capacity(nodes.len());
                for node in nodes {
                    list.extend(node.render(scope, extra)?);
                }
                Ok(Some(Value::Array(list)))
            }
            Node::Map(members) => {
                let mut map = Map::with_capacity(members.len());
                for (key, node) in members {
                    if let Some(value) = node.render(scope, extra)? {
                        map.insert(key.clone(), value);
                    }
                }
                Ok(Some(Value::Object(map)))
            }
        }
    }

    /// The same as JSON text, appended to `out`; `false` when it is left out. After an error, or
    /// `false`, `out` is as it was before.
    pub fn write(&self, scope: &Scope, extra: &Extra, out: &mut Vec<u8>) -> Result<bool, RenderError> {
        let before = out.len();
        let written = self.append(scope, extra, out);
        if !matches!(written, Ok(true)) {
            out.truncate(before);
        }
        written
    }

    fn append(&self, scope: &Scope, extra: &Extra, out: &mut Vec<u8>) -> Result<bool, RenderError> {
        match self {
            Node::Literal(value) => json_value(out, value),
            Node::Leaf(leaf) => return leaf.write(scope, extra, out),
            Node::List(nodes) => {
                out.push(b'[');
                let open = out.len();
                for node in nodes {
                    item(out, open, |out| node.append(scope, extra, out))?;
                }
                out.push(b']');
            }
            Node::Map(members) => {
                out.push(b'{');
                let open = out.len();
                for (key, node) in members {
                    item(out, open, |out| {
                        json_string(out, |sink| sink.push(key));
                        out.push(b':');
                        node.append(scope, extra, out)
                    })?;
                }
                out.push(b'}');
            }
        }
        Ok(true)
    }

    fn leaves<'t>(&'t self, path: &mut Vec<PathSeg>, leaves: &mut Vec<(Vec<PathSeg>, &'t Leaf)>) {
        match self {
            Node::Literal(_) => {}
            Node::Leaf(leaf) => leaves.push((path.clone(), leaf)),
            Node::List(nodes) => {
                for (index, node) in nodes.iter().enumerate() {
                    path.push(PathSeg::Index(index));
                    node.leaves(path, leaves);
                    path.pop();
                }
            }
            Node::Map(members) => {
                for (key, node) in members {
                    path.push(PathSeg::Key(key.clone()));
                    node.leaves(path, leaves);
                    path.pop();
                }
            }
        }
    }
}

/// Appends one item of a list or map that opened at `open`, behind a comma if it is not the first;
/// nothing if it is left out.
fn item(
    out: &mut Vec<u8>,
    open: usize,
    append: impl FnOnce(&mut Vec<u8>) -> Result<bool, RenderError>,
) -> Result<(), RenderError> {
    let before = out.len();
    if before > open {
        out.push(b',');
    }
    if !append(out)? {
        out.truncate(before);
    }
    Ok(())
}

fn node(
    value: &Value,
    path: &mut Vec<PathSeg>,
    mistake: &mut dyn FnMut(&[PathSeg], Mistake),
) -> Option<Node> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(Node::Literal(value.clone())),
        Value::String(text) => match Leaf::compile(text) {
            Ok(leaf) => Some(match leaf.literal() {
                Some(text) => Node::Literal(Value::String(text.to_owned())),
                None => Node::Leaf(leaf),
            }),
            Err(mistakes) => {
                mistakes.into_iter().for_each(|found| mistake(path, found));
                None
            }
        },
        Value::Array(items) => {
            let mut nodes = Some(Vec::with_capacity(items.len()));
            for (index, item) in items.iter().enumerate() {
                path.push(PathSeg::Index(index));
                nodes = gather(nodes, node(item, path, mistake));
                path.pop();
            }
            nodes.map(Node::List)
        }
        Value::Object(map) => {
            let mut nodes = Some(Vec::with_capacity(map.len()));
            for (key, item) in map {
                path.push(PathSeg::Key(key.clone()));
                if key.contains("{{") {
                    let found = Mistake::error("template_in_key", 0..key.len(), "a key cannot be a template")
                        .help("keys are literal; make a list of maps, or put the name into a value");
                    mistake(path, found);
                    nodes = None;
                }
                nodes = gather(nodes, node(item, path, mistake).map(|node| (key.clone(), node)));
                path.pop();
            }
            nodes.map(Node::Map)
        }
    }
}

/// All of them, or none once one is missing.
fn gather<T>(all: Option<Vec<T>>, one: Option<T>) -> Option<Vec<T>> {
    let (mut all, one) = (all?, one?);
    all.push(one);
    Some(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        Scope::new(json!({"a": {"x": "{{b}} \"\\\u{1}\u{2028}", "n": [1]}}).as_object().cloned().unwrap())
    }

    #[test]
    fn a_tree_renders_alike_as_a_value_and_as_text() {
        let body = json!({
            "o": "{{optional a.z}}", "x": "{{a.x}}", "t": "<{{a.x}}>", "n": "{{a.n}}", "k\"": 1, "e": {}, "l": [],
            "list": ["{{optional a.z}}", "{{a.x}}", "{{optional a.z}}", ["{{optional a.z}}"], null],
        });
        let tree = Tree::compile(&body, &mut |_, mistake| panic!("{mistake:?}")).unwrap();
        let mut text = b"before".to_vec();

        let value = tree.render(&scope(), &Extra::default()).unwrap().unwrap();
        assert!(tree.write(&scope(), &Extra::default(), &mut text).unwrap());

        let x = "{{b}} \"\\\u{1}\u{2028}";
        let expected = json!({
            "x": x, "t": format!("<{x}>"), "n": [1], "k\"": 1, "e": {}, "l": [], "list": [x, [], null],
        });
        assert_eq!(value, expected);
        assert_eq!(text, [b"before".as_slice(), expected.to_string().as_bytes()].concat());
    }

    #[test]
    fn a_tree_that_fails_or_is_left_out_writes_nothing() {
        let mut text = b"before".to_vec();
        let mut write = |body: Value| {
            let tree = Tree::compile(&body, &mut |_, mistake| panic!("{mistake:?}")).unwrap();
            tree.write(&scope(), &Extra::default(), &mut text)
        };

        assert_eq!(write(json!("x{{optional a.z}}")), Ok(false));
        assert!(write(json!({"x": "{{a.x}}", "z": "{{a.z}}"})).is_err());
        assert_eq!(text, b"before");
    }

    #[test]
    fn every_mistake_is_told_with_its_path() {
        let body = json!({"a": ["ok", {"b": "{{lowr x}}"}], "{{key}}": 1, "c": "{{"});
        let mut told = Vec::new();

        let tree = Tree::compile(&body, &mut |path, mistake| told.push((path.to_vec(), mistake.code)));

        let key = |key: &str| PathSeg::Key(key.to_owned());
        assert!(tree.is_none());
        assert_eq!(
            told,
            [
                (vec![key("a"), PathSeg::Index(1), key("b")], "unknown_helper"),
                (vec![key("{{key}}")], "template_in_key"),
                (vec![key("c")], "bad_template"),
            ]
        );
    }

    #[test]
    fn what_stands_in_a_tree_can_be_read_before_it_is_rendered() {
        let body = json!({"a": {"b": ["{{x}}", 1]}, "c": ["d", 2]});
        let tree = Tree::compile(&body, &mut |_, mistake| panic!("{mistake:?}")).unwrap();

        let paths: Vec<_> =
            tree.leaves().into_iter().map(|(path, leaf)| (path, leaf.names()[0].path())).collect();

        let key = |key: &str| PathSeg::Key(key.to_owned());
        assert_eq!(paths, [(vec![key("a"), key("b"), PathSeg::Index(0)], "x".to_owned())]);
        let Node::Map(members) = tree.root() else { panic!("{tree:?}") };
        let literals: Vec<_> = members.iter().map(|(_, node)| node.literal()).collect();
        assert_eq!(literals, [None, Some(json!(["d", 2]))]);
    }
}
