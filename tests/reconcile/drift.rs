//! What is found: each direction, of each shipped workflow, and what does not count as drift.

use serde_json::json;

use crate::people::{
    FLOWS, asked, at, braze_holding, consent, counts, folder, hold, reconcile, report, seed,
};

#[test]
fn drift_is_found_in_each_direction_and_a_repair_leaves_none() {
    for (workflow, purpose, state) in FLOWS {
        // given: of people 0 and 1 Braze holds the opposite, of 2 and 3 the same, and 4 is not there
        let held = ["ACTIVE", "WITHDRAWN", "ACTIVE", "WITHDRAWN"];
        let records = held.iter().enumerate().map(|(number, status)| consent(number, purpose, status, 1));
        let braze = braze_holding(workflow, 4, records);
        let here = folder(&braze, workflow);
        let said = ["WITHDRAWN", "ACTIVE", "ACTIVE", "WITHDRAWN", "WITHDRAWN"];
        here.requests(said.iter().enumerate().map(|(number, status)| consent(number, purpose, status, 0)));

        // when
        let before = reconcile(&here, &[]);
        let opt_outs = reconcile(&here, &["--repair"]);
        let between = reconcile(&here, &[]);
        let all = reconcile(&here, &["--repair", "all"]);
        let after = reconcile(&here, &[]);

        // then
        assert_eq!((before.code, counts(&before)), (1, [1, 0, 1, 2, 1, 0]), "{workflow}: {}", before.stderr);
        let row = &report(&before)["purposes"][0];
        assert_eq!((&row["purpose"], &row["state"]), (&json!(purpose), &json!(state)));
        assert_eq!((opt_outs.code, counts(&opt_outs)), (1, [1, 0, 1, 2, 1, 0]));
        assert_eq!(opt_outs.lines()[1]["done"], 1, "{workflow}: {}", opt_outs.stdout);
        assert_eq!((between.code, counts(&between)), (1, [0, 0, 1, 3, 1, 0]), "{workflow}");
        assert_eq!((all.code, &all.lines()[1]["done"]), (0, &json!(1)), "{workflow}: {}", all.stderr);
        assert_eq!((after.code, counts(&after)), (0, [0, 0, 0, 4, 1, 0]), "{workflow}");
        assert!(!before.stdout.contains("marker") && !before.stderr.contains("marker"));
    }
}

#[test]
fn looking_writes_nothing_to_braze() {
    let braze = braze_holding("consent-global", 1, [consent(0, "Marketing e-mail", "ACTIVE", 1)]);
    let here = folder(&braze, "consent-global");
    here.requests([consent(0, "Marketing e-mail", "WITHDRAWN", 2)]);
    let before = asked(&braze, "/users/track");

    reconcile(&here, &[]);

    assert_eq!(asked(&braze, "/users/track"), before);
    assert_eq!(braze.sandbox.profiles()[0].email_subscribe, "opted_in");
}

#[test]
fn of_several_records_of_a_person_only_the_newest_counts() {
    let newest = consent(0, "Marketing e-mail", "WITHDRAWN", 9);
    let braze = braze_holding("consent-global", 1, [newest.clone()]);
    let here = folder(&braze, "consent-global");
    here.requests([newest, consent(0, "Marketing e-mail", "ACTIVE", 3)]);

    let shot = reconcile(&here, &[]);

    assert_eq!((shot.code, counts(&shot)), (0, [0, 0, 0, 1, 0, 0]), "{}", shot.stdout);
    assert_eq!(report(&shot)["superseded"], 1);
}

#[test]
fn what_no_table_maps_changes_nothing_and_is_counted_by_name() {
    let braze = braze_holding("consent-global", 2, []);
    let here = folder(&braze, "consent-global");
    here.requests([consent(0, "Marketing e-mail", "PENDING", 1), consent(1, "Loyalty", "WITHDRAWN", 1)]);

    let shot = reconcile(&here, &[]);

    let report = report(&shot);
    assert_eq!((shot.code, counts(&shot)), (0, [0; 6]));
    assert_eq!(report["nothing_to_compare"], 2);
    assert_eq!(report["unmapped"], json!({ "Loyalty": 1, "PENDING": 1 }));
}

#[test]
fn every_profile_behind_an_address_must_hold_the_opt_out() {
    // given: two profiles with one address, of which one says no
    let braze = braze_holding("consent-groups-track", 1, []);
    seed(&braze, 0);
    let twin = privaflow::sandbox::Identifiers {
        external_id: Some("twin".to_owned()),
        email: Some("u-0@marker.example".to_owned()),
        ..Default::default()
    };
    assert!(braze.sandbox.add_profile(&twin));
    let global = |id: &str, status: &str| {
        json!({ "kind": "consent", "subject": { "external_id": id },
                "consents": [{ "purpose": "Marketing e-mail", "status": status, "updated_at": at(1) }] })
    };
    hold(&braze, "consent-global", [global("u-0", "WITHDRAWN"), global("twin", "ACTIVE")]);
    let here = folder(&braze, "consent-global");
    here.requests([json!({ "kind": "consent", "subject": { "email": "u-0@marker.example" },
        "consents": [{ "purpose": "Marketing e-mail", "status": "WITHDRAWN", "updated_at": at(2) }] })]);

    let shot = reconcile(&here, &[]);

    assert_eq!((shot.code, counts(&shot)), (1, [1, 0, 0, 0, 0, 0]), "{}", shot.stdout);
}

#[test]
fn a_group_that_says_yes_under_a_global_no_is_told_as_silenced() {
    let braze = braze_holding("consent-groups", 1, [consent(0, "Newsletter", "ACTIVE", 1)]);
    hold(&braze, "consent-global", [consent(0, "Marketing e-mail", "WITHDRAWN", 1)]);
    let here = folder(&braze, "consent-groups");
    here.requests([consent(0, "Newsletter", "WITHDRAWN", 2)]);

    let shot = reconcile(&here, &[]);

    assert_eq!(counts(&shot), [1, 0, 0, 0, 0, 0]);
    assert_eq!(report(&shot)["muted"], 1);
}

#[test]
fn people_without_an_external_id_are_found_by_what_the_record_has() {
    for (workflow, purpose, _) in FLOWS {
        let braze = braze_holding(workflow, 1, []);
        let identifiers = privaflow::sandbox::Identifiers {
            external_id: Some("known".to_owned()),
            braze_id: Some("b-1".to_owned()),
            phone: Some("+15557770001".to_owned()),
            aliases: vec![privaflow::sandbox::AliasName { alias_name: "n".into(), alias_label: "l".into() }],
            ..Default::default()
        };
        braze.sandbox.seed_subject(&identifiers);
        let subjects = [
            json!({ "braze_id": "b-1" }),
            json!({ "aliases": [{ "alias_name": "n", "alias_label": "l" }] }),
            json!({ "phone": "+15557770001" }),
            json!({ "email": "u-0@marker.example" }),
        ];
        let record = |subject: &serde_json::Value| {
            json!({ "kind": "consent", "subject": subject,
                    "consents": [{ "purpose": purpose, "status": "WITHDRAWN", "updated_at": at(1) }] })
        };
        let here = folder(&braze, workflow);
        here.requests(subjects.iter().map(record));

        let before = counts(&reconcile(&here, &[]));
        let repaired = reconcile(&here, &["--repair"]);
        let after = counts(&reconcile(&here, &[]));

        assert_eq!((before[0] + before[1], before[5]), (4, 0), "{workflow}");
        assert_eq!(repaired.code, 0, "{workflow}: {}{}", repaired.stdout, repaired.stderr);
        assert_eq!(after, [0, 0, 0, 4, 0, 0], "{workflow}");
    }
}
