//! A text as it may stand in a log or a message.
//!
//! Only what cannot be about a person is shown: the id of the request (or its digest), its kind, the
//! reason and the status of steps. Everything else, whole blocks included, is `‹redacted›`.

use serde_json::Value;

use super::Scope;
use super::expression::{Base, Expression, Path, Segment};
use super::leaf::Form;
use super::text::Part;
use crate::source::safe_id;

const REDACTED: &str = "‹redacted›";

pub(super) fn shown(form: &Form, scope: &Scope) -> String {
    match form {
        Form::Literal(text) => text.clone(),
        Form::Expression(expression) => shown_value(expression, scope),
        Form::Text(parts) => {
            let has_blocks = parts.iter().any(|part| !matches!(part, Part::Text(_) | Part::Expression(_)));
            if has_blocks {
                return REDACTED.to_owned();
            }
            parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => text.clone(),
                    Part::Expression(expression) => shown_value(expression, scope),
                    Part::Choice(_) | Part::Each(_) | Part::With(_) => REDACTED.to_owned(),
                })
                .collect()
        }
    }
}

fn shown_value(expression: &Expression, scope: &Scope) -> String {
    if let Expression::Path(Path { base: Base::Scope, segments, .. }) = expression
        && let Some(text) = allowed(segments, scope)
    {
        return text;
    }
    REDACTED.to_owned()
}

fn allowed(path: &[Segment], scope: &Scope) -> Option<String> {
    let path: Vec<&str> = path.iter().map(|segment| segment.name.as_str()).collect();
    let value = |first: &str| path.iter().skip(1).try_fold(scope.get(first)?, |value, name| value.get(name));
    match path.as_slice() {
        ["request", "id"] => Some(safe_id(value("request")?.as_str()?).into_owned()),
        // Words of the language, never free text.
        ["request", "kind"] => value("request").and_then(word),
        ["reason"] => value("reason").and_then(word),
        ["steps", _, "status"] => value("steps").and_then(word),
        _ => None,
    }
}

fn word(value: &Value) -> Option<String> {
    let word = value.as_str()?;
    let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    plain.then(|| word.to_owned())
}
