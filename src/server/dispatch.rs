//! Windows of what came in, begun one after another and driven side by side.
//!
//! One task owns the [`Board`]; it makes windows, begins them and hears how they were left. Everything it
//! decides can be decided again after a kill: a window without a job was never begun, and one with a job
//! is gone on with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::board::{Board, MOST, SHORT_LINGER_MS};
use super::carry::{Carrier, Left};
use super::forecast::{Outlook, Pace};
use crate::clock::{Clock, SystemClock};
use crate::job::WindowId;
use crate::journal::{Pauses, StoreError, Window};

/// How often is looked what other processes changed in the store.
const LOOK: Duration = Duration::from_secs(3);

/// How often deadlines are looked at.
const FORECAST: Duration = Duration::from_secs(60);

/// Makes windows and drives them.
#[derive(Debug)]
pub(super) struct Dispatcher {
    carrier: Carrier,
    bell: Arc<Notify>,
    stop: CancellationToken,
    board: Board,
    driven: JoinSet<Left>,
    looked: Option<Instant>,
    forecast: Option<Instant>,
    pauses: Pauses,
    pace: Pace,
    outlook: Outlook,
    /// Something waits for more to come with it.
    lingers: bool,
}

impl Dispatcher {
    /// `bell` rings when something came in or a workflow changed.
    pub(super) fn new(carrier: Carrier, bell: Arc<Notify>, stop: CancellationToken) -> Dispatcher {
        Dispatcher {
            carrier,
            bell,
            stop,
            board: Board::default(),
            driven: JoinSet::new(),
            looked: None,
            forecast: None,
            pauses: Pauses::default(),
            pace: Pace::default(),
            outlook: Outlook::default(),
            lingers: false,
        }
    }

    /// Works until it is to stop and everything that is driven is written down; fails when the store does.
    pub(super) async fn run(mut self) -> Result<(), StoreError> {
        let put_back = self.carrier.host.store().put_back_windows()?;
        if put_back > 0 {
            tracing::info!("{put_back} windows that were not begun go back into the queue");
        }
        let result = self.work().await;
        while self.driven.join_next().await.is_some() {}
        result
    }

    async fn work(&mut self) -> Result<(), StoreError> {
        while !self.stop.is_cancelled() {
            self.begin_what_may()?;
            let pause = self.pause();
            tokio::select! {
                () = self.stop.cancelled() => {}
                Some(left) = self.driven.join_next() => self.on_left(left)?,
                () = self.bell.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        Ok(())
    }

    fn begin_what_may(&mut self) -> Result<(), StoreError> {
        let now_ms = SystemClock.now_ms();
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.looked = Some(Instant::now());
            self.look(now_ms)?;
        }
        let due = self.board.due(now_ms);
        if !due.is_empty() {
            let open = self.carrier.host.store().open_windows()?;
            for window in open.into_iter().filter(|window| due.contains(&window.id)) {
                self.begin(window, now_ms);
            }
        }
        let mut queue = self.carrier.host.store().queue_heads(MOST.records)?;
        if self.forecast.is_none_or(|forecast| forecast.elapsed() >= FORECAST) {
            self.forecast = Some(Instant::now());
            self.outlook.look(self.carrier.host.store(), &queue, &self.pace, now_ms)?;
        }
        loop {
            let reader = self.carrier.host.store().reader();
            let is_ready = |name: &str| matches!(self.carrier.shelf.ready(reader, name), Ok(Some(_)));
            let Some(name) = self.board.next(&queue, is_ready, now_ms).map(str::to_owned) else { break };
            match self.carrier.host.store().take_window(&name, MOST, now_ms)? {
                Some(window) => {
                    self.board.note_begun();
                    self.begin(window, now_ms);
                }
                None => queue.retain(|queued| queued.workflow != name),
            }
            queue = self.carrier.host.store().queue_heads(MOST.records)?;
        }
        let reader = self.carrier.host.store().reader();
        let is_ready = |name: &str| matches!(self.carrier.shelf.ready(reader, name), Ok(Some(_)));
        self.lingers =
            queue.iter().any(|queued| !self.board.is_gathered(queued, now_ms) && is_ready(&queued.workflow));
        Ok(())
    }

    /// Agrees with what others did in the store.
    fn look(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let store = self.carrier.host.store();
        let events: BTreeMap<WindowId, i64> = store.newest_events()?;
        self.board.agree(&events);
        if self.carrier.in_the_way.look(store)? {
            self.board.wake_all();
        }
        let pauses = Pauses::of(store.path());
        if pauses != self.pauses {
            self.pauses = pauses;
            self.board.wake_all();
        }
        let unknown: Vec<Window> =
            store.open_windows()?.into_iter().filter(|window| !self.board.has(window.id)).collect();
        for window in unknown {
            self.begin(window, now_ms);
        }
        Ok(())
    }

    fn begin(&mut self, window: Window, now_ms: i64) {
        self.board.begin(window.id, &window.workflow, now_ms);
        self.driven.spawn(self.carrier.clone().carry(window));
    }

    fn on_left(&mut self, left: Result<Left, tokio::task::JoinError>) -> Result<(), StoreError> {
        let now_ms = SystemClock.now_ms();
        // A task that panicked has said so; its window is found again by the next look.
        let Ok(Left { window, wake, event }) = left else { return Ok(()) };
        match wake {
            Some(wake) => self.board.leave(window.id, wake, event, now_ms),
            None => {
                self.board.remove(window.id);
                self.pace.note(&window.workflow, window.records, now_ms);
            }
        }
        // A store that stopped writing will not write again in this process.
        self.carrier.host.store().check_writer()
    }

    /// How long there is nothing to do as far as is known.
    fn pause(&self) -> Duration {
        let now_ms = SystemClock.now_ms();
        let until_ms = self.board.next_wake_ms().map_or(i64::MAX, |at_ms| at_ms.saturating_sub(now_ms));
        let linger_ms = if self.lingers { SHORT_LINGER_MS } else { i64::MAX };
        let longest_ms = i64::try_from(LOOK.as_millis()).unwrap_or(i64::MAX);
        Duration::from_millis(until_ms.min(linger_ms).clamp(10, longest_ms).unsigned_abs())
    }
}
