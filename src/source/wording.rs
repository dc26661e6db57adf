//! What a YAML parser says, in words for somebody who did not mean to learn YAML's grammar.
//!
//! Only texts that we have seen are reworded; any other is passed on as it is. The place is the
//! parser's: it is where reading became impossible, which may be a line after the slip.

use super::events::MOST_LEVELS;
use super::{Mistake, Span};

/// A part of what the parser says, what it means, and the way out; the first that fits.
const REWORDED: [(&str, &str, &str); 10] = [
    (
        "mapping values are not allowed",
        "a `:` that cannot stand here",
        "quote the value if it holds `: `, or check the indentation",
    ),
    ("tabs disallowed", "a tab in the indentation", "indent with spaces"),
    ("unknown anchor", "an alias of an anchor that does not exist", "quote the value if it begins with `*`"),
    ("unexpected character", "a value cannot begin with this character", "quote the value"),
    (
        "escape",
        "a `\\` that escapes nothing, in a string in double quotes",
        "write `\\\\` for the character itself, or use single quotes",
    ),
    ("trailing content", "more text after the closing quote", "put all of the value between the quotes"),
    ("quoted scalar", "a quote that is not closed in its place", "close it, and indent lines that go on"),
    (
        "simple key expect ':'",
        "a key with `:` was expected here",
        "check the indentation and the line before",
    ),
    (
        "did not find expected key",
        "a key with `:` was expected here",
        "check the indentation and the line before",
    ),
    ("expected '-'", "another `-` item was expected here", "check the indentation"),
];

/// The mistake of a text that the parser gave up on at `byte`.
pub(super) fn refused(text: &str, info: &str, byte: usize) -> Mistake {
    let at =
        byte..text.get(byte..).and_then(|rest| rest.chars().next()).map_or(byte, |c| byte + c.len_utf8());
    if let Some(template) = unquoted_template(text, byte) {
        return template;
    }
    if info.contains("recursion limit") {
        return too_deep(&at, MOST_LEVELS);
    }
    match REWORDED.iter().find(|(said, ..)| info.contains(said)) {
        Some((_, message, help)) => Mistake::error("bad_yaml", at, *message).help(*help),
        None => Mistake::error("bad_yaml", at, format!("not YAML: {info}")),
    }
}

/// A value that begins with `{{` without quotes, on the line where the parser gave up or just
/// before it: to YAML it is a map, and what follows makes no sense to it.
fn unquoted_template(text: &str, byte: usize) -> Option<Mistake> {
    let before = text.get(..byte)?.trim_end();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text.get(line_start..)?.find('\n').map_or(text.len(), |newline| line_start + newline);
    let line = text.get(line_start..line_end)?;
    let start = line.match_indices("{{").map(|(found, _)| found).find(|found| {
        let before = line.get(..*found).unwrap_or_default().trim_end();
        let is_open = |quote: char| before.matches(quote).count() % 2 == 1;
        before.ends_with([':', '-', '[', ',']) && !before.contains(" #") && !is_open('"') && !is_open('\'')
    })?;
    Some(unquoted(line_start + start..line_start + line.trim_end().len()))
}

/// The mistake of a template without quotes.
pub(super) fn unquoted(at: Span) -> Mistake {
    Mistake::error("unquoted_template", at, "a template without quotes is a map to YAML")
        .label("quote it")
        .help("write `\"{{ … }}\"`, with the quotes")
}

/// The mistake of one level of lists and maps too many.
pub(super) fn too_deep(at: &Span, most: usize) -> Mistake {
    Mistake::error("too_deep", at.clone(), format!("more than {most} levels of lists and maps"))
        .label("one level too deep")
}
