//! People with consents, what Braze holds of them, and the command that compares both.

use serde_json::{Value, json};

use crate::folder::{Braze, Folder, Shot};

/// A purpose that the workflow maps, and the state that it sets.
pub const FLOWS: [(&str, &str, &str); 3] = [
    ("consent-global", "Marketing e-mail", "email_subscribe"),
    ("consent-groups", "Newsletter", "6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a01"),
    ("consent-groups-track", "Newsletter", "6b0d7c52-9a1e-4f38-8c27-1e5f9b3d0a01"),
];

/// Whole seconds of a day on which consents were given.
pub fn at(second: u32) -> String {
    format!("2026-11-20T10:{:02}:{:02}Z", second / 60, second % 60)
}

/// A record of one consent of the person `u-<number>`.
pub fn consent(number: usize, purpose: &str, status: &str, second: u32) -> Value {
    json!({
        "id": format!("c-{number}-{second}"),
        "kind": "consent",
        "subject": { "external_id": format!("u-{number}"), "email": format!("u-{number}@marker.example") },
        "consents": [{ "purpose": purpose, "status": status, "updated_at": at(second) }],
    })
}

/// A folder with a shipped workflow as `flow.yaml`, and a store of its own.
pub fn folder(braze: &Braze, workflow: &str) -> Folder {
    let text = std::fs::read_to_string(format!("workflows/{workflow}.yaml")).unwrap();
    Folder::to(braze.sandbox.address(), &text)
}

/// Braze with these people, holding what these records say.
pub fn braze_holding(workflow: &str, people: usize, records: impl IntoIterator<Item = Value>) -> Braze {
    let braze = Braze::start();
    (0..people).for_each(|number| seed(&braze, number));
    hold(&braze, workflow, records);
    braze
}

pub fn seed(braze: &Braze, number: usize) {
    braze.sandbox.seed_subject(&privaflow::sandbox::Identifiers {
        external_id: Some(format!("u-{number}")),
        email: Some(format!("u-{number}@marker.example")),
        ..Default::default()
    });
}

/// Lets somebody else write what these records say.
#[track_caller]
pub fn hold(braze: &Braze, workflow: &str, records: impl IntoIterator<Item = Value>) {
    let elsewhere = folder(braze, workflow);
    elsewhere.requests(records);
    let shot = elsewhere.job();
    assert_eq!(shot.code, 0, "{}{}", shot.stdout, shot.stderr);
}

/// `reconcile flow.yaml --input requests.ndjson` with more arguments, as JSON.
pub fn reconcile(folder: &Folder, more: &[&str]) -> Shot {
    let start = ["reconcile", "flow.yaml", "--input", "requests.ndjson", "--output", "json"];
    folder.run(&[&start, more].concat())
}

/// The counts of the first document: lost opt-outs, not recorded, lost opt-ins, agree, no profile, not
/// compared.
#[track_caller]
pub fn counts(shot: &Shot) -> [u64; 6] {
    let report = report(shot);
    ["lost_opt_outs", "not_recorded", "lost_opt_ins", "agree", "no_profile", "not_compared"]
        .map(|name| report[name].as_u64().unwrap_or_else(|| panic!("{report}")))
}

/// The first document of standard output.
#[track_caller]
pub fn report(shot: &Shot) -> Value {
    let line = shot.stdout.lines().next().unwrap_or_else(|| panic!("{}", shot.stderr));
    serde_json::from_str(line).unwrap()
}

/// Requests that Braze was sent on a path.
pub fn asked(braze: &Braze, path: &str) -> u64 {
    let paths = braze.sandbox.requests().paths;
    paths.iter().find(|(known, _)| *known == path).map_or(0, |(_, count)| *count)
}
