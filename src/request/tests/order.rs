//! Consents stand from the oldest change to the newest, however the record lists them.

use super::*;

fn purposes(record: &str) -> Vec<String> {
    let request = Request::parse(record.as_bytes(), &mut Warnings::default()).unwrap();
    let consents = request.scope["consents"].as_array().unwrap();
    consents.iter().map(|consent| consent["purpose"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_newer_change_stands_after_an_older_one_that_the_record_lists_last() {
    let record = r#"{"kind":"consent","consents":[
        {"purpose":"new","updated_at":"2026-11-20T09:00:00Z"},
        {"purpose":"old","updated_at":"2026-11-20T09:30:00+02:00"}]}"#;

    assert_eq!(purposes(&record.replace('\n', " ")), ["old", "new"]);
}

#[test]
fn a_consent_without_a_time_changed_when_the_record_did() {
    let record = r#"{"kind":"consent","occurred_at":"2026-11-20T10:00:00Z","consents":[{"purpose":"of the record"},{"purpose":"older","updated_at":"2026-11-20T09:00:00Z"}]}"#;

    assert_eq!(purposes(record), ["older", "of the record"]);
}

#[test]
fn a_consent_of_which_no_time_is_said_stands_after_those_with_one() {
    let record = r#"{"kind":"consent","consents":[{"purpose":"c"},{"purpose":"b","updated_at":"2026-11-20T10:00:00Z"},{"purpose":"d"},{"purpose":"a","updated_at":"2026-11-20T09:00:00Z"}]}"#;

    assert_eq!(purposes(record), ["a", "b", "c", "d"]);
}

#[test]
fn where_no_time_is_said_at_all_the_order_of_the_record_stays() {
    let record = r#"{"kind":"consent","consents":[{"purpose":"b","status":"WITHDRAWN"},{"purpose":"a","status":"ACTIVE"}]}"#;

    assert_eq!(purposes(record), ["b", "a"]);
}

#[test]
fn a_no_stands_behind_a_yes_where_their_precision_cannot_tell_them_apart() {
    let record = r#"{"kind":"consent","consents":[
        {"purpose":"later","status":"ACTIVE","updated_at":"2026-11-20T10:00:01.000Z"},
        {"purpose":"no","status":"WITHDRAWN","updated_at":"2026-11-20T10:00:00Z"},
        {"purpose":"finer","status":"ACTIVE","updated_at":"2026-11-20T10:00:00.700Z"},
        {"purpose":"same","status":"ACTIVE","updated_at":"2026-11-20T10:00:00Z"}]}"#;

    assert_eq!(purposes(&record.replace('\n', " ")), ["same", "finer", "no", "later"]);
}
