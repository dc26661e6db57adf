//! Whom an erasure covers, by what its run was told.

use serde_json::{Value, json};

use super::*;
use crate::catalogue::find;

fn call(action: &str, with: &Value) -> Call {
    Call::new(find(action).unwrap(), with).unwrap()
}

fn told(output: Value) -> Answer {
    Answer { result: Ok(output), status: 200, at_ms: 0 }
}

fn look(cover: &mut Cover, with: Value, users: Value) {
    cover.note(&mut call("braze/users.export.ids", &with));
    cover.hear(&told(json!({ "users": users })));
}

fn erase(cover: &mut Cover, with: Value) -> Vec<PersonKey> {
    let mut call = call("braze/users.delete", &with);
    cover.note(&mut call);
    call.erases().to_vec()
}

fn by(subject: Value) -> Vec<PersonKey> {
    KnownBy::read(&subject).all().collect()
}

#[track_caller]
fn assert_covers(erased: &[PersonKey], subject: Value) {
    let keys = by(subject.clone());
    assert!(!keys.is_empty() && keys.iter().all(|key| erased.contains(key)), "{subject}");
}

#[track_caller]
fn assert_spares(erased: &[PersonKey], subject: Value) {
    assert!(!by(subject.clone()).iter().any(|key| erased.contains(key)), "{subject}");
}

#[test]
fn what_the_request_says_of_its_subject_is_covered() {
    let subject = json!({"external_id": "u-1", "email": "a@example.com", "phone": "+15557770001",
        "aliases": [{"alias_name": "n", "alias_label": "l"}]});
    let mut cover = Cover::of(Some(&subject));

    let erased = erase(&mut cover, json!({"external_ids": ["u-1"]}));

    assert_covers(&erased, subject);
}

#[test]
fn what_look_ups_showed_of_the_profiles_that_are_deleted_is_covered() {
    let mut cover = Cover::of(Some(&json!({"email": "a@example.com"})));
    let shown = json!([{"braze_id": "b-1", "external_id": "u-1", "phone": "+15557770001",
        "user_aliases": [{"alias_name": "n", "alias_label": "l"}]}]);
    look(&mut cover, json!({"email_address": "a@example.com"}), shown);

    let erased = erase(&mut cover, json!({"braze_ids": ["b-1"]}));

    assert_covers(&erased, json!({"braze_id": "b-1", "external_id": "u-1", "email": "a@example.com"}));
    assert_covers(
        &erased,
        json!({"phone": "+15557770001", "aliases": [{"alias_name": "n", "alias_label": "l"}]}),
    );
}

#[test]
fn an_address_of_somebody_who_stays_is_not_covered() {
    let mut cover = Cover::of(Some(&json!({"external_id": "u-1", "email": "home@example.com"})));
    let shown = json!([{"braze_id": "b-1", "external_id": "u-1"}, {"braze_id": "b-2", "external_id": "u-2"}]);
    look(&mut cover, json!({"email_address": "home@example.com"}), shown);

    let erased = erase(&mut cover, json!({"external_ids": ["u-1"]}));

    assert_covers(&erased, json!({"external_id": "u-1", "braze_id": "b-1"}));
    assert_spares(&erased, json!({"external_id": "u-2", "braze_id": "b-2", "email": "home@example.com"}));
}

#[test]
fn an_address_by_which_one_of_several_is_deleted_is_not_covered_but_waited_for() {
    let mut cover = Cover::of(Some(&json!({"email": "home@example.com"})));
    look(
        &mut cover,
        json!({"email_address": "home@example.com"}),
        json!([{"braze_id": "b-1"}, {"braze_id": "b-2"}]),
    );
    let with =
        json!({"email_addresses": [{"email": "home@example.com", "prioritization": ["unidentified"]}]});
    let mut call = call("braze/users.delete", &with);

    cover.note(&mut call);

    assert!(call.erases().is_empty());
    assert_eq!(call.reaches(), by(json!({"email": "home@example.com"})));
}

#[test]
fn once_everybody_of_an_address_is_deleted_it_is_covered() {
    let mut cover = Cover::of(Some(&json!({"email": "home@example.com"})));
    look(
        &mut cover,
        json!({"email_address": "home@example.com"}),
        json!([{"braze_id": "b-1"}, {"braze_id": "b-2"}]),
    );

    let first = erase(&mut cover, json!({"braze_ids": ["b-1"]}));
    cover.hear(&told(json!({"message": "success"})));
    let second = erase(&mut cover, json!({"braze_ids": ["b-2"]}));

    assert_spares(&first, json!({"email": "home@example.com"}));
    assert_covers(&second, json!({"email": "home@example.com", "braze_id": "b-2"}));
    assert_covers(&second, json!({"braze_id": "b-1"}));
}

#[test]
fn two_looks_at_one_profile_are_one_profile() {
    let mut cover = Cover::of(None);
    look(
        &mut cover,
        json!({"external_ids": ["u-1"], "fields_to_export": ["external_id"]}),
        json!([{"external_id": "u-1"}]),
    );
    look(&mut cover, json!({"phone": "+15557770001"}), json!([{"braze_id": "b-1"}]));
    look(&mut cover, json!({"braze_id": "b-1"}), json!([{"external_id": "u-1", "email": "a@example.com"}]));

    let erased = erase(&mut cover, json!({"external_ids": ["u-1"]}));

    assert_covers(
        &erased,
        json!({"external_id": "u-1", "braze_id": "b-1", "email": "a@example.com", "phone": "+15557770001"}),
    );
}

#[test]
fn an_erasure_that_was_refused_covers_nobody_later() {
    let mut cover = Cover::of(None);
    look(
        &mut cover,
        json!({"email_address": "home@example.com"}),
        json!([{"braze_id": "b-1"}, {"braze_id": "b-2"}]),
    );
    erase(&mut cover, json!({"braze_ids": ["b-1"]}));
    let refused = crate::catalogue::Refusal::new("refused", "no");
    cover.hear(&Answer { result: Err(refused), status: 400, at_ms: 0 });

    let erased = erase(&mut cover, json!({"braze_ids": ["b-2"]}));

    assert_spares(&erased, json!({"email": "home@example.com", "braze_id": "b-1"}));
}

#[test]
fn people_are_looked_for_by_what_was_shown_of_them_alone_and_the_request_does_not_name() {
    // Given two of one home and one device, of whom one is erased
    let mut cover = Cover::of(Some(&json!({"external_id": "u-1"}))).keeping(true);
    let shown = json!([{"braze_id": "b-1", "external_id": "u-1", "email": "home@example.com", "phone": "+15557770001",
        "user_aliases": [{"alias_name": "n", "alias_label": "l"}],
        "devices": [{"device_id": "d-1"}, {"device_id": "d-home"}]}]);
    look(&mut cover, json!({"external_ids": ["u-1"]}), shown);
    let shown = json!([{"braze_id": "b-2", "external_id": "u-2", "email": "HOME@example.com",
        "devices": [{"device_id": "d-home"}]}]);
    look(&mut cover, json!({"email_address": "home@example.com"}), shown);
    assert!(cover.sought().is_empty(), "nobody was erased");

    // When the call is made, and when it was accepted
    let mut call = call("braze/users.delete", &json!({"braze_ids": ["b-1"]}));
    cover.note(&mut call);
    let before = cover.sought();
    cover.hear(&told(json!({"deleted": 1})));

    let known: Value = serde_json::from_slice(&cover.sought().to_bytes()).unwrap();
    let expected = json!({"external_ids": [], "user_aliases": [{"alias_name": "n", "alias_label": "l"}],
        "braze_ids": ["b-1"], "emails": [], "phones": ["+15557770001"], "device_ids": ["d-1"], "left": ["b-2"]});
    assert_eq!(known, expected);
    assert_eq!(before, cover.sought());
}

#[test]
fn who_is_not_looked_for_again_or_was_not_erased_leaves_nothing() {
    let shown = json!([{"braze_id": "b-1", "email": "a@example.com"}]);
    for keeps in [false, true] {
        let mut cover = Cover::of(Some(&json!({"external_id": "u-1"}))).keeping(keeps);
        look(&mut cover, json!({"external_ids": ["u-1"]}), shown.clone());
        let mut call = call("braze/users.delete", &json!({"braze_ids": ["b-1"]}));
        cover.note(&mut call);
        let refusal = crate::catalogue::Refusal::kept("refused", "no".to_owned());
        let refused = Answer { result: Err(refusal), status: 400, at_ms: 0 };
        match keeps {
            true => cover.hear(&refused),
            false => cover.hear(&told(json!({"deleted": 1}))),
        }

        assert!(cover.sought().is_empty());
    }
}
