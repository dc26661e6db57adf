//! What a plan shows: what is known, what is skipped, and what waits for which answer.

use super::*;
use crate::run::{Known as Knows, Previewed, preview};

fn previewed(program: &Program, request: Map<String, Value>) -> Previewed {
    preview(program, 4, request)
}

/// Each call as its path and its body, `skipped`, or the steps it needs.
fn shown(previewed: &Previewed) -> Vec<(&str, Value)> {
    let calls = previewed.calls.iter().map(|call| {
        let known = match &call.known {
            Knows::Call(call) => serde_json::from_slice(&call.body()).unwrap(),
            Knows::Skipped => json!("skipped"),
            Knows::Needs(needs) => json!(needs),
        };
        (call.step.as_str(), known)
    });
    calls.collect()
}

const FIND: &str =
    "- id: find\n  uses: braze/users.export.ids\n  with: { email_address: '{{ subject.email }}' }\n";

fn track(id: &str, value: &str) -> String {
    format!(
        "- id: {id}\n  uses: braze/users.track\n  with: {{ attributes: [{{ external_id: u, x: '{{{{ {value} }}}}' }}] }}\n"
    )
}

fn tracked(value: impl Into<Value>) -> Value {
    json!({"attributes": [{"external_id": "u", "x": value.into()}]})
}

#[test]
fn what_does_not_hang_on_an_answer_is_shown_as_it_would_be_sent() {
    let steps = format!(
        "- set: {{ x: 1 }}\n{}{}- wait: 5m\n{}",
        track("a", "uuid"),
        track("b", "uuid"),
        track("c", "vars.x")
    );
    let program = program(&steps);

    let previewed = previewed(&program, someone());
    let ran = ran(&program, someone(), accepted);

    let sent: Vec<_> = ran
        .did
        .iter()
        .filter(|(path, _)| path != "wait")
        .map(|(path, body)| (path.as_str(), body.clone()))
        .collect();
    assert_eq!(shown(&previewed), sent);
    assert_eq!(previewed.trouble, None);
}

#[test]
fn what_hangs_on_an_answer_says_on_whose() {
    let program = program(&format!(
        "{FIND}- set: {{ found: 'steps.find.output.users.map(u, u.braze_id)', known: 7 }}\n{}{}{}{}",
        track("a", "vars.found"),
        track("b", "vars.known"),
        "- id: erase\n  if: size(vars.found) > 0\n  uses: braze/users.delete\n  with: { external_ids: [u] }\n",
        track("after", "steps.erase.status"),
    ));

    let previewed = previewed(&program, someone());

    let find = ("find", json!({"email_address": "a@example.com"}));
    let needs = |step: &str| json!([step]);
    let expected =
        [find, ("a", needs("find")), ("b", tracked(7)), ("erase", needs("find")), ("after", needs("erase"))];
    assert_eq!(shown(&previewed), expected);
    assert!(previewed.may_be_irreversible() && previewed.trouble.is_none());
}

#[test]
fn a_step_whose_condition_is_false_is_shown_as_skipped() {
    let program = program(
        "- id: erase\n  if: 'false'\n  uses: braze/users.delete\n  with: { external_ids: ['{{ fields.no }}'] }",
    );

    let previewed = previewed(&program, someone());

    assert_eq!(shown(&previewed), [("erase", json!("skipped"))]);
    assert!(!previewed.may_be_irreversible() && previewed.trouble.is_none());
}

#[test]
fn what_is_skipped_opens_nothing() {
    let program = program(&format!(
        "{FIND}- set: {{ x: 1 }}\n- if: 'false'\n  set: {{ x: 'size(steps.find.output.users)' }}\n- if: 'false'\n  for_each: steps.find.output.users\n  steps: [{{ uses: braze/users.delete, with: {{ external_ids: [u] }} }}]\n{}",
        track("a", "vars.x")
    ));

    let previewed = previewed(&program, someone());

    assert_eq!(shown(&previewed)[1..], [("a", tracked(1))]);
    assert!(!previewed.may_be_irreversible());
}

#[test]
fn a_variable_that_is_set_anew_from_what_is_known_is_known_again() {
    let program = program(&format!(
        "{FIND}- set: {{ x: 'size(steps.find.output.users)' }}\n- set: {{ x: 2 }}\n{}",
        track("a", "vars.x")
    ));

    assert_eq!(shown(&previewed(&program, someone()))[1], ("a", tracked(2)));
}

#[test]
fn a_loop_over_known_items_shows_each_and_its_output_stays_open() {
    let program = program(&format!(
        "- id: mail\n  for_each: consents\n  steps:\n{}{}{}",
        "    - id: track\n      uses: braze/users.track\n      with: { attributes: [{ external_id: u, x: '{{ item.status }}' }] }\n",
        "    - id: then\n      if: steps.track.output.message == 'success'\n      uses: braze/users.delete\n      with: { external_ids: [u] }\n",
        track("after", "steps.mail.output.[0].track.status"),
    ));

    let previewed = previewed(&program, request(json!([{"status": "A"}, {"status": "B"}])));

    let expected = [
        ("mail[0].track", tracked("A")),
        ("mail[0].then", json!(["track"])),
        ("mail[1].track", tracked("B")),
        ("mail[1].then", json!(["track"])),
        ("after", json!(["mail"])),
    ];
    assert_eq!(shown(&previewed), expected);
}

#[test]
fn a_loop_over_what_nobody_knows_yet_shows_its_steps_once() {
    let program = program_with(
        "vars: { x: 1 }",
        &format!(
            "{FIND}- id: each\n  for_each: steps.find.output.users\n  steps:\n    - set: {{ x: 2 }}\n    - id: erase\n      uses: braze/users.delete\n      with: {{ braze_ids: ['{{{{ item.braze_id }}}}'] }}\n{}{}",
            track("a", "vars.x"),
            track("b", "steps.each.status")
        ),
    );

    let previewed = previewed(&program, someone());

    let needs = |step: &str| json!([step]);
    let expected = [("each[].erase", needs("find")), ("a", tracked(1)), ("b", needs("each"))];
    assert_eq!(shown(&previewed)[1..], expected);
    assert!(previewed.may_be_irreversible());
}

#[test]
fn what_a_loop_sets_for_an_iteration_does_not_make_an_open_variable_known() {
    let program = program(&format!(
        "{FIND}- set: {{ x: 'size(steps.find.output.users)' }}\n- for_each: '[1]'\n  steps: [{{ set: {{ x: 2 }} }}]\n{}",
        track("a", "vars.x")
    ));

    let previewed = previewed(&program, someone());

    assert_eq!((shown(&previewed)[1].clone(), &previewed.trouble), (("a", json!(["find"])), &None));
}

#[test]
fn what_follows_an_assertion_on_an_answer_is_shown_too() {
    let program = program(&format!(
        "{FIND}- id: check\n  assert: size(steps.find.output.users) > 0\n{}{}",
        track("a", "subject.email"),
        track("b", "steps.check.status")
    ));

    let previewed = previewed(&program, someone());

    assert_eq!(shown(&previewed)[1..], [("a", tracked("a@example.com")), ("b", json!(["find"]))]);
}

#[test]
fn a_stop_on_an_answer_leaves_the_rest_possible_and_a_certain_one_ends_the_plan() {
    let possible = program(&format!(
        "{FIND}- if: size(steps.find.output.users) == 0\n  stop: true\n{}",
        track("a", "subject.email")
    ));
    let certain = program(&format!("{FIND}- stop: true\n{}", track("a", "subject.email")));

    assert_eq!(shown(&previewed(&possible, someone())).len(), 2);
    assert_eq!(shown(&previewed(&certain, someone())).len(), 1);
}

#[test]
fn a_run_that_would_fail_says_where_and_shows_what_comes_before() {
    let program = program(&format!(
        "{}- id: check\n  assert: 'false'\n{}",
        track("a", "subject.email"),
        track("b", "subject.email")
    ));

    let previewed = previewed(&program, someone());

    assert_eq!(shown(&previewed).len(), 1);
    let trouble = previewed.trouble.unwrap();
    assert_eq!((trouble.reason, trouble.step.as_deref()), (Fail::Assert, Some("check")));
}

#[test]
fn a_call_that_cannot_be_rendered_is_trouble_and_no_call() {
    let program = program(&format!(
        "- for_each: '[1]'\n  steps:\n    - id: a\n      uses: braze/users.delete\n      with: {{ external_ids: ['{{{{ fields.no }}}}'] }}\n{}",
        track("b", "subject.email")
    ));

    let previewed = previewed(&program, someone());

    assert_eq!(shown(&previewed), []);
    assert_eq!(previewed.trouble.unwrap().step.as_deref(), Some("step-1[0].a"));
}

#[test]
fn the_profile_is_shown_also_for_a_call_whose_body_is_open() {
    let program =
        program_with("profiles: { braze: eu }", &format!("{FIND}{}", track("a", "steps.find.output")));

    let previewed = previewed(&program, someone());

    assert_eq!(previewed.calls[1].profile.as_deref(), Some("eu"));
    assert!(matches!(&previewed.calls[1].known, Knows::Needs(needs) if needs == &["find"]));
}

#[test]
fn a_step_that_no_answer_can_turn_on_is_skipped_and_one_that_an_answer_can_is_not() {
    let erase = "  uses: braze/users.delete\n  with: { external_ids: [u] }\n";
    let on = |id: &str, condition: &str| format!("- id: {id}\n  if: {condition}\n{erase}");
    let program = program(&format!(
        "{FIND}{}{}{}- if: has(subject.phone) && size(steps.find.output.users) > 0\n  stop: true\n{}",
        on("never", "has(subject.phone) && size(steps.find.output.users) > 0"),
        on("maybe", "has(subject.email) && size(steps.find.output.users) > 0"),
        on("perhaps", "has(steps.find.output.users)"),
        track("after", "subject.email"),
    ));

    let previewed = previewed(&program, someone());

    let needs = json!(["find"]);
    let after = tracked("a@example.com");
    let expected =
        [("never", json!("skipped")), ("maybe", needs.clone()), ("perhaps", needs), ("after", after)];
    assert_eq!(shown(&previewed)[1..], expected);
}

#[test]
fn a_step_that_is_skipped_for_a_later_item_is_known_for_that_item() {
    let program = program(
        "\
- id: mail
  for_each: consents
  steps:
    - id: a
      if: item.status == 'A'
      uses: braze/users.track
      with: { attributes: [{ external_id: u, x: '{{ item.status }}' }] }
    - id: b
      uses: braze/users.track
      with: { attributes: [{ external_id: u, x: '{{ steps.a.status }}' }] }
",
    );

    let previewed = previewed(&program, request(json!([{"status": "A"}, {"status": "B"}])));

    let expected = [
        ("mail[0].a", tracked("A")),
        ("mail[0].b", json!(["a"])),
        ("mail[1].a", json!("skipped")),
        ("mail[1].b", tracked("skipped")),
    ];
    assert_eq!(shown(&previewed), expected);
}

#[test]
fn an_item_that_would_fail_before_a_stop_is_told() {
    let program = program(
        "- for_each: '[1, 2]'\n  steps:\n    - { if: item == 2, stop: true }\n    - { id: check, assert: 'false' }",
    );

    let trouble = previewed(&program, someone()).trouble.unwrap();

    assert_eq!(trouble.step.as_deref(), Some("step-1[0].check"));
}
