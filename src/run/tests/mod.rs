//! Runs of small workflows, carried out by hand: each call is answered as a test says.

mod consents;
mod courses;
mod ends;
mod failures;
mod inside;
mod kept;
mod loops;
mod previews;
mod steps;
mod time;
mod times;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Answer, Facts, Finish, Next, Origin, Prepared, Program, Run, Times, preview};
use crate::catalogue::Refusal;
use crate::job::{Fail, Skip, Verdict};
use crate::source::Source;
use crate::template::Scope;
use crate::workflow::{Known, load};

/// When the job began, in Unix milliseconds.
const START_MS: i64 = 1_800_000_000_000;

/// A workflow with these steps, and with these lines before them.
fn program_with(head: &str, steps: &str) -> Program {
    let indented: String = steps.lines().map(|line| format!("  {line}\n")).collect();
    whole(&format!("workflow: w\non: {{ file: {{}} }}\n{head}\nsteps:\n{indented}"))
}

fn whole(text: &str) -> Program {
    let (workflow, mistakes) = load(&Source::new("w.yaml", text.to_owned()), &Known::default());
    let workflow = workflow.unwrap_or_else(|| panic!("{mistakes:#?}\n{text}"));
    let started_at = "2027-01-15T08:00:00Z".to_owned();
    Program::new(
        Arc::new(workflow),
        Facts { job: "job-7".into(), started_at, seed: [7; 16], origin: Origin::Inbox },
    )
}

fn program(steps: &str) -> Program {
    program_with("", steps)
}

/// A request of the person `u-1` with these consents.
fn request(consents: Value) -> Map<String, Value> {
    let request = json!({
        "request": {"id": "r-1", "kind": "deletion"},
        "subject": {"external_id": "u-1", "email": "a@example.com", "aliases": []},
        "consents": consents,
        "fields": {},
    });
    request.as_object().unwrap().clone()
}

fn someone() -> Map<String, Value> {
    request(json!([]))
}

/// What a run did.
#[derive(Debug)]
struct Ran {
    /// Path and body of each call, in order; the name of a wait is `wait` and its length in seconds.
    did: Vec<(String, Value)>,
    finish: Finish,
    scope: Scope,
    log: Vec<String>,
}

impl Ran {
    fn paths(&self) -> Vec<&str> {
        self.did.iter().map(|(path, _)| path.as_str()).collect()
    }

    fn verdict(&self) -> Verdict {
        self.finish.verdict
    }

    /// Reason, code and step of the failure.
    fn trouble(&self) -> (Fail, &str, Option<&str>) {
        let trouble = self.finish.failure.as_ref().unwrap();
        (trouble.reason, trouble.code.as_str(), trouble.step.as_deref())
    }
}

/// Carries a run out to its end. A wait lasts no time; a call takes a second.
fn carry_out(program: &Program, run: Run, mut service: impl FnMut(&str) -> Answered) -> Ran {
    let mut run = run;
    let mut now_ms = START_MS;
    let mut did = Vec::new();
    loop {
        match run.next(program, now_ms) {
            Next::Call(Prepared { call, .. }) => {
                let path = run.path(program);
                run.slim(program, |_| ());
                now_ms += 1000;
                let result = service(&path);
                let body = serde_json::from_slice(&call.body()).unwrap_or_default();
                did.push((path, body));
                run.answer(program, Answer { result, status: 201, at_ms: now_ms });
            }
            Next::Wait { until_ms } => {
                run.slim(program, |_| ());
                assert!(until_ms > now_ms && did.len() < 100, "{did:?}");
                did.push(("wait".into(), json!((until_ms - now_ms) / 1000)));
                now_ms = until_ms;
            }
            Next::Approval { message } => {
                did.push(("approval".into(), json!(message)));
                run.decide(program, service(&run.path(program)).is_ok());
            }
            Next::Ended(finish) => {
                let log = run.take_log();
                return Ran { did, finish, scope: run.into_scope(), log };
            }
        }
    }
}

fn ran(program: &Program, request: Map<String, Value>, service: impl FnMut(&str) -> Answered) -> Ran {
    carry_out(program, Run::start(program, 4, request), service)
}

type Answered = Result<Value, Refusal>;

fn accepted(_: &str) -> Answered {
    Ok(json!({"message": "success"}))
}

fn refused() -> Answered {
    Err(Refusal::new("refused", "the service refuses it"))
}

/// A service that finds these many people.
fn finds(count: usize) -> impl FnMut(&str) -> Answered {
    let users: Vec<_> = (0..count).map(|number| json!({"braze_id": format!("b-{number}")})).collect();
    move |_| Ok(json!({"users": users, "message": "success"}))
}

/// Everything in a scope that is a value; shapes without one are nothing.
fn left_in(scope: &mut Scope) -> Map<String, Value> {
    fn values(value: &Value) -> Option<Value> {
        match value {
            Value::Null => None,
            Value::Array(items) => {
                let items: Vec<Value> = items.iter().filter_map(values).collect();
                (!items.is_empty()).then_some(Value::Array(items))
            }
            Value::Object(members) => {
                let members: Map<String, Value> =
                    members.iter().filter_map(|(name, value)| Some((name.clone(), values(value)?))).collect();
                (!members.is_empty()).then_some(Value::Object(members))
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.clone()),
        }
    }
    let members = scope.data_mut().iter();
    members.filter_map(|(name, value)| Some((name.clone(), values(value)?))).collect()
}
