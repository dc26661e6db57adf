//! A value while an expression is evaluated: borrowed from the scope, or made on the way.

use std::cmp::Ordering;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Number, Value};

use super::node::Literal;
use super::{EvalError, time};
use crate::template::member;

/// A CEL value. Cloning is cheap.
#[derive(Debug, Clone)]
pub(super) enum Val<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Str(&'v str),
    Text(Rc<str>),
    /// A list and a map of the scope.
    Items(&'v [Value]),
    Members(&'v Map<String, Value>),
    /// A list and a map that were made.
    List(Rc<Vec<Val<'v>>>),
    Map(Rc<Vec<(Val<'v>, Val<'v>)>>),
    Time(Timestamp),
    Span(SignedDuration),
    Optional(Option<Rc<Val<'v>>>),
}

impl<'v> Val<'v> {
    /// A JSON value as it stands; a whole number is an int.
    pub fn of(value: &'v Value) -> Val<'v> {
        match value {
            Value::Null => Val::Null,
            Value::Bool(yes) => Val::Bool(*yes),
            Value::Number(number) => Val::of_number(number),
            Value::String(text) => Val::Str(text),
            Value::Array(list) => Val::Items(list),
            Value::Object(map) => Val::Members(map),
        }
    }

    fn of_number(number: &Number) -> Val<'v> {
        match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Val::Int(int),
            (None, Some(uint)) => Val::Uint(uint),
            // Without arbitrary precision every other number is a double.
            (None, None) => Val::Double(number.as_f64().unwrap_or(f64::NAN)),
        }
    }

    pub fn literal(literal: &'v Literal) -> Val<'v> {
        match literal {
            Literal::Null => Val::Null,
            Literal::Bool(yes) => Val::Bool(*yes),
            Literal::Int(int) => Val::Int(*int),
            Literal::Uint(uint) => Val::Uint(*uint),
            Literal::Double(double) => Val::Double(*double),
            Literal::String(text) => Val::Str(text),
        }
    }

    pub fn text(text: impl Into<Rc<str>>) -> Val<'v> {
        Val::Text(text.into())
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Val::Str(text) => Some(text),
            Val::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn type_name(&self) -> &'static str {
        match self {
            Val::Null => "null",
            Val::Bool(_) => "bool",
            Val::Int(_) => "int",
            Val::Uint(_) => "uint",
            Val::Double(_) => "double",
            Val::Str(_) | Val::Text(_) => "string",
            Val::Items(_) | Val::List(_) => "list",
            Val::Members(_) | Val::Map(_) => "map",
            Val::Time(_) => "timestamp",
            Val::Span(_) => "duration",
            Val::Optional(_) => "optional",
        }
    }

    /// How many items a list has.
    pub fn list_len(&self) -> Option<usize> {
        match self {
            Val::Items(items) => Some(items.len()),
            Val::List(items) => Some(items.len()),
            _ => None,
        }
    }

    /// An item of a list.
    pub fn item(&self, index: usize) -> Option<Val<'v>> {
        match self {
            Val::Items(items) => items.get(index).map(Val::of),
            Val::List(items) => items.get(index).cloned(),
            _ => None,
        }
    }

    /// The value of a key; `None` for what is no map, `Some(None)` for a map without it.
    pub fn member(&self, key: &str) -> Option<Option<Val<'v>>> {
        match self {
            Val::Members(map) => Some(member(map, key).map(Val::of)),
            Val::Map(entries) => Some(
                entries.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value.clone()),
            ),
            _ => None,
        }
    }

    /// Whether two values are the same. Numbers of different types are compared by value; values of
    /// other different types are not the same.
    pub fn equals(&self, other: &Val<'_>) -> bool {
        match (self, other) {
            (Val::Null, Val::Null) => true,
            (Val::Bool(left), Val::Bool(right)) => left == right,
            (Val::Time(left), Val::Time(right)) => left == right,
            (Val::Span(left), Val::Span(right)) => left == right,
            (Val::Optional(left), Val::Optional(right)) => match (left, right) {
                (None, None) => true,
                (Some(left), Some(right)) => left.equals(right),
                _ => false,
            },
            _ => {
                if let (Some(left), Some(right)) = (self.as_str(), other.as_str()) {
                    return left == right;
                }
                if let (Some(left), Some(right)) = (self.list_len(), other.list_len()) {
                    return left == right && (0..left).all(|at| equal_items(self.item(at), other.item(at)));
                }
                if let (Some(left), Some(right)) = (self.entries(), other.entries()) {
                    return left.len() == right.len()
                        && left.iter().all(|(key, value)| {
                            right.iter().any(|(other, held)| key.equals(other) && value.equals(held))
                        });
                }
                self.order_numbers(other) == Some(Ordering::Equal)
            }
        }
    }

    /// Which comes first; `None` if the types have no order.
    pub fn order(&self, other: &Val<'_>) -> Option<Ordering> {
        match (self, other) {
            (Val::Bool(left), Val::Bool(right)) => Some(left.cmp(right)),
            (Val::Time(left), Val::Time(right)) => Some(left.cmp(right)),
            (Val::Span(left), Val::Span(right)) => Some(left.cmp(right)),
            _ => match (self.as_str(), other.as_str()) {
                (Some(left), Some(right)) => Some(left.cmp(right)),
                _ => self.order_numbers(other),
            },
        }
    }

    fn order_numbers(&self, other: &Val<'_>) -> Option<Ordering> {
        match (self.whole(), other.whole()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => self.double()?.partial_cmp(&other.double()?),
        }
    }

    fn whole(&self) -> Option<i128> {
        match self {
            Val::Int(int) => Some(i128::from(*int)),
            Val::Uint(uint) => Some(i128::from(*uint)),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "CEL compares numbers of different types as doubles")]
    pub fn double(&self) -> Option<f64> {
        match self {
            Val::Int(int) => Some(*int as f64),
            Val::Uint(uint) => Some(*uint as f64),
            Val::Double(double) => Some(*double),
            _ => None,
        }
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Val::Int(_) | Val::Uint(_) | Val::Double(_))
    }

    /// The keys and values of a map.
    pub fn entries(&self) -> Option<Vec<(Val<'v>, Val<'v>)>> {
        match self {
            Val::Members(map) => {
                Some(map.iter().map(|(key, value)| (Val::Str(key), Val::of(value))).collect())
            }
            Val::Map(entries) => Some(entries.as_ref().clone()),
            _ => None,
        }
    }

    /// As JSON.
    pub fn into_json(self) -> Result<Value, EvalError> {
        let refuse = |operation, problem| Err(EvalError::BadValue { operation, problem });
        Ok(match self {
            Val::Null => Value::Null,
            Val::Bool(yes) => Value::Bool(yes),
            Val::Int(int) => int.into(),
            Val::Uint(uint) => uint.into(),
            Val::Double(double) => match Number::from_f64(double) {
                Some(number) => Value::Number(number),
                None => return refuse("double", "the result is no finite number"),
            },
            Val::Str(text) => text.into(),
            Val::Text(text) => text.as_ref().into(),
            Val::Items(items) => items.into(),
            Val::Members(map) => Value::Object(map.clone()),
            Val::List(items) => {
                items.iter().map(|item| item.clone().into_json()).collect::<Result<Vec<_>, _>>()?.into()
            }
            Val::Map(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for (key, value) in entries.iter() {
                    let Some(key) = key.as_str() else { return refuse("{}", "a key is not a string") };
                    map.insert(key.to_owned(), value.clone().into_json()?);
                }
                Value::Object(map)
            }
            Val::Time(time) => time.to_string().into(),
            Val::Span(span) => time::span_text(span).into(),
            Val::Optional(_) => return refuse("?", "finish with `.orValue(…)`"),
        })
    }
}

fn equal_items(left: Option<Val<'_>>, right: Option<Val<'_>>) -> bool {
    matches!((left, right), (Some(left), Some(right)) if left.equals(&right))
}
