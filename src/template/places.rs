//! Where the parts of a template stand in its text.
//!
//! The parser gives the line and column of each element and nothing for what is inside it, so paths
//! are looked up in the text, forwards only: elements are visited in the order of the text.

use crate::source::Span;

/// The places of one text, visited from its start to its end.
pub(super) struct Places<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Places<'t> {
    pub fn of(text: &'t str) -> Places<'t> {
        Places { text, at: 0 }
    }

    /// Goes on to the element at a line and column, both from 1 and in characters.
    pub fn go_on_to(&mut self, line: usize, column: usize) {
        self.at = self.at.max(offset(self.text, line, column));
    }

    /// The next place of a word inside braces, and goes on behind it; where the visit is now, if it
    /// stands nowhere.
    pub fn of_word(&mut self, word: &str) -> Span {
        let mut from = self.at;
        while let Some(found) = self.text.get(from..).and_then(|rest| rest.find(word)) {
            let span = from + found..from + found + word.len();
            if !word.is_empty() && self.is_whole(&span) && self.is_inside_braces(span.start) {
                self.at = span.end;
                return span;
            }
            from = span.end.max(from + 1);
            while !self.text.is_char_boundary(from) {
                from += 1;
            }
        }
        self.here()
    }

    /// The element that is visited.
    pub fn here(&self) -> Span {
        let end = self.text.get(self.at..).and_then(|rest| rest.find("}}")).map(|end| self.at + end + 2);
        self.at..end.unwrap_or(self.text.len())
    }

    fn is_whole(&self, span: &Span) -> bool {
        let part_of_word = |character: char| {
            character.is_alphanumeric()
                || matches!(character, '_' | '-' | '.' | '/' | '$' | ':' | '@' | '[' | ']')
        };
        let before = self.text.get(..span.start).and_then(|text| text.chars().next_back());
        let after = self.text.get(span.end..).and_then(|text| text.chars().next());
        !before.is_some_and(|before| part_of_word(before) && before != '/')
            && !after.is_some_and(part_of_word)
    }

    fn is_inside_braces(&self, at: usize) -> bool {
        let before = self.text.get(..at).unwrap_or_default();
        before.rfind("{{") > before.rfind("}}")
    }
}

/// The byte at a line and column, both from 1 and in characters.
pub(crate) fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    start + within
}
