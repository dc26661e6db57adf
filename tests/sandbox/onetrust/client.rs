//! The OneTrust look-alike on a clock that stands still, and a plain client for it.

use std::sync::Arc;
use std::time::Duration;

use privaflow::clock::VirtualClock;
use privaflow::sandbox::OneTrust;
use privaflow::sandbox::onetrust::{ConsentChange, NewRequest, Options};
use serde_json::{Value, json};

use crate::client::{Answer, START_MS, read};

pub const TOKEN: &str = "/api/access/v1/oauth/token";
pub const SEARCH: &str = "/api/datasubject/v3/subtasks";
pub const REQUESTS: &str = "/api/datasubject/v2/requestqueues";
pub const SUBTASKS: &str = "/api/datasubject/v2/subtasks";

pub struct Tenant {
    pub onetrust: OneTrust,
    pub clock: Arc<VirtualClock>,
    pub http: reqwest::Client,
}

impl Tenant {
    pub async fn new() -> Tenant {
        Tenant::with(Options::default()).await
    }

    /// The clock of the options is replaced by one that stands still.
    pub async fn with(options: Options) -> Tenant {
        let clock = Arc::new(VirtualClock::at(START_MS));
        let onetrust = OneTrust::start(Options { clock: clock.clone(), ..options }).await.unwrap();
        let http = reqwest::Client::builder().retry(reqwest::retry::never()).build().unwrap();
        Tenant { onetrust, clock, http }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.onetrust.address())
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, self.url(path)).bearer_auth(self.onetrust.api_key())
    }

    pub async fn get(&self, path: &str) -> Answer {
        read(self.request("GET", path)).await.unwrap()
    }

    pub async fn get_with(&self, path: &str, header: (&str, &str)) -> Answer {
        read(self.request("GET", path).header(header.0, header.1)).await.unwrap()
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, body).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, body).await.unwrap()
    }

    pub async fn send(&self, method: &str, path: &str, body: Value) -> Result<Answer, reqwest::Error> {
        let request = self.request(method, path).header("content-type", "application/json");
        read(request.body(body.to_string())).await
    }

    /// The ids that a search with these filters finds on its first page.
    pub async fn found(&self, query: &str, filters: Value) -> Vec<String> {
        let answer = self.post(&format!("{SEARCH}{query}"), filters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let rows = answer.body()["content"].as_array().unwrap().clone();
        rows.iter().map(|row| row["subTaskName"].as_str().unwrap().to_owned()).collect()
    }

    /// Adds a request and gives it as the sandbox shows it.
    pub fn add(&self, new: Value) -> Value {
        let new: NewRequest = serde_json::from_value(new).unwrap();
        self.onetrust.add_request(new).unwrap();
        self.onetrust.requests().pop().unwrap()
    }

    /// Adds a request with one subtask and gives the reference and the subtask's id.
    pub fn add_task(&self, subtask: Value) -> (String, String) {
        let added = self.add(json!({ "subtasks": [subtask] }));
        (text(&added["ref"]), text(&added["subtasks"][0]["id"]))
    }

    pub fn say(&self, change: Value) {
        let change: ConsentChange = serde_json::from_value(change).unwrap();
        assert!(self.onetrust.change_consent(change));
    }

    /// What was changed, as `what value`, without what the sandbox did by itself.
    pub fn changed(&self) -> Vec<String> {
        let changes = self.onetrust.changes().into_iter().filter(|change| change.by != "sandbox");
        changes.map(|change| format!("{} {}", change.what, change.value)).collect()
    }

    pub async fn subtask(&self, id: &str) -> Value {
        self.get(&format!("{SUBTASKS}/{id}?includeComments=true")).await.body()
    }

    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
