//! From a byte of a scalar's text to the byte of the file it came from.
//!
//! The text is walked beside the file: equal characters advance both, a simple escape or a folded
//! line advances the file further. If the two ever disagree there is no map, and the caller points
//! at the whole scalar: a caret is exact or modest, never wrong.

use std::iter::Peekable;

use super::Span;
use super::node::Style;
use super::text::floor_char_boundary;

/// For every byte of `value`, and one past its end, the byte of `text` it stands at.
pub(super) fn bytes_of(text: &str, at: &Span, value: &str, style: Style) -> Option<Vec<usize>> {
    let whole = text.get(at.clone())?;
    let (inner, start) = match style {
        Style::SingleQuoted => (whole.strip_prefix('\'')?.strip_suffix('\'')?, at.start + 1),
        Style::DoubleQuoted => (whole.strip_prefix('"')?.strip_suffix('"')?, at.start + 1),
        Style::Plain | Style::Literal | Style::Folded => (whole, at.start),
    };
    // Block scalars lose the indentation of their first line, other folded lines all of theirs.
    let indent = match style {
        Style::Literal | Style::Folded => at.start - text.get(..at.start)?.rfind('\n').map_or(0, |n| n + 1),
        Style::Plain | Style::SingleQuoted | Style::DoubleQuoted => usize::MAX,
    };
    let mut file = inner.char_indices().filter(|(_, found)| *found != '\r').peekable();
    let mut bytes = Vec::with_capacity(value.len() + 1);
    let mut end = start;
    for wanted in value.chars() {
        let Some((offset, found)) = file.next() else {
            // A block scalar ends with a line break that the file may leave out.
            if wanted != '\n' {
                return None;
            }
            bytes.push(end);
            continue;
        };
        let fits = match (style, found) {
            (Style::DoubleQuoted, '\\') => escaped(file.next()?.1)? == wanted,
            (Style::SingleQuoted, '\'') => file.next()?.1 == '\'' && wanted == '\'',
            (_, '\n') => {
                skip_indent(&mut file, indent);
                // Folded lines: one break reads as a space, two as one break.
                let folded = !matches!(style, Style::Literal);
                if folded && wanted == '\n' && file.next_if(|(_, next)| *next == '\n').is_some() {
                    skip_indent(&mut file, indent);
                }
                wanted == '\n' || (folded && wanted == ' ')
            }
            _ => found == wanted,
        };
        if !fits {
            return None;
        }
        bytes.extend(std::iter::repeat_n(start + offset, wanted.len_utf8()));
        end = file.peek().map_or(start + inner.len(), |(next, _)| start + next);
    }
    bytes.push(end.min(start + inner.len()));
    Some(bytes)
}

/// The bytes `within` of a scalar as bytes of the file: at least one character, and only up to the
/// end of the line it begins on.
pub(super) fn place(text: &str, at: &Span, bytes: &[usize], within: &Span) -> Span {
    let byte_at = |index: usize| bytes.get(index).or(bytes.last()).copied().unwrap_or(at.start);
    let start = floor_char_boundary(text, byte_at(within.start));
    // The end is that of the last byte, not the start of the next: escapes and folds lie between.
    let end = match within.end.checked_sub(1) {
        Some(last) if last >= within.start => {
            let last = byte_at(last);
            let after = text.get(last..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            (last + after).max(start)
        }
        _ => start,
    };
    let line =
        text.get(start..end).and_then(|part| part.find(['\r', '\n'])).map_or(end, |found| start + found);
    start..line
}

/// What a one-letter escape of a double-quoted scalar means; others have no simple map.
fn escaped(letter: char) -> Option<char> {
    Some(match letter {
        '"' | '\\' | '/' | ' ' => letter,
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        _ => return None,
    })
}

fn skip_indent(file: &mut Peekable<impl Iterator<Item = (usize, char)>>, at_most: usize) {
    let mut skipped = 0;
    while skipped < at_most && file.next_if(|(_, found)| *found == ' ').is_some() {
        skipped += 1;
    }
}

#[cfg(test)]
mod tests {
    use crate::source::{Content, Node, Style, yaml};

    /// The part of the file that `needle` of the scalar under `a` is mapped to.
    fn place_of(text: &str, needle: &str) -> String {
        let (root, mistakes) = yaml::read(text);
        assert_eq!(mistakes, []);
        let node = root.get("a").unwrap();
        let start = node.as_text().unwrap().find(needle).unwrap();
        text[node.place(text, &(start..start + needle.len()))].to_owned()
    }

    #[test]
    fn a_plain_scalar_behind_characters_of_many_bytes_maps_exactly() {
        assert_eq!(place_of("é: 'ü'\na: ñö {{ x }} y\n", "{{ x }}"), "{{ x }}");
    }

    #[test]
    fn quotes_and_simple_escapes_are_looked_through() {
        assert_eq!(place_of("a: 'it''s {{ x }}'\n", "{{ x }}"), "{{ x }}");
        assert_eq!(place_of("a: \"s == \\\"b\\\" && xé\"\n", "xé"), "xé");
    }

    #[test]
    fn block_scalars_map_line_by_line() {
        assert_eq!(place_of("a: |\n  one {{ x }}\n\n    two\n  three\nb: 1\n", "three"), "three");
        assert_eq!(place_of("a: >-\n  one {{ x }}\n  two\nb: 1\n", "two"), "two");
        assert_eq!(place_of("a: one\n  two\n  three\n", "three"), "three");
    }

    #[test]
    fn a_literal_block_that_is_indented_further_inside_maps_exactly() {
        assert_eq!(place_of("a: |\n  one\n      two\n  three\n", "  two"), "  two");
        assert_eq!(place_of("a: |\r\n  one\r\n  three\r\n", "three"), "three");
    }

    #[test]
    fn an_escape_without_a_simple_map_points_at_the_whole_scalar() {
        assert_eq!(place_of("a: \"\\u00e9 {{ x }}\"\n", "{{ x }}"), "\"\\u00e9 {{ x }}\"");
    }

    #[test]
    fn a_place_past_the_text_is_the_end_of_the_text() {
        let node = Node { at: 0..3, content: Content::Text("abc".to_owned(), Style::Plain) };

        assert_eq!(node.place("abc", &(7..9)), 3..3);
    }
}
