//! The parts of the server, put together, and taken apart in order.
//!
//! ```text
//! stop ─ no new connections, no looks outside ─ what is under way is written down ─ the socket ─ the store
//! ```

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::canary::Sender;
use super::carry::{Carrier, Ways};
use super::dispatch::Dispatcher;
use super::health::Health;
use super::in_the_way::InTheWay;
use super::intake::Inbox;
use super::listening::{Listening, Patience, answer};
use super::polling::Pollers;
use super::shelf::Shelf;
use super::staying::Staying;
use super::tell::Teller;
use super::unreported::Unreported;
use super::watch::watch;
use super::{directory, hooks, pruning, schedule};
use crate::clock::SystemClock;
use crate::host::Host;
use crate::journal::{InputKind, JobRecord, Store, StoreError};
use crate::notify::Notifier;

/// How long those whose requests are being answered may take when the server ends.
const SLOW_READERS: Duration = Duration::from_secs(10);

/// How often it is looked whether the store still writes.
const LOOK: Duration = Duration::from_secs(1);

/// Why the server could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its port.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address of the settings.
        address: SocketAddr,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing to serve.
    #[error("there is no workflow that can be used in {folder}; `privaflow validate` shows the mistakes")]
    NoWorkflow {
        /// The folder.
        folder: String,
    },
    /// The store, before anything was begun.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store, later: nothing is written any more.
    #[error("the store stopped working; what was taken is safe, and a new start goes on")]
    Stopped(#[source] StoreError),
}

/// What is left when the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Windows that are not over.
    pub open: u64,
    /// Jobs that are no windows, not over and held by no guard.
    pub jobs: u64,
    /// Those among them whose input was standard input, which nobody can read again.
    pub unreadable: u64,
    /// Requests that wait to be begun.
    pub queued: u64,
}

/// A server that is about to begin.
#[derive(Debug)]
pub struct Server {
    host: Arc<Host>,
    shelf: Arc<Shelf>,
    ways: Ways,
    listener: Listening,
    bell: Arc<Notify>,
    inbox: Inbox,
    notifier: Option<Arc<Notifier>>,
    stop: CancellationToken,
}

impl Server {
    /// Takes the port; nothing is begun yet. What lies in the folder counts as approved if the store was
    /// never served before.
    pub async fn prepare(
        host: Arc<Host>,
        shelf: Shelf,
        ways: Ways,
        listen: SocketAddr,
        stop: CancellationToken,
    ) -> Result<Server, ServeError> {
        if shelf.shown().workflows.is_empty() {
            return Err(ServeError::NoWorkflow { folder: shelf.folder().display().to_string() });
        }
        let bound = Listening::bind(listen, Patience::default()).await;
        let listener = bound.map_err(|source| ServeError::Listen { address: listen, source })?;
        if shelf.approve_at_first_start(host.store())? {
            tracing::info!(
                "the first start: the workflows in {} count as approved",
                shelf.folder().display()
            );
        }
        let (shelf, bell) = (Arc::new(shelf), Arc::new(Notify::new()));
        let inbox = Inbox::new(Arc::clone(host.store()), Arc::clone(&shelf), Arc::clone(&bell));
        Ok(Server { host, shelf, ways, listener, bell, inbox, notifier: None, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.address()
    }

    /// The way in.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Tells people in these channels.
    #[must_use]
    pub fn telling(self, notifier: Arc<Notifier>) -> Server {
        Server { notifier: Some(notifier), ..self }
    }

    /// Serves until it is to stop; `pages` are answered beside the server's own.
    pub async fn run(self, pages: Router) -> Result<Served, ServeError> {
        let Server { host, shelf, ways, listener, bell, inbox, notifier, stop } = self;
        let listening = host.listen();
        let tasks = TaskTracker::new();
        tasks.spawn(end_with(Arc::clone(host.store()), stop.clone()));
        let store = Arc::clone(host.store());
        tasks.spawn(watch(Arc::clone(&shelf), store, Arc::clone(&bell), stop.clone()));
        let in_the_way = InTheWay::default();
        let health = Health {
            host: Arc::clone(&host),
            shelf: Arc::clone(&shelf),
            ways: ways.clone(),
            in_the_way: in_the_way.clone(),
            stop: stop.clone(),
        };
        let answering = answer(listener, pages.merge(health.router()), stop.clone());
        tasks.spawn(async move {
            if let Err(error) = answering.await {
                tracing::error!(%error, "nobody is answered any more: {error}");
            }
        });
        let teller = Teller { notifier, shelf: Arc::clone(&shelf) };
        tasks.spawn(teller.clone().keep_telling(Arc::clone(host.store()), stop.clone()));
        let keep = host.clients().settings().keep;
        tasks.spawn(pruning::keep_small(Arc::clone(host.store()), keep, stop.clone()));
        tasks.spawn(directory::keep_synced(Arc::clone(&host), Arc::clone(&shelf), stop.clone()));
        let pollers = Pollers {
            host: Arc::clone(&host),
            shelf: Arc::clone(&shelf),
            bell: Arc::clone(&bell),
            ways: ways.clone(),
        };
        tasks.spawn(pollers.run(stop.clone()));
        let settings = host.clients().settings();
        if let Some(canary) = settings.canary.clone().filter(|_| !settings.shadow) {
            let (host, shelf, inbox) = (Arc::clone(&host), Arc::clone(&shelf), inbox.clone());
            let sender = Sender { host, shelf, inbox, notifier: teller.notifier.clone() };
            tasks.spawn(sender.keep_sending(canary, stop.clone()));
        }
        let carrier =
            Carrier { host: Arc::clone(&host), shelf, ways, stop: stop.clone(), teller, in_the_way };
        if !host.clients().settings().shadow {
            let unreported =
                Unreported { host: Arc::clone(&host), ways: carrier.ways.clone(), told: HashMap::default() };
            tasks.spawn(unreported.keep_telling(stop.clone()));
        }
        tasks.spawn(carrier.clone().go_on_with_files());
        tasks.spawn(carrier.clone().keep_letting_go(stop.clone()));
        tasks.spawn(Staying::of(carrier.clone()).keep_looking(stop.clone()));
        tasks.spawn(schedule::keep_starting(
            inbox.clone(),
            carrier.clone(),
            Arc::new(SystemClock),
            stop.clone(),
        ));
        tasks.spawn(hooks::keep_looking(Arc::clone(&host), inbox, stop.clone()));
        tasks.close();
        let worked = Dispatcher::new(carrier, bell, stop.clone()).run().await;
        // Also when the store failed: the others must not go on without it.
        stop.cancel();
        host.stay_for_guests().await;
        listening.close().await;
        // Who reads an answer very slowly is left.
        drop(tokio::time::timeout(SLOW_READERS, tasks.wait()).await);
        worked.map_err(ServeError::Stopped)?;
        if let Some(failure) = host.store().failure() {
            return Err(ServeError::Stopped(failure));
        }
        let open = host.store().open_windows().map_err(ServeError::Stopped)?.len() as u64;
        let jobs = open_jobs(host.store()).map_err(ServeError::Stopped)?;
        let unreadable =
            jobs.iter().filter(|job| job.input_kind() == InputKind::StandardInput).count() as u64;
        let queued = host.store().queue().map_err(ServeError::Stopped)?;
        let (jobs, queued) = (jobs.len() as u64, queued.iter().map(|queued| queued.rows).sum());
        Ok(Served { open, jobs, unreadable, queued })
    }
}

/// Jobs that are open and no windows: on files, and looks at people who were erased.
fn open_jobs(store: &Store) -> Result<Vec<JobRecord>, StoreError> {
    let mut open = Vec::new();
    for job in store.all_open_jobs()? {
        let record = store.job(job)?;
        let is_window = matches!(record.input_kind(), InputKind::Window(_)) && record.looks_at().is_none();
        if !is_window && !record.sandbox {
            open.push(record);
        }
    }
    Ok(open)
}

/// Ends the server when nothing can be written any more: one that lives and refuses everything is helped by
/// nobody, while a new start goes on as soon as there is room.
async fn end_with(store: Arc<Store>, stop: CancellationToken) {
    while store.failure().is_none() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    tracing::error!("nothing can be written any more, so the server ends; a new start goes on");
    stop.cancel();
}
