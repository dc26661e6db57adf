//! Every state is as new as the consent it comes from.

use super::*;
use crate::request::{Moment, Order, Request, Warnings};

fn at(text: &str) -> i64 {
    Order::of(Moment::parse(text).unwrap()).at_ms()
}

/// The times of the states of a run's calls, in their order, when everything is accepted.
fn times(workflow: &str, record: &str) -> Vec<i64> {
    let program = whole(workflow);
    let request = Request::parse(record.as_bytes(), &mut Warnings::default()).unwrap();
    let times = Times::of(&request.scope, START_MS, 4);
    let mut run = Run::start(&program, 4, request.scope).dated(times);
    let mut found = Vec::new();
    loop {
        match run.next(&program, START_MS) {
            Next::Call(Prepared { call, .. }) => {
                found.extend(call.targets().iter().map(|target| target.order.at_ms()));
                let result = Ok(json!({"users": [{"external_id": "u-1"}]}));
                run.answer(&program, Answer { result, status: 201, at_ms: START_MS });
            }
            Next::Wait { .. } | Next::Approval { .. } => panic!("nothing waits here"),
            Next::Ended(finish) => {
                assert_eq!(finish.verdict, Verdict::Done);
                return found;
            }
        }
    }
}

const BOTH: &str = r#"{"id":"r","kind":"consent","subject":{"external_id":"u-1"},"consents":[
    {"purpose":"email","status":"WITHDRAWN","updated_at":"2026-11-20T08:00:00Z"},
    {"purpose":"push","status":"ACTIVE","updated_at":"2026-11-20T10:00:00Z"}]}"#;

/// All states of a person in one object, each from the last consent of its purpose.
const ONE_OBJECT: &str = r#"
workflow: w
on: { file: {} }
vars: { states: { ACTIVE: opted_in, WITHDRAWN: unsubscribed } }
steps:
  - set:
      email: consents.filter(c, c.status in vars.states && c.purpose == "email").map(c, vars.states[c.status])
      push: consents.filter(c, c.status in vars.states && c.purpose == "push").map(c, vars.states[c.status])
  - uses: braze/users.track
    with:
      attributes:
        - external_id: "{{ subject.external_id }}"
          email_subscribe: "{{optional vars.email.[0] }}"
          push_subscribe: "{{optional vars.push.[0] }}"
"#;

#[test]
fn states_of_one_object_are_as_new_as_the_consents_they_come_from() {
    let email = at("2026-11-20T08:00:00Z");
    let push = at("2026-11-20T10:00:00Z");

    assert_eq!(times(ONE_OBJECT, &BOTH.replace('\n', "")), [email, push]);
}

#[test]
fn states_of_a_loop_are_as_new_as_the_consents_they_come_from() {
    let workflow = r#"
workflow: w
on: { file: {} }
vars: { groups: { email: g-1, push: g-2 }, states: { ACTIVE: subscribed, WITHDRAWN: unsubscribed } }
steps:
  - id: each
    for_each: consents
    steps:
      - uses: braze/subscription.status.set
        with:
          subscription_group_id: "{{ lookup vars.groups item.purpose }}"
          subscription_state: "{{ lookup vars.states item.status }}"
          external_id: ["{{ subject.external_id }}"]
"#;

    assert_eq!(
        times(workflow, &BOTH.replace('\n', "")),
        [at("2026-11-20T08:00:00Z"), at("2026-11-20T10:00:00Z")]
    );
}

#[test]
fn a_state_that_several_consents_say_is_as_new_as_the_last_of_them() {
    let record = r#"{"id":"r","kind":"consent","subject":{"external_id":"u-1"},"consents":[
        {"purpose":"email","status":"WITHDRAWN","updated_at":"2026-11-20T07:00:00Z"},
        {"purpose":"email","status":"WITHDRAWN","updated_at":"2026-11-20T09:00:00Z"},
        {"purpose":"other","status":"ACTIVE","updated_at":"2026-11-20T11:00:00Z"}]}"#;

    assert_eq!(times(ONE_OBJECT, &record.replace('\n', "")), [at("2026-11-20T09:00:00Z")]);
}

#[test]
fn what_was_answered_in_between_is_taken_into_account() {
    let workflow = r#"
workflow: w
on: { file: {} }
vars: { states: { ACTIVE: opted_in, WITHDRAWN: unsubscribed } }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.external_id }}", fields_to_export: [external_id] }
  - set:
      email: consents.filter(c, c.purpose == "email").map(c, vars.states[c.status])
  - uses: braze/users.track
    with:
      attributes:
        - external_id: "{{ steps.find.output.users.[0].external_id }}"
          email_subscribe: "{{ vars.email.[0] }}"
"#;

    assert_eq!(times(workflow, &BOTH.replace('\n', "")), [at("2026-11-20T08:00:00Z")]);
}

#[test]
fn a_state_without_a_consent_is_as_new_as_its_record() {
    let workflow = "workflow: w\non: { file: {} }\nsteps:\n  - uses: braze/users.track\n    with: { attributes: [{ external_id: \"{{ subject.external_id }}\", email_subscribe: unsubscribed }] }\n";
    let record = |times: &str| format!(r#"{{"kind":"opt_out","subject":{{"external_id":"u-1"}}{times}}}"#);

    let both = record(r#","occurred_at":"2026-11-20T08:00:00Z","received_at":"2026-11-20T09:00:00Z""#);
    assert_eq!(times(workflow, &both), [at("2026-11-20T08:00:00Z")]);
    let received = record(r#","received_at":"2026-11-20T09:00:00Z""#);
    assert_eq!(times(workflow, &received), [at("2026-11-20T09:00:00Z")]);
    assert_eq!(times(workflow, &record("")), [START_MS]);
}

#[test]
fn nothing_is_newer_than_it_may_be() {
    let request = Request::parse(BOTH.replace('\n', "").as_bytes(), &mut Warnings::default()).unwrap();
    let times = Times::of(&request.scope, START_MS, 4);
    assert_eq!(times.newest().at_ms(), at("2026-11-20T10:00:00Z"));

    assert_eq!(times.at_most(at("2026-11-20T09:00:00Z")).newest().at_ms(), at("2026-11-20T09:00:00Z"));
}

#[test]
fn a_step_whose_state_is_older_is_skipped_and_so_is_a_run_without_another_write() {
    let program = whole(ONE_OBJECT);
    let request = Request::parse(BOTH.replace('\n', "").as_bytes(), &mut Warnings::default()).unwrap();
    let mut run = Run::start(&program, 4, request.scope);
    assert!(matches!(run.next(&program, START_MS), Next::Call(_)));

    run.pass(&program, Skip::Superseded);

    let Next::Ended(finish) = run.next(&program, START_MS) else { panic!("the run is over") };
    assert_eq!(finish.verdict, Verdict::Skipped(Skip::Superseded));
    assert!(!finish.accepted);
}

#[test]
fn an_opt_out_among_very_many_moments_is_never_taken_for_older_than_it_is() {
    let moment = |second: usize| format!("2026-11-20T10:{:02}:{:02}Z", second / 60, second % 60);
    for out in [0, 1, 7, 151, 298, 299] {
        let consent = |second: usize| {
            let (purpose, status) = if second == out { ("email", "WITHDRAWN") } else { ("push", "ACTIVE") };
            json!({"purpose": purpose, "status": status, "updated_at": moment(second)})
        };
        let consents: Vec<Value> = (0..300).map(consent).collect();
        let record =
            json!({"id": "r", "kind": "consent", "subject": {"external_id": "u-1"}, "consents": consents});

        let email = times(ONE_OBJECT, &record.to_string())[0];

        assert!((at(&moment(out))..at(&moment(out)) + 10_000).contains(&email), "{out}");
    }
}
