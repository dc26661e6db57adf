//! Waits and repeated calls: what time decides.

use super::*;

const ERASE: &str = "- id: erase\n  uses: braze/users.delete\n  with: { external_ids: [u-1] }\n";
const VERIFY: &str = "\
- id: verify
  uses: braze/users.export.ids
  with: { email_address: '{{ subject.email }}' }
  repeat: { every: 1m, at_most: 3m, until: size(output.users) == 0 }
";

/// Finds somebody until it was asked so many times.
fn gone_after(times: usize) -> impl FnMut(&str) -> Answered {
    let mut asked = 0;
    move |path| {
        asked += usize::from(path.starts_with("verify"));
        let users = if asked > times || path == "erase" { json!([]) } else { json!([{}]) };
        Ok(json!({"users": users}))
    }
}

#[test]
fn a_wait_lasts_as_long_as_it_says_and_the_run_goes_on() {
    let program = program(&format!("- wait: 10m\n{ERASE}"));

    let ran = ran(&program, someone(), accepted);

    assert_eq!(ran.did[0], ("wait".to_owned(), json!(600)));
    assert_eq!((ran.paths()[1], ran.verdict()), ("erase", Verdict::Done));
}

#[test]
fn before_its_moment_a_wait_says_the_same_moment_again() {
    let program = program(&format!("- wait: 10m\n{ERASE}"));
    let mut run = Run::start(&program, 0, someone());

    for now_ms in [START_MS, START_MS + 1, START_MS + 599_999] {
        let next = run.next(&program, now_ms);
        assert!(matches!(next, Next::Wait { until_ms } if until_ms == START_MS + 600_000), "{next:?}");
    }

    assert!(run.is_at_wait_step());
    assert_eq!(run.waits_until(), Some(START_MS + 600_000));
    assert!(matches!(run.next(&program, START_MS + 600_000), Next::Call(_)));
    assert_eq!(run.waits_until(), None);
}

#[test]
fn a_wait_that_began_in_an_earlier_process_ends_when_it_was_to() {
    let program = program(&format!("- wait: 10m\n{ERASE}"));
    let mut run = Run::start(&program, 0, someone());
    assert!(matches!(run.next(&program, START_MS + 300_000), Next::Wait { .. }));

    run.resume_wait(&program, Some(START_MS + 400_000), START_MS + 300_000);

    assert!(matches!(run.next(&program, START_MS + 400_000), Next::Call(_)));
}

#[test]
fn a_wait_that_began_before_the_calendar_was_set_back_is_over_in_its_own_time() {
    let program = program(&format!("- wait: 10m\n{ERASE}"));
    let mut run = Run::start(&program, 0, someone());
    assert!(matches!(run.next(&program, START_MS), Next::Wait { .. }));

    let day_ms = 86_400_000;
    run.resume_wait(&program, Some(START_MS + 400_000), START_MS - day_ms);

    assert_eq!(run.waits_until(), Some(START_MS - day_ms + 600_000));
}

#[test]
fn a_pause_that_is_ended_takes_nothing_off_the_time_of_a_repeated_read() {
    let program = program(&format!("{ERASE}{VERIFY}"));
    let mut run = Run::start(&program, 0, someone());
    let still_there = || Answer { result: Ok(json!({"users": [1]})), status: 200, at_ms: START_MS };
    for _ in 0..2 {
        assert!(matches!(run.next(&program, START_MS), Next::Call(_)));
        run.answer(&program, still_there());
    }
    for _ in 0..5 {
        assert!(matches!(run.next(&program, START_MS), Next::Wait { .. }));
        run.end_pause();
        assert!(matches!(run.next(&program, START_MS), Next::Call(_)));
        run.answer(&program, still_there());
    }

    assert!(matches!(run.next(&program, START_MS), Next::Wait { .. }));
}

#[test]
fn a_repeated_read_is_asked_until_it_comes_true_and_then_proves_the_write() {
    let program = program(&format!("{ERASE}{VERIFY}"));

    let ran = ran(&program, someone(), gone_after(2));

    assert_eq!(ran.paths(), ["erase", "verify", "wait", "verify#1", "wait", "verify#2"]);
    assert_eq!(ran.did[2].1, 60);
    assert_eq!((ran.verdict(), ran.finish.verified), (Verdict::Done, true));
}

#[test]
fn a_repeated_read_before_any_write_proves_nothing() {
    let program = program(&format!("{VERIFY}{ERASE}"));

    let ran = ran(&program, someone(), gone_after(0));

    assert_eq!((ran.verdict(), ran.finish.accepted, ran.finish.verified), (Verdict::Done, true, false));
}

#[test]
fn a_repeated_call_whose_time_is_up_fails_as_timeout() {
    let program = program(&format!("{ERASE}{VERIFY}"));

    let ran = ran(&program, someone(), gone_after(100));

    // Each pause of a minute is followed by a second on the wire: the third would end after three.
    assert_eq!(ran.paths(), ["erase", "verify", "wait", "verify#1", "wait", "verify#2"]);
    assert_eq!(ran.trouble(), (Fail::Timeout, "timeout", Some("verify")));
    assert!(ran.finish.accepted && !ran.finish.verified);
}

#[test]
fn a_pause_that_ends_exactly_in_time_is_still_taken() {
    let program = program(&VERIFY.replace("3m", "60s"));

    let ran = ran(&program, someone(), gone_after(1));

    assert_eq!((ran.paths(), ran.verdict()), (vec!["verify", "wait", "verify#1"], Verdict::Done));
}

#[test]
fn an_until_that_cannot_be_evaluated_fails_the_step() {
    let program = program(&VERIFY.replace("output.users", "output.nobody"));

    let ran = ran(&program, someone(), gone_after(0));

    assert_eq!(ran.trouble(), (Fail::Template, "template", Some("verify")));
    assert!(ran.finish.failure.unwrap().message.starts_with("in `until`: "));
}

#[test]
fn each_iteration_of_a_loop_has_tries_of_its_own() {
    let indented: String = VERIFY.lines().map(|line| format!("    {line}\n")).collect();
    let program = program(&format!("- id: each\n  for_each: '[1, 2]'\n  steps:\n{indented}"));
    let mut asked = 0;

    let ran = ran(&program, someone(), |_| {
        asked += 1;
        Ok(json!({"users": if asked % 2 == 1 { json!([{}]) } else { json!([]) }}))
    });

    let paths = ["each[0].verify", "wait", "each[0].verify#1", "each[1].verify", "wait", "each[1].verify#1"];
    assert_eq!((ran.paths(), ran.verdict()), (paths.to_vec(), Verdict::Done));
}

#[test]
fn a_run_goes_on_once_somebody_said_yes() {
    let program = program(&format!(
        "- id: ask\n  approve: 'Erase {{{{ request.id }}}}, {{{{ subject.email }}}}?'\n{ERASE}"
    ));

    let ran = ran(&program, someone(), accepted);

    assert_eq!((ran.paths()[1], ran.verdict()), ("erase", Verdict::Done));
    let asked = ran.did[0].1.as_str().unwrap();
    assert!(asked.starts_with("Erase ") && asked.contains("‹redacted›") && !asked.contains('@'), "{asked}");
}

#[test]
fn a_run_fails_when_somebody_said_no_and_nothing_is_erased() {
    let program = program(&format!("- id: ask\n  approve:\n{ERASE}"));
    let no = |_: &str| Err(Refusal::new("refused", "no"));

    let ran = ran(&program, someone(), no);

    assert_eq!((ran.did.len(), ran.verdict()), (1, Verdict::Failed(Fail::GuardRejected)));
}

#[test]
fn a_run_that_waits_for_an_answer_says_so_until_it_has_one() {
    let program = program(&format!("- id: ask\n  approve:\n{ERASE}"));
    let mut run = Run::start(&program, 0, someone());

    for _ in 0..2 {
        assert!(matches!(run.next(&program, i64::MAX), Next::Approval { .. }));
        assert_eq!((run.path(&program).as_str(), run.waits_until()), ("ask", None));
    }
    run.decide(&program, true);

    assert!(matches!(run.next(&program, START_MS), Next::Call(_)));
}
