//! The look-alike against OneTrust's own OpenAPI documents: what it answers, what it takes, what it
//! refuses.
//!
//! `tests/contract/onetrust.json` holds parameters and schemas of the operations as OneTrust's documents
//! state them, nothing else. Answers may have no member that a schema does not name. Where clients in
//! the open saw something else, the difference stands in `GAPS` with its reason, and a gap that shows no
//! more fails the test.

use std::collections::BTreeSet;

use privaflow::sandbox::onetrust::{ALL_SCOPES, Credential, DONE, Manner, Options};
use serde_json::{Map, Value, json};

use super::client::{REQUESTS, SUBTASKS, TOKEN, Tenant, text};
use super::documents::{Query, contract, differences, needed, operations, parameter, required, resolved};
use crate::client::{Answer, read};

const REF: &str = "SL244HWD6D";
const PERSON: &str = "a@example.com";
const TOKEN_KEY: &str = "POST /api/access/v1/oauth/token";
const UPLOAD: &str = "POST /api/document/v2/attachments";
const RESOLUTIONS: &str = "GET /api/datasubject/v2/resolutions";
const V1: &str = "GET /api/consentmanager/v1/datasubjects/profiles";
const EXPORTS: &str = "/api/ot-insights/v1/bulk-export-jobs";
const BASIC: &str = "GET /rest/api/consent/v4/datasubjects/basic-details";

const SCIM_USERS: &str = "GET /api/scim/v3/Users";
const SCIM_USER: &str = "GET /api/scim/v3/Users/{id}";
const NO_ORGANIZATION: &str = "typed as a text, described as always null";

/// Operation, place, and why an answer differs there.
const GAPS: &[(&str, &str, &str)] = &[
    (TOKEN_KEY, "/ot-scopes", "the schema writes `ot_scopes`, its own example and real answers a hyphen"),
    (UPLOAD, "/Type", "typed as a number, with the words of an enum"),
    (RESOLUTIONS, "/*/type", "typed as a number, with the words of an enum"),
    (V1, "/totalElements", "clients see it unless they ask for ignoreCount"),
    (V1, "/totalPages", "clients see it unless they ask for ignoreCount"),
    (V1, "/content/*/DataElements/*/Value", "typed as an object; a published sample shows texts and lists"),
    (
        BASIC,
        "/dataElements/*/value",
        "typed as an object; a published sample of version 1 shows texts and lists",
    ),
    (
        SCIM_USERS,
        "/Resources/*/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/organization",
        NO_ORGANIZATION,
    ),
    (SCIM_USER, "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/organization", NO_ORGANIZATION),
];

/// Operations whose list has two envelopes; the documents know the array only.
const ENVELOPED: [&str; 4] = [
    "POST /api/datasubject/v3/subtasks",
    "GET /api/datasubject/v2/requestqueues/{language}",
    "GET /api/datasubject/v2/requestqueues/{requestQueueRefId}/subtasks",
    RESOLUTIONS,
];

/// A tenant in which every operation finds something.
struct Stage {
    tenant: Tenant,
    subtask: String,
    user: String,
    /// A user group.
    group: String,
    /// A role in an organisation, which the older SCIM calls a group.
    role: String,
    file: String,
    export: String,
}

impl Stage {
    async fn new() -> Stage {
        let credentials = vec![Credential::new("id", "secret", &ALL_SCOPES)];
        let manner: Manner = serde_json::from_value(json!({ "envelope": "array" })).unwrap();
        let tenant = Tenant::with(Options { credentials, manner, ..Options::default() }).await;
        let added = tenant
            .add(json!({ "ref": REF, "fields": { "State": "GA" }, "multiselect": { "Brands": ["A"] },
            "subtasks": [{ "required": false, "deadline": "2026-12-01T00:00:00Z" }] }));
        tenant.say(json!({ "identifier": PERSON, "purpose": "News", "transaction": "CONFIRMED",
            "topics": { "Fishing": "CONFIRMED" }, "data_elements": { "Customer number": "u-1" },
            "options": [{ "preference": "Channel", "option": "SMS", "transaction": "WITHDRAWN" }] }));
        tenant.say(json!({ "identifier": PERSON, "purpose": "Offers", "transaction": "OPT_OUT" }));
        let user = text(&tenant.get("/api/access/v2/users").await.body()["content"][0]["userId"]);
        let group = text(&tenant.get("/api/access/v2/user-groups").await.body()["content"][0]["id"]);
        let role = text(&tenant.get("/api/scim/v2/Groups").await.body()["Resources"][0]["id"]);
        let days =
            json!({ "exportType": "DATA_SUBJECTS", "startDate": "2026-11-01", "endDate": "2026-11-02" });
        let export = text(&tenant.post(EXPORTS, days).await.body()["runId"]);
        for _ in 0..2 {
            tenant.get(&format!("{EXPORTS}/{export}")).await;
        }
        let subtask = text(&added["subtasks"][0]["id"]);
        let mut stage = Stage { tenant, subtask, user, group, role, file: String::new(), export };
        let uploaded = stage
            .upload(json!({ "FileName": "data.csv", "RefIds": [added["id"]], "Type": 30,
            "IsInternal": true, "Name": "Data", "Comments": "c" }))
            .await;
        stage.file = text(&uploaded.body()["Id"]);
        let files = json!([{ "fileName": "data.csv", "fileId": stage.file }]);
        let comment = json!({ "comment": "c", "internalComment": true, "attachments": files });
        stage.tenant.put(&format!("{REQUESTS}/{REF}/comments"), comment).await;
        let comment = json!({ "comment": "c", "attachments": files });
        stage.tenant.put(&format!("{SUBTASKS}/{}/complete", stage.subtask), comment).await;
        let results = json!({ "system": "Braze" });
        stage.tenant.post(&format!("/api/datasubject/v3/datadiscovery/requestqueues/{REF}"), results).await;
        stage
    }

    async fn upload(&self, details: Value) -> Answer {
        let file = reqwest::multipart::Part::text("a,b").file_name("data.csv");
        let form = reqwest::multipart::Form::new().part("file", file).text("attachment", details.to_string());
        let request = self.tenant.http.post(self.tenant.url("/api/document/v2/attachments")).multipart(form);
        read(request.bearer_auth(self.tenant.onetrust.api_key())).await.unwrap()
    }

    /// Calls an operation by its key.
    async fn call(&self, key: &str, query: &[(String, String)], body: Option<&Value>) -> Answer {
        let (method, path) = key.split_once(' ').unwrap();
        if key == UPLOAD {
            return self.upload(json!({ "FileName": "b.pdf", "RefIds": [self.file], "Type": 30 })).await;
        }
        if path == TOKEN {
            let form = "grant_type=client_credentials&client_id=id&client_secret=secret";
            let request = self.tenant.http.post(self.tenant.url(path)).body(form);
            return read(request.header("content-type", "application/x-www-form-urlencoded")).await.unwrap();
        }
        let path = path.replace("{requestQueueRefId}", REF).replace("{language}", "en-us");
        let path = path.replace("{subtaskID}", &self.subtask).replace("{subtaskId}", &self.subtask);
        let id = if path.contains("/scim/") { &self.user } else { &self.export };
        let group = if path.contains("/scim/v2/") { &self.role } else { &self.group };
        let path = path.replace("{userId}", &self.user).replace("{id}", id).replace("{groupId}", group);
        let query: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.tenant.http.request(method, self.tenant.url(&format!("{path}?{query}")));
        if path.starts_with("/rest/api/") {
            request = request.header("identifier", PERSON);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        read(request.bearer_auth(self.tenant.onetrust.api_key())).await.unwrap()
    }

    /// A value that a schema allows. Names decide where a value must lead to something.
    fn example(&self, contract: &Value, name: &str, schema: &Value) -> Value {
        let schema = resolved(contract, schema);
        match name {
            "resolutionId" => return json!(DONE),
            "fileId" => return json!(self.file),
            "nextStage" => return json!("COMPLETE"),
            "params" => return json!([{ "name": "dateType", "values": ["CREATED_DATE"] }]),
            // A resolution goes with this one and REJECTED only.
            "status" if schema.get("enum").is_some() => return json!("COMPLETED"),
            "StartDate" | "EndDate" => return json!("2026-11-22T00:00:00.000Z"),
            _ => {}
        }
        if let Some(words) = schema.get("enum") {
            return words[0].clone();
        }
        match schema["type"].as_str() {
            Some("array") => json!([self.example(contract, name, &schema["items"])]),
            Some("boolean") => json!(true),
            Some("integer") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("object") => Value::Object(self.members(contract, schema, false)),
            Some("string") => match schema["format"].as_str() {
                Some("uuid") => json!("25d9ccac-db88-4d34-849c-3d602a629961"),
                Some("date-time") => json!("2026-11-22T00:00:00Z"),
                Some("date") => json!("2026-11-01"),
                _ => json!("data.csv"),
            },
            _ => json!("anything"),
        }
    }

    fn members(&self, contract: &Value, schema: &Value, only_required: bool) -> Map<String, Value> {
        let schema = resolved(contract, schema);
        let mut members = Map::new();
        let required = required(schema);
        for (name, of) in schema["properties"].as_object().into_iter().flatten() {
            // Only a token that was given out is taken.
            if name != "requestContinuation" && (!only_required || required.contains(&name.as_str())) {
                members.insert(name.clone(), self.example(contract, name, of));
            }
        }
        if let Some(of) = schema.get("additionalProperties").filter(|of| of.is_object()) {
            members.insert("any name".to_owned(), self.example(contract, "", of));
        }
        members
    }

    /// What an operation with a JSON body is sent at least.
    fn least(&self, contract: &Value, operation: &Value) -> Option<Value> {
        let is_json = operation["content_type"] == "application/json";
        is_json.then(|| Value::Object(self.members(contract, &operation["body"], true)))
    }
}

#[tokio::test]
async fn every_answer_is_one_that_the_documents_know() {
    let contract = contract();
    let mut shown = BTreeSet::new();
    for (key, operation) in operations(&contract) {
        let stage = Stage::new().await;
        let body = stage.least(&contract, &operation);
        let mut query = needed(&operation);
        if operation["query"].get("includeComments").is_some() {
            query.push(("includeComments".to_owned(), "true".to_owned()));
        }
        let mut answers = vec![stage.call(&key, &query, body.as_ref()).await];
        if ENVELOPED.contains(&key.as_str()) {
            stage.tenant.onetrust.set_manner(Manner::default());
            answers.push(stage.call(&key, &needed(&operation), body.as_ref()).await);
        }
        for (number, answer) in answers.iter().enumerate() {
            let schemas = operation["answers"].as_object().unwrap();
            let schema = schemas.get(&answer.status.to_string());
            assert!(schema.is_some_and(|_| answer.status < 300), "{key}: {} {}", answer.status, answer.text);
            let Some(schema) = schema.filter(|schema| !schema.is_null()) else {
                assert_eq!(answer.text, "", "{key}");
                continue;
            };
            let body = answer.body();
            let listed = if number == 0 { &body } else { &body["content"] };
            assert!(listed.as_array().is_none_or(|rows| !rows.is_empty()), "{key} shows nothing");
            for place in differences(&contract, schema, listed) {
                shown.insert((key.clone(), place));
            }
        }
    }
    let known = GAPS.iter().map(|(key, place, _)| ((*key).to_owned(), (*place).to_owned()));
    assert_eq!(
        shown,
        known.collect(),
        "left: where answers differ from the documents, right: the known gaps"
    );
}

#[tokio::test]
async fn refusals_have_the_documented_type() {
    let contract = contract();
    let stage = Stage::new().await;
    stage.tenant.onetrust.set_manner(serde_json::from_value(json!({ "v4": false })).unwrap());
    for (key, operation) in operations(&contract) {
        let Some(schema) = operation["answers"].get("403").filter(|_| key.contains("/v4/")) else { continue };
        let answer = stage.call(&key, &needed(&operation), None).await;

        assert_eq!(answer.status, 403, "{key}");
        assert_eq!(differences(&contract, schema, &answer.body()), Vec::<String>::new(), "{key}");
    }
}

#[tokio::test]
async fn every_body_and_parameter_that_the_documents_allow_is_taken() {
    // Rules that stand in the text of the documents only.
    let together = ["status", "purposeId"];
    let contract = contract();
    for (key, operation) in operations(&contract) {
        if operation["content_type"] == "application/json" {
            let stage = Stage::new().await;
            let full = Value::Object(stage.members(&contract, &operation["body"], false));
            let answer = stage.call(&key, &needed(&operation), Some(&full)).await;
            assert!(answer.status < 300, "{key} refuses {full}: {}", answer.text);
        }
        let stage = Stage::new().await;
        let body = stage.least(&contract, &operation);
        for (name, known) in operation["query"].as_object().into_iter().flatten() {
            let words = known["schema"]["enum"].as_array().into_iter().flatten();
            let mut values: Vec<String> = words.map(text).collect();
            if values.is_empty() {
                values.push(parameter(name, &known["schema"]));
            }
            for value in values {
                let mut query = needed(&operation);
                query.retain(|(needed, _)| needed != name);
                query.push((name.clone(), value));
                if key.contains("/v4/") && together.contains(&name.as_str()) {
                    let other = together.iter().find(|other| **other != name).unwrap();
                    query.push(((*other).to_owned(), parameter(other, &operation["query"][other]["schema"])));
                }
                let answer = stage.call(&key, &query, body.as_ref()).await;
                assert!(answer.status < 300, "{key} refuses {query:?}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn what_the_documents_do_not_allow_is_refused() {
    let contract = contract();
    let mut refused = 0;
    for (key, operation) in operations(&contract) {
        let stage = Stage::new().await;
        let least = stage.least(&contract, &operation);
        let mut wrong: Vec<(Query, Option<Value>)> = Vec::new();
        if let Some(least) = &least {
            let schema = resolved(&contract, &operation["body"]);
            let with = |name: &str, value: Value| {
                let mut body = least.clone();
                body[name] = value;
                (needed(&operation), Some(body))
            };
            for name in required(schema) {
                let mut body = least.clone();
                body.as_object_mut().unwrap().remove(name);
                wrong.push((needed(&operation), Some(body)));
            }
            for (name, of) in schema["properties"].as_object().into_iter().flatten() {
                let of = resolved(&contract, of);
                wrong.push(with(name, if of["type"] == "string" { json!(7) } else { json!("text") }));
                if of.get("enum").is_some() {
                    wrong.push(with(name, json!("another word")));
                }
            }
            let is_open = schema.get("additionalProperties").is_some();
            wrong.push(with("another name", if is_open { json!(7) } else { json!("text") }));
        }
        let without = |name: &str| {
            needed(&operation).into_iter().filter(|(known, _)| known != name).collect::<Vec<_>>()
        };
        for (name, known) in operation["query"].as_object().into_iter().flatten() {
            if known["required"] == true {
                wrong.push((without(name), least.clone()));
            }
            let schema = &known["schema"];
            let is_free =
                schema["type"] == "string" && schema.get("format").is_none() && schema.get("enum").is_none();
            if !is_free || name == "sort" {
                wrong.push(([without(name), vec![(name.clone(), "x".to_owned())]].concat(), least.clone()));
            }
            for (bound, step) in [("maximum", 1), ("minimum", -1)] {
                if let Some(bound) = schema[bound].as_i64() {
                    let beyond = (name.clone(), (bound + step).to_string());
                    wrong.push(([without(name), vec![beyond]].concat(), least.clone()));
                }
            }
        }
        if key != UPLOAD && !key.ends_with(TOKEN) {
            let another = ("another".to_owned(), "x".to_owned());
            wrong.push(([needed(&operation), vec![another]].concat(), least.clone()));
        }
        for (query, body) in wrong {
            let answer = stage.call(&key, &query, body.as_ref()).await;
            let is_sort = query.iter().any(|(name, value)| name == "sort" && value == "x");
            assert_eq!(answer.status, if is_sort { 500 } else { 400 }, "{key} {query:?} {body:?}");
            refused += 1;
        }
        assert_eq!(stage.tenant.changed().len(), 4, "{key} changed something all the same");
    }
    assert!(refused > 150, "{refused}");
}
