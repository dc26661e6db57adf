//! Loops: items one after another, each with a copy of `vars`, failures that stop nobody else.

use super::*;
use crate::job::Skip;

const MAIL: &str = "\
- id: mail
  for_each: consents
  as: consent
  steps:
    - set: { seen: vars.seen + 1 }
    - id: track
      if: consent.status != 'SKIP'
      uses: braze/users.track
      with: { attributes: [{ external_id: '{{ consent.status }}', seen: '{{ vars.seen }}' }] }
";

fn statuses(names: &[&str]) -> Map<String, Value> {
    request(names.iter().map(|name| json!({"status": name})).collect())
}

fn mail(after: &str) -> Program {
    program_with("vars: { seen: 0 }", &format!("{MAIL}{after}"))
}

#[test]
fn items_go_one_after_another_and_what_one_sets_the_next_does_not_see() {
    let program = mail("- assert: vars.seen == 0");

    let ran = ran(&program, statuses(&["A", "SKIP", "C"]), accepted);

    assert_eq!(ran.finish.failure, None);
    let object = |id: &str| json!({"attributes": [{"external_id": id, "seen": 1}]});
    assert_eq!(ran.did, [("mail[0].track".into(), object("A")), ("mail[2].track".into(), object("C"))]);
}

#[test]
fn after_a_loop_its_output_holds_what_each_iteration_came_to() {
    let program = mail(
        "- assert: steps.mail.status == 'done' && steps.mail.output[0].track.output.message == 'success' && steps.mail.output[1].track.status == 'skipped' && steps.mail.output[1].track.output == null",
    );

    let ran = ran(&program, statuses(&["A", "SKIP"]), accepted);

    assert_eq!(ran.finish.failure, None);
}

#[test]
fn an_item_that_fails_stops_no_other_and_fails_the_run_where_it_happened() {
    let program = mail("- log: never");
    let service = |path: &str| {
        if path == "mail[1].track" || path == "mail[2].track" { refused() } else { accepted(path) }
    };

    let ran = ran(&program, statuses(&["A", "B", "C", "D"]), service);

    assert_eq!(ran.paths(), ["mail[0].track", "mail[1].track", "mail[2].track", "mail[3].track"]);
    assert_eq!(ran.trouble(), (Fail::Refused, "refused", Some("mail[1].track")));
    assert!(ran.finish.accepted && ran.log.is_empty());
}

#[test]
fn a_loop_that_may_fail_is_a_failed_step() {
    let program = mail("- assert: steps.mail.status == 'failed'").workflow;
    let text = program.text.replace("as: consent", "as: consent\n    continue_on_error: true");
    let (workflow, mistakes) = load(&Source::new("w.yaml", text), &Known::default());
    let facts = Facts {
        job: "job-7".into(),
        started_at: "2027-01-15T08:00:00Z".into(),
        seed: [7; 16],
        origin: Origin::File,
    };
    let program = Program::new(Arc::new(workflow.unwrap_or_else(|| panic!("{mistakes:?}"))), facts);

    let ran = ran(&program, statuses(&["A", "B"]), |path| {
        if path == "mail[0].track" { refused() } else { accepted(path) }
    });

    assert_eq!((ran.verdict(), ran.paths().len()), (Verdict::Done, 2));
}

#[test]
fn what_an_iteration_ran_is_not_seen_by_the_next() {
    let program = program(
        "\
- for_each: consents
  steps:
    - assert: size(steps) == 0
    - id: a
      if: item.status == 'A'
      log: hello
    - id: b
      set: { x: steps.a.status }
    - uses: braze/users.track
      with: { attributes: [{ external_id: '{{ vars.x }}' }] }
",
    );

    let ran = ran(&program, statuses(&["A", "B"]), accepted);

    let ids: Vec<_> = ran.did.iter().map(|(_, body)| &body["attributes"][0]["external_id"]).collect();
    assert_eq!(ids, ["done", "skipped"]);
}

#[test]
fn loops_in_loops_name_every_index_and_give_the_outer_item_back() {
    let program = program(
        "\
- id: outer
  for_each: '[[1, 2], [3]]'
  steps:
    - id: inner
      for_each: item
      steps:
        - id: track
          uses: braze/users.track
          with: { attributes: [{ external_id: u, n: '{{ item }}' }] }
    - id: all
      uses: braze/users.track
      with: { attributes: [{ external_id: u, n: '{{ item }}' }] }
- assert: steps.outer.output[0].inner.output[1].track.status == 'done'
",
    );

    let ran = ran(&program, someone(), accepted);

    assert_eq!(ran.finish.failure, None);
    let did: Vec<_> =
        ran.did.iter().map(|(path, body)| (path.as_str(), &body["attributes"][0]["n"])).collect();
    assert_eq!(
        did,
        [
            ("outer[0].inner[0].track", &json!(1)),
            ("outer[0].inner[1].track", &json!(2)),
            ("outer[0].all", &json!([1, 2])),
            ("outer[1].inner[0].track", &json!(3)),
            ("outer[1].all", &json!([3])),
        ]
    );
}

#[test]
fn a_failure_in_an_inner_loop_stops_its_outer_item_only() {
    let program = program(
        "\
- id: outer
  for_each: '[[1], [2]]'
  steps:
    - id: inner
      for_each: item
      steps: [{ assert: item != 1 }]
    - id: track
      uses: braze/users.track
      with: { attributes: [{ external_id: u }] }
",
    );

    let ran = ran(&program, someone(), accepted);

    assert_eq!(ran.paths(), ["outer[1].track"]);
    assert_eq!(ran.trouble(), (Fail::Assert, "assert", Some("outer[0].inner[0].step-3")));
}

#[test]
fn a_stop_in_a_loop_ends_the_run_and_leaves_no_item_behind() {
    let program = program(
        "\
- for_each: consents
  as: consent
  steps:
    - for_each: '[consent.status]'
      as: status
      steps:
        - if: status == 'B'
          stop: enough
    - uses: braze/users.track
      with: { attributes: [{ external_id: '{{ consent.status }}' }] }
- log: never
",
    );

    let ran = ran(&program, statuses(&["A", "B", "C"]), accepted);

    assert_eq!((ran.did.len(), ran.verdict()), (1, Verdict::Done));
    assert_eq!(ran.log, ["enough"]);
    let mut scope = ran.scope;
    assert_eq!(left_in(&mut scope), left_in(&mut program.scope()));
}

#[test]
fn a_failure_before_a_stop_in_a_loop_still_fails_the_run() {
    let program = mail("").workflow.text.replace(
        "- set: { seen: vars.seen + 1 }",
        "- if: consent.status == 'B'\n        stop: true\n      - set: { seen: 1 }",
    );
    let (workflow, mistakes) = load(&Source::new("w.yaml", program.clone()), &Known::default());
    let facts = Facts {
        job: "job-7".into(),
        started_at: "2027-01-15T08:00:00Z".into(),
        seed: [7; 16],
        origin: Origin::File,
    };
    let program =
        Program::new(Arc::new(workflow.unwrap_or_else(|| panic!("{mistakes:?}\n{program}"))), facts);

    let ran = ran(&program, statuses(&["A", "B"]), |_| refused());

    assert_eq!(ran.trouble(), (Fail::Refused, "refused", Some("mail[0].track")));
}

#[test]
fn a_loop_over_nothing_is_done_with_an_empty_output() {
    let program = mail("- assert: steps.mail.status == 'done' && steps.mail.output == []");

    let ran = ran(&program, someone(), accepted);

    assert_eq!((ran.finish.failure, ran.finish.verdict), (None, Verdict::Skipped(Skip::NoMatch)));
}

#[test]
fn a_loop_whose_writes_are_all_skipped_is_skipped_by_condition() {
    let ran = ran(&mail(""), statuses(&["SKIP"]), accepted);

    assert_eq!(ran.verdict(), Verdict::Skipped(Skip::Condition));
}
