//! Somebody without a customer number whom only a phone or device led to, and who has another address: a household's
//! landline or tablet. Nothing of theirs is handed over, changed or, where that is asked for, erased before a person
//! has looked; what is the customer's own goes through.

use privaflow::sandbox::Identifiers;
use serde_json::{Value, json};

use crate::folder::{Folder, Shot};
use crate::{EMAIL, Stage};

const PHONE: &str = "+15550000001";
const DEVICE: &str = "d-1";

/// A customer with an e-mail, a phone and a device.
fn customer() -> Identifiers {
    let external_id = Some("u-1".to_owned());
    Identifiers { external_id, ..anonymous(Some(EMAIL), Some(PHONE), Some(DEVICE)) }
}

fn anonymous(email: Option<&str>, phone: Option<&str>, device: Option<&str>) -> Identifiers {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let device_ids = owned(device).into_iter().collect();
    Identifiers { email: owned(email), phone: owned(phone), device_ids, ..Identifiers::default() }
}

/// Who may be somebody else, and who is the customer: what else there is, the subject, and whether a person looks.
fn cases() -> Vec<(&'static str, Vec<Identifiers>, Value, bool)> {
    let (own, by_email) = (json!({ "external_id": "u-1" }), json!({ "email": EMAIL }));
    let other = Some("other@example.com");
    vec![
        ("another e-mail behind a phone", vec![anonymous(other, Some(PHONE), None)], own.clone(), true),
        (
            "another e-mail behind a device",
            vec![anonymous(other, None, Some(DEVICE))],
            by_email.clone(),
            true,
        ),
        (
            "another phone behind a device",
            vec![anonymous(None, Some("+15550000002"), Some(DEVICE))],
            own.clone(),
            true,
        ),
        (
            "another e-mail at the end of a chain",
            vec![anonymous(None, Some(PHONE), Some("d-2")), anonymous(other, None, Some("d-2"))],
            own.clone(),
            true,
        ),
        (
            "the same e-mail in capitals",
            vec![anonymous(Some(&EMAIL.to_uppercase()), Some(PHONE), Some("d-2"))],
            own.clone(),
            false,
        ),
        ("no address at all", vec![anonymous(None, None, Some(DEVICE))], own.clone(), false),
        ("no e-mail and the same phone", vec![anonymous(None, Some(PHONE), Some(DEVICE))], own, false),
        (
            "found by the e-mail of the request",
            vec![anonymous(other, Some(PHONE), None)],
            json!({ "external_id": "u-1", "email": other }),
            false,
        ),
    ]
}

fn job(stage: &Stage, kind: &str, subject: &Value) -> Shot {
    stage.folder.requests([json!({
        "id": "a", "kind": kind, "subject": subject, "fields": { "New first name": "Ann" },
    })]);
    stage.folder.job()
}

#[test]
fn nothing_of_somebody_with_another_address_is_handed_over_or_corrected_before_a_person_has_looked() {
    for (workflow, kind) in [("access-export", "access"), ("rectification", "rectification")] {
        for (what, others, subject, waits) in cases() {
            let stage = Stage::of(workflow, [customer()].into_iter().chain(others));

            let shot = job(&stage, kind, &subject);

            let counts = if waits { (1, [0, 0, 0, 1]) } else { (0, [1, 0, 0, 0]) };
            assert_eq!(shot.counts(), counts, "{workflow}, {what}: {}", shot.stderr);
            let is_changed = stage.braze.sandbox.profiles().iter().any(|known| !known.attributes.is_empty());
            let is_handed_over = stage.folder.path("answers").exists();
            assert_eq!(
                (is_handed_over, is_changed),
                (!waits && kind == "access", !waits && kind != "access"),
                "{what}"
            );
        }
    }
}

#[test]
fn whom_nobody_knows_as_a_customer_is_told_from_somebody_with_another_address_too() {
    let other = anonymous(Some("other@example.com"), None, Some(DEVICE));
    for (others, waits) in [(vec![], false), (vec![other], true)] {
        let own = [anonymous(Some(EMAIL), Some(PHONE), Some(DEVICE)), anonymous(Some(EMAIL), None, None)];
        let stage = Stage::of("access-export", own.into_iter().chain(others));

        let shot = job(&stage, "access", &json!({ "phone": PHONE }));

        assert_eq!(stage.folder.path("answers").exists(), !waits, "{}", shot.stderr);
    }
}

#[test]
fn with_only_e_mails_followed_somebody_behind_a_device_is_not_looked_for() {
    let stage = Stage::of(
        "access-export",
        [customer(), anonymous(Some("other@example.com"), Some(PHONE), Some(DEVICE))],
    );
    let text = stage.folder.read("flow.yaml");
    let follow = "    uses: privaflow/find_profiles\n    with: { follow: [email] }\n";
    stage.folder.write("flow.yaml", text.replace("    uses: privaflow/find_profiles\n", follow));

    let shot = job(&stage, "access", &json!({ "external_id": "u-1" }));

    assert_eq!(shot.counts(), (0, [1, 0, 0, 0]), "{}", shot.stderr);
    let answer = stage.answer("json");
    assert!(answer.contains(EMAIL) && !answer.contains("other@example.com"), "{answer}");
}

/// The conditions that the comment of the shipped deletion offers, in its order.
fn offered(text: &str) -> Vec<String> {
    let comment = text.lines().map(str::trim).skip_while(|line| !line.starts_with("# Many profiles"));
    let comment = comment.take_while(|line| line.starts_with('#'));
    let mut conditions: Vec<String> = Vec::new();
    let mut is_inside = false;
    for line in comment {
        match line.strip_prefix("#   ") {
            Some(code) if is_inside => conditions.last_mut().unwrap().push_str(code),
            Some(code) => conditions.push(code.to_owned()),
            None => {}
        }
        is_inside = line.starts_with("#   ");
    }
    conditions
}

#[test]
fn the_conditions_that_the_shipped_deletion_offers_have_a_person_look_before_anybody_is_erased() {
    let shipped = std::fs::read_to_string("workflows/user-deletion.yaml").unwrap();
    let quick = shipped.replace("first_after: 5m", "first_after: 1ms");
    let offered = offered(&quick);
    assert_eq!(offered.len(), 2, "{offered:?}");
    let condition = "if: size(steps.find.output.braze_ids) > vars.many";
    let other = Some("other@example.com");
    let second = Identifiers { external_id: Some("u-2".to_owned()), ..anonymous(Some(EMAIL), None, None) };
    let stranger = anonymous(other, Some(PHONE), None);
    let own = anonymous(Some(&EMAIL.to_uppercase()), Some(PHONE), Some(DEVICE));
    for (asked, person, waits) in [
        (None, &second, false),
        (Some(0), &second, true),
        (Some(0), &stranger, false),
        (None, &stranger, false),
        (Some(1), &stranger, true),
        (Some(1), &own, false),
        (Some(1), &second, false),
    ] {
        let text = match asked {
            None => quick.clone(),
            Some(at) => quick.replace(condition, &format!("if: >-\n      {}", offered[at])),
        };
        assert_eq!(text == quick, asked.is_none());
        let braze = crate::folder::Braze::start();
        for person in [&customer(), person] {
            assert!(braze.sandbox.add_profile(person));
        }
        let folder = Folder::to(braze.sandbox.address(), &text);
        let subject = json!({ "external_id": "u-1", "email": EMAIL });
        folder.requests([json!({ "id": "a", "kind": "deletion", "subject": subject })]);

        let shot = folder.job();

        let counts = if waits { (1, [0, 0, 0, 1]) } else { (0, [1, 0, 0, 0]) };
        assert_eq!(shot.counts(), counts, "{asked:?} {waits}: {}", shot.stderr);
        let left = braze.sandbox.profiles().iter().filter(|profile| !profile.deleted).count();
        assert_eq!(left, if waits { 2 } else { 0 }, "{asked:?}");
    }
}
