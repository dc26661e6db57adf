//! Macros over lists: bounded in length, and counted as work.

use super::EvalError;
use super::eval::{Answer, Local, Locals, World};
use super::node::{Macro, MacroKind, Node};
use super::operators::wrong;
use super::value::Val;

/// Most items of a list that a macro goes through.
const LONGEST_LIST: usize = 10_000;

impl Macro {
    pub fn value<'v>(&'v self, world: &World<'v>, locals: Locals<'_, 'v>) -> Answer<'v> {
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
