//! Which states a call may still set, given those that were accepted before, under whatever keys they are known.

use serde_json::json;

use super::super::store_tests::{as_if_begun_by, keep};
use super::*;
use crate::catalogue::Identifier;
use crate::job::{Answered, Event};
use crate::journal::Store;

const NOW_MS: i64 = 1_800_000_000_000;

fn call(state: &str, at_ms: i64) -> Call {
    call_of(json!({ "external_id": "u-1" }), state, at_ms)
}

fn call_of(mut person: serde_json::Value, state: &str, at_ms: i64) -> Call {
    let action = crate::catalogue::find("braze/users.track").unwrap();
    person["email_subscribe"] = state.into();
    let with = json!({ "attributes": [person] });
    let mut call = Call::new(action, &with).unwrap();
    let order = Order::placed(at_ms, 0);
    call.date(order, |_| order);
    call
}

/// A store in which this call was accepted.
async fn after(mut accepted: Call) -> Store {
    let store = Store::temporary().unwrap();
    let space = store.marks().space("w");
    accepted.key(|digest| space.key(MarkKind::Target, digest));
    let mut marks = Vec::new();
    marks_of(&accepted, &space, NOW_MS, ErasedBy::of(crate::job::JobId(1), 0), &mut marks);
    write(&store, marks).await;
    store
}

async fn write(store: &Store, marks: Vec<Mark>) {
    let (steps, ended) = (Vec::new(), Vec::new());
    let answered = Answered { batch: 0, at_ms: NOW_MS, status: 201, request_id: None, steps, ended, marks };
    keep(store, Event::Answered(answered)).await;
}

fn is_left_out(store: &Store, mut call: Call) -> bool {
    let (marks, space) = (store.marks(), store.marks().space("w"));
    let gate = Gate { marks, space: &space, quiet_ms: 0, looked: None };
    let held = Held { marks, space: &space, gate, looked: None, now_ms: &|| NOW_MS, is_look: false };
    matches!(held.left_of(&mut call).unwrap(), Left::Nothing(Skip::Superseded))
}

#[tokio::test]
async fn an_older_state_is_left_out_and_a_newer_one_is_not() {
    let store = after(call("unsubscribed", NOW_MS - 1000)).await;

    assert!(is_left_out(&store, call("opted_in", NOW_MS - 2000)));
    assert!(!is_left_out(&store, call("opted_in", NOW_MS)));
}

/// An opt-out of before an upgrade stays newer than an older choice by whatever spelling.
#[tokio::test]
async fn a_state_that_an_earlier_release_marked_under_its_own_key_of_the_person_still_counts() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let space = store.marks().space("w");
    let spellings = ["rene\u{301}@example.com", "Ren\u{e9}@example.com"];
    let accepted = call_of(json!({ "email": spellings[0] }), "unsubscribed", NOW_MS - 1000);
    let before = PersonKey::before(Identifier::Email, spellings[0], 2).next().unwrap();
    let marked = |target: &Target| {
        let key = space.key(MarkKind::Target, target.under(before).digest());
        Mark { kind: MarkKind::Target, key, order: target.order }
    };
    write(&store, accepted.targets().iter().map(marked).collect()).await;
    drop(store);
    let are_left_out = |store: &Store| {
        spellings
            .map(|email| is_left_out(store, call_of(json!({ "email": email }), "opted_in", NOW_MS - 2000)))
    };
    assert_eq!(are_left_out(&Store::open(folder.path()).unwrap()), [false, false]);
    as_if_begun_by(folder.path(), 2);

    let store = Store::open(folder.path()).unwrap();

    assert_eq!(are_left_out(&store), [true, true]);
    assert!(!is_left_out(&store, call_of(json!({ "email": spellings[1] }), "opted_in", NOW_MS)));
}

#[tokio::test]
async fn an_opt_out_does_not_wait_for_a_moment_that_a_wrong_clock_wrote_down() {
    let store = after(call("opted_in", NOW_MS + 6 * 3_600_000)).await;

    assert!(!is_left_out(&store, call("unsubscribed", NOW_MS)));
    assert!(is_left_out(&store, call("opted_in", NOW_MS)));
}
