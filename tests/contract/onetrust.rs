//! Every request we send to OneTrust, taken from real sockets and held against OneTrust's own OpenAPI
//! documents: method and path, names and values of the query, headers, body.
//!
//! `onetrust.json` holds parameters and schemas of the operations as the documents state them, nothing
//! else. The documents allow any member; here only those they name are allowed. Where OneTrust's pages or
//! real clients know more, the difference stands in `GAPS` with its reason, and a gap that no request
//! shows any more fails the test.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use jsonschema::error::ValidationErrorKind;
use privaflow::catalogue::{self, Action};
use privaflow::clock::{SharedClock, SystemClock};
use privaflow::config::{Directory, Profile, Reach, Settings, UserSource};
use privaflow::directory::{Sync, live};
use privaflow::feeds::Export;
use privaflow::journal::Store;
use privaflow::onetrust::bulk::{DateType, Days};
use privaflow::onetrust::{Api, Limits, Need, Rates, client, harmless};
use privaflow::plan::{self, Call};
use privaflow::wire::{Client, Exchange, Timeouts};
use privaflow::workflow::{Feed, Policy};
use serde_json::{Map, Value, json};

const ID: &str = "beb90499-ea60-47aa-8ed8-966f2df5f2e8";
const REF: &str = "SL244HWD6D";

/// Operation, place, and why our request may differ there.
const GAPS: &[(&str, &str, &str)] = &[
    (
        "POST /api/access/v1/oauth/token",
        "content-type",
        "a recipe of OneTrust's sends the form urlencoded, and a setting of ours does",
    ),
    (
        "GET /api/datasubject/v2/requestqueues/{language}",
        "?modifieddate",
        "typed as a date, described as yyyyMMdd",
    ),
    (
        "GET /api/consentmanager/v1/datasubjects/profiles",
        "?updatedSince",
        "typed as a date with a zone, described and shown without one",
    ),
    ("POST /api/consent/v2/transactions", "?fromDate", "as `updatedSince`"),
    ("POST /api/consent/v2/transactions", "?toDate", "as `updatedSince`"),
    (
        "POST /api/datasubject/v3/datadiscovery/requestqueues/{requestQueueRefId}",
        "/results/*/*",
        "values typed as objects; the example and real clients send texts",
    ),
];

/// What workflows write under `with` of an action: all its members, and the least.
fn shapes(action: &str) -> Vec<Value> {
    let files = json!([{"file_name": "a.csv", "file_id": ID}]);
    match action {
        "subtask.get" => vec![json!({"subtask_id": ID}), json!({"subtask_id": ID, "include_comments": true})],
        "subtask.status" => vec![
            json!({"subtask_id": ID, "status": "IN_PROGRESS"}),
            json!({"subtask_id": ID, "status": "COMPLETED", "comment": "c", "resolution_id": ID}),
        ],
        "subtask.complete" => vec![
            json!({"subtask_id": ID, "comment": "c"}),
            json!({"subtask_id": ID, "comment": "c", "resolution_id": ID, "attachments": files}),
        ],
        "request.get" => vec![json!({"request_ref": REF}), json!({"request_ref": REF, "language": "fr-fr"})],
        "request.comment" => vec![
            json!({"request_ref": REF, "comment": "c"}),
            json!({"request_ref": REF, "comment": "c", "internal": false, "language": "en-us", "attachments": files}),
        ],
        "request.custom_fields" => vec![
            json!({"request_ref": REF, "fields": {"State": "GA"}}),
            json!({"request_ref": REF, "fields": {"State": "GA"}, "option_keys_are_names": true}),
        ],
        "request.stage" => vec![
            json!({"request_ref": REF, "next_stage": "COMPLETE"}),
            json!({"request_ref": REF, "next_stage": "REJECTED", "resolution_title": "t", "comment": "c", "internal": true}),
        ],
        "request.results" => vec![
            json!({"request_ref": REF, "system": "Braze"}),
            json!({"request_ref": REF, "system": "Braze", "results": {"Profile": {"Country": "FR"}}, "attachments": files}),
        ],
        "request.results.list" => vec![json!({"request_ref": REF})],
        "attachment.upload" => vec![
            json!({"file_name": "a.csv", "content": "a,b", "ref_ids": [ID]}),
            json!({"file_name": "a.csv", "content": "a,b", "ref_ids": [ID], "internal": false, "name": "n", "comment": "c", "content_type": "text/csv"}),
        ],
        other => panic!("no shapes for {other}"),
    }
}

/// A call as the engine sends it.
fn exchange(action: &'static Action, with: &Value) -> Exchange {
    let call = Call::new(action, with).unwrap();
    let mut headers = HeaderMap::new();
    if let Some(kind) = plan::content_type(&[&call]) {
        headers.insert("content-type", kind.parse().unwrap());
    }
    let method = Method::from_bytes(action.method.word().as_bytes()).unwrap();
    let (path_and_query, body) = (plan::path_and_query(&[&call]), plan::body(&[&call]));
    Exchange { method, path_and_query, headers, body }
}

#[tokio::test]
async fn every_request_to_onetrust_is_one_that_its_documents_know() {
    let contract = Contract::start().await;

    for form in ["multipart", "urlencoded"] {
        contract
            .client(form)
            .send(Exchange { path_and_query: harmless().path().to_owned(), ..Exchange::default() })
            .await
            .unwrap();
    }
    for action in catalogue::all().iter().filter(|action| action.system == "onetrust") {
        for with in shapes(&action.id) {
            contract.client("multipart").send(exchange(action, &with)).await.unwrap();
        }
    }
    let needs = Feed::ALL.map(Need::of_consents).into_iter().chain([false, true].map(Need::of_subtasks));
    for request in needs.map(|need| need.request).chain([harmless()]) {
        contract.api().exchange(&request).await.unwrap();
    }

    contract.export().await;
    contract.staff().await;

    contract.hold();
}

/// A server that takes any request, to be held against the documents afterwards.
pub struct Contract {
    address: SocketAddr,
    folder: tempfile::TempDir,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// Somebody else at every question, so that everybody is looked up.
fn of_staff(path: &str, number: usize) -> Option<Value> {
    let id = format!("beb90499-ea60-47aa-8ed8-{number:012x}");
    let list = |item: Value| json!({ "totalResults": 1, "Resources": [item] });
    let user = json!({ "id": id, "userId": id, "userName": "a@example.com", "active": true });
    let group = json!({ "id": id, "name": "g", "displayName": "g", "members": [{ "value": id }] });
    let page = |item: &Value| json!({ "content": [item], "last": true });
    match path.strip_prefix("/api/")? {
        "scim/v2/Users" | "scim/v3/Users" => Some(list(user)),
        "scim/v2/Groups" | "scim/v3/Groups" => Some(list(group)),
        "access/v2/users" => Some(page(&user)),
        "access/v2/user-groups" => Some(page(&group)),
        "access/v1/external/organizations" => Some(json!({ "organizationId": id, "name": "o" })),
        path if path.ends_with("/access-levels") => Some(json!([])),
        _ => None,
    }
}

struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Contract {
    pub async fn start() -> Contract {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let seen = Arc::clone(&asked);
        let router = axum::Router::new().fallback(
            async move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let (path, number) = (uri.path().to_owned(), seen.lock().unwrap().len());
                seen.lock().unwrap().push(Asked { method, uri, headers, body });
                if let Some(answer) = of_staff(&path, number) {
                    return answer.to_string();
                }
                // Good enough for a token, an empty page, a change that was made, an export without files.
                r#"{"access_token":"t","token_type":"bearer","expires_in":3600,"content":[],"last":true,
                    "runId":"beb90499-ea60-47aa-8ed8-966f2df5f2e8","status":"COMPLETED","items":[]}"#
                    .to_owned()
            },
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("word"), "word").unwrap();
        Contract { address, folder, asked }
    }

    /// A profile of this server.
    pub fn profile(&self, form: &str) -> Profile {
        let text = format!(
            "profiles: {{ p: {{ system: onetrust, scheme: http, host: \"{}\", oauth2: {{ client_id: {{ file: word }}, client_secret: {{ file: word }}, form: {form} }} }} }}",
            self.address
        );
        Settings::read(&text, self.folder.path()).settings.unwrap().profiles["p"].clone()
    }

    /// A client of this server.
    pub fn client(&self, form: &str) -> Client {
        let profile = self.profile(form);
        let Reach::Service { connection, credential } = &profile.reach else { panic!("it is no service") };
        client(connection, credential, Timeouts::default()).unwrap()
    }

    /// What asks this server.
    pub fn api(&self) -> Api {
        let limits = Arc::new(Limits::new(Rates::documented()));
        Api::new(self.client("multipart"), limits, Arc::new(SystemClock))
    }

    /// Asks for a bulk export in every way there is.
    async fn export(&self) {
        let (clock, wait) = (Arc::new(SystemClock), Duration::ZERO);
        let folder = self.folder.path();
        let export =
            Export::new(&self.profile("multipart"), self.api(), clock, Policy::default(), folder, wait);
        let days = Days { start: "2026-01-01".parse().unwrap(), end: "2026-02-01".parse().unwrap() };
        for date in [DateType::Created, DateType::Modified, DateType::Interaction] {
            export.check(&[days], date).await.unwrap();
            assert!(export.fetch(days, date, |_| {}).await.unwrap().is_empty());
        }
    }

    /// Reads the staff in every way there is, twice: at the second time nobody of the first is met.
    async fn staff(&self) {
        for users in [UserSource::Access, UserSource::ScimV3, UserSource::ScimV2] {
            let filter = Some("active eq true".to_owned());
            let rules = Directory { users, filter, ..Directory::default() };
            let (store, clock) = (Arc::new(Store::temporary().unwrap()), Arc::new(SystemClock));
            for _ in 0..2 {
                let sync = Sync {
                    api: self.api(),
                    store: Arc::clone(&store),
                    clock: clock.clone(),
                    policy: Policy::default(),
                    tenant: "acme".to_owned(),
                    profile: "p".to_owned(),
                    rules: &rules,
                    say: &|_| {},
                };
                Box::pin(sync.run()).await.unwrap();
            }
        }
        let clock: SharedClock = Arc::new(SystemClock);
        live(&self.api(), &clock, Policy::default(), ID).await.unwrap();
    }

    /// Every request that came is one the documents know, but for the known gaps, which all showed.
    pub fn hold(&self) {
        let contract: Value = serde_json::from_str(include_str!("onetrust.json")).unwrap();
        let mut shown = BTreeSet::new();
        for asked in &*self.asked.lock().unwrap() {
            let (key, operation) = operation(&contract, asked);
            for place in asked.differences(&contract, operation) {
                let known = GAPS.iter().any(|(of, gap, _)| *of == key && *gap == place);
                assert!(known, "{key} differs from the documents at {place}");
                shown.insert((key, place));
            }
        }
        for (key, place, reason) in GAPS {
            assert!(
                shown.contains(&(*key, (*place).to_owned())),
                "{key} {place} ({reason}) is no gap any more"
            );
        }
    }
}

/// The operation that a request is meant for: the one with the fewest places in its path.
fn operation<'c>(contract: &'c Value, asked: &Asked) -> (&'c str, &'c Value) {
    let is_it = |key: &str| {
        let (method, template) = key.split_once(' ').unwrap();
        let (template, path): (Vec<&str>, Vec<&str>) =
            (template.split('/').collect(), asked.uri.path().split('/').collect());
        method == asked.method.as_str()
            && template.len() == path.len()
            && template.iter().zip(&path).all(|(part, given)| part.starts_with('{') || part == given)
    };
    let operations = contract["operations"].as_object().unwrap();
    let found =
        operations.iter().filter(|(key, _)| is_it(key)).min_by_key(|(key, _)| key.matches('{').count());
    let (key, operation) =
        found.unwrap_or_else(|| panic!("no operation is {} {}", asked.method, asked.uri.path()));
    (key, operation)
}

impl Asked {
    /// Where the request is not what an operation says: `?name`, `header name`, or a place in the body.
    fn differences(&self, contract: &Value, operation: &Value) -> Vec<String> {
        let mut places = Vec::new();
        let known = operation["query"].as_object().cloned().unwrap_or_default();
        let query = self.uri.query().unwrap_or_default();
        let given: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        for (name, text) in &given {
            let is_good = known.get(name).is_some_and(|parameter| {
                let schema = &parameter["schema"];
                let value = match schema["type"].as_str() {
                    Some("integer" | "boolean") => serde_json::from_str(text).unwrap_or(Value::Null),
                    _ => text.as_str().into(),
                };
                differences(contract, schema, &value).is_empty()
            });
            places.extend((!is_good).then(|| format!("?{name}")));
        }
        for (name, parameter) in known.iter().filter(|(_, parameter)| parameter["required"] == true) {
            let is_there = given.iter().any(|(given, _)| given == name);
            places.extend((!is_there).then(|| format!("?{name} of {parameter}")));
        }
        for (name, parameter) in operation["header"].as_object().into_iter().flatten() {
            let is_missing = parameter["required"] == true && !self.headers.contains_key(name);
            places.extend(is_missing.then(|| format!("header {name}")));
        }
        let Some(expected) = operation["content_type"].as_str() else {
            places.extend((!self.body.is_empty()).then(|| "a body".to_owned()));
            return places;
        };
        let kind = self.headers["content-type"].to_str().unwrap();
        places.extend((!kind.starts_with(expected)).then(|| "content-type".to_owned()));
        places.extend(differences(contract, &operation["body"], &self.decoded(kind)));
        places
    }

    /// The body as a value, by its type.
    fn decoded(&self, kind: &str) -> Value {
        let text = std::str::from_utf8(&self.body).unwrap();
        if kind.starts_with("application/json") {
            return serde_json::from_str(text).unwrap();
        }
        let mut fields = Map::new();
        match kind.split_once("boundary=") {
            None => {
                let pairs = url::form_urlencoded::parse(text.as_bytes()).into_owned();
                fields.extend(pairs.map(|(name, value)| (name, value.into())));
            }
            Some((_, boundary)) => {
                let line = format!("--{boundary}");
                let parts = text.split(&line).filter(|part| part.starts_with("\r\n"));
                for part in parts {
                    let (head, value) = part.split_once("\r\n\r\n").unwrap();
                    let value = value.strip_suffix("\r\n").unwrap();
                    let name = head.split("name=\"").nth(1).unwrap().split('"').next().unwrap();
                    let is_json = head.to_ascii_lowercase().contains("content-type: application/json");
                    let value = if is_json { serde_json::from_str(value).unwrap() } else { value.into() };
                    fields.insert(name.to_owned(), value);
                }
            }
        }
        Value::Object(fields)
    }
}

/// The places where a value is not what a schema says, with `*` for any index and any name of a map.
fn differences(contract: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut whole = schema.clone();
    super::close(&mut whole);
    let mut defs = contract["schemas"].clone();
    defs.as_object_mut().unwrap().values_mut().for_each(super::close);
    whole["$defs"] = defs;
    let validator = jsonschema::options().should_validate_formats(true).build(&whole).unwrap();
    let mut places = Vec::new();
    for error in validator.iter_errors(value) {
        let at = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                places.extend(unexpected.iter().map(|name| format!("{at}/{name}")));
            }
            _ if at.starts_with("/results/") => places.push("/results/*/*".to_owned()),
            _ => places.push(at.to_owned()),
        }
    }
    places
}
