//! Comparing values, as the `handlebars` crate does: equal means the same JSON, and a number may be
//! compared with a text that is one.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::given::Given;
use crate::template::RenderError;

type Answer = Result<Value, RenderError>;

pub(super) fn eq(given: &Given<'_>) -> Answer {
    Ok((given.value(0) == given.value(1)).into())
}

pub(super) fn ne(given: &Given<'_>) -> Answer {
    Ok((given.value(0) != given.value(1)).into())
}

pub(super) fn gt(given: &Given<'_>) -> Answer {
    ordered(given, Ordering::is_gt)
}

pub(super) fn gte(given: &Given<'_>) -> Answer {
    ordered(given, Ordering::is_ge)
}

pub(super) fn lt(given: &Given<'_>) -> Answer {
    ordered(given, Ordering::is_lt)
}

pub(super) fn lte(given: &Given<'_>) -> Answer {
    ordered(given, Ordering::is_le)
}

/// Items of a list, members of a map, bytes of a text.
pub(super) fn len(given: &Given<'_>) -> Answer {
    let count = match given.value(0) {
        Value::Array(list) => list.len(),
        Value::Object(map) => map.len(),
        Value::String(text) => text.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            return Err(given.refuse(format!("`{}` has no length", given.name(0))));
        }
    };
    Ok(count.into())
}

fn ordered(given: &Given<'_>, holds: fn(Ordering) -> bool) -> Answer {
    match order(given.value(0), given.value(1)) {
        Some(order) => Ok(holds(order).into()),
        None => Err(given.refuse(format!(
            "`{}` and `{}` have types that cannot be compared",
            given.name(0),
            given.name(1)
        ))),
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => order_numbers(left, right),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::String(right)) => order_numbers(left, &right.parse().ok()?),
        (Value::String(left), Value::Number(right)) => order_numbers(&left.parse().ok()?, right),
        _ => None,
    }
}

fn order_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}
