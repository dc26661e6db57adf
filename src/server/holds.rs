//! Erasures that a hold kept back go on when it ends by itself, and when somebody takes it away.
//!
//! Windows of the inbox wake because their journal went on; a job on a file is gone on with from here. Whoever
//! is still held waits again.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::carry::Carrier;
use crate::clock::{Clock, SystemClock};
use crate::host::Talk;
use crate::journal::InputKind;

/// How often it is looked whether a hold has ended.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A request that was just being parked when its hold ended is let go at a second look, so much later.
const SECOND_LOOK_MS: i64 = 5_000;

impl Carrier {
    /// Lets go what holds kept back that end, until `stop`. What ended before is looked at again by whoever goes
    /// on with its job at the start.
    pub(super) async fn keep_letting_go(self, stop: CancellationToken) {
        let (mut looked_ms, mut tasks) = (SystemClock.now_ms(), JoinSet::new());
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now_ms = SystemClock.now_ms();
            let ended = |from_ms: i64, to_ms: i64| self.host.a_hold_ended(from_ms, to_ms);
            if ended(looked_ms, now_ms)
                || ended(looked_ms.saturating_sub(SECOND_LOOK_MS), now_ms.saturating_sub(SECOND_LOOK_MS))
            {
                self.let_go(now_ms).await;
            }
            looked_ms = now_ms;
            for job in self.host.take_let_go() {
                let record = self.host.store().reader().job(job);
                let is_file = |kind: InputKind| matches!(kind, InputKind::File | InputKind::StandardInput);
                if let Ok(record) = record
                    && is_file(record.input_kind())
                {
                    let carrier = self.clone();
                    tasks.spawn(async move { carrier.go_on_with(&record).await });
                }
            }
            while tasks.try_join_next().is_some() {}
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn let_go(&self, now_ms: i64) {
        match self.host.let_go_all("privaflow", Some("a hold ended"), now_ms, &Talk::to_nobody()).await {
            Ok(runs) if runs.is_empty() => {}
            Ok(runs) => {
                tracing::info!("{} requests go on that a hold kept back, because one ended", runs.len());
            }
            Err(error) => {
                let why = error.refusal().text;
                tracing::error!(
                    "what a hold kept back and may go on cannot: {why}; `privaflow jobs resume` does it"
                );
            }
        }
    }
}
