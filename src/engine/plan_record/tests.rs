//! A run that goes on after a crash: what was answered is not asked again.

use super::*;
use crate::catalogue::Refusal;
use crate::engine::task::{Opened, Past};
use crate::intake::{Input, Reading};
use crate::job::{Answered, Event, JobId, State};
use crate::journal::Store;
use crate::request::Warnings;
use crate::run::{Facts, Program};
use crate::source::Source;
use crate::workflow::{Known, load};

const FLOW: &str = "\
workflow: w
on: { file: {} }
steps:
  - wait: 10s
  - id: first
    uses: braze/users.track
    with: { attributes: [{ external_id: u-1 }] }
  - wait: 20s
  - id: second
    uses: braze/users.track
    with: { attributes: [{ external_id: u-1, last: '{{ steps.first.output.message }}' }] }
  - id: third
    uses: braze/users.track
    with: { attributes: [{ external_id: u-1 }] }
  - wait: 5s
  - wait: 7s
";
const STARTED_MS: i64 = 1_800_000_000_000;
const RECORD: &str = r#"{"id":"r-1","kind":"consent","subject":{"external_id":"u-1"}}"#;

/// A job that an earlier process left after these events, and was taken on again so much later.
fn task(store: &Store, events: impl FnOnce(&Task) -> Vec<Event>, after_ms: i64) -> Arc<Task> {
    let (workflow, mistakes) = load(&Source::new("w.yaml", FLOW), &Known::default());
    let workflow = workflow.unwrap_or_else(|| panic!("{mistakes:#?}"));
    let facts = Facts {
        job: "job-1".into(),
        started_at: "2027-01-15T08:00:00Z".into(),
        seed: [7; 16],
        origin: crate::run::Origin::File,
    };
    let mut task = Task {
        job: JobId(1),
        program: Program::new(Arc::new(workflow), facts),
        kinds: None,
        is_canary: false,
        is_look: false,
        seeks: None,
        is_watched: false,
        input_digest: [0; 32],
        started_ms: STARTED_MS,
        opened_ms: STARTED_MS + after_ms,
        past: Past::default(),
        sealer: Some(store.sealer(JobId(1)).unwrap()),
        warnings: Warnings::default().into(),
        budgets: Vec::new(),
        sets_states: true,
        takes_turns: false,
        indexes: None,
        endings: Default::default(),
    };
    let mut state = State::default();
    for event in events(&task) {
        state.apply(&event);
    }
    task.past = Past::of(state);
    Arc::new(task)
}

fn store(folder: &tempfile::TempDir) -> Store {
    let store = Store::open(folder.path()).unwrap();
    let job = crate::journal::NewJob {
        workflow_name: "w".into(),
        workflow_digest: [1; 32],
        workflow_text: FLOW.into(),
        input_path: "requests.ndjson".into(),
        input_digest: [2; 32],
        format: serde_json::json!({"format": "ndjson"}),
        started_ms: STARTED_MS,
        sandbox: false,
        window: None,
    };
    assert_eq!(store.create_job(job).unwrap(), JobId(1));
    store
}

/// The answer to a step, as an earlier process wrote it down so long after the start.
fn answered(task: &Task, step: &str, after_ms: i64) -> Event {
    let at_ms = STARTED_MS + after_ms;
    let answer =
        crate::run::Answer { result: Ok(serde_json::json!({"message": "success"})), status: 201, at_ms };
    let output = task.seal(0, step, &Kept::Answer(&answer));
    let kept = StepAnswer { position: 0, step: step.into(), accepted: true, at_ms, output };
    let (batch, request_id) = (0, None);
    Event::Answered(Answered {
        batch,
        at_ms,
        status: 201,
        request_id,
        steps: vec![kept],
        ended: Vec::new(),
        marks: Vec::new(),
    })
}

fn waiting(step: &str, until_ms: i64) -> Event {
    Event::Waiting { position: 0, step: step.into(), until_ms: STARTED_MS + until_ms }
}

/// The only record of the job once it is planned.
fn planned(task: &Arc<Task>) -> Planned {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("requests.ndjson");
    std::fs::write(&path, RECORD).unwrap();
    let input = Input::open(&path, &Reading::default()).unwrap();
    let chunk = input.records().unwrap().next_chunk(1, 1000).unwrap().unwrap();
    let work = Work::Plan { number: 0, chunk };
    let Made::Planned(mut chunk) = Planner::new(task).carry_out(work) else { panic!() };
    chunk.records.remove(0)
}

/// Where it stands then: its next step and the moment it waits for.
fn stands(task: &Arc<Task>) -> (String, Option<i64>) {
    match planned(task).first {
        First::Goes { run, .. } => {
            let run = run.run().unwrap();
            (run.path(&task.program), run.waits_until().map(|until_ms| until_ms - STARTED_MS))
        }
        first => panic!("{first:?}"),
    }
}

#[test]
fn a_run_goes_on_behind_the_last_answer_that_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let events = |task: &Task| vec![answered(task, "first", 11_000), answered(task, "second", 32_000)];

    assert_eq!(stands(&task(&store, |_| Vec::new(), 60_000)), ("first".into(), None));
    assert_eq!(stands(&task(&store, events, 60_000)), ("third".into(), None));
}

#[test]
fn a_pause_ends_when_it_was_to_end_and_not_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let events = |task: &Task| vec![answered(task, "first", 11_000), waiting("step-3", 31_500)];

    assert_eq!(stands(&task(&store, events, 31_000)), ("step-3".into(), Some(31_500)));
    assert_eq!(stands(&task(&store, events, 31_500)), ("second".into(), None));
}

#[test]
fn a_later_pause_does_not_hold_up_what_is_behind_an_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    // The clock went back between the processes: even then what was answered is not asked again, and the
    // pause takes no longer than its twenty seconds.
    let events = |task: &Task| {
        vec![waiting("step-1", 10_000), answered(task, "first", 11_000), waiting("step-3", 31_000)]
    };

    assert_eq!(stands(&task(&store, events, 20_000)), ("step-3".into(), Some(31_000)));
    assert_eq!(stands(&task(&store, events, 5_000)), ("step-3".into(), Some(25_000)));
}

#[test]
fn an_answer_that_cannot_be_opened_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let events = |_: &Task| {
        let output = b"not sealed".to_vec();
        let kept =
            StepAnswer { position: 0, step: "first".into(), accepted: true, at_ms: STARTED_MS, output };
        let (batch, request_id) = (0, None);
        vec![Event::Answered(Answered {
            batch,
            at_ms: 0,
            status: 201,
            request_id,
            steps: vec![kept],
            ended: Vec::new(),
            marks: Vec::new(),
        })]
    };

    assert_eq!(stands(&task(&store, events, 60_000)), ("first".into(), None));
}

#[test]
fn of_two_pauses_in_a_row_only_the_one_that_was_written_down_is_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let events = |task: &Task| {
        let answers = [("first", 11_000), ("second", 32_000), ("third", 33_000)];
        let mut events: Vec<_> = answers.map(|(step, after_ms)| answered(task, step, after_ms)).into();
        events.push(waiting("step-7", 45_500));
        events
    };

    assert_eq!(stands(&task(&store, events, 40_000)), ("step-7".into(), Some(45_500)));
}

#[test]
fn a_refusal_keeps_its_code_through_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let task = task(&store, |_| Vec::new(), 0);
    let through = |code| {
        let refusal = Refusal::new(code, "the answer has no `users`");
        let answer = crate::run::Answer { result: Err(refusal), status: 200, at_ms: STARTED_MS };
        let output = task.seal(0, "first", &Kept::Answer(&answer));
        let kept =
            StepAnswer { position: 0, step: "first".into(), accepted: false, at_ms: STARTED_MS, output };
        match task.open(&kept).unwrap() {
            Opened::Answer(answer) => answer.result.unwrap_err(),
            Opened::Passed(why) => panic!("{}", why.word()),
        }
    };

    for code in ["refused", "bad_answer", "too_large", "timeout"] {
        assert_eq!(through(code), Refusal::new(code, "the answer has no `users`"));
    }
    assert_eq!(through("of_another_version").code, "refused");
}

/// An earlier release may not have made a call that this one makes.
#[test]
fn what_was_accepted_behind_a_call_that_is_made_for_the_first_time_is_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let events = |task: &Task| vec![answered(task, "first", 11_000), answered(task, "third", 33_000)];
    let task = task(&store, events, 60_000);
    let Planned { about, first: First::Goes { run, is_thin, again, .. } } = planned(&task) else { panic!() };
    assert_eq!(run.run().unwrap().path(&task.program), "second");
    let live = Box::new(Live { run, is_thin, about, again, blocked: None });
    let answer = crate::run::Answer {
        result: Ok(serde_json::json!({"message": "success"})),
        status: 201,
        at_ms: STARTED_MS + 60_000,
    };
    let going = Going { slot: 0, live, heard: Heard::Answer(answer) };
    let work = Work::Advance { batch: None, runs: vec![going], now_ms: STARTED_MS + 60_000 };

    let Made::Advanced(mut advanced) = Planner::new(&task).carry_out(work) else { panic!() };

    let gone = advanced.runs.remove(0);
    assert_eq!(gone.live.run.run().unwrap().path(&task.program), "step-6");
}
