//! Whom a call is about under the keys of earlier versions of how identifiers are compared.
//!
//! Only somebody whose address or number is spelled oddly has other keys there; what an earlier release kept of
//! them is still found by these. The rule that keeps it cheap: a call that can have none is not read again.

use serde_json::Value;

use super::{Call, PersonKey};
use crate::catalogue::{Array, Identifier};

impl Call {
    /// People of the call whose key was another in versions from this one on, with that key. Mostly none.
    pub fn known_before(&self, since: u32) -> Vec<(PersonKey, PersonKey)> {
        if since >= 2 && self.is_plain() {
            return Vec::new();
        }
        let (with, mut found) = (self.with(), Vec::new());
        let Some(batch) = &self.action().batch else { return found };
        let groups =
            batch.groups.as_ref().and_then(|groups| with.get(&groups.list)).and_then(Value::as_array);
        let heads = groups.into_iter().flatten().filter_map(Value::as_object);
        for members in std::iter::once(&with).chain(heads) {
            for (name, array) in &batch.arrays {
                let Some(value) = members.get(name) else { continue };
                for item in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
                    note(array, item, since, &mut found);
                }
            }
        }
        found
    }

    /// Whether no identifier in it can have had another key since the second version: its items, as they are written,
    /// are ASCII, and nothing stands in them as an escape.
    fn is_plain(&self) -> bool {
        self.text.is_ascii() && memchr::memchr2(b'\\', b'%', &self.text).is_none()
    }
}

fn note(array: &Array, item: &Value, since: u32, found: &mut Vec<(PersonKey, PersonKey)>) {
    let mut see = |kind: Identifier, value: &Value| {
        let Some(text) = value.as_str() else { return };
        let now = PersonKey::of(kind, text);
        found.extend(PersonKey::before(kind, text, since).map(|before| (now, before)));
    };
    if let Some(kind) = array.identifier {
        see(kind, item);
    }
    for kind in array.person.iter().chain(&array.also) {
        if let Some(value) = item.get(kind.member()) {
            see(*kind, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::find;

    #[test]
    fn somebody_who_is_spelled_oddly_is_known_by_the_key_of_before() {
        let of = |action: &str, with: Value| Call::new(find(action).unwrap(), &with).unwrap().known_before(1);
        let odd = "a@example.com.";
        let before = PersonKey::before(Identifier::Email, odd, 1).next().unwrap();
        let expected = (PersonKey::of(Identifier::Email, odd), before);

        let track =
            of("braze/users.track", json!({"attributes": [{"email": odd, "email_subscribe": "opted_in"}]}));
        let status = of("braze/email.status", json!({"email": [odd], "subscription_state": "opted_in"}));
        let groups =
            json!([{"subscription_group_id": "g", "subscription_state": "subscribed", "emails": [odd]}]);
        let groups = of("braze/v2.subscription.status.set", json!({ "subscription_groups": groups }));

        assert_eq!([&track, &status, &groups], [&vec![expected], &vec![expected], &vec![expected]]);
        assert_eq!(expected.0, PersonKey::of(Identifier::Email, "a@example.com"));
        assert_eq!(
            of("braze/email.status", json!({"email": ["a@example.com"], "subscription_state": "opted_in"})),
            []
        );
    }

    #[test]
    fn somebody_with_marked_letters_is_known_by_the_key_of_the_second_version_however_the_call_writes_them() {
        let known = |email: &str| {
            let with = json!({ "email": [email], "subscription_state": "opted_in" });
            Call::new(find("braze/email.status").unwrap(), &with).unwrap().known_before(2)
        };
        let (one, apart) = ("ren\u{e9}@example.com", "rene\u{301}@example.com");
        let now = PersonKey::of(Identifier::Email, one);
        let before = PersonKey::before(Identifier::Email, one, 2).next().unwrap();

        assert_eq!(known(one), [(now, before)]);
        assert_eq!(known(apart), [(now, before)]);
        assert_eq!(known("a@example.com."), []);
    }
}
