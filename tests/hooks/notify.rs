//! Channels on real sockets: a mail server that speaks SMTP, addresses that take a POST, and dead ones.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use privaflow::clock::SystemClock;
use privaflow::config::{Channel, Settings};
use privaflow::journal::Store;
use privaflow::notify::{Counts, Late, Notifier, Standing, Word};
use privaflow::workflow::{Notify, Occasion};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::rig::secret_file;

fn channels(text: &str) -> IndexMap<String, Channel> {
    let reading = Settings::read(text, Path::new(""));
    reading.settings.unwrap_or_else(|| panic!("{:#?}", reading.mistakes)).channels
}

async fn notifier(settings: &str, store: &Arc<Store>) -> (Notifier, CancellationToken) {
    let stop = CancellationToken::new();
    let started =
        Notifier::start(&channels(settings), store.clone(), Arc::new(SystemClock), stop.clone()).await;
    (started.unwrap(), stop)
}

fn to(channel: &str) -> Notify {
    Notify {
        on: Occasion::ALL.to_vec(),
        to: vec![channel.to_owned()],
        before: Duration::from_secs(3 * 86_400),
    }
}

fn standing(job: &str, refused: u64, approval: u64) -> Standing {
    let some = |word: &str, count: u64| (count > 0).then(|| (Word::of(word), count)).into_iter().collect();
    let counts =
        Counts { failed: some("refused", refused), waiting: some("approval", approval), ..Counts::default() };
    Standing { workflow: Word::of("user-deletion"), job: Word::of(job), counts }
}

/// Answers every POST with the next status, and hands over what was posted.
struct Taker {
    address: std::net::SocketAddr,
    posted: UnboundedReceiver<(String, Value)>,
}

impl Taker {
    async fn start(statuses: &'static [&'static str]) -> Taker {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, posted) = unbounded_channel();
        tokio::spawn(async move {
            let mut statuses = statuses.iter().chain(std::iter::repeat(&"200 OK"));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let status = statuses.next().unwrap();
                take(stream, status, &tell).await;
            }
        });
        Taker { address, posted }
    }

    async fn next(&mut self) -> (String, Value) {
        self.posted.recv().await.unwrap()
    }
}

async fn take(stream: TcpStream, status: &str, tell: &UnboundedSender<(String, Value)>) {
    let mut stream = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if let Some(written) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = written.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    stream.write_all(answer.as_bytes()).await.unwrap();
    tell.send((head, serde_json::from_slice(&body).unwrap())).ok();
}

#[tokio::test]
async fn what_happens_in_one_window_is_told_in_one_message_and_nothing_twice() {
    let mut taker = Taker::start(&[]).await;
    let key = secret_file("s3cret");
    let store = Arc::new(Store::temporary().unwrap());
    let settings = format!(
        "notify: {{ ops: {{ webhook: {{ url: 'http://{}/x', bearer: {{ file: {} }} }}, window: 100ms, per_hour: 1000 }} }}",
        taker.address,
        key.path().display()
    );
    let (notifier, stop) = notifier(&settings, &store).await;

    for failed in 1..=40 {
        notifier.note(&to("ops"), &standing("job-1", failed, 0));
    }
    notifier.note(&to("ops"), &standing("job-2", 0, 3));
    notifier.note_late(&to("ops"), &Late::of("user-deletion", b"r-1", 1_796_083_200_000));
    let (head, first) = taker.next().await;
    notifier.note(&to("ops"), &standing("job-2", 0, 3));
    notifier.note(&to("ops"), &standing("job-1", 42, 0));
    let (_, second) = taker.next().await;

    assert!(head.starts_with("POST /x HTTP/1.1") && head.contains("authorization: Bearer s3cret"), "{head}");
    assert_eq!(
        (first["failed"].as_u64(), first["waiting"].as_u64(), first["due_soon"].as_u64()),
        (Some(40), Some(3), Some(1))
    );
    assert_eq!(first["jobs"][0]["failed"]["refused"], 40);
    assert_eq!(first["deadlines"][0]["due_at"], "2026-12-01T00:00:00Z");
    assert_eq!(
        (second["failed"].as_u64(), second["waiting"].as_u64(), second["jobs"].as_array().unwrap().len()),
        (Some(2), Some(0), 1)
    );
    stop.cancel();
    notifier.stopped().await;
}

#[tokio::test]
async fn a_failure_that_was_noted_before_a_kill_is_told_by_the_next_process() {
    // Given a channel that is dead, and a process that ends before it could tell anything
    let store = Arc::new(Store::temporary().unwrap());
    let settings = |address: std::net::SocketAddr| {
        format!(
            "notify: {{ chat: {{ slack: {{ url: 'http://{address}/' }}, window: 1ms, per_hour: 1000 }} }}"
        )
    };
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (first, stop) = notifier(&settings(dead), &store).await;
    first.note(&to("chat"), &standing("job-1", 2, 0));
    while store.cursor("notify:chat").unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    first.stopped().await;

    // When another begins, and notes what it knows of the job
    let mut taker = Taker::start(&[]).await;
    let (second, _stop) = notifier(&settings(taker.address), &store).await;
    let (_, told) = taker.next().await;
    second.note(&to("chat"), &standing("job-1", 2, 0));
    second.note(&to("chat"), &standing("job-2", 1, 0));
    let (_, more) = taker.next().await;

    // Then it is told, once
    let text = told["text"].as_str().unwrap();
    assert_eq!(
        text,
        "privaflow: 2 failed\nuser-deletion, job-1: 2 failed (refused 2)\n  privaflow runs list --job job-1 --state failed\n"
    );
    assert_eq!(told.as_object().unwrap().len(), 1);
    assert!(
        more["text"].as_str().unwrap().contains("job-2") && !more["text"].as_str().unwrap().contains("job-1"),
        "{more}"
    );
}

#[tokio::test]
async fn nothing_of_a_person_can_be_told() {
    let mut taker = Taker::start(&[]).await;
    let store = Arc::new(Store::temporary().unwrap());
    let settings =
        format!("notify: {{ ops: {{ webhook: {{ url: 'http://{}/' }}, window: 1ms }} }}", taker.address);
    let (notifier, _stop) = notifier(&settings, &store).await;
    let marker = "ada@example.com";
    let counts = Counts { failed: [(Word::of(marker), 1)].into(), ..Counts::default() };

    notifier.note(&to("ops"), &Standing { workflow: Word::of(marker), job: Word::of(marker), counts });
    notifier.note_late(&to("ops"), &Late::of(marker, marker.as_bytes(), 0));
    let (head, told) = taker.next().await;

    let kept = store.cursor("notify:ops").unwrap().unwrap_or_default();
    for text in [head, told.to_string(), kept] {
        assert!(!text.contains("ada") && !text.contains("example"), "{text}");
    }
    assert_eq!(told["jobs"][0]["workflow"], "other");
}

#[tokio::test]
async fn a_channel_that_refuses_keeps_the_others_and_the_callers_going() {
    // Given one channel that hangs, one that refuses, and one that works
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut refusing = Taker::start(&["503 Busy", "503 Busy"]).await;
    let mut working = Taker::start(&[]).await;
    let store = Arc::new(Store::temporary().unwrap());
    let channel = |name: &str, address| {
        format!("  {name}: {{ webhook: {{ url: 'http://{address}/' }}, window: 1ms, per_hour: 1000 }}\n")
    };
    let settings = format!(
        "notify:\n{}{}{}",
        channel("hanging", hanging.local_addr().unwrap()),
        channel("refusing", refusing.address),
        channel("working", working.address)
    );
    let (notifier, stop) = notifier(&settings, &store).await;
    let all =
        Notify { to: ["hanging", "refusing", "working", "unknown"].map(str::to_owned).to_vec(), ..to("x") };

    // When something happens again and again
    let began = std::time::Instant::now();
    for number in 0..10_000 {
        notifier.note(&all, &standing("job-1", number + 1, 0));
    }
    let noted = began.elapsed();
    let (_, told) = working.next().await;
    let (_, refused) = refusing.next().await;

    // Then nobody waited, and the server can end
    assert!(noted < Duration::from_secs(5), "{noted:?}");
    assert!(told["failed"].as_u64() > Some(0) && refused["failed"].as_u64() > Some(0));
    stop.cancel();
    notifier.stopped().await;
    assert!(store.cursor("notify:hanging").unwrap().unwrap().contains("job-1"));
}

/// Speaks SMTP (RFC 5321) with one caller, and hands over what it said and sent.
async fn mail_server(listener: TcpListener, tell: UnboundedSender<(Vec<String>, String)>, logins: usize) {
    for login in 0.. {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let (mut said, mut mail) = (Vec::new(), String::new());
        stream.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap() == 0 {
                break;
            }
            let line = line.trim_end().to_owned();
            let answer = match line.split(' ').next().unwrap().to_ascii_uppercase().as_str() {
                "EHLO" => "250-mail.example\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n",
                "AUTH" if login < logins => "535 5.7.8 no, ada@example.com\r\n",
                "AUTH" => "235 2.7.0 welcome\r\n",
                "DATA" => "354 go on\r\n",
                "QUIT" => "221 bye\r\n",
                _ => "250 fine\r\n",
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
            if line == "DATA" {
                while !mail.ends_with("\r\n.\r\n") {
                    stream.read_line(&mut mail).await.unwrap();
                }
                stream.write_all(b"250 queued\r\n").await.unwrap();
            }
            let is_over = line == "QUIT";
            said.push(line);
            if is_over {
                break;
            }
        }
        tell.send((said, mail)).ok();
    }
}

#[tokio::test]
async fn mail_is_handed_over_as_the_standard_says() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, mut told) = unbounded_channel();
    tokio::spawn(mail_server(listener, tell, 0));
    let password = secret_file("pa ss");
    let store = Arc::new(Store::temporary().unwrap());
    let settings = format!(
        "notify: {{ mail: {{ smtp: {{ host: '{address}', tls: never, username: privaflow, password: {{ file: {} }}, from: 'privaflow <privaflow@example.com>', to: [dpo@example.com, team@example.com] }}, window: 1ms }} }}",
        password.path().display()
    );
    let (notifier, _stop) = notifier(&settings, &store).await;

    notifier.note(&to("mail"), &standing("job-7", 2, 1));
    let (said, mail) = told.recv().await.unwrap();

    assert!(said[0].starts_with("EHLO "), "{said:?}");
    // RFC 4616: NUL, the name, NUL, the password.
    assert_eq!(said[1], "AUTH PLAIN AHByaXZhZmxvdwBwYSBzcw==");
    assert!(said[2].starts_with("MAIL FROM:<privaflow@example.com>"), "{said:?}");
    assert_eq!(said[3..6], ["RCPT TO:<dpo@example.com>", "RCPT TO:<team@example.com>", "DATA"]);
    assert!(mail.contains("Subject: privaflow: 2 failed, 1 waiting for you\r\n"), "{mail}");
    assert!(mail.contains("user-deletion, job-7: 2 failed (refused 2)\r\n"), "{mail}");
    assert!(mail.contains("  privaflow runs list --job job-7 --state waiting\r\n"), "{mail}");
    assert!(
        ["Date: ", "Message-ID: <", "Content-Type: text/plain"].iter().all(|header| mail.contains(header)),
        "{mail}"
    );
}
