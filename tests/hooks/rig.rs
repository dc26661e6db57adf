//! A server with hooks on a port of its own, and a caller that writes its requests byte by byte.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use privaflow::clock::{SharedClock, SystemClock, VirtualClock};
use privaflow::config::Settings;
use privaflow::journal::{Accepted, Arrival, Most, Skipped, Store, StoreError};
use privaflow::server::hooks::{Hooks, Intake, Look};
use privaflow::server::{Listening, Patience, answer};
use privaflow::source::Source;
use privaflow::workflow::{Known, Workflow, load};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// What every test's settings begin with.
pub const PROFILES: &str = "
profiles:
  onetrust: { system: onetrust, host: acme.my.onetrust.com, token: { env: KEY } }
";

/// A running server.
pub struct Rig {
    pub address: SocketAddr,
    pub store: Arc<Store>,
    stop: CancellationToken,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A workflow that starts with a hook.
pub fn workflow(name: &str, hook: &str) -> Arc<Workflow> {
    workflow_of(&format!("workflow: {name}\non: {{ webhook: {{ hook: {hook} }} }}\nsteps:\n  - log: hello\n"))
}

/// A workflow of a text.
pub fn workflow_of(text: &str) -> Arc<Workflow> {
    let (workflow, mistakes) = load(&Source::new("w.yaml", text), &Known::default());
    Arc::new(workflow.unwrap_or_else(|| panic!("{mistakes:#?}")))
}

/// The inbox of a store, without a server that empties it.
struct OfStore(Arc<Store>, Vec<Arc<Workflow>>);

impl Intake for OfStore {
    fn workflows(&self) -> Vec<Arc<Workflow>> {
        self.1.clone()
    }

    fn pseudonym(&self, digest: u128) -> Result<[u8; 16], StoreError> {
        Ok(self.0.pseudonyms()?.of(digest))
    }

    fn take(&self, arrivals: Vec<Arrival>) -> Result<Vec<Accepted>, StoreError> {
        self.0.accept(arrivals, None)
    }

    fn note_skipped(&self, skipped: Vec<Skipped>) -> Result<(), StoreError> {
        self.0.note_skipped(skipped)
    }

    fn look_at(&self, look: Look) -> Result<Accepted, StoreError> {
        look.keep(&self.0)
    }
}

impl Rig {
    /// With hooks of some settings, for a workflow called `w` that starts with the hook `h`.
    pub async fn start(hooks: &str) -> Rig {
        Rig::with(hooks, vec![workflow("w", "h")], Arc::new(SystemClock), Patience::default()).await
    }

    /// The same, with a clock that stands still.
    pub async fn at(hooks: &str, now_ms: i64) -> (Rig, Arc<VirtualClock>) {
        let clock = Arc::new(VirtualClock::at(now_ms));
        let rig = Rig::with(hooks, vec![workflow("w", "h")], clock.clone(), Patience::default()).await;
        (rig, clock)
    }

    pub async fn with(
        hooks: &str,
        workflows: Vec<Arc<Workflow>>,
        clock: SharedClock,
        patience: Patience,
    ) -> Rig {
        let reading = Settings::read(&format!("{PROFILES}{hooks}"), Path::new(""));
        let settings = reading.settings.unwrap_or_else(|| panic!("{:#?}", reading.mistakes));
        let store = Arc::new(Store::temporary().unwrap());
        let intake = OfStore(store.clone(), workflows);
        let hooks = Hooks::new(&settings, Arc::new(intake), clock, patience);
        hooks.check().await.unwrap();
        let listening = Listening::bind("127.0.0.1:0".parse().unwrap(), patience).await.unwrap();
        let address = listening.address().unwrap();
        let stop = CancellationToken::new();
        let serving = answer(listening, hooks.router(), stop.clone());
        tokio::spawn(async move { serving.await.unwrap() });
        Rig { address, store, stop }
    }

    /// The records that wait for a workflow, in the order in which they would be carried out.
    pub fn records(&self, workflow: &str) -> Vec<serde_json::Value> {
        let most = Most { records: 1000, bytes: 1 << 30 };
        let Some(window) = self.store.take_window(workflow, most, 0).unwrap() else { return Vec::new() };
        let text = self.store.window_text(window.id).unwrap();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    /// How many records wait, of all workflows.
    pub fn waiting(&self) -> u64 {
        self.store.queue().unwrap().iter().map(|queued| queued.rows).sum()
    }

    /// Posts JSON to the hook `h` with some more headers.
    pub async fn post(&self, headers: &[&str], body: &str) -> Reply {
        self.post_to("h", headers, body.as_bytes()).await
    }

    pub async fn post_to(&self, hook: &str, headers: &[&str], body: &[u8]) -> Reply {
        let mut head = format!("POST /hooks/{hook} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n");
        if !headers.iter().any(|header| header.to_ascii_lowercase().starts_with("content-type")) {
            head.push_str("content-type: application/json\r\n");
        }
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        self.send(&[head.as_bytes(), body].concat()).await
    }

    /// Sends bytes and reads until the server ends the connection.
    pub async fn send(&self, bytes: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may answer and hang up before it has read all.
        stream.write_all(bytes).await.ok();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.ok();
        Reply::of(&reply)
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    fn of(bytes: &[u8]) -> Reply {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The word under `error`.
    pub fn error(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["error"].as_str().unwrap_or_default().to_owned()
    }
}

/// A hook `h` of our own records, with a token that stands in a file of this test.
pub fn secret_file(secret: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), secret).unwrap();
    file
}

/// A hook `h` that anybody on this machine may call.
pub const OPEN: &str = "hooks: { h: { shape: record, auth: none } }";
