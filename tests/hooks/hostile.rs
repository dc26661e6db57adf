//! What an outsider may send: nothing of it is taken, echoed or fatal.

use std::sync::Arc;
use std::time::Duration;

use privaflow::clock::SystemClock;
use privaflow::server::Patience;

use crate::rig::{OPEN, Rig, secret_file, workflow};

const RECORD: &str = r#"{"kind":"other"}"#;

#[tokio::test]
async fn unknown_hooks_and_other_methods_tell_nothing_of_those_that_exist() {
    let rig = Rig::start(OPEN).await;
    for path in ["x", "H", "h/", "h/x", "h%00", "%68", "..%2fh", "h?h", ""] {
        let request = format!(
            "POST /hooks/{path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{RECORD}",
            RECORD.len()
        );
        let reply = rig.send(request.as_bytes()).await;
        let expected = if path == "h?h" { 202 } else { 404 };
        assert_eq!(reply.status, expected, "{path}");
        assert!(!reply.body.contains("shape") && !reply.body.contains("\"h\""), "{reply:?}");
    }
    for (method, path) in
        [("GET", "h"), ("PUT", "h"), ("GET", "x"), ("DELETE", "x"), ("OPTIONS", "h"), ("BREW", "h")]
    {
        let request = format!("{method} /hooks/{path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let reply = rig.send(request.as_bytes()).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("post")), "{method} {path}");
    }
    assert_eq!(rig.waiting(), 1);
}

#[tokio::test]
async fn only_plain_json_is_read() {
    let rig = Rig::start(OPEN).await;
    for header in [
        "content-type: text/plain",
        "content-type: application/x-www-form-urlencoded",
        "content-type: multipart/form-data; boundary=x",
        "content-type: application/jsonx",
        "content-type:",
    ] {
        assert_eq!(rig.post(&[header], RECORD).await.status, 415, "{header}");
    }
    assert_eq!(rig.post(&["content-encoding: gzip"], RECORD).await.status, 415);
    assert_eq!(rig.waiting(), 0);
    for header in ["content-type: application/json; charset=utf-8", "content-type: APPLICATION/JSON"] {
        assert_eq!(rig.post(&[header], RECORD).await.status, 202, "{header}");
    }
}

#[tokio::test]
async fn deep_and_broken_json_is_refused_in_every_shape() {
    let deep = "[".repeat(200_000);
    let deep_object = r#"{"a":"#.repeat(100_000);
    let deep_field =
        format!(r#"{{"kind":"other","fields":{{"a":{}{}}}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let deep_unknown = format!(r#"{{"kind":"other","x":{}"#, "[".repeat(100_000));
    for shape in ["record", "event", "subtask"] {
        let hooks = format!("hooks: {{ h: {{ shape: {shape}, profile: onetrust, auth: none }} }}");
        let rig = Rig::start(&hooks).await;
        for body in
            [&deep, &deep_object, &deep_field, &deep_unknown, "nul", "\u{feff}{}", "{}{}", "{\"a\":1e999}"]
        {
            let reply = rig.post(&[], body).await;
            assert_eq!((reply.status, reply.error().as_str()), (400, "bad_request"), "{shape} {body:.20}");
            assert!(reply.body.len() < 250, "{reply:?}");
        }
        for body in [&b"\xff\xfe{}"[..], b"{\"kind\":\"\xc3\x28\"}", b"\0", b"{\"kind\":\"other\"}\0"] {
            assert_eq!(rig.post_to("h", &[], body).await.status, 400, "{shape} {body:?}");
        }
        assert_eq!(rig.waiting(), 0);
    }
}

#[tokio::test]
async fn lies_about_a_body_are_no_body() {
    let rig = Rig::start(OPEN).await;
    let head = "POST /hooks/h HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n";
    for (framing, body) in [
        ("transfer-encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked\r\n", "fffffffffffffffff\r\n"),
        ("transfer-encoding: chunked\r\n", "2\r\nabc\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", RECORD),
        ("transfer-encoding: gzip\r\n", RECORD),
        ("content-length: 16\r\ncontent-length: 17\r\n", RECORD),
        ("content-length: -1\r\n", RECORD),
        ("content-length: 99999999999999999999\r\n", RECORD),
        ("content-length: +16\r\n", RECORD),
    ] {
        let reply = rig.send(format!("{head}{framing}\r\n{body}").as_bytes()).await;
        assert!((400..500).contains(&reply.status), "{framing}: {reply:?}");
        assert_eq!(rig.waiting(), 0, "{framing}");
    }
    // A limit that is stated is believed before anything is read.
    let stated = format!("{head}content-length: 1000001\r\n\r\n");
    let reply = tokio::time::timeout(Duration::from_secs(8), rig.send(stated.as_bytes())).await.unwrap();
    assert_eq!(reply.status, 413);
}

#[tokio::test]
async fn huge_heads_are_refused_by_the_server_and_it_goes_on() {
    let patience = Patience { head: Duration::from_millis(300), ..Patience::default() };
    let rig = Rig::with(OPEN, vec![workflow("w", "h")], Arc::new(SystemClock), patience).await;
    let many: String = (0..5_000).map(|number| format!("x-{number}: y\r\n")).collect();
    let long = format!("x: {}\r\n", "y".repeat(2_000_000));
    for headers in [many, long] {
        let request = format!("POST /hooks/h HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
        let reply = rig.send(request.as_bytes()).await;
        assert!(reply.status == 431 || reply.status == 0, "{reply:?}");
    }
    for nonsense in
        ["\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        rig.send(nonsense.as_bytes()).await;
    }
    assert_eq!(rig.post(&[], RECORD).await.status, 202);
}

#[tokio::test]
async fn nothing_is_read_of_a_body_whose_caller_did_not_show_who_it_is() {
    let file = secret_file("s3cret");
    let rig = Rig::start(&format!(
        "hooks: {{ h: {{ shape: record, auth: {{ bearer: {{ file: {} }} }}, per_minute: 1 }} }}",
        file.path().display()
    ))
    .await;

    // The body never comes, yet the answer does; and whoever cannot call uses nobody's calls up.
    for _ in 0..3 {
        let head = "POST /hooks/h HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 100\r\n\r\n";
        let reply = rig.send(head.as_bytes()).await;
        assert_eq!(reply.status, 401);
    }
    assert_eq!(rig.post(&["authorization: Bearer s3cret"], RECORD).await.status, 202);
}
