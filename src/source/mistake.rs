//! What is wrong with a text, where, and the way out.
//!
//! A mistake is data: whoever finds it says what it is, only [`super::render`] and [`super::json`]
//! decide how it looks.

use super::Span;

/// Most mistakes told of one file: more come only from files made to be slow to answer.
pub const MOST_MISTAKES: usize = 500;

/// One thing wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What kind of mistake, for machines: `unknown_name`, `duplicate_key`, …
    pub code: &'static str,
    /// Where, in bytes of the text that was checked.
    pub at: Span,
    /// What is wrong, as a lower-case fragment without a full stop.
    pub message: String,
    /// What stands at that place, beside the caret; may be empty.
    pub label: String,
    /// The way out.
    pub help: Option<String>,
    /// A warning never changes the exit code.
    pub severity: Severity,
}

/// Whether a mistake stops the file from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used as it stands.
    Error,
    /// The file can be used; somebody should look.
    Warning,
}

impl Severity {
    /// The word people and machines read.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

impl Mistake {
    /// An error at a place of a text.
    pub fn error(code: &'static str, at: Span, message: impl Into<String>) -> Mistake {
        Mistake {
            code,
            at,
            message: message.into(),
            label: String::new(),
            help: None,
            severity: Severity::Error,
        }
    }

    /// A warning at a place of a text.
    pub fn warning(code: &'static str, at: Span, message: impl Into<String>) -> Mistake {
        Mistake { severity: Severity::Warning, ..Mistake::error(code, at, message) }
    }

    /// The same mistake with words beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Mistake {
        self.label = label.into();
        self
    }

    /// The same mistake with a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Mistake {
        self.help = Some(help.into());
        self
    }

    /// The same mistake with "did you mean" if a candidate is near to what was written.
    #[must_use]
    pub fn suggest<'c>(self, written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Mistake {
        match closest(written, candidates) {
            Some(candidate) => self.help(format!("did you mean `{candidate}`?")),
            None => self,
        }
    }

    /// The same mistake moved by `offset` bytes, for a text that stands inside a larger one.
    #[must_use]
    pub fn moved_by(mut self, offset: usize) -> Mistake {
        self.at = self.at.start + offset..self.at.end + offset;
        self
    }
}

/// The candidate closest to what was written, near enough to be what was meant.
pub fn closest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(written, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().max(written.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_letter_finds_the_name_that_was_meant() {
        assert_eq!(closest("emial", ["phone", "email"]), Some("email"));
    }

    #[test]
    fn a_word_that_is_far_from_all_candidates_finds_none() {
        assert_eq!(closest("subscription", ["id", "uses", "with"]), None);
    }
}
