//! A consent change and an erasure of the same person, in two jobs of one process, at every interleaving of
//! their calls and answers: whoever was erased stays erased, and no opt-out is lost.
//!
//! The service is a person that is there or not. It holds each kind of call back until the script says so,
//! and can carry one out without answering, so that it comes again. A change reaches it by another
//! identifier than the one by which the person is deleted.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use privaflow::clock::SystemClock;
use privaflow::config::{Connection, Host, Scheme, Token};
use privaflow::engine::{self, Order, Outcome, Patience, Progress, Service, Shared};
use privaflow::intake::{Input, Reading};
use privaflow::journal::Store;
use privaflow::secret::Secret;
use privaflow::source::Source;
use privaflow::wire::{Client, Timeouts};
use privaflow::workflow::{Known, load};
use serde_json::{Value, json};

use crate::folder::KEY;
use crate::server::{Gate, Reply, Request, Server, accepted, answer};

/// Finds a person by address and deletes them by Braze's own id.
const ERASE: &str = r#"
workflow: erase
on: { file: {} }
steps:
  - id: find
    uses: braze/users.export.ids
    with: { email_address: "{{ subject.email }}", fields_to_export: [braze_id, external_id] }
  - id: erase
    if: size(steps.find.output.users) > 0
    uses: braze/users.delete
    with: { braze_ids: ["{{ steps.find.output.users.[0].braze_id }}"] }
"#;

/// Sets the state of a person by external id, whoever they are.
const SET: &str = r#"
workflow: set
on: { file: {} }
steps:
  - id: track
    uses: braze/users.track
    with: { attributes: [{ external_id: "{{ subject.external_id }}", email_subscribe: "{{ consents.[0].status }}" }] }
"#;

/// The kinds of calls.
const KINDS: [&str; 3] = ["/users/track", "/users/export/ids", "/users/delete"];
const TRACK: usize = 0;
const FIND: usize = 1;
const DELETE: usize = 2;

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Begin(&'static str),
    Let(usize),
}

/// The person at the service.
#[derive(Default)]
struct World {
    is_there: AtomicBool,
    gates: [Gate; 3],
    /// How many calls of each kind are carried out and not answered.
    cuts: [AtomicUsize; 3],
    arrived: Mutex<usize>,
    changed: Condvar,
}

impl World {
    fn take(&self, request: &Request) -> Reply {
        let kind = KINDS.iter().position(|kind| *kind == request.path).unwrap();
        *self.arrived.lock().unwrap() += 1;
        self.changed.notify_all();
        self.gates[kind].pass();
        let reply = match kind {
            TRACK => {
                let item = &request.json()["attributes"][0];
                if item["_update_existing_only"] != true {
                    self.is_there.store(true, Ordering::SeqCst);
                }
                accepted()
            }
            FIND => {
                let users = match self.is_there.load(Ordering::SeqCst) {
                    true => json!([{ "braze_id": "b-1", "external_id": "u-1" }]),
                    false => json!([]),
                };
                answer(200, json!({ "users": users, "message": "success" }).to_string())
            }
            _ => {
                self.is_there.store(false, Ordering::SeqCst);
                accepted()
            }
        };
        let cut = |left: usize| left.checked_sub(1);
        match self.cuts[kind].fetch_update(Ordering::SeqCst, Ordering::SeqCst, cut) {
            Ok(_) => Reply::Cut,
            Err(_) => reply,
        }
    }
}

impl World {
    /// Waits for one more call than these, for as long as one that is not held back needs.
    fn settle(&self, before: usize) {
        let arrived = self.arrived.lock().unwrap();
        let patience = Duration::from_millis(150);
        drop(self.changed.wait_timeout_while(arrived, patience, |arrived| *arrived <= before).unwrap());
    }
}

/// What all jobs of a process have in common.
struct Process {
    folder: tempfile::TempDir,
    store: Arc<Store>,
    shared: Arc<Shared>,
    runtime: tokio::runtime::Runtime,
}

impl Process {
    fn new() -> Process {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&folder.path().join("store")).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Process { folder, store, shared: Arc::default(), runtime: runtime.unwrap() }
    }

    fn begin(&self, server: &Server, workflow: &str, record: &Value) -> tokio::task::JoinHandle<Outcome> {
        let (loaded, mistakes) = load(&Source::new("flow.yaml", workflow), &Known::default());
        let workflow = Arc::new(loaded.unwrap_or_else(|| panic!("{mistakes:?}")));
        let path = self.folder.path().join(format!("{}.ndjson", workflow.name));
        std::fs::write(&path, format!("{record}\n")).unwrap();
        let order = Order {
            workflow,
            input: Input::open(&path, &Reading::default()).unwrap(),
            services: vec![Arc::new(service(server))],
            retries: privaflow::workflow::Policies::default(),
            store: Arc::clone(&self.store),
            shared: Arc::clone(&self.shared),
            clock: Arc::new(SystemClock),
            virtual_clock: None,
            patience: Patience::Until(Duration::from_secs(60)),
            stop: tokio_util::sync::CancellationToken::new(),
            cut: engine::Cut::default(),
            progress: Progress::to(drop),
            failures: Path::new("failures").to_owned(),
            place: engine::Place::Services,
            extent: engine::Extent::All,
            turn: None,
        };
        self.runtime.spawn(async move { engine::run(order).await.unwrap_or_else(|error| panic!("{error}")) })
    }
}

fn service(server: &Server) -> Service {
    let host = Host::parse(&server.address.to_string()).unwrap();
    let connection = Connection::new(Scheme::Http, host).unwrap();
    let token = Token::fixed(Secret::new(KEY.to_owned()));
    Service {
        name: "braze".to_owned(),
        system: "braze".to_owned(),
        workspace: "eu".to_owned(),
        client: Client::new(&connection, token, Timeouts::default()).unwrap(),
        share: 1.0,
        limits: std::collections::HashMap::new(),
        account: None,
        any_name: true,
    }
}

fn change(status: &str, at: &str) -> Value {
    let consents = json!([{ "purpose": "email", "status": status, "updated_at": at }]);
    json!({ "id": "c-1", "kind": "consent", "subject": { "external_id": "u-1" }, "consents": consents })
}

fn erasure() -> Value {
    json!({ "id": "d-1", "kind": "deletion", "subject": { "email": "a@example.com" } })
}

/// Every order of the acts of both jobs in which each job's own stay in order.
fn interleavings(one: &[Act], other: &[Act]) -> Vec<Vec<Act>> {
    let (Some((first, rest)), Some((others, rest_of_other))) = (one.split_first(), other.split_first())
    else {
        return vec![[one, other].concat()];
    };
    let begun =
        |act: &Act, rest: Vec<Vec<Act>>| rest.into_iter().map(|acts| [&[*act], &acts[..]].concat()).collect();
    let mut all: Vec<Vec<Act>> = begun(first, interleavings(rest, other));
    all.append(&mut begun(others, interleavings(one, rest_of_other)));
    all
}

/// Carries a script out; gives the summaries of the change and of the erasure.
fn carry_out(script: &[Act], status: &str, cut: Option<usize>) -> (Arc<World>, Value, Value) {
    let world = Arc::new(World::default());
    world.is_there.store(true, Ordering::SeqCst);
    if let Some(kind) = cut {
        world.cuts[kind].store(1, Ordering::SeqCst);
    }
    let server = Server::start({
        let world = Arc::clone(&world);
        move |request, _| world.take(request)
    });
    let process = Process::new();
    let (mut changed, mut erased) = (None, None);
    for act in script {
        let before = *world.arrived.lock().unwrap();
        match act {
            Act::Begin("set") => {
                changed = Some(process.begin(&server, SET, &change(status, "2026-11-20T10:00:00Z")));
            }
            Act::Begin(_) => erased = Some(process.begin(&server, ERASE, &erasure())),
            Act::Let(kind) => world.gates[*kind].open(),
        }
        // What follows from it comes now, or waits for something that the script does later.
        world.settle(before);
    }
    let outcome = |job: Option<tokio::task::JoinHandle<Outcome>>| {
        let outcome = process.runtime.block_on(job.unwrap()).unwrap();
        serde_json::to_value(outcome.summary).unwrap()
    };
    let (changed, erased) = (outcome(changed), outcome(erased));
    (world, changed, erased)
}

#[test]
fn whoever_is_erased_stays_erased_at_every_interleaving_with_a_change_from_before() {
    let change = [Act::Begin("set"), Act::Let(TRACK)];
    let erasure = [Act::Begin("erase"), Act::Let(FIND), Act::Let(DELETE)];
    let cases = interleavings(&change, &erasure)
        .into_iter()
        .flat_map(|script| ["opted_in", "unsubscribed"].map(|status| (script.clone(), status)))
        .flat_map(|(script, status)| {
            [None, Some(TRACK), Some(DELETE)].map(|cut| (script.clone(), status, cut))
        });
    let cases: Vec<_> = cases.collect();
    assert_eq!(cases.len(), 60);

    let check = &|(script, status, cut): &(Vec<Act>, &str, Option<usize>)| {
        let (world, changed, erased) = carry_out(script, status, *cut);
        let what = format!("{script:?}, {status}, cut {cut:?}: {changed} {erased}");
        assert!(!world.is_there.load(Ordering::SeqCst), "{what}");
        assert_eq!(erased["done"], 1, "{what}");
        assert_eq!(changed["done"].as_u64().unwrap() + changed["skipped"].as_u64().unwrap(), 1, "{what}");
        // An opt-out is never refused.
        let refused = if changed["done"] == 0 { json!({ "erased": 1 }) } else { json!({}) };
        assert_eq!(changed["skipped_by"], refused, "{what}");
        assert!(*status == "opted_in" || changed["done"] == 1, "{what}");
    };
    std::thread::scope(|scope| {
        for cases in cases.chunks(8) {
            scope.spawn(move || cases.iter().for_each(check));
        }
    });
}
