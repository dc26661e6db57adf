//! Searches and verifications cut short everywhere, among people who share addresses and devices, deletions
//! that do nothing, and profiles that come back.

use std::collections::BTreeSet;

use privaflow::sandbox::{AliasName, Effect, Fault, Faults, Identifiers};
use serde_json::{Value, json};

use crate::chance::{Chance, runs, squall};
use crate::cuts::cut_everywhere;
use crate::folder::Folder;
use crate::kills::{KILLS, check_the_rest, kill_and_go_on};
use crate::rig::Rig;
use crate::service::{Braze, truth};

const ERASE: &str = include_str!("../../workflows/user-deletion.yaml");

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn named(external_id: &str, email: Option<&str>, phone: Option<&str>) -> Identifiers {
    let (email, phone) = (email.map(str::to_owned), phone.map(str::to_owned));
    Identifiers { external_id: text(external_id), email, phone, ..Identifiers::default() }
}

/// People whose profiles hang together, and what of them must be left.
fn people() -> (Vec<Identifiers>, BTreeSet<String>) {
    let nobody = Identifiers::default();
    let alias = AliasName { alias_name: "web-1".to_owned(), alias_label: "web".to_owned() };
    let people = vec![
        // A household: one address, two people with ids of their own.
        named("ada", Some("home@example.com"), Some("+15550001")),
        named("bob", Some("home@example.com"), Some("+15550002")),
        Identifiers { aliases: vec![alias], email: text("home@example.com"), ..nobody.clone() },
        Identifiers { phone: text("+15550001"), device_ids: vec!["d-1".to_owned()], ..nobody.clone() },
        Identifiers { device_ids: vec!["d-1".to_owned()], ..nobody.clone() },
        Identifiers { phone: text("+15550002"), email: text("bobs@example.com"), ..nobody.clone() },
        // One person twice, known to the request by the address.
        named("twice-1", Some("twice@example.com"), None),
        named("twice-2", Some("twice@example.com"), None),
        named("bystander", Some("bystander@example.com"), Some("+15550009")),
        Identifiers { device_ids: vec!["d-9".to_owned()], ..nobody },
    ];
    let left = ["bob", "bobs@example.com", "bystander", "d-9"].map(str::to_owned);
    (people, left.into())
}

/// Who is there, by the surest name.
fn left(braze: &Braze) -> BTreeSet<String> {
    let live = braze.sandbox.profiles().into_iter().filter(|profile| !profile.deleted);
    let name = |profile: privaflow::sandbox::Profile| {
        profile.external_id.or(profile.email).or(profile.device_ids.into_iter().next())
    };
    live.map(|profile| name(profile).unwrap_or_default()).collect()
}

fn requests() -> [Value; 2] {
    let request = |id: &str, subject: Value| json!({ "id": id, "kind": "deletion", "subject": subject });
    [request("d-1", json!({ "external_id": "ada" })), request("d-2", json!({ "email": "twice@example.com" }))]
}

#[test]
fn a_search_and_a_verification_cut_after_every_event_erase_one_household_member_and_not_the_other() {
    let make = |seed, mut faults: Faults| {
        let of = |effect| Fault::new(effect).on("/users/delete");
        // The first deletion does nothing, and who was erased by another comes back a minute later.
        faults.faults.insert(0, of(Effect::AcceptWithoutApplying).at_most(1));
        faults.faults.insert(1, of(Effect::ComeBack { after_ms: 60_000 }).at_most(1));
        let rig = Rig::new(ERASE, &requests(), seed, faults);
        assert!(people().0.iter().all(|one| rig.braze.sandbox.add_profile(one)));
        rig
    };

    cut_everywhere(make, |rig, summary, what| {
        assert_eq!(left(&rig.braze), people().1, "{what}");
        let found = &truth(summary);
        assert_eq!((&found["failed"], &found["waiting"]), (&json!(0), &json!(0)), "{what}: {summary}");
        assert_eq!(found["accepted"], found["verified"], "{what}: {summary}");
        assert_eq!((&found["requests"], &found["done"]), (&json!(2), &json!(2)), "{what}: {summary}");
    });
}

/// Sets the state of whoever has an address.
const SET: &str = r#"
workflow: set
on: { file: {} }
steps:
  - uses: braze/users.track
    with: { attributes: [{ email: "{{ subject.email }}", email_subscribe: "{{ consents.[0].status }}" }] }
"#;

fn opted_in(id: &str, email: &str) -> Value {
    let consents = json!([{ "purpose": "mail", "status": "opted_in", "updated_at": "2020-01-01T00:00:00Z" }]);
    json!({ "id": id, "kind": "consent", "subject": { "email": email }, "consents": consents })
}

#[test]
fn a_household_that_is_erased_whole_stays_so_wherever_its_erasure_was_cut_and_another_one_may_choose() {
    let make = |seed, mut faults: Faults| {
        // The first deletion does nothing: what is left then is erased by the verification.
        let in_vain = Fault::new(Effect::AcceptWithoutApplying).on("/users/delete").at_most(1);
        faults.faults.insert(0, in_vain);
        let request = |id: &str| json!({ "id": format!("d-{id}"), "kind": "deletion", "subject": { "external_id": id } });
        let rig = Rig::new(ERASE, &["ada", "bob", "cleo"].map(request), seed, faults);
        for (id, email) in [
            ("ada", "home@a.example"),
            ("bob", "home@a.example"),
            ("cleo", "home@b.example"),
            ("dan", "home@b.example"),
        ] {
            assert!(rig.braze.sandbox.add_profile(&named(id, Some(email), None)));
        }
        rig
    };

    cut_everywhere(make, |rig, summary, what| {
        assert_eq!(left(&rig.braze), ["dan".to_owned()].into(), "{what}");
        assert_eq!(truth(summary)["done"], json!(3), "{what}: {summary}");
        let set = [opted_in("c-1", "home@a.example"), opted_in("c-2", "home@b.example")];
        let set = json!(rig.also(SET, &set).summary);
        assert_eq!((&set["skipped_by"], &set["done"]), (&json!({ "erased": 1 }), &json!(1)), "{what}: {set}");
        assert_eq!(left(&rig.braze), ["dan".to_owned()].into(), "{what}");
    });
}

#[test]
fn searches_of_a_job_killed_twenty_times_erase_everybody_who_was_found_and_nobody_else() {
    for run in 0..runs() {
        let mut chance = Chance::new().of(1700 + run);
        let count = 60;
        let braze = Braze::eager(chance.next(), squall());
        let folder = Folder::with(&ERASE.replace("first_after: 5m", "first_after: 100ms"));
        let address = |number: usize| format!("person-{number}@example.com");
        for number in 0..count {
            let (id, email, phone) = (format!("u-{number}"), address(number), format!("+1555{number:04}"));
            assert!(braze.sandbox.add_profile(&named(&id, Some(&email), Some(&phone))));
            // Everybody has a second profile behind the phone, and shares the address with somebody else.
            let second = Identifiers { phone: Some(phone), ..Identifiers::default() };
            assert!(braze.sandbox.add_profile(&second));
            assert!(braze.sandbox.add_profile(&named(&format!("other-{number}"), Some(&email), None)));
        }
        let record = |number: usize| json!({ "id": format!("d-{number}"), "kind": "deletion", "subject": { "external_id": format!("u-{number}") } });
        folder.requests((0..count).map(record));

        let (shot, killed) = kill_and_go_on(&folder, &braze, &mut chance, 12);

        let what = format!("run {run}, {chance:?}");
        assert_eq!(killed, KILLS, "{what}");
        let others: BTreeSet<String> = (0..count).map(|number| format!("other-{number}")).collect();
        assert_eq!(left(&braze), others, "{what}");
        assert_eq!(shot.counts(), (0, [count as u64, 0, 0, 0]), "{what}\n{}", shot.stderr);
        assert_eq!(shot.json()["verified"], json!(count), "{what}");
        check_the_rest(&folder, &braze, &shot, &what);
    }
}

#[test]
fn what_nothing_deletes_waits_for_a_person_and_is_gone_once_they_say_so() {
    let rig = Rig::new(ERASE, &requests()[..1], 1, Faults::default());
    assert!(rig.braze.sandbox.add_profile(&named("ada", None, None)));
    let in_vain = Fault::new(Effect::AcceptWithoutApplying).on("/users/delete");
    rig.braze.sandbox.set_faults(Faults { faults: vec![in_vain] });

    let summary = json!(rig.live().summary);

    assert_eq!(summary["waiting_by"], json!({ "needs_attention": 1 }), "{summary}");
    assert_eq!((&summary["accepted"], &summary["verified"]), (&json!(1), &json!(0)));
    let deletions = rig.braze.sandbox.requests().of("/users/delete");
    assert_eq!(deletions, 3, "the first and two more");
    assert!(rig.passed() >= std::time::Duration::from_secs(24 * 3600), "{:?}", rig.passed());
    // The same command again changes nothing.
    assert_eq!(truth(&json!(rig.live().summary)), truth(&summary));
    assert_eq!(rig.braze.sandbox.requests().of("/users/delete"), deletions);

    rig.braze.sandbox.set_faults(Faults::default());
    assert_eq!(rig.retry_even_if_sent(), [0]);
    let summary = json!(rig.live().summary);

    assert_eq!((&summary["done"], &summary["verified"]), (&json!(1), &json!(1)), "{summary}");
    assert!(left(&rig.braze).is_empty());
}
