//! The look-alike behind the command line: `privaflow sandbox`, and `--sandbox` of other commands.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::client::TOKEN;
use crate::client::read;

/// Killed when the test ends, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn privaflow() -> Command {
    Command::new(env!("CARGO_BIN_EXE_privaflow"))
}

#[tokio::test]
async fn the_command_says_how_to_reach_both_and_makes_people_up() {
    let mut command = privaflow();
    command.args(["sandbox", "--people-every", "1h"]).stdout(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let lines = BufReader::new(running.0.stdout.take().unwrap()).lines().take(6);
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    let after = |start: &str| {
        let line = said.iter().find_map(|line| line.strip_prefix(start));
        line.unwrap_or_else(|| panic!("no `{start}` in {said:?}")).to_owned()
    };
    let (braze, onetrust) = (after("listening on "), after("OneTrust listening on "));
    let http = reqwest::Client::new();
    let get = async |url: String| read(http.get(url)).await.unwrap().text;

    let pair =
        [("client_id", after("OneTrust client id: ")), ("client_secret", after("OneTrust client secret: "))];
    let form: String = url::form_urlencoded::Serializer::new("grant_type=client_credentials".to_owned())
        .extend_pairs(pair)
        .finish();
    let token = http.post(format!("http://{onetrust}{TOKEN}")).body(form);
    let token = read(token.header("content-type", "application/x-www-form-urlencoded")).await.unwrap().body();
    let users = http.get(format!("http://{onetrust}/api/access/v2/users"));
    let with = |token: &str| read(users.try_clone().unwrap().bearer_auth(token));

    assert_eq!(with(token["access_token"].as_str().unwrap()).await.unwrap().status, 200);
    assert_eq!(with(&after("OneTrust API key: ")).await.unwrap().status, 200);
    let request = get(format!("http://{onetrust}/sandbox/onetrust/requests")).await;
    let request: Value = serde_json::from_str(request.lines().next().unwrap()).unwrap();
    let profiles = get(format!("http://{braze}/sandbox/profiles")).await;
    assert!(profiles.contains(request["email"].as_str().unwrap()));
}

#[test]
fn a_job_reports_to_the_subtasks_that_its_records_name() {
    let folder = tempfile::tempdir().unwrap();
    let workflow = r#"
workflow: report
on: { file: {} }
profiles: { onetrust: anything }
steps:
  - uses: onetrust/subtask.status
    with: { subtask_id: "{{ request.source.subtask_id }}", status: IN_PROGRESS }
  - uses: onetrust/subtask.complete
    with: { subtask_id: "{{ request.source.subtask_id }}", comment: Nothing is left. }
  - id: look
    uses: onetrust/subtask.get
    with: { subtask_id: "{{ request.source.subtask_id }}" }
  - assert: { that: steps.look.output.status == "COMPLETED", message: The subtask is still open. }
"#;
    let record = |number: u32| {
        let id = format!("5a1c7e02-63d4-4b8f-9a10-2f6f1f0c0b0{number}");
        json!({ "id": id, "kind": "other", "subject": { "email": format!("a{number}@example.com") },
            "source": { "system": "onetrust", "ref": "SL244HWD6D", "subtask_id": id } })
    };
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("report.yaml"), workflow).unwrap();
    std::fs::write(path("requests.ndjson"), format!("{}\n{}\n", record(1), record(2))).unwrap();

    let run = privaflow()
        .args(["run", "report.yaml", "--input", "requests.ndjson", "--sandbox", "--output", "json"])
        .current_dir(folder.path())
        .output()
        .unwrap();

    let mut said = String::new();
    run.stderr.as_slice().read_to_string(&mut said).unwrap();
    assert_eq!(run.status.code(), Some(0), "{said}");
    let summary = String::from_utf8(run.stdout).unwrap();
    let summary: Value = serde_json::from_str(summary.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&summary["requests"], &summary["done"], &summary["failed"]),
        (&json!(2), &json!(2), &json!(0))
    );
}
