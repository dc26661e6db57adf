//! When two records say the same, and when they are the same.

use serde_json::Value;

use super::*;

#[test]
fn the_same_content_has_the_same_digest_however_it_is_written() {
    let full = good(FULL).digest;
    let again: Value = serde_json::from_str(FULL).unwrap();

    assert_eq!(Request::from_value(again.clone(), &mut Warnings::new()).unwrap().digest, full);
    assert_eq!(good(&reversed(&again).to_string()).digest, full);
    assert_eq!(good(&FULL.replace("SL:1", "another id")).digest, full);
    assert_eq!(good(&FULL.replace("\"A\"", "\"\\u0041\"").replace("\":", "\" :\t")).digest, full);
}

#[test]
fn a_number_is_the_same_number_after_any_number_of_hands() {
    for number in [
        "113970467781119351925511913474139662697",
        "1289458329769603206576240134109265711512",
        "0.1",
        "1e300",
    ] {
        let written = format!(
            r#"{{"kind":"deletion","subject":{{"email":"a@example.com"}},"fields":{{"n":{number}}}}}"#
        );
        let read: Value = serde_json::from_str(&written).unwrap();

        assert_eq!(good(&read.to_string()).digest, good(&written).digest, "{number}");
        assert_eq!(read["fields"]["n"].as_f64(), number.parse().ok(), "the nearest number that there is");
    }
}

/// The same value with the members of every object the other way round.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().rev().map(|(name, value)| (name.clone(), reversed(value))).collect(),
        Value::Array(items) => items.iter().map(reversed).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[test]
fn every_change_of_the_content_changes_the_digest() {
    let mut seen = std::collections::HashSet::from([good(FULL).digest]);
    let changes = [
        ("consent\"", "access\""),
        ("10:00:00Z", "10:00:00.0Z"),
        ("u-1", "u-2"),
        ("\"A\"", "\"a\""),
        ("\"alias_name\":\"n\",\"alias_label\":\"l\"", "\"alias_name\":\"l\",\"alias_label\":\"n\""),
        ("ACTIVE", "ACTIVE "),
        (",{\"purpose\":\"Other\"}", ""),
        ("\"x\",{\"a\":1}", "{\"a\":1},\"x\""),
        ("12.5", "\"12.5\""),
        ("[null]", "[]"),
        ("\"b\":[null],\"a\":1", "\"b\":[null,1],\"a\":1"),
        ("\"first_name\"", "\"ignored\""),
        ("\"subtask_id\"", "\"ignored\""),
        ("\"State\"", "\"state\""),
    ];
    for (from, to) in changes {
        let changed = FULL.replace(from, to);
        assert_ne!(changed, FULL, "{from}");
        assert!(seen.insert(good(&changed).digest), "{from} -> {to}");
    }
}

#[test]
fn the_digest_is_the_one_that_older_stores_hold() {
    assert_eq!(
        good(r#"{"kind":"deletion","subject":{"email":"a@example.com"}}"#).digest,
        ContentDigest(4092252377922907615)
    );
}

#[test]
fn an_identity_is_of_one_workflow_and_one_id_or_place() {
    let input = [7; 32];
    let place = |position| Identity::Place { input: &input, position };
    let all = [
        identity("w", Identity::Id("a")),
        identity("wa", Identity::Id("")),
        identity("w", Identity::Id("b")),
        identity("v", Identity::Id("a")),
        identity("w", place(0)),
        identity("w", place(1)),
        identity("w", Identity::Place { input: &[8; 32], position: 0 }),
    ];

    assert_eq!(identity("w", Identity::Id("a")), all[0]);
    assert_eq!(std::collections::HashSet::from(all).len(), all.len());
}
