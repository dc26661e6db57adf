//! `/users/delete`, `/users/identify`, `/users/alias/new` and renames.

use std::time::Duration;

use privaflow::sandbox::{Effect, Fault, Faults, Identifiers, Options};
use serde_json::json;

use crate::client::{Braze, GROUP, alias};

#[tokio::test]
async fn a_deletion_counts_ids_and_shows_only_after_the_lag() {
    let braze = Braze::new().await;
    braze.seed("u1", "a@example.com");

    let answer = braze.post("/users/delete", json!({ "external_ids": ["u1", "nobody", "u1"] })).await;

    assert_eq!((answer.status, answer.body()), (201, json!({ "deleted": 3, "message": "success" })));
    braze.pass(Duration::from_millis(199));
    assert_eq!(braze.export(json!({ "external_ids": ["u1"] })).await["users"].as_array().unwrap().len(), 1);
    braze.pass(Duration::from_secs(3));
    let after = braze.export(json!({ "external_ids": ["u1"] })).await;
    assert_eq!((&after["users"], &after["invalid_user_ids"]), (&json!([]), &json!(["u1"])));
    let gone = braze.get("/sandbox/profiles?external_id=u1").await.body();
    assert_eq!(gone["deleted"], true);
}

#[tokio::test]
async fn exactly_one_of_the_five_arrays_is_taken_with_fifty_entries_at_most() {
    let braze = Braze::new().await;
    let ids: Vec<String> = (0..51).map(|n| n.to_string()).collect();
    let refused = [
        json!({}),
        json!({ "external_ids": [] }),
        json!({ "external_ids": ["u1"], "braze_ids": ["b"] }),
        json!({ "external_ids": ids }),
    ];
    for body in refused {
        assert_eq!(braze.post("/users/delete", body).await.status, 400);
    }
    assert_eq!(braze.post("/users/delete", json!({ "external_ids": ids[..50] })).await.status, 201);
}

#[tokio::test]
async fn addresses_need_a_prioritization_that_does_not_contradict_itself() {
    let braze = Braze::new().await;
    let email = |order: serde_json::Value| {
        braze.post(
            "/users/delete",
            json!({ "email_addresses": [{ "email": "a@example.com", "prioritization": order }] }),
        )
    };

    for order in [
        json!(null),
        json!([]),
        json!(["identified", "unidentified"]),
        json!(["least_recently_updated"]),
        json!(["x"]),
    ] {
        assert_eq!(email(order).await.status, 400);
    }
    assert_eq!(email(json!(["identified", "most_recently_updated"])).await.status, 201);
    assert_eq!(
        braze.post("/users/delete", json!({ "email_addresses": ["a@example.com"] })).await.status,
        400
    );
}

#[tokio::test]
async fn an_ambiguous_address_deletes_nobody_without_a_word() {
    let braze = Braze::with(Options { deletion_lag: Duration::ZERO, ..Options::default() }).await;
    braze.seed("u1", "a@example.com");
    braze.seed("u2", "a@example.com");
    let delete = |order: serde_json::Value| {
        braze.post(
            "/users/delete",
            json!({ "email_addresses": [{ "email": "a@example.com", "prioritization": order }] }),
        )
    };

    let answer = delete(json!(["identified"])).await;
    assert_eq!((answer.status, answer.body()["deleted"].clone(), braze.live().len()), (201, json!(1), 2));

    delete(json!(["unidentified", "most_recently_updated"])).await;
    assert_eq!(braze.live().len(), 2);

    delete(json!(["identified", "most_recently_updated"])).await;
    assert_eq!(braze.live().len(), 1);
    assert!(braze.profile("u1").is_some());
}

#[tokio::test]
async fn aliases_braze_ids_and_phones_delete_too() {
    let braze = Braze::with(Options { deletion_lag: Duration::ZERO, ..Options::default() }).await;
    let named = |n: u8| Identifiers { external_id: Some(format!("u{n}")), ..Identifiers::default() };
    braze.sandbox.seed_subject(&Identifiers { aliases: vec![alias("n", "l")], ..named(1) });
    braze.sandbox.seed_subject(&named(2));
    braze.sandbox.seed_subject(&Identifiers { phone: Some("+15551234567".to_owned()), ..named(3) });
    let braze_id = braze.profile("u2").unwrap().braze_id;

    braze.post("/users/delete", json!({ "user_aliases": [{ "alias_name": "n", "alias_label": "l" }] })).await;
    braze.post("/users/delete", json!({ "braze_ids": [braze_id] })).await;
    let phone = json!([{ "phone": "+15551234567", "prioritization": ["identified"] }]);
    braze.post("/users/delete", json!({ "phone_numbers": phone })).await;

    assert!(braze.live().is_empty());
}

#[tokio::test]
async fn an_erased_person_comes_back_by_a_late_upsert_with_a_new_profile_and_no_opt_out() {
    let braze = Braze::with(Options { deletion_lag: Duration::ZERO, ..Options::default() }).await;
    braze.seed("u1", "a@example.com");
    braze
        .post(
            "/users/track",
            json!({ "attributes": [{ "external_id": "u1", "email_subscribe": "unsubscribed" }] }),
        )
        .await;
    let before = braze.profile("u1").unwrap();
    braze.post("/users/delete", json!({ "external_ids": ["u1"] })).await;

    braze
        .post(
            "/users/track",
            json!({ "attributes": [{ "external_id": "u1", "_update_existing_only": true }] }),
        )
        .await;
    assert!(braze.live().is_empty());

    braze.post("/users/track", json!({ "attributes": [{ "external_id": "u1" }] })).await;
    let after = braze.profile("u1").unwrap();
    assert_eq!(after.email_subscribe, "subscribed");
    assert_ne!(before.braze_id, after.braze_id);
    assert_eq!(braze.sandbox.profiles().len(), 2);
}

#[tokio::test]
async fn the_lag_of_a_deletion_follows_from_the_seed() {
    let mut gone_after = Vec::new();
    for seed in [1, 1, 2] {
        let braze = Braze::with(Options { seed, ..Options::default() }).await;
        braze.seed("u1", "");
        braze.post("/users/delete", json!({ "external_ids": ["u1"] })).await;
        let mut waited_ms = 0;
        while !braze.live().is_empty() {
            braze.pass(Duration::from_millis(1));
            waited_ms += 1;
        }
        gone_after.push(waited_ms);
    }

    assert_eq!(gone_after[0], gone_after[1]);
    assert_ne!(gone_after[0], gone_after[2]);
    assert!(gone_after.iter().all(|ms| (200..=3_000).contains(ms)), "{gone_after:?}");
}

#[tokio::test]
async fn a_deprecated_external_id_still_deletes_the_live_person() {
    let braze = Braze::with(Options { deletion_lag: Duration::ZERO, ..Options::default() }).await;
    braze.seed("old", "");
    let renames =
        json!({ "external_id_renames": [{ "current_external_id": "old", "new_external_id": "new" }] });

    let first = braze.post("/users/external_ids/rename", renames.clone()).await.body();
    let second = braze.post("/users/external_ids/rename", renames).await.body();
    assert_eq!(
        (&first["external_ids"], first["rename_errors"].as_array().unwrap().len()),
        (&json!(["new"]), 0)
    );
    assert_eq!(second["rename_errors"].as_array().unwrap().len(), 1);

    let found = braze.export(json!({ "external_ids": ["old"] })).await;
    assert_eq!(found["users"][0]["external_id"], "new");
    braze.post("/users/delete", json!({ "external_ids": ["old"] })).await;
    assert!(braze.live().is_empty());
}

#[tokio::test]
async fn identification_names_an_anonymous_profile_or_merges_it() {
    let braze = Braze::new().await;
    let aliased = |name: &str| Identifiers { aliases: vec![alias(name, "l")], ..Identifiers::default() };
    braze.sandbox.seed_subject(&aliased("one"));
    braze.sandbox.seed_subject(&Identifiers { email: Some("two@example.com".to_owned()), ..aliased("two") });
    braze.seed("known", "");
    let entry = |id: &str, name: &str| json!({ "external_id": id, "user_alias": { "alias_name": name, "alias_label": "l" } });
    let entries = [entry("fresh", "one"), entry("known", "two"), entry("known", "nobody")];

    let answer = braze.post("/users/identify", json!({ "aliases_to_identify": entries })).await;

    assert_eq!(
        (answer.status, answer.body()),
        (201, json!({ "aliases_processed": 3, "message": "success" }))
    );
    assert!(braze.profile("fresh").is_some());
    let known = braze.profile("known").unwrap();
    assert_eq!((known.email.as_deref(), known.aliases.len()), (Some("two@example.com"), 1));
    assert_eq!(braze.live().len(), 2);
}

#[tokio::test]
async fn identification_by_email_merges_what_the_anonymous_profile_had() {
    let braze = Braze::new().await;
    braze.seed("u1", "");
    let groups = json!([{ "subscription_group_id": GROUP, "subscription_state": "unsubscribed" }]);
    let object = json!({ "email": "a@example.com", "x": 1, "subscription_groups": groups });
    braze.post("/users/track", json!({ "attributes": [object] })).await;
    let entry = json!({ "external_id": "u1", "email": "a@example.com", "prioritization": ["unidentified", "most_recently_updated"] });

    braze.post("/users/identify", json!({ "emails_to_identify": [entry] })).await;

    let profile = braze.profile("u1").unwrap();
    assert_eq!(profile.email.as_deref(), Some("a@example.com"));
    assert_eq!((profile.attributes.len(), profile.subscription_groups.len(), braze.live().len()), (1, 1, 1));
    assert_eq!(braze.post("/users/identify", json!({})).await.status, 400);
}

#[tokio::test]
async fn an_alias_joins_a_known_person_or_makes_an_anonymous_one() {
    let braze = Braze::new().await;
    braze.seed("u1", "");
    let aliases = json!([
        { "external_id": "u1", "alias_name": "a", "alias_label": "l" },
        { "external_id": "nobody", "alias_name": "b", "alias_label": "l" },
        { "alias_name": "c", "alias_label": "l" },
    ]);

    let answer = braze.post("/users/alias/new", json!({ "user_aliases": aliases })).await;

    assert_eq!(
        (answer.status, answer.body()),
        (201, json!({ "aliases_processed": 3, "message": "success" }))
    );
    assert_eq!(braze.profile("u1").unwrap().aliases.len(), 1);
    assert_eq!(braze.live().len(), 2);
}

#[tokio::test]
async fn a_deletion_can_be_accepted_and_do_nothing() {
    let braze = Braze::new().await;
    braze.seed("u1", "");
    let fault = Fault::new(Effect::AcceptWithoutApplying).on("/users/delete").at_most(1);
    braze.sandbox.set_faults(Faults { faults: vec![fault] });

    assert_eq!(braze.post("/users/delete", json!({ "external_ids": ["u1"] })).await.status, 201);

    braze.pass(Duration::from_secs(60));
    assert!(braze.profile("u1").is_some());
}

#[tokio::test]
async fn somebody_who_was_erased_comes_back_under_another_braze_id() {
    let braze = Braze::new().await;
    braze.seed("u1", "a@example.com");
    let before = braze.profile("u1").unwrap().braze_id;
    let fault = Fault::new(Effect::ComeBack { after_ms: 60_000 }).on("/users/delete").at_most(1);
    braze.sandbox.set_faults(Faults { faults: vec![fault] });

    braze.post("/users/delete", json!({ "external_ids": ["u1"] })).await;

    braze.pass(Duration::from_secs(59));
    assert!(braze.profile("u1").is_none());
    braze.pass(Duration::from_secs(1));
    let again = braze.profile("u1").unwrap();
    assert_eq!(again.email.as_deref(), Some("a@example.com"));
    assert_ne!(again.braze_id, before);
}
