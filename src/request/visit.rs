//! Reading the members of a record, each checked at the moment it is seen.
//!
//! The reader walks the table in `shape`: known members go into their places, unknown ones are
//! stepped over and counted. The decoder's own error texts quote what they found, so only those
//! about grammar are passed on; the others are made here from names of the table. The path to a
//! mistake is put together while the error travels up, so good records pay nothing for it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::bad::Problem;
use super::json::Any;
use super::shape::{MOST_MEMBERS, Member, RECORD, Rule, Shape};
use super::{Kind, Moment, Spare, Warnings};

/// The values of one object's members, in the order of its table; `Null` is absent.
pub(super) type Places = [Value; MOST_MEMBERS];

/// What an empty string means.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Blank {
    /// The writer could have left it out: an empty identifier is a mistake.
    Mistake,
    /// A table has no other way to say nothing.
    Absent,
}

pub(super) fn no_places() -> Places {
    [const { Value::Null }; MOST_MEMBERS]
}

/// The present members as an object; an absent list of objects is an empty one.
pub(super) fn collect(members: &[Member], places: &mut Places, spare: &mut Spare) -> Value {
    let mut names = [""; MOST_MEMBERS];
    let mut present = 0;
    for (member, place) in members.iter().zip(&mut *places) {
        if let (Value::Null, Rule::Objects(_)) = (&*place, member.rule) {
            *place = Value::Array(Vec::new());
        }
        if let (false, Some(name)) = (place.is_null(), names.get_mut(present)) {
            *name = member.name;
            present += 1;
        }
    }
    let names = names.get(..present).unwrap_or_default();
    let values = places.iter_mut().take(members.len()).filter(|place| !place.is_null()).map(Value::take);
    let map = match spare.take(names.iter().copied()) {
        Some(mut map) => {
            map.values_mut().zip(values).for_each(|(place, value)| *place = value);
            map
        }
        None => names.iter().map(|name| (*name).to_owned()).zip(values).collect(),
    };
    Value::Object(map)
}

/// What is known while one record is read.
pub(super) struct Reader<'w> {
    warnings: &'w mut Warnings,
    spare: &'w mut Spare,
    blank: Blank,
    found: Option<Found>,
    expected: Option<&'static str>,
    /// The path to the mistake, innermost step first.
    path: Vec<Step>,
}

/// What is wrong with the member that `path` leads to.
#[derive(Clone, Copy)]
enum Found {
    Number,
    Empty,
    NotATime,
    NotAKind,
    Twice,
    TwiceInside,
}

enum Step {
    Name(&'static str),
    Index(usize),
}

impl<'w> Reader<'w> {
    pub(super) fn new(warnings: &'w mut Warnings, spare: &'w mut Spare, blank: Blank) -> Reader<'w> {
        Reader { warnings, spare, blank, found: None, expected: None, path: Vec::new() }
    }

    /// What the error came from.
    pub(super) fn problem(&self, error: &serde_json::Error) -> Problem {
        match error.classify() {
            Category::Syntax | Category::Eof | Category::Io => return grammar(error),
            Category::Data => {}
        }
        let member = self.member();
        match (self.found, self.expected) {
            (Some(Found::Number), _) => Problem::Number { member },
            (Some(Found::Empty), _) => Problem::Empty { member },
            (Some(Found::NotATime), _) => Problem::NotATime { member },
            (Some(Found::NotAKind), _) => Problem::KindUnknown,
            (Some(Found::Twice), _) => Problem::Twice { member: format!("`{member}`") },
            (Some(Found::TwiceInside), _) => Problem::Twice { member: format!("a member inside `{member}`") },
            (None, Some(expected)) => Problem::WrongType { member, expected },
            (None, None) => Problem::NotAnObject,
        }
    }

    fn member(&self) -> String {
        let mut path = String::new();
        for step in self.path.iter().rev() {
            match step {
                Step::Index(index) => path.push_str(&format!("[{index}]")),
                Step::Name(name) if path.is_empty() => path.push_str(name),
                Step::Name(name) => path.extend([".", name]),
            }
        }
        path
    }

    fn fail<E: Error>(&mut self, found: Found) -> E {
        self.found = Some(found);
        E::custom("a member is wrong")
    }

    /// Checks a string for a member; `false` when it stands for an absent one.
    fn takes<E: Error>(&mut self, rule: Rule, text: &str) -> Result<bool, E> {
        if text.is_empty() && self.blank == Blank::Absent {
            return Ok(false);
        }
        match rule {
            Rule::Identifier if text.is_empty() => Err(self.fail(Found::Empty)),
            Rule::Time if Moment::parse(text).is_none() => Err(self.fail(Found::NotATime)),
            Rule::Kind if Kind::of(text).is_none() => Err(self.fail(Found::NotAKind)),
            Rule::Identifier | Rule::Text | Rule::Time | Rule::Kind => Ok(true),
            Rule::List | Rule::Object(_) | Rule::Objects(_) | Rule::Fields => {
                Err(E::custom("a string where none belongs"))
            }
        }
    }

    /// Reads the members of an object into their places, which are empty before.
    fn fill<'de, A: MapAccess<'de>>(
        &mut self,
        shape: &'static Shape,
        mut members: A,
        places: &mut Places,
    ) -> Result<(), A::Error> {
        let mut seen = 0_u16;
        while let Some(at) = members.next_key_seed(Key { shape, warnings: self.warnings })? {
            let Some((at, member)) = at.and_then(|at| Some((at, shape.members.get(at)?))) else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            if seen & (1 << at) != 0 {
                self.path.push(Step::Name(member.name));
                return Err(self.fail(Found::Twice));
            }
            seen |= 1 << at;
            match members.next_value_seed(One { reader: self, rule: member.rule }) {
                Ok(value) => {
                    if let Some(place) = places.get_mut(at) {
                        *place = value;
                    }
                }
                Err(error) => {
                    self.expected.get_or_insert(member.rule.expected());
                    self.path.push(Step::Name(member.name));
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// The decoder's words about grammar: they quote nothing.
pub(super) fn grammar(error: &serde_json::Error) -> Problem {
    let whole = error.to_string();
    let reason = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(reason, _)| reason);
    let reason = match (error.classify(), reason) {
        (Category::Eof, _) => "it ends too early",
        (_, "recursion limit exceeded") => "it is nested deeper than 127 levels",
        (_, "trailing characters") => "something stands after the end of the object",
        (_, "number out of range") => "a number is too large",
        // The decoder took the first letter for `true`, `false` or `null`.
        (_, "expected ident") => "expected value",
        (_, reason) => reason,
    };
    Problem::NotJson { reason: reason.to_owned() }
}

/// The whole record.
pub(super) struct Record<'r, 'w> {
    pub(super) reader: &'r mut Reader<'w>,
    pub(super) places: &'r mut Places,
}

impl<'de> DeserializeSeed<'de> for Record<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Record<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        self.reader.fill(&RECORD, members, self.places)
    }
}

/// The name of a member: its place, or `None` for one that nobody knows.
struct Key<'k> {
    shape: &'static Shape,
    warnings: &'k mut Warnings,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        let at = self.shape.members.iter().position(|member| member.name == name);
        if at.is_none() {
            self.warnings.ignored(self.shape.within, name);
        }
        Ok(at)
    }
}

/// The value of one known member, or one item of a list of objects.
struct One<'r, 'w> {
    reader: &'r mut Reader<'w>,
    rule: Rule,
}

impl<'de> DeserializeSeed<'de> for One<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl One<'_, '_> {
    fn number<E: Error>(self) -> Result<Value, E> {
        Err(match self.rule {
            Rule::Identifier | Rule::Text => self.reader.fail(Found::Number),
            Rule::Time => self.reader.fail(Found::NotATime),
            Rule::Kind => self.reader.fail(Found::NotAKind),
            Rule::List | Rule::Object(_) | Rule::Objects(_) | Rule::Fields => E::custom("a number"),
        })
    }

    fn or_twice<E: Error>(self, is_twice: bool, error: E) -> E {
        if is_twice { self.reader.fail(Found::TwiceInside) } else { error }
    }
}

impl<'de> Visitor<'de> for One<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule.expected())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Value, E> {
        self.number()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Value, E> {
        self.number()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        self.number()
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        let is_given = self.reader.takes(self.rule, text)?;
        Ok(if is_given { Value::String(self.reader.spare.text(text)) } else { Value::Null })
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        let is_given = self.reader.takes(self.rule, &text)?;
        Ok(if is_given { Value::String(text) } else { Value::Null })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        match self.rule {
            Rule::List => {
                let mut is_twice = false;
                loop {
                    match items.next_element_seed(Any { is_twice: &mut is_twice }) {
                        Ok(Some(item)) => list.push(item),
                        Ok(None) => break,
                        Err(error) => return Err(self.or_twice(is_twice, error)),
                    }
                }
            }
            Rule::Objects(shape) => {
                for index in 0.. {
                    let rule = Rule::Object(shape);
                    match items.next_element_seed(One { reader: &mut *self.reader, rule }) {
                        // `null` is absent here too.
                        Ok(Some(Value::Null)) => {}
                        Ok(Some(item)) => list.push(item),
                        Ok(None) => break,
                        Err(error) => {
                            self.reader.expected.get_or_insert(rule.expected());
                            self.reader.path.push(Step::Index(index));
                            return Err(error);
                        }
                    }
                }
            }
            Rule::Identifier | Rule::Text | Rule::Time | Rule::Kind | Rule::Object(_) | Rule::Fields => {
                return Err(A::Error::custom("a list where none belongs"));
            }
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        match self.rule {
            Rule::Object(shape) => {
                let mut places = no_places();
                self.reader.fill(shape, members, &mut places)?;
                Ok(collect(shape.members, &mut places, self.reader.spare))
            }
            Rule::Fields => {
                let (mut fields, mut is_twice, mut nulls) = (Map::new(), false, false);
                while let Some(name) = members.next_key::<String>()? {
                    let value = match members.next_value_seed(Any { is_twice: &mut is_twice }) {
                        Ok(value) => value,
                        Err(error) => return Err(self.or_twice(is_twice, error)),
                    };
                    nulls |= value.is_null();
                    if fields.insert(name, value).is_some() {
                        return Err(self.reader.fail(Found::TwiceInside));
                    }
                }
                if nulls {
                    fields.retain(|_, value| !value.is_null());
                }
                Ok(Value::Object(fields))
            }
            Rule::Identifier | Rule::Text | Rule::Time | Rule::Kind | Rule::List | Rule::Objects(_) => {
                Err(A::Error::custom("an object where none belongs"))
            }
        }
    }
}
