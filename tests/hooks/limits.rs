//! How much and how often: bodies, calls in a minute, connections, and callers that are slow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use privaflow::clock::SystemClock;
use privaflow::server::Patience;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{OPEN, Rig, workflow};

const RECORD: &str = r#"{"kind":"other"}"#;

async fn impatient(patience: Patience) -> Rig {
    Rig::with(OPEN, vec![workflow("w", "h")], Arc::new(SystemClock), patience).await
}

#[tokio::test]
async fn a_body_is_taken_up_to_its_limit_and_not_beyond() {
    let rig = Rig::start("hooks: { h: { shape: record, auth: none, max_bytes: 1kb } }").await;
    let body = |bytes: usize| format!(r#"{{"kind":"other","fields":{{"a":"{}"}}}}"#, "x".repeat(bytes - 34));
    assert_eq!(body(1000).len(), 1000);

    let fits = rig.post(&[], &body(1000)).await;
    let over = rig.post(&[], &body(1001)).await;
    let far_over = rig.post(&[], &body(3_000_000)).await;

    assert_eq!([fits.status, over.status, far_over.status], [202, 413, 413]);
    assert_eq!(over.error(), "too_large");
    assert_eq!(rig.waiting(), 1);
}

#[tokio::test]
async fn a_body_in_chunks_is_measured_as_it_comes() {
    let rig = Rig::start("hooks: { h: { shape: record, auth: none, max_bytes: 1kb } }").await;
    let head = "POST /hooks/h HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());

    let fits =
        rig.send(format!("{head}{}{}0\r\n\r\n", chunk(&RECORD[..4]), chunk(&RECORD[4..])).as_bytes()).await;
    let endless = format!("{head}{}", chunk(&" ".repeat(500)).repeat(400));
    let over = rig.send(format!("{endless}0\r\n\r\n").as_bytes()).await;

    assert_eq!([fits.status, over.status], [202, 413]);
}

#[tokio::test]
async fn a_hook_takes_so_many_calls_a_minute_and_says_when_to_come_again() {
    let hooks = "hooks: { h: { shape: record, auth: none, per_minute: 2 } }";
    let (rig, clock) = Rig::at(hooks, 1_000_000).await;

    let first = rig.post(&[], RECORD).await;
    clock.advance(Duration::from_secs(20));
    let second = rig.post(&[], "not JSON").await;
    let third = rig.post(&[], RECORD).await;
    clock.advance(Duration::from_secs(40));
    let next_minute = rig.post(&[], RECORD).await;

    assert_eq!([first.status, second.status, third.status, next_minute.status], [202, 400, 429, 202]);
    assert_eq!(third.header("retry-after"), Some("40"));
    assert_eq!(rig.waiting(), 2);
}

#[tokio::test]
async fn whoever_does_not_finish_the_head_of_a_request_is_hung_up_on() {
    let rig = impatient(Patience { head: Duration::from_millis(60), ..Patience::default() }).await;
    let mut silent = TcpStream::connect(rig.address).await.unwrap();
    let mut dripping = TcpStream::connect(rig.address).await.unwrap();
    let began = Instant::now();
    let drip = async {
        for byte in b"POST /hooks/h HTTP/1.1\r\n".iter().cycle() {
            if dripping.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let mut nothing = Vec::new();

    // Both are over by themselves.
    let (read, ()) = tokio::join!(silent.read_to_end(&mut nothing), drip);

    assert!(read.is_err() || nothing.is_empty(), "{nothing:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_body_that_stops_coming_is_not_waited_for() {
    let rig = impatient(Patience { body: Duration::from_millis(50), ..Patience::default() }).await;
    let head = "POST /hooks/h HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"kind\"";

    // The caller keeps its end open, and still hears an answer.
    let reply = rig.send(head.as_bytes()).await;

    assert_eq!((reply.status, reply.error().as_str()), (408, "too_slow"));
    assert_eq!(rig.waiting(), 0);
}

#[tokio::test]
async fn a_connection_that_rests_too_long_gives_its_place_to_the_next() {
    // Given room for one connection, which somebody holds after a good call
    let patience = Patience { connections: 1, rest: Duration::from_millis(60), ..Patience::default() };
    let rig = impatient(patience).await;
    let mut held = TcpStream::connect(rig.address).await.unwrap();
    let call = format!(
        "POST /hooks/h HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{RECORD}",
        RECORD.len()
    );
    let mut answer = [0; 12];
    for _ in 0..2 {
        held.write_all(call.as_bytes()).await.unwrap();
        held.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 202");
        let mut rest = vec![0; 1024];
        let _ = held.read(&mut rest).await.unwrap();
    }

    // When somebody else calls
    let reply = rig.post(&[], RECORD).await;

    // Then it is answered once the first has rested long enough
    assert_eq!(reply.status, 202);
    assert_eq!(rig.waiting(), 3);
}

#[tokio::test]
async fn many_callers_at_once_are_all_answered() {
    let rig = Arc::new(impatient(Patience { connections: 8, ..Patience::default() }).await);
    let call = |number: usize| {
        let rig = rig.clone();
        async move { rig.post(&[], &format!(r#"{{"id":"r-{}","kind":"other"}}"#, number / 2)).await.status }
    };
    let calls: Vec<_> = (0..100).map(|number| tokio::spawn(call(number))).collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 202);
    }
    assert_eq!(rig.waiting(), 50);
}
