//! A person is forgotten by what only look-ups had shown of them, while their request waits, and nobody else is.

use privaflow::sandbox::{AliasName, Identifiers};
use serde_json::{Value, json};

use crate::folder::{FIND_AND_ERASE, Folder, deletion};
use crate::serving::{Serving, arrival, jobs, put, until};
use crate::watching::Braze;

/// Searches, and erases whom it found after a pause.
const SEARCHES: &str = r#"
workflow: erase
on: { file: {} }
steps:
  - id: find
    uses: privaflow/find_profiles
  - wait: 3d
  - id: erase
    uses: braze/users.delete
    with: { braze_ids: "{{ steps.find.output.braze_ids }}" }
"#;

/// Everything that a person of this number is known by.
fn person(number: usize) -> Identifiers {
    let alias = AliasName { alias_name: format!("al-{number}"), alias_label: "crm".to_owned() };
    Identifiers {
        external_id: Some(format!("u-{number}")),
        email: Some(format!("u-{number}@example.com")),
        phone: Some(format!("+1555777000{number}")),
        aliases: vec![alias],
        device_ids: vec![format!("device-{number}")],
        ..Identifiers::default()
    }
}

/// A job whose requests name an external id each, were all searched for, and wait.
fn waiting(
    profiles: impl IntoIterator<Item = Identifiers>,
    numbers: std::ops::RangeInclusive<usize>,
) -> (Braze, Folder) {
    let braze = Braze::with([]);
    for profile in profiles {
        assert!(braze.sandbox.add_profile(&profile));
    }
    let folder = Folder::to(braze.sandbox.address(), SEARCHES);
    let count = numbers.clone().count() as u64;
    folder.requests(numbers.map(deletion));
    let left =
        folder.run(&["run", "flow.yaml", "--input", "requests.ndjson", "--wait", "0s", "--output", "json"]);
    assert_eq!(left.counts().1, [0, 0, 0, count], "{}", left.stderr);
    (braze, folder)
}

fn forget(folder: &Folder, subject: &str) -> (Value, String) {
    let shot = folder.run(&["forget", subject, "--output", "json"]);
    assert_eq!(shot.code, 0, "{}", shot.stderr);
    let typed = subject.rsplit(['=', '/']).next().unwrap();
    assert!(!shot.stderr.contains(typed) && !shot.stdout.contains(typed), "{} {}", shot.stdout, shot.stderr);
    (shot.json(), shot.stderr)
}

#[test]
fn whoever_is_typed_as_a_look_up_showed_them_is_forgotten_and_it_is_said_by_what_they_were_found() {
    let (_braze, folder) = waiting((1..=7).map(person), 1..=7);

    for (number, typed) in [
        (1, " U-1@Example.com "),
        (2, "+1 555 777 0002"),
        (3, "alias=crm/al-3"),
        (4, "device_id=device-4"),
        (5, "email=u-5@example.com"),
    ] {
        let (told, said) = forget(&folder, typed);

        let run = format!("job-1:{}", number - 1);
        assert_eq!((&told["runs"], &told["keys"]), (&json!(1), &json!(1)), "{typed}: {told}");
        assert_eq!(told["found"], json!([{ "run": run, "by": "revealed" }]), "{typed}");
        assert!(
            said.contains(&format!(
                "found by what look-ups showed of their person, which the request does not name: {run}"
            )),
            "{said}"
        );
    }
    let (named, said) = forget(&folder, "external_id=u-6");
    assert_eq!((&named["runs"], &named["found"]), (&json!(1), &json!([{ "run": "job-1:5", "by": "named" }])));
    assert!(!said.contains("look-ups"), "{said}");
    for other in ["alias=shop/al-7", "braze_id=u-7", "email=device-7"] {
        assert_eq!(forget(&folder, other).0["runs"], json!(0), "{other}");
    }
    let failed = folder.run(&["runs", "list", "--reason", "forgotten", "--output", "json"]).lines();
    assert_eq!(failed.iter().filter(|run| run["request"].is_string()).count(), 6, "{failed:?}");
}

#[test]
fn the_request_of_somebody_else_of_the_household_stays_and_that_is_said() {
    // Given two of one address, both of whom asked
    let home = |number: usize| Identifiers { email: Some("home@example.com".to_owned()), ..person(number) };
    let (braze, folder) = waiting([home(1), home(2)], 1..=1);

    // When somebody is forgotten by what both have, and by what only the other has
    let (shared, of_shared) = forget(&folder, "home@example.com");
    let (another, of_another) = forget(&folder, "u-2");

    // Then the request stays, and it is said why and what helps
    assert_eq!(
        (&shared["runs"], &shared["left"]),
        (&json!(0), &json!([{ "run": "job-1:0", "why": "shared" }]))
    );
    assert!(
        of_shared.contains("job-1:0; if one is theirs, forget them by what only they have"),
        "{of_shared}"
    );
    assert_eq!(
        (&another["runs"], &another["left"]),
        (&json!(0), &json!([{ "run": "job-1:0", "why": "another" }]))
    );
    assert!(of_another.contains("they are about somebody else"), "{of_another}");
    assert_eq!(braze.people(), ["u-1", "u-2"]);
    // And what only the person of the request has finds it
    assert_eq!(forget(&folder, "+15557770001").0["runs"], json!(1));
}

#[test]
fn what_cannot_be_meant_is_refused_wherever_somebody_is_typed() {
    let (_braze, folder) = waiting([person(1)], 1..=1);
    let commands: [&[&str]; 5] = [
        &["forget"],
        &["runs", "list", "--subject"],
        &["gate", "list", "--subject"],
        &["gate", "release", "--reason", "case 1"],
        &["hold", "add", "--reason", "case 1"],
    ];

    for command in commands {
        for (typed, way_out) in [
            ("emial=u-1@example.com", "did you mean `email=`?"),
            ("alias=al-1", "alias=LABEL/NAME"),
            ("phone=", "phone=TEXT"),
        ] {
            let shot = folder.run(&[command, &[typed]].concat());

            assert_eq!(shot.code, 2, "{command:?} {typed}: {}", shot.stderr);
            assert!(shot.stderr.contains(way_out) && !shot.stderr.contains("u-1@"), "{}", shot.stderr);
        }
    }
    let device = folder.run(&["hold", "add", "device_id=device-1", "--reason", "case 1"]);
    assert!(device.code == 2 && device.stderr.contains("by a device"), "{}", device.stderr);
    assert!(folder.run(&["hold", "list"]).stderr.contains("nobody is on the list"));
}

#[test]
fn what_came_in_of_whoever_is_found_by_a_look_up_is_destroyed_with_its_key_also_in_old_backups() {
    // Given a window whose requests name an external id each, all of which wait, and a backup of then
    let braze = Braze::with([]);
    (1..=3).for_each(|number| assert!(braze.sandbox.add_profile(&person(number))));
    let folder = Folder::to(braze.sandbox.address(), SEARCHES);
    put(&folder, (1..=3).map(|number| arrival("erase", number, &deletion(number))).collect());
    let serving = Serving::start(&folder);
    until("everybody was found", || {
        folder.run(&["runs", "list", "--state", "waiting", "--output", "json"]).lines().len() == 3
    });
    serving.running.kill();
    assert_eq!(folder.run(&["store", "backup", "backup"]).code, 0);

    // When one is forgotten by what only a look-up had shown
    let (told, _) = forget(&folder, "u-2@example.com");
    let (named, _) = forget(&folder, "u-2");

    // Then their record is gone with its key, in the backup of before too
    assert_eq!((&told["runs"], &told["records"], &told["keys"]), (&json!(1), &json!(1), &json!(2)), "{told}");
    assert_eq!((&named["records"], &named["keys"]), (&json!(0), &json!(0)), "{named}");
    std::fs::remove_file(folder.path("store/journal.db")).unwrap();
    let restored = folder.run(&["store", "restore", "backup", "--force", "--output", "json"]);
    assert_eq!(restored.json()["lost_records"], json!(1), "{}", restored.stderr);
}

#[test]
fn what_came_in_is_destroyed_too_of_whoever_is_done_and_watched() {
    let braze = Braze::with([]);
    (1..=3).for_each(|number| assert!(braze.sandbox.add_profile(&person(number))));
    let watched = format!("{FIND_AND_ERASE}watch: {{ after: [1d] }}\n");
    let folder = Folder::to(braze.sandbox.address(), &watched);
    put(&folder, (1..=3).map(|number| arrival("erase", number, &deletion(number))).collect());
    let serving = Serving::start(&folder);
    until("all is over", || jobs(&folder).first().is_some_and(|job| job["status"] == "finished"));
    assert_eq!(serving.stop().0, 0);

    let (told, _) = forget(&folder, "u-2@example.com");

    assert_eq!((&told["runs"], &told["records"]), (&json!(0), &json!(1)), "{told}");
    assert_eq!(told["found"], json!([{ "run": "job-1:1", "by": "sought" }]));
    let inbox = rusqlite::Connection::open(folder.path("store/journal.db")).unwrap();
    let kept: i64 =
        inbox.query_row("SELECT count(*) FROM inbox WHERE bytes > 0", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 2);
}
