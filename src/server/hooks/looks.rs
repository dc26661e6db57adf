//! Subtasks that hooks were told of, kept in the store until they were looked at.
//!
//! A look is a cursor of the store: it ends in the transaction that takes in what was found, so that a
//! kill between the two loses nothing and repeats nothing. A subtask that was taken stays known, and
//! another call for it starts nothing; one that was passed over is looked at again when it is called
//! again, as much may have changed.

use serde::{Deserialize, Serialize};

use super::intake::Look;
use crate::journal::{Accepted, Cursor, Reader, Store, StoreError};

/// Begins the names of these cursors.
const PREFIX: &str = "look:";

/// What a look is stored as.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    profile: String,
    state: State,
    at_ms: i64,
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
    /// The subtask starts nothing now.
    Passed,
}

impl Look {
    /// The look as it is when it is over. Hand it to [`Store::accept`] with the requests that were made
    /// of the subtask.
    pub fn over(&self, found: Found, now_ms: i64) -> Cursor {
        let state = match found {
            Found::Taken => State::Taken,
            Found::Passed => State::Passed,
        };
        self.cursor(state, now_ms)
    }

    /// The looks that wait, by hook and subtask.
    pub fn waiting(reader: &Reader) -> Result<Vec<Look>, StoreError> {
        let cursors = reader.cursors(PREFIX)?;
        Ok(cursors.into_iter().filter_map(|cursor| Look::of(&cursor)).collect())
    }

    /// Keeps the look; it is on the disk when this returns.
    pub fn keep(&self, store: &Store, now_ms: i64) -> Result<Accepted, StoreError> {
        let kept = store.cursor(&self.name())?;
        let state = kept.and_then(|value| serde_json::from_str::<Kept>(&value).ok()).map(|kept| kept.state);
        if matches!(state, Some(State::Waiting | State::Taken)) {
            return Ok(Accepted::Repeated);
        }
        store.accept(Vec::new(), Some(self.cursor(State::Waiting, now_ms)))?;
        Ok(Accepted::New)
    }

    fn name(&self) -> String {
        format!("{PREFIX}{}:{}", self.hook, self.subtask)
    }

    fn cursor(&self, state: State, at_ms: i64) -> Cursor {
        let kept = Kept { profile: self.profile.clone(), state, at_ms };
        // Fixed words and a name always serialize.
        Cursor { name: self.name(), value: serde_json::to_string(&kept).unwrap_or_default() }
    }

    /// The look of a cursor, if it waits.
    fn of(cursor: &Cursor) -> Option<Look> {
        let (hook, subtask) = cursor.name.strip_prefix(PREFIX)?.split_once(':')?;
        let kept: Kept = serde_json::from_str(&cursor.value).ok()?;
        let look = Look { hook: hook.to_owned(), profile: kept.profile, subtask: subtask.to_owned() };
        (kept.state == State::Waiting).then_some(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subtask_is_looked_at_once_unless_it_was_passed_over() {
        let store = Store::temporary().unwrap();
        let look =
            Look { hook: "tasks".to_owned(), profile: "onetrust".to_owned(), subtask: "a-1".to_owned() };

        assert_eq!(look.keep(&store, 1).unwrap(), Accepted::New);
        assert_eq!(look.keep(&store, 2).unwrap(), Accepted::Repeated);
        assert_eq!(Look::waiting(&store).unwrap(), std::slice::from_ref(&look));

        store.accept(Vec::new(), Some(look.over(Found::Passed, 3))).unwrap();
        assert_eq!(Look::waiting(&store).unwrap(), []);
        assert_eq!(look.keep(&store, 4).unwrap(), Accepted::New);

        store.accept(Vec::new(), Some(look.over(Found::Taken, 5))).unwrap();
        assert_eq!(look.keep(&store, 6).unwrap(), Accepted::Repeated);
        assert_eq!(Look::waiting(&store).unwrap(), []);
    }
}
