//! Who a call is about, as a key that can be compared and holds no identifier.
//!
//! Two calls about the same person *as addressed* have the same key, whatever their actions; that an
//! e-mail and an external id belong to one person is not known here. Keys are for ordering and
//! merging inside one process: they are digests without a secret, so they are never stored.

use std::borrow::Cow;
use std::fmt;

use phonenumber::Mode;
use serde_json::Value;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use super::split;
use crate::catalogue::Identifier;

/// The version of how identifiers are compared: spaces around them do not count, addresses are compared
/// in lower case with the ASCII form of their domain, dots and a plus kept, phone numbers as E.164 where
/// they can be read as such, everything else byte by byte. It stands beside every key with which such
/// digests are kept. Whoever changes a rule makes a new version, since what was kept is not made again.
pub const NORMALISATION: u32 = 1;

/// What a profile, or the subject of a request, is known by.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KnownBy {
    /// What only one profile has: its ids and aliases.
    pub own: Vec<PersonKey>,
    /// What several people may have: an address, a number.
    pub shared: Vec<PersonKey>,
}

/// Half of the SHA-256 over kind and value of an identifier.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonKey(u128);

impl PersonKey {
    /// The key of a person addressed by one text. Addresses are compared without regard to case, spaces
    /// around and how a domain in other letters is written; phone numbers by their digits; everything
    /// else byte by byte.
    pub fn of(kind: Identifier, value: &str) -> PersonKey {
        match kind {
            Identifier::Email => digest(kind, &[&address(value.trim())]),
            Identifier::Phone => digest(kind, &[&number(value.trim())]),
            Identifier::ExternalId | Identifier::BrazeId | Identifier::UserAlias => digest(kind, &[value]),
        }
    }

    /// The key of a person as JSON names them: a text, or an alias with its label. `None` for anything else.
    pub fn read(kind: Identifier, value: &Value) -> Option<PersonKey> {
        split::key(kind, value)
    }

    /// Everybody whom a typed text can name: `KIND=TEXT` names one, with `alias=LABEL/NAME` for an alias; any
    /// other text is taken as an id, an address and a number.
    pub fn like(text: &str) -> Vec<PersonKey> {
        let kinds = [Identifier::ExternalId, Identifier::BrazeId, Identifier::Email, Identifier::Phone];
        if let Some((kind, value)) = text.split_once('=') {
            if let Some((label, name)) = value.split_once('/').filter(|_| kind == "alias") {
                return vec![PersonKey::alias(label, name)];
            }
            if let Some(kind) = kinds.into_iter().find(|known| known.member() == kind) {
                return vec![PersonKey::of(kind, value)];
            }
        }
        kinds.map(|kind| PersonKey::of(kind, text)).to_vec()
    }

    /// The digest itself, for keyed digests.
    pub fn digest(self) -> u128 {
        self.0
    }

    /// The key of a person addressed by an alias.
    pub fn alias(label: &str, name: &str) -> PersonKey {
        digest(Identifier::UserAlias, &[label, name])
    }
}

impl KnownBy {
    /// Reads the identifiers of a profile as Braze exports it (Braze docs, "Export users by identifier"), or
    /// of a request's subject.
    pub fn read(person: &Value) -> KnownBy {
        let key = |kind: Identifier| PersonKey::read(kind, person.get(kind.member())?);
        let aliases = ["aliases", "user_aliases"].into_iter().filter_map(|name| person.get(name)?.as_array());
        let aliases = aliases.flatten().filter_map(|alias| PersonKey::read(Identifier::UserAlias, alias));
        let mut own: Vec<PersonKey> = [Identifier::ExternalId, Identifier::BrazeId]
            .into_iter()
            .filter_map(key)
            .chain(aliases)
            .collect();
        own.sort_unstable();
        own.dedup();
        let shared = [Identifier::Email, Identifier::Phone].into_iter().filter_map(key).collect();
        KnownBy { own, shared }
    }

    /// All of it.
    pub fn all(&self) -> impl Iterator<Item = PersonKey> {
        self.own.iter().chain(&self.shared).copied()
    }
}

impl fmt::Debug for KnownBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownBy").finish_non_exhaustive()
    }
}

/// An address as mail platforms compare it; dots and a plus are kept.
fn address(value: &str) -> Cow<'_, str> {
    if !value.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        return Cow::Borrowed(value);
    }
    let lower = value.to_lowercase();
    match lower.rsplit_once('@') {
        Some((name, domain)) if !domain.is_ascii() => match url::Host::parse(domain) {
            Ok(domain) => Cow::Owned(format!("{name}@{domain}")),
            Err(_) => Cow::Owned(lower),
        },
        _ => Cow::Owned(lower),
    }
}

/// A phone number in E.164; without what people put between its digits if it cannot be read as one.
fn number(value: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte == b'+' || byte.is_ascii_digit();
    let is_between = |letter: char| matches!(letter, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}');
    if value.bytes().all(is_plain)
        || !value.chars().all(|letter| letter.is_ascii_digit() || letter == '+' || is_between(letter))
    {
        return Cow::Borrowed(value);
    }
    match phonenumber::parse(None, value) {
        Ok(number) if number.is_valid() => Cow::Owned(number.format().mode(Mode::E164).to_string()),
        Ok(_) | Err(_) => Cow::Owned(value.chars().filter(|letter| !is_between(*letter)).collect()),
    }
}

fn digest(kind: Identifier, parts: &[&str]) -> PersonKey {
    let mut text: SmallVec<[u8; 128]> = SmallVec::new();
    text.push(kind as u8);
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_le_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    let digest: [u8; 32] = Sha256::digest(&text).into();
    let half = digest.first_chunk().copied().unwrap_or_default();
    PersonKey(u128::from_le_bytes(half))
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_as_another_kind_is_another_person() {
        let id = PersonKey::of(Identifier::ExternalId, "a@example.com");

        assert_ne!(id, PersonKey::of(Identifier::Email, "a@example.com"));
        assert_eq!(id, PersonKey::of(Identifier::ExternalId, "a@example.com"));
        assert_ne!(id, PersonKey::of(Identifier::ExternalId, "A@example.com"));
    }

    #[test]
    fn an_address_in_capitals_is_the_same_address() {
        let plain = PersonKey::of(Identifier::Email, "müller@example.com");

        assert_eq!(plain, PersonKey::of(Identifier::Email, " Müller@EXAMPLE.com "));
        assert_ne!(plain, PersonKey::of(Identifier::Email, "mueller@example.com"));
    }

    #[test]
    fn a_domain_in_other_letters_is_the_same_domain() {
        let plain = PersonKey::of(Identifier::Email, "a@xn--bcher-kva.example");

        assert_eq!(plain, PersonKey::of(Identifier::Email, "A@Bücher.example"));
    }

    #[test]
    fn a_phone_number_is_the_same_however_its_digits_are_set_apart() {
        let plain = PersonKey::of(Identifier::Phone, "+15557770001");

        assert_eq!(plain, PersonKey::of(Identifier::Phone, " +1 (555) 777-0001 "));
        assert_ne!(plain, PersonKey::of(Identifier::Phone, "+15557770002"));
        assert_ne!(plain, PersonKey::of(Identifier::Phone, "+1 555 777 0001 ext"));
    }

    #[test]
    fn a_phone_number_is_the_same_however_its_country_writes_it() {
        let plain = PersonKey::of(Identifier::Phone, "+442079460000");

        assert_eq!(plain, PersonKey::of(Identifier::Phone, "+44 (0) 20 7946 0000"));
    }

    /// What stores keep was made by these rules: whoever makes this test fail makes a new version of them.
    #[test]
    fn the_first_version_of_how_identifiers_are_compared_never_changes() {
        let of = |kind, text| PersonKey::of(kind, text).digest();

        assert_eq!(NORMALISATION, 1);
        assert_eq!(
            of(Identifier::Email, " A.b+c@BÜCHER.example "),
            of(Identifier::Email, "a.b+c@xn--bcher-kva.example")
        );
        let digests = [
            of(Identifier::Email, "a@example.com"),
            of(Identifier::Phone, "+15557770001"),
            of(Identifier::ExternalId, "u-1"),
            of(Identifier::BrazeId, "b-1"),
            PersonKey::alias("l", "n").digest(),
        ];
        let first = [
            "d7248b664a68976d03a8ac118c413cf5",
            "d71b4765a5e682cce9e8c9519201c9bc",
            "127a567b46ae502c4f205b085ae57a98",
            "17ff37259e8b35d60598ab39155393d7",
            "05f5f682d3eebde6c4d041e77ec0f35b",
        ];
        assert_eq!(digests.map(|digest| format!("{digest:032x}")), first);
    }

    #[test]
    fn label_and_name_of_an_alias_do_not_run_together() {
        assert_ne!(PersonKey::alias("ab", "c"), PersonKey::alias("a", "bc"));
        assert_ne!(PersonKey::alias("a", "b"), PersonKey::alias("b", "a"));
    }
}
