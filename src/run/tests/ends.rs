//! What a run comes to: done, skipped and why, failed and where.

use super::*;

const FIND: &str = "\
- id: find
  uses: braze/users.export.ids
  with: { email_address: '{{ subject.email }}' }
";
const ERASE_FOUND: &str = "\
- id: erase
  if: size(steps.find.output.users) > 0
  uses: braze/users.delete
  with: { external_ids: [u-1] }
";

fn verdict(steps: &str, service: impl FnMut(&str) -> Answered) -> Verdict {
    ran(&program(steps), someone(), service).verdict()
}

#[test]
fn a_run_with_an_accepted_write_is_done() {
    let ran = ran(&program(&format!("{FIND}{ERASE_FOUND}")), someone(), finds(1));

    assert_eq!((ran.verdict(), ran.finish.accepted, ran.finish.verified), (Verdict::Done, true, false));
    assert_eq!(ran.paths(), ["find", "erase"]);
}

#[test]
fn a_run_that_found_nobody_is_skipped_for_that() {
    assert_eq!(verdict(&format!("{FIND}{ERASE_FOUND}"), finds(0)), Verdict::Skipped(Skip::NoProfile));
}

#[test]
fn a_run_that_found_somebody_and_wrote_nothing_is_skipped_by_its_condition() {
    let steps = format!("{FIND}{}", ERASE_FOUND.replace("> 0", "> 5"));

    assert_eq!(verdict(&steps, finds(1)), Verdict::Skipped(Skip::Condition));
}

#[test]
fn nobody_is_only_nobody_when_no_look_up_found_anyone() {
    let steps =
        format!("{FIND}{}{}", FIND.replace("id: find", "id: other"), ERASE_FOUND.replace("> 0", "> 5"));
    let second = |path: &str| Ok(json!({"users": if path == "other" { json!([{}]) } else { json!([]) }}));

    assert_eq!(verdict(&steps, second), Verdict::Skipped(Skip::Condition));
}

#[test]
fn a_look_up_at_the_very_end_counts_as_one() {
    let steps =
        format!("- if: 'false'\n{}{FIND}", "  uses: braze/users.delete\n  with: { external_ids: [u-1] }\n");

    let program = program(&steps);
    let mut run = Run::start(&program, 0, someone());
    assert!(matches!(run.next(&program, START_MS), Next::Call(_)));
    assert!(!run.is_last_call(&program));

    assert_eq!(verdict(&steps, finds(0)), Verdict::Skipped(Skip::NoProfile));
}

#[test]
fn a_run_whose_loops_had_nothing_to_do_is_no_match() {
    let steps = "\
- for_each: consents
  steps:
    - uses: braze/users.track
      with: { attributes: [{ external_id: u }] }
";

    assert_eq!(verdict(steps, accepted), Verdict::Skipped(Skip::NoMatch));
}

#[test]
fn an_empty_loop_beside_a_write_that_was_skipped_is_a_condition() {
    let steps = "\
- for_each: consents
  steps:
    - uses: braze/users.track
      with: { attributes: [{ external_id: u }] }
- if: 'false'
  uses: braze/users.delete
  with: { external_ids: [u-1] }
";

    assert_eq!(verdict(steps, accepted), Verdict::Skipped(Skip::Condition));
}

#[test]
fn a_run_without_writes_is_done_when_every_step_ended_well() {
    assert_eq!(verdict("- log: hello", accepted), Verdict::Done);
    assert_eq!(verdict(FIND, finds(0)), Verdict::Done);
}

#[test]
fn a_stop_is_done_after_a_write_and_skipped_without_one() {
    let write = "- uses: braze/users.track\n  with: { attributes: [{ external_id: u }] }\n";
    let tolerated = write.replacen("- ", "- continue_on_error: true\n  ", 1);

    assert_eq!(verdict(&format!("{write}- stop: true"), accepted), Verdict::Done);
    assert_eq!(verdict(&format!("- stop: true\n{write}"), accepted), Verdict::Skipped(Skip::Condition));
    assert_eq!(verdict("- stop: true", accepted), Verdict::Skipped(Skip::Condition));
    assert_eq!(verdict(&format!("{FIND}- stop: true\n{write}"), finds(0)), Verdict::Skipped(Skip::NoProfile));
    assert_eq!(
        verdict(&format!("{tolerated}- stop: true"), |_| refused()),
        Verdict::Skipped(Skip::Condition)
    );
}

#[test]
fn a_refusal_fails_the_run_at_its_step_and_nothing_follows() {
    let steps = format!(
        "{FIND}{ERASE_FOUND}- id: later\n  uses: braze/users.delete\n  with: {{ external_ids: [x] }}"
    );
    let program = program(&steps);

    let ran = ran(&program, someone(), |path| if path == "erase" { refused() } else { finds(1)(path) });

    assert_eq!(ran.paths(), ["find", "erase"]);
    assert_eq!(ran.trouble(), (Fail::Refused, "refused", Some("erase")));
}

#[test]
fn a_refusal_for_time_or_type_keeps_its_reason() {
    for (code, reason) in [("timeout", Fail::Timeout), ("wrong_type", Fail::WrongType), ("x", Fail::Refused)]
    {
        let refusal = Refusal::new(code, "no");

        let verdict = verdict(FIND, |_| Err(refusal.clone()));

        assert_eq!(verdict, Verdict::Failed(reason));
    }
}

#[test]
fn an_answer_that_is_no_success_was_not_accepted() {
    let steps = "\
- id: track
  uses: braze/users.track
  with: { attributes: [{ external_id: u }] }
  success_when: output.message == 'success' && response.status == 201
";
    let program = program(steps);

    let good = ran(&program, someone(), accepted);
    let bad = ran(&program, someone(), |_| Ok(json!({"message": "partly"})));

    assert_eq!((good.verdict(), good.finish.accepted), (Verdict::Done, true));
    assert_eq!(bad.trouble(), (Fail::Refused, "success_when", Some("track")));
    assert!(!bad.finish.accepted);
}

#[test]
fn a_write_before_a_failure_stays_accepted() {
    let steps = "- uses: braze/users.track\n  with: { attributes: [{ external_id: u }] }\n- fail: x";

    let ran = ran(&program(steps), someone(), accepted);

    assert_eq!((ran.verdict(), ran.finish.accepted), (Verdict::Failed(Fail::Fail), true));
}
