//! Who came back and chose since, under whatever their new profile has, or was let through by a person, is left alone.

use privaflow::sandbox::Identifiers;
use serde_json::json;

use crate::folder::{FIND_AND_ERASE, Folder, deletion};
use crate::watching::{Braze, counts};

/// Sets what a record says of an address, or else of a customer.
const CHOICE: &str = r#"
workflow: choice
on: { file: {} }
steps:
  - if: has(subject.email)
    uses: braze/users.track
    with: { attributes: [{ email: "{{ subject.email }}", email_subscribe: opted_in }] }
  - if: "!has(subject.email)"
    uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", email_subscribe: opted_in }] }
"#;

/// One who was erased by a file that erases again.
fn erased(braze: &Braze) -> Folder {
    let folder = Folder::to(
        braze.sandbox.address(),
        &format!("{FIND_AND_ERASE}watch: {{ after: [1d, 2d], again: erase }}\n"),
    );
    let settings = folder.read("privaflow.yaml");
    folder.write("privaflow.yaml", format!("{settings}gate: {{ quiet: 1ms }}\n"));
    folder.write("choice.yaml", CHOICE);
    folder.requests([deletion(1)]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));
    assert_eq!(braze.people(), [""; 0]);
    folder
}

fn choose(folder: &Folder, subject: &serde_json::Value, at: &str) {
    let consents = json!([{ "purpose": "email", "status": "ACTIVE", "updated_at": at }]);
    let record = json!({ "id": "c-1", "kind": "consent", "subject": subject, "consents": consents });
    folder.write("choices.ndjson", format!("{record}\n"));
    let chosen = folder.run(&["run", "choice.yaml", "--input", "choices.ndjson", "--output", "json"]);
    assert_eq!(chosen.counts(), (0, [1, 0, 0, 0]), "{}", chosen.stderr);
}

#[test]
fn who_chose_by_an_address_that_only_their_new_profile_has_is_left_alone() {
    // No more than a minute ahead is a clock that differs.
    let later = (jiff::Timestamp::now() + jiff::Span::new().minutes(1)).to_string();
    for (at, expected) in [(later.as_str(), [1, 0, 0, 0, 1, 0]), ("2026-11-01T10:00:00Z", [1, 0, 0, 1, 0, 0])]
    {
        let braze = Braze::with([1]);
        let folder = erased(&braze);
        let (external_id, email) = (Some("u-1".to_owned()), Some("new@example.com".to_owned()));
        assert!(braze.sandbox.add_profile(&Identifiers { external_id, email, ..Identifiers::default() }));
        choose(&folder, &json!({ "email": "new@example.com" }), at);

        let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

        assert_eq!(counts(&look.json()), expected, "{at}: {}", look.stderr);
        assert_eq!(braze.people().len(), usize::from(expected[4] == 1), "{at}");
    }
}

#[test]
fn who_was_let_through_the_gate_by_a_person_is_reported_and_not_erased_again() {
    let braze = Braze::with([1]);
    let folder = erased(&braze);
    assert_eq!(folder.run(&["gate", "release", "u-1", "--reason", "a mistake"]).code, 0);
    choose(&folder, &json!({ "external_id": "u-1" }), "2026-11-01T10:00:00Z");

    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

    assert_eq!(counts(&look.json()), [1, 0, 0, 0, 1, 0], "{}", look.stderr);
    assert_eq!(braze.people(), ["u-1"]);
}
