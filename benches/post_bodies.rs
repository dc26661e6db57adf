//! The bare client: posts bodies that were made before the clock started, and reads the answers.
//!
//! Nothing can carry people faster over this many connections, since it does nothing but that: no file
//! is read, no person looked at, nothing written down. It needs only the standard library.
//!
//! Usage: `post_bodies CASE PEOPLE PORT` prints `{"done":N}`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

/// As many as the script has in flight.
const CONNECTIONS: usize = 16;

/// A request that stands for some people, and another kind of request after so many of it.
struct Job {
    people: u64,
    request: Vec<u8>,
    after: Option<(u64, Vec<u8>)>,
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [case, people, port] = arguments.as_slice() else {
        return Err(io::Error::other("usage: post_bodies CASE PEOPLE PORT"));
    };
    let people: u64 = people.parse().map_err(io::Error::other)?;
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let job = job(case).ok_or_else(|| io::Error::other(format!("no such case: {case}")))?;
    let left = AtomicU64::new(people.div_ceil(job.people));
    std::thread::scope(|scope| {
        let posters: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(|| post(&job, &left, port))).collect();
        posters.into_iter().try_for_each(|poster| {
            poster.join().unwrap_or_else(|_| Err(io::Error::other("a connection stopped unexpectedly")))
        })
    })?;
    writeln!(io::stdout(), r#"{{"done":{people}}}"#)
}

fn job(case: &str) -> Option<Job> {
    let people = |count: u64| (0..count).map(|number| format!("u-{number:016x}"));
    let joined = |texts: Vec<String>| texts.join(",");
    let ids = |count| joined(people(count).map(|id| format!(r#""{id}""#)).collect());
    let group = "6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a01";
    Some(match case {
        "consent" => {
            let object = |id| {
                format!(
                    r#"{{"external_id":"{id}","_update_existing_only":true,"email_subscribe":"unsubscribed"}}"#
                )
            };
            let objects = joined(people(75).map(object).collect());
            job_of(75, request("/users/track", &format!(r#"{{"attributes":[{objects}]}}"#)))
        }
        "groups-v1" => {
            let body = format!(
                r#"{{"subscription_group_id":"{group}","subscription_state":"subscribed","external_id":[{}]}}"#,
                ids(50)
            );
            job_of(50, request("/subscription/status/set", &body))
        }
        "groups-v2" => {
            // People of three groups and two states meet in one body.
            let object = format!(
                r#"{{"subscription_group_id":"{group}","subscription_state":"subscribed","external_ids":[{}]}}"#,
                ids(9)
            );
            let objects = joined(vec![object; 6]);
            let body = format!(r#"{{"subscription_groups":[{objects}]}}"#);
            job_of(50, request("/v2/subscription/status/set", &body))
        }
        "deletion" => job_of(50, request("/users/delete", &format!(r#"{{"external_ids":[{}]}}"#, ids(50)))),
        "deletion-email" => {
            let find = r#"{"email_address":"p00000000@example.com","fields_to_export":["braze_id"]}"#;
            let erase = request("/users/delete", &format!(r#"{{"braze_ids":[{}]}}"#, ids(50)));
            Job { people: 1, request: request("/users/export/ids", find), after: Some((50, erase)) }
        }
        _ => return None,
    })
}

fn job_of(people: u64, request: Vec<u8>) -> Job {
    Job { people, request, after: None }
}

fn request(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer benchmark\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn post(job: &Job, left: &AtomicU64, port: u16) -> io::Result<()> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let mut connection = Connection { reader: BufReader::new(stream.try_clone()?), writer: stream };
    let one_less = |left: u64| left.checked_sub(1);
    while let Ok(before) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less) {
        connection.exchange(&job.request)?;
        match &job.after {
            Some((every, request)) if (before - 1).is_multiple_of(*every) => connection.exchange(request)?,
            Some(_) | None => {}
        }
    }
    Ok(())
}

struct Connection {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Connection {
    fn exchange(&mut self, request: &[u8]) -> io::Result<()> {
        self.writer.write_all(request)?;
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            self.reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(": ") else {
                if line.starts_with("HTTP/1.1 2") {
                    continue;
                }
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        if line != "\r\n" {
            return Err(io::Error::other("the server did not accept"));
        }
        io::copy(&mut (&mut self.reader).take(length), &mut io::sink()).map(|_| ())
    }
}
