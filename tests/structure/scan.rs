//! Reads Rust text just well enough to tell which modules it uses.
//!
//! It is no parser: comments and literals are blanked first, so that what is left can be cut into
//! words. What it cannot follow it must report as a use, never drop: a rule with holes is no rule.

use std::path::Path;

/// One file of a module.
pub struct Source {
    /// The module of `src/lib.rs` that it belongs to.
    pub module: String,
    /// In the order of the file.
    pub uses: Vec<Use>,
}

/// One place that names a module by `crate::` or `super::`.
pub struct Use {
    /// The module of `src/lib.rs` that is named.
    pub module: String,
    /// File and line.
    pub at: String,
}

impl Source {
    /// `None` for `lib.rs` and `main.rs`, which stand above all rows, and for files of tests.
    pub fn read(path: &Path, text: &str) -> Option<Source> {
        if is_of_tests(path) {
            return None;
        }
        let mut parts: Vec<String> =
            path.with_extension("").iter().skip(1).map(|part| part.to_string_lossy().into_owned()).collect();
        if parts == ["lib"] || parts == ["main"] {
            return None;
        }
        if parts.last().is_some_and(|last| last == "mod") {
            parts.pop();
        }
        let module = parts[0].clone();
        let code = product_code(text);
        let uses = uses(&code, parts.len())
            .into_iter()
            .map(|(module, line)| Use { module, at: format!("{}:{line}", path.display()) })
            .collect();
        Some(Source { module, uses })
    }
}

/// Whether a file holds nothing but tests: `tests.rs`, `tests/…`, `reply_tests.rs`.
pub fn is_of_tests(path: &Path) -> bool {
    path.with_extension("").iter().any(|part| {
        let part = part.to_string_lossy();
        part == "tests" || part.ends_with("_tests")
    })
}

/// The keyword of each item that stands at the left edge of a code, `mod`, `use` and `impl` aside.
pub fn items(code: &str) -> Vec<String> {
    let is_item = |word: &&str| {
        ["struct", "enum", "trait", "type", "const", "static", "fn", "macro_rules!"].contains(word)
    };
    let lines = code.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()));
    // `const fn` and `pub(super) struct` are items once: the first keyword names them.
    lines
        .filter(|line| !line.starts_with("impl"))
        .filter_map(|line| line.split_whitespace().take(3).find(is_item))
        .map(str::to_owned)
        .collect()
}

/// The text without comments, literals and items under `#[cfg(test)]`; lines stay where they are.
pub fn product_code(text: &str) -> String {
    let mut code = blank_literals(text);
    while let Some(start) = code.find("#[cfg(test)]") {
        let end = end_of_item(&code[start + 1..]).map_or(code.len(), |length| start + 1 + length);
        let blank: String = code[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        code.replace_range(start..end, &blank);
    }
    code
}

/// Bytes up to and with the `;` or the closing brace of the next item.
fn end_of_item(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            ';' if depth == 0 => return Some(at + 1),
            '{' => depth += 1,
            '}' if depth <= 1 => return Some(at + 1),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn blank_literals(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let mut was_word = false;
    while at < bytes.len() {
        let length = if was_word { 0 } else { raw_string(&bytes[at..]) };
        let length = if length > 0 { length } else { literal(&bytes[at..]) };
        if length == 0 {
            was_word = bytes[at].is_alphanumeric() || bytes[at] == '_';
            out.push(bytes[at]);
            at += 1;
        } else {
            was_word = false;
            out.extend(bytes[at..at + length].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at += length;
        }
    }
    out
}

/// Length of the comment, string or character that starts here, else 0.
fn literal(text: &[char]) -> usize {
    match text {
        ['/', '/', ..] => text.iter().take_while(|c| **c != '\n').count(),
        ['/', '*', ..] => {
            let (mut depth, mut at) = (0, 0);
            while at < text.len() {
                match text[at..] {
                    ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
                    ['*', '/', ..] if depth == 1 => return at + 2,
                    ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
                    _ => at += 1,
                }
            }
            text.len()
        }
        ['"', ..] => quoted(text, '"'),
        ['\'', '\\', ..] => quoted(text, '\''),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

fn quoted(text: &[char], mark: char) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != mark {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// Length of `r"…"`, `r#"…"#` and the same with `b` or `c` before it, else 0.
fn raw_string(text: &[char]) -> usize {
    let prefix = usize::from(matches!(text.first(), Some('b' | 'c')));
    if text.get(prefix) != Some(&'r') {
        return 0;
    }
    let hashes = text[prefix + 1..].iter().take_while(|c| **c == '#').count();
    let open = prefix + 1 + hashes;
    if text.get(open) != Some(&'"') {
        return 0;
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = &text[open + 1..];
    let end = body.windows(close.len()).position(|window| window == close);
    end.map_or(text.len(), |end| open + 1 + end + close.len())
}

/// Modules named by `crate::` and `super::`, with their lines; `depth` is how deep the file's own
/// module lies below the crate.
fn uses(code: &str, depth: usize) -> Vec<(String, usize)> {
    let words = words(code);
    let word = |at: usize| words.get(at).map_or("", |(word, _)| word.as_str());
    let mut found = Vec::new();
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match word(at) {
            "{" => braces.push(at >= 2 && word(at - 2) == "mod"),
            "}" => drop(braces.pop()),
            "crate" if word(at + 1) == "::" => found.extend(named(&words, at + 2)),
            "super" if at == 0 || word(at - 1) != "::" => {
                let mut supers = 1;
                while word(at + 1) == "::" && word(at + 2) == "super" {
                    (supers, at) = (supers + 1, at + 2);
                }
                let own = depth + braces.iter().filter(|is_module| **is_module).count();
                if supers == own {
                    found.extend(named(&words, at + 2));
                } else if supers > own {
                    found.push(("super".to_owned(), words[at].1));
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The first segments that stand here: one, or those of a `{a, b::c}` group.
fn named(words: &[(String, usize)], at: usize) -> Vec<(String, usize)> {
    let Some(first) = words.get(at) else { return Vec::new() };
    if first.0 != "{" {
        return vec![first.clone()];
    }
    let mut found = Vec::new();
    let mut depth = 0;
    for (index, word) in words.iter().enumerate().skip(at) {
        match word.0.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," => {}
            _ if depth == 1 && ["{", ","].contains(&words[index - 1].0.as_str()) => found.push(word.clone()),
            _ => {}
        }
    }
    found
}

/// Names, `::` and single marks, each with its line.
fn words(code: &str) -> Vec<(String, usize)> {
    let mut words: Vec<(String, usize)> = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let name: usize =
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
            let length = match (name, rest.starts_with("::")) {
                (0, true) => 2,
                (0, false) => first.len_utf8(),
                (name, _) => name,
            };
            words.push((rest[..length].to_owned(), line + 1));
            rest = rest[length..].trim_start();
        }
    }
    words
}

#[test]
fn uses_are_found_in_every_form_and_not_in_comments_strings_or_tests() {
    let text = r##"//! crate::a
use crate::{b, c::{d, e}, f as g};
fn h(c: char) -> crate::i::J { super::super::k::l(); let _ = ("crate::m", r#"crate::n"#, '"', 'x'); }
mod inner { use super::super::o; }
/* crate::p */ #[cfg(test)]
mod tests { use crate::q; }
pub(crate) fn r<'a>(x: &'a str) { crate::s!(x) }
"##;
    let of = |path: &str| -> Vec<String> {
        let source = Source::read(Path::new(path), text).expect("is a file of a module");
        source.uses.into_iter().map(|used| used.module).collect()
    };
    assert_eq!(of("src/x/y.rs"), ["b", "c", "f", "i", "k", "s"]);
    assert_eq!(of("src/x/mod.rs"), ["b", "c", "f", "i", "super", "o", "s"]);
}
