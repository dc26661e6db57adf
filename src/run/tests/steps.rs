//! One step at a time: conditions, `set`, `assert`, `fail`, `stop`, `log`, `continue_on_error`.

use super::*;

const TRACK: &str = "\
- id: track
  uses: braze/users.track
  with: { attributes: [{ external_id: '{{ subject.external_id }}', x: '{{ vars.x }}' }] }
";

#[test]
fn a_call_reads_what_was_set_before_it_and_a_setting_the_one_before_it() {
    let program =
        program(&format!("- set: {{ a: 1, x: 'vars.a + 1' }}\n- set: {{ x: 'vars.x * 10' }}\n{TRACK}"));

    let ran = ran(&program, someone(), accepted);

    let object = json!({"external_id": "u-1", "x": 20});
    assert_eq!(ran.did, [("track".to_owned(), json!({"attributes": [object]}))]);
    assert_eq!(ran.verdict(), Verdict::Done);
}

#[test]
fn vars_are_rendered_once_for_the_person_in_order() {
    let head = "vars: { c: k, a: '{{ subject.external_id }}', x: '{{ vars.a }}-{{ vars.c }}' }";
    let program = program_with(head, TRACK);

    let ran = ran(&program, someone(), accepted);

    assert_eq!(ran.did[0].1["attributes"][0]["x"], "u-1-k");
}

#[test]
fn a_scope_that_is_given_back_holds_nothing_of_the_person_and_the_vars_of_the_start() {
    let steps = "- set: { x: 5, y: 6 }\n- id: said\n  log: hello\n- set: { x: steps.said.status }\n";
    let program = program_with("vars: { x: 0, of: '{{ subject.email }}' }", &format!("{steps}{TRACK}"));

    let ran = ran(&program, someone(), accepted);

    let mut scope = ran.scope;
    assert_eq!(left_in(&mut scope), left_in(&mut program.scope()));
    let again = carry_out(&program, Run::start_in(&program, scope, 5, &mut someone()), accepted);
    assert_eq!(again.did, ran.did);
}

#[test]
fn a_step_whose_condition_is_false_is_skipped_and_its_output_is_null() {
    let program = program(
        "\
- id: find
  if: 'false'
  uses: braze/users.export.ids
  with: { external_ids: ['{{ subject.external_id }}'] }
- assert: steps.find.status == 'skipped' && steps.find.output == null
- id: erase
  uses: braze/users.delete
  with: { external_ids: ['{{ subject.external_id }}'] }
",
    );

    let ran = ran(&program, someone(), accepted);

    assert_eq!((ran.paths(), ran.verdict()), (vec!["erase"], Verdict::Done));
}

#[test]
fn a_step_can_read_how_an_earlier_one_ended_also_through_all_of_them() {
    let program = program(
        "\
- id: find
  uses: braze/users.export.ids
  with: { email_address: '{{ subject.email }}' }
- set: { all: steps, ids: 'vars.all.find.output.users.map(u, u.braze_id)' }
- assert: vars.all.find.status == 'done'
- id: erase
  uses: braze/users.delete
  with: { braze_ids: '{{ vars.ids }}' }
",
    );

    let ran = ran(&program, someone(), finds(2));

    assert_eq!(ran.finish.failure, None);
    assert_eq!(ran.did[1], ("erase".to_owned(), json!({"braze_ids": ["b-0", "b-1"]})));
}

#[test]
fn an_assertion_that_does_not_hold_fails_the_run_and_names_nobody() {
    let program = program(
        "- id: check\n  assert: { that: 'false', message: 'no {{ subject.email }} in {{ request.id }}' }\n- log: never",
    );

    let ran = ran(&program, someone(), accepted);

    assert_eq!(ran.verdict(), Verdict::Failed(Fail::Assert));
    assert_eq!(ran.trouble(), (Fail::Assert, "assert", Some("check")));
    assert_eq!(ran.finish.failure.unwrap().message, "no ‹redacted› in r-1");
    assert_eq!(ran.log, [""; 0]);
}

#[test]
fn a_fail_step_fails_the_run_with_its_message() {
    let ran = ran(&program("- fail: 'not {{ request.kind }}'"), someone(), accepted);

    assert_eq!(ran.trouble(), (Fail::Fail, "fail", Some("step-1")));
    assert_eq!(ran.finish.failure.unwrap().message, "not deletion");
}

#[test]
fn what_cannot_be_evaluated_or_rendered_fails_the_run_and_says_where() {
    for (steps, step, what) in [
        ("- if: fields.no == 1\n  log: x", "step-1", "in `if`: "),
        ("- set: { x: fields.no }", "step-1", "in `x`: "),
        ("- assert: fields.no", "step-1", "in `assert`: "),
        ("- id: mail\n  for_each: fields.no\n  steps: [{ log: x }]", "mail", "in `for_each`: "),
        ("- for_each: fields\n  steps: [{ log: x }]", "step-1", "in `for_each`: the value is not a list"),
        (
            "- id: erase\n  uses: braze/users.delete\n  with: { external_ids: ['{{ fields.no }}'] }",
            "erase",
            "",
        ),
        (
            "- id: erase\n  profile: '{{ fields.no }}'\n  uses: braze/users.delete\n  with: { external_ids: ['x'] }",
            "erase",
            "in `profile`: ",
        ),
    ] {
        let ran = ran(&program(steps), someone(), accepted);

        assert_eq!(ran.trouble(), (Fail::Template, "template", Some(step)), "{steps}");
        let message = ran.finish.failure.unwrap().message;
        assert!(message.starts_with(what), "{message}");
        assert_eq!(ran.did, []);
    }
}

#[test]
fn a_var_that_cannot_be_rendered_fails_the_run_before_any_step() {
    let program = program_with("vars: { x: '{{ fields.no }}' }", TRACK);

    let ran = ran(&program, someone(), accepted);

    assert_eq!((ran.trouble(), ran.did.len()), ((Fail::Template, "template", None), 0));
    assert!(ran.finish.failure.unwrap().message.starts_with("in `vars.x`: "));
}

#[test]
fn a_value_of_the_wrong_type_is_refused_before_it_is_sent() {
    let program =
        program("- id: erase\n  uses: braze/users.delete\n  with: { external_ids: '{{ fields }}' }");

    let ran = ran(&program, someone(), accepted);

    assert_eq!((ran.trouble(), ran.did.len()), ((Fail::WrongType, "wrong_type", Some("erase")), 0));
}

#[test]
fn a_failure_that_is_tolerated_is_a_failed_step_of_a_run_that_is_done() {
    let program = program(&format!(
        "\
- id: first
  continue_on_error: true
  uses: braze/users.track
  with: {{ attributes: [{{ external_id: u }}] }}
- set: {{ x: 'steps.first.status' }}
- if: 'false'
{}",
        TRACK.replacen("- id", "  id", 1)
    ));

    let ran = ran(&program, someone(), |_| refused());

    assert_eq!((ran.paths(), ran.verdict()), (vec!["first"], Verdict::Done));
    assert!(!ran.finish.accepted);
    assert_eq!(ran.log, ["step `first` failed and is tolerated: the service refuses it"]);
}

#[test]
fn after_a_tolerated_failure_the_next_step_reads_that_it_failed() {
    let program = program(
        "- id: check\n  continue_on_error: true\n  assert: 'false'\n- assert: steps.check.status == 'failed' && steps.check.output == null",
    );

    assert_eq!(ran(&program, someone(), accepted).verdict(), Verdict::Done);
}

#[test]
fn a_stop_ends_the_run_and_says_why_in_the_log() {
    let program =
        program(&format!("- set: {{ x: 1 }}\n- stop: 'enough of {{{{ subject.email }}}}'\n{TRACK}"));

    let ran = ran(&program, someone(), accepted);

    assert_eq!((ran.did.len(), ran.log), (0, vec!["enough of ‹redacted›".to_owned()]));
}

#[test]
fn a_log_line_shows_the_request_and_nothing_of_the_person() {
    let ran = ran(&program("- log: '{{ request.id }} {{ subject.external_id }}'"), someone(), accepted);

    assert_eq!((ran.log, ran.finish.verdict), (vec!["r-1 ‹redacted›".to_owned()], Verdict::Done));
}

#[test]
fn the_profile_is_the_steps_then_the_workflows_and_else_left_open() {
    let erase = "- id: erase\n  uses: braze/users.delete\n  with: { external_ids: ['x'] }";
    let own = format!("{erase}\n  profile: 'braze-{{{{ request.kind }}}}'");
    for (head, steps, expected) in [
        ("", erase, None),
        ("profiles: { braze: eu }", erase, Some("eu")),
        ("profiles: { braze: eu }", own.as_str(), Some("braze-deletion")),
    ] {
        let program = program_with(head, steps);

        let Next::Call(prepared) = Run::start(&program, 0, someone()).next(&program, START_MS) else {
            panic!()
        };

        assert_eq!(prepared.profile.as_deref(), expected);
    }
}
