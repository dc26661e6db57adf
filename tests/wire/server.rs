//! Servers that do as a test says, clients for them, and what an exchange came to.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use privaflow::config::{Connection, Host, Scheme, Token};
use privaflow::secret::Secret;
use privaflow::wire::{Broken, Client, Exchange, NotSent, Timeouts, Unknown};
use reqwest::Method;
use reqwest::header::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const SHORT: Timeouts =
    Timeouts { connect: Duration::from_millis(500), total: Duration::from_millis(500) };

/// A certificate nobody has the key of: with it as `ca_file` no test depends on the system's.
pub const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBlzCCAT6gAwIBAgIUR1sI0BIieDuL2+Obz9ERYcHOuF0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjAyMjkzN1oYDzIxMjYxMDI5
MDIyOTM3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASeqGpsNJu9r5v33yVvB/+CzRM+4zsG+3qk+687EUB0JHRuCocAWNDJ
SigpiZcGlTF6HNl80KhnkyqmoeI6rIgyo2wwajAdBgNVHQ4EFgQUNIhyIzU2Edyd
y3hIG/tzSDA9zuUwHwYDVR0jBBgwFoAUNIhyIzU2Edydy3hIG/tzSDA9zuUwGgYD
VR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0E
AwIDRwAwRAIgMHloEDrbOwZH3jZkL20rAOUjAb4KYpcH5+jZHii8M8ECIDptCImB
Wy29eMvpe+hvPa4vvxIIgiH9m9z3WVz7lfvn
-----END CERTIFICATE-----
";

/// A server that hands each connection, with its number, to `serve`.
pub async fn server<F>(serve: impl Fn(TcpStream, u32) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(socket, number));
        }
    });
    address
}

/// Reads one request with its body; `None` when the other side closed.
pub async fn request(socket: &mut TcpStream) -> Option<String> {
    let mut seen = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        let mut part = [0; 4096];
        match socket.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => seen.extend_from_slice(&part[..read]),
        }
    }
}

pub async fn answer(socket: &mut TcpStream, status: &str, body: &str) {
    let text =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nx-ratelimit-limit: 7\r\n\r\n{body}", body.len());
    socket.write_all(text.as_bytes()).await.unwrap();
}

pub fn connection(address: SocketAddr) -> Connection {
    Connection::new(Scheme::Http, Host::from(address)).unwrap()
}

/// A client over TLS that trusts one certificate.
pub fn client_over_tls(host: &str, proxy: Option<SocketAddr>) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, CERTIFICATE).unwrap();
    let mut connection = Connection::new(Scheme::Https, Host::parse(host).unwrap()).unwrap();
    connection.ca_file = Some(file);
    connection.proxy = proxy.map(|proxy| format!("http://{proxy}").parse().unwrap());
    Client::new(&connection, Token::fixed(Secret::new("k-secret".to_owned())), Timeouts::default()).unwrap()
}

pub fn client(address: SocketAddr) -> Client {
    client_with(address, Token::fixed(Secret::new("k-1".to_owned())))
}

pub fn client_with(address: SocketAddr, token: Token) -> Client {
    Client::new(&connection(address), token, SHORT).unwrap()
}

pub fn post(body: &str) -> Exchange {
    Exchange {
        method: Method::POST,
        path_and_query: "/users/track".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

pub fn unknown(broken: Broken) -> Unknown {
    match broken {
        Broken::Unknown { why, .. } => why,
        Broken::NotSent { .. } => panic!("said to be not sent: {broken}"),
    }
}

pub fn not_sent(broken: Broken) -> NotSent {
    match broken {
        Broken::NotSent { why, .. } => why,
        Broken::Unknown { .. } => panic!("said to be unknown: {broken}"),
    }
}
