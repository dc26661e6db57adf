//! How many commands of other processes are being carried out, so that an owner leaves after the last.

use tokio::sync::watch;

/// Counts guests; closed, it takes none in.
#[derive(Debug)]
pub(super) struct Guests {
    now: watch::Sender<Now>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Now {
    count: usize,
    is_closed: bool,
}

impl Default for Guests {
    fn default() -> Guests {
        Guests { now: watch::Sender::new(Now::default()) }
    }
}

impl Guests {
    /// Takes a guest in, unless the owner leaves.
    pub(super) fn admit(&self) -> Option<Guest> {
        let is_in = self.now.send_if_modified(|now| {
            now.count += usize::from(!now.is_closed);
            !now.is_closed
        });
        is_in.then(|| Guest(self.now.clone()))
    }

    /// Guests that are here.
    pub(super) fn count(&self) -> usize {
        self.now.borrow().count
    }

    /// Takes nobody in any more.
    pub(super) fn close(&self) {
        self.now.send_modify(|now| now.is_closed = true);
    }

    /// Closes in the moment in which nobody is here.
    pub(super) async fn close_when_empty(&self) {
        let mut changes = self.now.subscribe();
        loop {
            changes.mark_unchanged();
            let mut is_closed = false;
            self.now.send_if_modified(|now| {
                now.is_closed |= now.count == 0;
                is_closed = now.count == 0;
                false
            });
            if is_closed || changes.changed().await.is_err() {
                return;
            }
        }
    }
}

/// A guest, for as long as this lives.
#[derive(Debug)]
pub(super) struct Guest(watch::Sender<Now>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.send_modify(|now| now.count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_taken_in_after_the_last_one_left() {
        let guests = Guests::default();
        let guest = guests.admit();
        assert_eq!((guest.is_some(), guests.count()), (true, 1));
        let leaving = async { drop(guest) };

        tokio::join!(guests.close_when_empty(), leaving);

        assert!(guests.admit().is_none());
    }
}
