//! Jobs that are driven beside another one until what they left in the air is answered, and that each has one
//! engine at a time.
//!
//! Which jobs these are, and how they are driven, is the work of `settle`.

use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::HostError;
use super::owner::Host;
use crate::job::JobId;

/// Jobs that are driven until what they left in the air is answered.
#[derive(Default)]
pub(super) struct Beside<'h> {
    /// Those that are under way.
    pub settling: Vec<Settling<'h>>,
    /// Those that are over.
    pub settled: Vec<Settled>,
    /// Has them stop in order.
    pub stop: CancellationToken,
}

/// A job that is driven so.
pub(super) type Settling<'h> = Pin<Box<dyn Future<Output = Settled> + Send + 'h>>;

/// What became of a job's requests in the air.
pub(super) type Settled = Result<(), HostError>;

impl Beside<'_> {
    /// Drives them until a job is over that does not wait for them, or only for some of their people; then
    /// what they have on its way is answered, and the rest is left. Gives why it is left.
    pub(super) async fn drive<T>(self, job: impl Future<Output = T>) -> (T, Vec<HostError>) {
        let Beside { mut settling, settled, stop } = self;
        let mut left: Vec<HostError> = settled.into_iter().filter_map(Result::err).collect();
        let mut job = pin!(job);
        let over = loop {
            tokio::select! {
                over = &mut job => break over,
                ended = next(&mut settling), if !settling.is_empty() => left.extend(ended.err()),
            }
        };
        stop.cancel();
        while !settling.is_empty() {
            left.extend(next(&mut settling).await.err());
        }
        (over, left)
    }
}

/// What the next one of them comes to that is over.
async fn next(settling: &mut Vec<Settling<'_>>) -> Settled {
    let (at, ended) = std::future::poll_fn(|context| {
        let ended = settling.iter_mut().enumerate().find_map(|(at, one)| match one.as_mut().poll(context) {
            Poll::Ready(ended) => Some((at, ended)),
            Poll::Pending => None,
        });
        ended.map_or(Poll::Pending, Poll::Ready)
    })
    .await;
    drop(settling.swap_remove(at));
    ended
}

/// A job that is driven beside another, as long as this lives.
#[derive(Debug)]
pub(super) struct UnderWay {
    stop: CancellationToken,
    /// Closed when it is over.
    over: watch::Receiver<()>,
}

/// Notes that it is over when it is dropped.
pub(super) struct Noted<'h> {
    host: &'h Host,
    job: JobId,
    _over: watch::Sender<()>,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.host.settling().remove(&self.job);
    }
}

impl Host {
    /// Notes a job that is driven beside another, and what asks it to stop.
    pub(super) fn note_settling(
        &self,
        job: JobId,
        stop: &CancellationToken,
    ) -> (CancellationToken, Noted<'_>) {
        let (sender, over) = watch::channel(());
        let stop = stop.child_token();
        self.settling().insert(job, UnderWay { stop: stop.clone(), over });
        (stop, Noted { host: self, job, _over: sender })
    }

    /// Has a job that is driven beside another stop in order, and waits until it has.
    pub(super) async fn stop_settling(&self, job: JobId) {
        let under_way = self.settling().get(&job).map(|it| (it.stop.clone(), it.over.clone()));
        if let Some((stop, mut over)) = under_way {
            stop.cancel();
            // It never changes: it closes.
            drop(over.changed().await);
        }
    }
}
