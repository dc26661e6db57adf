//! Somebody as a person types them: what is meant is the same wherever it is typed.
//!
//! `KIND=TEXT` names one identifier, `alias=LABEL/NAME` an alias; any other text can be an id, an address, a number or
//! the name of an alias. What cannot be meant so is refused, so that a slip of the fingers never finds nobody, or
//! somebody else, in silence. Nothing that was typed is ever shown.

use std::fmt;

use super::identifiers::{identifier, identifiers_like, labelled};
use crate::source::closest;

/// The kinds that can be named, but aliases.
const KINDS: [&str; 5] = ["external_id", "braze_id", "email", "phone", "device_id"];
/// How an alias is named.
const ALIAS: &str = "alias";

/// Somebody as they were typed.
#[derive(Clone, PartialEq, Eq)]
pub enum Named {
    /// By a text of whichever kind, without spaces around it.
    Any(String),
    /// By one of these kinds: `external_id`, `braze_id`, `email`, `phone`, `device_id`.
    By(&'static str, String),
    /// By an alias.
    Alias {
        /// What it names.
        label: String,
        /// Whom.
        name: String,
    },
}

/// Why it is not known who is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unnamed {
    /// Nothing was typed.
    #[error(
        "name somebody: an e-mail address, a phone number, an id, or such as external_id=TEXT or alias=LABEL/NAME"
    )]
    Nothing,
    /// A kind without anything behind it.
    #[error("behind `{kind}=` there is nothing: write {kind}={}", if *kind == ALIAS { "LABEL/NAME" } else { "TEXT" })]
    NothingOf {
        /// The kind.
        kind: &'static str,
    },
    /// An alias without its label.
    #[error(
        "an alias is named by its label and its name: alias=LABEL/NAME; by its name alone, whatever its label, without `alias=`"
    )]
    NoLabel,
    /// What stands before `=` is no kind of identifier.
    #[error(
        "what stands before `=` is no kind of identifier{}: there are external_id, braze_id, email, phone, device_id and \
         alias=LABEL/NAME; an id that has a `=` in it is named as external_id=ID",
        closest.map(|kind| format!(", did you mean `{kind}=`?")).unwrap_or_default()
    )]
    Kind {
        /// What may have been meant.
        closest: Option<&'static str>,
    },
}

impl Named {
    /// Reads what was typed.
    pub fn parse(text: &str) -> Result<Named, Unnamed> {
        let is_word = |word: &str| {
            word.starts_with(|first: char| first.is_ascii_alphabetic())
                && word.chars().all(|letter| letter.is_ascii_alphabetic() || matches!(letter, '_' | '-'))
        };
        let trimmed = text.trim();
        let Some((kind, value)) = trimmed.split_once('=').filter(|(kind, _)| is_word(kind)) else {
            return if trimmed.is_empty() {
                Err(Unnamed::Nothing)
            } else {
                Ok(Named::Any(trimmed.to_owned()))
            };
        };
        if kind == ALIAS {
            return match value.split_once('/') {
                Some((label, name)) if !label.is_empty() && !name.is_empty() => {
                    Ok(Named::Alias { label: label.to_owned(), name: name.to_owned() })
                }
                None if value.is_empty() => Err(Unnamed::NothingOf { kind: ALIAS }),
                Some(_) | None => Err(Unnamed::NoLabel),
            };
        }
        match KINDS.iter().find(|known| **known == kind) {
            Some(kind) if value.trim().is_empty() => Err(Unnamed::NothingOf { kind }),
            Some(kind) => Ok(Named::By(kind, value.to_owned())),
            // Some ids end so: they are letters and digits in base 64.
            None if value.is_empty() || value == "=" => Ok(Named::Any(trimmed.to_owned())),
            None => Err(Unnamed::Kind { closest: closest(kind, KINDS.into_iter().chain([ALIAS])) }),
        }
    }

    /// Digests of every identifier that is meant, as `request::identifiers` makes them.
    pub fn identifiers(&self) -> Vec<u128> {
        match self {
            Named::Any(text) => identifiers_like(text),
            Named::By(kind, text) => identifier(kind, text),
            Named::Alias { label, name } => vec![labelled(label, name)],
        }
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Named::Any(_) => f.write_str("Any(redacted)"),
            Named::By(kind, _) => write!(f, "By({kind}, redacted)"),
            Named::Alias { .. } => f.write_str("Alias(redacted)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::request::identifiers;

    fn finds(typed: &str, subject: Value) -> bool {
        let like = Named::parse(typed).unwrap().identifiers();
        identifiers(json!({ "subject": subject }).as_object().unwrap()).iter().any(|own| like.contains(own))
    }

    #[test]
    fn one_kind_of_identifier_finds_nobody_who_has_the_same_text_as_another() {
        assert!(finds("external_id=u-1", json!({ "external_id": "u-1" })));
        assert!(!finds("external_id=u-1", json!({ "braze_id": "u-1" })));
        assert!(finds("email=A@Example.com", json!({ "email": "a@example.com" })));
        assert!(finds("phone=+1 650 253 0000", json!({ "phone": "+16502530000" })));
        assert!(finds("external_id=a=b", json!({ "external_id": "a=b" })));
        assert!(finds(" u-1 ", json!({ "external_id": "u-1" })));
    }

    #[test]
    fn an_alias_is_found_by_its_label_and_its_name_or_by_its_name_whatever_its_label() {
        let person = || json!({ "aliases": [{ "alias_name": "n/17", "alias_label": "crm" }] });

        assert!(finds("alias=crm/n/17", person()) && finds("n/17", person()));
        assert!(!finds("alias=shop/n/17", person()) && !finds("alias=crm/17", person()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_way_out_and_never_shown() {
        let why = |typed: &str| Named::parse(typed).unwrap_err().to_string();

        assert!(why("emial=jane@example.com").contains("did you mean `email=`?"));
        assert!(why("uid=jane").contains("external_id=ID") && !why("uid=jane").contains("jane"));
        assert!(why("alias=jane").contains("alias=LABEL/NAME") && why("alias=/n").contains("LABEL/NAME"));
        assert!(why("alias=").contains("alias=LABEL/NAME") && why("phone= ").contains("phone=TEXT"));
        assert!(why(" \n").contains("name somebody"));
        assert_eq!(format!("{:?}", Named::parse("email=jane@example.com").unwrap()), "By(email, redacted)");
    }

    #[test]
    fn an_id_that_only_ends_with_equals_signs_or_holds_digits_before_one_is_an_id() {
        for id in ["dGVzdA==", "abcd=", "u1=2", "bounce+a=b.example@example.com"] {
            assert_eq!(Named::parse(id), Ok(Named::Any(id.to_owned())), "{id}");
        }
    }
}
