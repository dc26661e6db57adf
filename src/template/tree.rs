//! A value of a workflow, such as a body: a tree whose strings are templates.

use serde_json::Value;

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
    /// Something that no template stands in: number, boolean, null, string, empty list or map.
    Literal(Value),
    /// A string with an expression in it.
    Leaf(Leaf),
    /// A list with an expression somewhere in it, or none.
    List(Vec<Node>),
    /// A map; keys are literal, in the order of the file.
    Map(Vec<(String, Node)>),
}

/// A value of a workflow, compiled.
#[derive(Debug, Clone)]
pub struct Tree {
    root: Node,
}

impl Tree {
    /// Compiles a value; every mistake is handed to `mistake` with the path of its place in the
    /// value. `None` when there was one.
    pub fn compile(value: &Value, _mistake: &mut dyn FnMut(&[PathSeg], Mistake)) -> Option<Tree> {
        Some(Tree { root: Node::Literal(value.clone()) })
    }

    /// The outermost node.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The node of a member, if the tree is a map that has it.
    pub fn member(&self, _key: &str) -> Option<&Node> {
        None
    }

    /// Every leaf with its path, in the order of the file.
    pub fn leaves(&self) -> Vec<(Vec<PathSeg>, &Leaf)> {
        Vec::new()
    }

    /// The value for one record; a left-out leaf takes its key or item with it, `None` when the
    /// whole tree is left out.
    pub fn render(&self, _scope: &Scope, _extra: &Extra) -> Result<Option<Value>, RenderError> {
        Ok(None)
    }

    /// The same as JSON text, appended to `out` without a value in between; `false` when the whole
    /// tree is left out. After an error `out` is as long as before.
    pub fn write(&self, _scope: &Scope, _extra: &Extra, _out: &mut Vec<u8>) -> Result<bool, RenderError> {
        Ok(false)
    }
}
