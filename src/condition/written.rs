//! Where parts of an expression stand in its text.
//!
//! The parser tells the place of each name, literal and operator sign; what spans several of them is
//! found in the text.

use cel::common::ast::SourceInfo;

use crate::source::Span;

/// A text and what the parser saw in it.
pub(super) struct Written<'t> {
    pub text: &'t str,
    pub places: &'t SourceInfo,
}

impl Written<'_> {
    /// Where the parser saw a part: the whole of a name or literal, the sign of an operator.
    pub fn span(&self, id: u64) -> Span {
        let (start, last) = self.places.offset_for(id).unwrap_or_default();
        let byte = |place: u32| {
            let place = usize::try_from(place).unwrap_or(usize::MAX).min(self.text.len());
            (place..=self.text.len()).find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
        };
        byte(start)..byte(last.saturating_add(1))
    }

    /// Where a member ends whose dot, or what is before it, starts at a place.
    pub fn end_of_member(&self, from: &Span, field: &str) -> usize {
        let rest = self.text.get(from.start..).unwrap_or_default();
        let found = rest.find('.').and_then(|dot| Some(dot + rest.get(dot..)?.find(field)?));
        found.map_or(from.end, |found| from.start + found + field.len())
    }

    /// Behind the next `]`.
    pub fn closing(&self, from: usize) -> usize {
        self.text.get(from..).and_then(|rest| rest.find(']')).map_or(from, |found| from + found + 1)
    }

    /// The word that ends before a bracket.
    pub fn word_before(&self, bracket: &Span, word: &str) -> Span {
        let before = self.text.get(..bracket.start).unwrap_or_default().trim_end();
        let start = before.rfind(|character: char| !character.is_alphanumeric() && character != '_');
        let start = start
            .map_or(0, |at| at + before.get(at..).and_then(|r| r.chars().next()).map_or(1, char::len_utf8));
        if word.is_empty() || before.ends_with(word) { start..before.len() } else { bracket.clone() }
    }

    pub fn written(&self, at: &Span) -> String {
        self.text.get(at.clone()).unwrap_or_default().to_owned()
    }
}
