//! What an expression comes to whatever the data, where some of what it reads never changes.
//!
//! Only what is certain is said. An `&&` with a side that is false is never true, though its other side may fail:
//! whoever asks wants to know what can never be.

use serde_json::Value;

use super::node::{Literal, Node, Operator, Path, Root};

/// The value, where it is certain; `of_path` says what always stands at a path of the scope.
pub(super) fn value_of(node: &Node, of_path: &dyn Fn(&[&str]) -> Option<Value>) -> Option<Value> {
    let known = |node: &Node| value_of(node, of_path);
    let is = |node: &Node| known(node).and_then(|value| value.as_bool());
    match node {
        Node::Literal(literal) => of_literal(literal),
        Node::Path(Path { root: Root::Scope(root), steps }) => {
            let steps = steps.iter().map(|step| step.name.as_str());
            let path: Vec<&str> = std::iter::once(root.as_str()).chain(steps).collect();
            of_path(&path)
        }
        Node::And(left, right) => match (is(left), is(right)) {
            (Some(false), _) | (_, Some(false)) => Some(Value::Bool(false)),
            (Some(true), Some(true)) => Some(Value::Bool(true)),
            (None, _) | (_, None) => None,
        },
        Node::Or(left, right) => match (is(left), is(right)) {
            (Some(true), _) | (_, Some(true)) => Some(Value::Bool(true)),
            (Some(false), Some(false)) => Some(Value::Bool(false)),
            (None, _) | (_, None) => None,
        },
        Node::Not(inner) => is(inner).map(|holds| Value::Bool(!holds)),
        Node::If(parts) => {
            let [test, then, otherwise] = &**parts;
            known(if is(test)? { then } else { otherwise })
        }
        Node::Operator(operator @ (Operator::Equal | Operator::NotEqual), sides) => {
            let [left, right] = &**sides;
            let (left, right) = (known(left)?, known(right)?);
            // Numbers are equal across their types, and that is for evaluation to say.
            let is_plain = |value: &Value| value.is_boolean() || value.is_string();
            let are_plain = is_plain(&left) && is_plain(&right);
            are_plain.then(|| Value::Bool((left == right) == (*operator == Operator::Equal)))
        }
        _ => None,
    }
}

fn of_literal(literal: &Literal) -> Option<Value> {
    match literal {
        Literal::Null => Some(Value::Null),
        Literal::Bool(holds) => Some(Value::Bool(*holds)),
        Literal::String(text) => Some(Value::String(text.clone())),
        Literal::Int(_) | Literal::Uint(_) | Literal::Double(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Condition;

    fn is_never(text: &str) -> bool {
        let of_path = |path: &[&str]| -> Option<Value> {
            match path {
                ["vars", "off"] => Some(json!(false)),
                ["vars", "on"] => Some(json!(true)),
                ["vars", "mode"] => Some(json!("report")),
                _ => None,
            }
        };
        Condition::compile(text).unwrap().is_never(&of_path)
    }

    #[test]
    fn what_a_switch_keeps_off_is_never_so_whatever_the_data() {
        for text in [
            "false",
            "vars.off",
            "vars.off && size(vars.addresses) > 0",
            "size(vars.addresses) > 0 && vars.off",
            "!vars.on",
            "vars.off || !vars.on",
            "vars.mode == 'erase'",
            "vars.mode != 'report' && fields.a",
            "vars.on ? vars.off : true",
        ] {
            assert!(is_never(text), "{text}");
        }
    }

    #[test]
    fn what_the_data_decides_may_be_so() {
        for text in [
            "true",
            "vars.on",
            "vars.on && fields.a",
            "vars.off || fields.a",
            "has(vars.other)",
            "vars.other",
            "!vars.off",
            "vars.mode == fields.a",
            "fields.a ? vars.off : vars.off",
            "1 == 2",
        ] {
            assert!(!is_never(text), "{text}");
        }
    }
}
