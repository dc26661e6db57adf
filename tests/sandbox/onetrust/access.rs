//! Tokens, scopes, limits, addresses, and the many bodies of a refusal.

use std::time::Duration;

use privaflow::sandbox::onetrust::{Credential, Limits, Manner, Options};
use privaflow::sandbox::{Effect, Fault, Faults};
use serde_json::{Value, json};

use super::client::{REQUESTS, SEARCH, SUBTASKS, TOKEN, Tenant, text};
use crate::client::{Answer, read};

fn pair<'a>(id: &'a str, secret: &'a str, grant: &'a str) -> [(&'static str, &'a str); 3] {
    [("grant_type", grant), ("client_id", id), ("client_secret", secret)]
}

async fn by_form(tenant: &Tenant, fields: [(&'static str, &str); 3]) -> Answer {
    let form: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request =
        tenant.http.post(tenant.url(TOKEN)).header("content-type", "application/x-www-form-urlencoded");
    read(request.body(form)).await.unwrap()
}

async fn by_multipart(tenant: &Tenant, fields: [(&'static str, &str); 3]) -> Answer {
    let form = fields
        .into_iter()
        .fold(reqwest::multipart::Form::new(), |form, (name, value)| form.text(name, value.to_owned()));
    read(tenant.http.post(tenant.url(TOKEN)).multipart(form)).await.unwrap()
}

async fn with_token(tenant: &Tenant, token: &str, path: &str) -> u16 {
    read(tenant.http.get(tenant.url(path)).bearer_auth(token)).await.unwrap().status
}

fn with_scopes(scopes: &[&str]) -> Options {
    Options { credentials: vec![Credential::new("id", "secret", scopes)], ..Options::default() }
}

#[tokio::test]
async fn a_token_comes_by_either_form_and_ends_when_it_said() {
    let tenant = Tenant::with(with_scopes(&["DSAR_READ"])).await;
    let list = &format!("{REQUESTS}/en-us");

    let first = by_multipart(&tenant, pair("id", "secret", "client_credentials")).await;
    let second = by_form(&tenant, pair("id", "secret", "client_credentials")).await;

    let token = |answer: &Answer| text(&answer.body()["access_token"]);
    assert_ne!(token(&first), token(&second));
    assert_eq!(
        (&first.body()["expires_in"], &first.body()["ot-scopes"]),
        (&json!(3600), &json!("DSAR_READ"))
    );
    assert_eq!(with_token(&tenant, &token(&first), list).await, 200);
    tenant.pass(Duration::from_secs(3599));
    assert_eq!(with_token(&tenant, &token(&second), list).await, 200);
    tenant.pass(Duration::from_secs(1));
    assert_eq!(with_token(&tenant, &token(&first), list).await, 401);
}

#[tokio::test]
async fn a_wrong_pair_and_a_wrong_grant_are_told_apart() {
    let tenant = Tenant::with(with_scopes(&[])).await;

    let wrong = by_form(&tenant, pair("id", "other", "client_credentials")).await;
    let grant = by_form(&tenant, pair("id", "secret", "password")).await;
    let json = tenant.post(TOKEN, json!({ "grant_type": "client_credentials" })).await;

    assert_eq!((wrong.status, &wrong.body()["error"]), (401, &json!("invalid_client")));
    assert_eq!((grant.status, json.status), (400, 415));
}

#[tokio::test]
async fn a_scope_that_is_missing_is_refused_and_plain_dsar_does_not_search_subtasks() {
    let tenant = Tenant::with(with_scopes(&["DSAR", "CONSENT_READ"])).await;
    let token = by_form(&tenant, pair("id", "secret", "client_credentials")).await.body();
    let token = text(&token["access_token"]);
    let search = read(tenant.http.post(tenant.url(SEARCH)).bearer_auth(&token).body("{}")).await.unwrap();

    assert_eq!(search.status, 403);
    assert_eq!(with_token(&tenant, &token, &format!("{REQUESTS}/en-us")).await, 200);
    assert_eq!(with_token(&tenant, &token, "/api/access/v2/users").await, 403);
    assert_eq!(with_token(&tenant, &token, "/api/consentmanager/v1/datasubjects/profiles").await, 200);
}

#[tokio::test]
async fn revoked_tokens_are_refused_and_a_new_one_is_given() {
    let tenant = Tenant::with(with_scopes(&["USER"])).await;
    let path = "/api/access/v2/users";
    let ask = || by_form(&tenant, pair("id", "secret", "client_credentials"));
    let token = text(&ask().await.body()["access_token"]);
    assert_eq!(with_token(&tenant, &token, path).await, 200);

    tenant.onetrust.revoke_tokens();

    assert_eq!(with_token(&tenant, &token, path).await, 401);
    let again = text(&ask().await.body()["access_token"]);
    assert_eq!(with_token(&tenant, &again, path).await, 200);
}

#[tokio::test]
async fn only_a_429_tells_of_a_limit() {
    let limits = Limits { account_per_hour: Some(5), endpoint_per_minute: Some(2) };
    let tenant = Tenant::with(Options { limits, ..Options::default() }).await;
    let path = "/api/access/v2/users";

    let passed = [tenant.get(path).await, tenant.get(path).await];
    let refused = tenant.get(path).await;

    assert!(passed.iter().all(|answer| answer.status == 200 && answer.header("ot-period").is_none()));
    assert_eq!((refused.status, refused.header("ot-period").as_deref()), (429, Some("MINUTE")));
    let said =
        ["retry-after", "ot-requests-allowed", "ot-request-made"].map(|name| refused.header(name).unwrap());
    assert_eq!(said, ["60", "2", "3"]);
    assert_eq!(refused.header("ot-ratelimit-event-id").unwrap().len(), 36);
    tenant.pass(Duration::from_secs(60));
    assert_eq!(tenant.get(path).await.status, 200);
    tenant.pass(Duration::from_secs(60));
    assert_eq!(tenant.get(path).await.status, 200);
    let hour = tenant.get("/api/datasubject/v2/resolutions").await;
    assert_eq!(
        (hour.header("ot-period").as_deref(), hour.header("retry-after").as_deref()),
        (Some("HOUR"), Some("3480"))
    );
}

#[tokio::test]
async fn a_wrong_address_answers_with_a_page_of_the_user_interface() {
    let tenant = Tenant::new().await;

    let elsewhere = tenant.get("/users/export/ids").await;
    let misspelt = tenant.get("/api/datasubject/v2/requestqueue").await;
    let method = tenant.put(&format!("{REQUESTS}/en-us"), json!({})).await;

    assert_eq!((elsewhere.status, elsewhere.text.starts_with("<!DOCTYPE html>")), (200, true));
    assert_eq!(
        (misspelt.status, misspelt.header("content-type").unwrap().as_str()),
        (404, "text/html;charset=UTF-8")
    );
    assert_eq!(method.status, 405);
}

#[tokio::test]
async fn a_refusal_has_whatever_body_was_asked_for() {
    let tenant = Tenant::new().await;
    let refused = async |errors: &str| {
        tenant.onetrust.set_manner(serde_json::from_value::<Manner>(json!({ "errors": errors })).unwrap());
        let answer = tenant.get(&format!("{REQUESTS}/NOTHERE000/language/en-us")).await;
        assert_eq!(answer.status, 404);
        answer.text
    };

    assert_eq!(refused("documented").await, r#"{"status":404,"message":"The request was not found"}"#);
    assert_eq!(refused("string").await, "\"The request was not found\"");
    assert!(refused("html").await.starts_with("<!DOCTYPE html>"));
    assert_eq!(refused("empty").await, "");
}

#[tokio::test]
async fn a_query_that_is_not_documented_is_refused_and_a_wrong_sort_breaks_the_service() {
    let tenant = Tenant::new().await;
    let status = async |query: &str| tenant.get(&format!("{REQUESTS}/en-us?{query}")).await.status;

    let right = ["page=0&size=500", "status=In%20Progress", "createddate=20261122", "sort=createdDate,desc"];
    let wrong =
        ["size=501", "size=0", "page=-1", "pagesize=5", "createddate=2026-11-22", "ignoreUserRequests=yes"];
    for query in right {
        assert_eq!(status(query).await, 200, "{query}");
    }
    for query in wrong {
        assert_eq!(status(query).await, 400, "{query}");
    }
    assert_eq!(status("sort=name,desc").await, 500);
}

#[tokio::test]
async fn faults_strike_by_the_documented_path() {
    let complete = "/api/datasubject/v2/subtasks/{subtaskID}/complete";
    let fault = Fault::new(Effect::DropAfterApplying).on(complete).at_most(1);
    let late = Fault::new(Effect::TooManyRequests { retry_after_s: 9 }).on(complete).at_most(1);
    let faults = Faults { faults: vec![fault, late] };
    let tenant = Tenant::with(Options { faults, ..Options::default() }).await;
    let (_, id) = tenant.add_task(json!({}));
    let path = format!("{SUBTASKS}/{id}/complete");
    let body = json!({ "comment": "done", "markAsComplete": true });

    let dropped = tenant.send("PUT", &path, body.clone()).await;
    let limited = tenant.put(&path, body).await;

    assert!(dropped.is_err());
    assert_eq!(tenant.subtask(&id).await["status"], "COMPLETED");
    assert_eq!((limited.status, limited.header("retry-after").as_deref()), (429, Some("9")));
    assert_eq!(limited.header("ot-period").as_deref(), Some("MINUTE"));
}

#[tokio::test]
async fn its_own_pages_change_faults_manners_and_people() {
    let tenant = Tenant::new().await;
    let post =
        async |page: &str, body: Value| tenant.post(&format!("/sandbox/onetrust/{page}"), body).await.status;

    assert_eq!(post("requests", json!({ "ref": "SL244HWD6D", "email": "ada@example.com" })).await, 201);
    assert_eq!(post("requests", json!({ "ref": "SL244HWD6D" })).await, 409);
    assert_eq!(post("requests", json!({ "reference": "SL244HWD6E" })).await, 400);
    let said = json!({ "identifier": "ada@example.com", "purpose": "News", "transaction": "CONFIRMED" });
    assert_eq!(post("consents", said).await, 200);
    assert_eq!(post("consents", json!({ "identifier": "ada@example.com" })).await, 400);
    assert_eq!(post("manner", json!({ "v4": false })).await, 200);
    assert_eq!(post("faults", json!({ "faults": [{ "effect": "unauthorized" }] })).await, 200);
    assert_eq!(post("tokens/revoke", json!({})).await, 200);
    assert_eq!(post("nothing", json!({})).await, 404);

    assert_eq!(tenant.get("/api/access/v2/users").await.status, 401);
    let lines =
        async |page: &str| tenant.get(&format!("/sandbox/onetrust/{page}")).await.text.lines().count();
    assert_eq!((lines("requests").await, lines("consents").await, lines("changes").await), (1, 1, 3));
    let calls = tenant.get("/sandbox/onetrust/calls").await.body();
    assert_eq!(calls["paths"]["/api/access/v2/users"], 1);
}
