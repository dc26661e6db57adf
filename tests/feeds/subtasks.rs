//! Open subtasks start their workflow, once, whatever happens while they are looked for.

use std::sync::Arc;
use std::time::Duration;

use privaflow::clock::{Clock, SharedClock, VirtualClock};
use privaflow::feeds::{FeedError, Polled, Poller};
use privaflow::journal::{Most, Store};
use privaflow::onetrust::ApiError;
use privaflow::workflow::{Identifier, SubtaskRules, SubtaskTrigger};
use serde_json::{Value, json};

use crate::standin::{Envelope, OneTrust, SEARCH, World, at};

const NOW: &str = "2026-11-20T12:00:00Z";

pub fn trigger() -> SubtaskTrigger {
    SubtaskTrigger {
        profile: "onetrust".to_owned(),
        every: Duration::from_secs(60),
        overlap: Duration::from_secs(600),
        systems: Vec::new(),
        rules: SubtaskRules {
            names: vec!["Delete from Braze".to_owned()],
            identifiers: [(Identifier::ExternalId, "Customer number".to_owned())].into_iter().collect(),
            ..SubtaskRules::default()
        },
    }
}

/// A subtask of a request of its own.
fn add(world: &mut World, number: usize, changed: &str) {
    let reference = format!("REF{number}");
    world.subtasks.push(json!({
        "subTaskId": format!("subtask-{number}"), "subTaskName": "Delete from Braze", "subTaskStatus": "Open",
        "subTaskType": "MANUAL", "requestQueueRefId": reference, "requestTypes": ["Erasure"],
        "subTaskLastUpdatedDate": changed, "system": "Braze",
    }));
    let request = json!({
        "requestQueueRefId": reference, "status": "In progress", "requestTypes": ["Erasure"],
        "email": format!("{number}@example.com"), "dateUpdated": changed, "deadline": "2026-12-24T00:00:00Z",
        "requestAdditionalData": {"Customer number": format!("u-{number}")},
    });
    world.requests.insert(reference, request);
}

struct Bench {
    onetrust: OneTrust,
    store: Arc<Store>,
    clock: Arc<VirtualClock>,
}

impl Bench {
    async fn new() -> Bench {
        let clock = Arc::new(VirtualClock::at(at(NOW).as_millisecond()));
        Bench { onetrust: OneTrust::start().await, store: Arc::new(Store::temporary().unwrap()), clock }
    }

    /// As after a start of the process.
    fn poller(&self) -> Poller {
        self.poller_of(&trigger())
    }

    fn poller_of(&self, trigger: &SubtaskTrigger) -> Poller {
        let clock: SharedClock = Arc::<VirtualClock>::clone(&self.clock);
        Poller::subtasks("erase", trigger, self.onetrust.api(), Arc::clone(&self.store), clock)
    }

    /// The external ids of what came in since the last time, in order.
    fn taken(&self) -> Vec<String> {
        let mut found: Vec<String> = records(&self.store, "erase")
            .iter()
            .map(|record| record["subject"]["external_id"].as_str().unwrap().to_owned())
            .collect();
        found.sort();
        found
    }

    fn reasons(&self) -> Vec<(String, u64)> {
        let mut found: Vec<_> =
            self.store.skipped().unwrap().into_iter().map(|skip| (skip.reason, skip.count)).collect();
        found.sort();
        found
    }
}

/// Takes everything out of an inbox.
pub fn records(store: &Store, workflow: &str) -> Vec<Value> {
    let most = Most { records: 10_000, bytes: 1 << 30 };
    let Some(window) = store.take_window(workflow, most, 0).unwrap() else { return Vec::new() };
    let text = store.window_text(window.id).unwrap();
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[tokio::test]
async fn an_open_subtask_starts_its_workflow_once_in_both_envelopes() {
    for envelope in [Envelope::Page, Envelope::Array] {
        let bench = Bench::new().await;
        bench.onetrust.world().envelope = envelope;
        add(&mut bench.onetrust.world(), 1, "2026-11-20T11:00:00.000Z");
        add(&mut bench.onetrust.world(), 2, "2026-11-20T11:30:00.000Z");
        let mut poller = bench.poller();

        let first = poller.poll_once().await.unwrap();
        let second = poller.poll_once().await.unwrap();
        let after_a_restart = bench.poller().poll_once().await.unwrap();

        assert_eq!(first, Polled { new: 2, ..Polled::default() });
        assert_eq!(second, Polled::default());
        assert_eq!(after_a_restart, Polled { repeated: 2, ..Polled::default() });
        assert_eq!(bench.taken(), ["u-1", "u-2"]);
    }
}

#[tokio::test]
async fn later_looks_ask_only_for_what_changed_and_read_nothing_twice() {
    let bench = Bench::new().await;
    add(&mut bench.onetrust.world(), 1, "2026-11-20T11:30:00.000Z");
    let mut poller = bench.poller();
    poller.poll_once().await.unwrap();
    add(&mut bench.onetrust.world(), 2, "2026-11-20T11:59:00.000Z");

    let polled = poller.poll_once().await.unwrap();

    assert_eq!(polled, Polled { new: 1, ..Polled::default() });
    let asked = bench.onetrust.asked(SEARCH);
    assert_eq!(asked[0].body.get("SubtaskDateUpdated"), None);
    assert_eq!(asked[1].body["SubtaskDateUpdated"]["StartDate"], "2026-11-20T11:50:00.000Z");
    assert_eq!(bench.onetrust.count("/api/datasubject/v2/subtasks/subtask-1"), 1);
}

#[tokio::test]
async fn subtasks_of_a_named_system_are_asked_for_by_its_exact_name() {
    let bench = Bench::new().await;
    add(&mut bench.onetrust.world(), 1, NOW);
    add(&mut bench.onetrust.world(), 2, NOW);
    bench.onetrust.world().subtasks[1]["system"] = json!("Braze EU");
    let mut trigger = trigger();
    trigger.systems = vec!["Braze".to_owned()];

    bench.poller_of(&trigger).poll_once().await.unwrap();

    assert_eq!(bench.taken(), ["u-1"]);
    assert_eq!(bench.onetrust.asked(SEARCH)[0].body["ExactSystemNameMatch"], true);
}

#[tokio::test]
async fn what_is_skipped_is_noted_and_starts_when_it_may() {
    let bench = Bench::new().await;
    add(&mut bench.onetrust.world(), 1, NOW);
    add(&mut bench.onetrust.world(), 2, NOW);
    bench.onetrust.world().requests.get_mut("REF1").unwrap()["status"] = json!("Verifying identity");
    bench.onetrust.world().requests.get_mut("REF2").unwrap()["additionalStatuses"] = json!("PAUSED");
    let mut poller = bench.poller();
    assert_eq!(poller.poll_once().await.unwrap(), Polled { skipped: 2, ..Polled::default() });
    assert_eq!(bench.reasons(), [("deadline_paused".to_owned(), 1), ("not_verified".to_owned(), 1)]);

    // When the stage changes and no date of the subtask does
    bench.onetrust.world().requests.get_mut("REF1").unwrap()["status"] = json!("In progress");
    bench.clock.advance(Duration::from_secs(16 * 60));
    let polled = poller.poll_once().await.unwrap();

    assert_eq!(polled, Polled { new: 1, ..Polled::default() });
    assert_eq!(bench.taken(), ["u-1"]);
}

#[tokio::test]
async fn a_subtask_that_was_closed_since_it_was_listed_starts_nothing() {
    let bench = Bench::new().await;
    add(&mut bench.onetrust.world(), 1, NOW);
    bench.onetrust.world().before = Some(Box::new(|world, asked| {
        if asked.path != SEARCH {
            world.subtasks[0]["subTaskStatus"] = json!("Completed");
        }
    }));

    bench.poller().poll_once().await.unwrap();

    assert_eq!(bench.reasons(), [("already_closed".to_owned(), 1)]);
    assert!(bench.taken().is_empty());
}

#[tokio::test]
async fn subtasks_that_leave_the_list_while_it_is_read_hide_no_other() {
    let bench = Bench::new().await;
    bench.onetrust.world().page = 3;
    for number in 10..22 {
        add(&mut bench.onetrust.world(), number, &format!("2026-11-20T11:{number}:00.000Z"));
    }
    // Given that the first page's subtasks are completed before the second is cut
    bench.onetrust.world().before = Some(Box::new(|world, asked| {
        if asked.path == SEARCH && asked.query["page"] == "1" {
            for subtask in world.subtasks.iter_mut().rev().take(3) {
                subtask["subTaskStatus"] = json!("Completed");
            }
        }
    }));

    bench.poller().poll_once().await.unwrap();

    let open: Vec<String> = (10..22).map(|number| format!("u-{number}")).collect();
    assert_eq!(bench.taken(), open, "the first page's had started already");
}

#[tokio::test]
async fn a_kill_between_pages_loses_nothing_and_starts_nothing_twice() {
    let bench = Bench::new().await;
    bench.onetrust.world().page = 2;
    for number in 10..16 {
        add(&mut bench.onetrust.world(), number, &format!("2026-11-20T11:{number}:00.000Z"));
    }
    // Given that the third page is never answered
    bench.onetrust.world().before = Some(Box::new(|world, asked| {
        if asked.path == SEARCH && asked.query["page"] == "2" {
            world.refusals.push_back((SEARCH, 500, None));
            world.before = Some(Box::new(|_, _| {}));
        }
    }));
    let error = bench.poller().poll_once().await.unwrap_err();
    assert!(matches!(error, FeedError::Api(ApiError::Failed { .. })), "{error:?}");
    assert!(!error.needs_a_person());

    let polled = bench.poller().poll_once().await.unwrap();

    assert_eq!(polled.new + polled.repeated, 6);
    assert_eq!(bench.taken().len(), 6);
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_looked_at_again_and_holds_up_no_other() {
    let bench = Bench::new().await;
    add(&mut bench.onetrust.world(), 1, "2026-11-20T11:00:00.000Z");
    let mut poller = bench.poller();
    poller.poll_once().await.unwrap();
    add(&mut bench.onetrust.world(), 2, "2026-11-20T11:55:00.000Z");
    add(&mut bench.onetrust.world(), 3, "2026-11-20T11:59:00.000Z");
    bench.onetrust.world().refusals.push_back(("/api/datasubject/v2/requestqueues/REF2/", 500, None));

    let first = poller.poll_once().await.unwrap();
    let second = poller.poll_once().await.unwrap();

    assert_eq!((first.new, first.postponed), (1, 1));
    assert_eq!((second.new, second.postponed), (1, 0));
    assert_eq!(bench.taken(), ["u-1", "u-2", "u-3"]);
}

#[tokio::test]
async fn a_limit_says_when_to_come_back_and_nothing_is_lost() {
    let bench = Bench::new().await;
    add(&mut bench.onetrust.world(), 1, NOW);
    bench.onetrust.world().refusals.push_back((SEARCH, 429, Some(("retry-after", "1".to_owned()))));
    let mut poller = bench.poller();

    let error = poller.poll_once().await.unwrap_err();
    assert!(error.not_before_ms().is_some());
    assert!(!error.needs_a_person());

    assert_eq!(poller.poll_once().await.unwrap().new, 1);
}

#[tokio::test]
async fn where_the_search_is_refused_subtasks_are_found_request_by_request() {
    let bench = Bench::new().await;
    for number in [1, 2, 3] {
        add(&mut bench.onetrust.world(), number, "2026-11-20T11:00:00.000Z");
    }
    bench.onetrust.world().requests.get_mut("REF3").unwrap()["status"] = json!("Complete");
    for _ in 0..2 {
        bench.onetrust.world().refusals.push_back((SEARCH, 403, None));
    }
    let mut poller = bench.poller();

    assert_eq!(poller.poll_once().await.unwrap().new, 2);
    assert_eq!(poller.poll_once().await.unwrap(), Polled::default());

    assert_eq!(bench.taken(), ["u-1", "u-2"]);
    assert_eq!(bench.onetrust.count(SEARCH), 1, "a refusal is remembered");
    let of_one = |number: u8| format!("/api/datasubject/v2/requestqueues/REF{number}/subtasks");
    assert_eq!(bench.onetrust.count(&of_one(1)), 1, "what did not change is not read again");
    assert_eq!(bench.onetrust.count(&of_one(3)), 0, "a request that is over is not looked into");
    let days = bench.onetrust.asked("/api/datasubject/v2/requestqueues/en-us");
    assert_eq!(days[1].query["modifieddate"], "20261119");

    // And when the scope was given
    bench.onetrust.world().refusals.clear();
    bench.clock.advance(Duration::from_secs(3601));
    poller.poll_once().await.unwrap();
    assert_eq!(bench.onetrust.count(SEARCH), 2);
}

#[tokio::test]
async fn a_page_for_people_in_place_of_the_search_is_a_refusal_unless_nothing_else_is_onetrust_either() {
    let page = || Some(("location", "/auth/login".to_owned()));
    let bench = Bench::new().await;
    add(&mut bench.onetrust.world(), 1, "2026-11-20T11:00:00.000Z");
    bench.onetrust.world().refusals.push_back((SEARCH, 302, page()));
    let mut poller = bench.poller();

    assert_eq!(poller.poll_once().await.unwrap().new, 1);
    poller.poll_once().await.unwrap();
    assert_eq!(bench.onetrust.count(SEARCH), 1, "a refusal is remembered");

    // At another system nothing else is found either
    let mut poller = bench.poller();
    for _ in 0..2 {
        bench.onetrust.world().refusals.push_back(("/api", 302, page()));
    }
    let error = poller.poll_once().await.unwrap_err();
    assert!(error.needs_a_person());
    assert!(error.to_string().contains("not OneTrust's API"), "{error}");
    poller.poll_once().await.unwrap();
    assert_eq!(bench.onetrust.count(SEARCH), 3, "and the search is not forgotten");
}

#[tokio::test]
async fn systems_cannot_be_told_apart_without_the_search_and_that_is_said() {
    let bench = Bench::new().await;
    bench.onetrust.world().refusals.push_back((SEARCH, 403, None));
    let mut trigger = trigger();
    trigger.systems = vec!["Braze".to_owned()];

    let error = bench.poller_of(&trigger).poll_once().await.unwrap_err();

    assert!(error.needs_a_person());
    assert!(error.to_string().contains("DSAR_READ"), "{error}");
}

#[tokio::test]
async fn a_clock_of_ours_that_is_a_year_ahead_or_behind_loses_no_subtask() {
    for ours in ["2027-11-20T12:00:00Z", "2025-11-20T12:00:00Z"] {
        let mut bench = Bench::new().await;
        bench.clock = Arc::new(VirtualClock::at(at(ours).as_millisecond()));
        add(&mut bench.onetrust.world(), 1, "2026-11-20T11:59:00.000Z");
        let mut poller = bench.poller();
        poller.poll_once().await.unwrap();
        add(&mut bench.onetrust.world(), 2, "2026-11-20T12:20:00.000Z");
        bench.onetrust.world().now = at("2026-11-20T12:21:00Z");
        assert!(bench.clock.now_ms() > 0);

        let polled = poller.poll_once().await.unwrap();

        assert_eq!(polled.new, 1, "{ours}");
    }
}
