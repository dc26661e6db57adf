//! Workflows that change while the server stays.

use crate::folder::{ERASE, Folder, TAG};
use crate::server::Server;
use crate::serving::{Serving, is_all_over, jobs, put_deletions, until};

#[test]
fn a_changed_workflow_that_erases_starts_nothing_until_somebody_approved_it() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    let first = Serving::start(&folder);
    assert_eq!(first.stop().0, 0);
    folder.write("flow.yaml", format!("{ERASE}# changed\n"));
    put_deletions(&folder, [1]);

    let serving = Serving::start(&folder);
    let (status, ready) = serving.ready();
    let listed = folder.run(&["workflows", "list", "--output", "json"]).json();

    assert_eq!((status, &ready["parts"]["workflows"]["waiting_for_approval"][0]), (200, &"erase".into()));
    assert_eq!(
        (&listed["state"], &listed["queued"]),
        (&"waiting_for_approval".into(), &1.into()),
        "{listed}"
    );
    assert_eq!(jobs(&folder).len(), 0);
    let approved = folder.run(&["workflows", "approve", "erase"]);
    assert_eq!((approved.code, approved.stdout.as_str()), (0, "erase is approved\n"), "{}", approved.stderr);
    server.wait_for(1);
    until("all is over", || is_all_over(&folder));
    let listed = folder.run(&["workflows", "list", "--output", "json"]).json();
    assert_eq!((&listed["state"], listed["approved_by"].is_string()), (&"ready".into(), true), "{listed}");
    assert!(folder.run(&["workflows", "approve"]).stderr.contains("nothing waits for approval"));
    let unknown = folder.run(&["workflows", "approve", "eras"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("did you mean `erase`?"), "{}", unknown.stderr);
    assert_eq!(serving.stop().0, 0);
}

#[test]
fn files_are_read_again_when_they_change_and_a_broken_one_is_told_and_changes_nothing() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, TAG);
    let serving = Serving::start(&folder);

    folder.write("flow.yaml", "workflow: tag\nsteps: [");
    serving.running.says("workflow tag stays as it was");
    let (status, ready) = serving.ready();
    assert_eq!((status, ready["parts"]["workflows"]["ready"].as_bool()), (503, Some(false)), "{ready}");
    folder.write("flow.yaml", format!("{TAG}# changed\n"));
    serving.running.says("workflow tag was changed");
    folder.write("more.yaml", ERASE);
    serving.running.says("workflow erase is read from");

    let (status, ready) = serving.ready();
    assert_eq!((status, &ready["parts"]["workflows"]["waiting_for_approval"][0]), (200, &"erase".into()));
    assert_eq!(serving.stop().0, 0);
}

#[test]
fn a_request_that_somebody_approves_goes_on_at_once_also_after_a_restart() {
    let server = Server::accepting();
    let flow = ERASE.replace("steps:\n", "steps:\n  - id: sure\n    approve: Sure?\n");
    let folder = Folder::to(server.address, &flow);
    put_deletions(&folder, [1, 2]);
    let serving = Serving::start(&folder);
    let waits = |folder: &Folder| {
        let listed = folder.run(&["runs", "list", "--state", "waiting", "--output", "json"]).lines();
        listed.into_iter().filter(|run| run["reason"] == "approval").count()
    };
    until("both wait", || waits(&folder) == 2);
    assert_eq!(serving.stop().0, 130, "something is left to do");
    let serving = Serving::start(&folder);

    let run =
        folder.run(&["runs", "list", "--state", "waiting", "--output", "json"]).lines()[0]["run"].clone();
    let approved = folder.run(&["runs", "approve", run.as_str().unwrap(), "--no-resume"]);

    assert_eq!(approved.code, 0, "{}", approved.stderr);
    server.wait_for(1);
    until("one waits", || waits(&folder) == 1);
    assert_eq!(serving.stop().0, 130, "something is left to do");
    assert_eq!(server.requests().len(), 1);
}
