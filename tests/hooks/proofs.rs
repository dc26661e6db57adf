//! Who is let in, on the wire.

use std::process::{Command, Stdio};
use std::sync::Arc;

use privaflow::clock::SystemClock;
use privaflow::server::Patience;

use crate::rig::{Rig, secret_file, workflow};

const RECORD: &str = r#"{"id":"r-1","kind":"other"}"#;
const SECRET: &str = "correct horse battery staple";

fn hook(auth: &str) -> String {
    format!("hooks: {{ h: {{ shape: record, auth: {auth} }} }}")
}

/// HMAC-SHA256 as somebody else computes it; `None` where neither openssl nor python is there.
fn signature_of_others(secret: &str, text: &[u8]) -> Option<String> {
    use std::io::Write;
    let python = "import hmac,sys; print(hmac.new(sys.argv[1].encode(), sys.stdin.buffer.read(), 'sha256').hexdigest())";
    let programs: [(&str, Vec<&str>); 2] =
        [("openssl", vec!["dgst", "-sha256", "-hmac", secret]), ("python3", vec!["-c", python, secret])];
    programs.into_iter().find_map(|(program, arguments)| {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        child.stdin.take()?.write_all(text).ok()?;
        let output = child.wait_with_output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.split_whitespace().last().filter(|last| last.len() == 64).map(str::to_owned)
    })
}

#[tokio::test]
async fn a_bearer_token_lets_in_and_nothing_else_does() {
    let file = secret_file("s3cret\n");
    let rig = Rig::start(&hook(&format!("{{ bearer: {{ file: {} }} }}", file.path().display()))).await;

    for wrong in [
        vec![],
        vec!["authorization: Bearer s3cre"],
        vec!["authorization: Bearer s3cret!"],
        vec!["authorization: Basic s3cret"],
        vec!["authorization: s3cret"],
        vec!["authorization: Bearer s3cret", "authorization: Bearer s3cret"],
        vec!["x-authorization: Bearer s3cret"],
    ] {
        let reply = rig.post(&wrong, RECORD).await;
        assert_eq!((reply.status, reply.error().as_str()), (401, "unauthorized"), "{wrong:?}");
        assert_eq!(reply.header("www-authenticate"), Some("bearer"), "{reply:?}");
    }
    assert_eq!(rig.waiting(), 0);

    let reply = rig.post(&["Authorization: Bearer s3cret"], RECORD).await;
    assert_eq!((reply.status, reply.body.as_str()), (202, r#"{"accepted":1,"repeated":0}"#));
    assert_eq!(rig.waiting(), 1);
}

#[tokio::test]
async fn a_header_and_basic_let_in() {
    let file = secret_file("pa:ss");
    let rig = Rig::start(&format!(
        "hooks:\n  h: {{ shape: record, auth: {{ header: {{ name: X-Key, value: {{ file: {0} }} }} }} }}\n  b: {{ shape: record, auth: {{ basic: {{ username: ot, password: {{ file: {0} }} }} }} }}",
        file.path().display()
    ))
    .await;

    assert_eq!(rig.post(&["x-key: pa:ss"], RECORD).await.status, 202);
    assert_eq!(rig.post(&["x-key: pa:s"], RECORD).await.status, 401);
    // `ot:pa:ss` and `ot:pa`; no workflow starts with `b`.
    let good = rig.post_to("b", &["authorization: Basic b3Q6cGE6c3M="], RECORD.as_bytes()).await;
    let wrong = rig.post_to("b", &["authorization: Basic b3Q6cGE="], RECORD.as_bytes()).await;
    assert_eq!((good.status, good.error().as_str()), (409, "no_workflow"));
    assert_eq!((wrong.status, wrong.header("www-authenticate").is_some()), (401, true));
}

#[tokio::test]
async fn a_signature_that_another_program_made_lets_in() {
    let file = secret_file(SECRET);
    let rig = Rig::start(&hook(&format!(
        "{{ hmac: {{ secret: {{ file: {} }}, header: X-Hub-Signature-256, prefix: 'sha256=' }} }}",
        file.path().display()
    )))
    .await;
    // Made with openssl 3 for this secret and this body, for machines that have no such program.
    let body = "{\"id\":\"r-1\",\n \"kind\":\"other\",\"fields\":{\"name\":\"Zoë\"}}";
    let known = "6d9fbbec1e886dc737108d4ced69b08cf488a713eb2f186e1c911a515cd356d2";
    let made = signature_of_others(SECRET, body.as_bytes()).unwrap_or_else(|| known.to_owned());
    assert_eq!(made, known);

    let good = rig.post(&[&format!("x-hub-signature-256: sha256={made}")], body).await;
    let of_other_body = rig.post(&[&format!("x-hub-signature-256: sha256={made}")], RECORD).await;
    let without_prefix = rig.post(&[&format!("x-hub-signature-256: {made}")], body).await;
    let none = rig.post(&[], body).await;

    assert_eq!([good, of_other_body, without_prefix, none].map(|reply| reply.status), [202, 401, 401, 401]);
    assert_eq!(rig.waiting(), 1);
}

#[tokio::test]
async fn a_recorded_call_cannot_be_sent_again_later() {
    // Given a call that is signed with its time, at that time
    let file = secret_file("Jefe");
    let auth = format!(
        "{{ hmac: {{ secret: {{ file: {} }}, header: X-Signature, encoding: base64, timestamp: {{ header: X-Time, tolerance: 5m, signed: 'v0:{{timestamp}}:{{body}}' }} }} }}",
        file.path().display()
    );
    let (rig, clock) = Rig::at(&hook(&auth), 1_700_000_000_000).await;
    // HMAC-SHA256 of `v0:1700000000:{"id":"r-1","kind":"other"}` under `Jefe`, made with openssl 3.
    let signature = "+1s0amOAZ16SqYijtmEdaExttehN12PjLCsB/sZWvhQ=";
    let call = [format!("x-signature: {signature}"), "x-time: 1700000000".to_owned()];
    let call: Vec<&str> = call.iter().map(String::as_str).collect();

    // When it is sent, sent again, and sent again when its time is over, as it is or with a new time
    let first = rig.post(&call, RECORD).await;
    let again = rig.post(&call, RECORD).await;
    clock.advance(std::time::Duration::from_secs(301));
    let late = rig.post(&call, RECORD).await;
    let renamed = rig.post(&[call[0], "x-time: 1700000301"], RECORD).await;

    // Then it counts once, and later not at all
    assert_eq!((first.status, first.body.as_str()), (202, r#"{"accepted":1,"repeated":0}"#));
    assert_eq!((again.status, again.body.as_str()), (202, r#"{"accepted":0,"repeated":1}"#));
    assert_eq!((late.status, renamed.status), (401, 401));
    assert_eq!(rig.waiting(), 1);
}

#[tokio::test]
async fn a_secret_that_was_exchanged_is_noticed_within_a_minute() {
    let file = secret_file("old");
    let auth = format!("{{ bearer: {{ file: {} }} }}", file.path().display());
    let (rig, clock) = Rig::at(&hook(&auth), 0).await;
    assert_eq!(rig.post(&["authorization: Bearer old"], RECORD).await.status, 202);

    std::fs::write(file.path(), "new").unwrap();
    let new = rig.post(&["authorization: Bearer new"], RECORD).await;
    let old = rig.post(&["authorization: Bearer old"], RECORD).await;
    // The file is not read for every wrong guess.
    std::fs::write(file.path(), "newest").unwrap();
    let at_once = rig.post(&["authorization: Bearer newest"], RECORD).await;
    clock.advance(std::time::Duration::from_secs(60));
    let later = rig.post(&["authorization: Bearer newest"], RECORD).await;

    assert_eq!([new, old, at_once, later].map(|reply| reply.status), [202, 401, 401, 202]);
}

#[tokio::test]
async fn only_allowed_addresses_call_and_proxies_are_believed_only_when_trusted() {
    let hooks = |proxies: &str| {
        format!(
            "server: {{ listen: '127.0.0.1:1'{proxies} }}\nhooks: {{ h: {{ shape: record, auth: none, allow: [203.0.113.0/24] }} }}"
        )
    };
    let forwarded = "x-forwarded-for: 203.0.113.7";
    let start = |proxies: &str| {
        let hooks = hooks(proxies);
        async move {
            Rig::with(&hooks, vec![workflow("w", "h")], Arc::new(SystemClock), Patience::default()).await
        }
    };
    let plain = start("").await;
    let behind = start(", trusted_proxies: [127.0.0.0/8]").await;

    assert_eq!(plain.post(&[], RECORD).await.status, 403);
    assert_eq!(plain.post(&[forwarded], RECORD).await.status, 403);
    assert_eq!(plain.waiting(), 0);
    assert_eq!(behind.post(&[forwarded], RECORD).await.status, 202);
    assert_eq!(behind.post(&["x-forwarded-for: 203.0.113.7, 198.51.100.1"], RECORD).await.status, 403);
    assert_eq!(behind.post(&["x-forwarded-for: nobody"], RECORD).await.status, 403);
    assert_eq!(behind.post(&[], RECORD).await.status, 403);
}
