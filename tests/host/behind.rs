//! Whoever waits behind a job whose service takes requests and never answers: is told which job that is and the ways
//! out, and goes on when somebody decides about it.

use crate::folder::{Folder, Shot, request};
use crate::running::Running;
use crate::server::{Gate, Server, accepted};

/// Sets a state.
const SET: &str = r#"
workflow: set
on: { file: {} }
steps:
  - id: track
    uses: braze/users.track
    with:
      attributes: [{ external_id: "{{ subject.external_id }}", tag: "{{ request.id }}" }]
"#;

/// A job that was killed when it had sent something about `u-1`, of whom the service never says anything.
fn killed() -> (Gate, Server, Folder) {
    let gate = Gate::default();
    let server = Server::start({
        let gate = gate.clone();
        move |request, _| {
            if request.json().to_string().contains("\"u-1\"") {
                gate.pass();
            }
            accepted()
        }
    });
    let folder = Folder::to(server.address, SET);
    let [older, other] = [("older", "u-1"), ("other", "u-1")].map(|(id, who)| request("consent", id, who));
    folder.write("a.ndjson", format!("{older}\n{other}\n"));
    let [newer, beside] = [("newer", "u-1"), ("beside", "u-9")].map(|(id, who)| request("consent", id, who));
    folder.write("b.ndjson", format!("{newer}\n{beside}\n"));
    let first = Running::job(&folder, "a.ndjson");
    server.wait_for(1);
    first.kill();
    (gate, server, folder)
}

/// A job that was killed once, and whose second process hears nothing of `u-1` either.
struct Hung {
    gate: Gate,
    server: Server,
    folder: Folder,
    owner: Running,
}

impl Hung {
    fn new() -> Hung {
        let (gate, server, folder) = killed();
        let owner = Running::job(&folder, "a.ndjson");
        server.wait_for(2);
        Hung { gate, server, folder, owner }
    }

    /// Another job that has written to whom it can, and waits for `u-1`.
    fn behind(&self, wait: &str) -> Running {
        let arguments = ["run", "flow.yaml", "--input", "b.ndjson", "--output", "json", "--wait", wait];
        let behind = Running::of(self.folder.command(&arguments));
        self.server.wait_for(3);
        behind
    }
}

#[track_caller]
fn is_told_the_ways_out(shot: &Shot) {
    for words in [
        "job-1",
        "`privaflow jobs resume job-1`",
        "run the same command again",
        "`privaflow jobs cancel job-1`",
    ] {
        assert!(shot.stderr.contains(words), "{words}: {}", shot.stderr);
    }
}

#[test]
fn whoever_has_no_patience_left_is_told_for_which_job_that_is_at_work_it_waits() {
    let hung = Hung::new();

    let behind = hung.behind("1s").end();

    assert_eq!(behind.counts(), (1, [1, 0, 0, 1]), "{}", behind.stderr);
    is_told_the_ways_out(&behind);
    hung.gate.open();
    assert_eq!(hung.owner.end().code, 0);
}

#[test]
fn whoever_waits_behind_a_job_that_is_given_up_goes_on() {
    let hung = Hung::new();
    let behind = hung.behind("10m");

    let cancelled = hung.folder.run(&["jobs", "cancel", "job-1"]);

    assert_eq!(cancelled.code, 0, "{}", cancelled.stderr);
    hung.server.wait_for(4);
    hung.gate.open();
    let behind = behind.end();
    assert_eq!(behind.counts(), (0, [2, 0, 0, 0]), "{}", behind.stderr);
    assert_eq!(hung.owner.end().code, 1);
}

#[test]
fn whoever_waits_behind_a_job_of_which_a_request_is_given_up_waits_on_for_the_others() {
    let hung = Hung::new();
    let behind = hung.behind("10m");

    let given_up = hung.folder.run(&["runs", "cancel", "job-1:1"]);

    assert_eq!(given_up.code, 0, "{}", given_up.stderr);
    hung.server.wait_for(4);
    hung.gate.open();
    let (behind, owner) = (behind.end(), hung.owner.end());
    assert_eq!(owner.counts(), (1, [1, 0, 1, 0]), "{}", owner.stderr);
    assert_eq!(behind.counts(), (0, [2, 0, 0, 0]), "{}", behind.stderr);
}

#[test]
fn whoever_settles_a_job_of_which_a_request_is_given_up_meanwhile_is_told_for_which_job_it_waits() {
    let (gate, server, folder) = killed();
    let behind = Running::job(&folder, "b.ndjson");
    behind.says("job-1 was left with requests in the air");
    server.wait_for(2);

    let given_up = folder.run(&["runs", "cancel", "job-1:1"]);
    let behind = behind.end();

    assert_eq!(given_up.code, 0, "{}", given_up.stderr);
    assert_eq!(behind.counts(), (1, [1, 0, 0, 1]), "{}", behind.stderr);
    is_told_the_ways_out(&behind);
    gate.open();
}
