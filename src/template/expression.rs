//! What stands between two braces, compiled, and its value for one record.
//!
//! Values are borrowed from the scope as long as nothing is made of them. `None` says that `optional`
//! found nothing: it spreads outwards until `default`, a test or the leaf's key takes it up.

use std::borrow::Cow;

use serde_json::Value;

use super::helper::{self, Helper};
use super::scope::member;
use super::{Extra, RenderError, Scope};

/// A value of the scope, or one made of it.
pub(super) type Found<'v> = Option<Cow<'v, Value>>;

/// A literal, a path or a call of a helper.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    Literal(Value),
    Path(Path),
    Call(&'static Helper, Vec<Expression>),
}

/// A path, resolved as far as the text tells.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub base: Base,
    pub segments: Vec<Segment>,
    /// As the text writes it, for messages.
    pub text: String,
}

/// Where a path starts. Blocks are counted from the innermost, 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Scope,
    Block(usize),
    Index(usize),
    Key(usize),
    /// The key over a map, the index over a list; what the second block parameter names.
    Place(usize),
    First(usize),
    Last(usize),
}

/// A member, or an item if the name is a number and it meets a list.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub name: String,
    pub index: Option<usize>,
}

impl Segment {
    pub fn new(name: String) -> Segment {
        let index = name.parse().ok();
        Segment { name, index }
    }

    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match value {
            Value::Object(map) => member(map, &self.name),
            Value::Array(list) => self.index.and_then(|index| list.get(index)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }
}

/// One round of a block that changes what paths mean: `each` and `with`.
#[derive(Clone, Copy)]
pub(super) struct Block<'v> {
    pub outer: Option<&'v Block<'v>>,
    pub value: &'v Value,
    pub key: Option<&'v str>,
    pub index: usize,
    pub last: bool,
}

/// Everything that an expression may read.
#[derive(Clone, Copy)]
pub(super) struct World<'v> {
    pub scope: &'v Scope,
    pub extra: &'v Extra,
    pub block: Option<&'v Block<'v>>,
}

impl<'v> World<'v> {
    fn block(&self, out: usize) -> Option<&'v Block<'v>> {
        let mut block = self.block;
        for _ in 0..out {
            block = block?.outer;
        }
        block
    }
}

impl Path {
    /// The value, if every member on the way is there.
    pub fn find<'v>(&self, world: World<'v>) -> Found<'v> {
        let (start, rest) = match self.base {
            Base::Scope => {
                let (first, rest) = self.segments.split_first()?;
                let start = world.scope.get(&first.name)?;
                match (start, rest.split_first()) {
                    (Value::Object(_), Some((second, rest))) => {
                        (world.scope.member(&first.name, &second.name)?, rest)
                    }
                    _ => (start, rest),
                }
            }
            Base::Block(out) => (world.block(out)?.value, self.segments.as_slice()),
            Base::Index(out) => return Some(owned(world.block(out)?.index)),
            Base::First(out) => return Some(owned(world.block(out)?.index == 0)),
            Base::Last(out) => return Some(owned(world.block(out)?.last)),
            Base::Key(out) => return world.block(out)?.key.map(owned),
            Base::Place(out) => {
                let block = world.block(out)?;
                return Some(block.key.map_or_else(|| owned(block.index), owned));
            }
        };
        rest.iter().try_fold(start, |value, segment| segment.of(value)).map(Cow::Borrowed)
    }

    fn missing(&self) -> RenderError {
        RenderError::Missing { path: self.text.clone() }
    }
}

fn owned<'v>(value: impl Into<Value>) -> Cow<'v, Value> {
    Cow::Owned(value.into())
}

impl Expression {
    /// The value for one record.
    pub fn value<'v>(&'v self, world: World<'v>) -> Result<Found<'v>, RenderError> {
        match self {
            Expression::Literal(value) => Ok(Some(Cow::Borrowed(value))),
            Expression::Path(path) => match path.find(world) {
                None => Err(path.missing()),
                found => Ok(found),
            },
            Expression::Call(helper, arguments) => helper::call(helper, arguments, world),
        }
    }

    /// The value if there is one: missing and null are both nothing. Any other failure stays one.
    pub fn if_any<'v>(&'v self, world: World<'v>) -> Result<Found<'v>, RenderError> {
        match self.value(world) {
            Err(RenderError::Missing { .. }) => Ok(None),
            Ok(Some(value)) if value.is_null() => Ok(None),
            other => other,
        }
    }

    /// Whether it comes to something else each time, as `uuid` does.
    pub fn makes_anew(&self) -> bool {
        match self {
            Expression::Literal(_) | Expression::Path(_) => false,
            Expression::Call(helper, arguments) => {
                helper.name == "uuid" || arguments.iter().any(Expression::makes_anew)
            }
        }
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        match self {
            Expression::Literal(_) => "literal",
            Expression::Path(path) => &path.text,
            Expression::Call(helper, _) => helper.name,
        }
    }
}
