//! Calls whose step was out of time before they were answered: the same state is answered before a newer
//! one leaves, whatever becomes of the process.

use serde_json::{Value, json};

use crate::between::{SET, change, kill_after, run, told, write};
use crate::folder::Folder;
use crate::server::{Gate, Reply, Server, accepted, answer};

fn impatient() -> String {
    SET.replace("    with:", "    timeout: 300ms\n    with:")
}

/// Looks for the person first, and goes on when the state could not be set in time.
const SEVERAL: &str = r#"
workflow: several
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [external_id] }
  - id: track
    uses: braze/users.track
    timeout: 300ms
    continue_on_error: true
    with:
      attributes: [{ external_id: "{{ steps.find.output.users.[0].external_id }}", email_subscribe: "{{ consents.[0].status }}" }]
  - id: other
    uses: braze/users.track
    with:
      attributes: [{ external_id: "other", email_subscribe: "{{ consents.[0].status }}" }]
"#;

/// A service that does not answer the first of these writes until the gate is open.
fn silent(writes: usize) -> (Server, Gate) {
    let gate = Gate::default();
    let server = Server::start({
        let (gate, seen) = (gate.clone(), std::sync::atomic::AtomicUsize::new(0));
        move |request, _| {
            if request.path == "/users/export/ids" {
                return answer(200, r#"{"message":"success","users":[{"external_id":"u-1"}]}"#);
            }
            if seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < writes {
                gate.pass();
            }
            accepted()
        }
    });
    (server, gate)
}

fn older() -> Value {
    change("older", "opted_in", 1)
}

fn newer() -> Value {
    change("newer", "unsubscribed", 9)
}

fn states(server: &Server) -> Vec<String> {
    told(server).into_iter().flatten().collect()
}

#[test]
fn a_state_out_of_time_is_answered_before_a_newer_one_leaves_when_the_process_was_killed() {
    let (server, gate) = silent(2);
    let folder = Folder::to(server.address, &impatient());
    write(&folder, "first.ndjson", &[older(), newer()]);
    // The second request repeats what was out of time.
    kill_after(&folder, &server, &gate, 2);

    let shot = run(&folder, "first.ndjson");

    assert_eq!(shot.counts(), (1, [1, 0, 1, 0]), "{}", shot.stderr);
    assert_eq!(shot.json()["failed_by"], json!({ "timeout": 1 }));
    assert_eq!(states(&server), ["opted_in", "opted_in", "opted_in", "unsubscribed"]);
    assert_eq!(run(&folder, "first.ndjson").stdout, shot.stdout);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn another_job_asks_first_for_a_state_out_of_time_that_nobody_answered() {
    for is_killed in [true, false] {
        let (server, gate) = silent(2);
        let folder = Folder::to(server.address, &impatient());
        write(&folder, "first.ndjson", &[older()]);
        write(&folder, "second.ndjson", &[newer()]);
        if is_killed {
            // Who has a newer change in the same job stays for the answer.
            write(&folder, "first.ndjson", &[older(), change("between", "subscribed", 5)]);
            kill_after(&folder, &server, &gate, 2);
        } else {
            let left = run(&folder, "first.ndjson");
            assert_eq!(left.counts(), (1, [0, 0, 1, 0]), "{}", left.stderr);
            gate.open();
        }

        let shot = run(&folder, "second.ndjson");

        assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
        assert!(shot.stderr.contains("job-1 was left with requests in the air"), "{}", shot.stderr);
        let states = states(&server);
        let (newest, before) = states.split_last().unwrap();
        assert_eq!(newest, "unsubscribed", "{states:?}");
        assert!(before.len() >= 2 && before.iter().all(|state| state == "opted_in"), "{states:?}");
        // Nothing is in the air any more, and the one between comes too late.
        let requests = server.requests().len();
        assert_eq!(run(&folder, "first.ndjson").counts(), (1, [0, u64::from(is_killed), 1, 0]));
        assert_eq!(server.requests().len(), requests);
    }
}

#[test]
fn a_run_that_went_on_without_its_answer_has_that_call_made_again_and_no_other() {
    let (server, gate) = silent(1);
    let folder = Folder::to(server.address, SEVERAL);
    write(&folder, "first.ndjson", &[older()]);
    write(&folder, "second.ndjson", &[newer()]);
    let left = run(&folder, "first.ndjson");
    assert_eq!(left.counts(), (0, [1, 0, 0, 0]), "{}", left.stderr);
    let before = told_people(&server);
    gate.open();

    let shot = run(&folder, "second.ndjson");

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    let mut after = told_people(&server).split_off(before.len());
    let [older, newer] = ["opted_in", "unsubscribed"].map(str::to_owned);
    let to = |person: &str, state: &String| (person.to_owned(), state.clone());
    // Made again before the process left, it may have been answered in time, or not.
    let may_be_answered = before.iter().filter(|one| **one == to("u-1", &older)).count() > 1;
    let is_made_again = after.first() == Some(&to("u-1", &older));
    assert!(is_made_again || may_be_answered, "{before:?} {after:?}");
    drop(after.drain(..usize::from(is_made_again)));
    assert_eq!(after, [to("u-1", &newer), to("other", &newer)], "{before:?}");
}

fn told_people(server: &Server) -> Vec<(String, String)> {
    let of = |request: &crate::server::Request| {
        let attributes = request.json()["attributes"].as_array().cloned().unwrap_or_default();
        let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let pairs = attributes.iter().map(|one| (text(one, "external_id"), text(one, "email_subscribe")));
        pairs.collect::<Vec<_>>()
    };
    server.requests().iter().flat_map(of).collect()
}

#[test]
fn nothing_newer_leaves_while_a_state_out_of_time_has_no_answer() {
    let server = Server::start(|request, _| {
        let is_older = String::from_utf8_lossy(&request.body).contains("opted_in");
        if is_older { crate::server::Reply::Cut } else { accepted() }
    });
    let tried_twice = impatient().replace("    timeout:", "    retry: { attempts: 2 }\n    timeout:");
    let folder = Folder::to(server.address, &tried_twice.replace("300ms", "1ms"));
    write(&folder, "first.ndjson", &[older(), newer()]);

    for _ in 0..2 {
        let shot = run(&folder, "first.ndjson");

        assert_eq!(shot.counts(), (1, [0, 0, 1, 1]), "{}", shot.stderr);
        assert_eq!(shot.json()["waiting_by"], json!({ "retry": 1 }));
        assert!(states(&server).iter().all(|state| state == "opted_in"), "{:?}", states(&server));
    }
}

#[test]
fn what_a_killed_process_may_have_set_stays_in_the_air_when_its_repeat_is_refused_until_it_is_out_of_time() {
    let gate = Gate::default();
    let server = Server::start({
        let gate = gate.clone();
        move |_, before| match before {
            0 => {
                gate.pass();
                accepted()
            }
            1 => Reply::Answer { status: 503, headers: "retry-after: 5\r\n", body: String::new() },
            _ => accepted(),
        }
    });
    let folder = Folder::to(server.address, &impatient());
    write(&folder, "first.ndjson", &[newer()]);
    write(&folder, "second.ndjson", &[older()]);
    kill_after(&folder, &server, &gate, 1);

    let refused = run(&folder, "first.ndjson");
    let shot = run(&folder, "second.ndjson");

    assert_eq!(refused.counts(), (1, [0, 0, 1, 0]), "{}", refused.stderr);
    assert_eq!(shot.counts(), (0, [0, 1, 0, 0]), "{}", shot.stderr);
    assert_eq!(states(&server), ["unsubscribed", "unsubscribed", "unsubscribed"]);
}
