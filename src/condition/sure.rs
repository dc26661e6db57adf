//! What an expression surely comes to, told from its text alone.
//!
//! Only what is certain is said: where the data decides, or an optional value may be missing, nothing
//! is. The words are those of the errors of evaluation. What stands at a path of the scope is for the
//! caller to say.

use super::function::Function;
use super::node::{Literal, MacroKind, Node, Operator, Path, Root};

/// The type, as errors call it.
pub(super) fn type_of(
    node: &Node,
    of_path: &dyn Fn(&[&str]) -> Option<&'static str>,
) -> Option<&'static str> {
    let sure = |node: &Node| type_of(node, of_path);
    Some(match node {
        Node::Literal(literal) => of_literal(literal),
        Node::Path(Path { root: Root::Scope(root), steps }) => {
            let steps = steps.iter().map(|step| step.name.as_str());
            let path: Vec<&str> = std::iter::once(root.as_str()).chain(steps).collect();
            return of_path(&path);
        }
        Node::Path(Path { root: Root::Local(..), steps: _ })
        | Node::Select(..)
        | Node::OptionalSelect(..)
        | Node::Index(..)
        | Node::OptionalIndex(..) => return None,
        Node::List(_) => "list",
        Node::Map(_) => "map",
        Node::Has(..)
        | Node::And(..)
        | Node::Or(..)
        | Node::Not(_)
        | Node::InLiterals(..)
        | Node::Matches(..) => "bool",
        Node::Negate(inner) => return sure(inner),
        Node::If(parts) => {
            let [_test, then, otherwise] = &**parts;
            let then = sure(then)?;
            return (sure(otherwise)? == then).then_some(then);
        }
        Node::Operator(operator, sides) => {
            let [left, right] = &**sides;
            return of_operator(*operator, sure(left), sure(right));
        }
        Node::Function(Function::Dyn, inner) => return sure(inner),
        Node::Function(Function::Size, _) => "int",
        Node::Function(function, _) => function.name(),
        Node::Method(method, ..) => return of_method(method.name),
        Node::Macro(found) => match found.kind {
            MacroKind::All(_) | MacroKind::Exists(_) | MacroKind::ExistsOne(_) => "bool",
            MacroKind::Map { .. } => "list",
        },
    })
}

fn of_literal(literal: &Literal) -> &'static str {
    match literal {
        Literal::Null => "null",
        Literal::Bool(_) => "bool",
        Literal::Int(_) => "int",
        Literal::Uint(_) => "uint",
        Literal::Double(_) => "double",
        Literal::String(_) => "string",
    }
}

fn of_operator(
    operator: Operator,
    left: Option<&'static str>,
    right: Option<&'static str>,
) -> Option<&'static str> {
    match operator {
        Operator::Equal
        | Operator::NotEqual
        | Operator::Less
        | Operator::LessOrEqual
        | Operator::Greater
        | Operator::GreaterOrEqual
        | Operator::In => Some("bool"),
        // Both sides of a sum are of one type, but for times and durations.
        Operator::Add => left.or(right),
        Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
            Some(left.or(right).unwrap_or("number"))
        }
    }
}

fn of_method(name: &str) -> Option<&'static str> {
    Some(match name {
        "contains" | "startsWith" | "endsWith" | "matches" | "hasValue" => "bool",
        "lowerAscii" | "upperAscii" | "trim" | "substring" | "replace" | "join" => "string",
        "split" => "list",
        "size" | "indexOf" => "int",
        name if name.starts_with("get") => "int",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Condition;

    fn sure(text: &str) -> Option<&'static str> {
        let of_path = |path: &[&str]| match path {
            ["subject", "email"] => Some("string"),
            _ => None,
        };
        Condition::compile(text).unwrap().sure_type(&of_path)
    }

    #[test]
    fn what_the_text_alone_decides_has_a_type() {
        for (text, expected) in [
            ("subject.email", "string"),
            ("'a' + fields.b", "string"),
            ("1", "int"),
            ("fields.n - fields.m", "number"),
            ("size(fields.list)", "int"),
            ("consents.map(c, c.status)", "list"),
            ("fields.a ? 'x' : 'y'", "string"),
            ("fields.a == 1 || fields.b", "bool"),
            ("fields.a.startsWith('x')", "bool"),
            ("string(fields.a)", "string"),
        ] {
            assert_eq!(sure(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_the_data_decides_has_none() {
        for text in [
            "fields.a",
            "fields.a ? 'x' : true",
            "fields.list[0]",
            "consents.filter(c, true)[0].status",
            "fields.?a.orValue(true)",
            "dyn(fields.a)",
        ] {
            assert_eq!(sure(text), None, "{text}");
        }
    }
}
