//! Macros over lists: bounded in length, and counted as work.

use super::EvalError;
use super::eval::{Answer, Local, Locals, World};
use super::node::{Macro, MacroKind, Node};
use super::operators::wrong;
use super::value::Val;

/// Most items of a list that a macro goes through.
const LONGEST_LIST: usize = 10_000;

/// The list that a macro goes through.
pub(super) struct Over<'v> {
    list: Val<'v>,
    pub count: usize,
}

impl<'v> Over<'v> {
    pub fn of(body: &'v Macro, world: &World<'v>, locals: Locals<'_, 'v>) -> Result<Over<'v>, EvalError> {
        let name = body.kind.name();
        let over = body.over.eval(world, locals)?;
        let list = match over.entries() {
            // Over a map, macros go through its keys.
            Some(entries) => Val::List(entries.into_iter().map(|(key, _)| key).collect::<Vec<_>>().into()),
            None => over,
        };
        let count = list.list_len().ok_or_else(|| wrong(name, &[&list]))?;
        if count > LONGEST_LIST {
            return Err(EvalError::BadValue {
                operation: name,
                problem: "the list has more than 10000 items",
            });
        }
        Ok(Over { list, count })
    }

    /// The variable of the macro for an item.
    pub fn local<'l>(&self, at: usize, outer: Locals<'l, 'v>) -> Local<'l, 'v> {
        Local { value: self.list.item(at).unwrap_or(Val::Null), outer }
    }
}

impl Macro {
    pub fn value<'v>(&'v self, world: &World<'v>, locals: Locals<'_, 'v>) -> Answer<'v> {
        let name = self.kind.name();
        let over = Over::of(self, world, locals)?;
        let count = over.count;
        let locals_of = |at: usize| over.local(at, locals);
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
