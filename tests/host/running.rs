//! A command that runs, and what it has said so far.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::folder::{Folder, Shot};
use crate::server::{Gate, Reply, Request, Server, accepted};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// As [`crate::folder::ERASE`], for as many people as a file has.
pub const ERASE_MANY: &str = r#"
workflow: erase
on: { file: {} }
guard: { max_subjects: { per_job: 1000000 } }
steps:
  - id: erase
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }
"#;

/// A command that runs.
pub struct Running {
    child: Child,
    said: Arc<(Mutex<String>, Condvar)>,
    stderr: Option<JoinHandle<()>>,
    stdout: Option<JoinHandle<String>>,
}

impl Running {
    /// `run flow.yaml` on a file of the folder, with the summary as JSON.
    pub fn job(folder: &Folder, input: &str) -> Running {
        Running::of(folder.command(&["run", "flow.yaml", "--input", input, "--output", "json"]))
    }

    /// Any command.
    pub fn of(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let (lines, hearing) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&said));
        let stderr = thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                hearing.0.lock().unwrap().push_str(&(line + "\n"));
                hearing.1.notify_all();
            }
        });
        let mut output = child.stdout.take().unwrap();
        let stdout = thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).unwrap();
            text
        });
        Running { child, said, stderr: Some(stderr), stdout: Some(stdout) }
    }

    /// Waits until it has said this on standard error, and tells when that was.
    #[track_caller]
    pub fn says(&self, words: &str) -> Instant {
        let said = self.said.0.lock().unwrap();
        let not_yet = |said: &mut String| !said.contains(words);
        let (said, waited) = self.said.1.wait_timeout_while(said, PATIENCE, not_yet).unwrap();
        assert!(!waited.timed_out(), "it never said `{words}`, but:\n{said}");
        Instant::now()
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        self.said.0.lock().unwrap().clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Kills it where it stands.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Shot {
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        self.stderr.take().unwrap().join().unwrap();
        let stdout = self.stdout.take().unwrap().join().unwrap();
        let stderr = self.said();
        Shot { code, stdout, stderr }
    }
}

/// Sets a state.
pub const SET: &str = r#"
workflow: set
on: { file: {} }
steps:
  - id: track
    uses: braze/users.track
    with:
      attributes: [{ external_id: "{{ subject.external_id }}", tag: "{{ request.id }}" }]
"#;

/// A server that accepts everything, but answers what names one person, wherever that is, only when a gate is open.
pub fn holding(person: &'static str, gate: &Gate) -> Server {
    let (gate, person) = (gate.clone(), format!("\"{person}\""));
    Server::start(move |request: &Request, _| -> Reply {
        if String::from_utf8_lossy(&request.body).contains(&person) {
            gate.pass();
        }
        accepted()
    })
}

/// A job on `a.ndjson` that was killed when it had sent something about `u-1`, of whom the service says nothing until
/// the gate is open.
pub fn killed_while_it_waited(older: &[Value]) -> (Gate, Server, Folder) {
    let gate = Gate::default();
    let server = holding("u-1", &gate);
    let folder = Folder::to(server.address, SET);
    folder.write("a.ndjson", older.iter().map(|record| format!("{record}\n")).collect::<String>());
    let first = Running::job(&folder, "a.ndjson");
    server.wait_for(1);
    first.kill();
    (gate, server, folder)
}

/// Lets a job of many deletions take as long as a test needs: twenty requests a second.
pub fn slowly(folder: &Folder, server: &Server) {
    let limit = "token: { env: PRIVAFLOW_TEST_KEY }\n    limits: { users.delete: { requests: 20, per: 1s } }";
    folder.settings(server.address, limit);
}

/// Writes an input of deletions of the persons `u-<number>`.
pub fn deletions(folder: &Folder, name: &str, numbers: impl IntoIterator<Item = usize>) {
    let lines = numbers.into_iter().map(|number| format!("{}\n", crate::folder::deletion(number)));
    folder.write(name, lines.collect::<String>());
}
