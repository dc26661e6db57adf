//! A server that runs, and an inbox to put requests into.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use privaflow::journal::{Arrival, Reader, Store};
use serde_json::Value;

use crate::folder::{Folder, deletion};
use crate::running::Running;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// `privaflow serve`, running.
pub struct Serving {
    pub running: Running,
    pub address: SocketAddr,
}

impl Serving {
    /// In a folder, with its settings, on a free port.
    #[track_caller]
    pub fn start(folder: &Folder) -> Serving {
        Serving::with(folder, &[])
    }

    /// The same with more arguments.
    #[track_caller]
    pub fn with(folder: &Folder, more: &[&str]) -> Serving {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], more].concat();
        Serving::of(Running::of(folder.command(&arguments)))
    }

    /// One that was started in a way of its own.
    #[track_caller]
    pub fn of(running: Running) -> Serving {
        running.says("SIGTERM or Ctrl-C stops it in order");
        let said = running.said();
        let address = said.split("listening on http://").nth(1).unwrap().split(';').next().unwrap();
        Serving { address: address.parse().unwrap(), running }
    }

    /// Status and body of a page.
    pub fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// What `/readyz` says.
    pub fn ready(&self) -> (u16, Value) {
        let (status, body) = self.get("/readyz");
        (status, serde_json::from_str(&body).unwrap())
    }

    /// Stops it in order; gives its exit code and what it said.
    pub fn stop(self) -> (i32, String) {
        self.running.signal("TERM");
        let shot = self.running.end();
        (shot.code, shot.stderr)
    }
}

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it never came to this: {what}");
        std::thread::yield_now();
    }
}

/// A request for a workflow, as something outside brought it.
pub fn arrival(workflow: &str, number: usize, record: &Value) -> Arrival {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.to_le_bytes());
    Arrival {
        workflow: workflow.to_owned(),
        origin: "hook:requests".to_owned(),
        key,
        turn: None,
        due_ms: None,
        received_ms: 1_790_000_000_000,
        record: record.to_string().into_bytes(),
    }
}

/// Puts arrivals into the store of a folder, which nobody owns.
pub fn put(folder: &Folder, arrivals: Vec<Arrival>) {
    Store::open(&folder.path("store")).unwrap().accept(arrivals, None).unwrap();
}

/// Puts deletions of the persons `u-<number>` into the inbox of the workflow `erase`.
pub fn put_deletions(folder: &Folder, numbers: impl IntoIterator<Item = usize>) {
    put(folder, numbers.into_iter().map(|number| arrival("erase", number, &deletion(number))).collect());
}

/// Whether nothing that came in is left to do.
pub fn is_all_over(folder: &Folder) -> bool {
    let reader = Reader::open(&folder.path("store")).unwrap();
    reader.queue().unwrap().is_empty() && reader.open_windows().unwrap().is_empty()
}

/// The jobs of a folder.
pub fn jobs(folder: &Folder) -> Vec<Value> {
    folder.run(&["jobs", "list", "--output", "json"]).lines()
}
