//! A server on loopback that writes down what arrives and answers as a test says, one thread for each
//! connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// One request as it arrived.
#[derive(Clone)]
pub struct Request {
    pub path: String,
    pub head: String,
    pub body: Vec<u8>,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The people it names, in order: external ids or addresses, wherever they stand.
    pub fn people(&self) -> Vec<String> {
        let body = self.json();
        let lists = ["external_ids", "braze_ids", "external_id", "attributes", "email"];
        let items = lists.iter().filter_map(|list| body[list].as_array()).flatten();
        items.map(|item| item["external_id"].as_str().or(item.as_str()).unwrap().to_owned()).collect()
    }
}

/// What the server does with a request.
pub enum Reply {
    Answer {
        status: u16,
        headers: &'static str,
        body: String,
    },
    /// Closes the connection without a word.
    Cut,
}

/// Everything was accepted.
pub fn accepted() -> Reply {
    answer(201, r#"{"message":"success"}"#)
}

pub fn answer(status: u16, body: impl Into<String>) -> Reply {
    Reply::Answer { status, headers: "content-type: application/json\r\n", body: body.into() }
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    changed: Condvar,
}

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Seen>,
}

impl Server {
    /// Answers every request by `reply`, which is told how many came before.
    pub fn start(reply: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (shared, reply) = (Arc::clone(&seen), Arc::new(reply));
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (seen, reply) = (Arc::clone(&shared), Arc::clone(&reply));
                thread::spawn(move || serve(socket, &seen, &*reply));
            }
        });
        Server { address, seen }
    }

    /// Accepts everything.
    pub fn accepting() -> Server {
        Server::start(|_, _| accepted())
    }

    /// Accepts everything, once the gate is open.
    pub fn accepting_after(gate: &Gate) -> Server {
        let gate = gate.clone();
        Server::start(move |_, _| {
            gate.pass();
            accepted()
        })
    }

    /// What arrived so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Everybody whom a request named, in order.
    pub fn people(&self) -> Vec<String> {
        self.requests().iter().flat_map(Request::people).collect()
    }

    /// How many people stood in each request, the fullest first.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.requests().iter().map(|request| request.people().len()).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes
    }

    /// Waits until so many requests have arrived.
    #[track_caller]
    pub fn wait_for(&self, requests: usize) {
        let seen = self.seen.requests.lock().unwrap();
        let enough = |seen: &mut Vec<Request>| seen.len() < requests;
        let (seen, waited) = self.seen.changed.wait_timeout_while(seen, PATIENCE, enough).unwrap();
        assert!(!waited.timed_out(), "only {} of {requests} requests came", seen.len());
    }
}

fn serve(socket: TcpStream, seen: &Seen, reply: &(dyn Fn(&Request, usize) -> Reply + Send + Sync)) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let mut socket = socket;
    while let Some(request) = next_request(&mut reader) {
        let before = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request.clone());
            seen.changed.notify_all();
            requests.len() - 1
        };
        let Reply::Answer { status, headers, body } = reply(&request, before) else { return };
        let head = format!("HTTP/1.1 {status} Any\r\n{headers}content-length: {}\r\n\r\n", body.len());
        let is_sent = socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(body.as_bytes()));
        if is_sent.is_err() {
            return;
        }
    }
}

fn next_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = |line: &str| line.strip_prefix("content-length: ")?.parse().ok();
    let mut body = vec![0; head.lines().find_map(length).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    Some(Request { path, head, body })
}

/// Something a server's answers wait for until the test opens it.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }
}

/// Asks again and again, each time by something that takes a while, until it is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        thread::yield_now();
    }
}

/// Whether the one came true before the other.
#[track_caller]
pub fn until_or(mut one: impl FnMut() -> bool, mut other: impl FnMut() -> bool) -> bool {
    let mut is_one = false;
    until("one of two things", || {
        is_one = one();
        is_one || other()
    });
    is_one
}
