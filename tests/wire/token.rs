//! A token that changes: it is read again after a 401, once for all, and nobody leaves with the old one.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use privaflow::config::{Token, TokenSource};
use privaflow::wire::NotSent;

use crate::server::*;

/// Takes only `Bearer new`, and counts what it was asked.
async fn server_that_takes_the_new_token(asked: &Arc<AtomicU32>) -> SocketAddr {
    let asked = Arc::clone(asked);
    server(move |mut socket, _| {
        let asked = Arc::clone(&asked);
        async move {
            while let Some(text) = request(&mut socket).await {
                asked.fetch_add(1, Ordering::SeqCst);
                match text.contains("authorization: Bearer new\r\n") {
                    true => answer(&mut socket, "201 Created", "{}").await,
                    false => answer(&mut socket, "401 Unauthorized", "{}").await,
                }
            }
        }
    })
    .await
}

fn token_in(path: &Path) -> Token {
    Token::new("the token of profile `p`", TokenSource::File(path.to_owned()))
}

#[tokio::test]
async fn after_a_401_the_token_is_read_again_and_the_exchange_made_once_more() {
    let asked = Arc::new(AtomicU32::new(0));
    let address = server_that_takes_the_new_token(&asked).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "old\n").unwrap();
    let token = token_in(&file);
    token.check().await.unwrap();
    std::fs::write(&file, "new\r\n").unwrap();
    let client = client_with(address, token);

    let first = client.send(post("{}")).await.unwrap();
    let second = client.send(post("{}")).await.unwrap();

    assert_eq!((first.status, first.requests), (201, 2));
    assert_eq!((second.status, second.requests), (201, 1));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_401_with_the_same_token_is_given_back() {
    let asked = Arc::new(AtomicU32::new(0));
    let address = server_that_takes_the_new_token(&asked).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "old").unwrap();

    let answer = client_with(address, token_in(&file)).send(post("{}")).await.unwrap();

    assert_eq!((answer.status, answer.requests), (401, 1));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn many_who_were_refused_together_read_the_token_once() {
    let asked = Arc::new(AtomicU32::new(0));
    let address = server_that_takes_the_new_token(&asked).await;
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let script = format!(
        "echo run >> {0}; if [ $(wc -l < {0}) = 1 ]; then echo ' old '; else echo new; fi; echo noise >&2",
        runs.display()
    );
    let source = TokenSource::Command { program: "sh".to_owned(), arguments: vec!["-c".to_owned(), script] };
    let client = client_with(address, Token::new("the token of profile `p`", source));

    let sent: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.send(post("{}")).await.unwrap().status })
        })
        .collect();

    for status in sent {
        assert_eq!(status.await.unwrap(), 201);
    }
    assert_eq!(std::fs::read_to_string(runs).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn while_a_command_prints_a_new_token_nobody_leaves_with_the_old_one() {
    let asked = Arc::new(AtomicU32::new(0));
    let address = server_that_takes_the_new_token(&asked).await;
    let folder = tempfile::tempdir().unwrap();
    let (pipe, old) = (folder.path().join("pipe"), folder.path().join("old"));
    std::fs::write(&old, "old").unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // The first time it prints the old one; then it waits for somebody to write the new one.
    let script =
        format!("if [ -e {0} ]; then cat {0}; rm {0}; else cat {1}; fi", old.display(), pipe.display());
    let source = TokenSource::Command { program: "sh".to_owned(), arguments: vec!["-c".to_owned(), script] };
    let client = client_with(address, Token::new("the token of profile `p`", source));
    let send = || {
        let client = client.clone();
        tokio::spawn(async move { client.send(post("{}")).await.unwrap().status })
    };

    let first = send();
    // Opens only when the command has opened it, too.
    let mut writer =
        tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(pipe).unwrap())
            .await
            .unwrap();
    let others = [send(), send()];
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    std::io::Write::write_all(&mut writer, b"new").unwrap();
    drop(writer);

    assert_eq!(first.await.unwrap(), 201);
    for other in others {
        assert_eq!(other.await.unwrap(), 201);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_token_that_is_not_there_stops_the_exchange_before_it_is_sent() {
    let token = Token::new("the token of profile `p`", TokenSource::Env("PRIVAFLOW_TEST_NOT_SET".to_owned()));
    let client = client_with(SocketAddr::from(([127, 0, 0, 1], 9)), token);

    let broken = client.send(post("{}")).await.unwrap_err();

    assert!(
        broken.to_string().contains(
            "the environment variable `PRIVAFLOW_TEST_NOT_SET` is not set; it holds the token of profile `p`"
        ),
        "{broken}"
    );
    assert!(matches!(not_sent(broken), NotSent::Token(_)));
}
