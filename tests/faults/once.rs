//! Calls that must not be repeated, when nobody knows whether they took effect.

use privaflow::sandbox::{Effect, Fault, Faults};
use serde_json::{Value, json};

use crate::folder::{Folder, end, request};
use crate::kills::EVENT;
use crate::server::{Gate, Server, until};
use crate::service::Braze;

const PURCHASE: &str = r#"
workflow: purchase
on: { file: {} }
steps:
  - id: buy
    uses: braze/users.track
    with:
      purchases:
        - external_id: "{{ subject.external_id }}"
          product_id: plan
          currency: EUR
          price: 1.5
          time: "2026-11-22T02:00:00Z"
"#;

#[test]
fn an_event_or_a_purchase_whose_answer_is_lost_waits_for_a_person_and_is_never_sent_twice() {
    for workflow in [EVENT, PURCHASE] {
        for effect in [Effect::DropAfterApplying, Effect::FailAfterApplying { status: 503 }] {
            let braze = Braze::with(1, Faults { faults: vec![Fault::new(effect).at_most(1)] });
            let folder = Folder::to(braze.sandbox.address(), workflow);
            ["u-1", "u-2"].iter().for_each(|id| braze.seed(id));
            folder.requests([request("other", "r-1", "u-1"), request("other", "r-2", "u-2")]);

            for _ in 0..3 {
                let shot = folder.job();
                assert_eq!(shot.counts(), (1, [0, 0, 0, 2]), "{effect:?}: {}", shot.stderr);
                assert_eq!(shot.json()["waiting_by"], json!({ "needs_attention": 2 }), "{effect:?}");
                let listed = folder.read(shot.json()["failures"].as_str().unwrap());
                let lines: Vec<Value> =
                    listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                assert_eq!(lines.iter().map(|line| &line["line"]).collect::<Vec<_>>(), [1, 2], "{listed}");
                assert!(lines.iter().all(|line| line["code"] == "may_have_been_sent"), "{listed}");
            }

            assert_eq!(braze.requests(), 1, "{effect:?}");
            assert!(braze.counted().values().all(|count| *count == 1), "{effect:?}");
        }
    }
}

#[test]
fn a_counter_whose_answer_is_lost_is_not_raised_twice() {
    let workflow = EVENT.replace(
        r#"events: [{ external_id: "{{ subject.external_id }}", name: consent, time: "2026-11-22T02:00:00Z" }]"#,
        r#"attributes: [{ external_id: "{{ subject.external_id }}", visits: { inc: 1 } }]"#,
    );
    let faults = Faults { faults: vec![Fault::new(Effect::DropAfterApplying).at_most(1)] };
    let braze = Braze::with(1, faults);
    let folder = Folder::to(braze.sandbox.address(), &workflow);
    braze.seed("u-1");
    folder.requests([request("other", "r-1", "u-1")]);

    let shots = [folder.job(), folder.job()];

    shots.iter().for_each(|shot| assert_eq!(shot.counts(), (1, [0, 0, 0, 1]), "{}", shot.stderr));
    assert_eq!(braze.people()["u-1"].attributes["visits"], json!(1));
}

#[test]
fn a_request_that_comes_again_is_not_sent_when_the_first_may_have_been_counted() {
    let gate = Gate::default();
    let server = Server::accepting_after(&gate);
    let folder = Folder::to(server.address, EVENT);
    folder.requests([request("other", "r-1", "u-1"), request("other", "r-1", "u-1")]);

    let mut child = folder.start();
    server.wait_for(1);
    child.kill().unwrap();
    child.wait().unwrap();
    let child = folder.start();
    gate.open();
    let shot = end(child);

    assert_eq!(shot.counts(), (1, [0, 1, 0, 1]), "{}", shot.stderr);
    assert_eq!(shot.json()["waiting_by"], json!({ "needs_attention": 1 }));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_request_that_comes_again_and_again_is_not_sent_while_the_first_has_no_answer() {
    const AGAIN: u64 = 20_000;
    let gate = Gate::default();
    let server = Server::accepting_after(&gate);
    let folder = Folder::to(server.address, EVENT);
    folder.requests((0..=AGAIN).map(|_| request("other", "r-1", "u-1")));

    let child = folder.start();
    server.wait_for(1);
    until("most of the others are written down", || {
        let shot = folder.run(&["jobs", "show", "job-1", "--output", "json"]);
        shot.code == 0 && shot.json()["skipped"].as_u64().unwrap() >= AGAIN - 512
    });
    gate.open();
    let shot = end(child);

    assert_eq!(server.requests().len(), 1);
    assert_eq!(shot.counts(), (0, [1, AGAIN, 0, 0]), "{}", shot.stderr);
}
