//! Consents that changed come in, once each, from every list.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use privaflow::clock::{SharedClock, VirtualClock};
use privaflow::feeds::{FeedError, Polled, Poller};
use privaflow::journal::Store;
use privaflow::workflow::{ConsentRules, ConsentTrigger, Feed};
use serde_json::json;

use crate::standin::{OneTrust, PROFILES, TRANSACTIONS, Tokens, UNORDERED, World, at};
use crate::subtasks::records;

const NOW: &str = "2026-11-20T12:00:00Z";

pub fn trigger(feed: Feed) -> ConsentTrigger {
    ConsentTrigger {
        look_back: Duration::ZERO,
        profile: "onetrust".to_owned(),
        feed,
        every: Duration::from_secs(60),
        overlap: Duration::from_secs(600),
        start: Some(at("2026-11-20T10:00:00Z")),
        all_preferences: false,
        rules: ConsentRules::default(),
    }
}

/// A row that reads as any of the lists.
fn add(world: &mut World, person: usize, changed: &str) {
    let (identifier, date) = (format!("{person:04}@example.com"), changed);
    world.rows.push((
        at(changed),
        json!({
            "Identifier": identifier, "LastUpdatedDate": date,
            "Purposes": [{"Id": "p", "Status": "WITHDRAWN", "LastUpdatedDate": date}],
            "identifier": identifier, "id": "p", "status": "WITHDRAWN", "lastUpdatedDate": date,
            "transactionGuid": format!("t-{person}-{}", at(date).as_second()), "purposeGuid": "p",
            "transactionType": "WITHDRAWN", "consentCreationDate": date.trim_end_matches('Z'),
        }),
    ));
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

    fn poller(&self, trigger: &ConsentTrigger) -> Poller {
        let clock: SharedClock = Arc::<VirtualClock>::clone(&self.clock);
        Poller::consents("groups", trigger, self.onetrust.api(), Arc::clone(&self.store), clock)
    }

    /// Time passes here and there.
    fn later(&self, now: &str) {
        self.onetrust.world().now = at(now);
        self.clock.advance_to(at(now).as_millisecond());
    }

    fn taken(&self) -> Vec<String> {
        let mut found: Vec<String> = records(&self.store, "groups")
            .iter()
            .map(|record| record["subject"]["email"].as_str().unwrap().to_owned())
            .collect();
        found.sort();
        found
    }
}

fn people(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("{number:04}@example.com")).collect()
}

const FEEDS: [Feed; 3] = [Feed::Profiles, Feed::Unordered, Feed::Transactions];

#[tokio::test]
async fn a_row_that_shows_long_after_its_date_is_found_within_a_day() {
    for feed in FEEDS {
        let bench = Bench::new().await;
        let looking_back = ConsentTrigger { look_back: Duration::from_secs(2 * 86_400), ..trigger(feed) };
        let mut poller = bench.poller(&looking_back);
        poller.poll_once().await.unwrap();

        // Given rows that show an hour late, and one from before the first look
        bench.later("2026-11-20T13:00:00Z");
        add(&mut bench.onetrust.world(), 1, "2026-11-20T11:00:00.000Z");
        add(&mut bench.onetrust.world(), 2, "2026-11-20T09:00:00.000Z");
        let usual = poller.poll_once().await.unwrap();
        let restarted = bench.poller(&looking_back).poll_once().await.unwrap();

        // When a day is over, across a restart
        bench.later("2026-11-21T12:00:00Z");
        let mut poller = bench.poller(&looking_back);
        let wide = poller.poll_once().await.unwrap();
        let after = poller.poll_once().await.unwrap();

        assert_eq!((usual.new, restarted.new, wide.new, after), (0, 0, 1, Polled::default()), "{feed:?}");
        assert_eq!(bench.taken(), people([1]), "{feed:?}");
    }
}

#[tokio::test]
async fn every_list_brings_each_change_once() {
    for feed in FEEDS {
        for tokens in [Tokens::None, Tokens::OnTop, Tokens::Inside] {
            let bench = Bench::new().await;
            bench.onetrust.world().tokens = tokens;
            for person in 0..120 {
                add(&mut bench.onetrust.world(), person, "2026-11-20T11:55:00.000Z");
            }
            let mut poller = bench.poller(&trigger(feed));

            let first = poller.poll_once().await.unwrap();
            bench.later("2026-11-20T12:01:00Z");
            add(&mut bench.onetrust.world(), 500, "2026-11-20T12:00:30.000Z");
            let second = poller.poll_once().await.unwrap();
            let restarted = bench.poller(&trigger(feed)).poll_once().await.unwrap();

            assert_eq!(first, Polled { new: 120, ..Polled::default() }, "{feed:?}");
            assert_eq!((second.new, second.repeated), (1, 120), "{feed:?}");
            assert_eq!((restarted.new, restarted.repeated), (0, 121), "{feed:?}");
            assert_eq!(bench.taken(), people((0..120).chain([500])), "{feed:?}");
        }
    }
}

#[tokio::test]
async fn a_row_that_shows_late_is_found_within_the_overlap() {
    for feed in FEEDS {
        let bench = Bench::new().await;
        add(&mut bench.onetrust.world(), 1, "2026-11-20T11:59:00.000Z");
        let mut poller = bench.poller(&trigger(feed));
        poller.poll_once().await.unwrap();
        bench.later("2026-11-20T12:01:00Z");

        // Given a row dated before what was read already
        add(&mut bench.onetrust.world(), 2, "2026-11-20T11:52:00.000Z");
        poller.poll_once().await.unwrap();

        assert_eq!(bench.taken(), people([1, 2]), "{feed:?}");
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_goes_on_at_the_page_that_is_next() {
    let lists = [PROFILES, UNORDERED, TRANSACTIONS];
    for (feed, path) in FEEDS.into_iter().zip(lists) {
        let bench = Bench::new().await;
        bench.onetrust.world().tokens = Tokens::OnTop;
        for person in 0..120 {
            add(&mut bench.onetrust.world(), person, "2026-11-20T11:55:00.000Z");
        }
        // Given that the third page fails and the process ends
        bench.onetrust.world().before = Some(Box::new(move |world, asked| {
            if asked.token.as_deref() == Some("token-100") {
                world.refusals.push_back((path, 503, None));
                world.before = Some(Box::new(|_, _| {}));
            }
        }));
        bench.poller(&trigger(feed)).poll_once().await.unwrap_err();

        let polled = bench.poller(&trigger(feed)).poll_once().await.unwrap();

        assert_eq!((polled.new, polled.repeated), (20, 0), "{feed:?}");
        assert_eq!(bench.taken().len(), 120, "{feed:?}");
    }
}

#[tokio::test]
async fn a_token_that_counts_no_more_makes_the_window_be_read_again() {
    let bench = Bench::new().await;
    bench.onetrust.world().tokens = Tokens::Inside;
    for person in 0..120 {
        add(&mut bench.onetrust.world(), person, "2026-11-20T11:55:00.000Z");
    }
    bench.onetrust.world().before = Some(Box::new(|world, asked| {
        if asked.token.as_deref() == Some("token-100") {
            world.refusals.push_back((UNORDERED, 400, None));
            world.before = Some(Box::new(|_, _| {}));
        }
    }));

    let polled = bench.poller(&trigger(Feed::Unordered)).poll_once().await.unwrap();

    assert_eq!((polled.new, polled.repeated), (120, 100));
}

#[tokio::test]
async fn a_long_absence_is_read_in_windows_that_the_list_allows() {
    for (feed, path, days) in [(Feed::Unordered, UNORDERED, 100), (Feed::Transactions, TRANSACTIONS, 9)] {
        let bench = Bench::new().await;
        let now = at(NOW);
        for person in 0..days {
            let changed = now - SignedDuration::from_hours(24 * i64::try_from(person).unwrap() + 1);
            add(&mut bench.onetrust.world(), person, &format!("{changed:.3}"));
        }
        let start = Some(now - SignedDuration::from_hours(24 * i64::try_from(days).unwrap()));

        // The stand-in refuses a window that is too long
        let polled = bench.poller(&ConsentTrigger { start, ..trigger(feed) }).poll_once().await.unwrap();

        assert_eq!(polled.new, days as u64, "{feed:?}");
        let windows = bench.onetrust.asked(path);
        let bound = |at: usize, name: &str| windows[at].query[name].clone();
        let (from, until) = match feed {
            Feed::Unordered => ("updatedSince", "updatedUntil"),
            _ => ("fromDate", "toDate"),
        };
        assert_eq!(bound(0, until), bound(windows.len().min(2) - 1, from), "windows follow each other");
    }
}

#[tokio::test]
async fn a_clock_of_ours_that_is_wrong_loses_no_change() {
    for feed in FEEDS {
        for ours in ["2026-12-15T12:00:00Z", "2026-08-20T12:00:00Z"] {
            for has_clock in [true, false] {
                let mut bench = Bench::new().await;
                bench.clock = Arc::new(VirtualClock::at(at(ours).as_millisecond()));
                bench.onetrust.world().has_clock = has_clock;
                add(&mut bench.onetrust.world(), 1, "2026-11-20T11:59:00.000Z");
                let mut poller = bench.poller(&trigger(feed));
                poller.poll_once().await.unwrap();
                bench.onetrust.world().now = at("2026-11-20T14:00:00Z");
                add(&mut bench.onetrust.world(), 2, "2026-11-20T13:00:00.000Z");
                poller.poll_once().await.unwrap();
                // When somebody sets the clock right
                bench.clock = Arc::new(VirtualClock::at(at("2026-11-20T14:00:00Z").as_millisecond()));
                bench.poller(&trigger(feed)).poll_once().await.unwrap();

                assert_eq!(bench.taken(), people([1, 2]), "{feed:?} {ours} {has_clock}");
            }
        }
    }
}

#[tokio::test]
async fn without_a_start_only_what_changes_from_now_on_comes_in() {
    for feed in FEEDS {
        let bench = Bench::new().await;
        add(&mut bench.onetrust.world(), 1, "2026-11-20T09:00:00.000Z");
        let mut poller = bench.poller(&ConsentTrigger { start: None, ..trigger(feed) });
        poller.poll_once().await.unwrap();
        bench.later("2026-11-20T12:30:00Z");
        add(&mut bench.onetrust.world(), 2, "2026-11-20T12:10:00.000Z");

        poller.poll_once().await.unwrap();

        assert_eq!(bench.taken(), people([2]), "{feed:?}");
    }
}

#[tokio::test]
async fn the_list_of_profiles_is_asked_without_counts_and_with_refusals_when_they_are_wanted() {
    let bench = Bench::new().await;
    let wanting = ConsentTrigger { all_preferences: true, ..trigger(Feed::Profiles) };
    bench.poller(&wanting).poll_once().await.unwrap();

    let asked = bench.onetrust.asked(PROFILES).remove(0);

    assert_eq!(asked.query["properties"], "ignoreCount,includeAllPreferences");
    assert_eq!(asked.query["updatedSince"], "2026-11-20T09:50:00");
    assert_eq!(asked.query["size"], "50");
}

#[tokio::test]
async fn a_list_that_answers_the_same_page_for_ever_is_told() {
    let bench = Bench::new().await;
    for person in 0..60 {
        add(&mut bench.onetrust.world(), person, "2026-11-20T11:55:00.000Z");
    }
    bench.onetrust.world().tokens = Tokens::Stuck;

    let error = bench.poller(&trigger(Feed::Profiles)).poll_once().await.unwrap_err();

    assert!(matches!(error, FeedError::SamePage { .. }), "{error:?}");
    assert_eq!(bench.taken().len(), 50, "what was read is kept");
}

#[tokio::test]
async fn people_who_cannot_be_named_are_noted_without_their_data() {
    let bench = Bench::new().await;
    bench.onetrust.world().rows.push((at(NOW), json!({"Purposes": [{"Id": "p", "Status": "ACTIVE"}]})));
    let changed: Timestamp = at(NOW);
    bench
        .onetrust
        .world()
        .rows
        .push((changed, json!({"Identifier": "a@example.com", "TestDataSubject": true})));

    let polled = bench.poller(&trigger(Feed::Profiles)).poll_once().await.unwrap();

    assert_eq!(polled, Polled { skipped: 2, ..Polled::default() });
    let mut reasons: Vec<_> = bench.store.skipped().unwrap().into_iter().map(|skip| skip.reason).collect();
    reasons.sort();
    assert_eq!(reasons, ["no_identifier", "test_subject"]);
}
