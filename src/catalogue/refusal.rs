//! Why a call is refused before it is sent, or was refused by the service.
//!
//! A refusal names members and rules, never a value: it goes into files, tables and logs.

use std::borrow::Cow;

/// The codes of answers, which the journal keeps as text.
const OF_ANSWERS: [&str; 8] = [
    "refused",
    "bad_answer",
    "unreadable",
    "too_large",
    "timeout",
    "not_found",
    "unknown_profile",
    "no_profile",
];

/// Why one call will never be accepted as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What kind, for machines: `wrong_type`, `missing_field`, `no_identifier`, `refused`, …
    pub code: &'static str,
    /// What is wrong and what to do, as a lower-case fragment without any value.
    pub message: Cow<'static, str>,
}

impl Refusal {
    /// A refusal of this kind.
    pub fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { code, message: message.into() }
    }

    /// A refusal that was written down; a code that this version does not know is `refused`.
    pub fn kept(code: &str, message: String) -> Refusal {
        let known = OF_ANSWERS.into_iter().find(|known| *known == code);
        Refusal::new(known.unwrap_or("refused"), message)
    }
}
