//! Whom an erasure covers, by what its run was told.

use serde_json::{Value, json};

use super::*;
use crate::catalogue::find;
use crate::run::spaces::Spaces;

mod household;

fn call(action: &str, with: &Value) -> Call {
    Call::new(find(action).unwrap(), with).unwrap()
}

fn told(output: Value) -> Answer {
    Answer { result: Ok(output), status: 200, at_ms: 0 }
}

/// The workspace of whoever says nothing of one.
fn here() -> Arc<str> {
    Arc::from("eu")
}

fn look(cover: &mut Cover, with: Value, users: Value) {
    look_in(cover, &here(), with, users);
}

fn look_in(cover: &mut Cover, space: &Arc<str>, with: Value, users: Value) {
    cover.note(&mut call("braze/users.export.ids", &with), space);
    cover.hear(&told(json!({ "users": users })));
}

fn erase(cover: &mut Cover, with: Value) -> Vec<PersonKey> {
    erase_in(cover, &here(), with).erases().to_vec()
}

fn erase_in(cover: &mut Cover, space: &Arc<str>, with: Value) -> Call {
    let mut call = call("braze/users.delete", &with);
    cover.note(&mut call, space);
    call
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

    cover.note(&mut call, &here());

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
    let mut cover = Cover::of(Some(&json!({"external_id": "u-1"}))).keeping(true, false);
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
    cover.note(&mut call, &here());
    let before = cover.sought();
    cover.hear(&told(json!({"deleted": 1})));

    let known: Value = serde_json::from_slice(&cover.sought().to_bytes()).unwrap();
    let expected = json!({"space": "eu", "external_ids": [], "user_aliases": [{"alias_name": "n", "alias_label": "l"}],
        "braze_ids": ["b-1"], "emails": [], "phones": ["+15557770001"], "device_ids": ["d-1"], "left": ["b-2"]});
    assert_eq!(known, json!({ "spaces": [expected] }));
    assert_eq!(before, cover.sought());
}

#[test]
fn who_is_not_looked_for_again_or_was_not_erased_leaves_nothing() {
    let shown = json!([{"braze_id": "b-1", "email": "a@example.com"}]);
    for keeps in [false, true] {
        let mut cover = Cover::of(Some(&json!({"external_id": "u-1"}))).keeping(keeps, false);
        look(&mut cover, json!({"external_ids": ["u-1"]}), shown.clone());
        let mut call = call("braze/users.delete", &json!({"braze_ids": ["b-1"]}));
        cover.note(&mut call, &here());
        let refusal = crate::catalogue::Refusal::kept("refused", "no".to_owned());
        let refused = Answer { result: Err(refusal), status: 400, at_ms: 0 };
        match keeps {
            true => cover.hear(&refused),
            false => cover.hear(&told(json!({"deleted": 1}))),
        }

        assert!(cover.sought().is_empty());
    }
}

#[test]
fn what_look_ups_of_one_workspace_showed_is_not_covered_in_another_one() {
    // Given one person, known by other ids in two workspaces
    let mut cover = Cover::of(Some(&json!({"email": "a@example.com"}))).keeping(true, true);
    let (eu, us) = (here(), Arc::from("us"));
    let by = || json!({"email_address": "a@example.com"});
    let shown = json!([{"braze_id": "b-1", "external_id": "u-1", "phone": "+15557770001"}]);
    look_in(&mut cover, &eu, by(), shown);
    let in_eu = erase_in(&mut cover, &eu, json!({"braze_ids": ["b-1"]}));
    cover.hear(&told(json!({"deleted": 1})));
    look_in(&mut cover, &us, by(), json!([{"braze_id": "b-2", "external_id": "u-2"}]));
    let in_us = erase_in(&mut cover, &us, json!({"braze_ids": ["b-2"]}));

    // Then the gate of each keeps what the request names and what was shown there
    assert_covers(
        in_eu.erases(),
        json!({"external_id": "u-1", "phone": "+15557770001", "email": "a@example.com"}),
    );
    assert_covers(in_us.erases(), json!({"external_id": "u-2", "braze_id": "b-2", "email": "a@example.com"}));
    assert_spares(in_us.erases(), json!({"external_id": "u-1", "phone": "+15557770001", "braze_id": "b-1"}));
    // And each is looked for where it was erased
    let known: Value = serde_json::from_slice(&cover.sought().to_bytes()).unwrap();
    let of = |at: usize| (&known["spaces"][at]["space"], &known["spaces"][at]["external_ids"]);
    assert_eq!(of(0), (&json!("eu"), &json!(["u-1"])));
    assert_eq!(of(1), (&json!("us"), &json!(["u-2"])));
}

#[test]
fn where_several_workspaces_are_it_is_kept_in_which_of_them_the_run_was() {
    let mut cover = Cover::of(Some(&json!({"external_id": "u-1"}))).keeping(true, true);
    erase_in(&mut cover, &here(), json!({"external_ids": ["u-1"]}));

    let sought = Sought::of_bytes(&cover.sought().to_bytes()).unwrap();

    let mut spaces = Spaces::default();
    ["eu", "us"].into_iter().for_each(|space| spaces.add("braze", space, space, false));
    let named = |space: &str| sought.here(space, &spaces, true).named;
    use crate::run::sought::NamedHere;
    assert_eq!((named("eu"), named("us")), (NamedHere::Own, NamedHere::Not));
}

#[test]
fn who_is_held_under_what_another_workspace_knows_of_them_is_not_erased_and_the_gate_knows_nothing_of_it() {
    let mut cover = Cover::of(Some(&json!({"email": "a@example.com"})));
    let (eu, us) = (here(), Arc::from("us"));
    let phone = Named::of_profile(&json!({"phone": "+15557770001"})).collect();
    let alias = Named::of_profile(&json!({"external_id": "u-1"})).collect();
    let places = vec![
        SoughtIn::new(eu, phone, Vec::new()),
        SoughtIn { space: None, identifiers: alias, left: Default::default() },
    ];
    cover.also(&Sought::of(places), false);

    let call = erase_in(&mut cover, &us, json!({"braze_ids": ["b-2"]}));

    assert_covers(call.reaches(), json!({"phone": "+15557770001", "external_id": "u-1", "braze_id": "b-2"}));
    assert_spares(call.erases(), json!({"phone": "+15557770001", "external_id": "u-1"}));
    assert_covers(call.erases(), json!({"braze_id": "b-2", "email": "a@example.com"}));
}

#[test]
fn people_are_looked_for_by_what_the_calls_named_that_the_request_does_not() {
    // Given a file that takes identifiers from elsewhere in the request
    let mut cover = Cover::of(Some(&json!({"external_id": "u-1"}))).keeping(true, false);
    look(
        &mut cover,
        json!({"email_address": "work@example.com", "fields_to_export": ["braze_id"]}),
        json!([{"braze_id": "b-1"}]),
    );
    look(
        &mut cover,
        json!({"device_id": "d-1", "fields_to_export": ["braze_id"]}),
        json!([{"braze_id": "b-1"}]),
    );
    look(
        &mut cover,
        json!({"phone": "+15557770009", "fields_to_export": ["braze_id"]}),
        json!([{"braze_id": "b-9"}]),
    );
    erase(&mut cover, json!({"braze_ids": ["b-1"]}));
    cover.hear(&told(json!({"deleted": 1})));
    erase(&mut cover, json!({"external_ids": ["customer-1"]}));

    let known: Value = serde_json::from_slice(&cover.sought().to_bytes()).unwrap();

    let expected = json!({"space": "eu", "external_ids": ["customer-1"], "user_aliases": [], "braze_ids": ["b-1"],
        "emails": ["work@example.com"], "phones": [], "device_ids": ["d-1"], "left": ["b-9"]});
    assert_eq!(known["spaces"][0], expected);
}
