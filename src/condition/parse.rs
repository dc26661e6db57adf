//! Reading the text of an expression: size first, then the parser of the `cel` crate.
//!
//! The parser's complaints speak of tokens and grammars; here they become words about what was
//! written. Only the first is told, because the others mostly follow from it.

use cel::IdedExpr;
use cel::common::ast::SourceInfo;
use cel::parser::{ParseError, Parser};

use crate::source::{Mistake, Span};
use crate::template::offset;

/// Longest expression, in bytes: short enough that no chain of operators in it can exhaust the stack
/// of the parser.
const LONGEST: usize = 2 * 1024;
/// Most open brackets.
const DEEPEST: usize = 32;

/// An expression as the parser gives it.
pub(super) struct Parsed {
    pub expression: IdedExpr,
    pub places: SourceInfo,
}

pub(super) fn parse(text: &str) -> Result<Parsed, Mistake> {
    if text.len() > LONGEST {
        let message = format!("this expression is {} bytes long; at most {LONGEST} are allowed", text.len());
        return Err(Mistake::error("condition_too_long", 0..0, message)
            .help("work parts of it out with `set` first, or keep tables in `vars`"));
    }
    if let Some(at) = too_deep(text) {
        let message = format!("more than {DEEPEST} brackets stand inside one another");
        return Err(Mistake::error("condition_too_deep", at..at + 1, message)
            .help("work parts of it out with `set` first"));
    }
    match Parser::new().enable_optional_syntax(true).parse_with_source_info(text) {
        Ok((expression, places)) => Ok(Parsed { expression, places }),
        Err(errors) => {
            let first = errors.errors.first();
            Err(first
                .map_or_else(|| bad(0..text.len(), "this expression cannot be read"), |e| reworded(text, e)))
        }
    }
}

/// A mistake of an expression.
pub(super) fn bad(at: Span, message: impl Into<String>) -> Mistake {
    Mistake::error("bad_condition", at, message)
}

/// Where brackets open too deep. Brackets in strings count as well, which does no harm.
fn too_deep(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > DEEPEST {
            return Some(at);
        }
    }
    None
}

fn reworded(text: &str, error: &ParseError) -> Mistake {
    let line = usize::try_from(error.pos.0).unwrap_or(1);
    let column = usize::try_from(error.pos.1).unwrap_or(1);
    let at = word_at(text, offset(text, line, column));
    let word = text.get(at.clone()).unwrap_or_default();
    let mistake = if text.trim().is_empty() {
        bad(0..text.len(), "the expression is empty")
    } else if let Some(reserved) = error.msg.strip_prefix("reserved identifier: ") {
        bad(at, format!("`{reserved}` is a reserved word")).help("choose another name")
    } else if error.msg.contains("unsupported syntax") {
        bad(at, "this syntax of CEL cannot be used here")
    } else if error.msg.contains("invalid argument to has()") {
        bad(at, "`has` takes a path with a member, such as `has(subject.email)`")
    } else if error.msg.contains("must be a simple name") {
        bad(
            at,
            "the first argument of a list macro is the name of the item, such as `c` in `consents.exists(c, …)`",
        )
    } else if error.msg.contains("literal") && !error.msg.contains("Syntax error") {
        bad(at, "this literal cannot be read")
    } else if word.starts_with(['"', '\'']) {
        bad(at.start..text.len(), "this string is never closed")
    } else if word.is_empty() {
        bad(text.len()..text.len(), "the expression ends too early")
    } else {
        bad(at, format!("`{word}` is not expected here"))
    };
    match advice(text) {
        Some(help) if mistake.help.is_none() => mistake.help(help),
        _ => mistake,
    }
}

/// What people most often mean when an expression cannot be read.
fn advice(text: &str) -> Option<&'static str> {
    let words = || text.split(|character: char| !character.is_alphanumeric() && character != '_');
    let has_word = |word: &str| words().any(|other| other.eq_ignore_ascii_case(word));
    if text.contains("{{") {
        return Some("an expression stands without braces: write `subject.email`, not `{{ subject.email }}`");
    }
    if has_word("and") || has_word("or") || has_word("not") {
        return Some("write `&&` for and, `||` for or, `!` for not");
    }
    let single_equals = text.bytes().enumerate().any(|(at, byte)| {
        let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
        byte == b'='
            && text.as_bytes().get(at + 1) != Some(&b'=')
            && !before.is_some_and(|b| b"=!<>".contains(b))
    });
    single_equals.then_some("compare with `==`")
}

/// The word, string or sign that starts at a byte.
fn word_at(text: &str, at: usize) -> Span {
    let rest = text.get(at..).unwrap_or_default();
    let word = |character: char| character.is_alphanumeric() || character == '_';
    let length = match rest.chars().next() {
        None => 0,
        Some(first) if word(first) => rest.find(|character| !word(character)).unwrap_or(rest.len()),
        Some(first) => first.len_utf8(),
    };
    at..at + length
}
