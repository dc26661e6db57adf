//! Calling a helper: which arguments are asked for their value, and what a missing one means.

use std::borrow::Cow;

use handlebars::JsonTruthy;
use serde_json::Value;

use super::all::{Form, Helper};
use super::given::Given;
use crate::template::RenderError;
use crate::template::expression::{Expression, Found, World};
use crate::template::text::as_text;

/// What a helper makes of its arguments.
pub(in crate::template) fn call<'v>(
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
