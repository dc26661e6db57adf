//! What identifies a person, made comparable: to find the requests of somebody, never to address them.
//!
//! E-mail addresses and phone numbers are compared however they are spelled, everything else byte for byte. What is
//! sent is what was given; see `plan`. The digests are plain: before one is kept it is keyed. Earlier versions
//! compared addresses without spaces around and without case, or by how their letters and marks are put together, and
//! numbers as far as they are given out: what they kept is found by what is typed, too.

use std::borrow::Cow;

use phonenumber::Mode;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::spelling::{address, addresses_before, number};

/// How identifiers of one kind are compared.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Exact,
    Email,
    Phone,
}

/// Members of a subject that identify it. No request has a device: look-ups show them.
const MEMBERS: [(&str, Kind); 5] = [
    ("external_id", Kind::Exact),
    ("braze_id", Kind::Exact),
    ("email", Kind::Email),
    ("phone", Kind::Phone),
    ("device_id", Kind::Exact),
];
/// The name of an alias; its label says what it names, not whom.
const ALIAS: &str = "alias_name";
/// The label of an alias: the same name under another label can be somebody else.
const LABEL: &str = "alias_label";

/// Digests of every identifier that a checked record gives of its subject.
pub fn identifiers(scope: &Map<String, Value>) -> Vec<u128> {
    let Some(subject) = scope.get("subject") else { return Vec::new() };
    let text = |of: &Value, member: &str| of.get(member).and_then(Value::as_str).map(str::to_owned);
    let named = MEMBERS.iter().filter_map(|(member, kind)| {
        let value = text(subject, member)?;
        Some(digest(member, &normal(*kind, &value)))
    });
    let mut digests: Vec<u128> = named.collect();
    for alias in subject.get("aliases").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = text(alias, ALIAS) else { continue };
        digests.extend(text(alias, LABEL).map(|label| labelled(&label, &name)));
        digests.push(digest(ALIAS, &name));
    }
    digests
}

/// Digests of a text as one kind of identifier: as it is kept, and as earlier versions kept it.
pub(super) fn identifier(kind: &str, text: &str) -> Vec<u128> {
    let Some((member, kind)) = MEMBERS.iter().find(|(member, _)| *member == kind) else { return Vec::new() };
    let mut digests = vec![digest(member, &normal(*kind, text)), digest(member, &normal_before(*kind, text))];
    digests.dedup();
    if matches!(kind, Kind::Email) {
        digests.extend(addresses_before(text, 2).iter().map(|before| digest(member, before)));
    }
    digests
}

/// The digest of an alias with its label.
pub(super) fn labelled(label: &str, name: &str) -> u128 {
    digest("alias", &format!("{}:{label}{name}", label.len()))
}

/// Digests of a text as every kind of identifier that it could be.
pub(super) fn identifiers_like(text: &str) -> Vec<u128> {
    let as_members = MEMBERS.iter().flat_map(|(member, _)| identifier(member, text));
    as_members.chain([digest(ALIAS, text)]).collect()
}

fn normal(kind: Kind, text: &str) -> Cow<'_, str> {
    match kind {
        Kind::Exact => Cow::Borrowed(text),
        Kind::Email => address(text),
        Kind::Phone => number(text),
    }
}

fn normal_before(kind: Kind, text: &str) -> Cow<'_, str> {
    match kind {
        Kind::Exact => Cow::Borrowed(text),
        Kind::Email => Cow::Owned(text.trim().to_lowercase()),
        Kind::Phone if is_e164(text) => Cow::Borrowed(text),
        Kind::Phone => match phonenumber::parse(None, text.trim()) {
            Ok(number) if number.is_valid() => Cow::Owned(number.format().mode(Mode::E164).to_string()),
            Ok(_) | Err(_) => Cow::Borrowed(text),
        },
    }
}

fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn digest(member: &str, value: &str) -> u128 {
    let hasher = Sha256::new().chain_update(member).chain_update([0]).chain_update(value);
    let digest: [u8; 32] = hasher.finalize().into();
    u128::from_be_bytes(*digest.first_chunk().unwrap_or(&[0; 16]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(subject: Value) -> Vec<u128> {
        identifiers(json!({ "subject": subject }).as_object().unwrap())
    }

    fn is_found(typed: &str, subject: Value) -> bool {
        let like = identifiers_like(typed.trim());
        of(subject).iter().any(|identifier| like.contains(identifier))
    }

    #[test]
    fn a_person_is_found_by_any_identifier_however_it_is_written() {
        assert!(is_found(" Jane@Example.com", json!({ "email": "jane@example.COM " })));
        assert!(is_found("+1 650 253 0000", json!({ "phone": "+16502530000" })));
        assert!(is_found("+16502530000", json!({ "phone": "+1 (650) 253-0000" })));
        assert!(
            is_found("u-1", json!({ "external_id": "u-1" })) && is_found("b-1", json!({ "braze_id": "b-1" }))
        );
        assert!(is_found("n", json!({ "aliases": [{ "alias_name": "n", "alias_label": "l" }] })));
    }

    #[test]
    fn letters_with_marks_are_compared_however_they_are_put_together_and_ids_are_not() {
        let (one, apart) = ("Ren\u{e9}@example.com", "rene\u{301}@example.com");
        assert!(is_found(one, json!({ "email": apart })) && is_found(apart, json!({ "email": one })));
        assert!(!is_found(one, json!({ "external_id": "Rene\u{301}@example.com" })));
        // As the version before kept it.
        assert!(identifiers_like(one).contains(&digest("email", apart)));
    }

    #[test]
    fn what_an_earlier_version_kept_is_found_by_what_is_typed() {
        let kept = |member: &str, kind, text: &str| digest(member, &normal_before(kind, text));

        for (member, kind, text) in [
            ("phone", Kind::Phone, "+1 (555) 777-0001"),
            ("email", Kind::Email, "A@Bücher.example"),
            ("external_id", Kind::Exact, "u-1"),
        ] {
            assert!(identifier(member, text).contains(&kept(member, kind, text)), "{text}");
        }
        assert!(is_found("+1 555 777 0001", json!({ "phone": "+15557770001" })));
        assert!(is_found("a@xn--bcher-kva.example", json!({ "email": "A@Bücher.example" })));
    }

    #[test]
    fn ids_are_compared_byte_for_byte() {
        assert!(!is_found("U-1", json!({ "external_id": "u-1" })));
        assert!(!is_found("l", json!({ "aliases": [{ "alias_name": "n", "alias_label": "l" }] })));
        assert!(of(json!({})).is_empty());
    }
}
