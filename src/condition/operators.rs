//! What operators make of two values, as CEL says: no type is converted into another, numbers are
//! compared across types, and what does not fit is an error.

use std::cmp::Ordering;

use super::EvalError;
use super::eval::{Answer, World};
use super::node::{Literal, Node, Operator};
use super::value::Val;
use crate::template::member;

pub(super) fn negate<'v>(value: &Val<'v>) -> Answer<'v> {
    match value {
        Val::Int(int) => int.checked_neg().map(Val::Int).ok_or(out_of_range("-")),
        Val::Double(double) => Ok(Val::Double(-double)),
        other => Err(wrong("-", &[other])),
    }
}

pub(super) fn operate<'v>(
    operator: Operator,
    left: &Val<'v>,
    right: &Val<'v>,
    world: &World<'v>,
) -> Answer<'v> {
    let ordered = |holds: fn(Ordering) -> bool| match left.order(right) {
        Some(order) => Ok(Val::Bool(holds(order))),
        // A comparison with what is not a number is false.
        None if left.is_number() && right.is_number() => Ok(Val::Bool(false)),
        None => Err(wrong(operator.sign(), &[left, right])),
    };
    match operator {
        Operator::Equal | Operator::NotEqual => {
            world.spend(left.list_len().unwrap_or(0))?;
            Ok(Val::Bool(left.equals(right) == (operator == Operator::Equal)))
        }
        Operator::Less => ordered(Ordering::is_lt),
        Operator::LessOrEqual => ordered(Ordering::is_le),
        Operator::Greater => ordered(Ordering::is_gt),
        Operator::GreaterOrEqual => ordered(Ordering::is_ge),
        Operator::In => is_in(left, right, world),
        Operator::Add if left.as_str().is_some() => match (left.as_str(), right.as_str()) {
            (Some(start), Some(end)) => {
                world.spend((start.len() + end.len()) / 16)?;
                Ok(Val::text([start, end].concat()))
            }
            _ => Err(wrong("+", &[left, right])),
        },
        Operator::Add if left.list_len().is_some() => match (left.list_len(), right.list_len()) {
            (Some(first), Some(second)) => {
                world.spend(first + second)?;
                let items = (0..first).filter_map(|at| left.item(at));
                let more = (0..second).filter_map(|at| right.item(at));
                Ok(Val::List(items.chain(more).collect::<Vec<_>>().into()))
            }
            _ => Err(wrong("+", &[left, right])),
        },
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
            calculate(operator, left, right)
        }
    }
}

fn is_in<'v>(value: &Val<'v>, within: &Val<'v>, world: &World<'v>) -> Answer<'v> {
    let found = match (within, value.as_str()) {
        (Val::Items(items), Some(text)) => {
            world.spend(items.len())?;
            items.iter().any(|item| item.as_str() == Some(text))
        }
        (Val::Items(_) | Val::List(_), _) => {
            let count = within.list_len().unwrap_or(0);
            world.spend(count)?;
            (0..count).any(|at| within.item(at).is_some_and(|item| item.equals(value)))
        }
        (Val::Members(map), key) => key.is_some_and(|key| member(map, key).is_some()),
        (Val::Map(entries), _) => entries.iter().any(|(key, _)| key.equals(value)),
        _ => return Err(wrong("in", &[value, within])),
    };
    Ok(Val::Bool(found))
}

fn calculate<'v>(operator: Operator, left: &Val<'v>, right: &Val<'v>) -> Answer<'v> {
    let sign = operator.sign();
    if matches!(operator, Operator::Divide | Operator::Remainder)
        && matches!(right, Val::Int(0) | Val::Uint(0))
        && matches!(left, Val::Int(_) | Val::Uint(_))
    {
        return Err(EvalError::BadValue { operation: sign, problem: "division by zero" });
    }
    let result = match (left, operator, right) {
        (Val::Int(left), _, Val::Int(right)) => match operator {
            Operator::Add => left.checked_add(*right),
            Operator::Subtract => left.checked_sub(*right),
            Operator::Multiply => left.checked_mul(*right),
            Operator::Divide => left.checked_div(*right),
            _ => left.checked_rem(*right),
        }
        .map(Val::Int),
        (Val::Uint(left), _, Val::Uint(right)) => match operator {
            Operator::Add => left.checked_add(*right),
            Operator::Subtract => left.checked_sub(*right),
            Operator::Multiply => left.checked_mul(*right),
            Operator::Divide => left.checked_div(*right),
            _ => left.checked_rem(*right),
        }
        .map(Val::Uint),
        (Val::Double(left), Operator::Add, Val::Double(right)) => Some(Val::Double(left + right)),
        (Val::Double(left), Operator::Subtract, Val::Double(right)) => Some(Val::Double(left - right)),
        (Val::Double(left), Operator::Multiply, Val::Double(right)) => Some(Val::Double(left * right)),
        (Val::Double(left), Operator::Divide, Val::Double(right)) => Some(Val::Double(left / right)),
        (Val::Time(time), Operator::Add, Val::Span(span))
        | (Val::Span(span), Operator::Add, Val::Time(time)) => time.checked_add(*span).ok().map(Val::Time),
        (Val::Time(time), Operator::Subtract, Val::Span(span)) => time.checked_sub(*span).ok().map(Val::Time),
        (Val::Time(left), Operator::Subtract, Val::Time(right)) => {
            Some(Val::Span(left.duration_since(*right)))
        }
        (Val::Span(left), Operator::Add, Val::Span(right)) => left.checked_add(*right).map(Val::Span),
        (Val::Span(left), Operator::Subtract, Val::Span(right)) => left.checked_sub(*right).map(Val::Span),
        _ => return Err(wrong(sign, &[left, right])),
    };
    result.ok_or(out_of_range(sign))
}

fn out_of_range(operation: &'static str) -> EvalError {
    EvalError::BadValue { operation, problem: "the result is out of range" }
}

/// Types that an operator or function cannot take.
pub(super) fn wrong(operation: &'static str, values: &[&Val<'_>]) -> EvalError {
    let types: Vec<&str> = values.iter().map(|value| value.type_name()).collect();
    EvalError::WrongTypes { operation, types: types.join(" and ") }
}

/// Whether a literal can be looked for without evaluating anything.
pub(super) fn literals(items: &[(Node, bool)]) -> Option<Vec<Literal>> {
    items
        .iter()
        .map(|item| match item {
            (Node::Literal(literal), false) => Some(literal.clone()),
            _ => None,
        })
        .collect()
}
