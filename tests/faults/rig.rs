//! The real engine on a real store, one life after another, each ended where a test says.
//!
//! A life is cut by the store itself: the commit that holds the first event beyond the cut fails, as
//! it does when the process is gone, and so does everything after it. The runtime of the life is taken
//! down with all that was on its way; the service lives on. Time is virtual, so no pause costs any.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use privaflow::catalogue::Identifier;
use privaflow::clock::{Clock, VirtualClock};
use privaflow::config::{Connection, Host, Scheme, Settings, Token};
use privaflow::engine::{self, JobError, Order, Outcome, Patience, Progress, Service};
use privaflow::host::{Clients, HostError, Looked, SettingsName, Talk, Through};
use privaflow::intake::{Input, Reading};
use privaflow::job::{Event, Reason, Verdict};
use privaflow::journal::{Found, Held, Reader, Store, StoreError, encode};
use privaflow::plan::PersonKey;
use privaflow::sandbox::{Faults, Limits};
use privaflow::secret::Secret;
use privaflow::source::Source;
use privaflow::wire::{Client, Timeouts};
use privaflow::workflow::{Known, Workflow, load};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::folder::KEY;
use crate::service::Braze;

/// 2026-11-22T02:00:00Z.
const START_MS: i64 = 1_795_312_800_000;

/// A job and the service it is carried out at.
pub struct Rig {
    pub braze: Braze,
    /// The time that passes.
    clock: Arc<VirtualClock>,
    /// What time the engine is told; the same, unless a test says otherwise.
    told: Arc<dyn Clock>,
    limits: HashMap<String, (u32, Duration)>,
    workflow: Arc<Workflow>,
    folder: TempDir,
}

impl Rig {
    pub fn new(workflow: &str, records: &[Value], seed: u64, faults: Faults) -> Rig {
        Rig::at(workflow, records, |clock| Braze::on(clock, seed, faults))
    }

    /// Where the service has other limits.
    pub fn under(workflow: &str, records: &[Value], limits: Limits) -> Rig {
        Rig::at(workflow, records, |clock| Braze::under(clock, limits))
    }

    fn at(workflow: &str, records: &[Value], braze: impl FnOnce(Arc<dyn Clock>) -> Braze) -> Rig {
        let (loaded, mistakes) = load(&Source::new("flow.yaml", workflow), &Known::default());
        let workflow = Arc::new(loaded.unwrap_or_else(|| panic!("{mistakes:?}")));
        let folder = tempfile::tempdir().unwrap();
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        std::fs::write(folder.path().join("requests.ndjson"), lines).unwrap();
        let clock = Arc::new(VirtualClock::at(START_MS));
        let braze = braze(Arc::clone(&clock) as Arc<dyn Clock>);
        drop(Store::open(&folder.path().join("store")).unwrap());
        let told = Arc::clone(&clock) as Arc<dyn Clock>;
        Rig { braze, clock, told, limits: HashMap::new(), workflow, folder }
    }

    /// The same where the engine is told the time by another clock, made from the time that passes.
    #[must_use]
    pub fn told_by<C: Clock + 'static>(mut self, clock: impl FnOnce(Arc<VirtualClock>) -> C) -> Rig {
        self.told = Arc::new(clock(Arc::clone(&self.clock)));
        self
    }

    /// The same under a limit of an action: so many requests in a second.
    #[must_use]
    pub fn limited(mut self, action: &str, requests: u32) -> Rig {
        self.limits.insert(action.to_owned(), (requests, Duration::from_secs(1)));
        self
    }

    /// Lets time pass with no process at work.
    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// How much time passed since the beginning.
    pub fn passed(&self) -> Duration {
        Duration::from_millis((self.clock.steady_ms() - START_MS).unsigned_abs())
    }

    /// Works on the job until it is over.
    #[track_caller]
    pub fn live(&self) -> Outcome {
        self.cut_at(None);
        self.work().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Works on the job until its journal would hold an event beyond this one; `None` when it did not
    /// come so far, and what it came to.
    #[track_caller]
    pub fn live_until(&self, event: u64) -> Option<Outcome> {
        self.cut_at(Some(event));
        match self.work() {
            Ok(outcome) => Some(outcome),
            Err(JobError::Engine(engine::EngineError::Journal(_))) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Lets time pass to the next look at erased people, and carries it out in a process of its own.
    pub fn look(&self) -> Result<Found, HostError> {
        let store = Store::open(&self.store()).unwrap();
        let clients = Arc::new(Clients::new(Settings::default_in(self.folder.path())));
        let name = SettingsName { path: None, digest: [0; 32] };
        let (failures, stop) = (self.folder.path().join("failures"), CancellationToken::new());
        let host = privaflow::host::Host::new(store, clients, name, Known::default(), failures, stop.clone());
        let pending = host.store().watches(None).unwrap().into_iter().find(|watch| watch.over_ms.is_none());
        let watch = pending.unwrap();
        self.clock.advance_to(watch.due_ms);
        let through = Through::Sandbox(vec![Arc::new(self.service())], Arc::clone(&self.clock));
        let (talk, _heard) = tokio::sync::mpsc::unbounded_channel();
        let talk = Talk::to(talk);
        let looking = host.look_again(&watch, through, Patience::Endless, stop, &talk);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        match runtime.unwrap().block_on(looking)? {
            Looked::Over(found) => Ok(found),
            Looked::Open { why, .. } => panic!("{why}"),
        }
    }

    /// How many looks are not over.
    pub fn looks_left(&self) -> i64 {
        let sql = "SELECT count(*) FROM watches WHERE over_ms IS NULL";
        self.database().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// How many events the journal has.
    pub fn events(&self) -> u64 {
        let sql = "SELECT ifnull(max(id), 0) FROM events";
        let newest: i64 = self.database().query_row(sql, [], |row| row.get(0)).unwrap();
        newest.unsigned_abs()
    }

    /// How many events of a kind the journal has, by the number of the kind.
    pub fn events_of(&self, kind: u8) -> u64 {
        let reader = Reader::open(&self.store()).unwrap();
        let kind_of = |event: &Event| {
            let mut body = Vec::new();
            encode(event, &mut body);
            body.first().copied()
        };
        let events = reader.jobs().unwrap().into_iter().flat_map(|job| reader.events(job.id));
        events.filter(|recorded| kind_of(&recorded.as_ref().unwrap().event) == Some(kind)).count() as u64
    }

    /// A person decides that every request that waits is tried again, even if it may have been sent. Gives
    /// the positions; none of them is written down when the journal ends before.
    pub fn retry_even_if_sent(&self) -> Vec<u64> {
        let store = Store::open(&self.store()).unwrap();
        let record = store.reader().jobs().unwrap().remove(0);
        let fates = engine::Fates::of(store.reader(), record).unwrap();
        let mut waiting = Vec::new();
        let seen: ControlFlow<()> = fates
            .each(|fate| {
                if matches!(fate.verdict, Verdict::Waiting(_)) {
                    waiting.push(fate.position);
                }
                Ok::<_, StoreError>(ControlFlow::Continue(()))
            })
            .unwrap();
        assert!(seen.is_continue());
        let decided = engine::Decided { by: "a test".to_owned(), at_ms: self.clock.now_ms() };
        let reopened = engine::reopen(&store, &fates, &waiting, true, &decided);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // A test may have ended the journal here.
        drop(runtime.block_on(reopened));
        waiting
    }

    pub fn cut_at(&self, event: Option<u64>) {
        let cut = event.map_or_else(String::new, |event| {
            format!(
                "CREATE TRIGGER cut BEFORE INSERT ON events WHEN NEW.id > {event}
                 BEGIN SELECT RAISE(ABORT, 'the journal ends here'); END;"
            )
        });
        self.database().execute_batch(&format!("DROP TRIGGER IF EXISTS cut; {cut}")).unwrap();
    }

    fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.store().join("journal.db")).unwrap()
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Works on another job, on these records, until it is over.
    #[track_caller]
    pub fn also(&self, workflow: &str, records: &[Value]) -> Outcome {
        let (loaded, mistakes) = load(&Source::new("other.yaml", workflow), &Known::default());
        let workflow = Arc::new(loaded.unwrap_or_else(|| panic!("{mistakes:?}")));
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        std::fs::write(self.folder.path().join("other.ndjson"), lines).unwrap();
        self.work_on(workflow, "other.ndjson").unwrap_or_else(|error| panic!("{error}"))
    }

    /// Puts somebody on the hold list, or takes them off.
    pub fn hold(&self, external_id: &str, is_held: bool) {
        let store = Store::open(&self.store()).unwrap();
        let people = vec![PersonKey::of(Identifier::ExternalId, external_id)];
        let (held, by, now_ms) =
            (Held { people, identifiers: Vec::new() }, "a test".to_owned(), self.clock.now_ms());
        if is_held {
            let reason = Reason::parse("case 4711").unwrap();
            store.add_hold(held, reason, None, by, now_ms).unwrap();
        } else {
            assert_eq!(store.remove_holds(held, by, now_ms).unwrap().len(), 1);
        }
    }

    fn work(&self) -> Result<Outcome, JobError> {
        self.work_on(Arc::clone(&self.workflow), "requests.ndjson")
    }

    fn work_on(&self, workflow: Arc<Workflow>, input: &str) -> Result<Outcome, JobError> {
        let order = Order {
            workflow,
            input: Input::open(&self.folder.path().join(input), &Reading::default()).unwrap(),
            services: vec![Arc::new(self.service())],
            retries: privaflow::workflow::Policies::default(),
            store: Arc::new(Store::open(&self.store()).unwrap()),
            shared: Arc::default(),
            clock: Arc::clone(&self.told),
            virtual_clock: Some(Arc::clone(&self.clock)),
            patience: Patience::Endless,
            stop: CancellationToken::new(),
            cut: engine::Cut::default(),
            progress: Progress::to(drop),
            failures: self.folder.path().join("failures"),
            place: engine::Place::Sandbox,
            extent: engine::Extent::All,
            turn: None,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.unwrap().block_on(engine::run(order))
    }

    fn service(&self) -> Service {
        let host = Host::parse(&self.braze.sandbox.address().to_string()).unwrap();
        let connection = Connection::new(Scheme::Http, host).unwrap();
        let token = Token::fixed(Secret::new(KEY.to_owned()));
        Service {
            name: "braze-production".to_owned(),
            system: "braze".to_owned(),
            workspace: "sandbox".to_owned(),
            client: Client::new(&connection, token, Timeouts::default()).unwrap(),
            share: 1.0,
            limits: self.limits.clone(),
            account: None,
            any_name: true,
        }
    }
}
