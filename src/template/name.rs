//! The names that a text reads, so that a workflow can be checked before it runs.

use crate::source::Span;

/// One path that a template or condition reads from its scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// `subject.email` is `["subject", "email"]`; an index into a list is its digits. Only what the
    /// text spells out: behind `vars[c.id]` nothing is known, so the name is `["vars"]`.
    pub segments: Vec<String>,
    /// Where it stands, in bytes of the text.
    pub at: Span,
    /// It may be missing when the text is rendered: it stands inside `optional`, `default`, a test
    /// such as `{{#if …}}`, `has(…)` or `x.?y`.
    pub optional: bool,
}

impl Name {
    /// As people write it: `subject.email`.
    pub fn path(&self) -> String {
        self.segments.join(".")
    }
}
