//! Subtasks that hooks were told of, kept in the store until they were looked at.
//!
//! A look is a cursor of the store: it ends in the transaction that takes in what was found, so that a
//! kill between the two loses nothing and repeats nothing. A subtask that was taken stays known, and
//! another call for it starts nothing; one that was passed over is looked at again when it is called
//! again, as much may have changed. One whose request is not that far yet is looked at now and then.

use serde::{Deserialize, Serialize};

use super::intake::Look;
use crate::journal::{Accepted, Cursor, Reader, Store, StoreError};

/// Begins the names of these cursors.
const PREFIX: &str = "look:";

/// How long until a request that was not that far is looked at again: as often as pollers look at all.
const AGAIN_MS: i64 = 15 * 60_000;

/// How long it is looked at again: longer than a privacy request may take.
const MOST_MS: i64 = 120 * 24 * 3_600_000;

/// What a look is stored as.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    profile: String,
    state: State,
    /// When the hook was called.
    at_ms: i64,
    /// Not before this moment.
    #[serde(default)]
    again_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Waiting,
    Taken,
    Passed,
}

/// What a look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A request was made of the subtask.
    Taken,
    /// The subtask starts nothing.
    Passed,
    /// The subtask starts nothing yet.
    Early,
}

impl Look {
    /// The look as it is afterwards. Hand it to [`Store::accept`] with the requests that were made of the
    /// subtask.
    pub fn over(&self, found: Found, now_ms: i64) -> Cursor {
        let is_old = now_ms.saturating_sub(self.since_ms) > MOST_MS;
        match found {
            Found::Taken => self.cursor(State::Taken, 0),
            Found::Early if !is_old => self.cursor(State::Waiting, now_ms.saturating_add(AGAIN_MS)),
            Found::Early | Found::Passed => self.cursor(State::Passed, 0),
        }
    }

    /// The looks that are due, by hook and subtask.
    pub fn waiting(reader: &Reader, now_ms: i64) -> Result<Vec<Look>, StoreError> {
        let cursors = reader.cursors(PREFIX)?;
        Ok(cursors.into_iter().filter_map(|cursor| Look::of(&cursor, now_ms)).collect())
    }

    /// Keeps the look; it is on the disk when this returns.
    pub fn keep(&self, store: &Store) -> Result<Accepted, StoreError> {
        let kept = store.cursor(&self.name())?;
        let kept = kept.and_then(|value| serde_json::from_str::<Kept>(&value).ok());
        // Whoever calls again says that something may have changed.
        let is_early = kept.as_ref().is_some_and(|kept| kept.state == State::Waiting && kept.again_ms > 0);
        if !is_early && matches!(kept.map(|kept| kept.state), Some(State::Waiting | State::Taken)) {
            return Ok(Accepted::Repeated);
        }
        store.accept(Vec::new(), Some(self.cursor(State::Waiting, 0)))?;
        Ok(Accepted::New)
    }

    fn name(&self) -> String {
        format!("{PREFIX}{}:{}", self.hook, self.subtask)
    }

    fn cursor(&self, state: State, again_ms: i64) -> Cursor {
        let kept = Kept { profile: self.profile.clone(), state, at_ms: self.since_ms, again_ms };
        // Fixed words and a name always serialize.
        Cursor { name: self.name(), value: serde_json::to_string(&kept).unwrap_or_default() }
    }

    /// The look of a cursor, if it is due.
    fn of(cursor: &Cursor, now_ms: i64) -> Option<Look> {
        let (hook, subtask) = cursor.name.strip_prefix(PREFIX)?.split_once(':')?;
        let kept: Kept = serde_json::from_str(&cursor.value).ok()?;
        // A clock that was set back keeps nothing waiting for longer than usual.
        let is_due = kept.again_ms <= now_ms || kept.again_ms > now_ms.saturating_add(AGAIN_MS);
        let look = Look {
            hook: hook.to_owned(),
            profile: kept.profile,
            subtask: subtask.to_owned(),
            since_ms: kept.at_ms,
        };
        (kept.state == State::Waiting && is_due).then_some(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(since_ms: i64) -> Look {
        let (hook, profile, subtask) = ("tasks".to_owned(), "onetrust".to_owned(), "a-1".to_owned());
        Look { hook, profile, subtask, since_ms }
    }

    #[test]
    fn a_subtask_is_looked_at_once_unless_it_was_passed_over() {
        let store = Store::temporary().unwrap();
        let look = look(1);

        assert_eq!(look.keep(&store).unwrap(), Accepted::New);
        assert_eq!(look.keep(&store).unwrap(), Accepted::Repeated);
        assert_eq!(Look::waiting(&store, 2).unwrap(), std::slice::from_ref(&look));

        store.accept(Vec::new(), Some(look.over(Found::Passed, 3))).unwrap();
        assert_eq!(Look::waiting(&store, i64::MAX).unwrap(), []);
        assert_eq!(look.keep(&store).unwrap(), Accepted::New);

        store.accept(Vec::new(), Some(look.over(Found::Taken, 5))).unwrap();
        assert_eq!(look.keep(&store).unwrap(), Accepted::Repeated);
        assert_eq!(Look::waiting(&store, i64::MAX).unwrap(), []);
    }

    #[test]
    fn a_subtask_whose_request_is_not_that_far_is_looked_at_again_until_it_is_old() {
        let store = Store::temporary().unwrap();
        let look = look(1_000);
        look.keep(&store).unwrap();

        store.accept(Vec::new(), Some(look.over(Found::Early, 2_000))).unwrap();
        assert_eq!(Look::waiting(&store, 2_000 + AGAIN_MS - 1).unwrap(), []);
        assert_eq!(Look::waiting(&store, 2_000 + AGAIN_MS).unwrap(), std::slice::from_ref(&look));
        assert_eq!(Look::waiting(&store, 0).unwrap().len(), 1, "a clock was set back");

        // Another call brings the look forward.
        assert_eq!(look.keep(&store).unwrap(), Accepted::New);
        assert_eq!(Look::waiting(&store, 2_001).unwrap().len(), 1);

        store.accept(Vec::new(), Some(look.over(Found::Early, 1_001 + MOST_MS))).unwrap();
        assert_eq!(Look::waiting(&store, i64::MAX).unwrap(), []);
    }
}
