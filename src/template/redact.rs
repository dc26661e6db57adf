//! A text as it may stand in a log or a message.
//!
//! Only what cannot be about a person is shown: the id of the request (or its digest), its kind, the
//! status of steps, and of a failure its reason, its code and its step. Everything else, whole blocks
//! included, is `‹redacted›`.

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
        Form::Redacted(form) => shown(form, scope),
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
        ["failure", "reason" | "code"] => value("failure").and_then(word),
        ["failure", "step"] => value("failure").and_then(step),
        _ => None,
    }
}

/// The path of a step: `mail[2].track`.
fn step(value: &Value) -> Option<String> {
    let path = value.as_str()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-[].#".contains(&byte);
    (!path.is_empty() && path.bytes().all(fits)).then(|| path.to_owned())
}

fn word(value: &Value) -> Option<String> {
    let word = value.as_str()?;
    let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    plain.then(|| word.to_owned())
}
