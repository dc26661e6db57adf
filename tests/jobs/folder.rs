//! A folder to run the program in, and what the program said there.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use privaflow::sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The key in the environment of every command; no real service ever sees it.
pub const KEY: &str = "key-for-tests-b9b3";

/// Erases a person by external id.
pub const ERASE: &str = r#"
workflow: erase
on: { file: {} }
steps:
  - id: erase
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }
"#;

/// Finds every profile of people, and erases them; more can be added.
pub const FIND_AND_ERASE: &str = r#"
workflow: erase
on: { file: {} }
steps:
  - id: find
    uses: privaflow/find_profiles
  - id: erase
    if: size(steps.find.output.braze_ids) > 0
    uses: braze/users.delete
    with: { braze_ids: "{{ steps.find.output.braze_ids }}" }
"#;

/// Sets the state that a record says.
pub const OPT_IN: &str = r#"
workflow: opt-in
on: { file: {} }
steps:
  - uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", email_subscribe: "{{ consents.[0].status }}" }] }
"#;

/// Sets an attribute of a person whom Braze knows.
pub const TAG: &str = r#"
workflow: tag
on: { file: {} }
steps:
  - id: tag
    uses: braze/users.track
    with:
      attributes:
        - external_id: "{{ subject.external_id }}"
          _update_existing_only: true
          tag: "{{ request.id }}"
"#;

/// A folder of its own for one test.
pub struct Folder {
    folder: TempDir,
}

/// What one command came to.
pub struct Shot {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Shot {
    /// The only JSON document of standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.stdout);
        parsed.unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.stdout, self.stderr))
    }

    /// Standard output, an object a line.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The exit code, and the counts of the summary: done, skipped, failed, waiting.
    #[track_caller]
    pub fn counts(&self) -> (i32, [u64; 4]) {
        let summary = self.json();
        let counts = ["done", "skipped", "failed", "waiting"].map(|name| summary[name].as_u64().unwrap());
        assert_eq!(summary["requests"], counts.iter().sum::<u64>(), "{summary}");
        (self.code, counts)
    }
}

impl Folder {
    /// A folder with a workflow `flow.yaml`.
    pub fn with(workflow: &str) -> Folder {
        let folder = Folder { folder: tempfile::tempdir().unwrap() };
        folder.write("flow.yaml", workflow);
        folder
    }

    /// The same, with settings that send everything to this address.
    pub fn to(address: impl Display, workflow: &str) -> Folder {
        let folder = Folder::with(workflow);
        folder.settings(address, "token: { env: PRIVAFLOW_TEST_KEY }");
        folder
    }

    /// Writes settings with one Braze profile at this address.
    pub fn settings(&self, address: impl Display, rest: &str) {
        self.write(
            "privaflow.yaml",
            format!(
                "workflows: .\nstore: {{ path: store }}\nprofiles:\n  braze-production:\n    system: braze\n    scheme: http\n    host: {address}\n    share: 1\n    {rest}\n"
            ),
        );
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), contents).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes `requests.ndjson`.
    pub fn requests(&self, records: impl IntoIterator<Item = Value>) {
        let lines: String = records.into_iter().map(|record| format!("{record}\n")).collect();
        self.write("requests.ndjson", lines);
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_privaflow"));
        command.args(arguments).current_dir(self.folder.path());
        command.env_remove("PRIVAFLOW_LOG").env("PRIVAFLOW_TEST_KEY", KEY).env("TMPDIR", self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Shot {
        end(self.command(arguments).spawn().unwrap())
    }

    /// Runs a command to its end, with this on standard input.
    pub fn run_on(&self, arguments: &[&str], input: &[u8]) -> Shot {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that refuses its arguments does not read its input.
        drop(stdin.write_all(input));
        drop(stdin);
        end(child)
    }

    /// `run flow.yaml` on `requests.ndjson`, with the summary as JSON.
    pub fn job(&self) -> Shot {
        end(self.start())
    }

    /// The same against the sandbox.
    pub fn sandbox(&self) -> Shot {
        self.run(&["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json", "--sandbox"])
    }

    /// A job that is not waited for.
    pub fn start(&self) -> Child {
        self.command(&["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json"]).spawn().unwrap()
    }

    /// The failures file that a summary names, an object a line.
    #[track_caller]
    pub fn failures(&self, shot: &Shot) -> Vec<Value> {
        let summary = shot.json();
        let path = summary["failures"].as_str().unwrap_or_else(|| panic!("{summary}"));
        let text = std::fs::read_to_string(self.folder.path().join(path)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Every byte of every file in the store, as far as bytes are text.
    pub fn store_bytes(&self) -> String {
        let mut bytes = Vec::new();
        let mut folders = vec![self.path("store")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.is_file() {
                    bytes.extend(std::fs::read(path).unwrap());
                }
            }
        }
        assert!(!bytes.is_empty());
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Waits for a command to end.
pub fn end(child: Child) -> Shot {
    let output = child.wait_with_output().unwrap();
    Shot {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A sandbox in the process of the test, so that a test can look into it.
pub struct Braze {
    pub sandbox: Sandbox,
    _runtime: tokio::runtime::Runtime,
}

impl Braze {
    pub fn start() -> Braze {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options { token: Some(KEY.to_owned()), ..Options::default() };
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        Braze { sandbox, _runtime: runtime }
    }

    pub fn seed(&self, external_id: &str) {
        self.sandbox.seed_subject(&privaflow::sandbox::Identifiers {
            external_id: Some(external_id.to_owned()),
            ..Default::default()
        });
    }

    /// An attribute of each person, by external id.
    pub fn attribute(&self, name: &str) -> Vec<(String, Value)> {
        let profiles = self.sandbox.profiles().into_iter();
        let pairs = profiles.filter_map(|profile| {
            Some((profile.external_id?, profile.attributes.get(name).cloned().unwrap_or_default()))
        });
        pairs.collect()
    }
}

/// A deletion of the person `u-<number>` under the id `r-<number>`.
pub fn deletion(number: usize) -> Value {
    request("deletion", &format!("r-{number}"), &format!("u-{number}"))
}

pub fn request(kind: &str, id: &str, external_id: &str) -> Value {
    json!({ "id": id, "kind": kind, "subject": { "external_id": external_id } })
}
