//! `ledger certificate`: the page that is filed, and what it must never say.

use privaflow::sandbox::Identifiers;
use serde_json::{Value, json};

use crate::folder::{Braze, Folder, KEY};
use crate::portal::{ERASE, Stage};

/// An erasure that came from OneTrust, carried out, seen gone and reported.
fn erased() -> Stage {
    let stage = Stage::new(ERASE);
    *stage.world.still_found.lock().unwrap() = 1;
    let shot = stage.folder.job();
    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    stage
}

fn certificate(folder: &Folder, request: &str) -> (String, Value) {
    let shot = folder.run(&["ledger", "certificate", request]);
    assert_eq!(shot.code, 0, "{}", shot.stderr);
    assert_eq!(shot.stdout, "./certificate-job-1-0.html\n./certificate-job-1-0.json\n");
    let document = serde_json::from_str(&folder.read("certificate-job-1-0.json")).unwrap();
    (folder.read("certificate-job-1-0.html"), document)
}

/// Shows digests, moments and days as what they are.
fn stable(name: &str, text: &str) {
    let filters = [
        (r"[0-9a-f]{128}", "[signature]"),
        (r"[0-9a-f]{64}", "[sha256]"),
        (r"[0-9a-f]{32}", "[digest]"),
        (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", "[time]"),
        (r"\d{4}-\d{2}-\d{2}", "[day]"),
        // How often the head was signed in between is a matter of time.
        (r#""(entry|of)": \d+"#, r#""$1": "[number]""#),
        (r#"class="no">\d+<"#, r#"class="no">[number]<"#),
        (r"(last entry</th><td>)\d+", "$1[number]"),
    ];
    insta::with_settings!({ filters => filters, prepend_module_to_snapshot => false, snapshot_path => "../snapshots" }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn the_page_of_an_erasure_tells_what_was_asked_done_verified_and_reported() {
    let stage = erased();

    let (page, document) = certificate(&stage.folder, "7f3c");

    let told: Vec<&str> =
        document["story"].as_array().unwrap().iter().map(|line| line["what"].as_str().unwrap()).collect();
    for what in ["began", "found", "accepted", "verified_absent", "reported", "done"] {
        assert!(told.contains(&what), "{what}: {told:?}");
    }
    assert_eq!(document["results"][0]["verified"], true);
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"), "{page}");
    stable("erasure_page", &page);
}

#[test]
fn the_document_of_an_erasure_has_the_same_facts() {
    let stage = erased();

    let (_, document) = certificate(&stage.folder, "7f3c");

    stable("erasure_document", &serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn a_certificate_holds_against_an_export_until_a_byte_of_it_is_changed() {
    let stage = erased();
    let folder = &stage.folder;
    certificate(folder, "job-1:0");
    folder.write("ledger.pem", folder.run(&["ledger", "key"]).stdout);
    assert_eq!(folder.run(&["ledger", "export", "ledger.ndjson"]).code, 0);
    let check = || {
        let words = ["ledger", "verify", "ledger.ndjson", "--key", "ledger.pem", "--certificate"];
        folder.run(&[words.as_slice(), &["certificate-job-1-0.json"]].concat())
    };

    let right = check();
    let text = folder.read("certificate-job-1-0.json");
    folder.write("certificate-job-1-0.json", text.replace("\"verified\":true", "\"verified\":false"));
    let wrong = check();

    assert!(
        right.code == 0 && right.stdout.contains("the certificate of job-1:0 is signed"),
        "{}",
        right.stdout
    );
    assert!(wrong.code == 1 && wrong.stdout.contains("or it was changed since"), "{}", wrong.stdout);
}

#[test]
fn no_word_about_the_person_and_no_key_stands_in_what_is_handed_out() {
    let stage = erased();
    let folder = &stage.folder;
    let (page, document) = certificate(folder, "7f3c");
    let export = folder.run(&["ledger", "export"]).stdout;

    for text in [page, document.to_string(), export] {
        for marker in ["marker", "example.com", KEY, "\"b-1\""] {
            assert!(!text.contains(marker), "{marker} in {text}");
        }
    }
}

#[test]
fn the_certificate_of_a_request_that_ended_before_any_call_says_what_was_asked() {
    let stage = Stage::new(ERASE);
    let subject = json!({ "external_id": "marker" });
    let consents = json!([{ "purpose": "email", "status": "opted_in" }]);
    stage
        .folder
        .requests([json!({ "id": "C-1", "kind": "consent", "subject": subject, "consents": consents })]);
    assert_eq!(stage.folder.job().counts(), (1, [0, 0, 1, 0]));

    let words = ["ledger", "certificate", "C-1", "--to", "filed/of/2026"];
    let shot = stage.folder.run(&words);

    assert_eq!(shot.code, 0, "{}", shot.stderr);
    let text = stage.folder.read("filed/of/2026/certificate-job-1-0.json");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&document["asked"][0]["kind"], &document["asked"][0]["run"]),
        (&json!("consent"), &json!("job-1:0"))
    );
    assert_eq!(document["asked"][0]["subject"].as_array().unwrap().len(), 1);
    assert_eq!(document["results"][0]["reason"], "kind_mismatch");
    assert!(!text.contains("marker"), "{text}");
}

#[test]
fn a_request_that_nobody_knows_has_no_certificate() {
    let stage = erased();

    let shot = stage.folder.run(&["ledger", "certificate", "marker@example.com"]);

    assert!(
        shot.code == 2 && shot.stderr.contains("the ledger says nothing of the request sha256:"),
        "{}",
        shot.stderr
    );
}

#[test]
fn the_shipped_deletion_is_certified_with_every_profile_it_found_and_saw_gone() {
    let braze = Braze::start();
    for external_id in ["u-1", "u-2"] {
        let (external_id, email) = (Some(external_id.to_owned()), Some("shared@example.com".to_owned()));
        braze.sandbox.seed_subject(&Identifiers { external_id, email, ..Identifiers::default() });
    }
    let workflow = std::fs::read_to_string("workflows/user-deletion.yaml").unwrap();
    let folder = Folder::to(
        braze.sandbox.address(),
        &workflow.replace("5m, at_most: 24h, erase_again: true", "100ms, at_most: 24h, erase_again: false"),
    );
    let subject = json!({ "external_id": "u-1", "email": "shared@example.com" });
    let times = json!({ "received_at": "2026-11-20T10:00:00Z", "due_at": "2026-12-20T10:00:00Z" });
    let mut record = json!({ "id": "SL244:7f3c", "kind": "deletion", "subject": subject });
    record.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
    folder.requests([record]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));

    let (page, document) = certificate(&folder, "SL244:7f3c");

    let asked = &document["asked"][0];
    assert_eq!((&asked["kind"], &asked["due_at"]), (&json!("deletion"), &json!("2026-12-20T10:00:00Z")));
    assert_eq!(asked["subject"].as_array().unwrap().len(), 2);
    let told: Vec<(&str, &str)> = document["story"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["what"].as_str().unwrap(), line["text"].as_str().unwrap()))
        .collect();
    let of = |what: &str| told.iter().filter(|line| line.0 == what).map(|line| line.1).collect::<Vec<_>>();
    assert!(of("found").iter().any(|text| text.ends_with("has 2 profiles.")), "{told:?}");
    assert_eq!(of("accepted").len(), 1, "{told:?}");
    assert_eq!(of("verified_absent").len(), 2, "{told:?}");
    assert_eq!(of("done"), ["The request ended as done, verified."]);
    assert!(page.contains("What remains at Braze after the erasure") && !page.contains("shared@"), "{page}");
}
