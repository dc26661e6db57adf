//! Whom a call is about under the keys of an earlier version of how identifiers are compared.
//!
//! Only somebody whose address or number is spelled oddly has other keys there; what an earlier release kept of
//! them is still found by these.

use serde_json::Value;

use super::{Call, PersonKey};
use crate::catalogue::{Array, Identifier};

impl Call {
    /// People of the call whose key was another before, with that key. Mostly none; reads the whole call again.
    pub fn known_before(&self) -> Vec<(PersonKey, PersonKey)> {
        let (with, mut found) = (self.with(), Vec::new());
        let Some(batch) = &self.action().batch else { return found };
        let groups =
            batch.groups.as_ref().and_then(|groups| with.get(&groups.list)).and_then(Value::as_array);
        let heads = groups.into_iter().flatten().filter_map(Value::as_object);
        for members in std::iter::once(&with).chain(heads) {
            for (name, array) in &batch.arrays {
                let Some(value) = members.get(name) else { continue };
                for item in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
                    note(array, item, &mut found);
                }
            }
        }
        found
    }
}

fn note(array: &Array, item: &Value, found: &mut Vec<(PersonKey, PersonKey)>) {
    let mut see = |kind: Identifier, value: &Value| {
        let Some(text) = value.as_str() else { return };
        found.extend(PersonKey::as_before(kind, text).map(|before| (PersonKey::of(kind, text), before)));
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
        let of = |action: &str, with: Value| Call::new(find(action).unwrap(), &with).unwrap().known_before();
        let odd = "a@example.com.";
        let expected =
            (PersonKey::of(Identifier::Email, odd), PersonKey::as_before(Identifier::Email, odd).unwrap());

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
}
