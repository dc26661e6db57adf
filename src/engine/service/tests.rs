//! Which profile a call goes to, whose limits hold, and when a profile is stopped.

use super::*;
use crate::catalogue;
use crate::config::{Connection, Host, Scheme, Token};
use crate::engine::send::Said;
use crate::secret::Secret;
use crate::wire::{Grant, Timeouts};

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(60) };

/// A moment after every window's beginning.
const NOW_MS: i64 = 1_800_000_000_000;

fn service(name: &str, workspace: &str) -> Service {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
    let connection = Connection::new(Scheme::Http, Host::from(address)).unwrap();
    let token = Token::fixed(Secret::new("k".to_owned()));
    Service {
        name: name.to_owned(),
        system: "braze".to_owned(),
        workspace: workspace.to_owned(),
        client: Client::new(&connection, token, Timeouts::default()).unwrap(),
        share: 1.0,
        limits: HashMap::new(),
        account: None,
        any_name: false,
    }
}

fn services(list: impl IntoIterator<Item = Service>) -> Services {
    services_under(&Arc::default(), list)
}

fn services_under(limits: &Arc<Limits>, list: impl IntoIterator<Item = Service>) -> Services {
    Services::new(list.into_iter().map(Arc::new).collect(), Arc::clone(limits), 7)
}

fn gate(service: usize) -> Gate {
    Gate { service, pool: &catalogue::find("braze/users.delete").unwrap().pool }
}

/// How many requests may leave within a window of so many milliseconds, if each is answered at once.
fn allowed(services: &mut Services, gate: Gate, window_ms: i64) -> u32 {
    allowed_from(services, gate, NOW_MS, window_ms)
}

fn allowed_from(services: &mut Services, gate: Gate, start_ms: i64, window_ms: i64) -> u32 {
    let mut now_ms = start_ms;
    let mut left = 0;
    while now_ms < start_ms + window_ms {
        match services.reserve(gate, now_ms) {
            None => {
                services.settle(gate, now_ms, now_ms);
                left += 1;
            }
            Some(at_ms) => now_ms = at_ms.max(now_ms + 1),
        }
    }
    left
}

fn limited(mut service: Service, requests: u32) -> Service {
    service.limits.insert("users.delete".to_owned(), (requests, Duration::from_secs(1)));
    service
}

#[test]
fn a_profile_is_found_by_its_name_and_its_system() {
    let services = services([service("eu", "eu"), service("us", "us")]);

    assert_eq!(services.find("braze", Some("us")), Ok(1));
    let unknown = services.find("braze", Some("asia")).unwrap_err();
    assert_eq!(unknown.message, "there is no braze profile of that name; the settings have `eu`, `us`");
    let other = services.find("onetrust", Some("eu")).unwrap_err();
    assert_eq!((other.code, &*other.message), ("no_profile", "the settings have no onetrust profile"));
}

#[test]
fn without_a_name_only_the_only_profile_of_a_system_is_meant() {
    let one = services([service("eu", "eu")]);
    let two = services([service("eu", "eu"), service("us", "us")]);

    assert_eq!(one.find("braze", None), Ok(0));
    assert_eq!(one.find("onetrust", None).unwrap_err().code, "no_profile");
    assert!(two.find("braze", None).unwrap_err().message.contains("several braze profiles"));
}

#[test]
fn the_sandbox_takes_any_name_of_its_system() {
    let services = services([Service { any_name: true, ..service("sandbox", "sandbox") }]);

    assert_eq!(services.find("braze", Some("braze-production")), Ok(0));
    assert!(services.find("onetrust", Some("sandbox")).is_err());
}

#[test]
fn profiles_of_one_workspace_have_one_limiter() {
    let mut services = services([
        limited(service("a", "w"), 1),
        limited(service("b", "w"), 1),
        limited(service("c", "v"), 1),
    ]);

    assert_eq!(services.reserve(gate(0), NOW_MS), None);
    assert!(services.reserve(gate(1), NOW_MS).is_some());
    assert_eq!(services.reserve(gate(2), NOW_MS), None);
}

#[test]
fn a_limit_of_the_settings_replaces_the_documented_one_of_its_whole_pool() {
    let documented = catalogue::find("braze/users.delete").unwrap().limit.requests;
    let mut stated = services([limited(service("a", "w"), 20)]);
    let mut half = services([Service { share: 0.5, ..limited(service("a", "w"), 20) }]);

    assert!(documented > 100);
    let other =
        catalogue::all().iter().find(|action| action.pool == gate(0).pool && action.id != "users.delete");
    assert!(other.is_some(), "the pool has one action only, so this test says little");
    assert!((18..=20).contains(&allowed(&mut stated, gate(0), 1000)));
    assert!((8..=10).contains(&allowed(&mut half, gate(0), 1000)));
}

#[test]
fn the_lowest_limit_that_a_profile_of_the_workspace_states_holds_for_all() {
    for (first, second) in [(100, 10), (10, 100)] {
        let mut services = services([limited(service("a", "w"), first), limited(service("b", "w"), second)]);

        assert!((8..=10).contains(&allowed(&mut services, gate(0), 1000)), "{first}, {second}");
    }
}

#[test]
fn a_pool_that_nothing_limits_lets_everything_through() {
    let mut services = services([service("a", "w")]);
    let gate = Gate { service: 0, pool: "no-such-pool" };

    assert!((0..10_000).all(|_| services.reserve(gate, NOW_MS).is_none()));
}

#[test]
fn a_service_that_was_asked_too_fast_is_left_alone_until_it_said() {
    let mut services = services([service("a", "w")]);
    let said = Said { rest_until_ms: Some(NOW_MS + 5000), ..Said::default() };

    services.observe(gate(0), &said, NOW_MS, NOW_MS);

    assert_eq!(services.reserve(gate(0), NOW_MS + 4999), Some(NOW_MS + 5000));
    assert_eq!(services.reserve(gate(0), NOW_MS + 5000), None);
}

#[test]
fn a_documented_count_brings_its_own_window() {
    let gate = |service| Gate { service, pool: &catalogue::find("braze/users.export.ids").unwrap().pool };
    let said = |ends_in_ms| Said {
        limit: Some(40),
        remaining: Some(39),
        reset_ms: Some(NOW_MS + ends_in_ms),
        ..Said::default()
    };
    for (ends_in_ms, in_a_minute) in [(1_000, 2_000..=2_400), (40_000, 1..=40)] {
        let mut services = services([service("a", "w")]);
        assert_eq!(services.reserve(gate(0), NOW_MS), None);
        services.settle(gate(0), NOW_MS, NOW_MS);

        services.observe(gate(0), &said(ends_in_ms), NOW_MS, NOW_MS);

        let allowed = allowed(&mut services, gate(0), 60_000);
        assert!(in_a_minute.contains(&allowed), "{ends_in_ms}: {allowed}");
    }
    let mut own = service("a", "w");
    own.limits.insert("users.export.ids".to_owned(), (10, Duration::from_secs(60)));
    let mut services = services([own]);
    services.observe(gate(0), &said(1_000), NOW_MS, NOW_MS);
    assert!(allowed(&mut services, gate(0), 60_000) <= 10);
}

#[test]
fn a_stopped_profile_stays_stopped_for_its_first_reason_and_stops_no_other() {
    let mut services = services([service("a", "w"), service("b", "w")]);

    services.stop(0, "the key is refused".to_owned());
    services.stop(0, "something else".to_owned());

    assert_eq!((services.is_stopped(0), services.is_stopped(1)), (true, false));
    assert!(services.any_stopped() && !services.all_stopped());
    let why = "the key is refused".to_owned();
    assert_eq!(services.stopped(), [Stopped { profile: "a".to_owned(), why }]);
    services.stop(1, "so is this".to_owned());
    assert!(services.all_stopped());
}

#[test]
fn jobs_of_one_process_share_the_limit_of_a_workspace() {
    let limits = Arc::default();
    let mut first = services_under(&limits, [limited(service("a", "w"), 1)]);
    let mut second = services_under(&limits, [limited(service("b", "w"), 1)]);
    let mut other = services_under(&limits, [limited(service("c", "v"), 1)]);

    assert_eq!(first.reserve(gate(0), NOW_MS), None);
    assert!(second.reserve(gate(0), NOW_MS).is_some());
    assert_eq!(other.reserve(gate(0), NOW_MS), None);
}

#[test]
fn a_job_that_begins_later_does_not_forget_what_others_sent_or_were_told() {
    let limits = Arc::default();
    let mut first = services_under(&limits, [limited(service("a", "w"), 20)]);
    let said = Said { rest_until_ms: Some(NOW_MS + 5000), ..Said::default() };
    assert_eq!(allowed(&mut first, gate(0), 1000), 20);
    first.observe(gate(0), &said, NOW_MS, NOW_MS + 1000);

    let mut second = services_under(&limits, [limited(service("a", "w"), 10)]);

    assert_eq!(second.reserve(gate(0), NOW_MS + 1000), Some(NOW_MS + 5000));
    assert!((9..=10).contains(&allowed_from(&mut second, gate(0), NOW_MS + 5000, 1000)));
}

#[test]
fn a_profile_that_is_refused_stops_in_every_open_job_and_may_be_tried_by_a_later_one() {
    let limits = Arc::default();
    let mut first = services_under(&limits, [service("a", "w"), service("b", "w")]);
    let second = services_under(&limits, [service("b", "w"), service("a", "w")]);

    first.stop(0, "the key is refused".to_owned());

    assert_eq!((first.is_stopped(0), second.is_stopped(1), second.is_stopped(0)), (true, true, false));
    assert_eq!(second.stopped(), first.stopped());
    let mut later = services_under(&limits, [service("a", "w")]);
    assert!(!later.any_stopped());
    first.stop(0, "an answer that came late".to_owned());
    assert!(!later.any_stopped());
    later.stop(0, "still refused".to_owned());
    assert!(later.all_stopped());
}

#[test]
fn requests_of_an_account_of_onetrust_are_counted_with_those_of_others_who_ask_it() {
    let account = Arc::new(onetrust::Limits::new(onetrust::Rates::documented()));
    let of_account = Service {
        system: "onetrust".to_owned(),
        account: Some(Arc::clone(&account)),
        ..service("a", "acme")
    };
    let mut services = services([of_account]);
    let get = Gate { service: 0, pool: &catalogue::find("onetrust/subtask.get").unwrap().pool };
    let status = Gate { service: 0, pool: &catalogue::find("onetrust/subtask.status").unwrap().pool };
    let at = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    let said = |rests_account| Said { rest_until_ms: Some(NOW_MS + 9000), rests_account, ..Said::default() };
    let left = allowed(&mut services, get, 1000);
    let now_ms = NOW_MS + 1000;

    // Somebody else takes what is left of the endpoint's minute.
    let endpoint = "GET /api/datasubject/v2/subtasks/{}";
    let mut now = at(now_ms);
    let mut others = 0;
    while now < at(NOW_MS + 60_000) {
        match account.reserve(endpoint, now) {
            Grant::Now => {
                account.settle(endpoint, now, now);
                others += 1;
            }
            Grant::At(then) => now = then,
        }
    }
    assert!(left > 0 && left + others <= 1000, "{left} and {others}");

    services.observe(get, &said(false), NOW_MS, NOW_MS + 60_000);
    assert_eq!(account.reserve("GET /other", at(NOW_MS + 60_000)), Grant::Now);
    let hour = Said { rest_until_ms: Some(NOW_MS + 99_000), ..said(true) };
    services.observe(get, &hour, NOW_MS, NOW_MS + 60_000);
    // Evenly spread, the first request of an endpoint waits a moment of its own.
    let _: Option<i64> = services.reserve(status, NOW_MS + 60_000);
    assert_eq!(services.reserve(status, NOW_MS + 61_000), Some(NOW_MS + 99_000));
    assert_eq!(account.reserve("GET /other", at(NOW_MS + 61_000)), Grant::At(at(NOW_MS + 99_000)));
}

#[test]
fn no_profiles_at_all_are_not_stopped() {
    assert!(!services([]).all_stopped());
}

#[test]
fn a_service_that_never_answered_is_given_up_after_a_few_tries() {
    let mut services = services([service("a", "w")]);
    for tries in 0..TRIES_TO_REACH - 1 {
        services.note_not_reached(0, tries, "refused");
    }
    assert!(!services.is_stopped(0));

    services.note_not_reached(0, TRIES_TO_REACH - 1, "refused");

    assert!(services.is_stopped(0));
}

#[test]
fn a_service_that_answered_once_is_not_given_up() {
    let mut services = services([service("a", "w")]);
    services.observe(gate(0), &Said::default(), NOW_MS, NOW_MS);

    services.note_not_reached(0, 100, "reset");

    assert!(!services.is_stopped(0));
}

#[test]
fn a_batch_is_never_tried_earlier_than_the_service_said() {
    let mut services = services([service("a", "w")]);
    let mut batch = Batch {
        number: 0,
        attempt: 1,
        service: 0,
        step: 0,
        members: Vec::new(),
        first_ms: Some(NOW_MS),
        left_ms: NOW_MS,
        tries: 1,
        unreadable: 0,
        may_be_made: false,
        is_abandoned: false,
        stays_in_the_air: false,
    };

    let mut waits = Vec::new();
    for _ in 0..100 {
        assert!(services.next_try(&batch, BACKOFF, Some(NOW_MS + 90_000), NOW_MS) >= NOW_MS + 90_000);
        waits.push(services.next_try(&batch, BACKOFF, None, NOW_MS) - NOW_MS);
    }

    assert!(waits.iter().all(|wait| (0..=500).contains(wait)), "{waits:?}");
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 50, "waits are drawn apart");
    batch.tries = 20;
    let longest = (0..100).map(|_| services.next_try(&batch, BACKOFF, None, NOW_MS) - NOW_MS).max();
    assert!(longest.is_some_and(|longest| (30_000..=60_000).contains(&longest)), "{longest:?}");
}

/// The longest of many pauses before a batch that was limited so many times.
fn longest_pause_ms(attempt: u32, not_before_ms: Option<i64>) -> i64 {
    let mut services = services([]);
    let batch = Batch {
        number: 0,
        attempt,
        service: 0,
        step: 0,
        members: Vec::new(),
        first_ms: Some(0),
        left_ms: 0,
        tries: 0,
        unreadable: 0,
        may_be_made: false,
        is_abandoned: false,
        stays_in_the_air: false,
    };
    (0..500).map(|_| services.next_try(&batch, BACKOFF, not_before_ms, 0)).max().unwrap_or_default()
}

#[test]
fn a_service_that_says_no_and_not_until_when_is_asked_ever_later() {
    assert!(longest_pause_ms(1, None) < 500);
    assert!((4000..8000).contains(&longest_pause_ms(5, None)));
    assert!((4000..8000).contains(&longest_pause_ms(50, None)));
}

#[test]
fn a_service_that_says_until_when_is_asked_then_however_often_it_said_so() {
    assert_eq!(longest_pause_ms(50, Some(1000)), 1000);
}

#[test]
fn a_moment_that_the_service_names_is_waited_for_whatever_its_refusals_seem_to_say() {
    let mut services = services([service("a", "w")]);
    let refused = |now_ms: i64| Said {
        rest_until_ms: Some(now_ms + 7000),
        says_when: true,
        is_untold: true,
        ..Said::default()
    };
    let (mut now_ms, mut sent) = (NOW_MS, 0);
    while sent < 600 {
        if let Some(later_ms) = services.reserve(gate(0), now_ms) {
            now_ms = later_ms;
            continue;
        }
        sent += 1;
        services.settle(gate(0), now_ms, now_ms + 5);
        let (left_ms, is_refused) = (now_ms, sent % 10 == 0);
        now_ms += 5;
        if is_refused {
            services.observe(gate(0), &refused(now_ms), left_ms, now_ms);
            let next_ms = services.reserve(gate(0), now_ms);
            assert!(next_ms.is_some_and(|next_ms| next_ms >= now_ms + 7000), "{sent}: {next_ms:?}");
        }
    }
}
