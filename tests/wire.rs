//! The HTTP client against real sockets: what is known when an exchange breaks, and what is sent.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use privaflow::config::Token;
use privaflow::secret::Secret;
use privaflow::wire::{Client, Distrust, Exchange, NotSent, Timeouts, Unknown, WireError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[path = "wire/server.rs"]
mod server;
#[path = "wire/token.rs"]
mod token;

use server::*;

#[tokio::test]
async fn what_is_sent_is_what_the_profile_and_the_exchange_say() {
    let seen = Arc::new(Mutex::new(String::new()));
    let address = server({
        let seen = Arc::clone(&seen);
        move |mut socket, _| {
            let seen = Arc::clone(&seen);
            async move {
                let text = request(&mut socket).await.unwrap();
                seen.lock().unwrap().push_str(&text);
                answer(&mut socket, "201 Created", "{\"message\":\"success\"}").await;
            }
        }
    })
    .await;

    let answer = client(address).send(post("{\"a\":1}")).await.unwrap();

    assert_eq!(
        (answer.status, &answer.body[..], answer.requests),
        (201, &b"{\"message\":\"success\"}"[..], 1)
    );
    assert_eq!(answer.header("X-RateLimit-Limit"), Some("7"));
    assert_eq!(answer.header("retry-after"), None);
    let mut lines: Vec<String> = seen.lock().unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.remove(0), "POST /users/track HTTP/1.1");
    lines.sort();
    assert_eq!(
        lines,
        [
            "",
            "accept: */*",
            "authorization: Bearer k-1",
            "content-length: 7",
            "content-type: application/json",
            &format!("host: {address}"),
            concat!("user-agent: privaflow/", env!("CARGO_PKG_VERSION")),
            "{\"a\":1}",
        ]
    );
}

#[tokio::test]
async fn a_refused_connection_means_that_nothing_was_sent() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();

    let broken = client(closed).send(post("{}")).await.unwrap_err();

    assert_eq!(broken.to_string(), format!("nothing was sent to {closed}: the connection was refused"));
    assert!(matches!(not_sent(broken), NotSent::Refused));
}

#[tokio::test]
async fn a_name_without_an_address_means_that_nothing_was_sent() {
    let client = client_over_tls("nowhere.invalid", None);

    let broken = client.send(post("{}")).await.unwrap_err();

    assert!(matches!(not_sent(broken), NotSent::Dns));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_means_that_nothing_was_sent() {
    let address = server(|mut socket, _| async move {
        let mut part = [0; 4096];
        assert!(socket.read(&mut part).await.is_ok());
        answer(&mut socket, "400 Bad Request", "").await;
    })
    .await;
    let client = client_over_tls(&address.to_string(), None);

    let broken = client.send(post("{}")).await.unwrap_err();

    assert!(matches!(not_sent(broken), NotSent::Tls(Distrust::NoTls)));
}

#[tokio::test]
async fn a_connection_closed_at_once_leaves_it_unknown() {
    let address = server(|socket, _| async move { drop(socket) }).await;

    assert_eq!(unknown(client(address).send(post("{}")).await.unwrap_err()), Unknown::Reset);
}

#[tokio::test]
async fn a_connection_closed_after_the_body_leaves_it_unknown() {
    let address = server(|mut socket, _| async move { drop(request(&mut socket).await) }).await;

    assert_eq!(unknown(client(address).send(post("{}")).await.unwrap_err()), Unknown::Reset);
}

#[tokio::test]
async fn a_server_that_never_answers_leaves_it_unknown() {
    let address = server(|mut socket, _| async move {
        request(&mut socket).await;
        std::future::pending::<()>().await;
    })
    .await;

    assert_eq!(unknown(client(address).send(post("{}")).await.unwrap_err()), Unknown::Timeout);
}

#[tokio::test]
async fn a_server_that_stalls_in_its_answer_leaves_it_unknown() {
    let address = server(|mut socket, _| async move {
        request(&mut socket).await;
        socket.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;

    assert_eq!(unknown(client(address).send(post("{}")).await.unwrap_err()), Unknown::Timeout);
}

#[tokio::test]
async fn half_an_answer_leaves_it_unknown() {
    let address = server(|mut socket, _| async move {
        request(&mut socket).await;
        socket.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 99\r\n\r\n{\"mess").await.unwrap();
    })
    .await;

    assert_eq!(unknown(client(address).send(post("{}")).await.unwrap_err()), Unknown::BodyCut);
}

#[tokio::test]
async fn half_a_head_leaves_it_unknown() {
    let address = server(|mut socket, _| async move {
        request(&mut socket).await;
        socket.write_all(b"HTTP/1.1 201 Cre").await.unwrap();
    })
    .await;

    assert_eq!(unknown(client(address).send(post("{}")).await.unwrap_err()), Unknown::Reset);
}

#[tokio::test]
async fn an_answer_that_is_no_http_leaves_it_unknown() {
    let address = server(|mut socket, _| async move {
        request(&mut socket).await;
        socket.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await.unwrap();
    })
    .await;

    assert_eq!(unknown(client(address).send(post("{}")).await.unwrap_err()), Unknown::Garbled);
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let address = server(|mut socket, _| async move {
        request(&mut socket).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let part = vec![b'x'; 1 << 20];
        while socket.write_all(&part).await.is_ok() {}
    })
    .await;
    let patient = Timeouts { total: Duration::from_secs(30), ..SHORT };
    let client =
        Client::new(&connection(address), Token::fixed(Secret::new("k".to_owned())), patient).unwrap();

    assert_eq!(unknown(client.send(post("{}")).await.unwrap_err()), Unknown::TooLarge);
}

#[tokio::test]
async fn a_request_lost_on_a_connection_used_before_is_not_sent_again() {
    let requests = Arc::new(AtomicU32::new(0));
    let address = server({
        let requests = Arc::clone(&requests);
        move |mut socket, _| {
            let requests = Arc::clone(&requests);
            async move {
                while request(&mut socket).await.is_some() {
                    if requests.fetch_add(1, Ordering::SeqCst) == 1 {
                        return;
                    }
                    answer(&mut socket, "201 Created", "{}").await;
                }
            }
        }
    })
    .await;
    let client = client(address);

    assert_eq!(client.send(post("{}")).await.unwrap().status, 201);
    assert_eq!(unknown(client.send(post("{}")).await.unwrap_err()), Unknown::Reset);

    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let address = server(|mut socket, number| async move {
        assert_eq!(number, 0);
        request(&mut socket).await;
        socket
            .write_all(b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
    })
    .await;

    assert_eq!(client(address).send(post("{}")).await.unwrap().status, 307);
}

#[tokio::test]
async fn a_path_that_leaves_the_host_is_not_sent() {
    let client = client(SocketAddr::from(([127, 0, 0, 1], 9)));
    for path in ["//example.com/x", "https://example.com/x", "users/track", ""] {
        let exchange = Exchange { path_and_query: path.to_owned(), ..post("{}") };

        assert!(matches!(not_sent(client.send(exchange).await.unwrap_err()), NotSent::Request), "{path}");
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_means_that_nothing_was_sent() {
    let asked = Arc::new(Mutex::new(String::new()));
    let proxy = server({
        let asked = Arc::clone(&asked);
        move |mut socket, _| {
            let asked = Arc::clone(&asked);
            async move {
                let text = request(&mut socket).await.unwrap();
                asked.lock().unwrap().push_str(&text);
                answer(&mut socket, "407 Proxy Authentication Required", "").await;
            }
        }
    })
    .await;
    let client = client_over_tls("rest.example.com", Some(proxy));

    let broken = client.send(post("{}")).await.unwrap_err();

    assert!(matches!(not_sent(broken), NotSent::Proxy));
    let asked = asked.lock().unwrap();
    assert!(asked.starts_with("CONNECT rest.example.com:443 HTTP/1.1"), "{asked}");
    assert!(!asked.contains("k-secret"));
}

#[test]
fn a_ca_file_that_is_missing_or_holds_no_certificate_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let mut connection = connection(SocketAddr::from(([127, 0, 0, 1], 9)));
    connection.ca_file = Some(file.clone());
    let made = || Client::new(&connection, Token::fixed(Secret::new("k".to_owned())), SHORT);

    assert!(matches!(made().unwrap_err(), WireError::CaFile { .. }));
    std::fs::write(&file, "no certificate").unwrap();
    assert!(matches!(made().unwrap_err(), WireError::NoCertificate { .. }));
}

#[tokio::test]
async fn printing_shows_neither_token_nor_query_nor_body() {
    let address = server(|mut socket, _| async move {
        request(&mut socket).await;
        answer(&mut socket, "401 Unauthorized", "{\"message\":\"Invalid API key: marker-key\"}").await;
    })
    .await;
    let client = client_with(address, Token::fixed(Secret::new("marker-key".to_owned())));
    let exchange = Exchange {
        path_and_query: "/subscription/user/status?email=marker%40example.com".to_owned(),
        ..post("{\"email\":\"marker@example.com\"}")
    };

    let mut shown = format!("{client:?} {exchange:?}");
    let answer = client.send(exchange.clone()).await.unwrap();
    write!(shown, "{answer:?}").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let broken = client_with(closed, Token::fixed(Secret::new("marker-key".to_owned()))).send(exchange).await;
    let broken = broken.unwrap_err();
    write!(shown, "{broken:?} {broken}").unwrap();

    assert!(!shown.contains("marker"), "{shown}");
    assert!(shown.contains("/subscription/user/status"));
}
