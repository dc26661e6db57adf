//! Requests and their subtasks: found, read, and changed as OneTrust would let them be.

use std::time::Duration;

use privaflow::sandbox::onetrust::{DONE, Manner};
use serde_json::{Value, json};

use super::client::{REQUESTS, SEARCH, SUBTASKS, Tenant, text};

fn manner(manner: Value) -> Manner {
    serde_json::from_value(manner).unwrap()
}

#[tokio::test]
async fn a_search_finds_open_subtasks_by_what_it_asks_for() {
    let tenant = Tenant::new().await;
    tenant.add(json!({ "organization": "Example France", "subtasks": [
        { "name": "erase" },
        { "name": "sys", "type": "system", "system_name": "Braze EU", "status": "In Progress" },
        { "name": "late", "activated": false, "stage": "Closing" },
        { "name": "done", "status": "COMPLETED" } ] }));
    tenant
        .add(json!({ "request_types": ["Access"], "stage": "Complete", "subtasks": [{ "name": "access" }] }));

    let found = async |query: &str, filters: Value| tenant.found(query, filters).await.join(" ");

    assert_eq!(found("", json!({})).await, "erase sys late access");
    assert_eq!(
        found("?includeClosedSubtasks=true&sort=taskName,desc", json!({})).await,
        "sys late erase done access"
    );
    assert_eq!(found("?onlyActivatedSubtasks=true", json!({})).await, "erase sys access");
    assert_eq!(found("", json!({ "SubtaskStatus": ["In Progress", "Failed"] })).await, "sys");
    assert_eq!(found("", json!({ "SubtaskType": "system" })).await, "sys");
    assert_eq!(found("", json!({ "SystemName": "Braze" })).await, "sys");
    assert_eq!(found("", json!({ "SystemName": "Braze", "ExactSystemNameMatch": true })).await, "");
    assert_eq!(found("", json!({ "RequestType": "Access" })).await, "access");
    assert_eq!(found("", json!({ "OpenRequests": true })).await, "erase sys late");
    assert_eq!(
        found("", json!({ "Organization": "Example Organization", "RequestType": "Erasure" })).await,
        "erase sys late"
    );
    assert_eq!(
        found("", json!({ "Organization": "Example Organization", "IncludeChildOrgs": false })).await,
        "access"
    );
    assert_eq!(
        found("", json!({ "currentRequestStage": ["IN_PROGRESS"], "subtaskCreatedStage": ["closing"] }))
            .await,
        "late"
    );
    assert_eq!(found("?size=2&page=1", json!({})).await, "late access");
}

#[tokio::test]
async fn a_window_of_updates_is_exact_to_the_millisecond() {
    let tenant = Tenant::new().await;
    let (_, first) = tenant.add_task(json!({ "name": "first" }));
    tenant.pass(Duration::from_millis(1));
    tenant.add_task(json!({ "name": "second" }));
    let window = |from: &str, to: &str| json!({ "SubtaskDateUpdated": { "StartDate": from, "EndDate": to } });
    let at = "2026-11-22T02:00:00.000Z";
    assert_eq!(tenant.found("", window(at, at)).await, ["first"]);

    tenant.pass(Duration::from_secs(2));
    tenant.put(&format!("{SUBTASKS}/{first}/status"), json!({ "status": "IN_PROGRESS" })).await;

    let later = json!({ "SubtaskDateUpdated": { "StartDate": "2026-11-22T02:00:00.001Z" } });
    assert_eq!(tenant.found("?sort=subtaskDateUpdated,asc", later).await, ["second", "first"]);
    let wrong = tenant.post(SEARCH, window("2026-11-22T02:00:00Z", at)).await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn filters_with_another_word_name_or_type_are_refused() {
    let tenant = Tenant::new().await;
    let wrong = [
        json!({ "subtaskStatus": ["Open"] }),
        json!({ "SubtaskStatus": ["OPEN"] }),
        json!({ "SubtaskStatus": "Open" }),
        json!({ "SubtaskType": "SYSTEM" }),
        json!({ "OpenRequests": "true" }),
        json!([]),
    ];
    for filters in wrong {
        assert_eq!(tenant.post(SEARCH, filters.clone()).await.status, 400, "{filters}");
    }
    assert_eq!(tenant.send("POST", SEARCH, Value::Null).await.unwrap().status, 400);
}

#[tokio::test]
async fn the_same_subtask_is_spelt_differently_in_a_list_and_alone() {
    let tenant = Tenant::new().await;
    let added = tenant
        .add(json!({ "ref": "SL244HWD6D", "subtasks": [{ "name": "erase", "status": "in progress" }] }));
    let id = text(&added["subtasks"][0]["id"]);

    let list = tenant.get(&format!("{REQUESTS}/SL244HWD6D/subtasks")).await.body();
    let one = tenant.get(&format!("{SUBTASKS}/{id}")).await.body();
    tenant.onetrust.set_manner(manner(json!({ "envelope": "array", "statuses": "words" })));
    let array = tenant.get(&format!("{REQUESTS}/SL244HWD6D/subtasks")).await.body();

    let row = &list["content"][0];
    assert_eq!(
        (&row["subTaskName"], &row["subTaskStatus"], &row["subTaskType"]),
        (&json!("erase"), &json!("IN_PROGRESS"), &json!("MANUAL"))
    );
    assert_eq!((&row["requesterEmail"], &list["last"]), (&Value::Null, &json!(true)));
    assert_eq!(
        (&one["taskName"], &one["status"], &one["type"]),
        (&json!("erase"), &json!("IN_PROGRESS"), &json!("USER_TASK"))
    );
    assert_eq!(array[0]["subTaskStatus"], "In Progress");
}

#[tokio::test]
async fn completing_without_the_mark_leaves_only_a_comment() {
    let tenant = Tenant::new().await;
    let (_, id) = tenant.add_task(json!({}));
    let path = format!("{SUBTASKS}/{id}/complete");

    let without = tenant.put(&path, json!({ "comment": "erased" })).await;
    assert_eq!((without.status, without.text.as_str()), (200, ""));
    assert_eq!(tenant.subtask(&id).await["status"], "OPEN");
    let with = tenant.put(&path, json!({ "comment": "erased", "markAsComplete": true })).await;
    let again = tenant.put(&path, json!({ "comment": "erased", "markAsComplete": true })).await;

    assert_eq!((with.status, again.status), (200, 400));
    let subtask = tenant.subtask(&id).await;
    assert_eq!(subtask["status"], "COMPLETED");
    assert_eq!(subtask["subTaskV2CommentsDtoList"].as_array().unwrap().len(), 2);
    assert_eq!(tenant.changed(), ["subtask.comment comment", "subtask.status COMPLETED"]);
}

#[tokio::test]
async fn a_completion_needs_what_the_subtask_asks_for() {
    let tenant = Tenant::new().await;
    let (_, id) = tenant.add_task(json!({ "resolution_required": true, "comment_required": true }));
    let complete = async |body: Value| tenant.put(&format!("{SUBTASKS}/{id}/complete"), body).await.status;
    let status = async |body: Value| tenant.put(&format!("{SUBTASKS}/{id}/status"), body).await.status;

    assert_eq!(complete(json!({ "markAsComplete": true })).await, 400);
    assert_eq!(complete(json!({ "comment": "", "markAsComplete": true })).await, 400);
    assert_eq!(complete(json!({ "comment": "c", "markAsComplete": true })).await, 400);
    assert_eq!(
        complete(json!({ "comment": "c", "markAsComplete": "true", "resolutionId": DONE })).await,
        400
    );
    assert_eq!(status(json!({ "status": "COMPLETED", "resolutionId": DONE })).await, 400);
    assert_eq!(status(json!({ "status": "IN_PROGRESS", "resolutionId": DONE })).await, 400);
    assert_eq!(status(json!({ "status": "In Progress" })).await, 400);
    assert!(tenant.changed().is_empty());

    let answer = tenant.put(&format!("{SUBTASKS}/{id}/status"), json!({ "status": "IN_PROGRESS" })).await;
    assert_eq!(answer.body(), json!(true));
    assert_eq!(complete(json!({ "comment": "c", "markAsComplete": true, "resolutionId": DONE })).await, 200);
    assert_eq!(tenant.subtask(&id).await["subTaskResolution"], "Done");
}

#[tokio::test]
async fn a_request_stays_in_its_stage_while_required_subtasks_are_open() {
    let tenant = Tenant::new().await;
    let (reference, id) = tenant.add_task(json!({}));
    let path = format!("{REQUESTS}/{reference}/movestages/en-us");

    let early = tenant.put(&path, json!({ "nextStage": "COMPLETE" })).await;
    tenant.put(&format!("{SUBTASKS}/{id}/status"), json!({ "status": "COMPLETED" })).await;
    let unknown = tenant.put(&path, json!({ "nextStage": "DONE" })).await;
    let late = tenant.put(&path, json!({ "nextStage": "COMPLETE" })).await;
    let closed = tenant.put(&path, json!({ "nextStage": "IN_PROGRESS" })).await;

    assert_eq!((early.status, unknown.status, late.status, closed.status), (400, 400, 200, 400));
    assert_eq!(late.body()["currentStage"], "COMPLETE");
    let request = tenant.get(&format!("{REQUESTS}/{reference}/language/en-us")).await.body();
    assert_eq!(
        (&request["status"], &request["dateCompleted"]),
        (&json!("Complete"), &json!("2026-11-22T02:00:00.000Z"))
    );
}

#[tokio::test]
async fn custom_fields_stand_in_a_map_and_as_text_or_as_text_alone() {
    let tenant = Tenant::new().await;
    tenant.add(json!({ "ref": "SL244HWD6D", "fields": { "Customer number": "u-1" }, "multiselect": { "Brands": ["A", "B"] } }));
    let path = format!("{REQUESTS}/SL244HWD6D/language/en-us");
    let written =
        tenant.put(&format!("{REQUESTS}/SL244HWD6D/customfields/en-us"), json!({ "State": "GA" })).await;

    let both = tenant.get(&path).await.body();
    tenant.onetrust.set_manner(manner(json!({ "fields": "text" })));
    let text = tenant.get(&path).await.body();

    assert_eq!(written.body()["requestQueueRefId"], "SL244HWD6D");
    assert_eq!(both["requestAdditionalData"], json!({ "Customer number": "u-1", "State": "GA" }));
    assert_eq!(both["additionalData"], r#"{"Customer number":"u-1","State":"GA"}"#);
    assert_eq!(
        (&text["requestAdditionalData"], &text["additionalData"]),
        (&Value::Null, &both["additionalData"])
    );
    assert_eq!(text["multiselectFields"], json!({ "Brands": ["A", "B"] }));
}

#[tokio::test]
async fn a_list_of_requests_goes_by_whole_days_and_stages() {
    let tenant = Tenant::new().await;
    tenant.add(json!({ "ref": "AAAAAAAAAA" }));
    tenant.pass(Duration::from_secs(86_400));
    tenant.add(json!({ "ref": "BBBBBBBBBB", "stage": "Awaiting proof" }));
    let refs = async |query: &str| {
        let body = tenant.get(&format!("{REQUESTS}/en-us?{query}")).await.body();
        body["content"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| text(&row["requestQueueRefId"]))
            .collect::<Vec<_>>()
    };

    assert_eq!(refs("").await, ["BBBBBBBBBB", "AAAAAAAAAA"]);
    assert_eq!(refs("createddate=20261123").await, ["BBBBBBBBBB"]);
    assert_eq!(refs("modifieddate=20261122&sort=createdDate,asc").await, ["AAAAAAAAAA", "BBBBBBBBBB"]);
    assert_eq!(refs("status=AWAITING_PROOF").await, ["BBBBBBBBBB"]);
}

#[tokio::test]
async fn a_pause_takes_the_deadline_away_and_gives_it_back_later() {
    let tenant = Tenant::new().await;
    tenant.add(json!({ "ref": "SL244HWD6D", "deadline": "2026-12-01T00:00:00Z" }));
    let get = async || tenant.get(&format!("{REQUESTS}/SL244HWD6D/language/en-us")).await.body();
    let pause = async |yes: bool| {
        tenant.put(&format!("{REQUESTS}/SL244HWD6D/pausedeadline"), json!({ "pauseDeadline": yes })).await
    };

    assert_eq!(pause(true).await.status, 200);
    let paused = get().await;
    tenant.pass(Duration::from_secs(2 * 86_400));
    assert_eq!((pause(false).await.status, pause(false).await.status), (200, 400));

    assert_eq!((&paused["deadline"], &paused["additionalStatuses"]), (&Value::Null, &json!("10")));
    assert_eq!(get().await["deadline"], "2026-12-03T00:00:00.000Z");
}

#[tokio::test]
async fn comments_and_results_name_files_that_were_uploaded() {
    let tenant = Tenant::new().await;
    let added = tenant.add(json!({ "ref": "SL244HWD6D" }));
    let details = json!({ "FileName": "data.csv", "RefIds": [added["id"]], "Type": 30 });
    let upload = async |details: Value| {
        let file = reqwest::multipart::Part::text("a,b\r\n--x").file_name("data.csv");
        let part = reqwest::multipart::Part::text(details.to_string()).mime_str("application/json").unwrap();
        let form = reqwest::multipart::Form::new().part("file", file).part("attachment", part);
        let request = tenant.http.post(tenant.url("/api/document/v2/attachments")).multipart(form);
        crate::client::read(request.bearer_auth(tenant.onetrust.api_key())).await.unwrap()
    };
    let comment = async |file: &str| {
        let attachments = json!([{ "fileName": "data.csv", "fileId": file }]);
        let body = json!({ "comment": "here", "internalComment": false, "attachments": attachments });
        tenant.put(&format!("{REQUESTS}/SL244HWD6D/comments"), body).await.status
    };

    let uploaded = upload(details).await;
    let program = upload(json!({ "FileName": "data.exe", "RefIds": [added["id"]], "Type": 30 })).await;
    let nobody = upload(json!({ "FileName": "data.csv", "RefIds": ["1"], "Type": 30 })).await;

    assert_eq!((uploaded.status, &uploaded.body()["FileSize"]), (201, &json!(8)));
    assert_eq!((program.status, nobody.status), (400, 400));
    let id = text(&uploaded.body()["Id"]);
    assert_eq!((comment(&id).await, comment("b0a9f0a0-0000-4000-8000-000000000000").await), (200, 400));
    let results = json!({ "system": "Braze", "results": { "Profile": { "email": "a" } }, "attachments": [{ "fileId": id }] });
    let base = "/api/datasubject";
    assert_eq!(
        tenant.post(&format!("{base}/v3/datadiscovery/requestqueues/SL244HWD6D"), results).await.status,
        200
    );
    let groups = tenant.get(&format!("{base}/v2/datadiscovery/requestqueues/SL244HWD6D")).await.body();
    assert_eq!(groups[0]["groupName"], "Braze");
    assert_eq!(tenant.changed(), ["file.uploaded data.csv", "request.comment public", "results.added Braze"]);
    let wrong = tenant.put(&format!("{REQUESTS}/SL244HWD6D/comments"), json!({ "comment": "x" })).await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn users_organisations_and_resolutions_can_be_listed() {
    let tenant = Tenant::new().await;

    let users = tenant.get("/api/access/v2/users?size=2&sort=email,desc").await.body();
    let tree = tenant.get("/api/access/v1/external/organizations").await.body();
    let resolutions =
        tenant.get("/api/datasubject/v2/resolutions?includeSubTaskResolutions=true").await.body();

    assert_eq!((&users["totalElements"], &users["last"]), (&json!(300), &json!(false)));
    assert_eq!(users["content"][0]["email"], "sam.former@example.com");
    assert_eq!(users["content"][0]["accessLevels"][0]["roleName"], "Viewer");
    let id = text(&users["content"][0]["userId"]);
    assert_eq!(tenant.get(&format!("/api/access/v2/users/{id}")).await.body(), users["content"][0]);
    assert_eq!(tree["children"][0]["parentOrganizationId"], tree["organizationId"]);
    assert_eq!(resolutions["totalElements"], 4);
}
