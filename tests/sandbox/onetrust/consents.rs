//! Consents by each of the feeds, with their windows, tokens and late rows.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Tenant, text};

const V1: &str = "/api/consentmanager/v1/datasubjects/profiles";
const V4: &str = "/rest/api/consent/v4/datasubjects";
const WINDOW: &str = "updatedSince=2026-11-22T00:00:00&updatedUntil=2026-11-23T00:00:00";

fn said(n: usize, transaction: &str) -> Value {
    json!({ "identifier": format!("p{n}@example.com"), "purpose": "News", "transaction": transaction })
}

#[tokio::test]
async fn version_1_shows_people_in_pascal_case_and_refusals_only_on_demand() {
    let tenant = Tenant::new().await;
    tenant.say(json!({ "identifier": "a@example.com", "purpose": "News", "transaction": "CONFIRMED",
        "topics": { "Fishing": "CONFIRMED", "Boats": "WITHDRAWN" },
        "options": [{ "preference": "Channel", "option": "SMS", "transaction": "WITHDRAWN" }],
        "data_elements": { "Customer number": "u-1" } }));

    let short = tenant.get(&format!("{V1}?properties=ignoreCount")).await.body();
    let full = tenant.get(&format!("{V1}?properties=includeAllPreferences")).await.body();

    assert_eq!((&short["totalElements"], &full["totalElements"]), (&Value::Null, &json!(1)));
    let person = &full["content"][0];
    assert_eq!(
        person["DataElements"],
        json!([{ "Name": "Customer number", "Value": "u-1", "DoNotCall": false }])
    );
    let purpose = &person["Purposes"][0];
    assert_eq!((&purpose["Status"], &purpose["Name"]), (&json!("ACTIVE"), &json!("News")));
    assert_eq!(purpose.get("WithdrawalDate"), None);
    let consented = |topics: &Value| {
        let topics = topics.as_array().unwrap().clone();
        topics.iter().map(|topic| (text(&topic["Name"]), topic["IsConsented"] == true)).collect::<Vec<_>>()
    };
    assert_eq!(consented(&purpose["Topics"]), [("Fishing".to_owned(), true), ("Boats".to_owned(), false)]);
    assert_eq!(purpose["CustomPreferences"][0]["Options"][0]["IsConsented"], false);
    let purpose = &short["content"][0]["Purposes"][0];
    assert_eq!(consented(&purpose["Topics"]), [("Fishing".to_owned(), true)]);
    assert_eq!(purpose.get("CustomPreferences"), None);
}

#[tokio::test]
async fn version_1_takes_one_start_and_zoneless_dates() {
    let tenant = Tenant::new().await;
    tenant.say(said(1, "CONFIRMED"));
    tenant.pass(Duration::from_secs(10));
    tenant.say(said(2, "WITHDRAWN"));
    let ask = async |query: &str| tenant.get(&format!("{V1}?{query}")).await;
    let people = async |query: &str| ask(query).await.body()["content"].as_array().unwrap().len();

    assert_eq!(people("updatedSince=2026-11-22T02:00:00").await, 1);
    assert_eq!(people("updatedSince=2026-11-22T01:59:59").await, 2);
    assert_eq!(people("toDate=2026-11-22T02:00:10").await, 1);
    assert_eq!(people("size=1&page=1&sort=identifier,desc").await, 1);
    assert_eq!(ask("updatedSince=2026-11-22T02:00:00Z").await.status, 400);
    assert_eq!(ask("since=2026-11-22&updatedSince=2026-11-22").await.status, 400);
    assert_eq!(ask("properties=ignorecount").await.status, 400);
    assert_eq!(ask("size=51").await.status, 400);
    let one = tenant.get_with(V1, ("identifier", "p2@example.com")).await.body();
    assert_eq!(one["content"][0]["Purposes"][0]["Status"], "WITHDRAWN");
}

#[tokio::test]
async fn the_unordered_feed_goes_on_by_its_token_while_rows_come() {
    let tenant = Tenant::new().await;
    for n in 0..12 {
        tenant.say(said(n, "CONFIRMED"));
    }
    let path = format!("{V4}/profiles/unordered?{WINDOW}&size=5");
    let mut seen = Vec::new();
    let mut page = tenant.get(&path).await.body();
    loop {
        let rows = page["content"].as_array().unwrap();
        seen.extend(rows.iter().map(|row| text(&row["identifier"])));
        if page["last"] == true {
            break;
        }
        if seen.len() == 5 {
            tenant.say(said(99, "CONFIRMED"));
        }
        let token = text(&page["requestContinuation"]);
        page = tenant.get_with(&path, ("requestContinuation", &token)).await.body();
    }

    assert_eq!(page.get("requestContinuation"), None);
    seen.retain(|identifier| identifier != "p99@example.com");
    let in_order = (0..12).map(|n| format!("p{n}@example.com")).collect::<Vec<_>>();
    assert_ne!(seen, in_order);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 12);
}

#[tokio::test]
async fn a_feed_of_version_4_needs_a_window_of_30_days_and_filters_that_go_together() {
    let tenant = Tenant::new().await;
    tenant.say(said(1, "OPT_OUT"));
    let id = "25d9ccac-db88-4d34-849c-3d602a629961";
    let status = async |query: &str| tenant.get(&format!("{V4}/profiles/unordered?{query}")).await.status;

    assert_eq!(status(WINDOW).await, 200);
    assert_eq!(status("updatedSince=2026-11-22T00:00:00Z&updatedUntil=2026-11-23T00:00:00Z").await, 200);
    assert_eq!(status("updatedSince=2026-11-22T00:00:00").await, 400);
    assert_eq!(status("updatedSince=2026-10-22T00:00:00&updatedUntil=2026-11-22T00:00:00").await, 400);
    assert_eq!(status(&format!("{WINDOW}&purposeId={id}")).await, 400);
    assert_eq!(status(&format!("{WINDOW}&purposeId={id}&status=OPT_OUT")).await, 200);
    assert_eq!(status(&format!("{WINDOW}&purposeId={id}&status=OPTED_OUT")).await, 400);
    let token = tenant.get_with(&format!("{V4}/profiles?{WINDOW}"), ("requestContinuation", "{}")).await;
    assert_eq!(token.status, 400);
    tenant.onetrust.set_manner(serde_json::from_value(json!({ "v4": false })).unwrap());
    let off = tenant.get(&format!("{V4}/profiles/unordered?{WINDOW}")).await;
    assert_eq!((off.status, off.text.as_str()), (403, "\"Access is denied\""));
}

#[tokio::test]
async fn one_person_is_found_by_a_header() {
    let tenant = Tenant::new().await;
    tenant.say(said(1, "CONFIRMED"));
    let header = ("identifier", "p1@example.com");

    let basic = tenant.get_with(&format!("{V4}/basic-details"), header).await.body();
    let profiles = tenant.get_with(&format!("{V4}/ds-profiles"), header).await.body();
    let nobody = tenant.get_with(&format!("{V4}/basic-details"), ("identifier", "x")).await;

    assert_eq!(basic["identifier"], "p1@example.com");
    assert_eq!((&profiles["content"][0]["status"], &profiles["last"]), (&json!("ACTIVE"), &json!(true)));
    assert_eq!((nobody.status, nobody.text.as_str()), (404, "\"The data subject was not found\""));
}

#[tokio::test]
async fn transactions_come_by_the_day_and_a_late_one_in_the_window_of_when_it_was_said() {
    let tenant = Tenant::new().await;
    let path = |from: &str, to: &str| {
        format!(
            "/api/consent/v2/transactions?fromDate={from}&toDate={to}&size=2&sort=consentCreationDate,asc"
        )
    };
    for n in 0..3 {
        tenant.say(said(n, "CONFIRMED"));
        tenant.pass(Duration::from_secs(1));
    }
    let day = path("2026-11-22T00:00:00", "2026-11-23T00:00:00");

    let first = tenant.post(&day, json!({})).await.body();
    let token = &first["pageable"]["requestContinuation"];
    let second = tenant.post(&day, json!({ "requestContinuation": token })).await.body();

    assert_eq!((first["content"].as_array().unwrap().len(), &first["last"]), (2, &json!(false)));
    assert_eq!((second["content"].as_array().unwrap().len(), &second["last"]), (1, &json!(true)));
    assert_eq!(second["pageable"].get("requestContinuation"), None);
    assert_eq!(second["content"][0]["transactionType"], "CONFIRMED");
    assert_eq!(tenant.post(&path("2026-11-21T00:00:00", "2026-11-22T00:00:01"), json!({})).await.status, 400);
    let empty = tenant.send("POST", &day, json!("")).await.unwrap();
    assert_eq!(empty.status, 400);

    let mut late = said(7, "WITHDRAWN");
    late["at"] = json!("2026-11-20T12:00:00Z");
    tenant.say(late);
    let before = tenant.post(&path("2026-11-20T00:00:00", "2026-11-21T00:00:00"), json!({})).await.body();
    assert_eq!(before["content"][0]["identifier"], "p7@example.com");
}

#[tokio::test]
async fn what_was_said_before_the_last_word_changes_no_status() {
    let tenant = Tenant::new().await;
    tenant.say(said(1, "WITHDRAWN"));
    let mut early = said(1, "CONFIRMED");
    early["at"] = json!("2026-11-20T12:00:00Z");
    tenant.say(early);

    let person = tenant.onetrust.consents().pop().unwrap();

    assert_eq!(person["purposes"], json!({ "News": "WITHDRAWN" }));
}
