//! Real answers, and what must follow from them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::read;
use crate::catalogue::find;
use crate::plan::Call;
use crate::reply::{Answerer, Cause, Headers, Item, Reading, Stop, written};

fn call(action: &str, with: Value) -> Call {
    Call::new(find(action).unwrap(), &with).unwrap()
}

fn track(id: &str) -> Call {
    call("braze/users.track", json!({"attributes": [{"external_id": id, "email_subscribe": "opted_in"}]}))
}

fn delete(id: &str) -> Call {
    call("braze/users.delete", json!({"external_ids": [id]}))
}

fn event(id: &str) -> Call {
    let time = "2026-01-01T00:00:00Z";
    call("braze/users.track", json!({"events": [{"external_id": id, "name": "n", "time": time}]}))
}

fn set(id: &str) -> Call {
    let with = json!({"subscription_group_id": "g", "subscription_state": "subscribed", "external_id": [id]});
    call("braze/subscription.status.set", with)
}

fn reading(calls: &[Call], status: u16, body: Value) -> Reading {
    raw(calls, status, body.to_string().as_bytes())
}

fn raw(calls: &[Call], status: u16, body: &[u8]) -> Reading {
    let calls: Vec<&Call> = calls.iter().collect();
    read(&calls, status, &Headers::default(), body, Timestamp::UNIX_EPOCH)
}

/// One word for each call.
fn verdicts(reading: Reading) -> Vec<String> {
    let Reading::Items(items) = reading else { panic!("{reading:?}") };
    items
        .iter()
        .map(|item| match item {
            Item::Written | Item::Accepted { .. } => "accepted".to_owned(),
            Item::Refused(refusal) => refusal.message.to_string(),
            Item::Again => "again".to_owned(),
            Item::AskAlone => "alone".to_owned(),
        })
        .collect()
}

fn outputs(reading: Reading) -> Vec<Value> {
    let Reading::Items(items) = reading else { panic!("{reading:?}") };
    let output = |item| match item {
        Item::Accepted { output } => output,
        Item::Written => crate::reply::written(),
        other => panic!("{other:?}"),
    };
    items.into_iter().map(output).collect()
}

/// How many people an output lists.
fn found(output: &Value) -> usize {
    output["users"].as_array().map_or(0, Vec::len)
}

#[test]
fn success_accepts_every_call_and_counts_decide_nothing() {
    let calls = [delete("u-1"), delete("u-2")];

    assert!(matches!(reading(&calls, 201, json!({"deleted": 0, "message": "success"})), Reading::Accepted));
    assert!(matches!(reading(&calls, 202, json!({"message": "queued"})), Reading::Accepted));
    assert_eq!(written(), json!({"message": "success"}));
}

#[test]
fn an_error_with_an_index_fails_only_its_own_call() {
    let calls = ["u-1", "u-2", "u-3"].map(track);
    let body = json!({"message": "success", "errors": [
        {"type": "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required", "input_array": "attributes", "index": 1}]});

    let told = verdicts(reading(&calls, 201, body));

    assert_eq!(told, ["accepted", "refused by the service: the object names nobody", "accepted"]);
}

#[test]
fn an_index_counts_within_its_own_array() {
    let time = "2026-01-01T00:00:00Z";
    let both = |id: &str, attributes: usize| {
        let with = json!({"attributes": vec![json!({"external_id": id}); attributes],
            "events": [{"external_id": id, "name": "n", "time": time}]});
        call("braze/users.track", with)
    };
    let calls = [both("u-1", 2), both("u-2", 1)];
    let error = |array: &str| json!({"message": "success", "errors": [{"type": "x", "input_array": array, "index": 1}]});

    assert_eq!(
        verdicts(reading(&calls, 201, error("attributes"))),
        ["refused by the service (HTTP 201)", "accepted"]
    );
    assert_eq!(
        verdicts(reading(&calls, 201, error("events"))),
        ["accepted", "refused by the service (HTTP 201)"]
    );
}

#[test]
fn an_error_without_an_index_leaves_the_batch_undetermined() {
    let body = json!({"message": "success", "errors": ["something ada@example.com"]});

    assert!(matches!(reading(&[track("u-1"), track("u-2")], 201, body.clone()), Reading::Split));
    assert!(matches!(reading(&[event("u-1"), event("u-2")], 201, body.clone()), Reading::Unknown));
    assert_eq!(verdicts(reading(&[event("u-1")], 201, body)), ["refused by the service (HTTP 201)"]);
}

#[test]
fn an_index_outside_the_body_is_no_index() {
    let error = |entry: Value| json!({"message": "success", "errors": [entry]});
    let calls = [track("u-1"), track("u-2")];

    for entry in [
        json!({"type": "x", "input_array": "attributes", "index": 2}),
        json!({"type": "x", "input_array": "events", "index": 0}),
        json!({"type": "x", "input_array": "attributes", "index": -1}),
        json!({"type": "x", "input_array": "attributes", "index": "0"}),
    ] {
        assert!(matches!(reading(&calls, 201, error(entry)), Reading::Split));
    }
}

#[test]
fn a_refused_batch_with_indexes_fails_those_and_sends_the_others_again() {
    let calls = ["u-1", "u-2", "u-3"].map(track);
    let error = |index: usize| json!({"type": "'external_id' must be fewer than 988 bytes", "input_array": "attributes", "index": index});
    let message = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.";

    let all =
        verdicts(reading(&calls, 400, json!({"message": message, "errors": [error(0), error(1), error(2)]})));
    let some = verdicts(reading(&calls, 400, json!({"message": message, "errors": [error(2)]})));

    assert!(all.iter().all(|told| told.contains("longer than 987 bytes")));
    assert_eq!(some[..2], ["again", "again"]);
    assert!(some[2].contains("longer than 987 bytes"));
}

#[test]
fn a_refused_batch_without_indexes_is_split_until_one_call_stands_alone() {
    let body = json!({"message": "Something about ada@example.com"});

    assert!(matches!(reading(&[delete("u-1"), delete("u-2")], 400, body.clone()), Reading::Split));
    assert!(matches!(reading(&[event("u-1"), event("u-2")], 400, json!({"error": "x"})), Reading::Split));
    assert!(matches!(raw(&[delete("u-1"), delete("u-2")], 400, b"<html>"), Reading::Split));
    assert_eq!(verdicts(reading(&[delete("u-1")], 400, body)), ["refused by the service (HTTP 400)"]);
}

#[test]
fn an_unknown_group_fails_all_that_name_it_at_once() {
    let body = json!({"message": "Invalid subscription group ID"});

    let told = verdicts(reading(&[set("u-1"), set("u-2")], 400, body));

    assert_eq!(told.len(), 2);
    assert!(told[0].contains("no such subscription group"));
}

#[test]
fn another_message_than_success_is_no_success() {
    let told = verdicts(reading(&[delete("u-1"), delete("u-2")], 201, json!({"message": "not today"})));

    assert_eq!(told, ["refused by the service (HTTP 201)", "refused by the service (HTTP 201)"]);
    assert_eq!(verdicts(reading(&[delete("u-1")], 200, json!({}))), ["refused by the service (HTTP 200)"]);
}

#[test]
fn an_answer_that_is_no_json_is_not_of_the_service_and_blames_no_request() {
    let find =
        call("braze/users.export.ids", json!({"external_ids": ["u-1"], "fields_to_export": ["email"]}));
    let find = std::slice::from_ref(&find);
    for body in [&b""[..], b"<html>ok</html>", b"[]", b"\"success\""] {
        assert!(matches!(raw(find, 200, body), Reading::Stop(Stop::NotTheService)));
        for write in [delete("u-1"), track("u-1"), set("u-1")] {
            assert!(matches!(raw(&[write], 201, body), Reading::Unreadable(Answerer::Other)));
        }
        assert!(matches!(raw(&[event("u-1")], 200, body), Reading::Unknown), "it may have been counted");
    }
}

#[test]
fn json_that_cannot_be_read_is_that_of_one_call_and_stops_nobody_else() {
    let find = |id: &str| {
        let with = json!({"external_ids": [id], "fields_to_export": ["custom_attributes"]});
        call("braze/users.export.ids", with)
    };
    let deep = format!(r#"{{"users":[{}1{}]}}"#, r#"{"k":"#.repeat(100_000), "}".repeat(100_000));
    let list = "[".repeat(100_000) + &"]".repeat(100_000);
    for body in [deep.as_bytes(), list.as_bytes(), br#"{"users": [{"external_id": "u-"#] {
        assert!(matches!(raw(&[find("u-1"), find("u-2")], 200, body), Reading::Split));
        let Reading::Items(items) = raw(&[find("u-1")], 200, body) else { panic!() };
        let [Item::Refused(refusal)] = &items[..] else { panic!("{items:?}") };
        assert_eq!(refusal.code, "unreadable");
        // A write was answered by the service, which does not say with what.
        for write in [delete("u-1"), track("u-1"), set("u-1")] {
            assert!(matches!(raw(&[write], 200, body), Reading::Unreadable(Answerer::Service)));
        }
        assert!(matches!(raw(&[event("u-1")], 200, body), Reading::Unknown));
        let page = Headers { content_type: Some("text/html; charset=utf-8"), ..Headers::default() };
        let reading = read(&[&find("u-1")], 200, &page, body, Timestamp::UNIX_EPOCH);
        assert!(matches!(reading, Reading::Stop(Stop::NotTheService)), "{reading:?}");
    }
}

#[test]
fn a_key_or_an_address_that_is_wrong_stops_everything_and_the_body_is_not_kept() {
    let stop = |status| match reading(
        &[delete("u-1")],
        status,
        json!({"message": "Invalid API key: marker-7f3c"}),
    ) {
        reading @ Reading::Stop(stop) => {
            assert!(!format!("{reading:?} {stop}").contains("marker"));
            stop
        }
        other => panic!("{other:?}"),
    };

    assert_eq!(
        [401, 403, 404, 301].map(stop),
        [Stop::Unauthorised, Stop::Forbidden, Stop::NotFound, Stop::NotFound]
    );
}

#[test]
fn what_was_not_done_is_sent_again_and_what_may_have_been_is_unknown() {
    let calls = [delete("u-1")];
    assert!(matches!(raw(&calls, 429, b""), Reading::Retry { cause: Cause::Limited, .. }));
    for status in [500, 504, 520] {
        assert!(matches!(raw(&calls, status, b""), Reading::Unknown), "{status}");
    }
    for status in [408, 502, 503] {
        for write in [delete("u-1"), track("u-1"), set("u-1")] {
            assert!(matches!(raw(&[write], status, b""), Reading::Declined { not_before: None }), "{status}");
        }
        let reading = raw(&[export("u-1")], status, b"");
        assert!(matches!(reading, Reading::Retry { cause: Cause::Unavailable, .. }), "{status}");
    }
}

#[test]
fn an_event_is_sent_again_after_a_failure_only_when_asked_to_come_back_later() {
    let calls = [&event("u-1")];
    let later = Headers { retry_after: Some("5"), ..Headers::default() };
    let read = |status, headers: &Headers| read(&calls, status, headers, b"", Timestamp::UNIX_EPOCH);

    for status in [408, 502, 503] {
        assert!(matches!(read(status, &Headers::default()), Reading::Unknown), "{status}");
        // Braze documents nothing of a 408.
        let reading = read(status, &later);
        assert_eq!(matches!(reading, Reading::Retry { .. }), status != 408, "{reading:?}");
    }
}

#[test]
fn a_limited_request_waits_as_long_as_it_is_told() {
    let (now, call) = (Timestamp::from_second(1_800_000_000).unwrap(), delete("u-1"));
    let headers = Headers { x_ratelimit_reset: Some("1800000060"), ..Headers::default() };

    let reading = read(&[&call], 429, &headers, b"", now);

    let Reading::Retry { not_before: Some(at), .. } = reading else { panic!("{reading:?}") };
    assert_eq!(at.duration_since(now), SignedDuration::from_mins(1));

    let headers = Headers { retry_after: Some("60"), ..Headers::default() };
    let declined = read(&[&call], 503, &headers, b"", now);

    let Reading::Declined { not_before: Some(again) } = declined else { panic!("{declined:?}") };
    assert_eq!(again, at);
}

#[test]
fn a_body_that_is_too_large_is_split_while_it_can_be() {
    assert!(matches!(raw(&[delete("u-1"), delete("u-2")], 413, b""), Reading::Split));
    assert!(verdicts(raw(&[delete("u-1")], 413, b""))[0].contains("too large"));
}

fn export(id: &str) -> Call {
    call(
        "braze/users.export.ids",
        json!({"external_ids": [id], "fields_to_export": ["external_id", "braze_id"]}),
    )
}

#[test]
fn each_call_of_a_merged_export_gets_only_its_own_people() {
    let calls = [export("u-1"), export("u-2")];
    let person = json!({"external_id": "u-1", "braze_id": "b"});
    let body = json!({"message": "success", "users": [person], "invalid_user_ids": ["u-2"]});

    let outputs = outputs(reading(&calls, 201, body));

    assert_eq!(
        outputs,
        [
            json!({"users": [person], "invalid_user_ids": [], "message": "success"}),
            json!({"users": [], "invalid_user_ids": ["u-2"], "message": "success"}),
        ]
    );
}

#[test]
fn nobody_found_is_an_answer_even_if_the_ids_are_not_listed() {
    let outputs =
        outputs(reading(&[export("u-1"), export("u-2")], 201, json!({"message": "success", "users": []})));

    assert_eq!(outputs.iter().map(found).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn an_id_that_is_answered_under_another_is_asked_again_alone() {
    let calls = [export("u-1"), export("old"), export("u-3")];
    let users = json!([{"external_id": "u-1"}, {"external_id": "new"}]);
    let body = json!({"message": "success", "users": users, "invalid_user_ids": ["u-3"]});

    assert_eq!(verdicts(reading(&calls, 201, body)), ["accepted", "alone", "accepted"]);
    let alone = json!({"message": "success", "users": [{"external_id": "new"}]});
    assert_eq!(found(&outputs(reading(&[export("old")], 201, alone))[0]), 1);
}

#[test]
fn people_are_told_apart_by_any_of_their_aliases() {
    let by_alias = |name: &str| {
        let alias = json!({"alias_name": name, "alias_label": "l"});
        call("braze/users.export.ids", json!({"user_aliases": [alias], "fields_to_export": ["user_aliases"]}))
    };
    let calls = [by_alias("a"), by_alias("b"), by_alias("c")];
    let aliases = json!([{"alias_label": "l", "alias_name": "a"}, {"alias_label": "l", "alias_name": "b"}]);
    let body = json!({"message": "success", "users": [{"user_aliases": aliases, "external_id": "u-1"}]});

    let found: Vec<_> = outputs(reading(&calls, 201, body)).iter().map(found).collect();

    assert_eq!(found, [1, 1, 0]);
}

#[test]
fn states_of_a_merged_read_go_to_who_asked() {
    let asks = |id: &str| {
        call("braze/subscription.status.get", json!({"subscription_group_id": "g", "external_id": id}))
    };
    let calls = [asks("u-1"), asks("u-2"), asks("u-3")];
    let body = json!({"status": {"u-1": "Subscribed", "u-3": "unknown"}, "message": "success"});

    let reading = reading(&calls, 200, body);

    let Reading::Items(items) = &reading else { panic!() };
    assert!(matches!(&items[0], Item::Accepted { output, .. }
        if *output == json!({"status": {"u-1": "Subscribed"}, "message": "success"})));
    assert_eq!(verdicts(reading), ["accepted", "alone", "accepted"]);
}

#[test]
fn groups_of_a_merged_read_go_to_who_asked() {
    let asks = |id: &str| call("braze/subscription.user.status", json!({"external_id": id}));
    let user = |id: &str| json!({"external_id": id, "subscription_groups": []});
    let body = json!({"users": [user("u-2"), user("u-1")], "total_count": 2, "message": "success"});

    let outputs = outputs(reading(&[asks("u-1"), asks("u-2")], 200, body));

    assert_eq!(outputs[0], json!({"users": [user("u-1")], "total_count": 1, "message": "success"}));
}

#[test]
fn a_reading_shows_no_person() {
    let body = json!({"message": "success", "users": [{"external_id": "u-1", "first_name": "marker-7f3c"}]});

    assert!(!format!("{:?}", reading(&[export("u-1")], 201, body)).contains("marker"));
}
