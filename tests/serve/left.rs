//! What an earlier process left: jobs on files go on by themselves, and a workflow that is broken on the disk
//! goes on as it was.

use std::process::Command;

use crate::folder::{ERASE, Folder, deletion};
use crate::running::{Running, deletions, holding, slowly};
use crate::server::{Gate, Server, answer};
use crate::serving::{Serving, is_all_over, jobs, put_deletions, until};

/// Begins a job on a file that twenty requests a second are sent of, and kills it in the middle.
fn killed_in_the_middle(folder: &Folder, server: &Server) {
    deletions(folder, "many.ndjson", 1..=500);
    slowly(folder, server);
    let running = Running::job(folder, "many.ndjson");
    server.wait_for(2);
    running.kill();
}

#[test]
fn a_job_on_a_file_that_was_killed_goes_on_when_the_server_starts_wherever_it_stands() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    killed_in_the_middle(&folder, &server);
    assert_eq!(jobs(&folder)[0]["input_state"], "there");

    // From another folder, where the path as it was given leads nowhere.
    let settings = folder.path("privaflow.yaml");
    let mut command: Command = folder.command(&["serve", "--listen", "127.0.0.1:0", "--config"]);
    std::fs::create_dir(folder.path("elsewhere")).unwrap();
    command.arg(&settings).current_dir(folder.path("elsewhere"));
    let running = Running::of(command);
    running.says("job-1 of workflow erase, which was left, goes on");
    until("it is finished", || jobs(&folder)[0]["status"] == "finished");
    running.signal("TERM");
    let shot = running.end();

    assert_eq!(shot.code, 0, "{}", shot.stderr);
    let [job] = &jobs(&folder)[..] else { panic!("{}", shot.stderr) };
    assert_eq!((job["requests"].as_u64(), job["done"].as_u64()), (Some(500), Some(500)), "{job}");
    assert!(job["input_state"].is_null());
    let mut people = server.people();
    people.sort();
    people.dedup();
    assert_eq!(people.len(), 500);
}

#[test]
fn a_job_whose_file_was_edited_or_is_gone_or_was_standard_input_stays_and_is_told_of() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    killed_in_the_middle(&folder, &server);
    assert_eq!(folder.run(&["pause", "--all"]).code, 0);
    // Held back before anything is sent, and stopped.
    let waiting = ["run", "flow.yaml", "--input", "-", "--wait", "1ms"];
    let mut child = folder.command(&waiting).stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{}\n", deletion(900)).as_bytes())
        .unwrap();
    until("it is open", || jobs(&folder).len() == 2);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(folder.run(&["resume", "--all"]).code, 0);
    let sent = server.requests().len();

    folder.write("many.ndjson", format!("{}\n", deletion(901)));
    let serving = Serving::start(&folder);
    serving.running.says("job-1 of workflow erase cannot go on by itself: ");
    serving
        .running
        .says("job-2 of workflow erase cannot go on by itself, since its input was standard input");
    serving.stop();
    std::fs::remove_file(folder.path("many.ndjson")).unwrap();
    let states: Vec<String> =
        jobs(&folder).iter().map(|job| job["input_state"].as_str().unwrap().to_owned()).collect();
    let serving = Serving::start(&folder);
    serving.running.says("job-1 of workflow erase cannot go on by itself: there is no file `many.ndjson`");
    serving.stop();

    assert_eq!(states, ["gone", "standard_input"]);
    assert!(folder.run(&["jobs", "list"]).stdout.contains("many.ndjson (gone)"));
    assert_eq!(server.requests().len(), sent);
    assert!(jobs(&folder).iter().all(|job| job["status"] == "open"));
}

#[test]
fn a_server_that_is_stopped_while_a_job_on_a_file_has_no_answer_says_so_and_ends_with_130() {
    let server = Server::start(|_, _| answer(503, "{}"));
    let folder = Folder::to(server.address, ERASE);
    folder.requests([deletion(1)]);
    let running = Running::job(&folder, "requests.ndjson");
    server.wait_for(1);
    running.kill();

    let serving = Serving::start(&folder);
    serving.running.says("job-1 of workflow erase, which was left, goes on");
    server.wait_for(2);
    let (code, said) = serving.stop();

    assert_eq!((code, jobs(&folder)[0]["status"].as_str()), (130, Some("open")), "{said}");
    assert!(said.contains("stopped; not over: 1 job; the next `serve` goes on"), "{said}");
}

#[test]
fn a_job_in_the_way_that_nobody_can_settle_makes_the_server_unready_until_a_person_does_something() {
    for way_out in ["resume", "cancel"] {
        let gate = Gate::default();
        let server = holding("u-900", &gate);
        let folder = Folder::to(server.address, ERASE);
        deletions(&folder, "b.ndjson", [900]);
        let mut command = folder.command(&["run", "flow.yaml", "--input", "-"]);
        command.stdin(std::fs::File::open(folder.path("b.ndjson")).unwrap());
        let running = Running::of(command);
        server.wait_for(1);
        running.kill();
        put_deletions(&folder, [1]);

        let serving = Serving::start(&folder);
        serving.running.says("stops what writes to its workspace, such as inbox:1 of workflow erase");
        let (status, ready) = serving.ready();
        let part = &ready["parts"]["in_the_air"];
        assert_eq!((status, &ready["ready"], &part["ready"]), (503, &false.into(), &false.into()), "{ready}");
        assert_eq!((&part["jobs"][0]["job"], &part["jobs"][0]["waiting"]), (&"job-1".into(), &1.into()));
        let why = part["jobs"][0]["why"].as_str().unwrap();
        assert!(why.contains("`privaflow jobs resume job-1 < FILE`"), "{why}");
        assert!(why.contains("`privaflow jobs cancel job-1`"), "{why}");
        assert_eq!(server.people().len(), 1);

        gate.open();
        let given = folder.run_on(&["jobs", way_out, "job-1"], folder.read("b.ndjson").as_bytes());
        assert_eq!(given.code, 0, "{}", given.stderr);
        until("the window is over", || is_all_over(&folder));
        let (status, ready) = serving.ready();
        assert_eq!((status, ready["parts"]["in_the_air"]["jobs"].as_array().unwrap().len()), (200, 0));
        let (code, said) = serving.stop();
        assert_eq!((code, said.matches("stops what writes to its workspace").count()), (0, 1), "{said}");
    }
}

#[test]
fn a_job_that_its_guard_holds_stays_held_when_the_server_starts() {
    let server = Server::accepting();
    let folder = Folder::to(
        server.address,
        &ERASE.replace("steps:", "guard: { max_subjects: { per_job: 1 } }\nsteps:"),
    );
    folder.requests([deletion(1), deletion(2)]);
    assert_eq!(folder.job().code, 1);

    let serving = Serving::start(&folder);
    let (code, said) = serving.stop();

    assert_eq!((code, jobs(&folder)[0]["status"].as_str()), (0, Some("held")), "{said}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_workflow_that_is_broken_when_the_server_starts_goes_on_as_it_was() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    let serving = Serving::start(&folder);
    assert_eq!(serving.ready().0, 200);
    serving.stop();

    folder.write("flow.yaml", "workflow: [");
    put_deletions(&folder, [1]);
    let listed = folder.run(&["workflows", "list", "--output", "json"]).json();
    let serving = Serving::start(&folder);
    until("it is carried out", || is_all_over(&folder));
    let (status, ready) = serving.ready();
    let (_, said) = serving.stop();

    assert_eq!(server.people(), ["u-1"]);
    assert_eq!((&listed["workflow"], &listed["state"]), (&"erase".into(), &"broken".into()));
    assert_eq!(status, 503, "{ready}");
    assert_eq!(ready["parts"]["workflows"]["as_they_were"], serde_json::json!(["erase"]), "{ready}");
    assert!(said.contains("cannot be used, and workflow erase stays as it was"), "{said}");

    // A file that was taken away takes its text with it.
    std::fs::remove_file(folder.path("flow.yaml")).unwrap();
    folder.write("other.yaml", ERASE.replace("workflow: erase", "workflow: other"));
    Serving::start(&folder).stop();
    folder.write("flow.yaml", "workflow: [");
    let listed = folder.run(&["workflows", "list", "--output", "json"]).lines();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["workflow"], "other");
}

#[test]
fn an_erasure_goes_on_by_itself_when_its_hold_ends_and_when_it_is_taken_away() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(4);
    for who in ["external_id=u-1", "external_id=u-2"] {
        let until = soon.to_string();
        let held = ["hold", "add", who, "--reason", "case 1", "--until", &until];
        assert_eq!(folder.run(&held).code, 0);
    }
    for who in ["external_id=u-3", "external_id=u-4"] {
        assert_eq!(folder.run(&["hold", "add", who, "--reason", "case 2"]).code, 0);
    }
    // Of the inbox, and of a file.
    put_deletions(&folder, [1, 3]);
    folder.requests([deletion(2), deletion(4)]);
    assert_eq!(folder.job().counts(), (1, [0, 0, 0, 2]));

    let serving = Serving::start(&folder);
    server.wait_for(2);

    let mut people = server.people();
    people.sort();
    assert_eq!(people, ["u-1", "u-2"]);
    for who in ["external_id=u-3", "external_id=u-4"] {
        assert_eq!(folder.run(&["hold", "remove", who]).code, 0);
    }
    server.wait_for(4);
    until("all is over", || {
        is_all_over(&folder) && jobs(&folder).iter().all(|job| job["status"] == "finished")
    });
    assert_eq!(serving.stop().0, 0);
}
