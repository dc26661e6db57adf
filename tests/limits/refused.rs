//! A profile that is refused in the middle of a job.

use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::folder::{Folder, end, request};
use crate::server::{Gate, Server, accepted, answer};

/// An HTTP request for each record.
pub const ALONE: &str = r#"
workflow: alone
on: { file: {} }
steps:
  - uses: braze/users.track
    with:
      group_id: "{{ request.id }}"
      attributes: [{ external_id: "{{ subject.external_id }}", seen: true }]
"#;

pub fn record(number: usize) -> Value {
    request("other", &format!("r-{number}"), &format!("u-{number}"))
}

#[test]
fn nothing_leaves_after_a_refusal_and_what_is_on_its_way_still_counts() {
    const RECORDS: usize = 500;
    const IN_FLIGHT: usize = 256;
    for status in [401, 403, 404] {
        let (gate, mended) = (Gate::default(), Arc::new(AtomicBool::new(false)));
        let came = Arc::new(AtomicUsize::new(0));
        let server = Server::start({
            let (gate, mended, came) = (gate.clone(), Arc::clone(&mended), Arc::clone(&came));
            move |_, before| {
                if mended.load(Ordering::SeqCst) {
                    return accepted();
                }
                came.fetch_add(1, Ordering::SeqCst);
                if before == 0 {
                    crate::server::until("all are on their way", || came.load(Ordering::SeqCst) >= IN_FLIGHT);
                    return answer(status, "{}");
                }
                gate.pass();
                accepted()
            }
        });
        let folder = Folder::to(server.address, ALONE);
        folder.requests((0..RECORDS).map(record));

        let mut child = folder.start();
        let mut talk = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("is stopped") {
            line.clear();
            assert!(talk.read_line(&mut line).unwrap() > 0, "the profile was not stopped");
        }
        gate.open();
        let shot = end(child);
        drop(talk);

        let done = IN_FLIGHT as u64 - 1;
        assert_eq!(shot.counts(), (3, [done, 0, 0, RECORDS as u64 - done]), "{status}");
        assert_eq!(server.requests().len(), IN_FLIGHT, "{status}: something left after the refusal");
        assert_eq!(shot.json()["http_requests"], IN_FLIGHT, "{status}");

        mended.store(true, Ordering::SeqCst);
        let job = shot.json()["job"].as_str().unwrap().to_owned();
        let resumed = folder.run(&["jobs", "resume", &job, "--output", "json"]);
        assert_eq!(resumed.counts(), (0, [RECORDS as u64, 0, 0, 0]), "{status}: {}", resumed.stderr);
        assert_eq!(server.requests().len(), RECORDS + 1, "{status}");
    }
}

#[test]
fn other_profiles_of_the_job_go_on_through_the_whole_file() {
    const RECORDS: usize = 20_000;
    let (refusing, accepting) = (Server::start(|_, _| answer(401, "{}")), Server::accepting());
    let workflow = r#"
workflow: two
on: { file: {} }
steps:
  - uses: braze/users.track
    profile: "{{ fields.profile }}"
    with: { attributes: [{ external_id: "{{ subject.external_id }}", seen: true }] }
"#;
    let folder = Folder::with(workflow);
    let settings = |refused: &dyn std::fmt::Display| {
        let profile = |name: &str, address: &dyn std::fmt::Display| {
            format!(
                "  {name}: {{ system: braze, scheme: http, share: 1, host: \"{address}\", token: {{ env: PRIVAFLOW_TEST_KEY }} }}\n"
            )
        };
        let profiles = profile("one", refused) + &profile("two", &accepting.address);
        folder.write(
            "privaflow.yaml",
            format!("workflows: .\nstore: {{ path: store }}\nprofiles:\n{profiles}"),
        );
    };
    settings(&refusing.address);
    // Nearly all are for the one that is refused, and the last are for the other.
    let profile =
        |number: usize| if number.is_multiple_of(100) || number > RECORDS - 100 { "two" } else { "one" };
    folder.requests((0..RECORDS).map(|number| {
        let mut record = record(number);
        record["fields"] = json!({ "profile": profile(number) });
        record
    }));
    let for_two = (0..RECORDS).filter(|number| profile(*number) == "two").count() as u64;

    let shot = folder.job();

    assert_eq!(shot.counts(), (3, [for_two, 0, 0, RECORDS as u64 - for_two]), "{}", shot.stderr);
    assert_eq!(shot.json()["waiting_by"], json!({ "retry": RECORDS as u64 - for_two }));
    settings(&accepting.address);
    assert_eq!(folder.job().counts(), (0, [RECORDS as u64, 0, 0, 0]));
}
