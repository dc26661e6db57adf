//! What an expression comes to, made as JSON from the start.
//!
//! `set` mostly makes lists and maps. Made as values of an expression first they would be built twice,
//! so the outermost ones are written as JSON at once; what stands inside is evaluated as ever.

use serde_json::{Map, Value};

use super::EvalError;
use super::eval::{Locals, World, boolean, is_key};
use super::macros::Over;
use super::node::{Macro, MacroKind, Node};
use super::operators::wrong;

impl Node {
    /// The same as [`Node::value`], as JSON.
    pub fn json<'v>(&'v self, world: &World<'v>, locals: Locals<'_, 'v>) -> Result<Value, EvalError> {
        match self {
            Node::Map(entries) => {
                let mut made = Map::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = key.eval(world, locals)?;
                    if !is_key(&key) {
                        return Err(wrong("{}", &[&key]));
                    }
                    let refuse = |problem| EvalError::BadValue { operation: "{}", problem };
                    let name = key.as_str().ok_or(refuse("a key is not a string"))?;
                    if made.contains_key(name) {
                        return Err(refuse("a key stands twice"));
                    }
                    made.insert(name.to_owned(), value.json(world, locals)?);
                }
                Ok(Value::Object(made))
            }
            Node::If(parts) => {
                let [test, then, otherwise] = parts.as_ref();
                let holds = boolean(&test.eval(world, locals)?, "?")?;
                if holds { then.json(world, locals) } else { otherwise.json(world, locals) }
            }
            Node::Macro(body) => match &**body {
                Macro { kind: MacroKind::Map { only, to: Some(to) }, .. } => {
                    list(body, only.as_ref(), to, world, locals)
                }
                _ => self.eval(world, locals)?.into_json(),
            },
            _ => self.eval(world, locals)?.into_json(),
        }
    }
}

fn list<'v>(
    body: &'v Macro,
    only: Option<&'v Node>,
    to: &'v Node,
    world: &World<'v>,
    locals: Locals<'_, 'v>,
) -> Result<Value, EvalError> {
    let name = body.kind.name();
    let over = Over::of(body, world, locals)?;
    // A list that leaves items out mostly keeps one.
    let mut made = Vec::with_capacity(if only.is_some() { 0 } else { over.count });
    for at in 0..over.count {
        world.spend(1)?;
        let local = over.local(at, locals);
        if let Some(only) = only
            && !only.holds(world, Some(&local), name)?
        {
            continue;
        }
        if made.is_empty() {
            made.reserve_exact(1);
        }
        made.push(to.json(world, Some(&local))?);
    }
    Ok(Value::Array(made))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Condition;
    use super::*;
    use crate::template::Scope;

    #[test]
    fn json_is_the_same_made_at_once_or_from_a_value() {
        let data = json!({"vars": {
            "rows": [{"k": "a", "n": 1}, {"k": "b", "n": 2}, {"k": "c"}],
            "table": {"a": "x", "b": "y"},
            "yes": true,
        }});
        let scope = Scope::new(data.as_object().cloned().unwrap());
        for text in [
            "vars.rows.map(row, {'k': row.k, 'in': vars.table.map(key, key == row.k, vars.table[key])})",
            "vars.rows.map(row, has(row.n) && row.k in vars.table, vars.table[row.k])",
            "vars.rows.map(row, row.n)",
            "vars.rows.map(row, false, row)",
            "vars.yes ? vars.rows.filter(row, has(row.n)) : []",
            "{'a': {'b': [1, {'c': null}]}, 'd': size(vars.rows)}",
            "{'a': 1, 'a': 2}",
            "{1: 2}",
            "{[1]: 2}",
            "{'a': vars.?rows}",
            "vars.yes.map(x, x)",
            "vars.rows.map(row, row.k, row)",
            "[vars.rows[2].k + 'd', string(1 + 2)]",
        ] {
            let condition = Condition::compile(text).unwrap();

            let made = condition.value(&scope);

            let from_value =
                condition.root.value(&World::over(&scope)).and_then(super::super::value::Val::into_json);
            assert_eq!(made, from_value, "{text}");
        }
    }
}
