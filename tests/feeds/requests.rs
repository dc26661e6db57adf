//! Subtasks found request by request, where the search of version 3 is not there.

use std::time::Duration;

use privaflow::feeds::Polled;
use serde_json::json;

use crate::standin::SEARCH;
use crate::subtasks::{Bench, add};

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
async fn a_request_that_cannot_be_read_keeps_nobody_from_those_behind_it() {
    for status in [500, 403, 404] {
        let bench = Bench::new().await;
        for number in 1..=4 {
            add(&mut bench.onetrust.world(), number, "2026-11-20T11:00:00.000Z");
        }
        let of = |number: u8| format!("/api/datasubject/v2/requestqueues/REF{number}/subtasks");
        let poison: &'static str = of(2).leak();
        for _ in 0..3 {
            bench.onetrust.world().refusals.push_back((SEARCH, 403, None));
            for _ in 0..2 {
                bench.onetrust.world().refusals.push_back((poison, status, None));
            }
        }
        let mut poller = bench.poller();

        let polled = poller.poll_once().await.unwrap();
        assert_eq!((polled.new, polled.postponed), (3, 1), "{status}");
        let polled = poller.poll_once().await.unwrap();

        assert_eq!((polled.new, polled.postponed), (0, 1), "{status}");
        assert_eq!(bench.onetrust.count(&of(1)), 1, "what was read is not read again for it");
        bench.onetrust.world().refusals.clear();
        assert_eq!(poller.poll_once().await.unwrap().new, 1, "{status}");
        assert_eq!(poller.poll_once().await.unwrap(), Polled::default());
    }
}

#[tokio::test]
async fn what_was_found_before_a_look_broke_off_starts() {
    let bench = Bench::new().await;
    bench.onetrust.world().page = 2;
    for number in 1..=4 {
        add(&mut bench.onetrust.world(), number, "2026-11-20T11:00:00.000Z");
    }
    let requests = "/api/datasubject/v2/requestqueues/en-us";
    bench.onetrust.world().refusals.push_back((SEARCH, 403, None));
    bench.onetrust.world().before = Some(Box::new(move |world, asked| {
        if asked.path == requests && asked.query["page"] == "1" {
            world.refusals.push_back((requests, 500, None));
        }
    }));
    let mut poller = bench.poller();

    poller.poll_once().await.unwrap_err();

    assert_eq!(bench.taken().len(), 2);
    bench.onetrust.world().before = None;
    assert_eq!(poller.poll_once().await.unwrap().new, 2);
}

#[tokio::test]
async fn where_no_request_can_be_read_that_is_said() {
    let bench = Bench::new().await;
    add(&mut bench.onetrust.world(), 1, "2026-11-20T11:00:00.000Z");
    bench.onetrust.world().refusals.push_back((SEARCH, 403, None));
    bench.onetrust.world().refusals.push_back(("/api/datasubject/v2/requestqueues/REF1/subtasks", 403, None));

    let error = bench.poller().poll_once().await.unwrap_err();

    assert!(error.needs_a_person());
    assert!(error.to_string().contains("scope"), "{error}");
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
