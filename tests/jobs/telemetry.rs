//! What the log tells, and what is said of failures that were tolerated.

use serde_json::Value;

use crate::folder::{Folder, deletion};
use crate::server::{Request, Server, accepted, answer};

const TWO_STEPS: &str = "workflow: two\non: { file: {} }\nsteps:\n  - id: first\n    uses: braze/users.track\n    continue_on_error: true\n    with: { attributes: [{ external_id: \"{{ subject.external_id }}\", a: 1 }] }\n  - id: second\n    uses: braze/email.status\n    with: { email: \"{{ subject.external_id }}@example.com\", subscription_state: unsubscribed }\n";

fn only_mail(request: &Request, _: usize) -> crate::server::Reply {
    match request.json().get("attributes") {
        Some(_) => answer(400, r#"{"message":"Bad request"}"#),
        None => accepted(),
    }
}

#[test]
fn a_tolerated_failure_leaves_the_request_done_with_a_warning() {
    let server = Server::start(only_mail);
    let folder = Folder::to(server.address, TWO_STEPS);
    folder.requests([deletion(1)]);

    let shot = folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]));
    assert!(
        shot.stderr.contains("warning: of 1 requests a step failed and was tolerated"),
        "{}",
        shot.stderr
    );
}

#[test]
fn the_log_tells_the_story_of_a_job_with_its_ids_in_text_and_fields() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, TWO_STEPS);
    folder.requests([deletion(1)]);

    let shot = folder.run(&[
        "run",
        "flow.yaml",
        "--input",
        "requests.ndjson",
        "--log",
        "privaflow=debug",
        "--log-format",
        "json",
    ]);

    let lines: Vec<Value> = shot.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let told =
        |text: &str| lines.iter().find(|line| line["message"].as_str().is_some_and(|it| it.contains(text)));
    assert_eq!(told("job-1 of workflow two is opened").unwrap()["job"], "job-1");
    assert_eq!(told("batch 0 of job-1 leaves: 1 calls of users.track").unwrap()["calls"], 1);
    assert_eq!(told("batch 0 of job-1 was answered: HTTP 201").unwrap()["status"], 201);
    assert_eq!(told("job-1 is left after").unwrap()["done"], 1);
}
