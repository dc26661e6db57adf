//! The first fill: OneTrust's bulk exports become records, none is asked for twice, and nothing is lost.

use std::os::unix::fs::PermissionsExt;

use privaflow::sandbox::{Effect, Fault, Faults};
use serde_json::{Value, json};

use crate::folder::{Folder, Shot};
use crate::onetrust::{Portal, folder};
use crate::people::braze_holding;
use crate::running::Running;

const ORDERS: &str = "/api/ot-insights/v1/bulk-export-jobs";
const FILE: &str = "/api/document-gateway/{id}";

/// A OneTrust in which `u-<number>` said something on each of these days.
fn portal(days: &[&str]) -> Portal {
    let portal = Portal::start();
    for (number, day) in days.iter().enumerate() {
        let status = if number % 2 == 0 { "WITHDRAWN" } else { "CONFIRMED" };
        portal.said(number, status, Some(format!("{day}T10:00:00Z").parse().unwrap()));
    }
    portal
}

fn backfill(folder: &Folder, more: &[&str]) -> Shot {
    let start = ["backfill", "flow.yaml", "--out", "all.ndjson", "--output", "json", "--every", "1ms"];
    folder.run(&[&start, more].concat())
}

/// Requests to OneTrust on a path; those that order exports share it with those that list them.
fn asked(portal: &Portal, path: &str) -> u64 {
    portal.onetrust.calls().paths.iter().find(|(known, _)| *known == path).map_or(0, |(_, count)| *count)
}

fn records(folder: &Folder) -> Vec<Value> {
    folder.read("all.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Exports that OneTrust was asked for.
fn exports(portal: &Portal) -> u64 {
    let key = portal.onetrust.api_key();
    let url = format!("http://{}{ORDERS}/credits", portal.onetrust.address());
    let get = async {
        reqwest::Client::new().get(url).bearer_auth(key).send().await.unwrap().bytes().await.unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let credits: Value = serde_json::from_slice(&runtime.block_on(get)).unwrap();
    credits["creditsUsed"].as_u64().unwrap()
}

#[test]
fn everybody_of_a_long_time_becomes_a_record_that_reconcile_and_run_take() {
    // given: people of a year, which are three exports
    let braze = braze_holding("consent-groups", 4, []);
    let portal = portal(&["2025-11-25", "2026-03-01", "2026-06-30", "2026-11-20"]);
    let here = folder(&braze, &portal);

    let shot = backfill(&here, &["--since", "2025-11-22", "--until", "2026-11-21"]);
    let arguments =
        ["reconcile", "flow.yaml", "--input", "all.ndjson", "--output", "json", "--repair", "all"];
    let repaired = here.run(&arguments);
    let again = here.run(&["reconcile", "flow.yaml", "--input", "all.ndjson", "--output", "json"]);

    assert_eq!(shot.code, 0, "{}", shot.stderr);
    assert_eq!((&shot.json()["records"], &shot.json()["exports"]), (&json!(4), &json!(3)));
    assert_eq!(exports(&portal), 3);
    let all = records(&here);
    assert_eq!(
        all[0]["subject"],
        json!({ "email": "u-0@marker.example", "language": "en-us", "external_id": "u-0" })
    );
    assert_eq!(all[0]["consents"][0]["status"], "WITHDRAWN");
    assert_eq!(all[0]["consents"][0]["updated_at"], "2025-11-25T10:00:00.000Z");
    let mode = std::fs::metadata(here.path("all.ndjson")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        std::fs::read_dir(here.path("store/backfill")).unwrap().count(),
        0,
        "what was fetched names people"
    );
    assert!(!shot.stderr.contains("marker") && !shot.stdout.contains("marker"));
    assert_eq!((repaired.code, again.code), (0, 0), "{}{}", repaired.stderr, again.stdout);
}

#[test]
fn an_export_that_was_asked_for_is_gone_on_with_after_a_kill() {
    let braze = braze_holding("consent-groups", 1, []);
    let portal = portal(&["2026-11-01"]);
    let here = folder(&braze, &portal);
    let stall = Fault::new(Effect::Stall { for_ms: 600_000 }).on(FILE);
    portal.onetrust.set_faults(Faults { faults: vec![stall] });
    let start = [
        "backfill",
        "flow.yaml",
        "--out",
        "all.ndjson",
        "--since",
        "2026-10-01",
        "--until",
        "2026-11-02",
        "--every",
        "1ms",
    ];
    let running = Running::of(here.command(&start));
    while asked(&portal, FILE) == 0 {
        std::thread::yield_now();
    }

    running.kill();
    portal.onetrust.set_faults(Faults::default());
    let shot = backfill(&here, &["--since", "2026-10-01", "--until", "2026-11-02"]);

    assert_eq!((shot.code, exports(&portal)), (0, 1), "{}", shot.stderr);
    assert_eq!(records(&here).len(), 1);
}

#[test]
fn an_order_whose_answer_was_lost_is_not_given_twice() {
    let braze = braze_holding("consent-groups", 1, []);
    let portal = portal(&["2026-11-01"]);
    let here = folder(&braze, &portal);
    // The first request of the path asks whether it was ordered before, the second one orders.
    let lost = Fault::new(Effect::DropAfterApplying).on(ORDERS).every(2).at_most(1);
    portal.onetrust.set_faults(Faults { faults: vec![lost] });

    let shot = backfill(&here, &["--since", "2026-10-01", "--until", "2026-11-02"]);

    assert_eq!((shot.code, exports(&portal)), (0, 1), "{}", shot.stderr);
    assert_eq!(records(&here).len(), 1);
}

#[test]
fn too_few_exports_left_is_said_before_one_is_spent() {
    let braze = braze_holding("consent-groups", 1, []);
    let portal = portal(&[]);
    let here = folder(&braze, &portal);

    let shot = backfill(&here, &["--since", "2010-01-01"]);

    assert_eq!((shot.code, exports(&portal)), (2, 0), "{}", shot.stderr);
    assert!(shot.stderr.contains("20 left this month"), "{}", shot.stderr);
    assert!(!here.path("all.ndjson").exists());
}

#[test]
fn files_that_are_here_already_are_read_by_the_columns_that_are_named() {
    let braze = braze_holding("consent-groups", 1, []);
    let portal = portal(&[]);
    let here = folder(&braze, &portal);
    let table = "Who;Purpose;State of consent;Customer number\nu-7@marker.example;Newsletter;WITHDRAWN;u-7\n;Newsletter;ACTIVE;\n";
    here.write("export.csv", table);

    let unnamed = backfill(&here, &["--file", "export.csv"]);
    let named = backfill(
        &here,
        &["--file", "export.csv", "--column", "identifier=Who", "--column", "status=State of consent"],
    );

    assert_eq!(unnamed.code, 2);
    assert!(unnamed.stderr.contains("--column identifier=COLUMN"), "{}", unnamed.stderr);
    assert!(!unnamed.stderr.contains("marker"), "{}", unnamed.stderr);
    assert_eq!(
        (named.code, &named.json()["skipped_by"]),
        (0, &json!({ "no_identifier": 1 })),
        "{}",
        named.stderr
    );
    assert_eq!(records(&here)[0]["subject"]["external_id"], "u-7");
}

#[test]
fn the_current_day_is_not_exported() {
    let braze = braze_holding("consent-groups", 1, []);
    let portal = portal(&[]);
    let here = folder(&braze, &portal);

    let shot = backfill(&here, &["--since", "2026-01-01", "--until", "2999-01-01"]);

    assert_eq!((shot.code, exports(&portal)), (2, 0));
    assert!(shot.stderr.contains("yesterday"), "{}", shot.stderr);
}

#[test]
fn without_settings_the_sandbox_exports_its_people() {
    let folder = Folder::with(&std::fs::read_to_string("workflows/consent-groups.yaml").unwrap());

    let shot = backfill(&folder, &["--since", "2026-11-01", "--sandbox"]);

    assert_eq!((shot.code, &shot.json()["records"]), (0, &json!(20)), "{}", shot.stderr);
}
