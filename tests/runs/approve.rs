//! `approve`: a request waits until somebody says yes or no, however long it takes.

use serde_json::json;

use crate::folder::{Folder, deletion};
use crate::server::{Server, accepted, answer};

/// Finds somebody, asks, and erases.
pub const ASK: &str = r#"
workflow: careful
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [braze_id, external_id] }
  - id: ask
    approve: "{{ request.id }} is about to be erased"
  - id: erase
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }
"#;

/// A service that finds everybody, and a folder with two requests that wait for an answer.
fn asked() -> (Server, Folder) {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/users/export/ids" => {
            let ids = request.json()["external_ids"].as_array().cloned().unwrap_or_default();
            let users: Vec<_> = ids.iter().map(|id| json!({ "external_id": id, "braze_id": "b" })).collect();
            answer(200, json!({ "users": users, "message": "success" }).to_string())
        }
        _ => accepted(),
    });
    let folder = Folder::to(server.address, ASK);
    folder.requests([deletion(1), deletion(2)]);
    let shot = folder.job();
    assert_eq!(shot.counts(), (1, [0, 0, 0, 2]), "{}", shot.stderr);
    assert_eq!(shot.json()["waiting_by"], json!({ "approval": 2 }));
    (server, folder)
}

fn erased(server: &Server) -> Vec<String> {
    let requests = server.requests();
    let deletes = requests.iter().filter(|request| request.path == "/users/delete");
    let mut people: Vec<String> = deletes.flat_map(crate::server::Request::people).collect();
    people.sort();
    people
}

#[test]
fn what_is_approved_goes_on_and_what_is_rejected_fails() {
    let (server, folder) = asked();
    let waiting = folder.run(&["runs", "list", "--state", "waiting", "--output", "json"]);
    let first = &waiting.lines()[0];
    assert_eq!((&first["reason"], &first["step"]), (&json!("approval"), &json!("ask")), "{first}");
    // Nobody answers by going on.
    assert_eq!(folder.run(&["jobs", "resume", "job-1", "--output", "json"]).counts(), (1, [0, 0, 0, 2]));
    assert_eq!(erased(&server), [""; 0]);

    let rejected = folder.run(&["runs", "reject", "job-1:1", "--reason", "case 4711", "--output", "json"]);
    let approved = folder.run(&["runs", "approve", "job-1:0", "--output", "json"]);

    assert_eq!(rejected.counts(), (1, [0, 0, 1, 1]), "{}", rejected.stderr);
    assert_eq!(approved.counts(), (1, [1, 0, 1, 0]), "{}", approved.stderr);
    assert_eq!(approved.json()["failed_by"], json!({ "guard_rejected": 1 }));
    assert_eq!(erased(&server), ["u-1"]);
    // Everybody was looked up once.
    let looks = server.requests().iter().filter(|request| request.path == "/users/export/ids").count();
    assert_eq!(looks, 1);
    let story = folder.run(&["runs", "show", "job-1:1"]).stdout;
    assert!(story.contains("rejected") && story.contains("case 4711"), "{story}");
    let ledger = folder.run(&["ledger", "export"]).stdout;
    assert!(ledger.contains(r#""fact":"decided""#) && ledger.contains(r#""answer":"rejected""#), "{ledger}");
}

#[test]
fn an_answer_is_given_once_and_only_to_who_waits_for_it() {
    let (server, folder) = asked();
    assert_eq!(folder.run(&["runs", "approve", "job-1:0"]).code, 1);

    let again = folder.run(&["runs", "reject", "job-1:0"]);
    let retried = folder.run(&["runs", "retry", "job-1:1"]);
    let person = folder.run(&["runs", "approve", "job-1:1", "--reason", "a@example.com asked"]);

    assert_eq!((again.code, retried.code, person.code), (2, 2, 2));
    assert!(again.stderr.contains("job-1:0 does not wait for approval, it is done"), "{}", again.stderr);
    assert!(retried.stderr.contains("`privaflow runs approve job-1:1`"), "{}", retried.stderr);
    assert!(person.stderr.contains("an `@`"), "{}", person.stderr);
    assert_eq!(erased(&server), ["u-1"]);
}

#[test]
fn only_who_is_asked_may_answer() {
    let server = Server::accepting();
    let flow =
        ASK.replace("approve: \"{{ request.id }} is about to be erased\"", "approve: { approvers: [ana] }");
    let folder = Folder::to(server.address, &flow.replace("  - id: find", "  - if: 'false'\n    id: find"));
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 0, 1]));

    let mut other = folder.command(&["runs", "approve", "job-1:0"]);
    let other = other.env("USER", "ben").output().unwrap();
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert_eq!(erased(&server), [""; 0]);
    let ana = folder.command(&["runs", "approve", "job-1:0"]).env("USER", "ana").output().unwrap();

    assert!(other.status.code() == Some(2) || other.status.code() == Some(1), "{said}");
    assert!(said.contains("ben may not answer for job-1:0: its workflow asks ana"), "{said}");
    assert_eq!((ana.status.code(), erased(&server)), (Some(0), vec!["u-1".to_owned()]));
}
