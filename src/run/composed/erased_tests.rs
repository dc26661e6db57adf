//! Verifications of erasures told by hand what Braze answers, and when.

use serde_json::{Value, json};

use super::tests::{Braze, found, household, rules};
use super::*;
use crate::workflow::Rules;

const BEGUN_MS: i64 = 1_800_000_000_000;
const MINUTE_MS: i64 = 60_000;

/// A verification of what was found, and the minutes after the deletion at which it did what.
fn verify(
    with: &str,
    found: &Value,
    mut service: impl FnMut(i64, &str) -> Value,
) -> (Asks, Vec<(i64, String)>) {
    verify_asking(with, found, |minute, action, _| service(minute, action))
}

/// The same of a service that reads what it is asked.
fn verify_asking(
    with: &str,
    found: &Value,
    mut service: impl FnMut(i64, &str, &Value) -> Value,
) -> (Asks, Vec<(i64, String)>) {
    let Rules::Erased(rules) = rules("verify_erased", with) else { panic!() };
    let mut erased = Erased::begin(&rules, found, Some(BEGUN_MS), BEGUN_MS).unwrap();
    let (mut now_ms, mut did) = (BEGUN_MS + 7, Vec::new());
    for _ in 0..100 {
        match erased.next(now_ms) {
            Asks::Call(action, body) => {
                let minute = (now_ms - BEGUN_MS) / MINUTE_MS;
                did.push((minute, action.id.clone()));
                erased.hear(&service(minute, &action.id, &body), now_ms);
            }
            Asks::Pause { until_ms } => {
                assert!(until_ms > now_ms);
                now_ms = until_ms;
            }
            over => return (over, did),
        }
    }
    panic!("it never ends: {did:?}")
}

const FOUND: &str = "{ found: '{{ vars.found }}' }";

fn one() -> Value {
    found(
        json!({ "email": "a@example.com" }),
        &Braze(vec![json!({ "braze_id": "b-1", "email": "a@example.com" })]),
    )
}

fn looked(minutes: &[i64]) -> Vec<(i64, String)> {
    minutes.iter().map(|minute| (*minute, "users.export.ids".to_owned())).collect()
}

#[test]
fn what_is_gone_at_the_first_look_is_looked_for_once_after_the_lag() {
    let (over, did) = verify(FOUND, &one(), |_, _| json!({ "users": [] }));

    assert!(
        matches!(over, Asks::Done { output, .. } if output == json!({ "gone": true, "looks": 2, "erased_again": 0 }))
    );
    assert_eq!(did, looked(&[5, 5]), "by the address, and by the Braze id");
}

#[test]
fn pauses_grow_and_what_is_still_there_is_deleted_again_twice_and_no_more() {
    let (over, did) = verify(FOUND, &one(), |_, _| json!({ "users": [{ "braze_id": "b-1" }] }));

    let Asks::Fails(failed) = over else { panic!("{over:?}") };
    assert_eq!(failed.code, STILL_THERE);
    let mut expected = looked(&[5, 15, 15, 35, 35, 75, 155, 315, 635, 1275, 1440]);
    expected[2].1 = "users.delete".to_owned();
    expected[4].1 = "users.delete".to_owned();
    assert_eq!(did, expected);
}

#[test]
fn what_went_after_the_second_deletion_is_gone() {
    let mut deletions = 0;
    let (over, _) = verify(FOUND, &one(), |_, action| {
        deletions += usize::from(action == "users.delete");
        json!({ "users": if deletions < 1 { json!([{ "braze_id": "b-1" }]) } else { json!([]) } })
    });

    assert!(matches!(over, Asks::Done { output, .. } if output["erased_again"] == 1));
}

#[test]
fn nothing_is_deleted_again_where_the_workflow_says_so() {
    let with = "{ found: '{{ vars.found }}', first_after: 1h, at_most: 2h, erase_again: false }";
    let (over, did) = verify(with, &one(), |_, _| json!({ "users": [{ "braze_id": "b-1" }] }));

    assert!(matches!(over, Asks::Fails(_)));
    assert_eq!(did, looked(&[60, 120]));
}

#[test]
fn a_stranger_who_comes_to_an_address_is_never_deleted_and_never_called_gone() {
    let stranger = json!({ "users": [{ "braze_id": "b-new", "external_id": "somebody" }] });
    let (over, did) = verify(FOUND, &one(), |_, _| stranger.clone());

    assert!(matches!(over, Asks::Fails(failed) if failed.code == STILL_THERE));
    assert!(did.iter().all(|(_, action)| action == "users.export.ids"), "{did:?}");
}

#[test]
fn whoever_was_left_on_purpose_does_not_hinder() {
    let found = found(json!({ "external_id": "ada" }), &household());
    let (over, did) =
        verify(FOUND, &found, |_, _| json!({ "users": [{ "braze_id": "b-bob", "external_id": "bob" }] }));

    assert!(matches!(over, Asks::Done { .. }));
    assert_eq!(
        did,
        looked(&[5, 5, 5, 5, 5, 5, 5]),
        "ids and aliases together, an address, a phone, a device, three without an external id"
    );
}

/// A customer with an address.
fn ada() -> (Value, Braze) {
    let braze = Braze(vec![json!({ "braze_id": "b-1", "external_id": "ada", "email": "ada@example.com" })]);
    (found(json!({ "external_id": "ada" }), &braze), braze)
}

#[test]
fn what_led_to_nobody_is_asked_again_once_nothing_else_leads_to_anybody() {
    let (found, there) = ada();
    let mut asked = Vec::new();
    let (over, did) = verify_asking(FOUND, &found, |minute, _, body| {
        asked.push(if body["email_address"].is_null() { "id" } else { "address" });
        // The address is longer on its way through the caches.
        if minute == 5 && !body["email_address"].is_null() { there.answer(body) } else { json!({}) }
    });

    assert!(matches!(over, Asks::Done { output, .. } if output["looks"] == 4));
    assert_eq!((did, asked), (looked(&[5, 5, 15, 15]), vec!["id", "address", "address", "id"]));
}

#[test]
fn whoever_comes_back_under_what_led_to_nobody_is_still_there_and_deleted_again() {
    let (found, before) = ada();
    let anew = Braze(vec![json!({ "braze_id": "b-2", "external_id": "ada" })]);
    let mut deleted = Vec::new();
    let (over, did) = verify_asking(FOUND, &found, |minute, action, body| match (minute, action) {
        (_, "users.delete") => {
            deleted.push(body["braze_ids"].clone());
            json!({})
        }
        (5, _) if body["email_address"].is_null() => json!({}),
        (5, _) => before.answer(body),
        (15, _) => anew.answer(body),
        _ => json!({}),
    });

    assert!(matches!(over, Asks::Done { output, .. } if output["erased_again"] == 1));
    let mut expected = looked(&[5, 5, 15, 15, 15, 35, 35]);
    expected[4].1 = "users.delete".to_owned();
    assert_eq!((did, deleted), (expected, vec![json!(["b-2"])]));
}

#[test]
fn whoever_is_made_anew_under_one_thing_after_the_other_waits_for_a_person() {
    let (found, _) = ada();
    let mut asked = 0;
    // The first that a look asks for leads to nobody, the other one to somebody.
    let (over, did) = verify_asking(FOUND, &found, |_, action, _| {
        asked += usize::from(action != "users.delete");
        json!({ "users": if asked % 2 == 0 { json!([{ "braze_id": "b-9" }]) } else { json!([]) } })
    });

    assert!(matches!(over, Asks::Fails(failed) if failed.code == STILL_THERE));
    assert_eq!(did.iter().filter(|(_, action)| action == "users.delete").count(), 2, "{did:?}");
}

#[test]
fn a_profile_without_an_external_id_that_is_known_by_something_else_since_is_still_there() {
    let moved = Braze(vec![json!({ "braze_id": "b-1", "email": "new@example.com" })]);
    let mut deletions = 0;
    let (over, did) = verify_asking(FOUND, &one(), |_, action, body| {
        deletions += usize::from(action == "users.delete");
        if deletions == 0 { moved.answer(body) } else { json!({}) }
    });

    assert!(matches!(over, Asks::Done { output, .. } if output["erased_again"] == 1));
    let mut expected = looked(&[5, 5, 15, 15, 35, 35]);
    expected[3].1 = "users.delete".to_owned();
    assert_eq!(did, expected, "the address leads to nobody, the Braze id does");
}

#[test]
fn what_the_first_look_asks_is_what_an_earlier_release_asked_and_then_the_rest() {
    let found = found(json!({ "external_id": "ada" }), &household());
    let mut asked = Vec::new();
    verify_asking(FOUND, &found, |_, _, body| {
        let member = body.as_object().unwrap().keys().find(|name| *name != "fields_to_export");
        asked.extend(member.cloned());
        json!({})
    });

    let kinds = ["external_ids", "email_address", "phone", "device_id", "braze_id", "braze_id", "braze_id"];
    assert_eq!(asked, kinds);
}

#[test]
fn nothing_that_was_found_needs_no_look() {
    let nobody = found(json!({ "external_id": "nobody" }), &household());

    let (over, did) = verify(FOUND, &nobody, |_, _| panic!("nobody is to be looked for"));

    assert!(matches!(over, Asks::Done { .. }) && did.is_empty());
}

#[test]
fn only_what_a_search_found_can_be_verified() {
    let Rules::Erased(rules) = rules("verify_erased", FOUND) else { panic!() };

    for found in
        [json!(1), json!({}), json!({ "braze_ids": [], "others": [], "identifiers": { "emails": [] } })]
    {
        assert_eq!(Erased::begin(&rules, &found, None, 0).unwrap_err().code, "template");
    }
}
