//! Whom an erasure covers of those who share an address, once others are gone, too.

use super::*;

/// Two of one home, of whom the first is erased.
fn one_of_two() -> Cover {
    let mut cover = Cover::of(Some(&json!({"external_id": "u-1"}))).keeping(true, false);
    let shown = json!([{"braze_id": "b-1", "external_id": "u-1", "email": "home@example.com"},
        {"braze_id": "b-2", "external_id": "u-2", "email": "home@example.com"}]);
    look(&mut cover, json!({"email_address": "home@example.com"}), shown);
    erase(&mut cover, json!({"braze_ids": ["b-1"]}));
    cover.hear(&Answer { result: Ok(json!({"deleted": 1})), status: 201, at_ms: 77 });
    cover
}

fn sought_emails(cover: &Cover) -> Value {
    let known: Value = serde_json::from_slice(&cover.sought().to_bytes()).unwrap();
    known["spaces"][0]["emails"].clone()
}

#[test]
fn an_address_that_leads_to_nobody_after_the_erasure_is_covered_as_of_it_and_looked_for() {
    let mut cover = one_of_two();
    assert_eq!(sought_emails(&cover), json!([]));

    look(&mut cover, json!({"email_address": "home@example.com"}), json!([]));

    let deserted = cover.deserted.take().unwrap();
    assert_eq!((deserted.people, deserted.erased_ms), (by(json!({"email": "home@example.com"})), 77));
    assert_eq!(sought_emails(&cover), json!(["home@example.com"]));
    // It is said once.
    look(&mut cover, json!({"email_address": "home@example.com"}), json!([]));
    assert!(cover.deserted.is_none());
}

#[test]
fn an_address_of_which_somebody_is_left_and_one_of_somebody_else_prove_nothing() {
    let mut cover = one_of_two();

    look(&mut cover, json!({"email_address": "home@example.com"}), json!([{"braze_id": "b-2"}]));
    assert!(cover.deserted.is_none());
    look(&mut cover, json!({"external_ids": ["u-2"]}), json!([]));
    assert!(cover.deserted.is_none());
    look(&mut cover, json!({"email_address": "office@example.com"}), json!([]));

    assert!(cover.deserted.is_none());
    assert_eq!(sought_emails(&cover), json!([]));
}

#[test]
fn what_leads_to_nobody_before_an_erasure_proves_nothing() {
    let mut cover = Cover::of(Some(&json!({"email": "home@example.com"})));
    look(
        &mut cover,
        json!({"phone": "+15557770001"}),
        json!([{"braze_id": "b-2", "email": "home@example.com"}]),
    );

    look(&mut cover, json!({"email_address": "home@example.com"}), json!([]));

    assert!(cover.deserted.is_none());
    assert_spares(&erase(&mut cover, json!({"braze_ids": ["b-1"]})), json!({"email": "home@example.com"}));
}

#[test]
fn what_was_anybodys_whom_a_call_by_an_address_took_is_covered_once_it_leads_to_nobody() {
    let mut cover = Cover::of(Some(&json!({"email": "home@example.com"})));
    let shown = json!([{"braze_id": "b-1", "external_id": "u-1"}, {"braze_id": "b-2", "external_id": "u-2"}]);
    look(&mut cover, json!({"email_address": "home@example.com"}), shown);
    let with = json!({"email_addresses": [{"email": "home@example.com", "prioritization": ["identified"]}]});
    erase(&mut cover, with);
    cover.hear(&told(json!({"deleted": 1})));

    let both = || json!({"external_ids": ["u-1", "u-2"]});
    look(&mut cover, both(), json!([{"braze_id": "b-1", "external_id": "renamed"}]));
    assert!(cover.deserted.is_none());
    look(&mut cover, both(), json!([{"braze_id": "b-2", "external_id": "u-2"}]));
    let first = cover.deserted.take().unwrap().people;
    look(&mut cover, json!({"email_address": "home@example.com"}), json!([{"braze_id": "b-2"}]));

    assert_eq!(first, by(json!({"external_id": "u-1"})));
    assert!(cover.deserted.is_none());
}

#[test]
fn an_address_shared_with_who_stays_is_waited_for_and_erased_once_they_are_gone() {
    let mut cover = Cover::of(Some(&json!({"external_id": "u-1"})));
    let shown = json!([{"braze_id": "b-1", "external_id": "u-1", "email": "home@example.com"},
        {"braze_id": "b-2", "external_id": "u-2", "email": "home@example.com"}]);
    look(&mut cover, json!({"email_address": "home@example.com"}), shown);
    let (home, other) = (json!({"email": "home@example.com"}), by(json!({"braze_id": "b-2"})));
    let mut call = erase_in(&mut cover, &here(), json!({"braze_ids": ["b-1"]}));
    assert_covers(call.reaches(), home.clone());
    assert_spares(call.may_be_held(), home.clone());

    call.settle_doubt(|_| Ok::<_, ()>(false)).unwrap();
    assert_spares(call.erases(), home.clone());
    call.settle_doubt(|profile| Ok::<_, ()>(other == [profile])).unwrap();

    assert_covers(
        call.erases(),
        json!({"email": "home@example.com", "braze_id": "b-1", "external_id": "u-1"}),
    );
    assert_eq!(call.may_be_held(), call.erases());
    assert_spares(call.reaches(), json!({"external_id": "u-2", "braze_id": "b-2"}));
}
