//! What came in is carried out, and can be decided about like anything else.

use crate::folder::{ERASE, Folder};
use crate::running::Running;
use crate::server::{Gate, Server, accepted, answer};
use crate::serving::{Serving, is_all_over, jobs, put_deletions, until};

#[test]
fn what_came_in_is_carried_out_and_then_gone() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    put_deletions(&folder, 1..=3);

    let serving = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));
    let (code, said) = serving.stop();

    assert_eq!(code, 0, "{said}");
    let mut people = server.people();
    people.sort();
    assert_eq!(people, ["u-1", "u-2", "u-3"]);
    let jobs = jobs(&folder);
    assert_eq!((jobs.len(), &jobs[0]["input"], &jobs[0]["done"]), (1, &"inbox:1".into(), &3.into()));
    assert_eq!(jobs[0]["status"], "finished");
    assert!(!folder.store_bytes().contains("u-2"), "nothing of a person is left");
}

#[test]
fn a_stop_lets_what_is_under_way_be_answered_and_the_next_start_goes_on() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let server = Server::start(move |_, before| {
        if before == 0 {
            waiting.pass();
        }
        accepted()
    });
    let folder = Folder::to(server.address, ERASE);
    // One call a request, so that most are still to come.
    crate::running::slowly(&folder, &server);
    put_deletions(&folder, 1..=400);
    let serving = Serving::start(&folder);
    server.wait_for(1);

    serving.running.signal("TERM");
    serving.running.says("stopping");
    gate.open();
    let shot = serving.running.end();

    assert_eq!(shot.code, 130, "{}", shot.stderr);
    assert!(shot.stderr.contains("the next `serve` goes on"), "{}", shot.stderr);
    let again = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));
    assert_eq!(again.stop().0, 0);
    let mut people = server.people();
    people.sort();
    people.dedup();
    assert_eq!((people.len(), server.people().len()), (400, 400), "nobody twice");
    assert_eq!(jobs(&folder).len(), 1);
}

#[test]
fn jobs_of_windows_are_resumed_retried_and_cancelled_without_a_server() {
    let is_well = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let well = std::sync::Arc::clone(&is_well);
    let server = Server::start(move |_, _| match well.load(std::sync::atomic::Ordering::SeqCst) {
        true => accepted(),
        false => answer(400, r#"{"message":"no such person"}"#),
    });
    let folder = Folder::to(server.address, ERASE);
    put_deletions(&folder, [1]);
    let serving = Serving::start(&folder);
    until("it failed", || is_all_over(&folder));
    assert_eq!(serving.stop().0, 0);
    assert_eq!(jobs(&folder)[0]["failed"], 1);

    is_well.store(true, std::sync::atomic::Ordering::SeqCst);
    let shown = folder.run(&["runs", "list", "--job", "job-1", "--output", "json"]).json();
    let retried = folder.run(&["jobs", "retry", "job-1", "--failed", "--output", "json"]);
    assert_eq!(shown["request"], "r-1");
    assert_eq!(retried.counts(), (0, [1, 0, 0, 0]), "{}", retried.stderr);

    assert_eq!(folder.run(&["pause", "--all"]).code, 0);
    put_deletions(&folder, [2, 3]);
    let serving = Serving::start(&folder);
    serving.running.says("inbox:2 of workflow erase is taken on");
    until("there is a job", || jobs(&folder).len() == 2);
    assert_eq!(serving.stop().0, 130);
    assert_eq!(folder.run(&["resume", "--all"]).code, 0);
    let resumed = folder.run(&["jobs", "resume", "job-2", "--output", "json"]);
    assert_eq!(resumed.counts(), (0, [2, 0, 0, 0]), "{}", resumed.stderr);

    assert_eq!(folder.run(&["pause", "--all"]).code, 0);
    put_deletions(&folder, [4]);
    let serving = Serving::start(&folder);
    until("there is a job", || jobs(&folder).len() == 3);
    serving.running.kill();
    let cancelled = folder.run(&["jobs", "cancel", "job-3", "--output", "json"]);
    assert_eq!(cancelled.json()["failed_by"]["cancelled"], 1, "{}", cancelled.stderr);
    assert_eq!(server.people(), ["u-1", "u-1", "u-2", "u-3"]);
}

#[test]
fn jobs_of_windows_are_decided_about_beside_the_server() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    assert_eq!(folder.run(&["pause", "--all"]).code, 0);
    put_deletions(&folder, [1]);
    let serving = Serving::start(&folder);
    until("there is a job", || jobs(&folder).len() == 1);

    let cancelled = folder.run(&["jobs", "cancel", "job-1", "--output", "json"]);
    assert_eq!(folder.run(&["resume", "--all"]).code, 0);
    let retried = folder.run(&["jobs", "retry", "job-1", "--failed", "--no-resume"]);

    assert_eq!(cancelled.json()["failed"], 1, "{}", cancelled.stderr);
    assert!(retried.stderr.contains("1 request of job-1 to be tried again"), "{}", retried.stderr);
    // The server finds what was opened again by itself.
    server.wait_for(1);
    until("all is over", || is_all_over(&folder));
    assert_eq!((serving.stop().0, server.people()), (0, vec!["u-1".to_owned()]));
}

#[test]
fn a_window_is_no_file() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);

    let refused = folder.run(&["run", "flow.yaml", "--input", "inbox:1"]);

    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("`./inbox:1`"), "{}", refused.stderr);
}

#[test]
fn what_the_guard_holds_waits_and_is_carried_out_once_it_is_approved() {
    let server = Server::accepting();
    let workflow = ERASE.replace("steps:", "guard: { max_subjects: { per_job: 2 } }\nsteps:");
    let folder = Folder::to(server.address, &workflow);
    put_deletions(&folder, 1..=3);
    let serving = Serving::start(&folder);
    serving.running.says("is held by its guard");

    let approved = folder.run(&["jobs", "approve", "job-1"]);

    assert_eq!(approved.code, 0, "{}", approved.stderr);
    until("all is over", || is_all_over(&folder));
    assert_eq!((serving.stop().0, server.people().len()), (0, 3));
}

#[test]
fn a_file_is_carried_out_beside_what_came_in() {
    let gate = Gate::default();
    let server = crate::running::holding("u-1", &gate);
    let folder = Folder::to(server.address, ERASE);
    put_deletions(&folder, [1]);
    let serving = Serving::start(&folder);
    server.wait_for(1);
    crate::running::deletions(&folder, "more.ndjson", 10..20);

    let beside = Running::job(&folder, "more.ndjson").end();

    assert_eq!(beside.counts(), (0, [10, 0, 0, 0]), "{}", beside.stderr);
    assert!(beside.stderr.contains("owns the store"), "{}", beside.stderr);
    gate.open();
    until("all is over", || is_all_over(&folder));
    assert_eq!(serving.stop().0, 0);
}

#[test]
fn a_run_that_pauses_for_long_takes_no_place_and_others_go_on() {
    let server = Server::accepting();
    let workflow = ERASE.replace("steps:", "steps:\n  - if: request.id == \"r-1\"\n    wait: 1h");
    let folder = Folder::to(server.address, &workflow);
    put_deletions(&folder, [1]);
    let serving = Serving::start(&folder);
    serving.running.says("0 done, 0 skipped, 0 failed, 1 waiting");
    let beside = crate::folder::deletion(2);
    folder.requests([beside]);

    let other = folder.run(&["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json"]);

    assert_eq!(other.counts(), (0, [1, 0, 0, 0]), "{}", other.stderr);
    let waiting = folder.run(&["runs", "list", "--state", "waiting", "--output", "json"]).json();
    assert_eq!((&waiting["run"], &waiting["reason"]), (&"job-1:0".into(), &"wait".into()), "{waiting}");
    let (code, said) = serving.stop();
    assert_eq!(code, 130, "{said}");
    assert!(said.contains("stopped; not over: 1 window; the next `serve` goes on"), "{said}");
}
