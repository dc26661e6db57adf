//! Jobs that begin while the emergency stop holds all that they could send.
//!
//! What other jobs left in the air cannot be answered then, and that says nothing of the service: so it is asked for
//! once more when they may send again, and nobody is left to wait for a person because of a pause.

use std::time::Instant;

use super::error::HostError;
use super::owner::Host;
use super::settle::Beginning;

impl Host {
    /// Whether the emergency stop holds all that a job could send.
    pub(super) fn is_held(&self, beginning: &Beginning<'_>) -> bool {
        let pauses = self.brake().now();
        let mut services = beginning.services.iter();
        services.len() > 0 && services.all(|service| pauses.of_profile(&service.name).is_some())
    }

    /// Waits until the emergency stop lets a job send something; `false` when that takes too long. What was asked for
    /// in vain while nothing could leave says nothing of the service.
    pub(super) async fn is_let_go(
        &self,
        beginning: &Beginning<'_>,
        until: Option<Instant>,
    ) -> Result<bool, HostError> {
        let mut changes = self.brake().changes();
        while self.is_held(beginning) {
            let late = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // An error means that nobody holds anything any more.
                changed = changes.changed() => if changed.is_err() { break },
                () = late => return Ok(false),
                () = beginning.stop.cancelled() => return Err(HostError::Interrupted),
            }
        }
        self.turns().forget_unanswered();
        Ok(true)
    }
}
