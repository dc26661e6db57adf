//! Answers that are lost and processes that are killed: every call is carried out exactly once.

use crate::folder::end;
use crate::portal::{ERASE, Fault, Stage};
use crate::server::until;

#[test]
fn a_completion_whose_answer_is_lost_is_looked_up_and_not_sent_again() {
    let stage = Stage::new(ERASE).fault("PUT complete", &[Fault::LoseAnswer]);

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(stage.statuses(), ["IN_PROGRESS", "COMPLETED"]);
    assert_eq!((stage.times("PUT complete"), stage.times("GET 7f3c")), (1, 1));
    assert_eq!(shot.json()["http_requests"], stage.asked().len());
}

#[test]
fn a_completion_that_is_lost_is_looked_up_and_sent_again() {
    let stage = Stage::new(ERASE).fault("PUT complete", &[Fault::Lose, Fault::Lose]);
    let stage = stage.fault("GET 7f3c", &[Fault::Lose, Fault::Refuse(500), Fault::Limit]);

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(stage.statuses(), ["IN_PROGRESS", "COMPLETED"]);
    assert_eq!((stage.times("PUT complete"), stage.times("GET 7f3c")), (3, 5));
    assert_eq!(stage.comments().len(), 1);
}

#[test]
fn a_comment_whose_answer_is_lost_stands_there_once() {
    let (steps, _) = ERASE.split_once("  - id: verify").unwrap();
    let stage = Stage::new(steps).fault("PUT comments", &[Fault::LoseAnswer]);

    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(stage.comments().len(), 1);
    assert_eq!((stage.times("PUT comments"), stage.times("GET en-us")), (1, 1));
}

#[test]
fn a_completion_without_an_answer_when_the_process_is_killed_is_looked_up_by_the_next() {
    let stage = Stage::new(ERASE).fault("PUT complete", &[Fault::Hold]);
    // The second life is killed over its question, the third has an answer.
    let stage = stage.fault("GET 7f3c", &[Fault::Hold]);
    for asked in ["PUT complete", "GET 7f3c"] {
        let mut child = stage.folder.start();
        until("it is asked", || stage.times(asked) == 1);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    let shot = end(stage.folder.start());

    stage.world.gate.open();
    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(stage.statuses(), ["IN_PROGRESS", "COMPLETED"]);
    assert_eq!((stage.times("PUT complete"), stage.times("GET 7f3c")), (1, 2));
    assert_eq!(stage.times("braze /users/delete"), 1);
    assert_eq!(shot.json()["verified"], 1);
    let story = stage.story();
    let ends = story.iter().filter(|event| event["event"] == "ended").count();
    assert_eq!(ends, 1, "{story:?}");
    // Each life wrote down that it was about to ask, and only the last one that it had an answer.
    let said = story.iter().rev().find(|event| event["event"] == "answer" && event["status"] != 0).unwrap();
    assert_eq!(said["status"], 200, "{story:?}");
    assert_eq!(story.iter().rev().take(5).filter(|event| event["event"] == "intent").count(), 3, "{story:?}");
    let again = stage.folder.job();
    assert_eq!(again.stdout, shot.stdout);
    assert_eq!(stage.times("GET 7f3c"), 2);
}

#[test]
fn a_completion_that_never_left_a_killed_process_is_sent_by_the_next() {
    let stage = Stage::new(ERASE).fault("PUT complete", &[Fault::Lose; 40]);
    let mut child = stage.folder.start();
    until("it was tried", || stage.times("PUT complete") >= 1);
    child.kill().unwrap();
    child.wait().unwrap();
    stage.world.faults.lock().unwrap().clear();

    let shot = end(stage.folder.start());

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(stage.statuses(), ["IN_PROGRESS", "COMPLETED"]);
    assert_eq!(stage.comments().len(), 1);
}

#[test]
fn a_process_that_is_killed_while_it_tells_of_a_failure_goes_on_telling_and_not_failing() {
    let stage = Stage::new(ERASE);
    *stage.world.refuses_erasure.lock().unwrap() = true;
    let begun = "on_failure:\n  - id: tell\n    uses: onetrust/request.comment\n    with: { request_ref: \"{{ request.source.ref }}\", comment: \"{{ failure.code }} {{ subject.email }}\" }\n";
    stage.folder.write("flow.yaml", format!("{ERASE}{begun}"));
    let stage = stage.fault("PUT comments", &[Fault::Hold]);
    let mut child = stage.folder.start();
    until("it is told", || stage.times("PUT comments") == 1);
    child.kill().unwrap();
    child.wait().unwrap();

    let shot = end(stage.folder.start());

    stage.world.gate.open();
    assert_eq!(shot.counts(), (1, [0, 0, 1, 0]), "{}", shot.stderr);
    assert_eq!(stage.times("braze /users/delete"), 1);
    assert_eq!(stage.statuses(), ["IN_PROGRESS", "FAILED"]);
    assert_eq!(stage.comments(), ["Failed at erase: refused. Reference: 7f3c", "refused ‹redacted›"]);
    assert_eq!((stage.times("PUT comments"), stage.times("GET en-us")), (1, 1));
    let failure = &stage.folder.failures(&shot)[0];
    assert_eq!((&failure["step"], &failure["code"]), (&"erase".into(), &"refused".into()));
}

#[test]
fn a_request_that_a_person_has_tried_again_begins_anew_and_is_completed() {
    let stage = Stage::new(ERASE);
    *stage.world.refuses_erasure.lock().unwrap() = true;
    assert_eq!(stage.folder.job().counts(), (1, [0, 0, 1, 0]));
    *stage.world.refuses_erasure.lock().unwrap() = false;

    let retried = stage.folder.run(&["runs", "retry", "job-1:0"]);
    assert_eq!(retried.code, 0, "{}", retried.stderr);
    let shot = stage.folder.job();

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!(stage.statuses(), ["IN_PROGRESS", "FAILED", "IN_PROGRESS", "COMPLETED"]);
}

#[test]
fn a_subtask_that_a_person_completed_meanwhile_is_not_a_failure() {
    let stage = Stage::new(ERASE).fault("PUT complete", &[Fault::Refuse(400)]);
    *stage.world.still_found.lock().unwrap() = usize::MAX;
    let child = stage.folder.start();
    until("it is erased", || stage.times("braze /users/delete") == 1);
    stage.world.statuses.lock().unwrap().push("Completed".to_owned());
    *stage.world.still_found.lock().unwrap() = 0;

    let shot = end(child);

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    assert_eq!((stage.times("PUT complete"), stage.times("GET 7f3c")), (1, 1));
}
