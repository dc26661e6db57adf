//! A file's name and text, and how a byte of it becomes a line and a column.
//!
//! Everything inside the program counts bytes; lines and columns (both from 1, columns in
//! characters, as editors count them) exist only where a person or a machine is told a place.

use std::ops::Range;

/// Bytes of a text, `start` included, `end` excluded.
pub type Span = Range<usize>;

/// A file as its author wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name to show, usually the path that was given.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A text under the name that messages show.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        Source { name: name.into(), text: text.into() }
    }

    /// Line and column of a byte. A byte past the end stands at the end; a byte inside a character
    /// stands at that character.
    pub fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let byte = floor_char_boundary(&self.text, byte);
        let before = self.text.get(..byte).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column =
            before.get(line_start..).unwrap_or_default().trim_start_matches('\u{feff}').chars().count();
        (line_of(&self.text, byte), column + 1)
    }
}

/// The line of a byte, from 1.
pub fn line_of(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().get(..byte).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The largest character boundary that is not after `byte`.
pub(super) fn floor_char_boundary(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

/// The byte of each character, for readers that count characters.
pub(super) struct Characters {
    /// `None` when the text is ASCII: then the two counts are equal.
    bytes: Option<Vec<usize>>,
    end: usize,
}

impl Characters {
    /// Counts once; every look-up is then constant time.
    pub fn of(text: &str) -> Characters {
        let bytes = (!text.is_ascii()).then(|| text.char_indices().map(|(byte, _)| byte).collect());
        Characters { bytes, end: text.len() }
    }

    /// The byte where a character begins; the end of the text for any character past it.
    pub fn byte_of(&self, character: usize) -> usize {
        match &self.bytes {
            None => character.min(self.end),
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_not_bytes() {
        let source = Source::new("a.yaml", "é: ü\nñö: x\n");
        let x = source.text.find('x').unwrap();

        assert_eq!(source.line_and_column(x), (2, 5));
    }

    #[test]
    fn a_byte_past_the_end_stands_at_the_end() {
        let source = Source::new("a.yaml", "ab\ncd");

        assert_eq!(source.line_and_column(99), (2, 3));
    }

    #[test]
    fn a_byte_order_mark_takes_no_column() {
        let source = Source::new("a.yaml", "\u{feff}ab");

        assert_eq!(source.line_and_column(4), (1, 2));
    }

    #[test]
    fn characters_map_to_their_bytes_in_a_text_that_is_not_ascii() {
        let characters = Characters::of("aé🦀b");

        assert_eq!([0, 1, 2, 3, 4, 9].map(|at| characters.byte_of(at)), [0, 1, 3, 7, 8, 8]);
    }
}
