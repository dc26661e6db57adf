//! What a template can do with values, by name.
//!
//! A helper is a function of its arguments and of [`Extra`] alone: no clock, no randomness. Each one is
//! described in [`HELPERS`] with an example that is a test. A failure names the helper and what it was
//! given by path, never by value.

mod docs;
mod logic;
mod texts;
mod times;

use std::borrow::Cow;

use handlebars::JsonTruthy;
use serde_json::Value;

use super::expression::{Expression, Found, World};
use super::text::{MOST, as_text};
use super::{Extra, RenderError};

pub use docs::{HELPERS, HelperDoc};

/// A helper that stands in an expression.
#[derive(Debug)]
pub(super) struct Helper {
    pub name: &'static str,
    /// Fewest and most arguments.
    pub takes: (usize, usize),
    pub form: Form,
}

/// How a helper treats its arguments.
#[derive(Debug)]
pub(super) enum Form {
    /// Nothing if there is nothing.
    Optional,
    /// The first that is there.
    Default,
    /// Every argument is there and truthy.
    And,
    /// Some argument is.
    Or,
    /// The argument is not.
    Not,
    /// A member or an item.
    Lookup,
    /// All arguments must be there.
    Plain(fn(&Given<'_>) -> Result<Value, RenderError>),
}

const ANY: usize = usize::MAX;

const fn plain(
    name: &'static str,
    takes: (usize, usize),
    run: fn(&Given<'_>) -> Result<Value, RenderError>,
) -> Helper {
    Helper { name, takes, form: Form::Plain(run) }
}

const fn special(name: &'static str, takes: (usize, usize), form: Form) -> Helper {
    Helper { name, takes, form }
}

static ALL: &[Helper] = &[
    special("optional", (1, 1), Form::Optional),
    special("default", (2, ANY), Form::Default),
    special("and", (1, ANY), Form::And),
    special("or", (1, ANY), Form::Or),
    special("not", (1, 1), Form::Not),
    special("lookup", (2, 2), Form::Lookup),
    plain("eq", (2, 2), logic::eq),
    plain("ne", (2, 2), logic::ne),
    plain("gt", (2, 2), logic::gt),
    plain("gte", (2, 2), logic::gte),
    plain("lt", (2, 2), logic::lt),
    plain("lte", (2, 2), logic::lte),
    plain("len", (1, 1), logic::len),
    plain("json", (1, 1), texts::json),
    plain("lower", (1, 1), texts::lower),
    plain("upper", (1, 1), texts::upper),
    plain("trim", (1, 1), texts::trim),
    plain("concat", (1, ANY), texts::concat),
    plain("replace", (3, 3), texts::replace),
    plain("pluck", (2, 2), texts::pluck),
    plain("join", (2, 2), texts::join),
    plain("sha256", (1, 1), texts::sha256),
    plain("hmac", (2, 2), texts::hmac),
    plain("e164", (1, 2), texts::e164),
    plain("uuid", (0, 0), texts::uuid),
    plain("date", (2, 2), times::date),
    plain("date_add", (2, 2), times::date_add),
    plain("epoch", (1, 1), times::epoch),
];

/// The helper of a name.
pub(super) fn named(name: &str) -> Option<&'static Helper> {
    ALL.iter().find(|helper| helper.name == name)
}

/// Every name that may stand first in an expression or, with `#`, in a block.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|helper| helper.name).chain(["if", "unless", "each", "with"])
}

impl Helper {
    /// Whether the argument at `place` of `count` may be missing.
    pub fn spares(&self, place: usize, count: usize) -> bool {
        match self.form {
            Form::Optional | Form::And | Form::Or | Form::Not => true,
            Form::Default => place + 1 < count,
            Form::Lookup | Form::Plain(_) => false,
        }
    }

    /// Whether it answers true or false, and so may stand as a block with an `else`.
    pub fn is_question(&self) -> bool {
        matches!(self.name, "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "and" | "or" | "not")
    }
}

/// What a helper makes of its arguments.
pub(super) fn call<'v>(
    helper: &'static Helper,
    arguments: &'v [Expression],
    world: World<'v>,
) -> Result<Found<'v>, RenderError> {
    let is_truthy = |argument: &'v Expression| -> Result<bool, RenderError> {
        Ok(argument.if_any(world)?.is_some_and(|value| value.is_truthy(false)))
    };
    match helper.form {
        Form::Optional => arguments.first().map_or(Ok(None), |argument| argument.if_any(world)),
        Form::Default => first_there(arguments, world),
        Form::And => all(arguments, is_truthy).map(answer),
        Form::Or => Ok(answer(!all(arguments, |argument| is_truthy(argument).map(|yes| !yes))?)),
        Form::Not => all(arguments, |argument| is_truthy(argument).map(|yes| !yes)).map(answer),
        Form::Lookup => lookup(arguments, world),
        Form::Plain(run) => {
            let mut values = Vec::with_capacity(arguments.len());
            for argument in arguments {
                match argument.value(world)? {
                    Some(value) => values.push(value),
                    None => return Ok(None),
                }
            }
            let given = Given { helper: helper.name, arguments, values: &values, extra: world.extra };
            run(&given).map(|value| Some(Cow::Owned(value)))
        }
    }
}

fn answer<'v>(yes: bool) -> Found<'v> {
    Some(Cow::Owned(Value::Bool(yes)))
}

fn all<'v>(
    arguments: &'v [Expression],
    holds: impl Fn(&'v Expression) -> Result<bool, RenderError>,
) -> Result<bool, RenderError> {
    for argument in arguments {
        if !holds(argument)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn first_there<'v>(arguments: &'v [Expression], world: World<'v>) -> Result<Found<'v>, RenderError> {
    let Some((last, before)) = arguments.split_last() else { return Ok(None) };
    for argument in before {
        let found = argument.if_any(world)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    last.value(world)
}

fn lookup<'v>(arguments: &'v [Expression], world: World<'v>) -> Result<Found<'v>, RenderError> {
    let [within, key] = arguments else { return Ok(None) };
    let (Some(container), Some(wanted)) = (within.value(world)?, key.value(world)?) else { return Ok(None) };
    let refuse = |problem| Err(RenderError::Helper { helper: "lookup", problem });
    if !container.is_object() && !container.is_array() {
        return refuse(format!("`{}` is neither a map nor a list", within.name()));
    }
    if !wanted.is_string() && !wanted.is_number() {
        return refuse(format!("`{}` is neither a string nor a number", key.name()));
    }
    let wanted = as_text(&wanted, key.name())?;
    let found = match container {
        Cow::Borrowed(container) => item(container, &wanted).map(Cow::Borrowed),
        Cow::Owned(container) => item(&container, &wanted).cloned().map(Cow::Owned),
    };
    match found {
        Some(value) => Ok(Some(value)),
        None => Err(RenderError::Missing { path: format!("lookup {} {}", within.name(), key.name()) }),
    }
}

fn item<'v>(container: &'v Value, key: &str) -> Option<&'v Value> {
    match container {
        Value::Object(map) => map.get(key),
        Value::Array(list) => key.parse::<usize>().ok().and_then(|index| list.get(index)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The arguments of one call.
pub(super) struct Given<'g> {
    helper: &'static str,
    arguments: &'g [Expression],
    values: &'g [Cow<'g, Value>],
    extra: &'g Extra,
}

impl Given<'_> {
    /// The argument at a place; null past the end, which the counted `takes` rules out.
    fn value(&self, place: usize) -> &Value {
        self.values.get(place).map_or(&Value::Null, Cow::as_ref)
    }

    /// An argument as text; strings, numbers, true and false are.
    fn text(&self, place: usize) -> Result<Cow<'_, str>, RenderError> {
        as_text(self.value(place), self.name(place))
    }

    fn list(&self, place: usize) -> Result<&[Value], RenderError> {
        match self.value(place) {
            Value::Array(list) => Ok(list),
            _ => Err(self.refuse(format!("`{}` is not a list", self.name(place)))),
        }
    }

    /// What messages call an argument.
    fn name(&self, place: usize) -> &str {
        self.arguments.get(place).map_or(self.helper, Expression::name)
    }

    fn refuse(&self, problem: impl Into<String>) -> RenderError {
        RenderError::Helper { helper: self.helper, problem: problem.into() }
    }
}

/// Appends to a text that a helper makes, up to the cap of a whole leaf.
fn append(text: &mut String, more: &str) -> Result<(), RenderError> {
    if text.len() + more.len() > MOST {
        return Err(RenderError::TooLong { most: MOST });
    }
    text.push_str(more);
    Ok(())
}
