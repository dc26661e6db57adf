//! Customers who have by now what an erased person had: in another workspace, or instead of them. Nobody erases
//! them, and nobody keeps them from choosing.

use privaflow::sandbox::Identifiers;
use serde_json::json;

use crate::folder::Folder;
use crate::sought::{CONSENT, add, alive, person};
use crate::watching::{Braze, counts};

/// One brand of two, in a workspace of its own.
fn in_both(again: &str) -> String {
    let step = |brand: &str| {
        let of = |word: &str| format!("{word}_{brand}");
        let (find, erase) = (of("find"), of("erase"));
        format!(
            r#"
  - id: {find}
    uses: privaflow/find_profiles
    profile: {brand}
  - id: {erase}
    if: size(steps.{find}.output.braze_ids) > 0
    uses: braze/users.delete
    profile: {brand}
    with: {{ braze_ids: "{{{{ steps.{find}.output.braze_ids }}}}" }}"#
        )
    };
    let (eu, us) = (step("eu"), step("us"));
    format!(
        "workflow: erase\non: {{ file: {{}} }}\nsteps:{eu}{us}\nwatch: {{ after: [1d], again: {again} }}\n"
    )
}

/// A folder whose settings know both.
fn of_two(eu: &Braze, us: &Braze, workflow: &str) -> Folder {
    let folder = Folder::to(eu.sandbox.address(), workflow);
    let profile = |name: &str, braze: &Braze| {
        let host = braze.sandbox.address();
        format!(
            "  {name}: {{ system: braze, scheme: http, host: \"{host}\", share: 1, token: {{ env: PRIVAFLOW_TEST_KEY }} }}\n"
        )
    };
    let profiles = profile("eu", eu) + &profile("us", us);
    folder.write(
        "privaflow.yaml",
        format!("workflows: .\nstore: {{ path: store }}\ngate: {{ quiet: 1ms }}\nprofiles:\n{profiles}"),
    );
    folder
}

#[test]
fn what_was_erased_in_one_workspace_is_nobodys_in_another_one() {
    for (again, came_to, in_eu) in [("report", [2, 0, 2, 0, 0, 0], 2), ("erase", [2, 0, 0, 2, 0, 0], 0)] {
        // Given two customers of two brands, whose requests name an address, and who are known by other ids in each
        let (eu, us) = (Braze::with([]), Braze::with([]));
        for number in 1..=2 {
            add(&eu, person(number));
            let external_id = Some(format!("us-{number}"));
            add(&us, Identifiers { external_id, email: person(number).email, ..Identifiers::default() });
        }
        // and customers of the second brand who have there what the others had in the first
        let stranger = |email: &str| Identifiers { email: Some(email.to_owned()), ..Identifiers::default() };
        add(&us, Identifiers { external_id: person(1).external_id, ..stranger("stranger@example.com") });
        add(
            &us,
            Identifiers {
                external_id: Some("kid-1".into()),
                aliases: person(1).aliases,
                ..Identifiers::default()
            },
        );
        add(
            &us,
            Identifiers {
                external_id: Some("kid-2".into()),
                phone: person(2).phone,
                ..Identifiers::default()
            },
        );
        add(&us, Identifiers { device_ids: person(2).device_ids, ..Identifiers::default() });
        let folder = of_two(&eu, &us, &in_both(again));
        let request = |number: usize| json!({"id": format!("r-{number}"), "kind": "deletion", "subject": {"email": person(number).email}});
        folder.requests((1..=2).map(request));
        let job = folder.job();
        assert_eq!((job.counts(), alive(&eu), alive(&us)), ((0, [2, 0, 0, 0]), 0, 4), "{}", job.stderr);

        // When both are there again in the first brand, by their ids
        for number in 1..=2 {
            add(&eu, Identifiers { external_id: person(number).external_id, ..Identifiers::default() });
        }
        let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

        // Then they are told or erased there, and nobody else is in the other
        assert_eq!(
            (counts(&look.json()), alive(&eu), alive(&us)),
            (came_to, in_eu, 4),
            "{again}: {}",
            look.stderr
        );
        assert_eq!(us.people(), ["kid-1", "kid-2", "u-1"]);
    }
}

#[test]
fn a_customer_of_another_workspace_is_not_asked_for_where_nobody_was_erased() {
    // Given a file that erases each in the workspace of their brand, and customers of both with the same numbers
    let workflow = r#"
workflow: erase
on: { file: {} }
profiles: { braze: eu }
steps:
  - { id: erase, if: 'fields.brand == "eu"', uses: braze/users.delete, with: { external_ids: ["{{ subject.external_id }}"] } }
  - { id: erase_us, if: 'fields.brand == "us"', uses: braze/users.delete, profile: us, with: { external_ids: ["{{ subject.external_id }}"] } }
watch: { after: [1d], again: erase }
"#;
    let (eu, us) = (Braze::with(1..=4), Braze::with(1..=4));
    let folder = of_two(&eu, &us, workflow);
    let request = |number: usize| {
        json!({"id": format!("r-{number}"), "kind": "deletion", "subject": {"external_id": format!("u-{number}")},
            "fields": {"brand": if number < 4 { "eu" } else { "us" }}})
    };
    folder.requests((1..=4).map(request));
    let job = folder.job();
    assert_eq!((job.counts(), alive(&eu), alive(&us)), ((0, [4, 0, 0, 0]), 1, 3), "{}", job.stderr);
    eu.comes_back(2);

    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

    assert_eq!(counts(&look.json()), [4, 3, 0, 1, 0, 0], "{}", look.stderr);
    assert_eq!(
        (eu.people(), us.people()),
        (vec!["u-4".to_owned()], vec!["u-1".into(), "u-2".into(), "u-3".into()])
    );
}

#[test]
fn whoever_has_the_customer_number_of_an_erased_person_in_another_workspace_may_still_choose() {
    let (eu, us) = (Braze::with([]), Braze::with([]));
    add(&eu, person(1));
    add(&us, Identifiers { email: person(1).email, ..Identifiers::default() });
    add(&us, Identifiers { external_id: person(1).external_id, ..Identifiers::default() });
    let folder = of_two(&eu, &us, &in_both("report"));
    folder.write(
        "consent.yaml",
        CONSENT
            .replace("users.track", "users.track\n    profile: us")
            .replace("email: \"{{ subject.email }}\"", "external_id: \"{{ subject.external_id }}\""),
    );
    folder.requests([json!({"id": "r-1", "kind": "deletion", "subject": {"email": person(1).email}})]);
    assert_eq!(folder.job().counts(), (0, [1, 0, 0, 0]));

    let consent = json!({"id": "c-1", "kind": "consent", "occurred_at": "2026-11-01T10:00:00Z", "subject": {"external_id": "u-1"}});
    folder.write("consents.ndjson", format!("{consent}\n"));
    let run = folder.run(&["run", "consent.yaml", "--input", "consents.ndjson", "--output", "json"]);

    assert_eq!(run.counts(), (0, [1, 0, 0, 0]), "{}", run.stdout);
}

/// How somebody else may be known by now.
const BY_OTHER_WAYS: [(&str, &str); 4] = [
    (
        "email_addresses",
        r#"[{ email: "{{ subject.email }}", prioritization: [identified, most_recently_updated] }]"#,
    ),
    (
        "phone_numbers",
        r#"[{ phone: "{{ subject.phone }}", prioritization: [identified, most_recently_updated] }]"#,
    ),
    ("user_aliases", r#"[{ alias_name: "{{ subject.aliases.[0].alias_name }}", alias_label: crm }]"#),
    ("braze_ids", r#""{{ vars.found }}""#),
];

#[test]
fn nobody_is_erased_again_who_only_has_the_address_number_or_alias_of_an_erased_person_by_now() {
    for (member, value) in BY_OTHER_WAYS {
        // Given a person who was erased by what others can have, too
        let braze = Braze::with([]);
        let search = match member {
            "braze_ids" => {
                r#"
  - id: find
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id, external_id] }
  - set: { found: "steps.find.output.users.map(user, user.braze_id)" }"#
            }
            _ => "",
        };
        let condition = if search.is_empty() { "" } else { "\n    if: size(vars.found) > 0" };
        let workflow = format!(
            "workflow: erase\non: {{ file: {{}} }}\nsteps:{search}\n  - id: erase{condition}\n    uses: braze/users.delete\n    with: {{ {member}: {value} }}\nwatch: {{ after: [1d, 2d], again: erase }}\n"
        );
        add(&braze, person(1));
        let folder = Folder::to(braze.sandbox.address(), &workflow);
        let subject = json!({"email": person(1).email, "phone": person(1).phone,
            "aliases": [{"alias_name": "al-1", "alias_label": "crm"}]});
        folder.requests([json!({"id": "r-1", "kind": "deletion", "subject": subject})]);
        let job = folder.job();
        assert_eq!((job.counts(), alive(&braze)), ((0, [1, 0, 0, 0]), 0), "{member}: {}", job.stderr);
        let gone = folder.run(&["watch", "run", "--early", "--output", "json"]);
        assert_eq!(counts(&gone.json()), [1, 1, 0, 0, 0, 0], "{member}: {}", gone.stderr);

        // When somebody else has it
        let other = Identifiers { external_id: Some("other".into()), device_ids: Vec::new(), ..person(1) };
        add(&braze, other);
        let look = folder.run(&["watch", "run", "--early", "--output", "json"]);

        // Then that is told, and they stay
        assert_eq!(
            (counts(&look.json()), alive(&braze)),
            ([1, 0, 1, 0, 0, 0], 1),
            "{member}: {}",
            look.stderr
        );
        let failed = folder.run(&["runs", "list", "--state", "failed", "--output", "json"]).json();
        assert_eq!(failed["step"], json!("came_back_again"), "{failed}");
    }
}

#[test]
fn nobody_of_whom_nothing_is_known_is_called_gone() {
    // Given a request that names nobody but in a field of its own, and what was kept of it is lost
    let workflow = "workflow: erase\non: { file: {} }\nsteps:\n  - id: erase\n    uses: braze/users.delete\n    with: { external_ids: [\"{{ fields.number }}\"] }\nwatch: { after: [1d, 2d], again: erase }\n";
    let braze = Braze::with(1..=2);
    let folder = Folder::to(braze.sandbox.address(), workflow);
    let request = |number: usize| json!({"id": format!("r-{number}"), "kind": "deletion", "subject": {}, "fields": {"number": format!("u-{number}")}});
    folder.requests((1..=2).map(request));
    assert_eq!((folder.job().counts(), alive(&braze)), ((0, [2, 0, 0, 0]), 0));
    braze.comes_back(2);

    // When it is looked with it, and without
    let look = folder.run(&["watch", "run", "--early", "--output", "json"]);
    let store = rusqlite::Connection::open(folder.path("store/journal.db")).unwrap();
    store.execute_batch("DELETE FROM sought").unwrap();
    drop(store);
    let blind = folder.run(&["watch", "run", "--early", "--output", "json"]);

    assert_eq!(counts(&look.json()), [2, 1, 0, 1, 0, 0], "{}", look.stderr);
    assert_eq!(counts(&blind.json()), [2, 0, 0, 0, 0, 2], "{}", blind.stderr);
}
