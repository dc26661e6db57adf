//! A task for each channel: what is noted is kept, and goes out when its time has come.
//!
//! Noting takes a lock for as long as it takes to compare a few numbers; everything that can be slow is
//! done by the task of the channel, which is stopped between messages and loses nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use tokio::sync::Notify as Bell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::book::Book;
use super::error::{Memory, NotifyError};
use super::message::Message;
use super::pace::Pace;
use super::standing::{Late, Standing};
use super::way::Way;
use crate::clock::SharedClock;
use crate::config::Channel;
use crate::workflow::{Notify, Occasion};

/// Begins the names of the cursors in which books are kept.
const PREFIX: &str = "notify:";

/// The channels of the settings while the server runs.
#[derive(Debug)]
pub struct Notifier {
    desks: HashMap<String, Arc<Desk>>,
    clock: Clockwork,
    tasks: TaskTracker,
}

/// What is noted for one channel.
#[derive(Debug, Default)]
struct Desk {
    book: Mutex<Book>,
    bell: Bell,
}

#[derive(Clone)]
struct Clockwork(SharedClock);

impl std::fmt::Debug for Clockwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clockwork")
    }
}

impl Desk {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notifier {
    /// Begins with what was left to tell. Each channel works until `stop`. A channel whose secret is not
    /// there is told in the log and tried when it has something to tell.
    pub async fn start(
        channels: &IndexMap<String, Channel>,
        memory: Arc<dyn Memory>,
        clock: SharedClock,
        stop: CancellationToken,
    ) -> Result<Notifier, NotifyError> {
        let tasks = TaskTracker::new();
        let mut desks = HashMap::new();
        for (name, channel) in channels {
            let way = Way::of(&channel.way)?;
            if let Err(error) = way.check().await {
                tracing::error!(channel = name, %error, "channel {name} could tell nobody now: {error}");
            }
            let desk = Arc::new(Desk::default());
            desks.insert(name.clone(), Arc::clone(&desk));
            let clerk = Clerk {
                name: name.clone(),
                desk,
                way,
                memory: Arc::clone(&memory),
                clock: Clockwork(Arc::clone(&clock)),
                pace: Pace::new(channel.window, channel.per_hour),
                kept: String::new(),
            };
            tasks.spawn(clerk.work(stop.clone()));
        }
        tasks.close();
        Ok(Notifier { desks, clock: Clockwork(clock), tasks })
    }

    /// Notes how a job of a workflow stands; never waits. Note it whenever it may have changed, and once
    /// after a start: what was told is not told again.
    pub fn note(&self, notify: &Notify, standing: &Standing) {
        let now_ms = self.clock.0.now_ms();
        for desk in self.to(notify) {
            if desk.book().note(standing, &notify.on, now_ms) {
                desk.bell.notify_one();
            }
        }
    }

    /// Notes that the deadline of a request is near; never waits.
    pub fn note_late(&self, notify: &Notify, late: &Late) {
        if !notify.on.contains(&Occasion::Deadline) {
            return;
        }
        for desk in self.to(notify) {
            if desk.book().note_late(late) {
                desk.bell.notify_one();
            }
        }
    }

    /// Waits until every channel has stopped and kept what it has yet to tell.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }

    fn to<'n>(&'n self, notify: &'n Notify) -> impl Iterator<Item = &'n Arc<Desk>> {
        notify.to.iter().filter_map(|name| self.desks.get(name))
    }
}

/// Who works at a desk.
struct Clerk {
    name: String,
    desk: Arc<Desk>,
    way: Way,
    memory: Arc<dyn Memory>,
    clock: Clockwork,
    pace: Pace,
    /// The book as it was kept last.
    kept: String,
}

impl Clerk {
    async fn work(mut self, stop: CancellationToken) {
        self.open().await;
        loop {
            self.keep().await;
            let now_ms = self.clock.0.now_ms();
            let news = self.desk.book().news();
            self.pace.has_news(!news.is_empty(), now_ms);
            let wait = self.pace.next_ms().map(|next| next.saturating_sub(now_ms));
            match wait {
                Some(wait) if wait <= 0 => {
                    let message = Message::of(&news);
                    let sent = tokio::select! {
                        sent = self.way.send(&message) => sent,
                        () = stop.cancelled() => break,
                    };
                    self.told(sent, &news);
                    continue;
                }
                Some(wait) => {
                    // The clock may be set meanwhile, so it is looked at now and then.
                    let wait = Duration::from_millis(wait.unsigned_abs()).min(Duration::from_secs(60));
                    tokio::select! {
                        () = self.desk.bell.notified() => {}
                        () = tokio::time::sleep(wait) => {}
                        () = stop.cancelled() => break,
                    }
                }
                None => tokio::select! {
                    () = self.desk.bell.notified() => {}
                    () = stop.cancelled() => break,
                },
            }
        }
        self.keep().await;
    }

    fn told(&mut self, sent: Result<(), NotifyError>, news: &super::book::News) {
        let (name, now_ms) = (&self.name, self.clock.0.now_ms());
        match sent {
            Ok(()) => {
                self.desk.book().told(news);
                self.pace.sent(now_ms);
                tracing::info!(channel = name, "channel {name} was told");
            }
            Err(error) => {
                let after = match &error {
                    NotifyError::Refused { after, .. } => *after,
                    _ => None,
                };
                self.pace.failed(now_ms, after);
                tracing::warn!(
                    channel = name, %error,
                    "channel {name} did not take a message, which is tried again: {error}"
                );
            }
        }
    }

    /// Takes up the book of the last start, and what was noted since this one.
    async fn open(&mut self) {
        let (memory, name) = (Arc::clone(&self.memory), format!("{PREFIX}{}", self.name));
        let loaded = tokio::task::spawn_blocking(move || memory.load(&name)).await;
        let kept = match loaded {
            Ok(Ok(Some(kept))) => kept,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => return self.warn("read", &error),
            Err(error) => return self.warn("read", &error),
        };
        match serde_json::from_str::<Book>(&kept) {
            Ok(book) => {
                self.desk.book().take_up(book);
                self.kept = kept;
            }
            Err(error) => self.warn("read", &error),
        }
    }

    /// Writes the book down if it changed.
    async fn keep(&mut self) {
        // Words and numbers always serialize.
        let value = serde_json::to_string(&*self.desk.book()).unwrap_or_default();
        if value == self.kept || (self.kept.is_empty() && self.desk.book().is_empty()) {
            return;
        }
        let (memory, name, kept) =
            (Arc::clone(&self.memory), format!("{PREFIX}{}", self.name), value.clone());
        match tokio::task::spawn_blocking(move || memory.save(&name, kept)).await {
            Ok(Ok(())) => self.kept = value,
            Ok(Err(error)) => self.warn("written", &error),
            Err(error) => self.warn("written", &error),
        }
    }

    fn warn(&self, what: &str, error: &dyn std::error::Error) {
        let name = &self.name;
        tracing::warn!(channel = name, %error, "what channel {name} has yet to tell could not be {what}: {error}");
    }
}
