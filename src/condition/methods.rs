//! The functions that stand behind a value: on strings, times and optional values.

use regex::{Regex, RegexBuilder};

use super::eval::World;
use super::function::{size, wrong_type};
use super::value::Val;
use super::{EvalError, time};

/// Largest compiled pattern, in bytes: patterns may come from data.
const LARGEST_PATTERN: usize = 256 * 1024;

/// A function that stands behind its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method {
    pub name: &'static str,
    /// Fewest and most arguments.
    pub takes: (usize, usize),
}

/// Every method.
pub(super) static METHODS: &[Method] = &[
    Method { name: "size", takes: (0, 0) },
    Method { name: "contains", takes: (1, 1) },
    Method { name: "startsWith", takes: (1, 1) },
    Method { name: "endsWith", takes: (1, 1) },
    Method { name: "matches", takes: (1, 1) },
    Method { name: "lowerAscii", takes: (0, 0) },
    Method { name: "upperAscii", takes: (0, 0) },
    Method { name: "trim", takes: (0, 0) },
    Method { name: "indexOf", takes: (1, 1) },
    Method { name: "substring", takes: (1, 2) },
    Method { name: "replace", takes: (2, 2) },
    Method { name: "split", takes: (1, 1) },
    Method { name: "join", takes: (0, 1) },
    Method { name: "orValue", takes: (1, 1) },
    Method { name: "or", takes: (1, 1) },
    Method { name: "hasValue", takes: (0, 0) },
    Method { name: "value", takes: (0, 0) },
    Method { name: "getFullYear", takes: (0, 0) },
    Method { name: "getMonth", takes: (0, 0) },
    Method { name: "getDate", takes: (0, 0) },
    Method { name: "getDayOfMonth", takes: (0, 0) },
    Method { name: "getDayOfWeek", takes: (0, 0) },
    Method { name: "getDayOfYear", takes: (0, 0) },
    Method { name: "getHours", takes: (0, 0) },
    Method { name: "getMinutes", takes: (0, 0) },
    Method { name: "getSeconds", takes: (0, 0) },
    Method { name: "getMilliseconds", takes: (0, 0) },
];

impl Method {
    pub fn named(name: &str) -> Option<Method> {
        METHODS.iter().find(|method| method.name == name).copied()
    }

    pub fn of<'v>(
        self,
        target: Val<'v>,
        arguments: &[Val<'v>],
        world: &World<'v>,
    ) -> Result<Val<'v>, EvalError> {
        match &target {
            Val::Optional(held) => return self.of_optional(held.as_deref(), arguments),
            Val::Time(moment) => {
                let part = time::part(*moment, self.name).map(Val::Int);
                return part.ok_or_else(|| wrong_type(self.name, &target));
            }
            Val::Span(span) => {
                let part = time::span_part(*span, self.name).map(Val::Int);
                return part.ok_or_else(|| wrong_type(self.name, &target));
            }
            _ => {}
        }
        match self.name {
            "size" => size(&target).map(Val::Int).ok_or_else(|| wrong_type("size", &target)),
            "join" => self.join(&target, arguments, world),
            _ => match target.as_str() {
                Some(text) => self.of_text(text, arguments, world),
                None => Err(wrong_type(self.name, &target)),
            },
        }
    }

    fn of_optional<'v>(self, held: Option<&Val<'v>>, arguments: &[Val<'v>]) -> Result<Val<'v>, EvalError> {
        let none = EvalError::BadValue { operation: "value", problem: "there is no value" };
        match (self.name, held, arguments.first()) {
            ("hasValue", held, None) => Ok(Val::Bool(held.is_some())),
            ("value", held, None) => held.cloned().ok_or(none),
            ("orValue", Some(held), Some(_)) => Ok(held.clone()),
            ("orValue", None, Some(other)) => Ok(other.clone()),
            ("or", Some(held), Some(_)) => Ok(Val::Optional(Some(held.clone().into()))),
            ("or", None, Some(other @ Val::Optional(_))) => Ok(other.clone()),
            _ => Err(wrong_type(self.name, &Val::Optional(None))),
        }
    }

    fn of_text<'v>(self, text: &str, arguments: &[Val<'v>], world: &World<'v>) -> Result<Val<'v>, EvalError> {
        world.spend(text.len() / 16)?;
        let string = |place: usize| {
            let argument = arguments.get(place).unwrap_or(&Val::Null);
            argument.as_str().ok_or_else(|| wrong_type(self.name, argument))
        };
        Ok(match self.name {
            "contains" => Val::Bool(text.contains(string(0)?)),
            "startsWith" => Val::Bool(text.starts_with(string(0)?)),
            "endsWith" => Val::Bool(text.ends_with(string(0)?)),
            "matches" => {
                let refuse = |_| EvalError::BadValue { operation: "matches", problem: "this is no pattern" };
                Val::Bool(pattern(string(0)?).map_err(refuse)?.is_match(text))
            }
            "lowerAscii" => Val::text(text.to_ascii_lowercase()),
            "upperAscii" => Val::text(text.to_ascii_uppercase()),
            "trim" => Val::text(text.trim()),
            "indexOf" => match text.find(string(0)?) {
                Some(at) => Val::Int(count(text.get(..at).unwrap_or_default().chars().count())),
                None => Val::Int(-1),
            },
            "substring" => self.substring(text, arguments)?,
            "replace" => {
                let (from, to) = (string(0)?, string(1)?);
                if from.is_empty() {
                    return Err(EvalError::BadValue {
                        operation: "replace",
                        problem: "the text to replace is empty",
                    });
                }
                world.spend(text.matches(from).count().saturating_mul(to.len()) / 16)?;
                Val::text(text.replace(from, to))
            }
            "split" => {
                let parts: Vec<Val<'v>> = text.split(string(0)?).map(Val::text).collect();
                world.spend(parts.len())?;
                Val::List(parts.into())
            }
            _ => return Err(EvalError::WrongTypes { operation: self.name, types: "string".to_owned() }),
        })
    }

    /// Characters from a place up to the end, or up to another place.
    fn substring<'v>(self, text: &str, arguments: &[Val<'v>]) -> Result<Val<'v>, EvalError> {
        let outside =
            EvalError::BadValue { operation: "substring", problem: "a place is outside the string" };
        let length = text.chars().count();
        let place = |argument: Option<&Val<'v>>, otherwise: usize| match argument {
            None => Ok(otherwise),
            Some(Val::Int(at)) => {
                usize::try_from(*at).ok().filter(|at| *at <= length).ok_or_else(|| outside.clone())
            }
            Some(other) => Err(wrong_type(self.name, other)),
        };
        let (start, end) = (place(arguments.first(), 0)?, place(arguments.get(1), length)?);
        let taken = end.checked_sub(start).ok_or_else(|| outside.clone())?;
        Ok(Val::text(text.chars().skip(start).take(taken).collect::<String>()))
    }

    fn join<'v>(
        self,
        list: &Val<'v>,
        arguments: &[Val<'v>],
        world: &World<'v>,
    ) -> Result<Val<'v>, EvalError> {
        let count = list.list_len().ok_or_else(|| wrong_type(self.name, list))?;
        let between = match arguments.first() {
            None => "",
            Some(between) => between.as_str().ok_or_else(|| wrong_type(self.name, between))?,
        };
        let mut text = String::new();
        for at in 0..count {
            let item = list.item(at).unwrap_or(Val::Null);
            let piece = item.as_str().ok_or_else(|| wrong_type(self.name, &item))?;
            world.spend((piece.len() + between.len()) / 16 + 1)?;
            if at > 0 {
                text.push_str(between);
            }
            text.push_str(piece);
        }
        Ok(Val::text(text))
    }
}

/// A pattern of linear time and bounded size.
pub(super) fn pattern(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build()
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
