//! Reading within limits, and what becomes of what cannot be read.

use privaflow::sandbox::{Effect, Fault, Faults};

use crate::people::{asked, braze_holding, consent, counts, folder, reconcile, report};
use crate::running::Running;

const PURPOSE: &str = "Marketing e-mail";
/// Two tries within a millisecond.
const IMPATIENT: &str =
    "token: { env: PRIVAFLOW_TEST_KEY }\nretries: { default: { attempts: 2, base: 1ms } }";

#[test]
fn what_could_not_be_read_is_not_compared_and_never_agrees() {
    let braze =
        braze_holding("consent-global", 3, (0..3).map(|number| consent(number, PURPOSE, "WITHDRAWN", 1)));
    let here = folder(&braze, "consent-global");
    here.settings(braze.sandbox.address(), IMPATIENT);
    here.requests((0..3).map(|number| consent(number, PURPOSE, "WITHDRAWN", 1)));
    let fail = Fault::new(Effect::FailBeforeApplying { status: 500 }).on("/users/export/ids");
    braze.sandbox.set_faults(Faults { faults: vec![fail] });

    let shot = reconcile(&here, &[]);

    assert_eq!((shot.code, counts(&shot)), (1, [0, 0, 0, 0, 0, 3]), "{}", shot.stderr);
    assert_eq!(report(&shot)["not_compared_by"]["unread"], 3);
}

#[test]
fn a_read_that_fails_for_a_while_is_tried_again() {
    let braze =
        braze_holding("consent-groups", 3, (0..3).map(|number| consent(number, "Newsletter", "ACTIVE", 1)));
    let here = folder(&braze, "consent-groups");
    here.requests((0..3).map(|number| consent(number, "Newsletter", "ACTIVE", 1)));
    let faults = [
        Fault::new(Effect::FailBeforeApplying { status: 503 }).on("/users/export/ids").at_most(1),
        Fault::new(Effect::DropAfterApplying).on("/subscription/user/status").at_most(1),
        Fault::new(Effect::TooManyRequests { retry_after_s: 1 }).on("/subscription/user/status").at_most(1),
    ];
    braze.sandbox.set_faults(Faults { faults: faults.into() });

    let shot = reconcile(&here, &[]);

    assert_eq!((shot.code, counts(&shot)), (0, [0, 0, 0, 3, 0, 0]), "{}", shot.stderr);
    assert_eq!(report(&shot)["retries"], 3);
}

#[test]
fn a_key_that_is_refused_ends_it_with_what_was_compared() {
    let braze = braze_holding("consent-global", 1, []);
    let here = folder(&braze, "consent-global");
    here.requests([consent(0, PURPOSE, "WITHDRAWN", 1)]);
    braze.sandbox.set_faults(Faults { faults: vec![Fault::new(Effect::Unauthorized)] });

    let shot = reconcile(&here, &["--repair"]);

    assert_eq!((shot.code, counts(&shot)), (3, [0; 6]), "{}", shot.stderr);
    assert_eq!(report(&shot)["is_complete"], false);
    assert!(shot.stderr.contains("nothing is repaired"), "{}", shot.stderr);
}

#[test]
fn reads_go_in_full_batches_and_keep_the_limit() {
    // given: more people than Braze's 250 requests a minute would bear one by one
    let braze = braze_holding("consent-groups", 600, []);
    let here = folder(&braze, "consent-groups");
    here.requests((0..600).map(|number| consent(number, "Newsletter", "WITHDRAWN", 1)));

    let shot = reconcile(&here, &[]);

    assert_eq!(counts(&shot), [0, 600, 0, 0, 0, 0], "{}", shot.stderr);
    assert_eq!((asked(&braze, "/users/export/ids"), asked(&braze, "/subscription/user/status")), (12, 12));
    assert_eq!(braze.sandbox.requests().too_many_requests, 0);
}

#[test]
fn an_interrupted_comparison_tells_what_it_knows_and_repairs_nothing() {
    let braze = braze_holding("consent-global", 1, []);
    let here = folder(&braze, "consent-global");
    here.requests([consent(0, PURPOSE, "WITHDRAWN", 1)]);
    let stall = Fault::new(Effect::Stall { for_ms: 600_000 }).on("/users/export/ids");
    braze.sandbox.set_faults(Faults { faults: vec![stall] });
    let start = ["reconcile", "flow.yaml", "--input", "requests.ndjson", "--output", "json", "--repair"];
    let running = Running::of(here.command(&start));
    while asked(&braze, "/users/export/ids") == 0 {
        std::thread::yield_now();
    }

    running.signal("INT");
    let shot = running.end();

    assert_eq!((shot.code, counts(&shot)), (130, [0; 6]), "{}", shot.stderr);
    assert!(shot.stderr.contains("the rest was not"), "{}", shot.stderr);
    assert_eq!(braze.sandbox.profiles()[0].email_subscribe, "subscribed");
}

#[test]
fn a_sample_is_drawn_again_by_its_seed() {
    let braze =
        braze_holding("consent-global", 100, (0..50).map(|number| consent(number, PURPOSE, "WITHDRAWN", 1)));
    let here = folder(&braze, "consent-global");
    here.requests((0..100).map(|number| consent(number, PURPOSE, "WITHDRAWN", 1)));

    let drawn = reconcile(&here, &["--sample", "20"]);
    let seed = report(&drawn)["sample"]["seed"].to_string();
    let again = reconcile(&here, &["--sample", "20", "--seed", &seed]);

    assert_eq!(
        (report(&drawn)["records"].clone(), report(&drawn)["sample"]["of"].clone()),
        (20.into(), 100.into())
    );
    assert_eq!(counts(&drawn), counts(&again));
    let [lost, _, _, agree, ..] = counts(&drawn);
    assert_eq!(lost + agree, 20);
}

#[test]
fn records_may_come_by_standard_input() {
    let braze = braze_holding("consent-global", 1, []);
    let here = folder(&braze, "consent-global");
    let line = format!("{}\n", consent(0, PURPOSE, "WITHDRAWN", 1));

    let shot = here
        .run_on(&["reconcile", "flow.yaml", "--input", "-", "--output", "json", "--repair"], line.as_bytes());

    assert_eq!((shot.code, counts(&shot)), (0, [1, 0, 0, 0, 0, 0]), "{}", shot.stderr);
}

#[test]
fn a_braze_that_nobody_answers_for_is_exit_code_three() {
    let braze = braze_holding("consent-global", 1, []);
    let here = folder(&braze, "consent-global");
    here.requests([consent(0, PURPOSE, "WITHDRAWN", 1)]);
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    here.settings(free, IMPATIENT.replace("attempts: 2", "attempts: 9").as_str());

    let shot = reconcile(&here, &[]);

    assert_eq!((shot.code, counts(&shot)), (3, [0; 6]), "{}", shot.stderr);
    assert!(shot.stderr.contains("braze-production is stopped"), "{}", shot.stderr);
}
