//! What is wanted and how it is repaired, by the shipped workflows and by some that make it hard.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Direction, Finding, Look, Repairs, Uncompared, Want, repair, wanted};
use crate::plan::What;
use crate::request::{Request, Warnings};
use crate::run::{Facts, Origin, Program};
use crate::source::Source;
use crate::workflow::{Known, load};

const GLOBAL: &str = include_str!("../../workflows/consent-global.yaml");
const GROUPS: &str = include_str!("../../workflows/consent-groups.yaml");

fn program(text: &str) -> Program {
    let (workflow, mistakes) = load(&Source::new("w.yaml", text), &Known::default());
    let workflow = workflow.unwrap_or_else(|| panic!("{mistakes:?}"));
    let facts = Facts {
        job: "j".into(),
        started_at: "2026-11-22T00:00:00Z".into(),
        seed: [0; 16],
        origin: Origin::File,
    };
    Program::new(Arc::new(workflow), facts)
}

/// A record with these consents: purpose, status, second of the change.
fn record(consents: &[(&str, &str, u32)]) -> Request {
    let consent = |(purpose, status, second): &(&str, &str, u32)| json!({ "purpose": purpose, "status": status, "updated_at": format!("2026-11-20T10:00:{second:02}Z") });
    let consents: Value = consents.iter().map(consent).collect();
    request(
        &json!({ "id": "r-1", "kind": "consent", "subject": { "external_id": "u-1" }, "consents": consents }),
    )
}

fn request(record: &Value) -> Request {
    Request::parse(record.to_string().as_bytes(), &mut Warnings::default()).unwrap()
}

fn told(want: &Want) -> (&str, &str, Vec<usize>) {
    (want.setting.what.name(), want.word, want.consents.clone())
}

fn repaired(program: &Program, request: &Request, findings: &[Finding]) -> Repairs {
    let wants = wanted(program, 0, &request.scope).wants;
    assert_eq!(wants.len(), findings.len());
    let found: Vec<(Want, Finding)> = wants.into_iter().zip(findings.iter().copied()).collect();
    let look = Look { name: "look".into(), read_at: "2026-11-22T12:00:00Z".into() };
    repair(program, 0, request, &found, &look)
}

#[test]
fn each_state_comes_with_the_consents_that_ask_for_it() {
    let record = record(&[
        ("Marketing e-mail", "ACTIVE", 1),
        ("Push notifications", "WITHDRAWN", 2),
        ("Marketing e-mail", "WITHDRAWN", 3),
    ]);

    let wanted = wanted(&program(GLOBAL), 0, &record.scope);

    let states: Vec<_> = wanted.wants.iter().map(told).collect();
    assert_eq!(
        states,
        [("email_subscribe", "unsubscribed", vec![2]), ("push_subscribe", "unsubscribed", vec![1])]
    );
    assert!(wanted.uncompared.is_empty() && wanted.trouble.is_none());
}

#[test]
fn a_record_that_the_workflow_refuses_wants_nothing_and_says_why() {
    let nobody = json!({ "kind": "consent", "subject": {}, "consents": [{ "purpose": "Newsletter", "status": "ACTIVE" }] });

    let wanted = wanted(&program(GROUPS), 0, &request(&nobody).scope);

    assert_eq!((wanted.wants.len(), wanted.trouble.as_deref()), (0, Some("assert")));
}

#[test]
fn what_is_no_state_of_a_subscription_is_told_as_not_compared() {
    let program = program(
        "workflow: w\non: { file: {} }\nsteps:\n  - uses: braze/users.track\n    with:\n      attributes:\n        \
         - { external_id: \"{{ subject.external_id }}\", vip: true, email_subscribe: unsubscribed }\n      events:\n        \
         - { external_id: \"{{ subject.external_id }}\", name: told, time: \"{{ now }}\" }\n",
    );

    let wanted = wanted(&program, 0, &record(&[]).scope);

    assert_eq!(
        wanted.wants.iter().map(told).collect::<Vec<_>>(),
        [("email_subscribe", "unsubscribed", vec![])]
    );
    assert_eq!(wanted.uncompared, [Uncompared::NoState, Uncompared::OtherAttribute]);
}

#[test]
fn a_repair_holds_the_consents_that_were_lost_and_their_times() {
    let record =
        record(&[("Newsletter", "WITHDRAWN", 1), ("Product news", "ACTIVE", 2), ("Loyalty", "ACTIVE", 3)]);

    let repairs = repaired(&program(GROUPS), &record, &[Finding::LostOptOut, Finding::LostOptIn]);

    let told: Vec<_> = repairs.records.iter().map(|(direction, record)| (*direction, record)).collect();
    let [(Direction::OptOut, out), (Direction::OptIn, back)] = told.as_slice() else {
        panic!("{}", told.len())
    };
    let newsletter =
        json!([{ "purpose": "Newsletter", "status": "WITHDRAWN", "updated_at": "2026-11-20T10:00:01Z" }]);
    let purposes = |record: &Value| record["consents"][0]["purpose"].clone();
    assert_eq!((&out["consents"], purposes(back)), (&newsletter, json!("Product news")));
    assert_ne!(out["id"], back["id"]);
    assert!(!out["id"].as_str().unwrap().contains("r-1"));
    assert_eq!((out.get("received_at"), &out["subject"]["external_id"]), (None, &json!("u-1")));
    request(out);
}

#[test]
fn a_record_without_any_time_is_as_new_as_when_it_was_read() {
    let undated = json!({ "kind": "consent", "subject": { "external_id": "u" }, "consents": [{ "purpose": "Newsletter", "status": "WITHDRAWN" }] });

    let repairs = repaired(&program(GROUPS), &request(&undated), &[Finding::NotRecorded]);

    assert_eq!(repairs.records[0].1["received_at"], "2026-11-22T12:00:00Z");
}

#[test]
fn an_opt_in_that_only_goes_with_what_may_not_be_undone_is_not_repaired() {
    // One consent sets both, and Braze may hold a newer no of the second that nobody could read.
    let program = program(
        "workflow: w\non: { file: {} }\nsteps:\n  - uses: braze/users.track\n    with:\n      attributes:\n        \
         - { external_id: \"{{ subject.external_id }}\", email_subscribe: opted_in, push_subscribe: opted_in }\n",
    );
    let findings = [Finding::LostOptIn, Finding::NotCompared(Uncompared::Unread)];

    let repairs = repaired(&program, &record(&[("Newsletter", "ACTIVE", 1)]), &findings);

    assert!(repairs.records.is_empty());
    assert_eq!(repairs.impossible, [Direction::OptIn]);
}

#[test]
fn a_repair_that_would_repeat_an_event_is_not_made() {
    let program = program(
        "workflow: w\non: { file: {} }\nsteps:\n  - uses: braze/users.track\n    with:\n      attributes:\n        \
         - { external_id: \"{{ subject.external_id }}\", email_subscribe: unsubscribed }\n      events:\n        \
         - { external_id: \"{{ subject.external_id }}\", name: told, time: \"{{ now }}\" }\n",
    );

    let repairs = repaired(&program, &record(&[]), &[Finding::LostOptOut]);

    assert_eq!((repairs.records.len(), repairs.impossible), (0, vec![Direction::OptOut]));
}

#[test]
fn rows_name_a_purpose_once_however_records_name_it() {
    let program = program(GROUPS);
    let id = "a4e8b3d5-1c72-4f69-b0e7-92d3f6a1c833";
    let consents = [
        json!({ "purpose_id": id, "purpose": "Newsletter" }),
        json!({ "purpose_id": id }),
        json!({ "purpose": "Newsletter" }),
    ];
    let mut tally = super::Tally::default();
    for mut consent in consents {
        consent["status"] = "WITHDRAWN".into();
        let record =
            request(&json!({ "kind": "consent", "subject": { "external_id": "u" }, "consents": [consent] }));
        for want in wanted(&program, 0, &record.scope).wants {
            assert!(matches!(want.setting.what, What::Group(_)));
            tally.add(&record.scope, &want, Finding::LostOptOut, false);
        }
    }

    let rows = tally.rows();

    assert_eq!((rows.len(), rows[0].purpose.as_str(), rows[0].counts.lost_opt_outs), (1, "Newsletter", 3));
}
