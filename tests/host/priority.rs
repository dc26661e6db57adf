//! A small job beside a large one.

use std::time::{Duration, Instant};

use crate::folder::{Folder, TAG, deletion, request};
use crate::running::Running;
use crate::server::{Server, accepted, until};

/// Erases one person, by another workflow.
const ERASE_ONE: &str = r#"
workflow: erase-one
on: { file: {} }
steps:
  - id: erase
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }
"#;

/// Sets an attribute of one person, by another workflow.
const TAG_ONE: &str = r#"
workflow: tag-one
on: { file: {} }
steps:
  - id: tag
    uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", small: true }] }
"#;

/// Of the release build two hundred milliseconds are promised; this is for a slow build on a machine
/// that does other things, too.
const AT_MOST: Duration = Duration::from_secs(3);

#[test]
fn a_single_deletion_leaves_soon_while_a_large_job_keeps_the_machine_busy() {
    let (deleted, when) = std::sync::mpsc::channel();
    let deleted = std::sync::Mutex::new(deleted);
    let server = Server::start(move |request, _| {
        if request.path.contains("delete") {
            deleted.lock().unwrap().send(Instant::now()).unwrap();
        }
        accepted()
    });
    let folder = Folder::to(server.address, TAG);
    folder.write("erase.yaml", ERASE_ONE);
    let records = (0..150_000)
        .map(|number| format!("{}\n", request("other", &format!("r-{number}"), &format!("u-{number}"))));
    folder.write("large.ndjson", records.collect::<String>());
    folder.write("small.ndjson", format!("{}\n", deletion(7)));
    let mut large = Running::job(&folder, "large.ndjson");
    server.wait_for(20);

    let run = ["run", "erase.yaml", "--input", "small.ndjson", "--output", "json"];
    let small = Running::of(folder.command(&run));
    let accepted_at = small.says("owns the store");
    let took = when.recv_timeout(Duration::from_secs(30)).unwrap().saturating_duration_since(accepted_at);

    println!("{} ms from acceptance to a call of its own pool", took.as_millis());
    assert!(!large.is_over(), "the large job was over before the small one began");
    assert!(took < AT_MOST, "{took:?}");
    assert_eq!(small.end().code, 0);
    large.signal("TERM");
    until("it stops", || large.is_over());
}

#[test]
fn a_small_job_has_its_turn_under_a_limit_that_a_large_one_uses_up() {
    let (arrived, when) = std::sync::mpsc::channel();
    let arrived = std::sync::Mutex::new(arrived);
    let server = Server::start(move |request, _| {
        if request.json()["attributes"][0]["small"] == true {
            arrived.lock().unwrap().send(Instant::now()).unwrap();
        }
        accepted()
    });
    let folder = Folder::to(server.address, TAG);
    let limit = "token: { env: PRIVAFLOW_TEST_KEY }\n    limits: { users.track: { requests: 20, per: 1s } }";
    folder.settings(server.address, limit);
    folder.write("small.yaml", TAG_ONE);
    let records = (0..20_000)
        .map(|number| format!("{}\n", request("other", &format!("r-{number}"), &format!("u-{number}"))));
    folder.write("large.ndjson", records.collect::<String>());
    folder.write("small.ndjson", format!("{}\n", request("other", "s-1", "small-1")));
    let mut large = Running::job(&folder, "large.ndjson");
    server.wait_for(30);

    let run = ["run", "small.yaml", "--input", "small.ndjson", "--output", "json"];
    let small = Running::of(folder.command(&run));
    let accepted_at = small.says("owns the store");
    let took = when.recv_timeout(Duration::from_secs(30)).unwrap().saturating_duration_since(accepted_at);

    println!("{} ms from acceptance to a call of the same pool", took.as_millis());
    assert!(!large.is_over() && took < AT_MOST, "{took:?}");
    assert_eq!(small.end().code, 0);
    large.signal("TERM");
    until("it stops", || large.is_over());
}
