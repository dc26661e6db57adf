//! `runs cancel`: a request that is not over is given up.

use serde_json::json;

use crate::folder::{Folder, request};
use crate::list::{refusing_one, three};
use crate::server::{Reply, Server};
use crate::show::EVENT;

#[test]
fn a_request_that_waits_is_given_up_and_listed_as_failed() {
    let server = Server::start(|_, _| Reply::Cut);
    let folder = Folder::to(server.address, EVENT);
    folder.requests([request("other", "r-1", "u-1")]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 0, 1]));

    let cancelled = folder.run(&["runs", "cancel", "job-1:0", "--output", "json"]);

    assert_eq!(cancelled.counts(), (0, [0, 0, 1, 0]), "{}", cancelled.stderr);
    assert_eq!(cancelled.json()["failed_by"], json!({ "cancelled": 1 }));
    let listed = folder.failures(&cancelled);
    assert_eq!((&listed[0]["request"], &listed[0]["code"]), (&json!("r-1"), &json!("cancelled")));
    assert_eq!(folder.run(&["jobs", "list", "--output", "json"]).lines()[0]["status"], "finished");
    assert_eq!(folder.run(&["jobs", "resume", "job-1"]).code, 1);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_is_over_cannot_be_given_up() {
    let server = refusing_one();
    let folder = three(&server);

    let refused = folder.run(&["runs", "cancel", "job-1:0", "job-1:1", "job-1:2"]);

    assert_eq!(refused.code, 2);
    for why in ["job-1:0 is done", "job-1:1 has failed already", "job-1:2 is skipped"] {
        assert!(refused.stderr.contains(why), "{why}: {}", refused.stderr);
    }
}
