//! Pollers against the look-alike of OneTrust that privaflow brings along.

use std::sync::Arc;

use privaflow::clock::SystemClock;
use privaflow::config::Settings;
use privaflow::feeds::Poller;
use privaflow::journal::Store;
use privaflow::onetrust::{Api, Limits, Rates, client};
use privaflow::sandbox::OneTrust;
use privaflow::sandbox::onetrust::Options;
use privaflow::wire::Timeouts;
use privaflow::workflow::Feed;
use serde_json::{Value, json};

use crate::consents::trigger as consent_trigger;
use crate::subtasks::{records, trigger as subtask_trigger};

/// A look-alike with some manners, and what asks it with a client id and a secret.
async fn sandbox(manner: Value) -> (OneTrust, Api) {
    let manner = serde_json::from_value(manner).unwrap();
    let onetrust = OneTrust::start(Options { manner, ..Options::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (id, secret) = onetrust.credential();
    std::fs::write(folder.path().join("id"), id).unwrap();
    std::fs::write(folder.path().join("secret"), secret).unwrap();
    let text = format!(
        "profiles:\n  p: {{ system: onetrust, host: \"{}\", scheme: http, oauth2: {{ client_id: {{ file: {at}/id }}, client_secret: {{ file: {at}/secret }} }} }}\n",
        onetrust.address(),
        at = folder.path().display()
    );
    let settings = Settings::read(&text, std::path::Path::new("")).settings.unwrap();
    let limits = Arc::new(Limits::new(Rates::documented()));
    let profile = &settings.profiles["p"];
    let (connection, credential) = (profile.connection().unwrap(), profile.credential().unwrap());
    let client = client(connection, credential, Timeouts::default()).unwrap();
    // The token is asked for once, while the files are there.
    let api = Api::new(client, limits, Arc::new(SystemClock));
    api.call(privaflow::onetrust::Request::get("/api/datasubject/v2/resolutions")).await.unwrap();
    (onetrust, api)
}

#[tokio::test]
async fn an_erasure_of_the_look_alike_comes_in_whatever_its_manners() {
    for manner in [
        json!({"envelope": "page", "statuses": "words", "fields": "both"}),
        json!({"envelope": "array", "statuses": "codes", "fields": "text"}),
        json!({"envelope": "page", "subtask_search": false}),
    ] {
        let (onetrust, api) = sandbox(manner.clone()).await;
        let request = json!({"fields": {"Customer number": "007"}, "email": "Ana@Example.com"});
        onetrust.add_request(serde_json::from_value(request).unwrap()).unwrap();
        let closed = json!({"stage": "Complete"});
        onetrust.add_request(serde_json::from_value(closed).unwrap()).unwrap();
        let store = Arc::new(Store::temporary().unwrap());
        let mut poller =
            Poller::subtasks("erase", &subtask_trigger(), api, Arc::clone(&store), Arc::new(SystemClock));

        let first = poller.poll_once().await.unwrap();
        let second = poller.poll_once().await.unwrap();

        assert_eq!((first.new, second.new), (1, 0), "{manner}");
        let record = records(&store, "erase").remove(0);
        assert_eq!(record["kind"], "deletion");
        assert_eq!(record["subject"]["external_id"], "007");
        assert_eq!(record["subject"]["email"], "Ana@Example.com");
        assert!(record["due_at"].is_string());
    }
}

#[tokio::test]
async fn a_changed_consent_of_the_look_alike_comes_in_from_every_list() {
    for feed in [Feed::Profiles, Feed::Unordered, Feed::Transactions] {
        let (onetrust, api) = sandbox(json!({})).await;
        for person in 0..120 {
            let said = json!({"identifier": format!("{person}@example.com"), "purpose": "News",
                              "transaction": if person % 2 == 0 { "CONFIRMED" } else { "WITHDRAWN" }});
            assert!(onetrust.change_consent(serde_json::from_value(said).unwrap()));
        }
        let store = Arc::new(Store::temporary().unwrap());
        let start = Some(jiff::Timestamp::now() - jiff::SignedDuration::from_mins(5));
        let trigger = privaflow::workflow::ConsentTrigger { start, ..consent_trigger(feed) };
        let mut poller = Poller::consents("groups", &trigger, api, Arc::clone(&store), Arc::new(SystemClock));

        let first = poller.poll_once().await.unwrap();
        let second = poller.poll_once().await.unwrap();

        assert_eq!((first.new, second.new), (120, 0), "{feed:?}");
        let records = records(&store, "groups");
        let statuses: std::collections::BTreeSet<&str> =
            records.iter().map(|record| record["consents"][0]["status"].as_str().unwrap()).collect();
        let expected = match feed {
            Feed::Transactions => ["CONFIRMED", "WITHDRAWN"],
            _ => ["ACTIVE", "WITHDRAWN"],
        };
        assert!(statuses.into_iter().eq(expected), "{feed:?}");
    }
}

#[tokio::test]
async fn a_tenant_without_the_fourth_version_is_told_what_to_do() {
    let (_onetrust, api) = sandbox(json!({"v4": false})).await;
    let store = Arc::new(Store::temporary().unwrap());
    let mut poller =
        Poller::consents("groups", &consent_trigger(Feed::Unordered), api, store, Arc::new(SystemClock));

    let error = poller.poll_once().await.unwrap_err();

    assert!(error.needs_a_person());
    assert!(error.to_string().contains("feed: profiles"), "{error}");
}
