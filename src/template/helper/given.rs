//! The arguments of a helper as its function sees them, and how it refuses them.
//!
//! A message names an argument by its path, never by its value.

use std::borrow::Cow;

use serde_json::Value;

use crate::template::expression::Expression;
use crate::template::text::{MOST, as_text};
use crate::template::{Extra, RenderError};

/// The arguments of one call.
pub(in crate::template) struct Given<'g> {
    pub(super) helper: &'static str,
    pub(super) arguments: &'g [Expression],
    pub(super) values: &'g [Cow<'g, Value>],
    pub(super) extra: &'g Extra,
}

impl Given<'_> {
    /// The argument at a place; null past the end, which the counted `takes` rules out.
    pub(super) fn value(&self, place: usize) -> &Value {
        self.values.get(place).map_or(&Value::Null, Cow::as_ref)
    }

    /// An argument as text; strings, numbers, true and false are.
    pub(super) fn text(&self, place: usize) -> Result<Cow<'_, str>, RenderError> {
        as_text(self.value(place), self.name(place))
    }

    pub(super) fn list(&self, place: usize) -> Result<&[Value], RenderError> {
        match self.value(place) {
            Value::Array(list) => Ok(list),
            _ => Err(self.refuse(format!("`{}` is not a list", self.name(place)))),
        }
    }

    /// What messages call an argument.
    pub(super) fn name(&self, place: usize) -> &str {
        self.arguments.get(place).map_or(self.helper, Expression::name)
    }

    pub(super) fn refuse(&self, problem: impl Into<String>) -> RenderError {
        RenderError::Helper { helper: self.helper, problem: problem.into() }
    }
}

/// Appends to a text that a helper makes, up to the cap of a whole leaf.
pub(super) fn append(text: &mut String, more: &str) -> Result<(), RenderError> {
    if text.len() + more.len() > MOST {
        return Err(RenderError::TooLong { most: MOST });
    }
    text.push_str(more);
    Ok(())
}
