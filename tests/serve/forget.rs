//! A person is forgotten while their requests wait: in a file's job, in the queue, in a window that is under way.

use serde_json::{Value, json};

use crate::folder::Folder;
use crate::server::{Reply, Request, Server, accepted, answer};
use crate::serving::{Serving, arrival, is_all_over, jobs, put, until};

/// Looks a person up, waits for somebody, and erases them.
const FLOW: &str = r#"
workflow: erase
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id] }
  - set: { found: "steps.find.output.users.map(u, u.braze_id)" }
  - wait: WAIT
  - id: erase
    uses: braze/users.delete
    with: { braze_ids: "{{ vars.found }}" }
"#;

fn folder(braze: &Server, wait: &str) -> Folder {
    Folder::to(braze.address, &FLOW.replace("WAIT", wait))
}

fn braze() -> Server {
    Server::start(|request: &Request, _| -> Reply {
        match request.path.as_str() {
            "/users/export/ids" => {
                let id = format!("b-{}", request.json()["email_address"].as_str().unwrap());
                answer(201, json!({ "users": [{ "braze_id": id }], "message": "success" }).to_string())
            }
            _ => accepted(),
        }
    })
}

fn person(number: usize) -> Value {
    json!({ "id": format!("r-{number}"), "kind": "deletion", "subject": { "email": format!("p{number}@example.com") } })
}

/// Who was erased.
fn erased(server: &Server) -> Vec<String> {
    let deletions = server.requests().into_iter().filter(|request| request.path == "/users/delete");
    let mut people: Vec<String> = deletions.flat_map(|request| request.people()).collect();
    people.sort();
    // What a kill left without an answer is sent again.
    people.dedup();
    people
}

fn keys(folder: &Folder) -> i64 {
    let keys = rusqlite::Connection::open(folder.path("store/keys/keys.db")).unwrap();
    keys.query_row("SELECT count(*) FROM keys", [], |row| row.get(0)).unwrap()
}

fn forget(folder: &Folder, subject: &str) -> Value {
    let shot = folder.run(&["forget", subject, "--output", "json"]);
    assert_eq!(shot.code, 0, "{}", shot.stderr);
    assert!(
        !shot.stderr.contains("@example.com") && !shot.stdout.contains("@example.com"),
        "{}",
        shot.stderr
    );
    shot.json()
}

#[test]
fn the_run_of_a_person_in_a_file_s_job_ends_and_cannot_be_tried_again_while_the_others_go_on() {
    let braze = braze();
    let folder = folder(&braze, "3s");
    folder.requests((1..=3).map(person));
    let left =
        folder.run(&["run", "flow.yaml", "--input", "requests.ndjson", "--wait", "0s", "--output", "json"]);
    assert_eq!((left.counts().1, keys(&folder)), ([0, 0, 0, 3], 3), "{}", left.stderr);

    let told = forget(&folder, " P2@Example.com");
    let twice = forget(&folder, "p2@example.com");

    assert_eq!((&told["runs"], &told["keys"], keys(&folder)), (&json!(1), &json!(1), 2), "{told}");
    assert!(told["files"][0].as_str().unwrap().ends_with("requests.ndjson"), "{told}");
    assert_eq!((&twice["runs"], &twice["keys"]), (&json!(0), &json!(0)), "{twice}");
    let resumed = folder.run(&["jobs", "resume", "job-1", "--output", "json"]);
    assert_eq!(resumed.counts(), (1, [2, 0, 1, 0]), "{}", resumed.stderr);
    assert_eq!(resumed.json()["failed_by"], json!({ "forgotten": 1 }));
    assert_eq!(erased(&braze), ["b-p1@example.com", "b-p3@example.com"]);
    let again = folder.run(&["runs", "retry", "job-1:1"]);
    assert!(again.code == 2 && again.stderr.contains("was forgotten"), "{}", again.stderr);
    let ledger = folder.run(&["ledger", "export"]).stdout;
    let forgotten: Vec<&str> = ledger.lines().filter(|line| line.contains("forgotten")).collect();
    assert!(forgotten.iter().any(|line| line.contains(r#""runs":1,"records":0"#)), "{forgotten:?}");
    assert!(!ledger.contains("example.com"));
    assert_eq!(keys(&folder), 0);
}

#[test]
fn what_came_in_of_a_person_is_gone_from_the_queue_and_from_backups_made_before() {
    let braze = braze();
    let folder = folder(&braze, "10ms");
    put(&folder, (1..=3).map(|number| arrival("erase", number, &person(number))).collect());
    assert_eq!(folder.run(&["store", "backup", "backup"]).code, 0);

    let told = forget(&folder, "p2@example.com");
    let restored = folder.run(&["store", "restore", "backup", "--force", "--output", "json"]);

    assert_eq!((&told["records"], &told["keys"]), (&json!(1), &json!(1)), "{told}");
    assert_eq!(restored.json()["lost_records"], json!(1), "{}", restored.stderr);
    assert!(restored.stderr.contains("1 request that waited then cannot be opened"), "{}", restored.stderr);
    let serving = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));
    assert_eq!(serving.stop().0, 0);
    assert_eq!(erased(&braze), ["b-p1@example.com", "b-p3@example.com"]);
}

#[test]
fn a_person_in_a_window_that_a_server_has_under_way_is_forgotten_beside_it() {
    let braze = braze();
    let folder = folder(&braze, "2s");
    put(&folder, (1..=3).map(|number| arrival("erase", number, &person(number))).collect());
    let serving = Serving::start(&folder);
    until("everybody was looked up", || braze.requests().len() == 3);

    let told = forget(&folder, "p2@example.com");
    // The next one reads the window again, from which a record is missing now.
    serving.running.kill();
    let serving = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));

    assert_eq!((&told["runs"], &told["records"]), (&json!(1), &json!(1)), "{told}");
    assert_eq!(serving.stop().0, 0);
    assert_eq!(erased(&braze), ["b-p1@example.com", "b-p3@example.com"]);
    let [job] = &jobs(&folder)[..] else { panic!("one window, one job") };
    assert_eq!(
        (&job["done"], &job["failed"], &job["status"]),
        (&json!(2), &json!(1), &json!("finished")),
        "{job}"
    );
    assert_eq!(keys(&folder), 0);
}
