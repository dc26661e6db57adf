//! Who a call is about, as a key that can be compared and holds no identifier.
//!
//! Two calls about the same person *as addressed* have the same key, whatever their actions; that an
//! e-mail and an external id belong to one person is not known here. Keys are for ordering and
//! merging inside one process: they are digests without a secret, so they are never stored.

use std::fmt;

use serde_json::Value;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use super::split;
use crate::catalogue::Identifier;
use crate::request::Named;
use crate::request::spelling::{self, address, addresses_before, number, numbers_before};

/// The version of how identifiers are compared, see `request::spelling`: everything but addresses and phone numbers
/// byte by byte. It stands beside every key with which such digests are kept. Whoever changes a rule makes a new
/// version, since what was kept is not made again.
pub const NORMALISATION: u32 = spelling::VERSION;

/// The first of these versions.
const FIRST: u32 = 1;

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
    /// The key of a person addressed by one text. Addresses and phone numbers are compared however they are
    /// spelled, everything else byte by byte.
    pub fn of(kind: Identifier, value: &str) -> PersonKey {
        match kind {
            Identifier::Email => digest(kind, &[&address(value)]),
            Identifier::Phone => digest(kind, &[&number(value)]),
            Identifier::ExternalId | Identifier::BrazeId | Identifier::UserAlias => digest(kind, &[value]),
        }
    }

    /// The keys by which versions from this one on knew the person, without the newest one's. Mostly none.
    pub fn before(kind: Identifier, value: &str, since: u32) -> impl Iterator<Item = PersonKey> {
        let kept = match kind {
            Identifier::Email => addresses_before(value, since),
            Identifier::Phone => numbers_before(value, since),
            Identifier::ExternalId | Identifier::BrazeId | Identifier::UserAlias => Vec::new(),
        };
        kept.into_iter().map(move |kept| digest(kind, &[&kept]))
    }

    /// The key of a person as JSON names them: a text, or an alias with its label. `None` for anything else.
    pub fn read(kind: Identifier, value: &Value) -> Option<PersonKey> {
        split::key(kind, value)
    }

    /// Everybody whom calls can name by what was typed. A device is no one's address: nobody.
    pub fn like(named: &Named) -> Vec<PersonKey> {
        let kinds = [Identifier::ExternalId, Identifier::BrazeId, Identifier::Email, Identifier::Phone];
        match named {
            Named::Alias { label, name } => vec![PersonKey::alias(label, name)],
            Named::By(by, text) => {
                let kind = kinds.into_iter().find(|kind| kind.member() == *by);
                kind.into_iter().flat_map(|kind| PersonKey::every(kind, text)).collect()
            }
            Named::Any(text) => kinds.into_iter().flat_map(|kind| PersonKey::every(kind, text)).collect(),
        }
    }

    /// The keys by which a person is and was known.
    fn every(kind: Identifier, value: &str) -> impl Iterator<Item = PersonKey> {
        std::iter::once(PersonKey::of(kind, value)).chain(PersonKey::before(kind, value, FIRST))
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
        // By earlier versions too: what they know of the person, a hold most of all, still counts.
        let every = |kind: Identifier| Some(PersonKey::every(kind, person.get(kind.member())?.as_str()?));
        let shared = [Identifier::Email, Identifier::Phone].into_iter().filter_map(every).flatten().collect();
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
    fn an_address_is_the_same_however_its_letters_are_put_together_and_an_id_is_not() {
        let of = PersonKey::of;

        assert_eq!(
            of(Identifier::Email, "Ren\u{c9}@example.com"),
            of(Identifier::Email, "rene\u{301}@example.com")
        );
        assert_ne!(of(Identifier::ExternalId, "ren\u{e9}"), of(Identifier::ExternalId, "rene\u{301}"));
        assert_ne!(PersonKey::alias("l", "ren\u{e9}"), PersonKey::alias("l", "rene\u{301}"));
    }

    /// A store of the version before knows somebody by each spelling on its own: whoever has the other one by now
    /// is the same.
    #[test]
    fn somebody_is_known_by_each_key_of_the_version_before() {
        let address = "rene\u{301}@example.com";
        let apart = digest(Identifier::Email, &[address]);
        let one = digest(Identifier::Email, &["ren\u{e9}@example.com"]);
        for spelled in [address, "Ren\u{e9}@example.com"] {
            assert_eq!(PersonKey::of(Identifier::Email, spelled), one);
            assert_eq!(PersonKey::before(Identifier::Email, spelled, 2).collect::<Vec<_>>(), [apart]);
            assert!(KnownBy::read(&serde_json::json!({ "email": spelled })).all().any(|key| key == apart));
        }
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

    /// What stores keep was made by these rules: whoever makes this test fail makes a new version of them, and looks
    /// for what was kept by both.
    #[test]
    fn the_keys_of_what_is_spelled_plainly_are_those_of_the_first_version() {
        let of = |kind, text| PersonKey::of(kind, text).digest();

        assert_eq!(NORMALISATION, 3);
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
