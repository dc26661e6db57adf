//! A stand-in for OneTrust: a world that tests change, answered from over HTTP.
//!
//! It knows the lists that feeds read, both envelopes, pages cut anew for each request, tokens at both
//! places, and a clock of its own. It keeps every request, so that a test can say what was asked.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use jiff::Timestamp;
use privaflow::clock::SystemClock;
use privaflow::config::Settings;
use privaflow::onetrust::{Api, Limits, Rates, client};
use privaflow::wire::Timeouts;
use serde_json::{Value, json};

use crate::contract::differences;

pub const SEARCH: &str = "/api/datasubject/v3/subtasks";
pub const PROFILES: &str = "/api/consentmanager/v1/datasubjects/profiles";
pub const UNORDERED: &str = "/rest/api/consent/v4/datasubjects/profiles/unordered";
pub const TRANSACTIONS: &str = "/api/consent/v2/transactions";

/// A request as it arrived.
#[derive(Clone)]
pub struct Asked {
    pub path: String,
    pub query: HashMap<String, String>,
    pub token: Option<String>,
    pub body: Value,
}

/// How a list is wrapped.
#[derive(Clone, Copy, PartialEq)]
pub enum Envelope {
    Page,
    Array,
}

/// Where the token for the next page stands, if there is one.
#[derive(Clone, Copy, PartialEq)]
pub enum Tokens {
    None,
    OnTop,
    Inside,
    /// The same one for ever, which leads to the first page.
    Stuck,
}

/// The beginning of a path, a status and a header.
type Refusal = (&'static str, u16, Option<(&'static str, String)>);
type Change = Box<dyn FnMut(&mut World, &Asked) + Send>;

/// What OneTrust holds and how it behaves.
pub struct World {
    pub now: Timestamp,
    pub has_clock: bool,
    pub envelope: Envelope,
    pub tokens: Tokens,
    /// Items a page has at most, whatever was asked.
    pub page: usize,
    /// As the search shows them; `subTaskLastUpdatedDate` orders them.
    pub subtasks: Vec<Value>,
    /// By reference.
    pub requests: HashMap<String, Value>,
    /// Of all lists of consents, with the date that filters them.
    pub rows: Vec<(Timestamp, Value)>,
    /// Answers to give first: a beginning of a path, a status and a header.
    pub refusals: VecDeque<Refusal>,
    /// Done before each answer.
    pub before: Option<Change>,
    pub asked: Vec<Asked>,
    /// What OneTrust's documents do not allow of what was asked.
    pub wrong: Vec<String>,
}

/// The stand-in. A test in which something was asked that OneTrust does not know fails at its end.
pub struct OneTrust {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl OneTrust {
    pub async fn start() -> OneTrust {
        let world = World {
            now: at("2026-11-20T12:00:00Z"),
            has_clock: true,
            envelope: Envelope::Page,
            tokens: Tokens::None,
            page: 500,
            subtasks: Vec::new(),
            requests: HashMap::new(),
            rows: Vec::new(),
            refusals: VecDeque::new(),
            before: None,
            asked: Vec::new(),
            wrong: Vec::new(),
        };
        let world = Arc::new(Mutex::new(world));
        let router = axum::Router::new().fallback(handle).with_state(Arc::clone(&world));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        OneTrust { address, world }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn api(&self) -> Api {
        let text = format!(
            "profiles:\n  p: {{ system: onetrust, host: \"{}\", scheme: http, token: {{ file: tests/onetrust/key }} }}\n",
            self.address
        );
        let settings = Settings::read(&text, std::path::Path::new("")).settings.unwrap();
        let limits = Arc::new(Limits::new(Rates::documented()));
        let profile = &settings.profiles["p"];
        let (connection, credential) = (profile.connection().unwrap(), profile.credential().unwrap());
        let client = client(connection, credential, Timeouts::default()).unwrap();
        Api::new(client, limits, Arc::new(SystemClock))
    }

    /// How often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.world().asked.iter().filter(|asked| asked.path == path).count()
    }

    /// Requests of one path.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        self.world().asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }
}

impl Drop for OneTrust {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.world().wrong, Vec::<String>::new());
        }
    }
}

async fn handle(
    State(world): State<Arc<Mutex<World>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let query =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let token = headers.get("requestContinuation").map(|token| token.to_str().unwrap().to_owned());
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    let wrong = differences(method.as_str(), uri.path(), &query, Some(&body).filter(|body| !body.is_null()));
    let token = token.or_else(|| body["requestContinuation"].as_str().map(str::to_owned));
    let asked = Asked { path: uri.path().to_owned(), query, token, body };
    let mut world = world.lock().unwrap();
    world.asked.push(asked.clone());
    world.wrong.extend(wrong);
    if let Some(mut change) = world.before.take() {
        change(&mut world, &asked);
        world.before.get_or_insert(change);
    }
    let (status, header, body) = world.answer(&asked);
    let mut response = Response::builder().status(status);
    // Without one, hyper writes the machine's clock.
    let date = if world.has_clock {
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&world.now).unwrap()
    } else {
        "unknown".to_owned()
    };
    response = response.header("date", date);
    if let Some((name, value)) = header {
        response = response.header(name, value);
    }
    response.body(Body::from(body.to_string())).unwrap()
}

impl World {
    fn answer(&mut self, asked: &Asked) -> (u16, Option<(&'static str, String)>, Value) {
        if let Some(at) = self.refusals.iter().position(|(path, ..)| asked.path.starts_with(path)) {
            let (_, status, header) = self.refusals.remove(at).unwrap();
            return (status, header, json!("no"));
        }
        let path: Vec<&str> = asked.path.split('/').skip(1).collect();
        let found = match path.as_slice() {
            ["api", "datasubject", "v3", "subtasks"] => Some(self.search(asked)),
            ["api", "datasubject", "v2", "subtasks", id] => self.subtask(id),
            ["api", "datasubject", "v2", "requestqueues", reference, "subtasks"] => {
                let of = |subtask: &&Value| subtask["requestQueueRefId"] == **reference;
                let found = self.subtasks.iter().filter(of).cloned().collect();
                Some(self.listed(found, asked))
            }
            ["api", "datasubject", "v2", "requestqueues", reference, "language", _] => {
                self.requests.get(*reference).cloned()
            }
            ["api", "datasubject", "v2", "requestqueues", _] => {
                let found = self.requests.values().cloned().collect();
                Some(self.listed(found, asked))
            }
            _ => return self.consents(asked),
        };
        match found {
            Some(value) => (200, None, value),
            None => (404, None, json!("not found")),
        }
    }

    fn search(&self, asked: &Asked) -> Value {
        let body = &asked.body;
        let words = body["SubtaskStatus"].as_array().unwrap();
        let window = body.get("SubtaskDateUpdated");
        let bound = |name: &str| window.map(|window| at(window[name].as_str().unwrap()));
        let (from, until) = (bound("StartDate"), bound("EndDate"));
        let mut found: Vec<Value> = self
            .subtasks
            .iter()
            .filter(|subtask| words.contains(&subtask["subTaskStatus"]))
            .filter(|subtask| body.get("SystemName").is_none_or(|name| subtask["system"] == *name))
            .filter(|subtask| {
                let updated = at(subtask["subTaskLastUpdatedDate"].as_str().unwrap());
                from.is_none_or(|from| updated >= from) && until.is_none_or(|until| updated <= until)
            })
            .cloned()
            .collect();
        found.sort_by_key(|subtask| std::cmp::Reverse(subtask["subTaskLastUpdatedDate"].to_string()));
        self.listed(found, asked)
    }

    /// Spelled as the single read spells it.
    fn subtask(&self, id: &str) -> Option<Value> {
        let subtask = self.subtasks.iter().find(|subtask| subtask["subTaskId"] == *id)?;
        let status = subtask["subTaskStatus"].as_str().unwrap().to_uppercase().replace(' ', "_");
        Some(json!({
            "subTaskId": subtask["subTaskId"], "taskName": subtask["subTaskName"], "status": status,
            "type": "USER_TASK", "requestQueueRefId": subtask["requestQueueRefId"],
        }))
    }

    fn listed(&self, all: Vec<Value>, asked: &Asked) -> Value {
        let number: usize = asked.query["page"].parse().unwrap();
        let size = asked.query["size"].parse::<usize>().unwrap().min(self.page);
        let total = all.len();
        let items: Vec<Value> = all.into_iter().skip(number * size).take(size).collect();
        match self.envelope {
            Envelope::Array => Value::Array(items),
            Envelope::Page => json!({
                "content": items, "number": number, "size": size, "last": (number + 1) * size >= total,
                "totalElements": total, "totalPages": total.div_ceil(size),
            }),
        }
    }

    fn consents(&self, asked: &Asked) -> (u16, Option<(&'static str, String)>, Value) {
        let bound = |names: [&str; 2]| {
            let text = names.iter().find_map(|name| asked.query.get(*name))?;
            Some(at(&format!("{}Z", text.trim_end_matches('Z'))))
        };
        let from = bound(["updatedSince", "fromDate"]).unwrap();
        let until = bound(["updatedUntil", "toDate"]);
        let most = match asked.path.as_str() {
            UNORDERED => Some(30 * 24),
            TRANSACTIONS => Some(24),
            _ => None,
        };
        if let (Some(hours), Some(until)) = (most, until)
            && until.duration_since(from) > jiff::SignedDuration::from_hours(hours)
        {
            return (400, None, json!("the window is too long"));
        }
        let mut found: Vec<&(Timestamp, Value)> = self
            .rows
            .iter()
            .filter(|(changed, _)| *changed >= from && until.is_none_or(|until| *changed <= until))
            .collect();
        found.sort_by_key(|(changed, _)| std::cmp::Reverse(*changed));
        let start: usize = match &asked.token {
            Some(token) => match token.strip_prefix("token-").and_then(|number| number.parse().ok()) {
                Some(start) => start,
                None => return (400, None, json!("the token is not known")),
            },
            None => asked.query["page"].parse::<usize>().unwrap() * self.page.min(50),
        };
        let size = asked.query["size"].parse::<usize>().unwrap().min(self.page);
        let total = found.len();
        let items: Vec<&Value> = found.into_iter().skip(start).take(size).map(|(_, row)| row).collect();
        let is_last = start + size >= total;
        let mut page =
            json!({"content": items, "last": is_last, "numberOfElements": items.len(), "pageable": {}});
        let token = format!("token-{}", start + size);
        match self.tokens {
            _ if is_last => {}
            Tokens::OnTop => page["requestContinuation"] = json!(token),
            Tokens::Inside => page["pageable"]["requestContinuation"] = json!(token),
            Tokens::Stuck => page["requestContinuation"] = json!("token-0"),
            Tokens::None => {}
        }
        (200, None, page)
    }
}
