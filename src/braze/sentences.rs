//! What Braze is known to say about an object it does not take, in words a person can act on.
//!
//! Braze answers with codes on some workspaces and with sentences on others (Braze docs, "Create and
//! update users" and "Errors and responses"). Only what stands in this table is passed on; any other
//! text of a reply may hold personal data.

use std::borrow::Cow;

use crate::catalogue::{Action, Refusal};

/// A code, fragments of the sentences that mean the same, and what to tell a person.
struct Known {
    code: &'static str,
    sentences: &'static [&'static str],
    meaning: &'static str,
}

const fn known(code: &'static str, sentences: &'static [&'static str], meaning: &'static str) -> Known {
    Known { code, sentences, meaning }
}

const UNKNOWN_GROUP: &str = "invalid subscription group id";

/// Longer codes stand before those they begin with.
const TABLE: &[Known] = &[
    known(
        "EXTERNAL_USER_ID_TOO_LARGE",
        &["must be fewer than 988 bytes"],
        "the external id is longer than 987 bytes",
    ),
    known(
        "BLACKLISTED_EXTERNAL_USER_ID",
        &["is blacklisted and disallowed"],
        "Braze blocks this external id as spam",
    ),
    known("BAD_EMAIL_SUBSCRIPTION_STATE", &[], "`email_subscribe` is no state that Braze knows"),
    known("BAD_PUSH_SUBSCRIPTION_STATE", &[], "`push_subscribe` is no state that Braze knows"),
    known("BAD_SUBSCRIPTION_GROUP_ARRAY", &[], "`subscription_groups` is not a list that Braze takes"),
    known(
        "BAD_SUBSCRIPTION_GROUP_HASH",
        &[],
        "a group in `subscription_groups` is not a map that Braze takes",
    ),
    known(
        "BAD_SUBSCRIPTION_GROUP_ID",
        &[UNKNOWN_GROUP],
        "the workspace has no such subscription group: compare `subscription_group_id` with the group in Braze",
    ),
    known(
        "BAD_SUBSCRIPTION_GROUP_STATE",
        &[],
        "`subscription_state` of a group must be `subscribed` or `unsubscribed`",
    ),
    known("EMAIL_BAD_FORMAT", &[], "the e-mail address is not well formed"),
    known("BAD_DEVICE_ID", &[], "the device id is not well formed"),
    known("BAD_LOCATION_UPDATE", &[], "the location is not well formed"),
    known("BAD_PUSH_TOKEN_APP_ID", &[], "the push token names an app that the workspace does not have"),
    known("BAD_PUSH_TOKEN_IMPORT", &[], "the push token cannot be imported"),
    known("BAD_PUSH_TOKEN_STRING", &[], "the push token is not well formed"),
    known("BAD_PUSH_TOKEN_VALUE", &[], "the push token is not well formed"),
    known(
        "INVALID_ATTRIBUTE_EMAIL_SUBSCRIPTION_INFO",
        &[],
        "the e-mail subscription data is not well formed",
    ),
    known(
        "",
        &["'user_alias', 'email' or 'phone' is required", "'user_alias' is required"],
        "the object names nobody",
    ),
    known(
        "",
        &[
            "max input length exceeded",
            "max number of ids per request",
            "max number of external_ids and aliases",
        ],
        "the workspace takes fewer items in one request than this call has",
    ),
    known(
        "",
        &["either an email address or a phone number should be provided"],
        "e-mails and phones exclude each other in one request",
    ),
    known("", &["valid data must be provided in the"], "no object of the call is one that Braze takes"),
];

/// Whether the text speaks of something that all calls of one request have in common.
pub(super) fn concerns_all(action: &Action, text: &str) -> bool {
    let in_envelope = action.fields.contains_key("subscription_group_id");
    in_envelope && text.to_lowercase().contains(UNKNOWN_GROUP)
}

/// A refusal in known words, whatever the service said.
pub(super) fn refusal(status: u16, text: &str) -> Refusal {
    let lower = text.to_lowercase();
    let says = |known: &&Known| {
        (!known.code.is_empty() && text.contains(known.code))
            || known.sentences.iter().any(|sentence| lower.contains(sentence))
    };
    let message: Cow<'static, str> = match TABLE.iter().find(says) {
        Some(Known { code: "", meaning, .. }) => format!("refused by the service: {meaning}").into(),
        Some(Known { code, meaning, .. }) => format!("refused by the service: {meaning} ({code})").into(),
        None => format!("refused by the service (HTTP {status})").into(),
    };
    Refusal::new("refused", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_and_its_sentence_mean_the_same() {
        let code = refusal(201, "EXTERNAL_USER_ID_TOO_LARGE");

        assert_eq!(code, refusal(201, "'external_id' must be fewer than 988 bytes"));
        assert_eq!(
            code.message,
            "refused by the service: the external id is longer than 987 bytes (EXTERNAL_USER_ID_TOO_LARGE)"
        );
    }

    #[test]
    fn a_sentence_nobody_knows_is_not_passed_on() {
        assert_eq!(refusal(400, "no such user ada@example.com").message, "refused by the service (HTTP 400)");
    }
}
