//! Why a call is refused before it is sent, or was refused by the service.
//!
//! A refusal names members and rules, never a value: it goes into files, tables and logs.

use std::borrow::Cow;

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
}
