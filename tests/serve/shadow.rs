//! `--shadow`: everything is looked at, and nothing is written anywhere.

use crate::folder::{ERASE, Folder, deletion};
use crate::server::{Server, accepted, answer};
use crate::serving::{Serving, arrival, is_all_over, put_deletions, until};

/// Looks a person up, erases them, and looks whether they are gone.
const WHOLE: &str = r#"
workflow: erase
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [braze_id] }
  - id: erase
    uses: braze/users.delete
    with: { external_ids: ["{{ subject.external_id }}"] }
  - id: verify
    uses: braze/users.export.ids
    with: { external_ids: ["{{ subject.external_id }}"], fields_to_export: [braze_id] }
    repeat: { every: 1m, at_most: 30m, until: size(output.users) == 0 }
  - assert: size(steps.verify.output.users) == 0
"#;

#[test]
fn a_shadow_reads_and_plans_and_writes_nothing() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/users/export/ids" => answer(200, r#"{"message":"success","users":[{"braze_id":"b-1"}]}"#),
        _ => accepted(),
    });
    let folder = Folder::to(server.address, WHOLE);
    // In the store of the shadow, where nobody looks for the real one.
    let arrivals = (1..=3).map(|number| arrival("erase", number, &deletion(number))).collect();
    let shadow = privaflow::journal::Store::open(&folder.path("store-shadow")).unwrap();
    shadow.accept(arrivals, None).unwrap();
    drop(shadow);

    let serving = Serving::with(&folder, &["--shadow"]);
    let reader = privaflow::journal::Reader::open(&folder.path("store-shadow")).unwrap();
    until("all is over", || reader.queue().unwrap().is_empty() && reader.open_windows().unwrap().is_empty());
    let (code, said) = serving.stop();
    let shown = folder.run(&["jobs", "show", "job-1", "--shadow", "--output", "json"]).json();
    let words = folder.run(&["jobs", "show", "job-1", "--shadow"]).stdout;

    assert_eq!(code, 0, "{said}");
    assert_eq!(shown["skipped_by"], serde_json::json!({ "shadow": 3 }), "{shown}");
    assert_eq!(shown["shadow"], serde_json::json!({ "braze/users.delete": 3 }), "{shown}");
    assert_eq!((&shown["accepted"], &shown["verified"]), (&0.into(), &0.into()));
    assert!(
        words.contains("shadow: nothing was written; would have been sent: braze/users.delete 3"),
        "{words}"
    );
    let story = folder.run(&["runs", "show", "job-1:0", "--shadow"]).stdout;
    assert!(story.contains("not sent, in the shadow"), "{story}");
    assert!(server.requests().iter().all(|request| request.path == "/users/export/ids"));
    assert!(folder.run(&["jobs", "list", "--output", "json"]).stdout.is_empty());

    // The real one begins with nothing behind it.
    put_deletions(&folder, [1]);
    let flow = WHOLE.split("  - id: verify").next().unwrap();
    folder.write("flow.yaml", flow);
    let serving = Serving::start(&folder);
    until("all is over", || is_all_over(&folder));
    assert_eq!(serving.stop().0, 0);
    assert_eq!(server.requests().iter().filter(|request| request.path == "/users/delete").count(), 1);
}

#[test]
fn a_file_can_be_looked_at_in_the_shadow_too_and_is_new_to_the_real_store() {
    let server = Server::accepting();
    let folder = Folder::to(server.address, ERASE);
    folder.requests([deletion(1), deletion(2)]);
    let run = ["run", "flow.yaml", "--input", "requests.ndjson", "--output", "json"];

    let looked = folder.run(&[&run[..], &["--shadow"]].concat());

    assert_eq!(looked.counts(), (0, [0, 2, 0, 0]), "{}", looked.stderr);
    assert_eq!(looked.json()["shadow"], serde_json::json!({ "braze/users.delete": 2 }));
    assert_eq!((looked.json()["http_requests"].as_u64(), server.requests().len()), (Some(0), 0));
    assert_eq!(folder.run(&run).counts(), (0, [2, 0, 0, 0]));
    assert_eq!(server.people(), ["u-1", "u-2"]);
}
