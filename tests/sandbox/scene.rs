//! Both look-alikes with the same people.

use std::time::Duration;

use privaflow::sandbox::{Identity, Options, Scene, Statement, Story, Task, onetrust};
use serde_json::json;

async fn scene() -> Scene {
    Scene::start(Options::default(), onetrust::Options::default()).await.unwrap()
}

#[tokio::test]
async fn whoever_asks_onetrust_for_something_has_a_profile_in_braze() {
    let scene = scene().await;
    let fields = vec![("Customer number".to_owned(), Identity::ExternalId)];
    let task = Task { system: Some("Braze".to_owned()), fields, ..Task::default() };

    let reference = scene.open(&task).unwrap();
    let statement = Statement {
        purpose: "Newsletter".to_owned(),
        purpose_id: None,
        identifier: Identity::Email,
        elements: vec![("Customer number".to_owned(), Identity::ExternalId)],
    };
    scene.say(&statement, "WITHDRAWN");

    let request = scene.onetrust().requests().remove(0);
    let person = scene.onetrust().consents().remove(0);
    let profiles = scene.braze().profiles();
    assert_eq!(request["ref"], json!(reference));
    assert_eq!(request["subtasks"][0]["type"], "system");
    assert_eq!(
        (&request["email"], &request["fields"]["Customer number"]),
        (&json!(profiles[0].email), &json!(profiles[0].external_id))
    );
    assert_eq!(person["identifier"], json!(profiles[1].email));
    assert_eq!(person["purposes"], json!({ "Newsletter": "WITHDRAWN" }));
    scene.stop().await;
}

#[tokio::test]
async fn a_story_begins_at_once_and_goes_on_until_it_is_stopped() {
    let mut scene = scene().await;
    scene.play(Story { every: Duration::from_millis(1), ..Story::default() });

    let requests = scene.onetrust().requests();
    assert!(requests.len() >= 6, "{}", requests.len());
    while scene.onetrust().requests().len() + scene.onetrust().consents().len() < 12 {
        tokio::task::yield_now().await;
    }
    let people = scene.braze().profiles().len();
    assert!(people >= 12, "{people}");
    let said: Vec<_> =
        scene.onetrust().consents().iter().map(|person| person["purposes"]["Newsletter"].clone()).collect();
    assert_eq!(said[..3], [json!("ACTIVE"), json!("WITHDRAWN"), json!("ACTIVE")]);
    scene.stop().await;
}
