//! Workflow files: any text is loaded or told what is wrong with it, and every mistake can be shown.

use privaflow::source::{Colour, MOST_MISTAKES, Mistake, Severity, Source, json, render};
use privaflow::workflow::{Known, load};

/// The bytes are the file.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let source = Source::new("file.yaml", text);
    for profiles in [None, Some(vec![("braze-production".to_owned(), "braze".to_owned())])] {
        let known = Known { profiles, ..Known::default() };
        let (workflow, mistakes) = load(&source, &known);
        let is_refused = mistakes.iter().any(|mistake| mistake.severity == Severity::Error);
        assert_eq!(
            workflow.is_none(),
            is_refused,
            "a workflow comes out exactly when no mistake is an error"
        );
        shown(&source, &mistakes);
    }
}

/// Mistakes stand inside the text and can be shown both ways.
pub(crate) fn shown(source: &Source, mistakes: &[Mistake]) {
    // Each place of a file may add one after the bound is reached, never many.
    assert!(mistakes.len() <= 4 * MOST_MISTAKES, "{} mistakes", mistakes.len());
    for mistake in mistakes {
        let at = &mistake.at;
        assert!(at.start <= at.end && at.end <= source.text.len(), "{mistake:?} stands outside the text");
    }
    let few = mistakes.get(..mistakes.len().min(20)).unwrap_or_default();
    assert_eq!(render(few, source, Colour::Plain).is_empty(), few.is_empty());
    for mistake in few {
        assert!(json(mistake, source).to_string().starts_with('{'));
    }
}
