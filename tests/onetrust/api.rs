//! Requests as they arrive, and what answers come to.

use std::time::Duration;

use bytes::Bytes;
use privaflow::onetrust::{ApiError, Period, Request};
use privaflow::wire::{Grant, Part};
use serde_json::{Value, json};

use crate::fake::{Asked, Fake, Reply};

const SUBTASK: &str = "/api/datasubject/v2/subtasks/{subtask_id}";

/// What a call comes to that is answered so.
async fn call(reply: Reply) -> Result<Value, ApiError> {
    let fake = Fake::start(move |_: &Asked| {
        let reply = reply.clone();
        async move { reply }
    })
    .await;
    fake.api().0.call(Request::get(SUBTASK).value("subtask_id", "marker")).await
}

#[tokio::test]
async fn a_request_arrives_as_it_was_described() {
    let fake = Fake::start(|_: &Asked| async { Reply::new(200, "true") }).await;
    let request = Request::put("/api/datasubject/v2/subtasks/{subtask_id}/status")
        .value("subtask_id", "a b")
        .query("x", "1,2".to_owned())
        .header("identifier", "é@example.com")
        .json(json!({"status": "IN_PROGRESS"}));

    let answer = fake.api().0.call(request).await.unwrap();

    assert_eq!(answer, json!(true));
    let asked = fake.asked("").remove(0);
    assert_eq!(asked.path, "/api/datasubject/v2/subtasks/a%20b/status");
    assert_eq!((asked.method.as_str(), asked.query.as_str(), asked.token()), ("PUT", "x=1%2C2", "k-1"));
    assert_eq!(asked.headers["identifier"], "é@example.com".as_bytes());
    assert_eq!(
        (asked.header("content-type"), asked.text()),
        ("application/json", "{\"status\":\"IN_PROGRESS\"}")
    );
}

#[tokio::test]
async fn a_file_arrives_with_the_text_about_it() {
    let fake = Fake::start(|_: &Asked| async { Reply::new(201, "{\"Id\":\"f\"}") }).await;
    let file = Part {
        name: "file".to_owned(),
        file_name: Some("data.json".to_owned()),
        content_type: Some("application/json".into()),
        bytes: Bytes::from_static(b"[1]"),
    };
    let about = Part {
        name: "attachment".to_owned(),
        file_name: None,
        content_type: Some("application/json".into()),
        bytes: Bytes::from(json!({"FileName": "data.json", "Type": 30}).to_string()),
    };

    let request = Request::post("/api/document/v2/attachments").parts(vec![file, about]);
    let answer = fake.api().0.call(request).await.unwrap();

    assert_eq!(answer, json!({"Id": "f"}));
    let asked = fake.asked("").remove(0);
    assert!(asked.header("content-type").starts_with("multipart/form-data; boundary="));
    let text = asked.text();
    assert!(
        text.contains(
            "name=\"file\"; filename=\"data.json\"\r\nContent-Type: application/json\r\n\r\n[1]\r\n"
        )
    );
    assert!(text.contains("name=\"attachment\"\r\nContent-Type: application/json\r\n\r\n{\"FileName\""));
}

#[tokio::test]
async fn answers_of_every_shape_are_read() {
    let value = async |body: &str| call(Reply::new(200, body)).await.unwrap();

    assert_eq!(value("").await, Value::Null);
    assert_eq!(value("\u{feff}[{\"a\":1}]").await, json!([{"a": 1}]));
    assert_eq!(value("true").await, json!(true));
}

#[tokio::test]
async fn failures_are_told_apart_and_nobody_is_named() {
    let told = async |status, body: &str| {
        let error = call(Reply::new(status, body)).await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("marker"), "{said}");
        error
    };

    assert!(matches!(told(401, "\"marker\"").await, ApiError::Unauthorised));
    let forbidden = told(403, "{\"message\":\"marker\"}").await;
    assert_eq!(
        forbidden.to_string(),
        "the credentials may not use GET /api/datasubject/v2/subtasks/{}: give them the scope it needs"
    );
    assert!(matches!(told(404, "").await, ApiError::NotFound { .. }));
    assert!(matches!(told(400, "[\"marker\"]").await, ApiError::Refused { status: 400, .. }));
    assert!(matches!(told(409, "marker").await, ApiError::Refused { status: 409, .. }));
    assert!(matches!(told(500, "<html>marker</html>").await, ApiError::Failed { status: 500, .. }));
    assert!(matches!(told(200, "<!doctype html>marker").await, ApiError::NotTheService { status: 200, .. }));
    assert!(matches!(told(404, "<html>marker</html>").await, ApiError::NotTheService { status: 404, .. }));
    assert!(matches!(told(302, "").await, ApiError::NotTheService { status: 302, .. }));
    assert!(matches!(told(200, "marker").await, ApiError::Unreadable { .. }));
}

#[tokio::test]
async fn what_cannot_be_written_is_not_sent() {
    let fake = Fake::start(|_: &Asked| async { Reply::new(200, "") }).await;

    let error = fake.api().0.call(Request::get(SUBTASK).value("subtask_id", "..")).await.unwrap_err();

    assert!(matches!(error, ApiError::Unwritable { .. }) && fake.asked("").is_empty());
}

#[tokio::test]
async fn a_limit_that_is_used_up_rests_the_endpoint_or_the_account() {
    for (period, rests_all) in [("MINUTE", false), ("HOUR", true)] {
        let fake = Fake::start(move |_: &Asked| async move {
            Reply::new(429, "").with("retry-after", "30").with("ot-period", period)
        })
        .await;
        let (api, limits) = fake.api();

        let error = api.call(Request::get(SUBTASK).value("subtask_id", "1")).await.unwrap_err();

        let ApiError::Limited { not_before_ms, period } = error else { panic!("{error}") };
        assert_eq!(period == Period::Hour, rests_all);
        let until = Duration::from_millis(not_before_ms.unsigned_abs());
        let soon = until - Duration::from_secs(1);
        assert_eq!(limits.reserve("GET /api/datasubject/v2/subtasks/{}", soon), Grant::At(until));
        assert_eq!(limits.reserve("GET /other", soon) == Grant::At(until), rests_all);
    }
}

#[tokio::test]
async fn nothing_is_asked_twice_when_a_server_fails() {
    let fake = Fake::start(|_: &Asked| async { Reply::new(500, "") }).await;

    let error = fake.api().0.call(Request::post("/api/datasubject/v3/subtasks").json(json!({}))).await;

    assert!(!error.unwrap_err().is_not_applied());
    assert_eq!(fake.asked("").len(), 1);
}
