//! From outside to the service: what a hook takes is carried out, also after a kill, and failures are told;
//! what is due by the clock starts.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::{Value, json};

use crate::folder::{Folder, KEY, deletion};
use crate::running::Running;
use crate::server::{Server, answer};
use crate::serving::{Serving, is_all_over, until};

/// Erases whoever the hook names, and tells what fails.
const ERASE: &str = r#"
workflow: erase
on: { webhook: { hook: requests } }
notify: { on: [failure], to: [chat] }
steps:
  - id: erase
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }
"#;

/// A folder with a hook `requests` and a channel `chat`.
fn folder(braze: impl std::fmt::Display, chat: impl std::fmt::Display) -> Folder {
    let folder = Folder::to(braze, ERASE);
    folder.write("secret", "s3cret");
    let settings = folder.read("privaflow.yaml");
    folder.write(
        "privaflow.yaml",
        format!(
            "{settings}hooks: {{ requests: {{ shape: record, auth: {{ bearer: {{ file: secret }} }} }} }}\n\
             notify: {{ chat: {{ slack: {{ url: 'http://{chat}/' }}, window: 1ms, per_hour: 1000 }} }}\n"
        ),
    );
    folder
}

fn post(serving: &Serving, token: &str, body: &Value) -> (u16, String) {
    let mut stream = TcpStream::connect(serving.address).unwrap();
    let body = body.to_string();
    let head = format!(
        "POST /hooks/requests HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n\
         authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[test]
fn what_a_hook_takes_is_carried_out_once_even_if_the_server_is_killed_after_its_answer() {
    // Given a server that carries nothing out yet, which takes a request twice and is killed
    let server = Server::accepting();
    let chat = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = folder(server.address, chat.local_addr().unwrap());
    assert_eq!(folder.run(&["pause", "--all"]).code, 0);
    let serving = Serving::start(&folder);
    assert_eq!(post(&serving, "wrong", &deletion(1)).0, 401);
    assert_eq!(post(&serving, "s3cret", &deletion(1)), (202, r#"{"accepted":1,"repeated":0}"#.to_owned()));
    assert_eq!(post(&serving, "s3cret", &deletion(1)), (202, r#"{"accepted":0,"repeated":1}"#.to_owned()));
    serving.running.kill();

    // When another begins and may work
    assert_eq!(folder.run(&["resume", "--all"]).code, 0);
    let serving = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));

    // Then it was carried out, and the same request starts nothing any more
    assert_eq!(
        post(&serving, "s3cret", &json!([deletion(1), deletion(2)])).1,
        r#"{"accepted":1,"repeated":1}"#
    );
    until("all is over", || is_all_over(&folder));
    assert_eq!(serving.stop().0, 0);
    assert_eq!(server.people(), ["u-1", "u-2"]);
}

#[test]
fn a_failure_is_told_without_the_person() {
    let server = Server::start(|_, _| answer(400, r#"{"message":"no such thing: u-1"}"#));
    let chat = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = folder(server.address, chat.local_addr().unwrap());
    let serving = Serving::start(&folder);

    assert_eq!(post(&serving, "s3cret", &deletion(1)).0, 202);
    let (stream, _) = chat.accept().unwrap();
    let mut reader = BufReader::new(stream);
    let (mut told, mut length) = (String::new(), 0);
    while !told.ends_with("\r\n\r\n") {
        let begun = told.len();
        reader.read_line(&mut told).unwrap();
        if let Some(written) = told[begun..].to_ascii_lowercase().strip_prefix("content-length:") {
            length = written.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();

    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        body["text"],
        "privaflow: 1 failed\nerase, job-1: 1 failed (refused 1)\n  privaflow runs list --job job-1 --state failed\n"
    );
    serving.stop();
}

#[test]
fn a_hook_without_its_secret_keeps_the_server_from_starting() {
    let folder = folder("127.0.0.1:1", "127.0.0.1:2");
    std::fs::remove_file(folder.path("secret")).unwrap();

    let shot = folder.run(&["serve", "--listen", "127.0.0.1:0"]);

    assert_eq!(shot.code, 2, "{}", shot.stderr);
    assert!(shot.stderr.contains("which holds the bearer of hook `requests`"), "{}", shot.stderr);
}

#[test]
fn a_file_that_is_due_is_carried_out_without_being_asked() {
    let server = Server::accepting();
    // Every minute; the last start was long ago, so it is made up for at once.
    let workflow = ERASE.replace(
        "on: { webhook: { hook: requests } }",
        "on: { file: {}, schedule: { cron: '* * * * *', timezone: UTC, input: due.ndjson } }",
    );
    let chat = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = folder(server.address, chat.local_addr().unwrap());
    folder.write("flow.yaml", workflow);
    folder.write("due.ndjson", format!("{}\n{}\n", deletion(1), deletion(2)));
    let moves = privaflow::journal::Cursor {
        name: "schedule:erase".to_owned(),
        value: "2020-01-01T00:00:00Z".to_owned(),
    };
    privaflow::journal::Store::open(&folder.path("store")).unwrap().accept(Vec::new(), Some(moves)).unwrap();

    let serving = Serving::start(&folder);
    until("both were erased", || server.people().len() == 2);
    serving.stop();

    let mut people = server.people();
    people.sort();
    assert_eq!(people, ["u-1", "u-2"]);
}

#[test]
fn a_server_whose_disk_is_full_refuses_ends_by_itself_and_goes_on_when_there_is_room() {
    let server = Server::accepting();
    let chat = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = folder(server.address, chat.local_addr().unwrap());
    // Files may grow to so many half kilobytes; a write beyond fails, as it does without room.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1800; exec \"$0\" serve --listen 127.0.0.1:0"]);
    limited.arg(env!("CARGO_BIN_EXE_privaflow")).current_dir(folder.path(""));
    limited.env_remove("PRIVAFLOW_LOG").env("PRIVAFLOW_TEST_KEY", KEY);
    let serving = Serving::of(Running::of(limited));
    let mut accepted = 0;
    let refused = (1..5000).find(|number| {
        let mut record = deletion(*number);
        record["fields"] = json!({ "note": "x".repeat(20_000) });
        let (status, _) = post(&serving, "s3cret", &record);
        accepted += usize::from(status == 202);
        status != 202
    });
    assert!(refused.is_some() && accepted > 0);

    let shot = serving.running.end();

    assert_eq!(shot.code, 1, "{}", shot.stderr);
    assert!(shot.stderr.contains("a new start goes on"), "{}", shot.stderr);
    let serving = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));
    assert_eq!(serving.stop().0, 0);
    let erased = server.people();
    assert!(erased.len() >= accepted, "{} of {accepted}", erased.len());
}
