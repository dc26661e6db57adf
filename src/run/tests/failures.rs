//! What follows a failure, and what a run says of itself to OneTrust.

use super::*;
use crate::job::Skip;

const STEPS: &str = "\
- id: find
  uses: braze/users.export.ids
  with: { email_address: '{{ subject.email }}' }
- set: { found: size(steps.find.output.users) }
- id: erase
  if: vars.found > 0
  uses: braze/users.delete
  with: { external_ids: [u-1] }
";
const VERIFY: &str = "\
- id: verify
  if: steps.erase.status == 'done'
  uses: braze/users.export.ids
  with: { email_address: '{{ subject.email }}' }
  repeat: { every: 1m, at_most: 30m, until: size(output.users) == 0 }
";
const TELL: &str = "\
- id: tell
  uses: onetrust/request.comment
  with: { request_ref: R1, comment: '{{ failure.reason }} {{ failure.code }} {{ failure.step }} {{ steps.find.status }} {{ subject.email }}' }
";

fn indented(steps: &str) -> String {
    steps.lines().map(|line| format!("  {line}\n")).collect()
}

/// A workflow with these steps, and with these behind a failure.
fn with_failure(steps: &str, on_failure: &str) -> Program {
    whole(&format!(
        "workflow: w\non: {{ file: {{}} }}\nsteps:\n{}on_failure:\n{}",
        indented(steps),
        indented(on_failure)
    ))
}

/// A workflow that is started by subtasks.
fn of_subtasks(more: &str, steps: &str) -> Program {
    whole(&format!(
        "workflow: w\non: {{ file: {{}}, onetrust_subtask: {{ profile: ot, names: [Delete] }} }}\n{more}\nsteps:\n{}",
        indented(steps)
    ))
}

fn from_subtask() -> Map<String, Value> {
    let mut request = someone();
    request["request"] = json!({"id": "st-1", "kind": "deletion",
        "source": {"system": "onetrust", "subtask_id": "st-1", "ref": "AB12"}});
    request
}

#[test]
fn without_any_profile_of_onetrust_nothing_is_reported_and_the_work_is_done() {
    let program = of_subtasks("", &format!("{STEPS}{VERIFY}"));
    let mut braze = service(&[]);
    let only_braze = |path: &str| match path.starts_with("report") {
        true => Err(Refusal::new(crate::run::NO_PROFILE, "the settings have no onetrust profile")),
        false => braze(path),
    };

    let ran = ran(&program, from_subtask(), only_braze);

    assert_eq!(ran.paths(), ["report-begin", "find", "erase", "verify"]);
    assert_eq!(ran.verdict(), Verdict::Done);
    assert!(!ran.finish.tolerated && ran.log[0].contains("nothing is reported"), "{:?}", ran.log);
}

#[test]
fn a_request_of_a_file_reports_only_where_the_workflow_says_so() {
    let of_file = |more: &str| {
        let program = of_subtasks(more, &format!("{STEPS}{VERIFY}"));
        let facts = Facts { origin: Origin::File, ..program.facts().clone() };
        ran(&Program::new(program.workflow, facts), from_subtask(), service(&[]))
    };

    assert_eq!(of_file("").paths(), ["find", "erase", "verify"]);
    let asked = of_file("report: default");
    assert_eq!(asked.paths(), ["report-begin", "find", "erase", "verify", "report-complete"]);
}

#[test]
fn where_nobody_knows_whom_to_report_to_nothing_is_done() {
    let program = of_subtasks("", &format!("{STEPS}{VERIFY}"));
    let unknown = |_: &str| Err(Refusal::new(crate::run::UNKNOWN_PROFILE, "there is no such profile"));

    let ran = ran(&program, from_subtask(), unknown);

    assert_eq!(ran.paths(), ["report-begin", "report-failed"]);
    assert_eq!(ran.trouble(), (Fail::Template, "unknown_profile", Some("report-begin")));
}

/// A service that finds one person until they are erased, and refuses these steps.
fn service(refuses: &'static [&'static str]) -> impl FnMut(&str) -> Answered {
    let mut is_erased = false;
    move |path| {
        let path = path.split('#').next().unwrap_or_default();
        if refuses.contains(&path) {
            return refused();
        }
        is_erased |= path == "erase";
        Ok(json!({"users": if is_erased { json!([]) } else { json!([{}]) }}))
    }
}

#[test]
fn what_follows_a_failure_is_carried_out_once_and_changes_nothing_of_it() {
    let program = with_failure(STEPS, TELL);

    let ran = ran(&program, someone(), service(&["erase"]));

    assert_eq!(ran.paths(), ["find", "erase", "tell"]);
    assert_eq!(ran.did[2].1["comment"], json!("refused refused erase done ‹redacted›"));
    assert_eq!(ran.trouble(), (Fail::Refused, "refused", Some("erase")));
    assert_eq!(ran.finish.failure.unwrap().message, "the service refuses it");
}

#[test]
fn nothing_follows_a_run_that_does_not_fail() {
    let ran = ran(&with_failure(STEPS, TELL), someone(), service(&[]));

    assert_eq!(ran.paths(), ["find", "erase"]);
    assert_eq!(ran.verdict(), Verdict::Done);
}

#[test]
fn what_failed_behind_a_failure_is_said_beside_it_and_the_next_step_is_carried_out() {
    let more = format!(
        "{TELL}- log: '{{{{ failure.step }}}}'\n- id: again\n  uses: onetrust/subtask.status\n  with: {{ subtask_id: s, status: FAILED }}\n"
    );

    let ran = ran(&with_failure(STEPS, &more), someone(), service(&["erase", "tell"]));

    assert_eq!(ran.paths(), ["find", "erase", "tell", "again"]);
    assert_eq!(ran.trouble(), (Fail::Refused, "refused", Some("erase")));
    let message = ran.finish.failure.unwrap().message;
    assert_eq!(
        message,
        "the service refuses it; what follows a failure failed, too, at tell: the service refuses it"
    );
    assert!(ran.log.contains(&"erase".to_owned()), "{:?}", ran.log);
}

#[test]
fn steps_and_variables_that_a_run_did_not_come_to_are_null_behind_its_failure() {
    let more = "- id: tell\n  if: steps.erase.status == null && vars.found == null && steps.find.status == 'failed'\n  \
        uses: onetrust/subtask.status\n  with: { subtask_id: s, status: FAILED }\n";
    let program = with_failure(STEPS, more);

    let ran = ran(&program, someone(), service(&["find"]));

    assert_eq!(ran.paths(), ["find", "tell"]);
    let mut scope = ran.scope;
    let left = left_in(&mut scope);
    assert_eq!(left.keys().collect::<Vec<_>>(), ["now"], "{left:?}");
    // The next person in the same scope has no trace of it.
    let next = carry_out(&program, Run::start_in(&program, scope, 5, &mut someone()), service(&[]));
    assert_eq!(next.paths(), ["find", "erase"]);
}

#[test]
fn a_failure_inside_a_loop_or_before_the_first_step_is_told_too() {
    let looped = "- id: each\n  for_each: \"['a', 'b']\"\n  steps:\n    - id: say\n      uses: braze/users.delete\n      with: { external_ids: ['{{ item }}'] }\n";
    let ran_loop = ran(
        &with_failure(looped, TELL.replace("{{ steps.find.status }}", "x").as_str()),
        someone(),
        |path| {
            if path == "each[0].say" { refused() } else { accepted(path) }
        },
    );
    assert_eq!(ran_loop.paths(), ["each[0].say", "each[1].say", "tell"]);
    assert_eq!(ran_loop.did[2].1["comment"], json!("refused refused each[0].say x ‹redacted›"));

    let program = whole(
        "workflow: w\non: { file: {} }\nvars: { who: '{{ subject.phone }}' }\nsteps:\n  - log: x\non_failure:\n  - id: tell\n    uses: onetrust/request.comment\n    with: { request_ref: R1, comment: '{{ failure.code }} {{ failure.step }}' }\n",
    );
    let ran = ran(&program, someone(), accepted);
    assert_eq!(ran.did, [("tell".to_owned(), json!({"comment": "template none", "internalComment": true}))]);
}

#[test]
fn a_verified_run_of_a_subtask_says_that_it_begins_and_that_it_is_completed_last() {
    let program = of_subtasks("report: { resolution_id: r-9 }", &format!("{STEPS}{VERIFY}"));

    let ran = ran(&program, from_subtask(), service(&[]));

    assert_eq!(ran.paths(), ["report-begin", "find", "erase", "verify", "report-complete"]);
    assert_eq!(ran.did[0].1, json!({"status": "IN_PROGRESS"}));
    let expected = json!({"comment": "Carried out and verified. Reference: st-1", "markAsComplete": true,
        "resolutionId": "r-9"});
    assert_eq!(ran.did[4].1, expected);
    assert!(ran.finish.verified && ran.verdict() == Verdict::Done);
}

#[test]
fn what_was_accepted_and_never_verified_is_not_completed_unless_the_workflow_says_that_it_is_enough() {
    let run = |more: &str| ran(&of_subtasks(more, STEPS), from_subtask(), service(&[]));

    let left = run("");
    assert_eq!(left.paths(), ["report-begin", "find", "erase", "report-comment"]);
    let comment = "The work is over, and the subtask is left to you: not_verified. Reference: st-1";
    assert_eq!(left.did[3].1, json!({"comment": comment, "internalComment": true}));
    assert_eq!(left.verdict(), Verdict::Done);

    let enough = run(
        "report: { accepted_is_enough: true, complete_by: status, comment: 'Gone: {{ subject.email }}' }",
    );
    assert_eq!(enough.paths(), ["report-begin", "find", "erase", "report-complete"]);
    assert_eq!(enough.did[3].1, json!({"status": "COMPLETED", "comment": "Gone: ‹redacted›"}));
}

#[test]
fn a_write_behind_the_last_look_is_not_verified_by_it() {
    let steps =
        format!("{STEPS}{VERIFY}- id: more\n  uses: braze/users.delete\n  with: {{ external_ids: [u-2] }}\n");

    let ran = ran(&of_subtasks("", &steps), from_subtask(), service(&[]));

    assert_eq!(ran.paths().last(), Some(&"report-comment"));
}

#[test]
fn a_run_that_found_nobody_completes_the_subtask_and_says_so() {
    let ran = ran(&of_subtasks("", &format!("{STEPS}{VERIFY}")), from_subtask(), finds(0));

    assert_eq!(ran.paths(), ["report-begin", "find", "report-nobody"]);
    assert!(ran.did[2].1["comment"].as_str().unwrap().starts_with("Nobody was found"));
    assert_eq!(ran.verdict(), Verdict::Skipped(Skip::NoProfile));
}

#[test]
fn a_run_that_fails_says_where_and_a_run_that_cannot_complete_says_nothing_more() {
    let program = of_subtasks("", &format!("{STEPS}{VERIFY}"));

    let failed = ran(&program, from_subtask(), service(&["erase"]));
    assert_eq!(failed.paths(), ["report-begin", "find", "erase", "report-failed"]);
    let comment = "Failed at erase: refused. Reference: st-1";
    assert_eq!(failed.did[3].1, json!({"status": "FAILED", "comment": comment}));

    let left = ran(&program, from_subtask(), service(&["report-complete"]));
    assert_eq!(left.paths().last(), Some(&"report-complete"));
    assert_eq!(left.trouble(), (Fail::Refused, "refused", Some("report-complete")));
    assert!(left.finish.accepted && left.finish.verified);
}

#[test]
fn the_work_goes_on_when_onetrust_does_not_take_that_it_begins() {
    let ran = ran(&of_subtasks("", &format!("{STEPS}{VERIFY}")), from_subtask(), service(&["report-begin"]));

    assert_eq!(ran.paths().last(), Some(&"report-complete"));
    assert_eq!(ran.verdict(), Verdict::Done);
}

#[test]
fn a_run_that_came_from_a_file_reports_nothing_and_keeps_no_more_than_it_did() {
    let steps = "- uses: braze/users.delete\n  with: { external_ids: ['{{ subject.external_id }}'] }\n";
    let program = of_subtasks("", steps);

    let ran = ran(&program, someone(), accepted);
    assert_eq!(ran.paths(), ["step-1"]);

    let mut run = Run::start(&program, 0, someone());
    assert!(matches!(run.next(&program, START_MS), Next::Call(_)) && run.is_last_call(&program));
    let mut run = Run::start(&program, 0, from_subtask());
    assert!(matches!(run.next(&program, START_MS), Next::Call(_)) && !run.is_last_call(&program));
}

#[test]
fn what_the_workflow_says_itself_is_not_said_by_itself() {
    let own = format!(
        "- uses: onetrust/subtask.status\n  with: {{ subtask_id: s, status: IN_PROGRESS }}\n{STEPS}- id: complete\n  uses: onetrust/subtask.complete\n  with: {{ subtask_id: s, comment: done }}\n"
    );
    let own = ran(&of_subtasks("", &own), from_subtask(), service(&[]));
    assert_eq!(own.paths(), ["step-1", "find", "erase", "complete"]);

    let none = ran(&of_subtasks("report: none", STEPS), from_subtask(), service(&[]));
    assert_eq!(none.paths(), ["find", "erase"]);
}

#[test]
fn a_stop_ends_the_steps_and_not_the_report() {
    let steps = format!("{STEPS}{VERIFY}- stop:\n- log: never\n");

    let ran = ran(&of_subtasks("", &steps), from_subtask(), service(&[]));

    assert_eq!(ran.paths().last(), Some(&"report-complete"));
    assert!(!ran.log.contains(&"never".to_owned()));
}

#[test]
fn a_plan_shows_what_is_reported_and_what_follows_a_failure_only_if_it_would_come_to_that() {
    let paths = |program: &Program, request| {
        let previewed = preview(program, 0, request);
        previewed.calls.into_iter().map(|call| (call.step, format!("{:?}", call.known))).collect::<Vec<_>>()
    };
    let shown = paths(&of_subtasks("", &format!("{STEPS}{VERIFY}")), from_subtask());
    let steps: Vec<&str> = shown.iter().map(|(step, _)| step.as_str()).collect();
    assert_eq!(steps, ["report-begin", "find", "erase", "verify", "report-complete"]);
    assert_eq!(shown[4].1, r#"Needs(["erase", "find", "verify"])"#);
    assert_eq!(paths(&of_subtasks("", STEPS), someone()).len(), 2);

    let fails = "- assert: 'false'\n";
    let told = TELL.replace("{{ steps.find.status }}", "");
    assert_eq!(paths(&with_failure(STEPS, TELL), someone()).len(), 2);
    let shown = paths(&with_failure(fails, &told), someone());
    assert_eq!(shown.iter().map(|(step, _)| step.as_str()).collect::<Vec<_>>(), ["tell"]);
    assert_eq!(preview(&with_failure(fails, &told), 0, someone()).trouble.unwrap().code, "assert");
}
