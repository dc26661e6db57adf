//! A record that takes the course of one before it ends up where it would have come alone.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::run::{Courses, Ending, Led, count_unmapped};

const GLOBAL: &str = include_str!("../../../workflows/consent-global.yaml");
const GROUPS: &str = include_str!("../../../workflows/consent-groups.yaml");
const TRACK: &str = include_str!("../../../workflows/consent-groups-track.yaml");
/// Loops in whose wake something stands, filters, and a step whose failure is tolerated.
const ODD: &str = "\
workflow: w
on: { file: {} }
vars: { words: [p, q], none: [] }
steps:
  - set: { last: \"size(consents.filter(c, has(c.purpose) && c.purpose in vars.words)) > 0 ? consents.filter(c, has(c.purpose) && c.purpose in vars.words)[0].?status.orValue('none') : ''\" }
  - if: vars.last == 'OPT_OUT'
    for_each: vars.words
    as: word
    steps:
      - if: word == 'q' || size(consents) > 2
        uses: braze/users.track
        with: { attributes: [{ external_id: '{{ subject.external_id }}', email_subscribe: '{{ vars.last }}', w: '{{ word }}', c: '{{optional subject.country}}' }] }
  - id: tolerated
    if: vars.last == 'ACTIVE' && has(subject.email)
    continue_on_error: true
    uses: braze/users.track
    with: { attributes: [{ external_id: '{{ subject.external_id }}', s: '{{concat subject.email vars.last}}' }] }
  - if: vars.last == 'WITHDRAWN'
    uses: braze/subscription.status.set
    with: { subscription_group_id: '{{ vars.words.[0] }}', subscription_state: unsubscribed, email: ['{{ subject.email }}'] }
  - if: steps.tolerated.status == 'failed'
    fail: it failed
  - if: subject.?country.orValue('') == 'FR'
    stop: nothing more
";

/// Everything that a call says of itself.
fn told(prepared: &Prepared) -> impl PartialEq + std::fmt::Debug + use<> {
    let Prepared { step, profile, call } = prepared;
    let who = (call.people().to_vec(), call.targets().to_vec(), call.order(), call.keeps_turn());
    let how = (call.envelope().clone(), call.bytes(), call.mergeable(), call.repeatable());
    (*step, profile.clone(), call.body(), who, how)
}

/// A run that has come to its first call or its end.
fn begun(program: &Program, record: &Map<String, Value>, position: u64) -> (Run, Next) {
    let times = Times::of(record, START_MS, position);
    let mut run = Run::start(program, position, record.clone()).dated(times);
    let next = run.next(program, START_MS);
    (run, next)
}

fn ended(mut run: Run, program: &Program) -> Finish {
    match run.next(program, START_MS) {
        Next::Ended(finish) => finish,
        other => panic!("the last call was not the last: {other:?}"),
    }
}

/// Carries records out both ways; gives how many of them took the course of an earlier one.
fn compare(text: &str, records: &[Map<String, Value>]) -> usize {
    let program = whole(text);
    let mut courses = Courses::new(&program);
    let mut endings: Vec<Ending> = Vec::new();
    let mut met = 0;
    for (position, record) in (0..).zip(records) {
        let (run, next) = begun(&program, record, position);
        let Some(course) = courses.find(record) else {
            let number = |ending| {
                endings.push(ending);
                u32::try_from(endings.len() - 1).unwrap()
            };
            courses.note(&program, &run, &next, number);
            continue;
        };
        let (mut counts, mut counted) = (BTreeMap::new(), BTreeMap::new());
        course.count_unmapped(&mut counts);
        if let Some(words) = &program.workflow.words {
            count_unmapped(record, words, &mut counted);
        }
        assert_eq!(counts, counted);
        let mut times = Times::of(record, START_MS, position);
        let led = course.follow(&program, position, &Scope::new(record.clone()), Some(&mut times));
        met += usize::from(led.is_some());
        match (led, &next) {
            // It goes the long way.
            (None, _) => {}
            (Some(Led::Ended(finish)), Next::Ended(expected)) => assert_eq!(finish, *expected),
            (Some(Led::Call(prepared, ending)), Next::Call(expected)) => {
                assert_eq!(told(&prepared), told(expected));
                let ending = &endings[ending as usize];
                assert_eq!(ending.path(), run.path(&program));
                for result in [Ok(json!({"message": "success"})), refused()] {
                    let (mut run, _) = begun(&program, record, position);
                    run.answer(&program, Answer { result: result.clone(), status: 201, at_ms: START_MS });
                    let finish = match result {
                        Ok(_) => ending.accepted(),
                        Err(refusal) => ending.refused(refusal),
                    };
                    assert_eq!(finish, ended(run, &program));
                }
                let (mut run, _) = begun(&program, record, position);
                run.pass(&program, Skip::Superseded);
                assert_eq!(ending.passed(Skip::Superseded), ended(run, &program));
            }
            (Some(led), next) => panic!("{led:?} where the long way leads to {next:?}"),
        }
    }
    met
}

fn maybe(values: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    prop::option::of(prop::sample::select(values))
}

fn object(members: Vec<(&str, Option<&str>)>) -> Map<String, Value> {
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
    given.collect()
}

fn record() -> impl Strategy<Value = Map<String, Value>> {
    let consent = (
        maybe(&["Marketing e-mail", "Push notifications", "Newsletter", "SMS offers", "p", "q", "Other"]),
        maybe(&["2b1f0c9e-6a54-4d0e-9d5c-3f1a7e8b0c11", "a4e8b3d5-1c72-4f69-b0e7-92d3f6a1c833", "x"]),
        maybe(&["ACTIVE", "OPT_OUT", "WITHDRAWN", "PENDING", ""]),
        maybe(&["2026-11-20T10:00:00Z", "2026-11-21T10:00:00.5Z"]),
    );
    let consent = consent.prop_map(|(purpose, id, status, at)| {
        let members = vec![("purpose_id", id), ("purpose", purpose), ("status", status), ("updated_at", at)];
        Value::Object(object(members))
    });
    let subject = (
        maybe(&["u-1", "u-2", "\"\\"]),
        maybe(&["b-1"]),
        maybe(&["a@example.com", "B@Example.com"]),
        maybe(&["+15551234567", "no number"]),
        maybe(&["FR", "DE"]),
        prop::bool::weighted(0.2),
    );
    (subject, prop::collection::vec(consent, 0..4)).prop_map(|(subject, consents)| {
        let (external_id, braze_id, email, phone, country, has_alias) = subject;
        let members = vec![
            ("external_id", external_id),
            ("braze_id", braze_id),
            ("email", email),
            ("phone", phone),
            ("country", country),
        ];
        let mut subject = object(members);
        let aliases = if has_alias { json!([{"alias_name": "n", "alias_label": "l"}]) } else { json!([]) };
        subject.insert("aliases".into(), aliases);
        let mut record = request(consents.into());
        record.insert("subject".into(), subject.into());
        record
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_course_of_an_alike_record_leads_where_the_long_way_leads(
        records in prop::collection::vec(record(), 1..200),
    ) {
        for text in [GLOBAL, GROUPS, TRACK, ODD] {
            compare(text, &records);
        }
    }
}

#[test]
fn records_that_differ_in_who_they_are_about_share_a_course() {
    let record = |id: &str| {
        let consent = |purpose: &str| json!({"purpose": purpose, "status": "OPT_OUT"});
        let mut record = request(json!([consent("Newsletter"), consent("Marketing e-mail")]));
        record.insert("subject".into(), json!({"external_id": id, "email": id, "aliases": []}));
        record
    };
    for text in [GLOBAL, GROUPS, TRACK] {
        assert_eq!(compare(text, &[record("u-1"), record("u-2"), record("u-3")]), 2);
    }
}

#[test]
fn a_workflow_that_looks_at_who_somebody_is_has_no_courses() {
    for condition in ["subject.external_id == 'u-1'", "'email' in subject", "run.id != ''", "fields.x == 'y'"]
    {
        let steps = format!(
            "- if: \"{condition}\"\n  uses: braze/users.delete\n  with: {{ external_ids: ['{{{{ subject.external_id }}}}'] }}\n"
        );
        assert_eq!(
            compare(&format!("workflow: w\non: {{ file: {{}} }}\nsteps:\n{steps}"), &[someone(), someone()]),
            0
        );
    }
}

#[test]
fn what_is_said_of_a_record_is_said_of_each() {
    let says =
        "- log: seen\n- uses: braze/users.delete\n  with: { external_ids: ['{{ subject.external_id }}'] }\n";

    assert_eq!(
        compare(&format!("workflow: w\non: {{ file: {{}} }}\nsteps:\n{says}"), &[someone(), someone()]),
        0
    );
}
