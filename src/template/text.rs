//! Text with expressions and blocks in it, and where it goes.
//!
//! Whatever is written stands in the text as it is: no escaping, no second reading. A list, a map or
//! null in a text is an error, and so is a text over [`MOST`].

use std::borrow::Cow;

use handlebars::JsonTruthy;
use serde_json::Value;

use super::RenderError;
use super::expression::{Block, Expression, World};

/// Longest text that one leaf may become, in bytes: over the largest body of any action.
pub(crate) const MOST: usize = 4 * 1024 * 1024;

/// A piece of a text.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(String),
    Expression(Expression),
    Choice(Box<Choice>),
    Each(Box<Nest>),
    With(Box<Nest>),
}

/// `if` and `unless`, and helpers that answer a yes-or-no question and stand as a block.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub test: Expression,
    /// The number 0 counts as true (`includeZero=true`).
    pub zero_is_true: bool,
    pub negated: bool,
    pub then: Vec<Part>,
    pub otherwise: Vec<Part>,
}

/// A block inside which paths start elsewhere.
#[derive(Debug, Clone)]
pub(super) struct Nest {
    pub over: Expression,
    pub body: Vec<Part>,
    pub otherwise: Option<Vec<Part>>,
}

/// Where text goes.
pub(super) trait Sink {
    /// Appends as much of a text.
    fn push(&mut self, text: &str);
}

impl Sink for String {
    fn push(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// A sink and how much it may still take.
pub(super) struct Output<'s> {
    sink: &'s mut dyn Sink,
    left: usize,
}

impl<'s> Output<'s> {
    pub fn new(sink: &'s mut dyn Sink) -> Output<'s> {
        Output { sink, left: MOST }
    }

    fn push(&mut self, text: &str) -> Result<(), RenderError> {
        self.left = self.left.checked_sub(text.len()).ok_or(RenderError::TooLong { most: MOST })?;
        self.sink.push(text);
        Ok(())
    }
}

/// Whether all of a text was written: `false` when an `optional` in it found nothing.
pub(super) fn write(parts: &[Part], world: World<'_>, out: &mut Output<'_>) -> Result<bool, RenderError> {
    for part in parts {
        let whole = match part {
            Part::Text(text) => out.push(text).map(|()| true)?,
            Part::Expression(expression) => match expression.value(world)? {
                Some(value) => out.push(&as_text(&value, expression.name())?).map(|()| true)?,
                None => false,
            },
            Part::Choice(choice) => choice.write(world, out)?,
            Part::Each(nest) => nest.write_each(world, out)?,
            Part::With(nest) => nest.write_with(world, out)?,
        };
        if !whole {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A value as it stands in a text; `what` names it in the error.
pub(super) fn as_text<'v>(value: &'v Value, what: &str) -> Result<Cow<'v, str>, RenderError> {
    let kind = match value {
        Value::String(text) => return Ok(Cow::Borrowed(text)),
        Value::Number(number) => return Ok(Cow::Owned(number.to_string())),
        Value::Bool(true) => return Ok(Cow::Borrowed("true")),
        Value::Bool(false) => return Ok(Cow::Borrowed("false")),
        Value::Null => "null",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    };
    Err(RenderError::NotText { what: what.to_owned(), kind })
}

impl Choice {
    fn write(&self, world: World<'_>, out: &mut Output<'_>) -> Result<bool, RenderError> {
        let value = self.test.if_any(world)?;
        let holds = value.is_some_and(|value| value.is_truthy(self.zero_is_true));
        write(if holds != self.negated { &self.then } else { &self.otherwise }, world, out)
    }
}

impl Nest {
    /// What the block is over; missing is nothing only if `else` says what then.
    fn over<'v>(&'v self, world: World<'v>) -> Result<Option<Cow<'v, Value>>, RenderError> {
        if self.otherwise.is_some() { self.over.if_any(world) } else { self.over.value(world) }
    }

    fn write_each(&self, world: World<'_>, out: &mut Output<'_>) -> Result<bool, RenderError> {
        let over = self.over(world)?;
        match (over.as_deref(), &self.otherwise) {
            (Some(Value::Array(list)), None) => self.write_rounds(list.iter().map(|v| (None, v)), world, out),
            (Some(Value::Array(list)), Some(_)) if !list.is_empty() => {
                self.write_rounds(list.iter().map(|value| (None, value)), world, out)
            }
            (Some(Value::Object(map)), None) => {
                self.write_rounds(map.iter().map(|(key, value)| (Some(key.as_str()), value)), world, out)
            }
            (Some(Value::Object(map)), Some(_)) if !map.is_empty() => {
                self.write_rounds(map.iter().map(|(key, value)| (Some(key.as_str()), value)), world, out)
            }
            (_, Some(otherwise)) => write(otherwise, world, out),
            (None, None) => Ok(false),
            (Some(_), None) => {
                let problem = format!("`{}` is neither a list nor a map", self.over.name());
                Err(RenderError::Helper { helper: "each", problem })
            }
        }
    }

    fn write_rounds<'v>(
        &self,
        rounds: impl ExactSizeIterator<Item = (Option<&'v str>, &'v Value)>,
        world: World<'_>,
        out: &mut Output<'_>,
    ) -> Result<bool, RenderError> {
        let count = rounds.len();
        for (index, (key, value)) in rounds.enumerate() {
            let block = Block { outer: world.block, value, key, index, last: index + 1 == count };
            if !write(&self.body, World { block: Some(&block), ..world }, out)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn write_with(&self, world: World<'_>, out: &mut Output<'_>) -> Result<bool, RenderError> {
        let over = self.over(world)?;
        match (over.as_deref(), &self.otherwise) {
            (Some(value), _) if value.is_truthy(false) => {
                let block = Block { outer: world.block, value, key: None, index: 0, last: true };
                write(&self.body, World { block: Some(&block), ..world }, out)
            }
            (_, Some(otherwise)) => write(otherwise, world, out),
            (None, None) => Ok(false),
            (Some(_), None) => {
                let problem = format!("`{}` is empty", self.over.name());
                Err(RenderError::Helper { helper: "with", problem })
            }
        }
    }
}
