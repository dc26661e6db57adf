//! Who is counted before anything that cannot be undone, and when it is too many.

use std::fmt::Write as _;
use std::sync::Arc;

use super::*;
use crate::engine::task::Past;
use crate::intake::{Input, Reading};
use crate::job::JobId;
use crate::request::{Kind, Warnings};
use crate::run::{Facts, Program};
use crate::source::Source;
use crate::workflow::{Known, load};

const ERASE: &str = "  - id: erase
    uses: braze/users.delete
    with: { external_ids: ['{{ default subject.external_id fields.id }}'] }
";

fn task(steps: &str) -> Arc<Task> {
    let text = format!("workflow: w\non: {{ file: {{}} }}\nsteps:\n{steps}");
    let (workflow, mistakes) = load(&Source::new("w.yaml", text), &Known::default());
    let workflow = workflow.unwrap_or_else(|| panic!("{mistakes:#?}"));
    let facts = Facts {
        job: "job-7".into(),
        started_at: "2027-01-15T08:00:00Z".into(),
        seed: [7; 16],
        origin: crate::run::Origin::File,
    };
    Arc::new(Task {
        job: JobId(7),
        program: Program::new(Arc::new(workflow), facts),
        kinds: Some(vec![Kind::Deletion]),
        is_canary: false,
        is_look: false,
        seeks: None,
        is_watched: false,
        input_digest: [0; 32],
        started_ms: 0,
        opened_ms: 0,
        past: Past::default(),
        sealer: None,
        warnings: Warnings::default().into(),
        budgets: Vec::new(),
        sets_states: true,
        takes_turns: false,
        indexes: None,
        endings: Default::default(),
    })
}

/// What the guard finds in these records, with so many allowed.
fn found(steps: &str, records: &[String], allowed: Allowed) -> Found {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("requests.ndjson");
    std::fs::write(&path, records.join("\n")).unwrap();
    let input = Input::open(&path, &Reading::default()).unwrap();
    let task = task(steps);
    let (planner, stop) = (Planner::new(&task), CancellationToken::new());
    let found = look_ahead(&task, &planner, input.records().unwrap(), allowed, &stop).unwrap();
    let is_enough = allowed.is_enough_for(input.records().unwrap()).unwrap();
    assert!(!is_enough || found == Found::Within, "a file that is not planned must be within");
    found
}

fn per_job(per_job: u64) -> Allowed {
    Allowed { per_job, left_this_hour: None }
}

/// Records of these people, with their identifiers as JSON members.
fn records(kind: &str, subjects: &[&str]) -> Vec<String> {
    let of = |(number, subject): (usize, &&str)| {
        let mut record = String::new();
        write!(
            record,
            r#"{{"id":"r-{number}","kind":"{kind}","subject":{{{subject}}},"fields":{{"id":"x-{number}"}}}}"#
        )
        .unwrap();
        record
    };
    subjects.iter().enumerate().map(of).collect()
}

fn people(count: usize) -> Vec<String> {
    let subjects: Vec<_> = (0..count).map(|number| format!(r#""external_id":"u-{number}""#)).collect();
    records("deletion", &subjects.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn as_many_as_allowed_are_within_and_one_more_is_beyond() {
    assert_eq!(found(ERASE, &people(5), per_job(5)), Found::Within);
    assert_eq!(found(ERASE, &people(6), per_job(5)), Found::Beyond { subjects: 6, limit: 5 });
    assert_eq!(found(ERASE, &people(2000), per_job(5)), Found::Beyond { subjects: 6, limit: 5 });
}

#[test]
fn a_file_of_no_more_requests_than_people_allowed_needs_no_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("requests.ndjson");
    std::fs::write(&path, people(1200).join("\n")).unwrap();
    let input = Input::open(&path, &Reading::default()).unwrap();
    let is_enough = |allowed: Allowed| allowed.is_enough_for(input.records().unwrap()).unwrap();

    assert!(is_enough(per_job(1200)));
    assert!(!is_enough(per_job(1199)));
    assert!(!is_enough(Allowed { per_job: 1200, left_this_hour: Some(600) }));
}

#[test]
fn what_is_left_of_the_hour_holds_when_it_is_less() {
    let left = |left| Allowed { per_job: 5, left_this_hour: Some(left) };

    assert_eq!(found(ERASE, &people(3), left(3)), Found::Within);
    assert_eq!(found(ERASE, &people(4), left(3)), Found::Beyond { subjects: 4, limit: 3 });
    assert_eq!(found(ERASE, &people(6), left(100)), Found::Beyond { subjects: 6, limit: 5 });
}

#[test]
fn a_person_counts_once_however_often_they_ask() {
    let same =
        [r#""external_id":"u-1","email":"a@example.com""#, r#""external_id":"u-1","email":"b@example.com""#];
    let alias = r#""aliases":[{"alias_name":"n","alias_label":"l"}]"#;

    assert_eq!(found(ERASE, &records("deletion", &same), per_job(1)), Found::Within);
    assert_eq!(found(ERASE, &records("deletion", &[alias, alias]), per_job(1)), Found::Within);
}

#[test]
fn the_same_text_in_another_member_is_another_person() {
    let subjects = [r#""external_id":"x""#, r#""braze_id":"x""#];

    let found = found(ERASE, &records("deletion", &subjects), per_job(1));

    assert_eq!(found, Found::Beyond { subjects: 2, limit: 1 });
}

#[test]
fn records_without_an_identifier_are_people_of_their_own() {
    let found = found(ERASE, &records("deletion", &["", "", ""]), per_job(2));

    assert_eq!(found, Found::Beyond { subjects: 3, limit: 2 });
}

#[test]
fn whoever_might_be_written_to_is_counted_and_whoever_is_not_is_not() {
    let find = "  - { id: find, uses: braze/users.export.ids, with: { email_address: 'a@example.com' } }\n";
    let on_answer = format!("{find}{ERASE}    if: size(steps.find.output.users) > 0\n");
    let never = format!("{find}{ERASE}    if: 'false'\n");
    let track = "  - { uses: braze/users.track, with: { attributes: [{ external_id: u }] } }\n";

    assert_eq!(found(&on_answer, &people(2), per_job(1)), Found::Beyond { subjects: 2, limit: 1 });
    assert_eq!(found(&never, &people(2), per_job(1)), Found::Within);
    assert_eq!(found(track, &people(2), per_job(1)), Found::Within);
}

#[test]
fn lines_that_are_over_before_any_call_are_not_counted() {
    let mut lines = records("access", &[r#""external_id":"u-1""#, r#""external_id":"u-2""#]);
    lines.push("no record".to_owned());
    lines.extend(people(1));

    assert_eq!(found(ERASE, &lines, per_job(1)), Found::Within);
}
