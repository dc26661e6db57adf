//! A kill after a job ended well and before its certificates are written: whoever has the store next writes them.

use std::path::{Path, PathBuf};
use std::process::Command;

use privaflow::job::JobId;
use privaflow::journal::Reader;
use serde_json::{Value, json};

use crate::folder::{ERASE, Folder, deletion};
use crate::running::Running;
use crate::server::{Server, accepted, answer};
use crate::serving::{Serving, jobs, until};
use crate::watching::Braze;

fn certified() -> String {
    format!("{ERASE}certificate: true\n")
}

fn page(folder: &Folder, position: usize) -> Option<Value> {
    let path = folder.path(&format!("store/certificates/certificate-job-1-{position}.json"));
    Some(serde_json::from_slice(&std::fs::read(path).ok()?).unwrap())
}

fn owed(folder: &Folder) -> Vec<JobId> {
    Reader::open(&folder.path("store")).unwrap().owed_first_pages().unwrap()
}

/// A pipe in place of a file: who opens it waits for somebody who writes.
fn block(path: &Path) {
    std::fs::remove_file(path).unwrap();
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Two people are erased, the job is over, and its process is killed while it reads for their pages what they are
/// called.
fn killed_before_its_pages() -> (Folder, Server) {
    let (sender, input) = std::sync::mpsc::channel::<PathBuf>();
    let input = std::sync::Mutex::new(input);
    let server = Server::start(move |_, _| {
        block(&input.lock().unwrap().recv().unwrap());
        accepted()
    });
    let folder = Folder::to(server.address, &certified());
    folder.requests([deletion(1), deletion(2)]);
    sender.send(folder.path("requests.ndjson")).unwrap();
    let running = Running::job(&folder, "requests.ndjson");
    until("the job is over", || jobs(&folder).first().is_some_and(|job| job["status"] == "finished"));
    running.kill();
    std::fs::remove_file(folder.path("requests.ndjson")).unwrap();
    folder.requests([deletion(1), deletion(2)]);
    (folder, server)
}

#[test]
fn the_pages_of_a_job_that_ended_before_a_kill_are_written_by_whoever_comes_next() {
    let (folder, server) = killed_before_its_pages();
    assert_eq!([page(&folder, 0), page(&folder, 1)], [None, None]);
    assert_eq!(owed(&folder), [JobId(1)]);

    // A command that only reads leaves them to the next one that has the store.
    assert_eq!(folder.run(&["runs", "list"]).code, 0);
    assert_eq!(page(&folder, 0), None);
    let next = folder.run(&["watch", "run"]);

    assert_eq!(next.code, 0, "{}", next.stderr);
    for position in [0, 1] {
        let page = page(&folder, position).unwrap();
        assert_eq!(page["request"], format!("r-{}", position + 1));
        assert_eq!(page["results"][0]["result"], "done", "{page}");
    }
    assert_eq!((owed(&folder), server.requests().len()), (vec![], 1));
}

#[test]
fn a_server_that_starts_after_a_kill_writes_them_too() {
    let (folder, _server) = killed_before_its_pages();

    let serving = Serving::start(&folder);

    assert!(page(&folder, 0).is_some() && page(&folder, 1).is_some());
    assert_eq!(owed(&folder), []);
    assert_eq!(serving.stop().0, 0);
}

#[test]
fn a_page_that_could_not_be_written_stays_owed_and_one_that_was_does_not() {
    let braze = Braze::with(1..=2);
    let folder = Folder::to(braze.sandbox.address(), &certified());
    folder.requests([deletion(1)]);
    std::fs::create_dir_all(folder.path("store")).unwrap();
    folder.write("store/certificates", "no folder");
    let first = folder.job();
    assert!(first.code == 0 && first.stderr.contains("cannot be written"), "{}", first.stderr);
    assert_eq!(owed(&folder), [JobId(1)]);
    std::fs::remove_file(folder.path("store/certificates")).unwrap();

    folder.requests([deletion(2)]);
    let second = folder.job();

    assert_eq!(second.counts(), (0, [1, 0, 0, 0]));
    assert!(
        page(&folder, 0).is_some() && folder.path("store/certificates/certificate-job-2-0.json").exists()
    );
    assert_eq!(owed(&folder), []);
}

#[test]
fn neither_a_job_without_certificates_nor_the_pages_of_very_many_are_owed() {
    let braze = Braze::with([]);
    let folder = Folder::to(braze.sandbox.address(), &certified());
    folder.requests((1..=101).map(deletion));
    assert_eq!(folder.job().counts(), (0, [101, 0, 0, 0]));
    assert!(!folder.path("store/certificates").exists());
    assert_eq!(owed(&folder), []);

    let plain = Folder::to(braze.sandbox.address(), &format!("{ERASE}  - wait: 1h\n"));
    plain.requests([deletion(1)]);
    assert_eq!(plain.job().counts(), (1, [0, 0, 0, 1]));
    assert_eq!(owed(&plain), []);
}

#[test]
fn the_page_of_a_request_that_was_tried_again_says_how_it_ended_at_last() {
    let is_mended = std::sync::atomic::AtomicBool::new(false);
    let is_mended = std::sync::Arc::new(is_mended);
    let seen = std::sync::Arc::clone(&is_mended);
    let server = Server::start(move |_, _| match seen.load(std::sync::atomic::Ordering::SeqCst) {
        true => accepted(),
        false => answer(400, json!({ "message": "no" }).to_string()),
    });
    let folder = Folder::to(server.address, &certified());
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 1, 0]));
    assert_eq!(page(&folder, 0).unwrap()["results"][0]["result"], "failed");
    is_mended.store(true, std::sync::atomic::Ordering::SeqCst);

    let retried = folder.run(&["runs", "retry", "job-1:0"]);

    assert_eq!(retried.code, 0, "{}", retried.stderr);
    let page = page(&folder, 0).unwrap();
    assert_eq!(page["results"].as_array().unwrap().last().unwrap()["result"], "done", "{page}");
}
