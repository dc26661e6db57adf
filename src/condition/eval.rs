//! What an expression comes to.
//!
//! Values are borrowed from the scope as long as nothing is made of them. `&&` and `||` answer as soon
//! as one side decides, even if the other side fails; everything else fails where its parts fail. The
//! work of one evaluation is counted and bounded.

use std::cell::Cell;
use std::cmp::Ordering;

use super::EvalError;
use super::node::{Literal, Macro, MacroKind, Node, Operator, Path, Root, Step};
use super::value::Val;
use crate::template::{Scope, member};

/// Most items of a list that a macro goes through.
const LONGEST_LIST: usize = 10_000;
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
struct Local<'l, 'v> {
    value: Val<'v>,
    outer: Locals<'l, 'v>,
}

type Locals<'l, 'v> = Option<&'l Local<'l, 'v>>;
type Answer<'v> = Result<Val<'v>, EvalError>;

impl Node {
    pub fn value<'v>(&'v self, world: &World<'v>) -> Answer<'v> {
        self.eval(world, None)
    }

    fn eval<'v>(&'v self, world: &World<'v>, locals: Locals<'_, 'v>) -> Answer<'v> {
        match self {
            Node::Literal(literal) => Ok(Val::literal(literal)),
            Node::Path(path) => path.value(world, locals),
            Node::Select(of, step) => select(of.eval(world, locals)?, step),
            Node::OptionalSelect(of, name) => optional_member(of.eval(world, locals)?, name),
            Node::Index(of, at, path) => index(of.eval(world, locals)?, &at.eval(world, locals)?, path),
            Node::OptionalIndex(of, at) => {
                let found = index(of.eval(world, locals)?, &at.eval(world, locals)?, "");
                match found {
                    Ok(Val::Optional(held)) => Ok(Val::Optional(held)),
                    Ok(value) => Ok(Val::Optional(Some(value.into()))),
                    Err(EvalError::Missing { .. }) => Ok(Val::Optional(None)),
                    Err(error) => Err(error),
                }
            }
            Node::Has(of, name) => match optional_member(of.eval(world, locals)?, name)? {
                Val::Optional(held) => Ok(Val::Bool(held.is_some())),
                other => Ok(other),
            },
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

    fn holds<'v>(
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
                let mut value = member(world.scope.data(), name).ok_or_else(|| missing(name))?;
                for step in &self.steps {
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

fn negate<'v>(value: &Val<'v>) -> Answer<'v> {
    match value {
        Val::Int(int) => int.checked_neg().map(Val::Int).ok_or(out_of_range("-")),
        Val::Double(double) => Ok(Val::Double(-double)),
        other => Err(wrong("-", &[other])),
    }
}

fn operate<'v>(operator: Operator, left: &Val<'v>, right: &Val<'v>, world: &World<'v>) -> Answer<'v> {
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
    let found = match within {
        Val::Items(_) | Val::List(_) => {
            let count = within.list_len().unwrap_or(0);
            world.spend(count)?;
            (0..count).any(|at| within.item(at).is_some_and(|item| item.equals(value)))
        }
        Val::Members(_) => value.as_str().is_some_and(|key| matches!(within.member(key), Some(Some(_)))),
        Val::Map(entries) => entries.iter().any(|(key, _)| key.equals(value)),
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

fn wrong(operation: &'static str, values: &[&Val<'_>]) -> EvalError {
    let types: Vec<&str> = values.iter().map(|value| value.type_name()).collect();
    EvalError::WrongTypes { operation, types: types.join(" and ") }
}

impl Macro {
    fn value<'v>(&'v self, world: &World<'v>, locals: Locals<'_, 'v>) -> Answer<'v> {
        let name = self.kind.name();
        let over = self.over.eval(world, locals)?;
        let over = match over.entries() {
            // Over a map, macros go through its keys.
            Some(entries) => Val::List(entries.into_iter().map(|(key, _)| key).collect::<Vec<_>>().into()),
            None => over,
        };
        let count = over.list_len().ok_or_else(|| wrong(name, &[&over]))?;
        if count > LONGEST_LIST {
            return Err(EvalError::BadValue {
                operation: name,
                problem: "the list has more than 10000 items",
            });
        }
        let locals_of = |at: usize| Local { value: over.item(at).unwrap_or(Val::Null), outer: locals };
        match &self.kind {
            MacroKind::All(test) => first_decides(test, count, false, name, world, locals_of),
            MacroKind::Exists(test) => first_decides(test, count, true, name, world, locals_of),
            MacroKind::ExistsOne(test) => {
                let mut found = 0;
                for at in 0..count {
                    world.spend(1)?;
                    found += usize::from(test.holds(world, Some(&locals_of(at)), name)?);
                }
                Ok(Val::Bool(found == 1))
            }
            MacroKind::Map { only, to } => {
                let mut values = Vec::new();
                for at in 0..count {
                    world.spend(1)?;
                    let local = locals_of(at);
                    if let Some(only) = only
                        && !only.holds(world, Some(&local), name)?
                    {
                        continue;
                    }
                    match to {
                        Some(to) => values.push(to.eval(world, Some(&local))?),
                        None => values.push(local.value),
                    }
                }
                Ok(Val::List(values.into()))
            }
        }
    }
}

/// One item decides, whatever fails for the others; else the first failure counts.
fn first_decides<'l, 'v: 'l>(
    test: &'v Node,
    count: usize,
    decisive: bool,
    name: &'static str,
    world: &World<'v>,
    local: impl Fn(usize) -> Local<'l, 'v>,
) -> Answer<'v> {
    let mut failure = None;
    for at in 0..count {
        world.spend(1)?;
        match test.holds(world, Some(&local(at)), name) {
            Ok(holds) if holds == decisive => return Ok(Val::Bool(decisive)),
            Ok(_) => {}
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(Val::Bool(!decisive)), Err)
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
