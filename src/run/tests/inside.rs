//! Actions made of others in a run: their paths, what they prove, and what a plan shows of them.

use super::*;
use crate::job::Pause;
use crate::run::{Known as Knows, STILL_THERE};

const FIND: &str = "- id: find\n  uses: privaflow/find_profiles\n";
const ERASE: &str = "\
- id: erase
  if: size(steps.find.output.braze_ids) > 0
  uses: braze/users.delete
  with: { braze_ids: '{{ steps.find.output.braze_ids }}' }
";
const VERIFY: &str = "\
- id: verify
  if: steps.erase.status == 'done'
  uses: privaflow/verify_erased
  with: { found: '{{ steps.find.output }}' }
";

fn whole_path() -> Program {
    program(&format!("{FIND}{ERASE}{VERIFY}"))
}

/// One profile, until so many deletions were accepted.
fn gone_after(deletions: usize) -> impl FnMut(&str) -> Answered {
    let mut accepted = 0;
    let mut asked = 0;
    move |path| {
        asked += 1;
        let is_delete = path == "erase" || accepted > 0 && asked > 100;
        accepted += usize::from(is_delete);
        let user = json!({ "braze_id": "b-1", "external_id": "u-1", "email": "a@example.com" });
        Ok(json!({ "users": if accepted >= deletions { json!([]) } else { json!([user]) } }))
    }
}

#[test]
fn the_calls_of_an_action_made_of_others_have_numbers_and_it_proves_the_run() {
    let ran = ran(&whole_path(), someone(), gone_after(1));

    assert_eq!(ran.paths(), ["find#0", "find#1", "erase", "wait", "verify#0", "verify#1"]);
    assert_eq!(ran.did[3].1, json!(300));
    assert_eq!(ran.did[2].1, json!({ "braze_ids": ["b-1"] }));
    assert!(ran.finish.verified && ran.finish.accepted);
    assert_eq!(ran.verdict(), Verdict::Done);
}

#[test]
fn what_is_still_there_at_the_deadline_waits_for_a_person_and_has_not_failed() {
    let text = format!("{FIND}{ERASE}{VERIFY}").lines().map(|line| format!("  {line}\n")).collect::<String>();
    let program = whole(&format!(
        "workflow: w\non: {{ file: {{}} }}\nsteps:\n{text}on_failure:\n  - id: tell\n    uses: braze/users.track\n    with: {{ attributes: [{{ external_id: x }}] }}\n"
    ));

    let ran = ran(&program, someone(), gone_after(1000));

    assert_eq!(ran.verdict(), Verdict::Waiting(Pause::NeedsAttention));
    assert!(!ran.paths().contains(&"tell"), "it has not failed");
    let trouble = ran.finish.failure.as_ref().unwrap();
    assert_eq!((trouble.code.as_str(), trouble.step.as_deref()), (STILL_THERE, Some("verify")));
    assert!(ran.finish.accepted && !ran.finish.verified);
    let deletions = ran.did.iter().filter(|(_, body)| body.get("braze_ids").is_some()).count();
    assert_eq!(deletions, 3, "{:?}", ran.paths());
}

#[test]
fn the_shipped_deletion_asks_a_person_before_it_erases_many_profiles() {
    let program = whole(include_str!("../../../workflows/user-deletion.yaml"));
    for (count, asks) in [(10, false), (11, true)] {
        let mut run = Run::start(&program, 0, someone());
        let mut service = finds(count);
        let asked = loop {
            match run.next(&program, START_MS) {
                Next::Call(_) if run.path(&program) == "erase" => break false,
                Next::Call(_) => {
                    let result = service(&run.path(&program));
                    run.answer(&program, Answer { result, status: 201, at_ms: START_MS });
                }
                Next::Approval { .. } => break true,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(asked, asks, "{count}");
    }
}

#[test]
fn a_condition_can_count_the_customers_among_the_profiles() {
    let count =
        "size(steps.find.output.profiles.filter(profile, !profile.other && profile.external_id != null)) > 1";
    let program = program(&format!("{FIND}- if: {count}\n  fail: two customers\n"));
    let customers = |names: &'static [&'static str]| {
        move |_: &str| {
            let user = |name: &&str| match *name {
                "" => json!({ "braze_id": "b" }),
                name => json!({ "braze_id": name, "external_id": name }),
            };
            Ok(json!({ "users": names.iter().map(user).collect::<Vec<_>>() }))
        }
    };

    let one = ran(&program, someone(), customers(&["u-1", ""]));
    let two = ran(&program, someone(), customers(&["u-1", "u-2"]));

    assert!(one.finish.failure.is_none(), "{:?}", one.finish);
    assert_eq!(two.trouble().0, Fail::Fail);
}

#[test]
fn whoever_is_not_found_is_skipped() {
    let ran = ran(&whole_path(), someone(), finds(0));

    assert_eq!(ran.paths(), ["find#0", "find#1"]);
    assert_eq!(ran.verdict(), Verdict::Skipped(Skip::NoProfile));
}

#[test]
fn a_search_that_is_refused_fails_at_its_step() {
    let ran = ran(&whole_path(), someone(), |path| if path == "find#1" { refused() } else { finds(0)(path) });

    assert_eq!(ran.trouble(), (Fail::Refused, "refused", Some("find")));
}

#[test]
fn a_search_whose_failure_is_tolerated_is_over() {
    let program = program(&format!(
        "{FIND}  continue_on_error: true\n- id: next\n  uses: braze/users.track\n  with: {{ attributes: [{{ external_id: x }}] }}\n"
    ));

    let ran = ran(&program, someone(), |path| if path == "find#0" { refused() } else { accepted(path) });

    assert_eq!(ran.paths(), ["find#0", "next"]);
    assert!(ran.finish.tolerated);
}

#[test]
fn a_search_in_a_loop_looks_for_each() {
    let program = program(
        "- id: all\n  for_each: \"['u-1', 'u-2']\"\n  steps:\n    - id: find\n      uses: privaflow/find_profiles\n      with: { subject: { external_id: '{{ item }}' } }\n",
    );

    let ran = ran(&program, someone(), finds(0));

    assert_eq!(ran.paths(), ["all[0].find#0", "all[1].find#0"]);
    assert_eq!(ran.did[1].1["external_ids"], json!(["u-2"]));
}

#[test]
fn what_is_not_written_in_shadow_is_not_looked_for() {
    let program = program(&format!(
        "{FIND}{ERASE}{}",
        VERIFY.replace("if: steps.erase.status == 'done'", "name: always")
    ));
    let mut run = Run::start(&program, 0, someone());
    let mut service = gone_after(1);
    loop {
        match run.next(&program, START_MS) {
            Next::Call(_) => match run.path(&program).as_str() {
                "erase" => run.pass(&program, Skip::Shadow),
                path => run.answer(&program, Answer { result: service(path), status: 201, at_ms: START_MS }),
            },
            Next::Ended(finish) => {
                assert_eq!(finish.verdict, Verdict::Skipped(Skip::Shadow));
                return;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Every answer a run was given, by path.
fn heard(program: &Program, service: &mut dyn FnMut(&str) -> Answered) -> Vec<(String, Answer)> {
    let mut run = Run::start(program, 0, someone());
    let (mut now_ms, mut heard) = (START_MS, Vec::new());
    loop {
        match run.next(program, now_ms) {
            Next::Call(_) => {
                now_ms += 1000;
                let path = run.path(program);
                let answer = Answer { result: service(&path), status: 201, at_ms: now_ms };
                heard.push((path, answer.clone()));
                run.answer(program, answer);
            }
            Next::Wait { until_ms } => now_ms = until_ms,
            Next::Approval { .. } => run.decide(program, true),
            Next::Ended(_) => return heard,
        }
    }
}

#[test]
fn a_run_that_is_told_its_answers_again_stands_where_it_stood() {
    let program = whole_path();
    let all = heard(&program, &mut gone_after(1000));
    assert!(all.len() > 10, "{}", all.len());

    for told in 0..all.len() {
        let mut run = Run::start(&program, 0, someone());
        let mut now_ms = START_MS;
        for (path, answer) in &all[..told] {
            while let Next::Wait { until_ms } = run.next(&program, now_ms) {
                now_ms = until_ms;
            }
            assert_eq!(run.path(&program), *path);
            run.answer(&program, answer.clone());
            now_ms = answer.at_ms;
        }
        // A process that comes much later goes on all the same.
        let late_ms = START_MS + 100 * 24 * 3_600_000;
        assert!(matches!(run.next(&program, late_ms), Next::Call(_)));
        assert_eq!(run.path(&program), all[told].0);
    }
}

#[test]
fn a_search_or_a_verification_is_never_the_last_call_of_which_nothing_is_kept() {
    let program = program(FIND);
    let mut run = Run::start(&program, 0, someone());

    assert!(matches!(run.next(&program, START_MS), Next::Call(_)));

    assert!(!run.is_last_call(&program));
}

#[test]
fn a_plan_shows_what_is_asked_first_and_that_more_may_follow() {
    let previewed = preview(&whole_path(), 0, someone());

    let shown: Vec<(&str, &str, Value)> = previewed
        .calls
        .iter()
        .map(|call| {
            let known = match &call.known {
                Knows::Call(call) => {
                    serde_json::from_slice::<Value>(&call.body()).unwrap()["fields_to_export"].take()
                }
                Knows::Skipped => json!("skipped"),
                Knows::Needs(needs) => json!(needs),
            };
            (call.step.as_str(), call.action.id.as_str(), known)
        })
        .collect();
    let fields = json!(["braze_id", "external_id", "user_aliases", "email", "phone", "devices"]);
    let expected = [
        ("find#0", "users.export.ids", fields.clone()),
        ("find#1", "users.export.ids", fields),
        ("find#2", "users.export.ids", json!(["find"])),
        ("erase", "users.delete", json!(["find"])),
        ("verify", "users.export.ids", json!(["erase"])),
        ("verify", "users.delete", json!(["erase", "verify"])),
    ];
    assert_eq!(shown, expected);
    assert!(previewed.may_be_irreversible());
}

#[test]
fn a_plan_of_somebody_without_identifiers_says_that_it_would_fail() {
    let mut request = someone();
    request.insert("subject".into(), json!({ "aliases": [] }));

    let previewed = preview(&whole_path(), 0, request);

    assert_eq!(previewed.trouble.unwrap().code, "no_identifier");
}

#[test]
fn a_record_never_takes_the_course_of_one_that_searched_without_a_call() {
    let program = program(&format!(
        "{FIND}  continue_on_error: true\n{}",
        ERASE.replace("size(steps.find.output.braze_ids) > 0", "false")
    ));
    let mut courses = crate::run::Courses::new(&program);
    let mut nobody = someone();
    nobody.insert("subject".into(), json!({ "aliases": [] }));
    assert!(courses.find(&nobody).is_none());
    let mut run = Run::start(&program, 0, nobody);
    let next = run.next(&program, START_MS);
    assert!(matches!(next, Next::Ended(_)), "{next:?}");
    run.take_log();

    courses.note(&program, &run, &next, |_| 0);

    assert!(courses.find(&someone()).is_none());
}

#[test]
fn a_verification_that_is_switched_off_keeps_the_short_way_of_bulk_jobs() {
    let steps = "\
- uses: braze/users.track
  with: { attributes: [{ external_id: '{{ subject.external_id }}', email_subscribe: unsubscribed }] }
- if: vars.verify
  uses: privaflow/verify_consent
  with: { email_subscribe: unsubscribed }
";
    let (off, on) =
        (program_with("vars: { verify: false }", steps), program_with("vars: { verify: true }", steps));
    for (program, is_last) in [(&off, true), (&on, false)] {
        let mut run = Run::start(program, 0, someone());
        let next = run.next(program, START_MS);
        assert_eq!(run.is_last_call(program), is_last);
        let mut courses = crate::run::Courses::new(program);
        assert!(courses.find(&someone()).is_none());
        courses.note(program, &run, &next, |_| 0);
        assert_eq!(courses.find(&someone()).is_some(), is_last);
    }
}

/// The shipped deletion of somebody who shares an address with somebody else, with the switch on or off.
fn shipped(switch: &str) -> (Ran, Vec<Value>) {
    let text = include_str!("../../../workflows/user-deletion.yaml");
    let program =
        whole(&text.replace("unsubscribe_address: false", &format!("unsubscribe_address: {switch}")));
    let mut erased = false;
    let service = |path: &str| {
        erased |= path == "erase";
        let own = json!({ "braze_id": "b-1", "external_id": "u-1", "email": "a@example.com" });
        let own_too = json!({ "braze_id": "b-2", "external_id": null, "email": "b@example.com" });
        Ok(json!({ "users": if erased { json!([]) } else { json!([own, own_too]) } }))
    };
    let ran = ran(&program, someone(), service);
    let unsubscribed = ran.did.iter().filter(|(path, _)| path == "keep_out").map(|(_, body)| body.clone());
    let unsubscribed = unsubscribed.collect();
    (ran, unsubscribed)
}

#[test]
fn the_policy_to_keep_an_address_unsubscribed_is_off_and_changes_nothing_of_the_proof_when_it_is_on() {
    let (off, nothing) = shipped("false");
    let (on, unsubscribed) = shipped("true");

    assert!(nothing.is_empty());
    assert_eq!(
        unsubscribed,
        [json!({ "email": ["a@example.com", "b@example.com"], "subscription_state": "unsubscribed" })]
    );
    for ran in [off, on] {
        assert_eq!(ran.verdict(), Verdict::Done);
        assert!(ran.finish.verified && ran.finish.accepted);
    }
}
