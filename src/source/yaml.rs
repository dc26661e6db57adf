//! A YAML text as a located tree, read by two readers that must agree.
//!
//! The first gives structure and places (`events`), the second what scalars mean (`meaning`). Where
//! they disagree the file is refused: a workflow that two programs read differently is not one to
//! erase people with. Caps hold before either builds anything large.

use super::events::{self, Kind, Shape};
use super::meaning::{self, Meaning};
use super::node::{Content, Entry, Node};
use super::{MOST_MISTAKES, Mistake, Span, Style, line_of, wording};

/// Largest text, in bytes. The largest table of purposes we know of is a tenth of it.
const MOST_BYTES: usize = 1 << 20;

/// Reads a text. The node is [`Content::Broken`] if nothing of it could be read.
pub fn read(text: &str) -> (Node, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let node = node_of(text, &mut mistakes);
    (node.unwrap_or(Node { at: 0..0, content: Content::Broken }), mistakes)
}

fn node_of(text: &str, mistakes: &mut Vec<Mistake>) -> Option<Node> {
    if text.len() > MOST_BYTES {
        mistakes.push(Mistake::error("too_long", 0..0, "the file is larger than 1 MB"));
        return None;
    }
    // The two readers disagree about where a bare NUL ends the text.
    if let Some(nul) = text.find('\0') {
        mistakes.push(Mistake::error("bad_yaml", nul..nul + 1, "a NUL character, which YAML does not allow"));
        return None;
    }
    let shape = events::read(text, mistakes);
    if !mistakes.is_empty() && shape.is_none() {
        return None;
    }
    let Some(shape) = shape else { return Some(Node { at: 0..0, content: Content::Null }) };
    match meaning::read(text) {
        Ok(meaning) => Some(join(&shape, meaning, text, mistakes)),
        Err(error) => {
            mistakes.push(refused(text, &error));
            None
        }
    }
}

fn refused(text: &str, error: &serde_yaml::Error) -> Mistake {
    let at = error.location().map_or(0..0, |location| place(text, location.line(), location.column()));
    let said = error.to_string();
    // The place is shown by the caret; the reader's own "at line 2 column 4" would say it twice.
    let said = said.split(" at line ").next().unwrap_or_default();
    Mistake::error("bad_yaml", at, format!("not YAML: {said}"))
}

/// The character at a line and column, both from 1.
fn place(text: &str, line: usize, column: usize) -> Span {
    let start = match line.checked_sub(2) {
        None => 0,
        Some(breaks) => text.match_indices('\n').nth(breaks).map_or(text.len(), |(found, _)| found + 1),
    };
    let rest = text.get(start..).unwrap_or_default();
    match rest.char_indices().nth(column.saturating_sub(1)) {
        Some((offset, found)) => start + offset..start + offset + found.len_utf8(),
        None => text.len()..text.len(),
    }
}

/// Lays what scalars mean over where they stand.
fn join(shape: &Shape, meaning: Meaning, text: &str, mistakes: &mut Vec<Mistake>) -> Node {
    let at = shape.at.clone();
    let content = match (&shape.kind, meaning) {
        (Kind::Scalar(..), Meaning::Null) => Content::Null,
        (Kind::Scalar(..), Meaning::Bool(value)) => Content::Bool(value),
        (Kind::Scalar(..), Meaning::Number(value)) => Content::Number(value),
        (Kind::Scalar(..), Meaning::Unfit) => {
            mistakes.push(
                Mistake::error("bad_value", at.clone(), "a number that JSON cannot carry exactly")
                    .help("quote it"),
            );
            Content::Broken
        }
        (Kind::Scalar(written, style), Meaning::Text(value)) if *written == value => {
            Content::Text(value, *style)
        }
        (Kind::List(shapes), Meaning::List(items)) if shapes.len() == items.len() => Content::List(
            shapes.iter().zip(items).map(|(shape, item)| join(shape, item, text, mistakes)).collect(),
        ),
        (Kind::Map(shapes), Meaning::Map(entries)) if shapes.len() == entries.len() => {
            match entries.first() {
                // `{{ name }}` is a map whose only key is a map.
                Some((Meaning::Map(_), _)) if text.get(at.clone()).is_some_and(|t| t.starts_with("{{")) => {
                    mistakes.push(wording::unquoted(at.clone()));
                    Content::Broken
                }
                _ => map(shapes, entries, text, mistakes),
            }
        }
        (_, Meaning::Tagged) => Content::Broken,
        _ => {
            mistakes.push(
                Mistake::error("bad_yaml", at.clone(), "YAML that two readers understand differently")
                    .help("write it more plainly: quote strings, one key a line"),
            );
            Content::Broken
        }
    };
    Node { at, content }
}

fn map(
    shapes: &[(std::rc::Rc<Shape>, std::rc::Rc<Shape>)],
    entries: Vec<(Meaning, Meaning)>,
    text: &str,
    mistakes: &mut Vec<Mistake>,
) -> Content {
    let mut map: Vec<Entry> = Vec::with_capacity(entries.len());
    let mut seen: std::collections::HashMap<String, Span> = std::collections::HashMap::new();
    for ((key_shape, shape), (key, value)) in shapes.iter().zip(entries) {
        let key_node = join(key_shape, key, text, mistakes);
        let value = join(shape, value, text, mistakes);
        let Some(key) = key_of(&key_node, mistakes) else { continue };
        if let Some(first) = seen.get(&key) {
            if mistakes.len() >= MOST_MISTAKES {
                continue;
            }
            let line = line_of(text, first.start);
            mistakes.push(
                Mistake::error(
                    "duplicate_key",
                    key_node.at,
                    format!("the key `{key}` stands twice in one map"),
                )
                .label("a second time")
                .help(format!("the first one is on line {line}; keep one of them")),
            );
            continue;
        }
        seen.insert(key.clone(), key_node.at.clone());
        map.push(Entry { key, key_at: key_node.at, value });
    }
    Content::Map(map)
}

fn key_of(node: &Node, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let mistake = match &node.content {
        Content::Text(key, Style::Plain) if key == "<<" => {
            Mistake::error("bad_yaml", node.at.clone(), "merge keys are not part of YAML 1.2")
                .help("write the keys out, or use an alias for a whole value")
        }
        Content::Text(key, _) => return Some(key.clone()),
        Content::Broken => return None,
        _ if mistakes.len() >= MOST_MISTAKES => return None,
        _ => Mistake::error("wrong_type", node.at.clone(), "a key must be a string")
            .label(format!("this is {}", node.shape()))
            .help("quote it"),
    };
    mistakes.push(mistake);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        read(text).1.iter().map(|mistake| mistake.code).collect()
    }

    /// What stands in the file at the node under `key`.
    fn written<'t>(text: &'t str, key: &str) -> &'t str {
        let (root, mistakes) = read(text);
        assert_eq!(mistakes, []);
        &text[root.get(key).unwrap().at.clone()]
    }

    #[test]
    fn scalars_mean_what_yaml_1_2_says() {
        let text = "on: yes\noff: NO\nid: 0755\nbig: 18446744073709551615\nx: ~\ny: true\nz: 1.5\n";
        let (root, mistakes) = read(text);

        assert_eq!(mistakes, []);
        assert_eq!(
            root.to_json(),
            serde_json::json!({"on": "yes", "off": "NO", "id": "0755", "big": u64::MAX, "x": null, "y": true, "z": 1.5})
        );
    }

    #[test]
    fn places_are_bytes_of_the_node_and_nothing_around_it() {
        let text = "\u{feff}é: 'ü'  # c\nlist:\n  - a\n  - b\n\n# c\nflow: { a: [1] } \nanchored: &x !!str \"q\" # c\n";

        assert_eq!(written(text, "é"), "'ü'");
        assert_eq!(written(text, "list"), "- a\n  - b");
        assert_eq!(written(text, "flow"), "{ a: [1] }");
        assert_eq!(written(text, "anchored"), "\"q\"");
    }

    #[test]
    fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
        let (root, mistakes) = read("\u{feff}a: 1\r\nb:\r\n  - x\r\n");

        assert_eq!(mistakes, []);
        assert_eq!(root.to_json(), serde_json::json!({"a": 1, "b": ["x"]}));
    }

    #[test]
    fn all_duplicate_keys_are_told_and_the_first_value_stands() {
        let (root, mistakes) = read("a: 1\na: 2\nb: { c: 1, c: 2, c: 3 }\n");

        assert_eq!(mistakes.len(), 3);
        assert_eq!(root.to_json(), serde_json::json!({"a": 1, "b": {"c": 1}}));
    }

    #[test]
    fn a_number_that_json_cannot_carry_is_told() {
        assert_eq!(codes("a: 184467440737095516150\n"), ["bad_value"]);
        assert_eq!(codes("a: .inf\n"), ["bad_value"]);
    }

    #[test]
    fn a_bomb_of_aliases_is_refused_before_anything_is_expanded() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..=9 {
            let inner = vec![format!("*a{}", level - 1); 9].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
        }

        assert_eq!(codes(&bomb), ["alias_bomb"]);
        assert_eq!(codes("a: &a { b: *a }\n"), ["alias_bomb"]);
    }

    #[test]
    fn deep_lists_of_thousands_are_refused_at_the_cap() {
        assert_eq!(codes(&"[".repeat(100_000)), ["too_deep"]);
        assert_eq!(codes(&"- ".repeat(3_000)), ["too_deep"]);
    }
}
