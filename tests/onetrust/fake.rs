//! A server that answers as a test says and keeps what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use privaflow::clock::SystemClock;
use privaflow::config::{Profile, Settings, System};
use privaflow::onetrust::{Api, Limits, Rates, client};
use privaflow::wire::{Client, Timeouts};

/// Where OneTrust gives tokens.
pub const TOKEN: &str = "/api/access/v1/oauth/token";

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

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    /// The value of a header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The bearer's token.
    pub fn token(&self) -> &str {
        self.header("authorization").strip_prefix("Bearer ").unwrap_or_default()
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<String>) -> Reply {
        Reply { status, headers: Vec::new(), body: body.into() }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Reply {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// A token that counts for so many seconds.
    pub fn token(token: &str, seconds: u32) -> Reply {
        let body =
            format!("{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":{seconds}}}");
        Reply::new(200, body)
    }
}

type Answer = Box<dyn Fn(&Asked) -> std::pin::Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync>;

struct Inner {
    answer: Answer,
    asked: Mutex<Vec<Asked>>,
}

/// The server.
pub struct Fake {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

impl Fake {
    /// Answers each request with what `answer` says.
    pub async fn start<F>(answer: impl Fn(&Asked) -> F + Send + Sync + 'static) -> Fake
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let answer: Answer = Box::new(move |asked| Box::pin(answer(asked)));
        let inner = Arc::new(Inner { answer, asked: Mutex::default() });
        let router = axum::Router::new().fallback(handle).with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Fake { address, inner }
    }

    /// What was asked of one path, or of all others but the token's if it is empty.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.inner.asked.lock().unwrap();
        let is_meant =
            |asked: &&Asked| if path.is_empty() { asked.path != TOKEN } else { asked.path == path };
        asked.iter().filter(is_meant).cloned().collect()
    }

    /// A client of a profile with these lines in the settings.
    pub fn client(&self, lines: &str) -> Client {
        client_of(&profile(self.address, lines))
    }

    /// What asks this server, with a key and the limits of OneTrust.
    pub fn api(&self) -> (Api, Arc<Limits>) {
        let limits = Arc::new(Limits::new(Rates::documented()));
        let client = self.client("token: { file: tests/onetrust/key }");
        (Api::new(client, Arc::clone(&limits), Arc::new(SystemClock)), limits)
    }
}

async fn handle(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let query = uri.query().unwrap_or_default().to_owned();
    let asked = Asked { method, path: uri.path().to_owned(), query, headers, body };
    inner.asked.lock().unwrap().push(asked.clone());
    let reply = (inner.answer)(&asked).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

/// A profile of OneTrust at an address of this machine.
pub fn profile(address: SocketAddr, lines: &str) -> privaflow::config::Profile {
    let text = format!(
        "profiles:\n  p:\n    system: onetrust\n    host: {address}\n    scheme: http\n    {}\n",
        lines.replace('\n', "\n    ")
    );
    let reading = Settings::read(&text, std::path::Path::new(""));
    assert!(reading.mistakes.is_empty(), "{:?}", reading.mistakes);
    let profile = reading.settings.unwrap().profiles["p"].clone();
    assert_eq!(profile.system, System::OneTrust);
    profile
}

/// The client of a profile.
pub fn client_of(profile: &Profile) -> Client {
    let (connection, credential) = (profile.connection().unwrap(), profile.credential().unwrap());
    client(connection, credential, Timeouts::default()).unwrap()
}
