//! Going on after a crash, and keeping nothing of a person whom only an answer is missing for.

use super::*;

const FLOW: &str = "\
- id: find
  uses: braze/users.export.ids
  with: { email_address: '{{ subject.email }}' }
- wait: 1m
- id: mail
  for_each: steps.find.output.users
  as: user
  steps:
    - id: track
      uses: braze/users.track
      with: { attributes: [{ braze_id: '{{ user.braze_id }}', key: '{{ uuid }}' }] }
- id: erase
  uses: braze/users.delete
  with: { braze_ids: '{{ pluck steps.find.output.users \"braze_id\" }}' }
";

#[test]
fn the_same_answers_give_the_same_calls() {
    let program = program(FLOW);

    let first = ran(&program, someone(), finds(2));
    let again = ran(&program, someone(), finds(2));

    assert_eq!(first.paths(), ["find", "wait", "mail[0].track", "mail[1].track", "erase"]);
    assert_eq!(first.did, again.did);
    let keys: Vec<_> = [2, 3].map(|at: usize| first.did[at].1["attributes"][0]["key"].clone()).into();
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn another_record_has_other_identifiers() {
    let program = program(FLOW);

    let first = ran(&program, someone(), finds(2));
    let other = carry_out(&program, Run::start(&program, 5, someone()), finds(2));

    assert_ne!(first.did[2], other.did[2]);
    assert_eq!(first.did[4], other.did[4]);
}

#[test]
fn a_run_can_be_told_its_answers_again_however_far_it_came() {
    let program = program(FLOW);
    let whole = ran(&program, someone(), finds(2));
    let calls: Vec<_> = whole.did.iter().filter(|(path, _)| path != "wait").collect();
    for kept in 0..calls.len() {
        let mut run = Run::start(&program, 4, someone());
        let mut at_ms = START_MS;
        for _ in 0..kept {
            while !matches!(run.next(&program, at_ms), Next::Call(_)) {
                at_ms += 60_000;
            }
            run.answer(&program, Answer { result: finds(2)(""), status: 201, at_ms });
        }

        let rest = carry_out(&program, run, finds(2));

        let sent: Vec<_> = rest.did.iter().filter(|(path, _)| path != "wait").collect();
        assert_eq!(sent, calls[kept..]);
        assert_eq!(rest.finish, whole.finish);
    }
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let program = program(FLOW);
    let mut run = Run::start(&program, 4, someone());

    run.answer(&program, Answer { result: refused(), status: 400, at_ms: START_MS });

    assert_eq!(carry_out(&program, run, finds(1)).did, ran(&program, someone(), finds(1)).did);
}

/// A run that stands at the call of this path.
fn standing_at(program: &Program, path: &str) -> Run {
    let mut run = Run::start(program, 4, someone());
    let mut now_ms = START_MS;
    for _ in 0..20 {
        match run.next(program, now_ms) {
            Next::Call(_) if run.path(program) == path => return run,
            Next::Call(_) => run.answer(program, Answer { result: finds(1)(""), status: 201, at_ms: now_ms }),
            Next::Wait { until_ms } => now_ms = until_ms,
            Next::Approval { .. } => run.decide(program, true),
            Next::Ended(finish) => panic!("{finish:?}"),
        }
    }
    panic!("{path} never came");
}

#[test]
fn only_a_plain_write_behind_which_nothing_stands_is_the_last_call() {
    let erase = "- id: erase\n  uses: braze/users.delete\n  with: { external_ids: [u] }\n";
    let in_loop = "- id: all\n  for_each: '[1]'\n  steps:\n    - id: erase\n      uses: braze/users.delete\n      with: { external_ids: [u] }\n";
    for (steps, path, expected) in [
        (FLOW, "find", false),
        (FLOW, "mail[0].track", false),
        (FLOW, "erase", true),
        (&format!("{erase}- log: x"), "erase", false),
        (&format!("{erase}  continue_on_error: true"), "erase", false),
        (&format!("{erase}  success_when: output.message == 'success'"), "erase", false),
        (in_loop, "all[0].erase", true),
        (&format!("{in_loop}- log: x"), "all[0].erase", false),
        (&format!("{in_loop}- if: size(subject.aliases) > 5\n  log: x"), "all[0].erase", true),
        (&format!("{in_loop}- if: steps.all.status == 'failed'\n  log: x"), "all[0].erase", false),
        (&format!("{in_loop}  continue_on_error: true"), "all[0].erase", false),
        (&in_loop.replace("'[1]'", "'[1, 2]'"), "all[0].erase", false),
        (&in_loop.replace("'[1]'", "'[1, 2]'"), "all[1].erase", true),
        (
            &in_loop.replace("    - id: erase", "    - set: { x: '1' }\n    - id: erase"),
            "all[0].erase",
            false,
        ),
        ("- id: find\n  uses: braze/users.export.ids\n  with: { email_address: e }", "find", true),
    ] {
        let program = program(steps);
        assert_eq!(standing_at(&program, path).is_last_call(&program), expected, "{path} of\n{steps}");
    }
}

#[test]
fn a_run_that_forgot_its_person_ends_as_one_that_did_not() {
    for result in [finds(0)(""), refused()] {
        let program = program(FLOW);
        let mut full = standing_at(&program, "erase");
        full.answer(&program, Answer { result: result.clone(), status: 201, at_ms: START_MS });
        let Next::Ended(expected) = full.next(&program, START_MS) else {
            panic!("a call behind the last one")
        };

        let mut thin = standing_at(&program, "erase");
        drop(thin.forget());
        let finish = match result {
            Ok(_) => thin.finish_accepted(&program),
            Err(refusal) => thin.finish_refused(&program, refusal),
        };

        assert_eq!(finish, expected);
    }
}

#[test]
fn a_scope_that_was_forgotten_serves_the_next_person_as_a_new_one_would() {
    let program = program_with(
        "vars: { x: '{{ subject.email }}' }",
        "\
- id: a
  if: subject.external_id == 'u-1'
  set: { y: 1 }
- id: erase
  uses: braze/users.delete
  with: { external_ids: ['{{ subject.external_id }}', '{{ vars.x }}', '{{ steps.a.status }}'] }
",
    );
    let mut other = someone();
    other.insert("subject".into(), json!({"external_id": "u-2", "email": "b@example.com", "aliases": []}));
    let mut run = standing_at(&program, "erase");

    let scope = run.forget();

    assert!(!format!("{:?}", run.into_scope().data_mut()).contains("example"));
    let reused = carry_out(&program, Run::start_in(&program, scope, 5, &mut other.clone()), accepted);
    assert_eq!(reused.did, carry_out(&program, Run::start(&program, 5, other), accepted).did);
    assert_eq!(reused.did[0].1, json!({"external_ids": ["u-2", "b@example.com", "skipped"]}));
}

#[test]
fn a_run_can_read_its_own_name_and_when_the_job_began() {
    let program = program(
        "- id: track\n  uses: braze/users.track\n  with: { attributes: [{ external_id: u, a: '{{ run.id }}', b: '{{ run.workflow }}', c: '{{ now }}', d: '{{ run.started_at }}' }] }",
    );

    let ran = ran(&program, someone(), accepted);

    let began = "2027-01-15T08:00:00Z";
    let object = json!({"external_id": "u", "a": "job-7:4", "b": "w", "c": began, "d": began});
    assert_eq!(ran.did[0].1["attributes"][0], object);
}

#[test]
fn a_variable_of_the_last_person_is_not_there_for_the_next() {
    let program = program(
        "\
- if: has(vars.late)
  fail: somebody was here before
- set: { early: subject.external_id, late: vars.early, other: subject.external_id }
- if: subject.external_id == 'u-1'
  set: { sometimes: subject.email }
- set: { all: size(vars.early) }
- for_each: '[1, 2]'
  steps:
    - set: { early: \"vars.early + 'x'\" }
- uses: braze/users.track
  with:
    attributes:
      - external_id: '{{ vars.early }}'
        sometimes: '{{default vars.sometimes \"never\"}}'
        late: '{{ vars.late }}'
        all: '{{ vars.all }}'
",
    );
    let mut other = someone();
    other.insert("subject".into(), json!({"external_id": "u-22", "aliases": []}));
    let mut scope = program.scope();
    let mut sent = Vec::new();

    for mut person in [someone(), other.clone(), someone(), other] {
        let ran = carry_out(&program, Run::start_in(&program, scope, 4, &mut person), accepted);
        assert!(!format!("{:?}", ran.scope.data()).contains("u-"), "{:?}", ran.scope.data());
        sent.push(ran.did[0].1["attributes"][0].clone());
        scope = ran.scope;
    }

    let one = json!({"external_id": "u-1", "sometimes": "a@example.com", "late": "u-1", "all": 3});
    let two = json!({"external_id": "u-22", "sometimes": "never", "late": "u-22", "all": 4});
    assert_eq!(sent, [one.clone(), two.clone(), one, two]);
}

#[test]
fn a_run_that_waits_for_an_answer_keeps_only_what_is_read_later() {
    let program = program(
        "\
- set: { mail: 'consents.map(c, c.purpose)', later: subject.external_id }
- for_each: vars.mail
  steps:
    - uses: braze/users.track
      with: { attributes: [{ external_id: '{{ subject.external_id }}', p: '{{ item }}' }] }
- uses: braze/users.delete
  with: { external_ids: ['{{ vars.later }}'] }
",
    );
    let mut run = Run::start(&program, 4, request(json!([{"purpose": "news"}, {"purpose": "offers"}])));
    assert!(matches!(run.next(&program, START_MS), Next::Call(_)));

    run.slim(&program, |_| ());
    let in_loop = left_in(&mut run.scope.clone());
    let at_end = loop {
        run.answer(&program, Answer { result: Ok(json!({})), status: 201, at_ms: START_MS });
        assert!(matches!(run.next(&program, START_MS), Next::Call(_)));
        if run.path(&program).starts_with("step") && !run.path(&program).contains('[') {
            run.slim(&program, |_| ());
            break left_in(&mut run.scope.clone());
        }
    };

    let names = |scope: &Map<String, Value>| scope.keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(names(&in_loop), "vars now subject item");
    assert_eq!(names(&at_end), "vars now");
    assert_eq!(at_end["vars"], json!({"later": "u-1"}));
}

#[test]
fn literal_vars_are_the_same_shared_or_taken_as_a_whole() {
    let vars =
        "vars: { table: { a: 1, b: [2, 3] }, word: 'w', off: false, none: null, own: '{{ subject.email }}' }";
    let texts = [
        "vars.table.a + vars.table['a']",
        "vars['word'] + vars.own",
        "has(vars.table) && has(vars.none) && !has(vars.other) && has(vars.table.a) && has(vars.own)",
        "vars.?word.orValue('x') + vars.?other.orValue('y')",
        "vars[?'word'].orValue('x') + vars[?'other'].orValue('y')",
        "vars.table.b.map(x, x in vars.table.b)",
        "'a' in vars.table && vars.table[subject.external_id == 'u-1' ? 'a' : 'z'] == 1",
        "vars.off || vars.word == 'w' && vars.none == null",
    ];
    let steps = |whole: &str| {
        let settings: String =
            texts.iter().enumerate().map(|(at, text)| format!("    s{at}: \"{text}\"\n")).collect();
        format!(
            "- if: subject.external_id == 'u-9'\n  set: {{ other: 1 }}\n- set:\n{settings}- set: {{ word: \"vars.word + '!'\" }}\n{whole}- uses: braze/users.track\n  with: {{ attributes: [{{ external_id: u, t: '{{{{ vars.table }}}}', w: '{{{{#each vars.table.b}}}}{{{{this}}}}{{{{/each}}}}{{{{ vars.word }}}}', o: '{{{{default vars.other \"d\"}}}}', l: '{{{{lookup vars.table \"a\"}}}}', {} }}] }}",
            (0..texts.len())
                .map(|at| format!("s{at}: '{{{{ vars.s{at} }}}}'"))
                .collect::<Vec<_>>()
                .join(", ")
        )
    };

    let shared = ran(&program_with(vars, &steps("")), someone(), accepted);
    let whole = ran(&program_with(vars, &steps("- set: { size: size(vars) }\n")), someone(), accepted);

    assert_eq!(shared.did[0].1, whole.did[0].1);
    let sent = &shared.did[0].1["attributes"][0];
    assert_eq!((&sent["s0"], &sent["s1"], &sent["w"]), (&json!(2), &json!("wa@example.com"), &json!("23w!")));
    assert_eq!((&sent["s2"], &sent["s3"], &sent["s4"]), (&json!(true), &json!("wy"), &json!("wy")));
}
