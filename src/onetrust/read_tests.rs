//! What answers of OneTrust mean, and that nothing of them is passed on.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::read;
use crate::catalogue::{Refusal, find};
use crate::plan::Call;
use crate::reply::{Cause, Headers, Item, Reading, Stop};

const ID: &str = "00000000-0000-4000-8000-000000000001";

fn call(action: &str, with: Value) -> Call {
    Call::new(find(action).unwrap(), &with).unwrap()
}

fn complete() -> Call {
    call("onetrust/subtask.complete", json!({"subtask_id": ID, "comment": "done"}))
}

fn look() -> Call {
    call("onetrust/subtask.get", json!({"subtask_id": ID}))
}

fn reading(call: &Call, status: u16, body: &str) -> Reading {
    with(call, status, Headers::default(), body)
}

fn with(call: &Call, status: u16, headers: Headers, body: &str) -> Reading {
    read(&[call], status, &headers, body.as_bytes(), Timestamp::from_second(1_800_000_000).unwrap())
}

fn refusal(reading: Reading) -> Refusal {
    match reading {
        Reading::Items(mut items) => match items.pop() {
            Some(Item::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_write_is_accepted_whatever_its_answer_says_or_whether_it_says_anything() {
    for body in ["", "true", "{}", r#"{"any":1}"#, "\"ok\"", "not json"] {
        assert!(matches!(reading(&complete(), 200, body), Reading::Accepted), "{body}");
    }
}

#[test]
fn a_write_that_is_answered_with_false_may_or_may_not_be_made() {
    assert!(matches!(reading(&complete(), 200, "false\n"), Reading::Unknown));
}

#[test]
fn what_is_read_is_the_output_as_it_stands() {
    let Reading::Items(items) = reading(&look(), 200, r#"{"status":"IN_PROGRESS","new":[1]}"#) else {
        panic!()
    };
    let [Item::Accepted { output }] = items.as_slice() else { panic!() };
    assert_eq!(*output, json!({"status": "IN_PROGRESS", "new": [1]}));
    for body in ["", "[]", "true", "nonsense"] {
        assert_eq!(refusal(reading(&look(), 200, body)).code, "bad_answer", "{body}");
    }
}

#[test]
fn a_page_of_the_web_application_stops_the_profile_whatever_its_status() {
    for body in ["<!DOCTYPE html><html>", "\u{feff}\n <html>"] {
        for status in [200, 400, 404] {
            let reading = reading(&look(), status, body);
            assert!(matches!(reading, Reading::Stop(Stop::NotTheService)), "{status} {body}");
        }
        assert!(matches!(reading(&complete(), 404, body), Reading::Stop(Stop::NotTheService)), "{body}");
        // Nobody knows what stands behind the page: that is asked before the call is sent again.
        assert!(matches!(reading(&complete(), 200, body), Reading::Unknown), "{body}");
    }
}

#[test]
fn refused_credentials_stop_the_profile() {
    assert!(matches!(reading(&complete(), 401, "\"expired\""), Reading::Stop(Stop::Unauthorised)));
    assert!(matches!(reading(&complete(), 403, "<html>"), Reading::Stop(Stop::Forbidden)));
    assert!(matches!(reading(&complete(), 302, ""), Reading::Stop(Stop::NotFound)));
}

#[test]
fn an_error_of_any_shape_is_a_refusal_that_repeats_nothing_of_it() {
    for body in ["\"marker@example.com\"", r#"{"message":"marker@example.com"}"#, "marker@example.com", ""] {
        for status in [400, 404, 409, 413, 422] {
            let refusal = refusal(reading(&complete(), status, body));
            assert!(!refusal.message.contains("marker"), "{}", refusal.message);
            assert!(refusal.message.contains(&status.to_string()), "{}", refusal.message);
        }
    }
    assert_eq!(refusal(reading(&look(), 404, "\"no\"")).code, "not_found");
}

#[test]
fn a_limit_that_was_used_up_is_waited_for_as_the_answer_says() {
    let after = |headers| match with(&complete(), 429, headers, "") {
        Reading::Retry { not_before, cause: Cause::Limited } => {
            not_before.map(|at| at.as_second() - 1_800_000_000)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(after(Headers { retry_after: Some("17"), ..Headers::default() }), Some(17));
    assert_eq!(after(Headers { ot_period: Some("HOUR"), ..Headers::default() }), Some(3600));
    assert_eq!(after(Headers::default()), None);
}

#[test]
fn a_write_that_a_gateway_failed_over_may_have_been_made_and_a_read_is_asked_again() {
    for status in [500, 502, 503, 504] {
        assert!(matches!(reading(&complete(), status, "<html>"), Reading::Unknown), "{status}");
    }
    assert!(matches!(reading(&look(), 503, ""), Reading::Retry { cause: Cause::Unavailable, .. }));
    let later = Headers { retry_after: Some("5"), ..Headers::default() };
    assert!(matches!(with(&complete(), 503, later, ""), Reading::Retry { cause: Cause::Unavailable, .. }));
}
