//! A sandbox on a clock that stands still, and a plain client for it.

use std::sync::Arc;
use std::time::Duration;

use privaflow::clock::VirtualClock;
use privaflow::sandbox::{AliasName, Identifiers, Options, Profile, Sandbox};
use serde_json::{Value, json};

/// 2026-11-22T02:00:00Z, a whole hour.
pub const START_MS: i64 = 1_795_312_800_000;
pub const GROUP: &str = "5bbd2f86-8d3b-4b1c-a2a1-0d7a3b1c9e01";
pub const OTHER_GROUP: &str = "5bbd2f86-8d3b-4b1c-a2a1-0d7a3b1c9e02";

pub struct Braze {
    pub sandbox: Sandbox,
    pub clock: Arc<VirtualClock>,
    pub http: reqwest::Client,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn message(&self) -> String {
        self.body()["message"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}

impl Braze {
    pub async fn new() -> Braze {
        Braze::with(Options::default()).await
    }

    /// The clock of the options is replaced by one that stands still.
    pub async fn with(options: Options) -> Braze {
        let clock = Arc::new(VirtualClock::at(START_MS));
        let sandbox = Sandbox::start(Options { clock: clock.clone(), ..options }).await.unwrap();
        let http = reqwest::Client::builder().retry(reqwest::retry::never()).build().unwrap();
        Braze { sandbox, clock, http }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.sandbox.address())
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.try_post(path, body).await.unwrap()
    }

    pub async fn try_post(&self, path: &str, body: Value) -> Result<Answer, reqwest::Error> {
        let request = self.http.post(self.url(path)).header("content-type", "application/json");
        read(request.bearer_auth(self.sandbox.token()).body(body.to_string())).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        read(self.http.get(self.url(path)).bearer_auth(self.sandbox.token())).await.unwrap()
    }

    pub fn seed(&self, external_id: &str, email: &str) {
        self.sandbox.seed_subject(&Identifiers {
            external_id: Some(external_id.to_owned()),
            email: (!email.is_empty()).then(|| email.to_owned()),
            ..Identifiers::default()
        });
    }

    /// The live profile with an external id.
    pub fn profile(&self, external_id: &str) -> Option<Profile> {
        let is_it = |p: &Profile| !p.deleted && p.external_id.as_deref() == Some(external_id);
        self.sandbox.profiles().into_iter().find(is_it)
    }

    /// The live profiles.
    pub fn live(&self) -> Vec<Profile> {
        self.sandbox.profiles().into_iter().filter(|profile| !profile.deleted).collect()
    }

    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub async fn export(&self, mut request: Value) -> Value {
        request["fields_to_export"] = json!(["external_id", "braze_id", "email", "user_aliases"]);
        self.post("/users/export/ids", request).await.body()
    }
}

pub async fn read(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, text: response.text().await? })
}

pub fn alias(name: &str, label: &str) -> AliasName {
    AliasName { alias_name: name.to_owned(), alias_label: label.to_owned() }
}
