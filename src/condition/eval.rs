//! What an expression comes to.
//!
//! Values are borrowed from the scope as long as nothing is made of them. `&&` and `||` answer as soon
//! as one side decides, even if the other side fails; everything else fails where its parts fail. The
//! work of one evaluation is counted and bounded.

use std::cell::Cell;

use super::EvalError;
use super::node::{Literal, Node, Path, Root, Step};
use super::operators::{negate, operate, wrong};
use super::value::Val;
use crate::template::{Scope, member};

/// Most work of one evaluation: items gone through, and sixteenths of bytes made.
const MOST_WORK: usize = 1_000_000;

/// What an evaluation reads, and how much work it may still do.
pub(super) struct World<'v> {
    scope: &'v Scope,
    left: Cell<usize>,
}

impl<'v> World<'v> {
    pub fn over(scope: &'v Scope) -> World<'v> {
        World { scope, left: Cell::new(MOST_WORK) }
    }

    /// Counts work before it is done.
    pub fn spend(&self, work: usize) -> Result<(), EvalError> {
        let left = self.left.get().checked_sub(work).ok_or(EvalError::TooMuch)?;
        self.left.set(left);
        Ok(())
    }
}

/// The variable of a macro, and those around it.
pub(super) struct Local<'l, 'v> {
    pub value: Val<'v>,
    pub outer: Locals<'l, 'v>,
}

pub(super) type Locals<'l, 'v> = Option<&'l Local<'l, 'v>>;
pub(super) type Answer<'v> = Result<Val<'v>, EvalError>;

impl Node {
    pub fn value<'v>(&'v self, world: &World<'v>) -> Answer<'v> {
        self.eval(world, None)
    }

    pub fn eval<'v>(&'v self, world: &World<'v>, locals: Locals<'_, 'v>) -> Answer<'v> {
        match self {
            Node::Literal(literal) => Ok(Val::literal(literal)),
            Node::Path(path) => path.value(world, locals),
            Node::Select(of, step) => select(of.eval(world, locals)?, step),
            Node::OptionalSelect(of, name) => match of.shared(world, name) {
                Some(value) => Ok(Val::Optional(Some(value.into()))),
                None => optional_member(of.eval(world, locals)?, name),
            },
            Node::Index(of, at, path) => index(of.eval(world, locals)?, &at.eval(world, locals)?, path),
            Node::OptionalIndex(of, at) => {
                if let Node::Literal(Literal::String(name)) = at.as_ref()
                    && let Some(value) = of.shared(world, name)
                {
                    return Ok(Val::Optional(Some(value.into())));
                }
                let found = index(of.eval(world, locals)?, &at.eval(world, locals)?, "");
                match found {
                    Ok(Val::Optional(held)) => Ok(Val::Optional(held)),
                    Ok(value) => Ok(Val::Optional(Some(value.into()))),
                    Err(EvalError::Missing { .. }) => Ok(Val::Optional(None)),
                    Err(error) => Err(error),
                }
            }
            Node::Has(of, name) => {
                if of.shared(world, name).is_some() {
                    return Ok(Val::Bool(true));
                }
                let value = of.eval(world, locals)?;
                if let Some(found) = value.member(name) {
                    return Ok(Val::Bool(found.is_some()));
                }
                match optional_member(value, name)? {
                    Val::Optional(held) => Ok(Val::Bool(held.is_some())),
                    other => Ok(other),
                }
            }
            Node::List(items) => list(items, world, locals),
            Node::Map(entries) => map(entries, world, locals),
            Node::And(left, right) => {
                either(left.eval(world, locals), false, "&&", || right.eval(world, locals))
            }
            Node::Or(left, right) => {
                either(left.eval(world, locals), true, "||", || right.eval(world, locals))
            }
            Node::Not(of) => Ok(Val::Bool(!boolean(&of.eval(world, locals)?, "!")?)),
            Node::Negate(of) => negate(&of.eval(world, locals)?),
            Node::If(parts) => {
                let [test, then, otherwise] = parts.as_ref();
                let holds = boolean(&test.eval(world, locals)?, "?")?;
                if holds { then.eval(world, locals) } else { otherwise.eval(world, locals) }
            }
            Node::Operator(operator, sides) => {
                let [left, right] = sides.as_ref();
                operate(*operator, &left.eval(world, locals)?, &right.eval(world, locals)?, world)
            }
            Node::InLiterals(of, literals) => {
                let value = of.eval(world, locals)?;
                Ok(Val::Bool(literals.iter().any(|literal| value.equals(&Val::literal(literal)))))
            }
            Node::Function(function, of) => function.of(of.eval(world, locals)?),
            Node::Method(method, target, arguments) => {
                let target = target.eval(world, locals)?;
                let arguments: Vec<Val<'v>> = arguments
                    .iter()
                    .map(|argument| argument.eval(world, locals))
                    .collect::<Result<_, _>>()?;
                method.of(target, &arguments, world)
            }
            Node::Matches(of, pattern) => {
                let value = of.eval(world, locals)?;
                match value.as_str() {
                    Some(text) => {
                        world.spend(text.len() / 16)?;
                        Ok(Val::Bool(pattern.is_match(text)))
                    }
                    None => Err(wrong("matches", &[&value])),
                }
            }
            Node::Macro(body) => body.value(world, locals),
        }
    }

    /// A shared member of what this names; only a whole name of the first level has one.
    fn shared<'v>(&self, world: &World<'v>, name: &str) -> Option<Val<'v>> {
        match self {
            Node::Path(Path { root: Root::Scope(root), steps }) if steps.is_empty() => {
                world.scope.shared(root, name).map(Val::of)
            }
            _ => None,
        }
    }

    /// Whether it is true; `of` names what asks.
    pub fn holds<'v>(
        &'v self,
        world: &World<'v>,
        locals: Locals<'_, 'v>,
        of: &'static str,
    ) -> Result<bool, EvalError> {
        boolean(&self.eval(world, locals)?, of)
    }
}

impl Path {
    fn value<'v>(&'v self, world: &World<'v>, locals: Locals<'_, 'v>) -> Answer<'v> {
        let missing = |path: &str| EvalError::Missing { path: path.to_owned() };
        match &self.root {
            Root::Scope(name) => {
                let start = world.scope.get(name).ok_or_else(|| missing(name))?;
                let Some((first, rest)) = self.steps.split_first() else { return Ok(Val::of(start)) };
                let mut value = world.scope.member(name, &first.name).ok_or_else(|| missing(&first.path))?;
                for step in rest {
                    let found = value.as_object().and_then(|map| member(map, &step.name));
                    value = found.ok_or_else(|| missing(&step.path))?;
                }
                Ok(Val::of(value))
            }
            Root::Local(out, name) => {
                let mut local = locals;
                for _ in 0..*out {
                    local = local.and_then(|local| local.outer);
                }
                let start = local.map(|local| local.value.clone()).ok_or_else(|| missing(name))?;
                self.steps.iter().try_fold(start, select)
            }
        }
    }
}

/// A member of a value; behind an optional value it is optional too.
fn select<'v>(value: Val<'v>, step: &Step) -> Answer<'v> {
    if matches!(value, Val::Optional(_)) {
        return optional_member(value, &step.name);
    }
    value.member(&step.name).flatten().ok_or_else(|| EvalError::Missing { path: step.path.clone() })
}

fn optional_member<'v>(value: Val<'v>, name: &str) -> Answer<'v> {
    let value = match value {
        Val::Optional(None) => return Ok(Val::Optional(None)),
        Val::Optional(Some(held)) => held.as_ref().clone(),
        value => value,
    };
    match value.member(name) {
        Some(found) => Ok(Val::Optional(found.map(Into::into))),
        None => Err(wrong(".?", &[&value])),
    }
}

/// The item of a list at a place, or the value of a key.
fn index<'v>(value: Val<'v>, at: &Val<'v>, path: &str) -> Answer<'v> {
    let found = match &value {
        Val::Optional(None) => return Ok(Val::Optional(None)),
        Val::Optional(Some(held)) => {
            return match index(held.as_ref().clone(), at, path) {
                Ok(found) => Ok(Val::Optional(Some(found.into()))),
                Err(EvalError::Missing { .. }) => Ok(Val::Optional(None)),
                Err(error) => Err(error),
            };
        }
        Val::Items(_) | Val::List(_) => match at {
            Val::Int(at) => usize::try_from(*at).ok().and_then(|at| value.item(at)),
            Val::Uint(at) => usize::try_from(*at).ok().and_then(|at| value.item(at)),
            _ => return Err(wrong("[]", &[&value, at])),
        },
        Val::Members(_) => match at.as_str() {
            Some(key) => value.member(key).flatten(),
            None => return Err(wrong("[]", &[&value, at])),
        },
        Val::Map(entries) => entries.iter().find(|(key, _)| key.equals(at)).map(|(_, found)| found.clone()),
        _ => return Err(wrong("[]", &[&value, at])),
    };
    found.ok_or_else(|| EvalError::Missing { path: path.to_owned() })
}

fn list<'v>(items: &'v [(Node, bool)], world: &World<'v>, locals: Locals<'_, 'v>) -> Answer<'v> {
    let mut values = Vec::with_capacity(items.len());
    for (item, optional) in items {
        match (item.eval(world, locals)?, optional) {
            (value, false) => values.push(value),
            (Val::Optional(held), true) => values.extend(held.map(|held| held.as_ref().clone())),
            (value, true) => return Err(wrong("[?]", &[&value])),
        }
    }
    Ok(Val::List(values.into()))
}

fn map<'v>(entries: &'v [(Node, Node)], world: &World<'v>, locals: Locals<'_, 'v>) -> Answer<'v> {
    let mut values: Vec<(Val<'v>, Val<'v>)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let key = key.eval(world, locals)?;
        if !matches!(key, Val::Str(_) | Val::Text(_) | Val::Bool(_) | Val::Int(_) | Val::Uint(_)) {
            return Err(wrong("{}", &[&key]));
        }
        if values.iter().any(|(other, _)| other.equals(&key)) {
            return Err(EvalError::BadValue { operation: "{}", problem: "a key stands twice" });
        }
        values.push((key, value.eval(world, locals)?));
    }
    Ok(Val::Map(values.into()))
}

/// `&&` is decided by false, `||` by true; a side that fails matters only if the other does not decide.
fn either<'v>(
    left: Answer<'v>,
    decisive: bool,
    sign: &'static str,
    right: impl FnOnce() -> Answer<'v>,
) -> Answer<'v> {
    let left = left.and_then(|left| boolean(&left, sign));
    if left == Ok(decisive) {
        return Ok(Val::Bool(decisive));
    }
    let right = right().and_then(|right| boolean(&right, sign))?;
    if right == decisive { Ok(Val::Bool(right)) } else { left.map(Val::Bool) }
}

fn boolean(value: &Val<'_>, operation: &'static str) -> Result<bool, EvalError> {
    match value {
        Val::Bool(yes) => Ok(*yes),
        other => Err(wrong(operation, &[other])),
    }
}
