//! One string of a workflow.
//!
//! A text that is exactly one `{{ expression }}` keeps the JSON type of its value; any other text with
//! an expression in it is a string. What data holds is never read as a template.

use std::borrow::Cow;

use handlebars::{Template, TemplateErrorReason as Reason};
use serde_json::Value;

use super::compile::Compiler;
use super::expression::{Base, Expression, World};
use super::text::{self, Output, Part, Sink};
use super::{Extra, Name, RenderError, Scope, limits, places, redact};
use crate::source::{Mistake, Span};

/// One string of a workflow: a literal, one expression, or text with expressions in it.
#[derive(Debug, Clone)]
pub struct Leaf {
    form: Form,
    names: Vec<Name>,
}

#[derive(Debug, Clone)]
pub(super) enum Form {
    Literal(String),
    Expression(Expression),
    Text(Vec<Part>),
    /// Never more of a person than a log line shows.
    Redacted(Box<Form>),
}

/// Members of a subject that are strings in every record (design section 4).
const SUBJECT_TEXTS: [&str; 8] =
    ["external_id", "braze_id", "email", "phone", "first_name", "last_name", "country", "language"];

impl Leaf {
    /// Compiles a text; mistakes are placed in bytes of the text.
    pub fn compile(text: &str) -> Result<Leaf, Vec<Mistake>> {
        limits::check(text).map_err(|mistake| vec![mistake])?;
        if !text.contains("{{") {
            return Ok(Leaf { form: Form::Literal(text.to_owned()), names: Vec::new() });
        }
        let template = Template::compile(text).map_err(|error| vec![reworded(text, &error)])?;
        let mut compiler = Compiler::of(text);
        let mut parts = compiler.parts(&template);
        if !compiler.mistakes.is_empty() {
            return Err(compiler.mistakes);
        }
        let form = match (template.elements.len(), parts.pop()) {
            (_, None) => Form::Literal(String::new()),
            (1, Some(Part::Expression(expression))) => Form::Expression(expression),
            (_, Some(Part::Text(text))) if parts.is_empty() => Form::Literal(text),
            (_, Some(last)) => {
                parts.push(last);
                Form::Text(parts)
            }
        };
        Ok(Leaf { form, names: compiler.names })
    }

    /// The text, if no expression stands in it.
    pub fn literal(&self) -> Option<&str> {
        match &self.form {
            Form::Literal(text) => Some(text),
            Form::Expression(_) | Form::Text(_) | Form::Redacted(_) => None,
        }
    }

    /// Whether it can come to nothing but a string: text around an expression, or a member of the
    /// subject that records give as a string only.
    pub fn is_text(&self) -> bool {
        match &self.form {
            Form::Literal(_) | Form::Text(_) | Form::Redacted(_) => true,
            Form::Expression(Expression::Path(path)) if path.base == Base::Scope => {
                let [subject, member] = path.segments.as_slice() else { return false };
                subject.name == "subject" && SUBJECT_TEXTS.contains(&member.name.as_str())
            }
            Form::Expression(_) => false,
        }
    }

    /// Whether it is one expression that comes to the same however often it is asked.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(&self.form, Form::Expression(expression) if !expression.makes_anew())
    }

    /// The value for one record where it stands, or made of it; `None` when `optional` leaves the key out.
    pub(crate) fn find<'v>(
        &'v self,
        scope: &'v Scope,
        extra: &'v Extra,
    ) -> Result<Option<Cow<'v, Value>>, RenderError> {
        match &self.form {
            Form::Expression(expression) => expression.value(World { scope, extra, block: None }),
            Form::Literal(_) | Form::Text(_) | Form::Redacted(_) => {
                Ok(self.render(scope, extra)?.map(Cow::Owned))
            }
        }
    }

    /// Every path that the text reads, in the order of the text.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// The value for one record; `None` when `optional` leaves the key out.
    pub fn render(&self, scope: &Scope, extra: &Extra) -> Result<Option<Value>, RenderError> {
        let world = World { scope, extra, block: None };
        match &self.form {
            Form::Literal(text) => Ok(Some(Value::String(text.clone()))),
            Form::Expression(expression) => Ok(expression.value(world)?.map(Cow::into_owned)),
            Form::Text(parts) => {
                let mut text = String::new();
                let whole = text::write(parts, world, &mut Output::new(&mut text))?;
                Ok(whole.then_some(Value::String(text)))
            }
            Form::Redacted(form) => Ok(Some(Value::String(redact::shown(form, scope)))),
        }
    }

    /// The same as JSON text, appended to `out`; `false` when the key is left out. What was appended
    /// before an error or `false` is the caller's to take back.
    pub(super) fn write(&self, scope: &Scope, extra: &Extra, out: &mut Vec<u8>) -> Result<bool, RenderError> {
        let world = World { scope, extra, block: None };
        match &self.form {
            Form::Literal(text) => {
                json_string(out, |sink| sink.push(text));
                Ok(true)
            }
            Form::Expression(expression) => match expression.value(world)? {
                Some(value) => {
                    json_value(out, &value);
                    Ok(true)
                }
                None => Ok(false),
            },
            Form::Text(parts) => json_string(out, |sink| text::write(parts, world, &mut Output::new(sink))),
            Form::Redacted(form) => {
                json_string(out, |sink| sink.push(&redact::shown(form, scope)));
                Ok(true)
            }
        }
    }

    /// The same text, which from now on is rendered as [`Leaf::redacted`] shows it: for what people read
    /// outside, such as comments.
    #[must_use]
    pub(super) fn redacting(self) -> Leaf {
        match self.form {
            Form::Literal(_) | Form::Redacted(_) => self,
            form => Leaf { form: Form::Redacted(Box::new(form)), names: self.names },
        }
    }

    /// The text for logs and messages: request id, kind, reason and step status are shown, every
    /// other expression is `‹redacted›`.
    pub fn redacted(&self, scope: &Scope) -> String {
        redact::shown(&self.form, scope)
    }
}

/// Appends a value as JSON.
pub(super) fn json_value(out: &mut Vec<u8>, value: &Value) {
    if let Value::String(text) = value {
        return json_string(out, |sink| sink.push(text));
    }
    // Writing a `Value` into memory cannot fail: its keys are strings.
    serde_json::to_writer(&mut *out, value).unwrap_or_default();
}

/// Appends a JSON string whose content `write` pushes.
pub(super) fn json_string<T>(out: &mut Vec<u8>, write: impl FnOnce(&mut Escaped<'_>) -> T) -> T {
    out.push(b'"');
    let written = write(&mut Escaped(out));
    out.push(b'"');
    written
}

/// The inside of a JSON string.
pub(super) struct Escaped<'o>(&'o mut Vec<u8>);

impl Sink for Escaped<'_> {
    fn push(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')) {
            let (plain, special) = rest.split_at(at);
            self.0.extend_from_slice(plain);
            let Some((special, after)) = special.split_first() else { return };
            match special {
                b'"' => self.0.extend_from_slice(b"\\\""),
                b'\\' => self.0.extend_from_slice(b"\\\\"),
                b'\n' => self.0.extend_from_slice(b"\\n"),
                b'\r' => self.0.extend_from_slice(b"\\r"),
                b'\t' => self.0.extend_from_slice(b"\\t"),
                control => self.0.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
            }
            rest = after;
        }
        self.0.extend_from_slice(rest);
    }
}

/// What the parser found, in words of this language.
fn reworded(text: &str, error: &handlebars::TemplateError) -> Mistake {
    let at = error.pos().map_or(0, |(line, column)| places::offset(text, line, column));
    let at = tag_around(text, at);
    let shown = text.get(at.clone()).unwrap_or_default();
    let (message, help) = match error.reason() {
        Reason::MismatchingClosedHelper(open, close) => {
            let name = |raw: &str| raw.trim_matches('"').to_owned();
            (format!("`{{{{#{}}}}}` is closed by `{{{{/{}}}}}`", name(open), name(close)), None)
        }
        Reason::InvalidParam(_) => {
            ("a value in this expression is neither a literal nor a path".to_owned(), None)
        }
        _ if !shown.ends_with("}}") => {
            ("`{{` is never closed".to_owned(), Some("write `\\{{` where braces are meant as text"))
        }
        _ if shown.trim_matches(['{', '}', '~', ' ']).is_empty() => (
            "nothing stands between these braces".to_owned(),
            Some("name a value, such as `{{ subject.email }}`"),
        ),
        _ if shown.starts_with("{{#") || text.contains("{{#") && !shown.starts_with("{{/") => (
            "this block is never closed, or an expression in it cannot be read".to_owned(),
            Some("every `{{#name …}}` needs its `{{/name}}`"),
        ),
        _ => (
            "this expression cannot be read".to_owned(),
            Some(
                "it is a path, such as `subject.email`, or a helper and its values, such as `lower subject.email`",
            ),
        ),
    };
    let mistake = Mistake::error("bad_template", at, message);
    match help {
        Some(help) => mistake.help(help),
        None => mistake,
    }
}

/// From the braces that open at or before a place up to those that close them.
fn tag_around(text: &str, at: usize) -> Span {
    let opens = |at: usize| text.get(at..).is_some_and(|rest| rest.starts_with("{{"));
    let start = if opens(at) { Some(at) } else { text.get(..at).and_then(|before| before.rfind("{{")) };
    let start = start.unwrap_or(at);
    let rest = text.get(start..).unwrap_or_default();
    let next = rest.get(2..).and_then(|inner| inner.find("{{")).map_or(rest.len(), |next| next + 2);
    let end = rest.find("}}").map(|end| end + 2).filter(|end| *end <= next + 2);
    start..start + end.unwrap_or(rest.len())
}
