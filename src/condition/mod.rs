//! Conditions and values of a workflow: CEL, compiled once, evaluated on borrowed JSON.
//!
//! The `cel` crate reads the text; evaluating is done here, on the scope as it stands and with a bound
//! on the work. A missing key, a wrong type and a condition that is not true or false are errors,
//! never `false`. Left out of CEL: bytes, messages, `type()` and time zones other than UTC.

mod constant;
mod error;
mod eval;
mod function;
mod looks;
mod lower;
mod macros;
mod made;
mod methods;
mod node;
mod operators;
mod parse;
mod sure;
mod time;
mod value;
mod written;

#[cfg(test)]
mod tests;

pub use error::EvalError;
pub use looks::{Asks, Look};

use serde_json::Value;

use crate::source::Mistake;
use crate::template::{Name, Scope};
use eval::World;
use node::Node;
use value::Val;

/// One CEL expression.
#[derive(Debug, Clone)]
pub struct Condition {
    root: Node,
    names: Vec<Name>,
    strings: Vec<String>,
}

impl Condition {
    /// Compiles an expression; mistakes are placed in bytes of the text.
    pub fn compile(text: &str) -> Result<Condition, Vec<Mistake>> {
        let parsed = parse::parse(text).map_err(|mistake| vec![mistake])?;
        lower::lower(text, &parsed)
    }

    /// Every path that the expression reads, in the order of the text; variables of macros are not
    /// among them.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// Everything that what it comes to depends on, each once.
    pub fn looks(&self) -> Vec<Look> {
        looks::looks(&self.root)
    }

    /// Every string that the expression spells out.
    pub fn strings(&self) -> Vec<String> {
        self.strings.clone()
    }

    /// What the expression surely comes to, whatever the data: `string`, `bool`, … `of_path` says what
    /// stands at a path of the scope. `None` if that cannot be told, or if it always fails.
    pub fn sure_type(&self, of_path: &dyn Fn(&[&str]) -> Option<&'static str>) -> Option<&'static str> {
        sure::type_of(&self.root, of_path)
    }

    /// Whether it surely never holds, whatever the data: it is false, or fails. `of_path` says what always stands at a
    /// path of the scope.
    pub fn is_never(&self, of_path: &dyn Fn(&[&str]) -> Option<Value>) -> bool {
        constant::value_of(&self.root, of_path) == Some(Value::Bool(false))
    }

    /// Whether it holds. Anything but true or false is an error.
    pub fn test(&self, scope: &Scope) -> Result<bool, EvalError> {
        match self.root.value(&World::over(scope))? {
            Val::Bool(holds) => Ok(holds),
            other => Err(EvalError::NotBool { found: other.type_name() }),
        }
    }

    /// What it comes to, as JSON. Times become RFC 3339 text, durations text such as `90s`.
    pub fn value(&self, scope: &Scope) -> Result<Value, EvalError> {
        self.root.json(&World::over(scope), None)
    }
}
