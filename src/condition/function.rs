//! The functions of one value: `size` and the conversions.

use std::rc::Rc;

use super::value::Val;
use super::{EvalError, time};

/// A function that stands before its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Int,
    Uint,
    Double,
    String,
    Bool,
    Timestamp,
    Duration,
    Dyn,
}

impl Function {
    pub const ALL: [(&'static str, Function); 9] = [
        ("size", Function::Size),
        ("int", Function::Int),
        ("uint", Function::Uint),
        ("double", Function::Double),
        ("string", Function::String),
        ("bool", Function::Bool),
        ("timestamp", Function::Timestamp),
        ("duration", Function::Duration),
        ("dyn", Function::Dyn),
    ];

    pub fn named(name: &str) -> Option<Function> {
        Function::ALL.into_iter().find(|(word, _)| *word == name).map(|(_, function)| function)
    }

    pub fn name(self) -> &'static str {
        Function::ALL.into_iter().find(|(_, function)| *function == self).map_or("", |(name, _)| name)
    }

    pub fn of(self, value: Val<'_>) -> Result<Val<'_>, EvalError> {
        let refuse = |problem| Err(EvalError::BadValue { operation: self.name(), problem });
        let result = match self {
            Function::Dyn => return Ok(value),
            Function::Size => size(&value).map(Val::Int),
            Function::Int => match &value {
                Val::Int(_) => return Ok(value),
                Val::Uint(uint) => i64::try_from(*uint).ok().map(Val::Int),
                Val::Double(double) => whole(*double).and_then(|int| i64::try_from(int).ok()).map(Val::Int),
                Val::Time(time) => Some(Val::Int(time.as_second())),
                Val::Str(_) | Val::Text(_) => value.as_str().and_then(|text| text.parse().ok()).map(Val::Int),
                _ => return Err(wrong_type(self.name(), &value)),
            },
            Function::Uint => match &value {
                Val::Uint(_) => return Ok(value),
                Val::Int(int) => u64::try_from(*int).ok().map(Val::Uint),
                Val::Double(double) => whole(*double).and_then(|int| u64::try_from(int).ok()).map(Val::Uint),
                Val::Str(_) | Val::Text(_) => {
                    value.as_str().and_then(|text| text.parse().ok()).map(Val::Uint)
                }
                _ => return Err(wrong_type(self.name(), &value)),
            },
            Function::Double => match value.as_str() {
                Some(text) => text.parse().ok().map(Val::Double),
                None => value.double().map(Val::Double),
            },
            Function::String => string(&value).map(Val::Text),
            Function::Bool => match (&value, value.as_str()) {
                (Val::Bool(_), _) => return Ok(value),
                (_, Some("true" | "True" | "TRUE" | "t" | "1")) => Some(Val::Bool(true)),
                (_, Some("false" | "False" | "FALSE" | "f" | "0")) => Some(Val::Bool(false)),
                (_, Some(_)) => None,
                _ => return Err(wrong_type(self.name(), &value)),
            },
            Function::Timestamp => match (&value, value.as_str()) {
                (Val::Time(_), _) => return Ok(value),
                (Val::Int(seconds), _) => jiff::Timestamp::from_second(*seconds).ok().map(Val::Time),
                (_, Some(text)) => text.parse().ok().map(Val::Time),
                _ => return Err(wrong_type(self.name(), &value)),
            },
            Function::Duration => match (&value, value.as_str()) {
                (Val::Span(_), _) => return Ok(value),
                (_, Some(text)) => time::span(text).map(Val::Span),
                _ => return Err(wrong_type(self.name(), &value)),
            },
        };
        match (result, self) {
            (Some(result), _) => Ok(result),
            (None, Function::Size | Function::String) => Err(wrong_type(self.name(), &value)),
            (None, Function::Double) if value.as_str().is_none() => Err(wrong_type(self.name(), &value)),
            (None, Function::Timestamp) => refuse("this is no RFC 3339 time"),
            (None, Function::Duration) => refuse("this is no duration such as `90s` or `1h30m`"),
            (None, _) => refuse("the value cannot be converted"),
        }
    }
}

/// Characters of a string, items of a list, members of a map.
pub(super) fn size(value: &Val<'_>) -> Option<i64> {
    let size = match value {
        Val::Items(items) => items.len(),
        Val::List(items) => items.len(),
        Val::Members(map) => map.len(),
        Val::Map(entries) => entries.len(),
        _ => value.as_str()?.chars().count(),
    };
    i64::try_from(size).ok()
}

fn string(value: &Val<'_>) -> Option<Rc<str>> {
    Some(match value {
        Val::Text(text) => Rc::clone(text),
        Val::Str(text) => Rc::from(*text),
        Val::Bool(yes) => yes.to_string().into(),
        Val::Int(int) => int.to_string().into(),
        Val::Uint(uint) => uint.to_string().into(),
        Val::Double(double) => double.to_string().into(),
        Val::Time(time) => time.to_string().into(),
        Val::Span(span) => time::span_text(*span).into(),
        _ => return None,
    })
}

/// The number without its fraction.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(double: f64) -> Option<i128> {
    (double.is_finite() && double.abs() < 1e30).then_some(double.trunc() as i128)
}

pub(super) fn wrong_type(operation: &'static str, value: &Val<'_>) -> EvalError {
    EvalError::WrongTypes { operation, types: value.type_name().to_owned() }
}
