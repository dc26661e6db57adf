//! Kills at every step between a request that came in and its end.

use privaflow::journal::{Most, Reader, Store};

use crate::folder::{ERASE, Folder};
use crate::server::Server;
use crate::serving::{Serving, is_all_over, jobs, put_deletions, until};

/// The people who were written to, each once.
fn people(server: &Server) -> Vec<String> {
    let mut people = server.people();
    people.sort();
    people.dedup();
    people
}

#[test]
fn a_window_that_was_made_and_not_begun_goes_back_into_the_queue() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    put_deletions(&folder, 1..=5);
    let most = Most { records: 3, bytes: 1 << 20 };
    assert!(Store::open(&folder.path("store")).unwrap().take_window("erase", most, 1).unwrap().is_some());

    let serving = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));

    assert_eq!((serving.stop().0, server.people().len(), people(&server).len()), (0, 5, 5));
    assert_eq!(jobs(&folder).len(), 1);
}

#[test]
fn a_job_that_was_begun_and_sent_nothing_is_gone_on_with() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    assert_eq!(folder.run(&["pause", "--all"]).code, 0);
    put_deletions(&folder, 1..=5);
    let serving = Serving::start(&folder);
    until("there is a job", || jobs(&folder).len() == 1);
    serving.running.kill();
    assert_eq!(folder.run(&["resume", "--all"]).code, 0);
    put_deletions(&folder, 4..=6);

    let serving = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));

    assert_eq!((serving.stop().0, server.people().len(), people(&server).len()), (0, 6, 6));
    let done: Vec<_> = jobs(&folder).iter().map(|job| job["done"].as_u64().unwrap()).collect();
    assert_eq!(done, [5, 1], "what was taken twice is one request");
}

#[test]
fn what_came_in_after_a_backup_is_carried_out_when_the_backup_was_put_back() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    put_deletions(&folder, 1..=2);
    let serving = Serving::start(&folder);
    until("the first are over", || is_all_over(&folder));
    assert_eq!(serving.stop().0, 0);
    assert_eq!(folder.run(&["store", "backup", "copy"]).code, 0);
    // Some are in a job that nobody ends, and some wait.
    assert_eq!(folder.run(&["pause", "--all"]).code, 0);
    put_deletions(&folder, 3..=5);
    let serving = Serving::start(&folder);
    until("there is a job", || jobs(&folder).len() == 2);
    serving.running.kill();
    put_deletions(&folder, 6..=7);

    let restored = folder.run(&["store", "restore", "copy", "--force", "--output", "json"]);
    assert_eq!(folder.run(&["resume", "--all"]).code, 0);
    put_deletions(&folder, 3..=6);
    let serving = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));

    assert_eq!((serving.stop().0, server.people().len(), people(&server).len()), (0, 7, 7));
    let taken_over = &restored.json()["unfinished"]["queued"][0];
    assert_eq!((&taken_over["workflow"], &taken_over["requests"]), (&"erase".into(), &5.into()));
    assert!(restored.stderr.contains("5 requests for erase (the first of "), "{}", restored.stderr);
}

#[test]
fn a_server_that_is_killed_again_and_again_loses_nothing_and_begins_nothing_twice() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    crate::running::slowly(&folder, &server);
    put_deletions(&folder, 1..=450);

    // Fifty people a request: nine requests, and a kill around each of them.
    for kills in 1..=9 {
        let serving = Serving::start(&folder);
        let seen = server.requests().len();
        until("it goes on", || server.requests().len() > seen || is_all_over(&folder));
        if kills % 2 == 0 {
            until("one is answered", || {
                let reader = Reader::open(&folder.path("store")).unwrap();
                is_all_over(&folder) || reader.jobs().unwrap().len() == 1
            });
        }
        serving.running.kill();
    }
    let serving = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));

    assert_eq!(serving.stop().0, 0);
    assert_eq!(people(&server).len(), 450);
    let jobs = jobs(&folder);
    assert_eq!((jobs.len(), &jobs[0]["requests"], &jobs[0]["done"]), (1, &450.into(), &450.into()));
}
